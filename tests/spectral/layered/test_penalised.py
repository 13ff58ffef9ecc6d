"""The paper's objective in the span of a solution: its closed form, and never above where it began."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.spectral import GraphSettings, LayeredCut, LayerTokens
from alignedcut_viewer.spectral.layered.direct import picture_graphs
from alignedcut_viewer.spectral.layered.fit_parts import terms_of
from alignedcut_viewer.spectral.layered.gradient import GradientSettings
from alignedcut_viewer.spectral.layered.penalised import lowest_in_span
from alignedcut_viewer.spectral.layered.set_graphs import DenseGraph
from alignedcut_viewer.spectral.layered.token_grid import Grid, Pooling

pytestmark = pytest.mark.quick


def graph_of(values: np.ndarray, rng: np.random.Generator) -> tuple[DenseGraph, torch.Tensor]:
    """A graph on 3 × 4 places with these eigenvalues, and its eigenvectors."""
    basis = torch.from_numpy(np.linalg.qr(rng.normal(size=(12, 12)))[0]).float()
    matrix = (basis * torch.from_numpy(values).float()) @ basis.T
    return DenseGraph(matrix[None], matrix[None], Grid(3, 4)), basis[None]


def test_the_gain_of_tilting_is_the_closed_form(rng: np.random.Generator) -> None:
    """Eight columns of eigenvalues 1 and q; seven lean by s = sin(t)^2 to the first, at 14 s + 42 s^2 over 56."""
    grid, q = Grid(3, 4), 0.4
    graph, basis = graph_of(np.array([1.0, *[q] * 7, *np.zeros(4)]), rng)
    columns, history = lowest_in_span(basis[..., :8], [graph], [Pooling(grid, grid)], torch.ones(1), max_steps=1000)
    lean = np.linspace(0, 1, 4001)
    closed = ((1 - lean) * (1 - q) * 7 / 8 + (14 * lean + 42 * lean**2) / 56).min()
    orthonormal = (1 - q) * 7 / 8
    assert closed < orthonormal - 0.02
    assert min(value for _, value in history) <= closed + 1e-5
    torch.testing.assert_close(columns.square().sum(dim=(0, 1)), torch.ones(8))


def test_below_gradient_descent_on_its_own_objective(rng: np.random.Generator) -> None:
    """Planted parts at two resolutions, attention as it is: the span of the direct solution holds lower columns."""
    parts = rng.integers(0, 5, (8, 8))
    layers = []
    for rows in (8, 4):
        coarse = parts[:: 8 // rows, :: 8 // rows].ravel()
        tokens = np.eye(5)[coarse] @ rng.normal(size=(5, 12)) + 0.5 * rng.normal(size=(rows * rows, 12))
        layers.append(LayerTokens(tokens[None].astype(np.float32), rows, rows, tokens[None].astype(np.float32)))
    graph = GraphSettings(affinity="softmax", normalisation="row-stochastic")
    options = {"graph": graph, "weights": "resolution", "device": "cpu"}
    descent = LayeredCut(5, solver="gradient", gradient=GradientSettings(n_channels=5), **options).fit(layers)
    direct = LayeredCut(5, **options).fit(layers)
    problem = LayeredCut(5, **options).problem(layers)
    graphs, weights = picture_graphs(problem, slice(0, 1)), problem.first_weights()
    vectors = torch.from_numpy(direct.eigenvectors_)
    columns, _ = lowest_in_span(vectors, graphs, problem.poolings(), weights)
    after = terms_of(problem, graphs, columns).total(weights.numpy())
    assert after <= direct.terms_.total(weights.numpy()) + 1e-6
    assert after < descent.terms_.total(weights.numpy())
    with pytest.raises(InputError, match="6 columns cannot be made"):
        lowest_in_span(vectors, graphs, problem.poolings(), weights, n_columns=6)
