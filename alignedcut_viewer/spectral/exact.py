r"""The exact cut: top eigenvectors of ``D^-1/2 A D^-1/2`` of a whole graph (AlignedCut, equation 3).

With ``d = A 1`` and ``S = D^-1/2 A D^-1/2 = U diag(lambda) U^T``, the columns of ``U`` are orthonormal, ``lambda_1 =
1`` and ``u_1`` is proportional to ``d^1/2``. ``D^-1/2 U`` are the eigenvectors of the random walk ``D^-1 A`` with the
same eigenvalues, and the generalised eigenvectors of Shi and Malik's ``(D - A) y = (1 - lambda) D y``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..progress import report
from .affinity import Kernel
from .extension import Coordinates, KernelExtension
from .problem import NULL, Approximation, CutFit, Problem, too_sharp
from .sampling import density_of
from .streaming import sampled_points

__all__ = ["fit_exact", "graph_eigenvectors", "stored_affinity_bytes"]

_DENSE_SHARE = 5
"""A dense solver is used when more than one in this many eigenvectors is asked for…"""
_DENSE_UP_TO = 600
"""…or the graph is not larger than this."""
_BLOCK_ROWS = 1024
_RESIDUAL = 1e-5
_PRODUCTS = 60


def fit_exact(problem: Problem, wanted: Approximation | None = None) -> CutFit:
    """Solve the whole graph, in double precision where the affinity matrix then fits into memory.

    Parameters
    ----------
    problem
        The graph.
    wanted
        Not needed: nothing is approximated.

    Returns
    -------
    CutFit
        Its extension gives every node of the graph its own entries, and others their out-of-sample extension
        ``u(x) = d(x)^-1/2 sum_j k(x, x_j) d_j^-1/2 u_j / lambda``.

    Raises
    ------
    FeatureError
        If a node is not finite.
    """
    features, kernel, memory, device = problem.features, problem.kernel, problem.memory, problem.device
    n_nodes = features.shape[0]
    room = stored_affinity_bytes(n_nodes, problem.n_components, 8)
    dtype = torch.float64 if room <= memory else torch.float32
    report(problem.progress, 0, 1, "solving the whole graph")
    points = sampled_points(features, kernel, np.arange(n_nodes, dtype=np.int64), device, dtype)
    density = weights = None
    if problem.balance > 0:
        density = density_of(points, kernel, problem.balance, problem.sharper, problem.rng)
        parts = torch.split(points, _BLOCK_ROWS)
        weights = torch.cat([density.weights(kernel.between(part, density.landmarks)) for part in parts])
    values, vectors, degrees = graph_eigenvectors(points, kernel, problem.n_components, memory=memory, weights=weights)
    present = values > NULL
    vectors *= present
    inverse = np.where(present, 1.0 / np.where(present, values, 1.0), 0.0)
    scale = torch.ones_like(degrees) if weights is None else weights
    columns = torch.from_numpy(vectors * inverse).to(points) * (scale * inverse_root(degrees))[:, None]
    extension = KernelExtension(
        Coordinates(kernel, None, dtype),
        points,
        torch.cat([columns, scale[:, None]], dim=1),
        float(torch.finfo(dtype).tiny),
        density,
    )
    report(problem.progress, 1, 1, "solving the whole graph")
    return CutFit(extension, values * present, vectors, "none", 1.0)


def stored_affinity_bytes(n_nodes: int, n_components: int, itemsize: int) -> int:
    """Memory of an affinity matrix while it is made and solved."""
    copies = 4.0 if _for_dense_solver(n_nodes, n_components) else 1.3
    return int(copies * n_nodes * n_nodes * itemsize)


def _for_dense_solver(n_nodes: int, n_components: int) -> bool:
    return n_nodes <= _DENSE_UP_TO or n_components > n_nodes // _DENSE_SHARE


def graph_eigenvectors(
    points: torch.Tensor, kernel: Kernel, n_components: int, *, memory: int, weights: torch.Tensor | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], torch.Tensor]:
    """Top eigenvectors of the normalised affinity matrix of all points.

    The matrix is held where it fits into `memory`. Else products with it are computed block by block from the points,
    with all eigenvectors at once, because each costs as much as making the matrix.

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
    if stored_affinity_bytes(n, count, itemsize) <= memory:
        affinity = torch.empty((n, n), dtype=points.dtype, device=points.device)
        for start in range(0, n, _BLOCK_ROWS):
            stop = min(n, start + _BLOCK_ROWS)
            affinity[start:stop] = kernel.between(points[start:stop], points)
        affinity *= scale[:, None]
        affinity *= scale[None, :]
        degrees = affinity.sum(dim=1, dtype=torch.float64).to(points.dtype)
        root = inverse_root(_finite(degrees, kernel))
        affinity *= root[:, None]
        affinity *= root[None, :]
        values, vectors = _solve_dense(affinity, count)
        return values, vectors, degrees

    rows = max(1, min(_BLOCK_ROWS, memory // (4 * n * itemsize)))

    def product(x: torch.Tensor) -> torch.Tensor:
        out = torch.empty_like(x)
        for start in range(0, n, rows):
            out[start : start + rows] = kernel.between(points[start : start + rows], points) @ x
        return out

    degrees = scale * product(scale[:, None])[:, 0]
    both = scale * inverse_root(_finite(degrees, kernel))

    def apply(block: NDArray[np.float64]) -> NDArray[np.float64]:
        x = torch.from_numpy(np.ascontiguousarray(block)).to(points.device, points.dtype)
        return cast("NDArray[np.float64]", (product(x * both[:, None]) * both[:, None]).cpu().double().numpy())

    values, vectors = _block_solver(apply, n, count)
    return values, vectors, degrees


def _finite(degrees: torch.Tensor, kernel: Kernel) -> torch.Tensor:
    """The degrees, unless the kernel is so narrow that rounding of a cosine beyond 1 makes an affinity infinite."""
    if not bool(torch.isfinite(degrees).all()):
        raise too_sharp(kernel.gamma)
    return degrees


def inverse_root(degrees: torch.Tensor) -> torch.Tensor:
    """One over the root of each degree; 0 for nodes that share affinity with none, not even themselves."""
    return torch.where(degrees > 0, degrees.rsqrt(), 0.0)


def _solve_dense(matrix: torch.Tensor, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if _for_dense_solver(len(matrix), count):
        values, vectors = torch.linalg.eigh(matrix)
        values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
        return values.cpu().double().numpy(), vectors.cpu().double().numpy()

    def apply(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        x = torch.from_numpy(np.ascontiguousarray(vector)).to(matrix.device, matrix.dtype)
        return cast("NDArray[np.float64]", (matrix @ x).cpu().double().numpy())

    return _lanczos(apply, len(matrix), count, 1e-10 if matrix.dtype == torch.float64 else 1e-7)


def _block_solver(
    apply: Callable[[NDArray[np.float64]], NDArray[np.float64]], n: int, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Top eigenvectors by LOBPCG, which needs few products with many vectors where Lanczos needs many with one."""
    from scipy.sparse.linalg import LinearOperator, lobpcg

    width = min(n, count + max(8, count // 8))  # the last ones of a block converge last
    if 5 * width >= n:  # LOBPCG would leave its block method then
        values, vectors = np.linalg.eigh(apply(np.eye(n)))
        return values[::-1][:count], vectors[:, ::-1][:, :count]
    operator = LinearOperator((n, n), matvec=apply, matmat=apply, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal((n, width))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the columns beyond `count`, which need not converge
        values, vectors = lobpcg(operator, start, largest=True, tol=_RESIDUAL, maxiter=_PRODUCTS)
    order = np.argsort(-values, kind="stable")[:count]
    values, vectors = values[order], vectors[:, order]
    residual = float(np.linalg.norm(apply(vectors) - vectors * values, axis=0).max())
    if residual > 100 * _RESIDUAL:
        warnings.warn(f"The exact cut stopped at a residual of {residual:.1e} of the eigenvalue 1.", stacklevel=2)
    return values, vectors


def _lanczos(
    apply: Callable[[NDArray[np.float64]], NDArray[np.float64]], n: int, count: int, tolerance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from scipy.sparse.linalg import LinearOperator, eigsh

    operator = LinearOperator((n, n), matvec=apply, dtype=np.float64)
    start = np.full(n, 1.0 / np.sqrt(n)) * (1.0 + 0.1 * np.cos(np.arange(n)))  # fixed, and not orthogonal to anything
    values, vectors = eigsh(operator, k=count, which="LA", v0=start, tol=tolerance, ncv=min(n, 2 * count + 20))
    order = np.argsort(-values, kind="stable")
    return values[order], vectors[:, order]
