"""The pseudo-eigenvectors that best satisfy the graphs of many layers at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ...choices import LAYERED_SCOPES, LAYERED_SOLVERS
from ...device import parse_memory, resolve_device
from ...errors import InputError
from ...parameters import one_of, real, seed, whole
from ...progress import ProgressCallback, report
from .direct import each_set_graph, fit_pictures, fit_set, picture_graphs
from .fit_parts import LayeredFit, LayeredProblem, signature_of
from .gradient import GradientSettings
from .graph_settings import GraphSettings
from .iterative import gradient_pictures, gradient_set, scf_pictures, scf_set
from .layer_tokens import LayerInput, check_layers
from .layer_weights import LayerWeights
from .objective import LayerTerms
from .token_grid import METRICS, Grid, common_grid

__all__ = ["SCOPES", "SOLVERS", "LayeredCut"]

SCOPES = LAYERED_SCOPES
SOLVERS = LAYERED_SOLVERS


class LayeredCut:
    """Pseudo-eigenvectors that best satisfy the graphs of many layers at once.

    The "what and where" analysis of Zhang, Yunis and Maire (2024), with an exact solver beside the paper's own.

    Parameters
    ----------
    n_components
        Number of pseudo-eigenvectors C.
    scope
        ``"picture"``: every picture is cut by itself. ``"data set"``: all pictures together, by graphs that join
        tokens across pictures.
    solver
        ``"direct"``: the eigenvectors of the layers' averaged operator. ``"gradient"``: the paper's own, with the
        weights to begin with (those by agreement are equal there). ``"scf"``: self-consistent fields for the paper's
        normalisation of columns at each layer, from the direct solution; the same where layers share a resolution.
    graph
        How layers become graphs; None is :class:`.graph_settings.GraphSettings` as it is.
    weights
        How much each layer counts: ``"agreement"`` with the joint solution, ``"uniform"``, ``"resolution"``, a number
        for each layer, or :class:`.layer_weights.LayerWeights`.
    power
        Exponent of the mean of the layers' Laplacians: 1 is the arithmetic mean, lower ones (such as -10) ask that a
        cut be good in *any* layer rather than on average. Of a data set, 1 or a whole number below 0.
    metric
        What pseudo-eigenvectors are orthonormal in where layers differ in resolution: ``"pooled"``, ``"isometric"`` or
        ``"generalised"``. Where they do not, all three are one.
    grid
        Rows and columns of the pseudo-eigenvectors' grid; None is as fine as the finest layer.
    n_landmarks
        Of a data set, tokens of each layer that the graph goes by; None is 2,048 where a layer has more than 20,480
        tokens, and exact nearest neighbours where it has fewer.
    n_shared
        Landmarks that a token is joined to.
    projections
        Whether ``P_l X`` of every layer is kept, the joint solution as the layer passes it on.
    gradient
        Settings of ``"gradient"``; None is what the paper published for the scope.
    seed
        Seed of landmarks and of the solver's start.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``…
    memory
        Bound on the working set, beside the tokens that are given and the eigenvectors.

    Attributes
    ----------
    eigenvectors_ : numpy.ndarray
        float32 (pictures, places, C) by descending eigenvalue, of length one in the metric (over a picture, or over all
        pictures), each with a positive sum of cubes. The first one is nearly constant.
    eigenvalues_ : numpy.ndarray
        float64 (pictures, C), of a data set (C,).
    weights_, agreement_ : numpy.ndarray
        float64 (pictures, graphs), of a data set (graphs,): how much each graph counted, their sum 1; and how well each
        keeps the joint solution, the mean eigenvalue that it would give it, at most 1.
    terms_ : LayerTerms
        Both terms of the paper's objective at every graph, means over the pictures; of ``"gradient"`` those of the maps
        that it learns.
    history_ : numpy.ndarray
        float64 (updates, 2): seconds and loss, of ``"gradient"``; empty of the others.
    projections_ : list of numpy.ndarray or None
        For each layer float32 (pictures, tokens, C).
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
    projections_: list[NDArray[np.float32]] | None
    graph_layers_: tuple[tuple[int, int], ...]
    history_: NDArray[np.float64]
    grid_: Grid

    def __init__(
        self,
        n_components: int = 20,
        *,
        scope: str = "picture",
        solver: str = "direct",
        graph: GraphSettings | None = None,
        weights: str | Sequence[float] | LayerWeights = "agreement",
        power: float = 1.0,
        metric: str = "pooled",
        grid: tuple[int, int] | None = None,
        n_landmarks: int | None = None,
        n_shared: int = 10,
        projections: bool = False,
        gradient: GradientSettings | None = None,
        seed: int = 0,
        device: str | torch.device = "auto",
        memory: int | float | str = "4GiB",
    ) -> None:
        self.n_components = n_components
        self.scope = scope
        self.solver = solver
        self.graph = graph or GraphSettings()
        self.weights = weights
        self.power = power
        self.metric = metric
        self.grid = grid
        self.n_landmarks = n_landmarks
        self.n_shared = n_shared
        self.projections = projections
        self.gradient = gradient
        self.seed = seed
        self.device = device
        self.memory = memory
        self._check_parameters()

    def _check_parameters(self) -> None:
        whole("n_components", self.n_components, 1)
        whole("n_shared", self.n_shared, 1)
        whole("n_landmarks", self.n_landmarks, 1, unless=None)
        one_of("scope", self.scope, SCOPES)
        one_of("solver", self.solver, SOLVERS)
        one_of("metric", self.metric, METRICS)
        real("power", self.power)
        seed(self.seed)
        parse_memory(self.memory)
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
            Called with each step; raises ``Cancelled`` to stop, which leaves the last fit as it was.

        Raises
        ------
        InputError
            If layers, grids, neighbours or weights do not fit together.
        FeatureError
            If tokens are NaN or infinite.
        """
        problem = self.problem(X)
        found = self._solve(problem, progress)
        # All at once and last, so that a fit that is cancelled or fails leaves the one before as it was.
        self.eigenvectors_, self.eigenvalues_ = found.eigenvectors, found.eigenvalues
        self.weights_, self.agreement_ = found.weights, found.agreement
        self.terms_, self.projections_, self.history_ = found.terms, found.projections, found.history
        self.graph_layers_, self.grid_ = problem.graph_layers, problem.grid
        return self

    def fit_transform(self, X: Sequence[LayerInput], progress: ProgressCallback | None = None) -> NDArray[np.float32]:
        """Find the pseudo-eigenvectors and return them, float32 (pictures, places, C); see :meth:`fit`."""
        return self.fit(X, progress).eigenvectors_

    def judge(
        self, X: Sequence[LayerInput], eigenvectors: NDArray[np.floating[Any]], progress: ProgressCallback | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How well graphs keep a joint solution that was found before, of these layers or of others.

        Parameters
        ----------
        X
            Layers of the same pictures, whose graphs are made one after the other.
        eigenvectors
            (pictures, places, C).
        progress
            Told about the graphs.

        Returns
        -------
        agreement
            float64 (graphs,), see :attr:`agreement_`; of single pictures the mean over them.
        signatures
            float64 (graphs, C, C): ``Q^T S Q`` with an orthonormal basis ``Q`` of the solution on the layer's grid, of
            single pictures the mean over them; :func:`.graph_groups.group_graphs` groups graphs by them.

        Raises
        ------
        InputError
            If the solution does not fit the layers.
        """
        problem = replace(self.problem(X), projections=False)
        if eigenvectors.shape[:2] != (problem.n_pictures, len(problem.grid)):
            raise InputError(
                f"The joint solution is of {eigenvectors.shape[0]} pictures with {eigenvectors.shape[1]} places, the "
                f"layers are of {problem.n_pictures} with {len(problem.grid)} ({problem.grid})."
            )
        solution = torch.from_numpy(np.array(eigenvectors, dtype=np.float32)).to(problem.device)
        if self.scope == "data set":
            graphs = zip(each_set_graph(problem, progress), problem.poolings(), strict=True)
            found = np.stack([signature_of(graph, pooling, solution) for graph, pooling in graphs])
        else:
            found = np.zeros((len(problem.graph_layers), solution.shape[2], solution.shape[2]))
            for i in range(problem.n_pictures):
                report(progress, i, problem.n_pictures, "Agreement of single pictures")
                part = slice(i, i + 1)
                own = zip(picture_graphs(problem, part), problem.poolings(), strict=True)
                found += np.stack([signature_of(graph, pooling, solution[part]) for graph, pooling in own])
            found /= problem.n_pictures
        return np.trace(found, axis1=1, axis2=2) / found.shape[1], found

    def _solve(self, problem: LayeredProblem, progress: ProgressCallback | None) -> LayeredFit:
        of_pictures = self.scope == "picture"
        if self.solver == "direct":
            return (fit_pictures if of_pictures else fit_set)(problem, progress)
        if self.solver == "scf":
            return (scf_pictures if of_pictures else scf_set)(problem, progress)
        settings = self.gradient or GradientSettings.paper(self.scope)
        return (gradient_pictures if of_pictures else gradient_set)(problem, settings, progress)

    def problem(self, layers: Sequence[LayerInput]) -> LayeredProblem:
        """What is to be solved of some layers, checked; see :mod:`.direct` for what takes it."""
        self._check_parameters()  # again: attributes may have been set since
        n_pictures = check_layers(layers)
        grid = common_grid([layer.grid for layer in layers]) if self.grid is None else Grid(*self.grid)
        places = len(grid) * (1 if self.scope == "picture" else n_pictures)
        if self.n_components > places:
            what = "a picture has" if self.scope == "picture" else f"{n_pictures} pictures have"
            raise InputError(
                f"{self.n_components} eigenvectors are asked for, but {what} {places} places on the {grid} grid."
            )
        device = resolve_device(self.device)
        return LayeredProblem(
            layers=layers,
            n_pictures=n_pictures,
            grid=grid,
            graph=self.graph,
            rule=self._rule(),
            n_components=self.n_components,
            power=self.power,
            metric=self.metric,
            n_landmarks=self.n_landmarks,
            n_shared=self.n_shared,
            projections=self.projections,
            seed=self.seed,
            # MPS has no double precision
            device=torch.device("cpu") if device.type == "mps" else device,
            memory=parse_memory(self.memory),
        )
