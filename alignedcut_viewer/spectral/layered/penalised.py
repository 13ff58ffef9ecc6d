r"""The lowest value of the paper's objective in the span of some eigenvectors.

The paper's objective makes orthogonality a penalty, which pays for tilting: a column that leans by an angle ``t``
towards the leading eigenvector gains ``sin(t)^2 (1 - q)`` in the eigen term and costs ``sin(t)^4`` with every other
column that does so, in a mean over all pairs, so that its best columns are not orthonormal. Orthonormal ones therefore
cannot reach the value that gradient descent ends at, though they may span a better space. For a fair comparison the
same is allowed to them: columns ``V M`` with a small matrix ``M``. Of every graph only ``V^T R^T P R V`` and
``V^T R^T R V`` are needed, so that one value of the objective costs ``C^3`` a graph, whatever the number of tokens.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import InputError
from .set_graphs import SetGraph
from .token_grid import Grid, Pooling

__all__ = ["lowest_in_span"]

_TINY = 1e-12


def lowest_in_span(
    vectors: torch.Tensor,
    graphs: Sequence[SetGraph],
    poolings: Sequence[Pooling],
    weights: torch.Tensor,
    *,
    n_columns: int | None = None,
    eigen_weight: float = 1.0,
    orthogonality_weight: float = 1.0,
    goals: Mapping[Grid, tuple[float, float]] | None = None,
    max_steps: int = 300,
) -> tuple[torch.Tensor, list[tuple[float, float]]]:
    """Columns in the span of some vectors that make the paper's objective as low as they can.

    Parameters
    ----------
    vectors
        (pictures, places, K): a span, such as the direct solution, the best first; columns run over all pictures.
    graphs, poolings, weights
        The layers, and how much each counts.
    n_columns
        Columns wanted, at most K; None is K.
    eigen_weight, orthogonality_weight
        Of the two terms, see :mod:`.objective`.
    goals
        Mean eigen and orthogonality term at every resolution; instead of the objective the excess over these is made
        low, the sum of the squares of its shares of the goals, which is 0 where no term is above its goal.
    max_steps
        Steps of L-BFGS at most.

    Returns
    -------
    columns
        (pictures, places, n_columns) of length one; no worse than the first vectors are.
    history
        Seconds and value of every evaluation, from the start of this call.

    Raises
    ------
    InputError
        If more columns than vectors are asked for.
    """
    from scipy.optimize import minimize

    width = vectors.shape[-1]
    count = width if n_columns is None else n_columns
    if not 1 <= count <= width:
        raise InputError(f"{count} columns cannot be made of the span of {width} vectors.")
    started, history = time.perf_counter(), list[tuple[float, float]]()
    projected = _projected(vectors, graphs, poolings, (weights / weights.sum()).double())

    def value(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        matrix = torch.from_numpy(flat.reshape(width, count)).requires_grad_(True)
        eigen, squares = projected.terms(matrix)
        if goals is None:
            terms = eigen_weight * eigen + orthogonality_weight * squares[projected.of_grid]
            found = (projected.share * terms).sum()
        else:
            found = projected.excess(eigen, squares, goals)
        found.backward()  # type: ignore[no-untyped-call]
        assert matrix.grad is not None
        history.append((time.perf_counter() - started, found.item()))
        return found.item(), matrix.grad.numpy().ravel().copy()

    def enough(intermediate_result: object) -> None:
        if goals is not None and getattr(intermediate_result, "fun", 1.0) == 0:
            raise StopIteration

    plain = np.eye(width)[:, :count]
    # Leaning a little towards the leading vector: at orthonormal columns the gain is of second order and not felt.
    start = plain.copy()
    start[0, 1:] = 0.3
    options = {"maxiter": max_steps}
    points = minimize(value, start.ravel(), jac=True, method="L-BFGS-B", options=options, callback=enough).x
    if value(points)[0] > value(plain.ravel())[0]:
        points = plain.ravel()
    columns = vectors @ torch.from_numpy(points.reshape(width, count)).to(vectors)
    unit: torch.Tensor = columns / torch.linalg.vector_norm(columns, dim=(0, 1), keepdim=True).clamp(min=_TINY)
    return unit, history


@dataclass(frozen=True, eq=False)
class _Projected:
    """``V^T R^T P R V`` of every graph, ``V^T R^T R V`` of every grid, the grid of each graph, and its weight."""

    walks: torch.Tensor
    metrics: torch.Tensor
    of_grid: torch.Tensor
    share: torch.Tensor
    grids: tuple[Grid, ...]

    def terms(self, matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The eigen term of every graph and the orthogonality term of every grid, of the columns ``V M``."""
        count = matrix.shape[1]
        moved = self.metrics @ matrix
        lengths = (matrix * moved).sum(dim=1).clamp(min=_TINY)
        quotients = (matrix * (self.walks @ matrix)).sum(dim=1) / lengths[self.of_grid]
        root = lengths.sqrt()
        gram = matrix.T @ moved / (root[:, :, None] * root[:, None, :])
        off = gram - torch.diag_embed(torch.diagonal(gram, dim1=1, dim2=2))
        return (quotients - 1).abs().mean(dim=1), off.square().sum(dim=(1, 2)) / max(count * (count - 1), 1)

    def excess(
        self, eigen: torch.Tensor, squares: torch.Tensor, goals: Mapping[Grid, tuple[float, float]]
    ) -> torch.Tensor:
        """By how much terms are above their goals, the squares of the shares."""
        means = torch.zeros(len(self.grids), dtype=eigen.dtype).index_add(0, self.of_grid, eigen)
        counts = torch.zeros(len(self.grids), dtype=eigen.dtype).index_add(0, self.of_grid, torch.ones_like(eigen))
        wanted = torch.tensor([goals[grid] for grid in self.grids], dtype=eigen.dtype)
        found = torch.stack([means / counts, squares], dim=1)
        return ((found - wanted).clamp(min=0) / wanted.clamp(min=_TINY)).square().sum()


def _projected(
    vectors: torch.Tensor, graphs: Sequence[SetGraph], poolings: Sequence[Pooling], share: torch.Tensor
) -> _Projected:
    pooled: list[torch.Tensor] = []
    grids: dict[Grid, int] = {}
    of_grid, walks = [], []
    for graph, pooling in zip(graphs, poolings, strict=True):
        if pooling.layer not in grids:
            grids[pooling.layer] = len(pooled)
            pooled.append(pooling.down(vectors))
        at = grids[pooling.layer]
        of_grid.append(at)
        flat = pooled[at].reshape(-1, vectors.shape[-1])
        walk = (flat.T @ graph.walk(pooled[at]).reshape(flat.shape)).double().cpu()
        walks.append((walk + walk.T) / 2)
    flats = [values.reshape(-1, vectors.shape[-1]).double() for values in pooled]
    metrics = torch.stack([(flat.T @ flat).cpu() for flat in flats])
    return _Projected(torch.stack(walks), metrics, torch.tensor(of_grid), share, tuple(grids))
