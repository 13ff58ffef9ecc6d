"""What every solver of a layered cut is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from .graph_settings import GraphSettings
from .layer_tokens import LayerInput
from .layer_weights import LayerWeights
from .objective import LayerTerms, layer_terms
from .set_graphs import SetGraph
from .token_grid import Grid, Pooling

__all__ = ["LayeredFit", "LayeredProblem", "mean_projections", "signature_of", "terms_of", "with_signs"]


@dataclass(frozen=True)
class LayeredProblem:
    """Layers to cut together, and the means to do it.

    Attributes
    ----------
    layers
        Their tokens.
    n_pictures
        Number of pictures.
    grid
        The common grid.
    graph
        How layers become graphs.
    rule
        How much they count.
    n_components
        Pseudo-eigenvectors wanted.
    power, metric, n_landmarks, n_shared
        As for :class:`.layered_cut.LayeredCut`.
    projections
        Whether ``P_l X`` of every layer is wanted, too.
    seed, device, memory
        Of random choices; where to compute; bytes to stay within.
    """

    layers: Sequence[LayerInput]
    n_pictures: int
    grid: Grid
    graph: GraphSettings
    rule: LayerWeights
    n_components: int
    power: float
    metric: str
    n_landmarks: int | None
    n_shared: int
    projections: bool
    seed: int
    device: torch.device
    memory: int

    @property
    def counts(self) -> list[int]:
        """Graphs of each layer: one, or one a head."""
        return [layer.heads if self.graph.heads == "apart" else 1 for layer in self.layers]

    @property
    def graph_layers(self) -> tuple[tuple[int, int], ...]:
        """Layer and head of each graph, the head -1 where heads are joined."""
        return tuple(
            (number, head if self.graph.heads == "apart" else -1)
            for number, count in enumerate(self.counts)
            for head in range(count)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each graph."""
        named = [(self.layers[number].name, head) for number, head in self.graph_layers]
        return tuple(name if head < 0 else f"{name}, head {head}" for name, head in named)

    @property
    def grids(self) -> tuple[Grid, ...]:
        """Token grid of each graph."""
        return tuple(self.layers[number].grid for number, _ in self.graph_layers)

    def poolings(self, metric: str = "pooled") -> list[Pooling]:
        """From the common grid to that of each graph."""
        return [Pooling(self.grid, grid, metric) for grid in self.grids]

    def first_weights(self) -> torch.Tensor:
        """Weights to begin with, (graphs,)."""
        return self.rule.first([layer.grid for layer in self.layers], self.counts)


@dataclass(frozen=True)
class LayeredFit:
    """What a solver found; the attributes are those of :class:`.layered_cut.LayeredCut`."""

    eigenvectors: NDArray[np.float32]
    eigenvalues: NDArray[np.float64]
    weights: NDArray[np.float64]
    agreement: NDArray[np.float64]
    terms: LayerTerms
    projections: list[NDArray[np.float32]] | None = None
    history: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))


def terms_of(problem: LayeredProblem, graphs: Sequence[SetGraph], values: torch.Tensor) -> LayerTerms:
    """Both terms of the objective, of columns that run over all pictures of the graphs."""
    return layer_terms(values, [graph.walk for graph in graphs], problem.poolings(), problem.names, together=True)


def mean_projections(problem: LayeredProblem, graphs: Sequence[SetGraph], values: torch.Tensor) -> list[torch.Tensor]:
    """``P_l Z_l`` of every layer on its own grid, of its heads the mean: the solution as a layer passes it on."""
    sums: list[torch.Tensor | None] = [None] * len(problem.layers)
    counts = problem.counts
    for (number, _), graph, pooling in zip(problem.graph_layers, graphs, problem.poolings(), strict=True):
        moved = graph.walk(pooling.down(values)) / counts[number]
        before = sums[number]
        sums[number] = moved if before is None else before + moved
    return [moved for moved in sums if moved is not None]


def signature_of(graph: SetGraph, pooling: Pooling, solution: torch.Tensor) -> NDArray[np.float64]:
    """``Q^T S Q`` of a graph, ``Q`` an orthonormal basis of the solution on its grid; float64 (C, C)."""
    pooled = pooling.down(solution)
    basis = torch.linalg.qr(pooled.reshape(-1, pooled.shape[2])).Q
    moved = graph.operator(basis.reshape(pooled.shape)).reshape(basis.shape)
    signature: NDArray[np.float64] = (basis.T @ moved).double().cpu().numpy()
    return signature


def with_signs(vectors: torch.Tensor, together: bool) -> torch.Tensor:
    """Columns (pictures, places, C) each with a positive sum of cubes, so that the longer tail points up."""
    cubes = vectors.double().pow(3).sum(dim=(0, 1) if together else 1, keepdim=True)
    return torch.where(cubes < 0, -vectors, vectors)
