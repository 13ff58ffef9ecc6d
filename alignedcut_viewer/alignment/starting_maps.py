"""Where the training of the maps begins."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from .. import parameters
from ..errors import FeatureError
from .brain_samples import BrainSamples
from .procrustes import polar
from .readout import Standardisation
from .ridge import dual_ridge

__all__ = ["CONSENSUS_NODES", "GUIDANCE", "node_scales", "starting_maps"]

GUIDANCE = 0.7
"""Share of the brain in :func:`consensus_isometries`; docs/benchmarks.md shows what others give."""
CONSENSUS_NODES = 12_000
_CONSENSUS_ROUNDS = 3
_DUAL_PICTURES = 12_000
"""More pictures than this are thinned out for the closed-form start, whose cost grows with their cube."""
_BLOCK = 2048


def node_scales(samples: BrainSamples) -> torch.Tensor:
    """What the channels of all slots side by side (sum D_i,) are multiplied by, so that nodes have length 1 on average.

    Early layers of some networks are a hundred times stronger than others; without this one learning rate would not fit
    all slots. The factor is folded into the maps afterwards.

    Raises
    ------
    FeatureError
        If nodes are not finite.
    """
    scales = np.empty(sum(samples.widths), dtype=np.float32)
    for slot, part in samples.slices.items():
        n_nodes = samples.nodes[slot].shape[0]
        total = 0.0
        for start in range(0, n_nodes, 4096):
            block = samples.sampled(slot, slice(start, start + 4096))
            if not np.isfinite(block).all():
                raise FeatureError(f"Nodes of slot {slot} hold NaN or infinite values.")
            total += float(np.square(block, dtype=np.float64).sum())
        mean_square = total / n_nodes
        scales[part] = 1.0 / math.sqrt(mean_square) if mean_square > 0 else 1.0
    return torch.from_numpy(scales)


def starting_maps(
    init: str,
    samples: BrainSamples,
    train: NDArray[np.int64],
    held_out: NDArray[np.int64],
    scales: torch.Tensor,
    n_channels: int,
    standardisation: Standardisation,
    seed: int,
    device: torch.device,
    guidance: float = GUIDANCE,
    most_pictures: int = _DUAL_PICTURES,
) -> torch.Tensor:
    """All ``W_i`` on top of one another, float32 (sum D_i, n_channels).

    Parameters
    ----------
    init
        ``"ridge"``: :func:`ridge_maps`; ``"isometry"``: the nearest isometries to those, see :func:`isometries`, which
        also bring corresponding nodes together, where there are such, see :func:`consensus_isometries`;
        ``"identity"``: channel c goes to channel c; ``"random"``: uniform, as in a fresh linear layer of the slot's
        width.
    samples, train, held_out
        Features and responses, rows to fit to and rows to choose a strength by.
    scales
        From :func:`node_scales`.
    n_channels
        Width of the universal space.
    standardisation
        Of the responses.
    seed
        Of random numbers.
    device
        Where the maps go.
    guidance
        See :func:`consensus_isometries`.
    most_pictures
        Most pictures that a closed form looks at.
    """
    if init in ("ridge", "isometry"):
        most = min(most_pictures, _DUAL_PICTURES)
        maps = ridge_maps(samples, train, held_out, scales, n_channels, standardisation, seed, device, most)
        if init == "ridge":
            return maps
        consensus = samples.corresponding and len(samples.slots) > 1
        return consensus_isometries(maps, samples, guidance, seed) if consensus else isometries(maps, samples)
    maps = torch.zeros(sum(samples.widths), n_channels)
    generator = torch.Generator().manual_seed(seed)
    for slot, part in samples.slices.items():
        width = part.stop - part.start
        if init == "identity":
            diagonal = torch.arange(min(width, n_channels))
            maps[part.start + diagonal, diagonal] = 1.0
        else:
            bound = 1.0 / math.sqrt(width)
            maps[samples.slices[slot]] = torch.empty(width, n_channels).uniform_(-bound, bound, generator=generator)
    return maps.to(device)


def ridge_maps(
    samples: BrainSamples,
    train: NDArray[np.int64],
    held_out: NDArray[np.int64],
    scales: torch.Tensor,
    n_channels: int,
    standardisation: Standardisation,
    seed: int,
    device: torch.device,
    most_pictures: int = _DUAL_PICTURES,
) -> torch.Tensor:
    """Closed-form solution of the brain term: ridge regression on the pooled features of all slots side by side.

    Its coefficients would be (sum D_i, n_voxels); the responses are taken to their leading principal directions first,
    as many as there are channels, so that the maps come out as ``X^T (X X^T + s)^-1 T`` without ever forming those.

    Where people saw different pictures, each is regressed on the pictures that the person saw; the coefficients of all
    of them side by side predict everybody's directions for any picture, and the leading principal directions of these
    predictions become the channels.
    """
    parts = [
        _coefficients(own, seen, tested, scales, n_channels, standardisation.take(voxels), seed, device, most_pictures)
        for voxels, own, (seen, tested) in samples.by_subject(train, held_out)
    ]
    maps = parts[0] if len(parts) == 1 else _shared_directions(torch.cat(parts, dim=1), samples, train, scales)
    maps = maps[:, :n_channels]
    maps = torch.nn.functional.pad(maps, (0, n_channels - maps.shape[1]))
    # Nodes of length 1 are to stay about that long: the readout takes up any common factor.
    return maps / maps.square().sum().div(len(samples.slots) * min(n_channels, min(samples.widths))).sqrt()


def _shared_directions(
    maps: torch.Tensor, samples: BrainSamples, rows: NDArray[np.int64], scales: torch.Tensor
) -> torch.Tensor:
    """Coefficients turned to the principal directions of what they predict, the leading ones first."""
    gram = torch.zeros(maps.shape[1], maps.shape[1], dtype=torch.float64, device=maps.device)
    total = torch.zeros(maps.shape[1], dtype=torch.float64, device=maps.device)
    for block in samples.row_blocks(rows):
        inside = ((torch.from_numpy(samples.stacked(block)).to(maps.device) * scales) @ maps).double()
        gram.addmm_(inside.T, inside)
        total += inside.sum(dim=0)
    gram -= torch.outer(total, total) / len(rows)
    directions = torch.linalg.eigh(gram)[1].flip(1)
    turned: torch.Tensor = maps @ directions.to(maps.dtype)
    return turned


def _coefficients(
    samples: BrainSamples,
    train: NDArray[np.int64],
    held_out: NDArray[np.int64],
    scales: torch.Tensor,
    n_channels: int,
    standardisation: Standardisation,
    seed: int,
    device: torch.device,
    most_pictures: int,
) -> torch.Tensor:
    """Ridge coefficients of the responses' leading principal directions, (sum D_i, at most n_channels)."""
    rng = np.random.default_rng([parameters.seed(seed), 2])
    most_held_out = max(2, most_pictures * len(held_out) // (len(train) + len(held_out)))
    if len(train) > most_pictures - most_held_out:
        train = np.sort(rng.choice(train, max(2, most_pictures - most_held_out), replace=False))
        held_out = np.sort(rng.choice(held_out, min(most_held_out, len(held_out)), replace=False))
    rows = np.concatenate([train, held_out])
    stacked = torch.empty(len(rows), sum(samples.widths), device=device, dtype=torch.float16)
    scores = _principal_scores(samples, rows, len(train), n_channels, standardisation, seed, device)
    start = 0
    for block in samples.row_blocks(rows):
        stacked[start : start + len(block)] = torch.from_numpy(samples.stacked(block)).to(device) * scales
        start += len(block)
    mean = torch.cat([part.float().mean(dim=0) for part in torch.split(stacked[: len(train)], _BLOCK, dim=1)])
    gram = _gram(stacked, mean, len(train))
    inner, outer = gram[: len(train)], gram[len(train) :]
    targets = scores[: len(train)]
    targets = targets - targets.mean(dim=0)
    tested = scores[len(train) :] - scores[: len(train)].mean(dim=0)
    top = float(inner.diagonal().mean())
    best_error, dual = math.inf, targets
    for exponent in range(2, -4, -1):
        trial = dual_ridge(inner, targets, top * 10.0**exponent)
        error = float((tested - outer @ trial).square().sum())
        if error < best_error:
            best_error, dual = error, trial
    maps = torch.empty(stacked.shape[1], targets.shape[1], device=device)
    for part in range(0, stacked.shape[1], _BLOCK):
        columns = slice(part, part + _BLOCK)
        maps[columns] = (stacked[: len(train), columns].float() - mean[columns]).T @ dual
    return maps


def _gram(stacked: torch.Tensor, mean: torch.Tensor, n_train: int) -> torch.Tensor:
    """Products of all centred rows with the first `n_train`, (rows, n_train) float32; half of it by symmetry."""
    gram = torch.zeros(len(stacked), n_train, device=stacked.device)
    for part in range(0, stacked.shape[1], _BLOCK):
        columns = slice(part, part + _BLOCK)
        centred = stacked[:, columns].float() - mean[columns]
        for start in range(0, n_train, _BLOCK):
            stop = min(start + _BLOCK, n_train)
            gram[start:, start:stop].addmm_(centred[start:], centred[start:stop].T)
    for start in range(0, n_train, _BLOCK):
        stop = min(start + _BLOCK, n_train)
        gram[start:stop, stop:] = gram[stop:n_train, start:stop].T
    return gram


def isometries(maps: torch.Tensor, samples: BrainSamples) -> torch.Tensor:
    """Nearest isometry to each slot's map, times the strength of that map.

    An isometry leaves the cosine of any two nodes of a slot as it is, so the eigen-constraint is zero; the polar factor
    of the ridge map is the one that turns the slot's channels closest to what predicts the brain (orthogonal
    Procrustes), and the factor lets slots count as much as the regression made them.

    Parameters
    ----------
    maps
        From :func:`ridge_maps`, (sum D_i, D').
    samples
        Tells where the slots lie.

    Returns
    -------
    torch.Tensor
        (sum D_i, D'). Slots that are wider than the universal space are projected to it.
    """
    turned = torch.cat([polar(maps[part].double()).to(maps.dtype) for part in samples.slices.values()])
    return _with_strengths(turned, maps, samples)


def consensus_isometries(
    maps: torch.Tensor, samples: BrainSamples, guidance: float = GUIDANCE, seed: int = 0
) -> torch.Tensor:
    """Isometries that predict the brain *and* take the same place of a picture to the same place of the common space.

    Responses to some hundred pictures fix only as many directions of a slot; which channel the others go to is open,
    and :func:`isometries` leaves it to chance. Here the slots themselves decide, by generalised Procrustes: one slot at
    a time, ``W_i`` becomes the polar factor of ``(1 - g) Z_i^T sum_{j != i} Z_j W_j + g R_i``, with ``Z`` the nodes at
    unit length, ``R_i`` the ridge map and g the guidance, both summands at nuclear norm 1. It begins at
    :func:`isometries`.

    Parameters
    ----------
    maps
        ``R_i``, from :func:`ridge_maps`, (sum D_i, D').
    samples
        With corresponding nodes.
    guidance
        Share of the brain, 0 to 1.
    seed
        Of the choice of nodes, where there are more than are needed.

    Returns
    -------
    torch.Tensor
        (sum D_i, D').
    """
    total_nodes = next(iter(samples.nodes.values())).shape[0]
    rows = np.arange(total_nodes)
    if total_nodes > CONSENSUS_NODES:
        rows = np.sort(
            np.random.default_rng([parameters.seed(seed), 4]).choice(total_nodes, CONSENSUS_NODES, replace=False)
        )
    units = []
    for slot in samples.slots:
        nodes = torch.from_numpy(samples.sampled(slot, rows)).to(maps.device)
        nodes /= torch.linalg.vector_norm(nodes, dim=1, keepdim=True).clamp_min(1e-30)
        units.append(nodes.half())
    parts = list(samples.slices.values())
    ridge = [maps[part] / torch.linalg.matrix_norm(maps[part], "nuc").clamp_min(1e-30) for part in parts]
    turned = [polar(part) for part in ridge]
    total = torch.zeros(len(rows), maps.shape[1], device=maps.device)
    for unit, matrix in zip(units, turned, strict=True):
        total += unit.float() @ matrix
    for _ in range(_CONSENSUS_ROUNDS):
        for i, half in enumerate(units):
            unit = half.float()
            total -= unit @ turned[i]
            moments = unit.T @ total
            # The nuclear norm is what the polar factor makes of it: <moments, polar factor>.
            size = float((moments * polar(moments)).sum()) if guidance > 0 else 1.0
            turned[i] = polar((1.0 - guidance) / max(size, 1e-30) * moments + guidance * ridge[i])
            total += unit @ turned[i]
    return _with_strengths(torch.cat(turned), maps, samples)


def _with_strengths(turned: torch.Tensor, maps: torch.Tensor, samples: BrainSamples) -> torch.Tensor:
    """Isometries times the relative strength of the ridge map of each slot."""
    strengths = torch.stack([maps[part].norm() for part in samples.slices.values()])
    mean_square = strengths.square().mean().sqrt()
    if mean_square > 0:
        for part, strength in zip(samples.slices.values(), strengths / mean_square, strict=True):
            turned[part] *= strength
    return turned


def _principal_scores(
    samples: BrainSamples,
    rows: NDArray[np.int64],
    n_train: int,
    count: int,
    standardisation: Standardisation,
    seed: int,
    device: torch.device,
) -> torch.Tensor:
    """Standardised responses in their leading principal directions, (rows, at most `count`), by randomised SVD."""
    count = min(count, n_train - 1, samples.n_voxels)
    generator = torch.Generator().manual_seed(seed)
    probe = torch.randn(samples.n_voxels, min(count + 16, samples.n_voxels), generator=generator).to(device)

    def times(right: torch.Tensor) -> torch.Tensor:
        parts = []
        for block in samples.row_blocks(rows):
            measured = torch.from_numpy(samples.measured(block)).to(device)
            parts.append(((measured - standardisation.mean) / standardisation.scale) @ right)
        return torch.cat(parts)

    def transposed_times(left: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(samples.n_voxels, left.shape[1], device=device)
        start = 0
        for block in samples.row_blocks(rows[:n_train]):
            measured = torch.from_numpy(samples.measured(block)).to(device)
            measured = (measured - standardisation.mean) / standardisation.scale
            total.addmm_(measured.T, left[start : start + len(block)])
            start += len(block)
        return total

    left = torch.linalg.qr(times(probe)[:n_train])[0]
    right = torch.linalg.qr(transposed_times(left))[0]
    inside = times(right)
    _, _, directions = torch.linalg.svd(inside[:n_train] - inside[:n_train].mean(dim=0), full_matrices=False)
    scores: torch.Tensor = inside @ directions[:count].T
    return scores
