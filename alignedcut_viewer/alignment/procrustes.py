"""Generalised Procrustes on second moments: only channels × channels matrices, whatever the number of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .moments import Moments

if TYPE_CHECKING:
    import torch

__all__ = ["PolarMap", "agreement", "generalised_procrustes", "shrink"]


@dataclass(frozen=True)
class PolarMap:
    """Singular value decomposition ``U S V^T`` of one slot's moments with the consensus of the others.

    Attributes
    ----------
    left, values, right
        ``U`` (D_i, r), ``S`` (r,) descending, ``V^T`` (r, n_channels), with r = min(D_i, n_channels).
    """

    left: torch.Tensor
    values: torch.Tensor
    right: torch.Tensor

    @property
    def orthogonal(self) -> torch.Tensor:
        """``U V^T``, the nearest map with orthonormal rows or columns."""
        return self.left @ self.right


def generalised_procrustes(moments: Moments, n_channels: int, n_iterations: int) -> list[PolarMap]:
    """Orthogonal maps that bring all slots together.

    Parameters
    ----------
    moments
        Moments between all slots.
    n_channels
        Width of the common space.
    n_iterations
        Rounds over all slots.

    Returns
    -------
    list of PolarMap
        One a slot; the axes of the common space are the principal axes of the consensus, strongest first.
    """
    import torch

    C, slices = moments.matrix, moments.slices
    n_slots = len(slices)
    start = _reference(moments)
    # A first common space: that of the slot which the others resemble most.
    basis = torch.linalg.eigh(C[slices[start], slices[start]].double())[1].flip(1)[:, :n_channels].to(C.dtype)
    W = torch.zeros(C.shape[0], n_channels, device=C.device, dtype=C.dtype)
    for i, part in enumerate(slices):
        if i == start:
            W[part, : basis.shape[1]] = basis
        else:
            target = torch.zeros(part.stop - part.start, n_channels, device=C.device, dtype=C.dtype)
            target[:, : basis.shape[1]] = C[part, slices[start]] @ basis
            W[part] = _polar(target).orthogonal
    for _ in range(n_iterations):
        for part in slices:
            W[part] = _polar(C[part] @ W - C[part, part] @ W[part]).orthogonal
    consensus = (W.T @ C @ W).double()
    axes = torch.linalg.eigh(consensus)[1].flip(1).to(C.dtype)
    W = W @ axes
    return [_polar((C[part] @ W - C[part, part] @ W[part]) / max(n_slots - 1, 1)) for part in slices]


def _reference(moments: Moments) -> int:
    """The slot, among the widest, whose moments with the others are largest."""
    widest = max(moments.widths)
    strengths = [
        float((moments.matrix[part] ** 2).sum() - (moments.matrix[part, part] ** 2).sum()) if width == widest else -1.0
        for part, width in zip(moments.slices, moments.widths, strict=True)
    ]
    return int(np.argmax(strengths))


def _polar(matrix: torch.Tensor) -> PolarMap:
    import torch

    u, s, vt = torch.linalg.svd(matrix.double(), full_matrices=False)
    return PolarMap(u.to(matrix.dtype), s.to(matrix.dtype), vt.to(matrix.dtype))


def shrink(maps: list[PolarMap], strength: float) -> list[torch.Tensor]:
    """Maps with directions of little agreement turned down: ``U f(S) V^T``, ``f(s) = s / (s + strength · mean(S))``."""
    shrunk = []
    for one in maps:
        if strength == 0:
            shrunk.append(one.orthogonal)
            continue
        threshold = strength * float(one.values.mean())
        factor = one.values / (one.values + threshold) if threshold > 0 else one.values * 0
        shrunk.append((one.left * factor) @ one.right)
    return shrunk


def agreement(moments: Moments, maps: list[torch.Tensor]) -> NDArray[np.float64]:
    """How well the other slots predict each slot through the common space.

    ``R²_j = 1 - ||Z_j - G_j W_j^T||² / ||Z_j||²`` with ``G_j`` the mean of the other slots' aligned features.

    Parameters
    ----------
    moments
        Moments of samples that the maps were not fitted to.
    maps
        One (D_i, n_channels) a slot.

    Returns
    -------
    array
        R² of each slot, float64 (slots,).
    """
    import torch

    C, slices = moments.matrix, moments.slices
    n_slots = len(slices)
    W = torch.cat(maps)
    CW = C @ W
    # Moments of the aligned features between slots, summed and of each slot with itself and with all.
    total = W.T @ CW
    scores = []
    for part, w in zip(slices, maps, strict=True):
        own = w.T @ C[part, part] @ w
        with_all = w.T @ CW[part]
        others = (total - with_all - with_all.T + own) / (n_slots - 1) ** 2
        cross = (CW[part] - C[part, part] @ w) / (n_slots - 1)
        variance = float(torch.trace(C[part, part]))
        error = variance - 2 * float((cross * w).sum()) + float(torch.trace(w @ others @ w.T))
        scores.append(1 - error / variance if variance > 0 else float("nan"))
    return np.asarray(scores)
