r"""The joint cut of all pictures together, by products with sparse graphs only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ...errors import InputError
from ...progress import ProgressCallback, report, span
from .block_eigensolver import top_eigenpairs
from .layer_weights import LayerWeights, agreement_of
from .picture_solver import power_shift
from .set_graphs import SetGraph
from .token_grid import Grid, Pooling

__all__ = ["JointOperator", "SetSolution", "solve_set"]

_NULL = 1e-10
_SOLVED = 1e-6


class JointOperator:
    """The weighted mean of many layers' operators on the common grid, known by its products.

    Parameters
    ----------
    graphs
        One a layer or head.
    poolings
        From the common grid to each graph's.
    weights
        float64 (graphs,), of sum 1.
    metric
        ``"pooled"``, ``"isometric"`` or ``"generalised"``.
    power
        1 for the arithmetic mean; a whole number below 0 for the power mean of the shifted Laplacians.
    """

    def __init__(
        self,
        graphs: Sequence[SetGraph],
        poolings: Sequence[Pooling],
        weights: torch.Tensor,
        *,
        metric: str = "pooled",
        power: float = 1.0,
    ) -> None:
        if power != 1 and not (power < 0 and float(power).is_integer()):
            raise InputError(
                f"The power of the mean must be 1, or a whole number below 0, where pictures are cut together; got "
                f"{power}."
            )
        self._graphs, self._poolings, self._weights = graphs, poolings, [float(w) for w in weights]
        self._power, self._shift = power, power_shift(power)
        self.grid: Grid = poolings[0].common
        self.n_pictures = graphs[0].n_pictures
        self.root: torch.Tensor | None = _inverse_root(poolings, self._weights) if metric == "generalised" else None

    def __call__(self, flat: torch.Tensor) -> torch.Tensor:
        """The operator times (pictures × places, C)."""
        values = flat.reshape(self.n_pictures, len(self.grid), -1)
        if self.root is not None:
            values = self.root.to(values) @ values
        total = torch.zeros_like(values)
        for graph, pooling, weight in zip(self._graphs, self._poolings, self._weights, strict=True):
            if weight > 0:
                lifted = _lifted(graph, pooling)
                total += weight * (lifted(values) if self._power == 1 else self._inverse(lifted, values))
        if self.root is not None:
            total = self.root.to(values) @ total
        return total.reshape(flat.shape)

    def _inverse(self, lifted: Callable[[torch.Tensor], torch.Tensor], values: torch.Tensor) -> torch.Tensor:
        """``L^p`` times a block, by conjugate gradients as often as the power says."""
        diagonal = 1.0 + self._shift
        for _ in range(int(-self._power)):
            values = _conjugate_gradients(lambda x: diagonal * x - lifted(x), values)
        return values

    def eigenvalues(self, values: torch.Tensor) -> torch.Tensor:
        """Eigenvalues of the mean operator from those of what :meth:`__call__` applies."""
        if self._power == 1:
            return values
        mean: torch.Tensor = values.clamp(min=_NULL) ** (1.0 / self._power)
        return 1.0 + self._shift - mean


def _lifted(graph: SetGraph, pooling: Pooling) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda values: pooling.up(graph.operator(pooling.down(values)))


def _conjugate_gradients(apply: Callable[[torch.Tensor], torch.Tensor], right: torch.Tensor) -> torch.Tensor:
    """Solve for every column at once. The shift bounds the condition number, so that a dozen steps do."""
    solution, left = torch.zeros_like(right), right.clone()
    direction, squares = left.clone(), left.square().sum(dim=(0, 1))
    enough = _SOLVED**2 * squares.clamp(min=1e-30)
    for _ in range(200):
        if bool((squares <= enough).all()):
            break
        moved = apply(direction)
        step = squares / (direction * moved).sum(dim=(0, 1)).clamp(min=1e-30)
        solution += step * direction
        left -= step * moved
        following = left.square().sum(dim=(0, 1))
        direction = left + (following / squares.clamp(min=1e-30)) * direction
        squares = following
    return solution


def _inverse_root(poolings: Sequence[Pooling], weights: Sequence[float]) -> torch.Tensor:
    """``B^-1/2`` of one picture, the same for all; directions that no layer sees are left out."""
    size = len(poolings[0].common)
    metric = torch.zeros(size, size, dtype=torch.float64)
    for pooling, weight in zip(poolings, weights, strict=True):
        matrix = torch.eye(size, dtype=torch.float64) if pooling.is_identity else pooling.matrix()
        metric += weight * (matrix.T @ matrix)
    values, vectors = torch.linalg.eigh(metric)
    inverse = torch.where(values > _NULL * values[-1], values.clamp(min=_NULL).rsqrt(), 0.0)
    root: torch.Tensor = (vectors * inverse) @ vectors.T
    return root


@dataclass(frozen=True)
class SetSolution:
    """Eigenvectors of all pictures together.

    Attributes
    ----------
    vectors
        float32 (pictures, places, C).
    values
        float64 (C,) descending.
    weights, agreement
        float64 (graphs,).
    residual
        Largest residual of an eigenvector.
    """

    vectors: torch.Tensor
    values: torch.Tensor
    weights: torch.Tensor
    agreement: torch.Tensor
    residual: float


def solve_set(
    graphs: Sequence[SetGraph],
    poolings: Sequence[Pooling],
    weights: torch.Tensor,
    rule: LayerWeights,
    n_components: int,
    *,
    metric: str,
    power: float,
    seed: int,
    device: torch.device,
    progress: ProgressCallback | None = None,
) -> SetSolution:
    """Joint eigenvectors of all pictures.

    Parameters
    ----------
    graphs, poolings, weights, metric, power
        As for :class:`JointOperator`.
    rule
        How the weights change.
    n_components
        Eigenvectors wanted.
    seed, device, progress
        Of the start; where to compute; told about the rounds.
    """
    start: torch.Tensor | None = None
    turns = rule.updates + 1
    for turn in range(turns):
        report(progress, turn, turns, "Joint eigenvectors")
        joint = JointOperator(graphs, poolings, weights, metric=metric, power=power)
        n = joint.n_pictures * len(joint.grid)
        found = top_eigenpairs(
            joint,
            n,
            n_components,
            start=start,
            seed=seed,
            device=device,
            # Eigenvectors that only serve to find weights need not be exact.
            tolerance=1e-2 if turn + 1 < turns else 1e-4,
            progress=span(progress, turn / turns, (turn + 1) / turns),
        )
        start = found.vectors
        vectors = start.reshape(joint.n_pictures, len(joint.grid), -1)
        if joint.root is not None:
            vectors = joint.root.to(vectors) @ vectors
        agreement = torch.stack(
            [_agreement(graph, pooling, vectors) for graph, pooling in zip(graphs, poolings, strict=True)]
        ).cpu()
        if turn + 1 < turns:
            weights = rule.update(agreement)
    return SetSolution(vectors, joint.eigenvalues(found.values), weights, agreement, found.residual)


def _agreement(graph: SetGraph, pooling: Pooling, vectors: torch.Tensor) -> torch.Tensor:
    basis = pooling.down(vectors)
    return agreement_of(basis, graph.operator(basis), together=True)
