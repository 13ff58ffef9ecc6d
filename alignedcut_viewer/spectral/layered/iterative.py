"""The other solvers of a layered cut, on the graphs of the direct one: the paper's own, self-consistent fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from ...errors import InputError
from ...progress import ProgressCallback, report, span
from .direct import picture_graphs, set_graphs
from .fit_parts import LayeredFit, LayeredProblem, mean_projections, terms_of, with_signs
from .gradient import GradientSettings, descend_picture, descend_table, orthonormal_columns
from .layer_tokens import LayerTokens
from .layer_weights import agreement_of
from .objective import LayerTerms
from .picture_solver import solve_pictures
from .scf import climb
from .set_graphs import SetGraph
from .set_solver import solve_set

__all__ = ["gradient_pictures", "gradient_set", "scf_pictures", "scf_set"]


def scf_pictures(problem: LayeredProblem, progress: ProgressCallback | None) -> LayeredFit:
    """Climb the sum of Rayleigh quotients of every picture, from its direct solution."""

    def solve(graphs: Sequence[SetGraph], stage: ProgressCallback) -> _Solved:
        dense = [graph.operators for graph in graphs]  # type: ignore[attr-defined]
        first = solve_pictures(
            dense,
            problem.poolings("pooled"),
            problem.first_weights(),
            problem.rule,
            problem.n_components,
            metric="pooled",
            power=1.0,
        )
        vectors, values = climb(
            first.vectors.float(), graphs, problem.poolings(), first.weights[0], seed=problem.seed, progress=stage
        )
        return _Solved(vectors, values, first.weights[0], vectors, [])

    return _each_picture(problem, solve, progress)


def scf_set(problem: LayeredProblem, progress: ProgressCallback | None) -> LayeredFit:
    """Climb the sum of Rayleigh quotients of all pictures together, from their direct solution."""
    graphs = set_graphs(problem, span(progress, 0.0, 0.4))
    first = solve_set(
        graphs,
        problem.poolings("pooled"),
        problem.first_weights(),
        problem.rule,
        problem.n_components,
        metric="pooled",
        power=1.0,
        seed=problem.seed,
        device=problem.device,
        progress=span(progress, 0.4, 0.7),
    )
    vectors, values = climb(
        first.vectors, graphs, problem.poolings(), first.weights, seed=problem.seed, progress=span(progress, 0.7, 1.0)
    )
    return _finished(problem, graphs, _Solved(vectors, values, first.weights, vectors, []))


def gradient_pictures(
    problem: LayeredProblem, settings: GradientSettings, progress: ProgressCallback | None
) -> LayeredFit:
    """The paper's solver for single pictures."""
    _check_channels(problem, settings)
    weights = problem.first_weights()

    def solve(graphs: Sequence[SetGraph], stage: ProgressCallback) -> _Solved:
        maps, history = descend_picture(
            graphs, problem.poolings(), weights, settings, seed=problem.seed, device=problem.device, progress=stage
        )
        vectors, values = orthonormal_columns(maps, problem.n_components, rows=False)
        return _Solved(vectors, values, weights, maps, history)

    return _each_picture(problem, solve, progress)


def gradient_set(problem: LayeredProblem, settings: GradientSettings, progress: ProgressCallback | None) -> LayeredFit:
    """The paper's solver for a data set: graphs of every batch by itself, made anew for each."""
    _check_channels(problem, settings)
    weights, n = problem.first_weights(), problem.n_pictures
    every: list[SetGraph] = []

    def graphs_of(batch: Sequence[int]) -> Sequence[SetGraph]:
        if len(batch) < n:
            return set_graphs(_some_pictures(problem, batch), None)
        if not every:
            every.extend(set_graphs(problem, None))
        return every

    maps, history = descend_table(
        graphs_of,
        n,
        problem.poolings(),
        weights,
        settings,
        seed=problem.seed,
        device=problem.device,
        progress=span(progress, 0.0, 0.9),
    )
    vectors, values = orthonormal_columns(maps, problem.n_components, rows=True)
    graphs = graphs_of(range(n))
    return _finished(problem, graphs, _Solved(vectors, values, weights, maps, history))


def _check_channels(problem: LayeredProblem, settings: GradientSettings) -> None:
    if settings.n_channels < problem.n_components:
        raise InputError(
            f"{problem.n_components} eigenvectors are asked for, but the gradient solver learns {settings.n_channels} "
            "channels; ask for fewer, or for more channels."
        )


def _some_pictures(problem: LayeredProblem, pictures: Sequence[int]) -> LayeredProblem:
    layers = []
    for layer in problem.layers:
        assert isinstance(layer, LayerTokens)
        left = np.concatenate([np.asarray(layer.left[i : i + 1]) for i in pictures])
        right = None if layer.right is None else np.concatenate([np.asarray(layer.right[i : i + 1]) for i in pictures])
        layers.append(replace(layer, left=left, right=right))
    return replace(problem, layers=layers, n_pictures=len(pictures))


class _Solved:
    """Columns, their values, the weights, what the objective is given, and the course of the descent."""

    def __init__(
        self,
        vectors: torch.Tensor,
        values: torch.Tensor,
        weights: torch.Tensor,
        judged: torch.Tensor,
        history: list[tuple[float, float]],
    ) -> None:
        self.vectors, self.values, self.weights, self.judged, self.history = vectors, values, weights, judged, history


_Solve = Callable[[Sequence[SetGraph], ProgressCallback], _Solved]


def _finished(problem: LayeredProblem, graphs: Sequence[SetGraph], solved: _Solved) -> LayeredFit:
    signed = with_signs(solved.vectors, together=True)
    agreement = []
    for graph, pooling in zip(graphs, problem.poolings(), strict=True):
        basis = pooling.down(signed)
        agreement.append(float(agreement_of(basis, graph.operator(basis), together=True)))
    moved = [p.cpu().numpy() for p in mean_projections(problem, graphs, signed)] if problem.projections else None
    return LayeredFit(
        signed.cpu().numpy(),
        solved.values.double().cpu().numpy(),
        solved.weights.double().cpu().numpy(),
        np.array(agreement),
        terms_of(problem, graphs, solved.judged),
        moved,
        np.array(solved.history).reshape(-1, 2),
    )


def _each_picture(problem: LayeredProblem, solve: _Solve, progress: ProgressCallback | None) -> LayeredFit:
    fits = []
    for number in range(problem.n_pictures):
        report(progress, number, problem.n_pictures, "Joint cuts")
        graphs = picture_graphs(problem, slice(number, number + 1))
        stage = span(progress, number / problem.n_pictures, (number + 1) / problem.n_pictures)
        fits.append(_finished(problem, graphs, solve(graphs, stage)))
    projections = None
    if problem.projections:
        each = [fit.projections or [] for fit in fits]
        projections = [np.concatenate([own[i] for own in each]) for i in range(len(problem.layers))]
    return LayeredFit(
        np.concatenate([fit.eigenvectors for fit in fits]),
        np.stack([fit.eigenvalues for fit in fits]),
        np.stack([fit.weights for fit in fits]),
        np.stack([fit.agreement for fit in fits]),
        LayerTerms(
            np.mean([fit.terms.eigen for fit in fits], axis=0),
            np.mean([fit.terms.orthogonality for fit in fits], axis=0),
            problem.grids,
            problem.names,
        ),
        projections,
        np.concatenate([fit.history for fit in fits]),
    )
