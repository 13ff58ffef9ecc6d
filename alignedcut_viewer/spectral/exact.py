r"""The exact cut: top eigenvectors of ``D^-1/2 A D^-1/2`` of a whole graph (AlignedCut, equation 3).

With ``d = A 1`` and ``S = D^-1/2 A D^-1/2 = U diag(lambda) U^T``, the columns of ``U`` are orthonormal, ``lambda_1 = 1``
and ``u_1`` is proportional to ``d^1/2``. ``D^-1/2 U`` are the eigenvectors of the random walk ``D^-1 A`` with the same
eigenvalues, and the generalised eigenvectors of Shi and Malik's ``(D - A) y = (1 - lambda) D y``.
"""

from __future__ import annotations

import warnings
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from .affinity import Kernel

__all__ = ["graph_eigenvectors", "stored_affinity_bytes"]

_DENSE_SHARE = 5
"""A dense solver is used when more than one in this many eigenvectors is asked for…"""
_DENSE_UP_TO = 600
"""…or the graph is not larger than this."""
_BLOCK_ROWS = 1024


def stored_affinity_bytes(n_nodes: int, itemsize: int) -> int:
    """Memory of an affinity matrix while it is made and solved."""
    return 2 * n_nodes * n_nodes * itemsize


def graph_eigenvectors(
    points: torch.Tensor, kernel: Kernel, n_components: int, *, memory: int, weights: torch.Tensor | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], torch.Tensor]:
    """Top eigenvectors of the normalised affinity matrix of all points.

    The matrix is held where it fits into `memory`; else each product with it is computed block by block from the points.

    Parameters
    ----------
    points
        Points (n, D) as :meth:`Kernel.points` makes them, float32 or float64.
    kernel
        The affinity.
    n_components
        How many eigenvectors; n where that is less.
    memory
        Bytes to stay within.
    weights
        Weight w of every node (n,): the affinity becomes ``w_i A_ij w_j``. None weighs all alike.

    Returns
    -------
    eigenvalues : numpy.ndarray
        (min(n_components, n),) float64, descending.
    eigenvectors : numpy.ndarray
        (n, min(n_components, n)) float64, orthonormal columns.
    degrees : torch.Tensor
        Row sums (n,) of the weighted affinity.
    """
    n = points.shape[0]
    itemsize = points.element_size()
    count = min(n_components, n)
    scale = torch.ones(n, dtype=points.dtype, device=points.device) if weights is None else weights.to(points.dtype)
    if stored_affinity_bytes(n, itemsize) <= memory:
        affinity = torch.empty((n, n), dtype=points.dtype, device=points.device)
        for start in range(0, n, _BLOCK_ROWS):
            stop = min(n, start + _BLOCK_ROWS)
            affinity[start:stop] = kernel.between(points[start:stop], points)
        affinity *= scale[:, None]
        affinity *= scale[None, :]
        degrees = affinity.sum(dim=1, dtype=torch.float64).to(points.dtype)
        inverse_root = degrees.rsqrt()
        affinity *= inverse_root[:, None]
        affinity *= inverse_root[None, :]
        values, vectors = _solve_dense(affinity, count)
        return values, vectors, degrees

    rows = max(1, min(_BLOCK_ROWS, memory // (4 * n * itemsize)))

    def product(x: torch.Tensor) -> torch.Tensor:
        out = torch.empty_like(x)
        for start in range(0, n, rows):
            out[start : start + rows] = kernel.between(points[start : start + rows], points) @ x
        return out

    degrees = scale * product(scale[:, None])[:, 0]
    both = scale * degrees.rsqrt()

    def apply(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        x = torch.from_numpy(np.ascontiguousarray(vector.reshape(n, -1))).to(points.device, points.dtype)
        result = product(x * both[:, None]) * both[:, None]
        return cast("NDArray[np.float64]", result.cpu().numpy().astype(np.float64).reshape(vector.shape))

    values, vectors = _lanczos(apply, n, count)
    return values, vectors, degrees


def _solve_dense(matrix: torch.Tensor, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n = matrix.shape[0]
    if n <= _DENSE_UP_TO or count > n // _DENSE_SHARE:
        values, vectors = torch.linalg.eigh(matrix)
        values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
        return values.cpu().double().numpy(), vectors.cpu().double().numpy()

    def apply(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        x = torch.from_numpy(np.ascontiguousarray(vector)).to(matrix.device, matrix.dtype)
        return cast("NDArray[np.float64]", (matrix @ x).cpu().numpy().astype(np.float64))

    return _lanczos(apply, n, count)


def _lanczos(apply: object, n: int, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    operator = LinearOperator((n, n), matvec=apply, dtype=np.float64)
    start = np.full(n, 1.0 / np.sqrt(n)) * (1.0 + 0.1 * np.cos(np.arange(n)))  # fixed, and not orthogonal to anything
    try:
        values, vectors = eigsh(
            operator, k=min(count, n - 1), which="LA", v0=start, tol=1e-9, ncv=min(n, 2 * count + 20)
        )
    except ArpackNoConvergence as error:  # nearly equal eigenvalues at the very end of the list
        warnings.warn(f"Lanczos left {count - len(error.eigenvalues)} eigenvectors unconverged.", stacklevel=2)
        values, vectors = eigsh(operator, k=min(count, n - 1), which="LA", v0=start, tol=1e-5, maxiter=20 * n)
    order = np.argsort(-values, kind="stable")
    return values[order], vectors[:, order]
