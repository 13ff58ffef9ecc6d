"""Generalised Procrustes: orthogonal maps that bring many sets of the same samples together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .samples import UnitSamples

if TYPE_CHECKING:
    import torch

__all__ = ["PictureAgreement", "generalised_procrustes", "held_out_agreement"]

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
                matrices[i] = _polar(moments)
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
            matrices[i] = _polar(moments)
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


def _polar(moments: torch.Tensor) -> torch.Tensor:
    """The matrix with orthonormal rows or columns that is nearest in direction: ``U V^T`` of ``U S V^T``."""
    import torch

    # On the CPU: small decompositions are slow on GPUs, and MPS has none.
    u, _, vt = torch.linalg.svd(moments.cpu(), full_matrices=False)
    nearest: torch.Tensor = (u @ vt).to(moments.device)
    return nearest


class PictureAgreement:
    """How well the aligned features of each slot agree with those of the others, picture by picture.

    The agreement of slot j is the correlation of its aligned rows with the sum of the other slots' aligned rows,
    ``<A_j, G_j> / (|A_j| |G_j|)`` over all rows and channels.

    Parameters
    ----------
    products, own, others
        ``<A_j, G_j>``, ``|A_j|²`` and ``|G_j|²`` of each picture and slot, float64 (pictures, slots).
    """

    def __init__(self, products: NDArray[np.float64], own: NDArray[np.float64], others: NDArray[np.float64]) -> None:
        self._sums = np.stack([products, own, others])

    @staticmethod
    def _correlation(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        product, own, others = sums
        scale = np.sqrt(own * others)
        correlation: NDArray[np.float64] = np.divide(product, scale, out=np.zeros_like(product), where=scale > 0)
        return correlation

    @property
    def slots(self) -> NDArray[np.float64]:
        """Agreement of each slot over all pictures, float64 (slots,)."""
        return self._correlation(self._sums.sum(axis=1))

    @property
    def mean(self) -> float:
        """Mean agreement of the slots."""
        return float(self.slots.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the mean agreement over pictures (jackknife); infinite for one picture."""
        n = self._sums.shape[1]
        if n < 2:
            return float("inf")
        without = self._correlation(self._sums.sum(axis=1, keepdims=True) - self._sums).mean(axis=1)
        return float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))


def held_out_agreement(samples: UnitSamples, matrices: list[torch.Tensor]) -> PictureAgreement:
    """Agreement of the slots on samples that the matrices were not fitted to."""
    import torch

    aligned = [samples.unit(i) @ matrix for i, matrix in enumerate(matrices)]
    total = torch.stack(aligned).sum(0) if len(aligned) < 3 else sum(aligned[1:], start=aligned[0].clone())
    parts = []
    for a in aligned:
        rest = total - a
        rows = torch.stack([(a * rest).sum(1), (a * a).sum(1), (rest * rest).sum(1)], dim=1).double().cpu()
        sums = rows.new_zeros(samples.n_pictures, 3).index_add_(0, samples.picture.cpu(), rows)
        parts.append(sums.numpy())
    products, own, others = np.stack(parts, axis=2).transpose(1, 0, 2)
    return PictureAgreement(products, own, others)
