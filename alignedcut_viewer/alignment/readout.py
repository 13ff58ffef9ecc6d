"""The readout from the universal channel space to voxels: standardisation, closed-form fit, held-out score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from .brain_samples import BrainSamples
from .ridge import Moments, RidgeSolver

__all__ = ["Readout", "Standardisation", "fit_readout", "held_out_r2"]

_VOXELS_FOR_STRENGTH = 2048


class _Standardised(Protocol):
    response_mean: torch.Tensor
    response_scale: torch.Tensor


@dataclass(frozen=True)
class Standardisation:
    """Mean and standard deviation of each voxel over the training pictures.

    Voxels whose units differ then weigh alike in the loss. A constant voxel has scale 1.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    @classmethod
    def of(cls, samples: BrainSamples, rows: NDArray[np.int64], device: torch.device) -> Standardisation:
        """From the responses to some pictures, in one pass; of each person from those that the person saw."""
        if samples.subjects:
            means, scales = torch.empty(samples.n_voxels), torch.empty(samples.n_voxels)
            for voxels, part, (own,) in samples.by_subject(rows):
                found = cls.of(part, own, torch.device("cpu"))
                means[voxels], scales[voxels] = found.mean, found.scale
            return cls(means.to(device), scales.to(device))
        total = np.zeros(samples.n_voxels)
        squares = np.zeros(samples.n_voxels)
        for block in samples.row_blocks(rows):
            measured = samples.measured(block)
            total += measured.sum(axis=0, dtype=np.float64)
            squares += np.square(measured, dtype=np.float64).sum(axis=0)
        mean = total / len(rows)
        scale = np.sqrt(np.maximum(squares / len(rows) - mean**2, 0.0))
        scale[scale <= 1e-6 * np.abs(mean)] = 1.0
        scale[scale == 0] = 1.0
        return cls(torch.from_numpy(mean).float().to(device), torch.from_numpy(scale).float().to(device))

    def take(self, voxels: slice | NDArray[np.int64]) -> Standardisation:
        """That of some voxels."""
        return Standardisation(self.mean[voxels], self.scale[voxels])


@dataclass(frozen=True)
class Readout:
    """A readout in standardised units.

    Attributes
    ----------
    beta
        (D', n_voxels).
    intercept
        (n_voxels,).
    strengths
        Ridge strengths that held-out pictures chose, one a person where people saw different pictures.
    """

    beta: torch.Tensor
    intercept: torch.Tensor
    strengths: tuple[float, ...]


def summed_features(
    samples: BrainSamples, rows: NDArray[np.int64], maps: torch.Tensor, scales: torch.Tensor
) -> torch.Tensor:
    """Sum over slots of pooled aligned features (rows, D')."""
    parts = [
        (torch.from_numpy(samples.stacked(block)).to(maps.device) * scales) @ maps for block in samples.row_blocks(rows)
    ]
    return torch.cat(parts)


def fit_readout(
    samples: BrainSamples,
    train: NDArray[np.int64],
    held_out: NDArray[np.int64],
    maps: torch.Tensor,
    scales: torch.Tensor,
    standardisation: Standardisation,
) -> Readout:
    """Ridge regression of the standardised responses on the summed features; strength chosen on held-out pictures.

    Parameters
    ----------
    samples
        Features and responses.
    train, held_out
        Rows to fit to, and to choose the strength by.
    maps
        All ``W_i`` on top of one another (sum D_i, D').
    scales
        (sum D_i,), what features are multiplied by first.
    standardisation
        Of the responses.
    """
    device = maps.device
    if samples.subjects:
        beta = torch.empty(maps.shape[1], samples.n_voxels, device=device)
        intercept = torch.empty(samples.n_voxels, device=device)
        strengths: tuple[float, ...] = ()
        for chosen, part, (own, others) in samples.by_subject(train, held_out):
            found = fit_readout(part, own, others, maps, scales, standardisation.take(chosen))
            beta[:, chosen], intercept[chosen] = found.beta, found.intercept
            strengths += found.strengths
        return Readout(beta, intercept, strengths)
    inside = summed_features(samples, train, maps.detach(), scales)
    mean = inside.mean(dim=0)
    gram = (inside - mean).double().T @ (inside - mean).double()
    cross = torch.zeros(inside.shape[1], samples.n_voxels, device=device)
    start = 0
    for block in samples.row_blocks(train):
        measured = torch.from_numpy(samples.measured(block)).to(device)
        measured = (measured - standardisation.mean) / standardisation.scale
        cross.addmm_((inside[start : start + len(block)] - mean).T, measured)
        start += len(block)
    moments = Moments(gram, cross, mean, torch.zeros(samples.n_voxels, device=device))
    solver = RidgeSolver(moments)
    voxels = torch.arange(0, samples.n_voxels, max(1, samples.n_voxels // _VOXELS_FOR_STRENGTH), device=device)
    few = RidgeSolver(Moments(gram, cross[:, voxels], mean, moments.response_mean[voxels]))
    tested = torch.from_numpy(samples.measured(held_out)[:, voxels.cpu().numpy()]).to(device)
    tested = (tested - standardisation.mean[voxels]) / standardisation.scale[voxels]
    strength = few.best_strength(summed_features(samples, held_out, maps.detach(), scales), tested)
    beta = solver.coefficients(strength)
    return Readout(beta, -(mean @ beta), (strength,))


def held_out_r2(
    samples: BrainSamples,
    rows: NDArray[np.int64],
    maps: torch.Tensor,
    scales: torch.Tensor,
    beta: torch.Tensor,
    intercept: torch.Tensor,
    standardised: _Standardised,
) -> float:
    """Mean R² over the voxels that vary, each at least -1 so that a few bad ones do not decide."""
    found = []
    for voxels, part, (own,) in samples.by_subject(rows):
        own_mean, own_scale = standardised.response_mean[voxels], standardised.response_scale[voxels]
        found.append(
            _voxel_r2(part, own, maps, scales, beta[:, voxels], intercept[voxels], Standardisation(own_mean, own_scale))
        )
    scores = torch.cat(found)
    return float(scores.mean()) if len(scores) else 0.0


def _voxel_r2(
    samples: BrainSamples,
    rows: NDArray[np.int64],
    maps: torch.Tensor,
    scales: torch.Tensor,
    beta: torch.Tensor,
    intercept: torch.Tensor,
    standardisation: Standardisation,
) -> torch.Tensor:
    """R² of the voxels that vary, each at least -1."""
    inside = summed_features(samples, rows, maps, scales)
    residual = torch.zeros(samples.n_voxels, device=maps.device, dtype=torch.float64)
    total = torch.zeros_like(residual)
    first = torch.zeros_like(residual)
    start = 0
    for block in samples.row_blocks(rows):
        measured = torch.from_numpy(samples.measured(block)).to(maps.device)
        measured = (measured - standardisation.mean) / standardisation.scale
        prediction = torch.addmm(intercept, inside[start : start + len(block)], beta)
        residual += (measured - prediction).double().square().sum(dim=0)
        total += measured.double().square().sum(dim=0)
        first += measured.double().sum(dim=0)
        start += len(block)
    total -= first.square() / len(rows)
    varies = total > 1e-9
    return (1.0 - residual[varies] / total[varies]).clamp(min=-1.0)
