"""Where the training of the maps begins."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import FeatureError
from .brain_samples import BrainSamples
from .readout import Standardisation
from .ridge import dual_ridge

__all__ = ["INITS", "node_scales", "starting_maps"]

INITS = ("isometry", "ridge", "identity", "random")
_DUAL_PICTURES = 12_000
"""More pictures than this are thinned out for the closed-form start, whose cost grows with their cube."""


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
        nodes = samples.nodes[slot]
        total = 0.0
        for start in range(0, nodes.shape[0], 4096):
            block = np.asarray(nodes[start : start + 4096], dtype=np.float32)
            if not np.isfinite(block).all():
                raise FeatureError(f"Nodes of slot {slot} hold NaN or infinite values.")
            total += float(np.square(block, dtype=np.float64).sum())
        mean_square = total / nodes.shape[0]
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
) -> torch.Tensor:
    """All ``W_i`` on top of one another, float32 (sum D_i, n_channels).

    Parameters
    ----------
    init
        ``"ridge"``: :func:`ridge_maps`; ``"isometry"``: the nearest isometries to those, see :func:`isometries`;
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
    """
    if init in ("ridge", "isometry"):
        maps = ridge_maps(samples, train, held_out, scales, n_channels, standardisation, seed, device)
        return isometries(maps, samples) if init == "isometry" else maps
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
) -> torch.Tensor:
    """Closed-form solution of the brain term: ridge regression on the pooled features of all slots side by side.

    Its coefficients would be (sum D_i, n_voxels); the responses are taken to their leading principal directions first,
    as many as there are channels, so that the maps come out as ``X^T (X X^T + s)^-1 T`` without ever forming those.
    """
    if len(train) > _DUAL_PICTURES:
        train = np.sort(np.random.default_rng([seed, 2]).choice(train, _DUAL_PICTURES, replace=False))
    rows = np.concatenate([train, held_out])
    stacked = torch.empty(len(rows), sum(samples.widths), device=device, dtype=torch.float16)
    scores = _principal_scores(samples, rows, len(train), n_channels, standardisation, seed, device)
    start = 0
    for block in samples.row_blocks(rows):
        stacked[start : start + len(block)] = torch.from_numpy(samples.stacked(block)).to(device) * scales
        start += len(block)
    mean = stacked[: len(train)].float().mean(dim=0)
    gram = torch.zeros(len(rows), len(train), device=device)
    for part in range(0, stacked.shape[1], 2048):
        columns = slice(part, part + 2048)
        centred = stacked[:, columns].float() - mean[columns]
        gram.addmm_(centred, centred[: len(train)].T)
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
    for part in range(0, stacked.shape[1], 2048):
        columns = slice(part, part + 2048)
        maps[columns] = (stacked[: len(train), columns].float() - mean[columns]).T @ dual
    maps = torch.nn.functional.pad(maps, (0, n_channels - maps.shape[1]))
    # Nodes of length 1 are to stay about that long: the readout takes up any common factor.
    return maps / maps.square().sum().div(len(samples.slots) * min(n_channels, min(samples.widths))).sqrt()


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
    turned = torch.empty_like(maps)
    strengths = []
    for part in samples.slices.values():
        left, _, right = torch.linalg.svd(maps[part].double(), full_matrices=False)
        turned[part] = (left @ right).to(maps.dtype)
        strengths.append(maps[part].norm())
    mean_square = torch.stack(strengths).square().mean().sqrt()
    for part, strength in zip(samples.slices.values(), strengths, strict=True):
        turned[part] *= strength / mean_square if mean_square > 0 else 1.0
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
