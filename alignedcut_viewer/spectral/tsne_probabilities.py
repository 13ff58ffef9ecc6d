"""Neighbour probabilities of t-SNE, and the divergence that t-SNE minimises.

Symmetric stochastic neighbour embedding (van der Maaten & Hinton 2008): the conditional probability
``p(j|i) = exp(-beta_i d_ij²) / sum_k exp(-beta_i d_ik²)`` has the given perplexity for every `i`, and
``P_ij = (p(j|i) + p(i|j)) / 2n`` sums to one over all ordered pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .threads import for_row_blocks

if TYPE_CHECKING:
    import torch

__all__ = ["SparseProbabilities", "conditional_probabilities", "dense_probabilities", "sparse_probabilities"]

_BOUND = 40.0  # of log beta, where distances are measured in their row's mean
_TOLERANCE = 1e-5  # of the entropy, in nats


@dataclass(frozen=True)
class SparseProbabilities:
    """Joint probabilities in compressed sparse rows, symmetric, without a diagonal.

    Attributes
    ----------
    starts
        int64 (n + 1,); the entries of row i are ``starts[i]:starts[i + 1]``.
    columns
        int32 (nnz,).
    values
        float32 (nnz,), summing to one.
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: NDArray[np.float32]


def conditional_probabilities(squared_distances: torch.Tensor, perplexity: float) -> torch.Tensor:
    """Row-wise Gaussian neighbour probabilities of a given perplexity.

    Every row's precision is found by Newton's method on its logarithm, guarded by bisection.

    Parameters
    ----------
    squared_distances
        (n, k) float32; entry (i, j) is the squared distance from point i to its j-th candidate. Infinite entries have
        probability zero, which is how a point is kept from being its own neighbour.
    perplexity
        Effective number of neighbours, ``exp`` of the entropy. Rows where that cannot be reached, for instance for
        want of candidates or because more of them coincide, come as near as they can.

    Returns
    -------
    torch.Tensor
        (n, k) float32; rows sum to one.
    """
    import torch

    if squared_distances.device.type == "cpu":
        from .tsne_kernels import conditional_rows

        rows = squared_distances.clone(memory_format=torch.contiguous_format)
        array = rows.numpy()
        for_row_blocks(lambda start, stop: conditional_rows(array, np.log(perplexity), start, stop), len(rows), 256)
        return rows
    return conditional_on_device(squared_distances, perplexity)


def conditional_on_device(squared_distances: torch.Tensor, perplexity: float) -> torch.Tensor:
    """What :func:`conditional_probabilities` gives, all rows at once, on any torch device."""
    import torch

    absent = torch.isinf(squared_distances)
    distances = squared_distances.masked_fill(absent, 0.0)
    nearest = squared_distances.amin(dim=1, keepdim=True).nan_to_num(posinf=0.0)
    distances = (distances - nearest).masked_fill(absent, 0.0)
    count = (~absent).sum(dim=1, keepdim=True).clamp(min=1)
    scale = distances.sum(dim=1, keepdim=True) / count
    distances /= torch.where(scale > 0, scale, torch.ones_like(scale))

    target = float(np.log(perplexity))
    log_beta = torch.zeros_like(scale)
    low = torch.full_like(scale, -_BOUND)
    high = torch.full_like(scale, _BOUND)
    weights = torch.empty_like(distances)
    total = torch.ones_like(scale)
    for _ in range(80):
        beta = log_beta.exp()
        torch.mul(distances, -beta, out=weights)
        weights.exp_()
        weights.masked_fill_(absent, 0.0)
        total = weights.sum(dim=1, keepdim=True).clamp_(min=1e-30)
        moment = weights * distances
        first = moment.sum(dim=1, keepdim=True) / total
        second = moment.mul_(distances).sum(dim=1, keepdim=True) / total
        excess = total.log() + beta * first - target
        settled = (excess.abs() < _TOLERANCE) | (high - low < 1e-6)
        if bool(settled.all()):
            break
        low = torch.where(excess > 0, log_beta, low)
        high = torch.where(excess > 0, high, log_beta)
        step = (excess / (beta.square() * (second - first.square()))).clamp(-1.5, 1.5)
        newton = log_beta + step
        safe = (newton > low) & (newton < high)
        moved = torch.where(safe, newton, (low + high) / 2)
        log_beta = torch.where(settled, log_beta, moved)
    return weights / total


def dense_probabilities(squared_distances: torch.Tensor, perplexity: float) -> torch.Tensor:
    """Joint probabilities of all pairs.

    Parameters
    ----------
    squared_distances
        (n, n) float32, symmetric; the diagonal is ignored.
    perplexity
        Effective number of neighbours.

    Returns
    -------
    torch.Tensor
        (n, n) float32, symmetric, zero on the diagonal, summing to one.
    """
    distances = squared_distances.clone()
    distances.fill_diagonal_(float("inf"))
    conditional = conditional_probabilities(distances, perplexity)
    return (conditional + conditional.T) / (2 * conditional.shape[0])


def sparse_probabilities(
    neighbours: NDArray[np.int64], squared_distances: torch.Tensor, perplexity: float
) -> SparseProbabilities:
    """Joint probabilities from each point's nearest neighbours; other pairs count as zero.

    Parameters
    ----------
    neighbours
        (n, k) numbers of the nearest neighbours of each point, itself left out.
    squared_distances
        (n, k) float32, to those neighbours.
    perplexity
        Effective number of neighbours; k should be at least three times as large.
    """
    from scipy.sparse import csr_array

    n, k = neighbours.shape
    conditional = conditional_probabilities(squared_distances, perplexity).cpu().numpy()
    starts = np.arange(0, n * k + 1, k, dtype=np.int64)
    one_sided = csr_array((conditional.ravel(), neighbours.ravel(), starts), shape=(n, n))
    joint = (one_sided + one_sided.T).tocsr()
    joint.sort_indices()
    return SparseProbabilities(
        starts=joint.indptr.astype(np.int64),
        columns=joint.indices.astype(np.int32),
        values=(joint.data / (2 * n)).astype(np.float32),
    )
