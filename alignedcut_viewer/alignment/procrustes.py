"""Generalised Procrustes: orthogonal maps that bring many sets of the same samples together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .samples import UnitSamples

if TYPE_CHECKING:
    import torch

__all__ = ["agreement", "generalised_procrustes", "polar"]

# Rows that are enough to see which slot resembles the others most.
_ROWS_TO_COMPARE = 500


def generalised_procrustes(
    samples: UnitSamples,
    n_channels: int,
    *,
    strength: float,
    n_iterations: int,
    tolerance: float = 5e-3,
    start: list[torch.Tensor] | None = None,
    step: Callable[[], None] | None = None,
) -> list[torch.Tensor]:
    """Matrices with orthonormal rows or columns that maximise the agreement of all pairs of slots.

    ``sum_{i != j} tr(W_i^T Z_i^T Z_j W_j)`` is raised by one slot at a time: with ``M_i = Z_i^T sum_{j != i} Z_j W_j =
    U S V^T`` the best ``W_i`` is ``U V^T``. The first round takes the slots in the order of their resemblance to a
    reference, each aligned with those before it.

    Parameters
    ----------
    samples
        ``Z_i`` of all slots.
    n_channels
        Width of the common space.
    strength
        Share of its picture's mean that is taken from every row first, 0 to 1.
    n_iterations
        Rounds after the first, at most; they change little.
    tolerance
        A round that raises the sum by less than this share is the last.
    start
        Matrices to go on from, instead of the first round.
    step
        Called after each slot of each round; may raise to cancel.

    Returns
    -------
    list of tensor
        ``W_i``, float32 (D_i, n_channels) on the device of the samples. The axes of the common space are the principal
        axes of the sum of all slots, strongest first.
    """
    import torch

    def unit(i: int) -> torch.Tensor:
        return samples.unit(i, without_picture_mean=strength)

    total = torch.zeros(len(samples), n_channels, device=samples.device)
    matrices: list[torch.Tensor]
    reached = 0.0  # the sum over pairs, each pair once
    if start is None:
        order = _by_resemblance(samples, strength)
        matrices = [torch.empty(0)] * samples.n_slots
        for place, i in enumerate(order):
            z = unit(i)
            if place == 0:
                matrices[i] = _principal_axes(z, n_channels)
            else:
                moments = z.T @ total
                matrices[i] = polar(moments)
                reached += float((moments * matrices[i]).sum())
            total += z @ matrices[i]
            if step is not None:
                step()
    else:
        order = list(range(samples.n_slots))
        matrices = list(start)
        for i in order:
            total += unit(i) @ matrices[i]
    for _ in range(n_iterations):
        now = 0.0
        for i in order:
            z = unit(i)
            total -= z @ matrices[i]
            moments = z.T @ total
            matrices[i] = polar(moments)
            now += float((moments * matrices[i]).sum())
            total += z @ matrices[i]
            if step is not None:
                step()
        if now / 2 - reached <= tolerance * now / 2:
            break
        reached = now / 2
    axes = torch.linalg.eigh((total.T @ total).double().cpu())[1].flip(1)
    matrices = [matrix @ axes.to(matrix) for matrix in matrices]
    # A sign for every axis, so that the result does not hang on the solver's choice.
    signs = torch.sign(torch.gather(matrices[0], 0, matrices[0].abs().argmax(0, keepdim=True)))
    signs[signs == 0] = 1
    return [matrix * signs for matrix in matrices]


def _by_resemblance(samples: UnitSamples, strength: float) -> list[int]:
    """Slots by falling resemblance to the one, among the widest, that resembles all others most.

    Resemblance is the cosine between the Gram matrices of the rows, which no rotation changes.
    """
    import torch

    stride = max(len(samples) // _ROWS_TO_COMPARE, 1)
    grams = []
    for i in range(samples.n_slots):
        z = samples.unit(i, without_picture_mean=strength)[::stride]
        gram = (z @ z.T).flatten()
        grams.append(gram / gram.norm().clamp_min(torch.finfo(torch.float32).tiny))
    alike = (torch.stack(grams) @ torch.stack(grams).T).cpu().numpy()
    widest = np.asarray(samples.widths) == max(samples.widths)
    reference = int(np.argmax(np.where(widest, alike.sum(axis=1), -np.inf)))
    others = [i for i in np.argsort(-alike[reference], kind="stable") if i != reference]
    return [reference, *map(int, others)]


def _principal_axes(z: torch.Tensor, n_channels: int) -> torch.Tensor:
    """Principal axes of the rows as columns, (D, n_channels), padded with zeros where D is smaller."""
    import torch

    axes = torch.linalg.eigh((z.T @ z).double().cpu())[1].flip(1)[:, :n_channels]
    return torch.nn.functional.pad(axes, (0, n_channels - axes.shape[1])).to(z)


def polar(moments: torch.Tensor) -> torch.Tensor:
    """The matrix with orthonormal rows or columns that is nearest in direction: ``U V^T`` of ``U S V^T``."""
    import torch

    # On the CPU: small decompositions are slow on GPUs, and MPS has none.
    u, _, vt = torch.linalg.svd(moments.cpu(), full_matrices=False)
    nearest: torch.Tensor = (u @ vt).to(moments.device)
    return nearest


def agreement(
    samples: UnitSamples, matrices: list[torch.Tensor], *, of_picture_means: bool = False
) -> NDArray[np.float64]:
    """How well the aligned features of each slot agree with those of the others.

    The agreement of slot j is the correlation of its aligned rows with the sum of the other slots' aligned rows,
    ``<A_j, G_j> / (|A_j| |G_j|)`` over all rows and channels. No orthogonal matrices can feign it: 0 is chance.

    Parameters
    ----------
    samples
        ``Z_i`` of all slots.
    matrices
        One (D_i, n_channels) a slot.
    of_picture_means
        Take the mean row of every picture instead of the rows.

    Returns
    -------
    array
        float64 (slots,); 0 for a slot without variance.
    """
    import torch

    aligned = [samples.unit(i) @ matrix for i, matrix in enumerate(matrices)]
    if of_picture_means:
        aligned = [samples.picture_means(a) for a in aligned]
    total = torch.zeros_like(aligned[0])
    for a in aligned:
        total += a
    found = []
    for a in aligned:
        rest = total - a
        scale = float(a.norm() * rest.norm())
        found.append(float((a * rest).sum()) / scale if scale > 0 else 0.0)
    return np.asarray(found)
