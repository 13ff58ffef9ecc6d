r"""The pseudo-eigenvectors that best satisfy the graphs of many layers at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from ...device import parse_memory, resolve_device
from ...errors import InputError
from ...progress import ProgressCallback, report
from .graph_settings import GraphSettings
from .layer_tokens import AttentionMaps, LayerInput, check_layers
from .layer_weights import LayerWeights
from .objective import LayerTerms, layer_terms
from .picture_graphs import walk_and_operator
from .picture_solver import solve_pictures
from .token_grid import METRICS, Grid, Pooling, common_grid

__all__ = ["SCOPES", "LayeredCut"]

SCOPES = ("picture",)


class LayeredCut:
    """Pseudo-eigenvectors that best satisfy the graphs of many layers at once.

    The "what and where" analysis of Zhang, Yunis and Maire (2024), with an exact solver beside the paper's own.

    Parameters
    ----------
    n_components
        Number of pseudo-eigenvectors C.
    scope
        ``"picture"``: every picture is cut by itself.
    graph
        How layers become graphs; None is :class:`.graph_settings.GraphSettings` as it is.
    weights
        How much each layer counts: ``"agreement"`` with the joint solution, ``"uniform"``, ``"resolution"``, a number
        for each layer, or :class:`.layer_weights.LayerWeights`.
    power
        Exponent of the mean of the layers' Laplacians: 1 is the arithmetic mean, lower ones (such as -10) ask that a
        cut be good in *any* layer rather than on average.
    metric
        What pseudo-eigenvectors are orthonormal in where layers differ in resolution: ``"pooled"``, ``"isometric"`` or
        ``"generalised"``. Where they do not, all three are one.
    grid
        Rows and columns of the pseudo-eigenvectors' grid; None is as fine as the finest layer.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``…
    memory
        Bound on the working set.

    Attributes
    ----------
    eigenvectors_ : numpy.ndarray
        float32 (pictures, places, C) by descending eigenvalue, of length one, each with a positive sum of cubes. The
        first one of a picture is nearly constant.
    eigenvalues_ : numpy.ndarray
        float64 (pictures, C).
    weights_ : numpy.ndarray
        float64 (pictures, graphs): how much each graph counted, their sum 1.
    agreement_ : numpy.ndarray
        float64 (pictures, graphs): how well each graph keeps the joint solution, at most 1.
    terms_ : LayerTerms
        Both terms of the paper's objective at every graph, means over the pictures.
    graph_layers_ : tuple of (int, int)
        Layer and head of each graph, the head -1 where heads are joined.
    grid_ : Grid
        Grid of the places.
    """

    eigenvectors_: NDArray[np.float32]
    eigenvalues_: NDArray[np.float64]
    weights_: NDArray[np.float64]
    agreement_: NDArray[np.float64]
    terms_: LayerTerms
    graph_layers_: tuple[tuple[int, int], ...]
    grid_: Grid

    def __init__(
        self,
        n_components: int = 20,
        *,
        scope: str = "picture",
        graph: GraphSettings | None = None,
        weights: str | Sequence[float] | LayerWeights = "agreement",
        power: float = 1.0,
        metric: str = "pooled",
        grid: tuple[int, int] | None = None,
        device: str | torch.device = "auto",
        memory: int | float | str = "4GiB",
    ) -> None:
        if n_components < 1:
            raise InputError(f"n_components must be at least 1; got {n_components}.")
        if scope not in SCOPES:
            raise InputError(f"Unknown scope {scope!r}; use {' or '.join(SCOPES)}.")
        if metric not in METRICS:
            raise InputError(f"Unknown metric {metric!r}; use {', '.join(METRICS[:-1])} or {METRICS[-1]}.")
        if not math.isfinite(power):
            raise InputError(f"The power of the mean must be a number; got {power}.")
        parse_memory(memory)
        self.n_components = n_components
        self.scope = scope
        self.graph = graph or GraphSettings()
        self.weights = weights
        self.power = power
        self.metric = metric
        self.grid = grid
        self.device = device
        self.memory = memory
        self._rule()

    def _rule(self) -> LayerWeights:
        if isinstance(self.weights, LayerWeights):
            return self.weights
        return LayerWeights(self.weights if isinstance(self.weights, str) else tuple(self.weights))

    def fit(self, X: Sequence[LayerInput], progress: ProgressCallback | None = None) -> Self:
        """Find the pseudo-eigenvectors of some layers.

        Parameters
        ----------
        X
            The layers, all of the same pictures: :class:`.layer_tokens.LayerTokens` or
            :class:`.layer_tokens.AttentionMaps`; see :func:`.layer_tokens.pathway_layers`.
        progress
            Told about the steps; raises ``Cancelled`` to stop, which leaves the last fit as it was.

        Raises
        ------
        InputError
            If layers, grids, neighbours or weights do not fit together.
        FeatureError
            If tokens are NaN or infinite.
        """
        n_pictures = check_layers(X)
        grid = common_grid([layer.grid for layer in X]) if self.grid is None else Grid(*self.grid)
        if self.n_components > len(grid):
            raise InputError(
                f"{self.n_components} eigenvectors are asked for, but a picture has {len(grid)} places ({grid})."
            )
        self._fit_pictures(X, n_pictures, grid, progress)
        return self

    def fit_transform(self, X: Sequence[LayerInput], progress: ProgressCallback | None = None) -> NDArray[np.float32]:
        """Find the pseudo-eigenvectors and return them, float32 (pictures, places, C); see :meth:`fit`."""
        return self.fit(X, progress).eigenvectors_

    # -- every picture by itself -------------------------------------------------------------------------------------

    def _fit_pictures(
        self, layers: Sequence[LayerInput], n_pictures: int, grid: Grid, progress: ProgressCallback | None
    ) -> None:
        device, rule = resolve_device(self.device), self._rule()
        if device.type == "mps":
            device = torch.device("cpu")  # MPS has no double precision
        counts = [self._graphs_of(layer) for layer in layers]
        first = rule.first([layer.grid for layer in layers], counts)
        graph_layers = [
            (number, head if self.graph.heads == "apart" else -1)
            for number, count in enumerate(counts)
            for head in range(count)
        ]
        poolings = [Pooling(grid, layers[number].grid, self.metric) for number, _ in graph_layers]
        shown = [Pooling(grid, layers[number].grid) for number, _ in graph_layers]
        names = [layers[n].name if head < 0 else f"{layers[n].name}, head {head}" for n, head in graph_layers]
        vectors = np.empty((n_pictures, len(grid), self.n_components), np.float32)
        values = np.empty((n_pictures, self.n_components))
        weights = np.empty((n_pictures, len(graph_layers)))
        agreement, eigen, orthogonality = np.empty_like(weights), np.empty_like(weights), np.empty_like(weights)
        size = self._pictures_at_once(layers, counts, grid)
        report(progress, 0, n_pictures, "Joint cuts")
        for start in range(0, n_pictures, size):
            part = slice(start, min(start + size, n_pictures))
            walks: list[torch.Tensor] = []
            graphs: list[torch.Tensor] = []
            for layer in layers:
                steps, operators = walk_and_operator(layer, part, self.graph, device)
                walks.extend(steps.unbind(1))
                graphs.extend(operators.unbind(1))
            found = solve_pictures(
                graphs, poolings, first, rule, self.n_components, metric=self.metric, power=self.power
            )
            signed = _with_signs(found.vectors)
            vectors[part] = signed.float().cpu().numpy()
            values[part] = found.values.cpu().numpy()
            weights[part] = found.weights.cpu().numpy()
            agreement[part] = found.agreement.cpu().numpy()
            for i in range(part.stop - part.start):
                of_one = [lambda z, walk=walk, i=i: walk[i] @ z for walk in walks]
                terms = layer_terms(signed[i : i + 1].float(), of_one, shown, names, together=False)
                eigen[start + i], orthogonality[start + i] = terms.eigen, terms.orthogonality
            report(progress, part.stop, n_pictures, "Joint cuts")
        # All at once and last, so that a fit that is cancelled or fails leaves the one before as it was.
        self.eigenvectors_, self.eigenvalues_, self.weights_, self.agreement_ = vectors, values, weights, agreement
        grids = tuple(pooling.layer for pooling in shown)
        self.terms_ = LayerTerms(eigen.mean(axis=0), orthogonality.mean(axis=0), grids, tuple(names))
        self.graph_layers_, self.grid_ = tuple(graph_layers), grid

    def _graphs_of(self, layer: LayerInput) -> int:
        return layer.heads if self.graph.heads == "apart" else 1

    def _pictures_at_once(self, layers: Sequence[LayerInput], counts: Sequence[int], grid: Grid) -> int:
        """Pictures whose graphs fit into the memory together."""
        single, double = 4, 8
        # of each graph: itself, its walk and its lifted form; beside them a few matrices on the common grid
        held = sum(count * (2 * len(layer.grid) ** 2) for layer, count in zip(layers, counts, strict=True)) * single
        lifted = [count for layer, count in zip(layers, counts, strict=True) if layer.grid != grid]
        held += sum(lifted) * len(grid) ** 2 * single + 6 * len(grid) ** 2 * double
        if self.power != 1:
            held += 2 * sum(counts) * len(grid) ** 2 * double
        widest = max(_widest(layer, count) for layer, count in zip(layers, counts, strict=True))
        return max(int(parse_memory(self.memory) // (held + 4 * widest * single)), 1)


def _widest(layer: LayerInput, count: int) -> int:
    """Numbers that making a layer's graphs takes for one picture."""
    tokens = len(layer.grid)
    return layer.heads * tokens**2 if isinstance(layer, AttentionMaps) else max(count, layer.heads) * tokens**2


def _with_signs(vectors: torch.Tensor) -> torch.Tensor:
    """Columns (…, n, C) each with a positive sum of cubes, so that the longer tail points up."""
    cubes = vectors.pow(3).sum(dim=-2, keepdim=True)
    return torch.where(cubes < 0, -vectors, vectors)
