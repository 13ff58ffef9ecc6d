"""The paper's own solver and self-consistent fields: what they minimise, and what they find."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from alignedcut_viewer.errors import Cancelled, InputError
from alignedcut_viewer.spectral import GradientSettings, GraphSettings, LayeredCut
from alignedcut_viewer.spectral.layered.gradient import _loss, orthonormal_columns
from alignedcut_viewer.spectral.layered.picture_graphs import walk_and_operator
from alignedcut_viewer.spectral.layered.set_graphs import DenseGraph, neighbour_graph
from alignedcut_viewer.spectral.layered.token_grid import Grid, Pooling

CPU = torch.device("cpu")
SOFT = GraphSettings(affinity="kernel", gamma=0.3, normalisation="row-stochastic")
FEW = GraphSettings(n_inside=8, n_across=8, normalisation="row-stochastic")


def same_space(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.svd(np.linalg.qr(a)[0].T @ np.linalg.qr(b)[0], compute_uv=False).min())


@pytest.mark.quick
def test_the_published_settings() -> None:
    picture, data_set = GradientSettings.paper("picture"), GradientSettings.paper("data set")
    assert (picture.n_channels, picture.learning_rate, picture.n_updates) == (20, 2e-3, 100)
    assert (picture.eigen_weight, picture.orthogonality_weight) == (2, 2)
    assert (data_set.n_channels, data_set.learning_rate, data_set.batch) == (100, 1e-2, 40)
    assert (data_set.n_inner, data_set.n_epochs, data_set.decay) == (5, 200, 0.99)
    for wrong in ({"n_channels": 0}, {"learning_rate": 0.0}, {"decay": 1.0}):
        with pytest.raises(InputError):
            GradientSettings(**wrong)


@pytest.mark.quick
def test_gradients_of_sparse_graphs_are_those_of_dense_ones(planted: SimpleNamespace) -> None:
    (layer,) = planted.layers(planted.labels(6, 3, 4), 1, noise=1.0)
    sparse = neighbour_graph(layer, -1, FEW, CPU, None)
    unit = torch.eye(144).reshape(4, 36, 144)
    walk = sparse.walk(unit).reshape(144, 144)
    values = torch.rand(4, 36, 5, dtype=torch.float64, requires_grad=True)
    pooling = Pooling(Grid(6, 6), Grid(6, 6))
    settings = GradientSettings()
    loss = _loss(values, [sparse], [pooling], [1.0], settings)
    (found,) = torch.autograd.grad(loss, values)
    z = values.reshape(144, 5)
    z = z / z.norm(dim=0)
    gram = z.T @ z
    eigen = ((z * (walk.double() @ z)).sum(0) - 1).abs().mean()
    expected = 2 * eigen + 2 * (gram - torch.diag(torch.diagonal(gram))).square().sum() / 20
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    torch.testing.assert_close(found, torch.autograd.grad(expected, values)[0], atol=1e-6, rtol=1e-4)


@pytest.mark.quick
def test_orthonormal_columns_are_those_of_the_singular_value_decomposition(rng: np.random.Generator) -> None:
    maps = torch.from_numpy(rng.uniform(0, 1, (2, 9, 6))).float()
    flat = maps.reshape(18, 6).double()
    for rows in (False, True):
        unit = flat / flat.norm(dim=1 if rows else 0, keepdim=True)
        u, s, _ = torch.linalg.svd(unit, full_matrices=False)
        vectors, values = orthonormal_columns(maps, 4, rows=rows)
        torch.testing.assert_close(values, s[:4])
        assert same_space(vectors.reshape(18, 4).numpy(), u[:, :4].numpy()) > 0.9999


def test_descent_of_a_picture_lowers_the_loss_and_finds_the_clusters(planted: SimpleNamespace) -> None:
    labels = planted.labels(10, 3, 2)
    layers = planted.layers(labels, 3, noise=0.8)
    cut = LayeredCut(
        3, solver="gradient", graph=SOFT, gradient=GradientSettings(n_channels=8, learning_rate=1e-2), device="cpu"
    ).fit(layers)
    assert cut.history_.shape == (2 * 101, 2)
    for course in cut.history_.reshape(2, 101, 2):
        assert course[-1, 1] < 0.8 * course[0, 1]
    # the last loss is the objective that the terms say, here the mean of two pictures
    last = cut.history_.reshape(2, 101, 2)[:, -1, 1].mean()
    assert last == pytest.approx(2 * cut.terms_.total(np.full(3, 1 / 3)), rel=1e-3)
    assert np.mean([planted.recovery(v, t) for v, t in zip(cut.eigenvectors_, labels, strict=True)]) > 0.8
    again = LayeredCut(
        3, solver="gradient", graph=SOFT, gradient=GradientSettings(n_channels=8, learning_rate=1e-2), device="cpu"
    ).fit_transform(layers)
    np.testing.assert_array_equal(cut.eigenvectors_, again)


def test_descent_of_a_data_set_in_batches(planted: SimpleNamespace) -> None:
    labels = planted.labels(6, 3, 7)
    layers = planted.layers(labels, 2, noise=0.6)
    settings = GradientSettings(n_channels=6, learning_rate=5e-2, batch=3, n_epochs=30, decay=0.8)
    cut = LayeredCut(3, scope="data set", solver="gradient", graph=FEW, gradient=settings, device="cpu").fit(layers)
    assert len(cut.history_) == 30 * 2 * 5  # one of seven pictures is left over in each epoch
    assert cut.history_[-10:, 1].mean() < 0.8 * cut.history_[:10, 1].mean()
    assert cut.eigenvectors_.shape == (7, 36, 3)
    assert planted.recovery(cut.eigenvectors_.reshape(-1, 3), labels) > 0.5


@pytest.mark.quick
def test_where_layers_share_a_resolution_self_consistent_fields_are_the_direct_solution(
    planted: SimpleNamespace,
) -> None:
    layers = planted.layers(planted.labels(8, 3, 1), 3, noise=0.8)
    direct, fields = (LayeredCut(4, solver=s, graph=SOFT, device="cpu").fit(layers) for s in ("direct", "scf"))
    assert same_space(direct.eigenvectors_[0], fields.eigenvectors_[0]) > 0.999
    np.testing.assert_allclose(direct.eigenvalues_, fields.eigenvalues_, atol=1e-3)


@pytest.mark.quick
@pytest.mark.parametrize("scope", ["picture", "data set"])
def test_self_consistent_fields_climb_the_sum_of_quotients(planted: SimpleNamespace, scope: str) -> None:
    labels = planted.labels(8, 3, 5)
    layers = planted.layers(labels, 2, noise=0.8)
    coarse = planted.layers(labels[:, ::2, ::2], 2, noise=0.8, seed=4)
    graph = SOFT if scope == "picture" else FEW

    def quotients(vectors: np.ndarray) -> float:
        total = 0.0
        for layer in layers + coarse:
            pooled = Pooling(Grid(8, 8), layer.grid).down(torch.from_numpy(vectors))
            if scope == "picture":
                walk, operator = (m[:, 0] for m in walk_and_operator(layer, slice(0, 5), graph, CPU))
                moved = DenseGraph(walk, operator, layer.grid).operator(pooled)
                total += float(((pooled * moved).sum(1) / pooled.square().sum(1)).mean()) / 4
            else:
                moved = neighbour_graph(layer, -1, graph, CPU, None).operator(pooled)
                total += float(((pooled * moved).sum((0, 1)) / pooled.square().sum((0, 1))).mean()) / 4
        return total

    options = {"scope": scope, "graph": graph, "weights": "uniform", "device": "cpu"}
    direct, fields = (LayeredCut(4, solver=s, **options).fit(layers + coarse) for s in ("direct", "scf"))
    assert quotients(fields.eigenvectors_) > quotients(direct.eigenvectors_) + 0.005
    assert fields.eigenvalues_.mean() == pytest.approx(quotients(fields.eigenvectors_), abs=1e-3)
    columns = fields.eigenvectors_.reshape(-1, 4) if scope == "data set" else fields.eigenvectors_[0]
    np.testing.assert_allclose(columns.T @ columns, np.eye(4), atol=1e-3)


@pytest.mark.quick
def test_they_can_be_stopped_and_say_what_does_not_fit(planted: SimpleNamespace) -> None:
    layers = planted.layers(planted.labels(6, 3, 2), 1, noise=0.8)

    def stop(done: int, total: int, text: str) -> None:
        if text.startswith("Gradient"):
            raise Cancelled

    with pytest.raises(Cancelled):
        LayeredCut(3, solver="gradient", graph=SOFT, device="cpu").fit(layers, stop)
    with pytest.raises(InputError, match="21 eigenvectors are asked for, but the gradient solver learns 20"):
        LayeredCut(21, solver="gradient", graph=SOFT, device="cpu").fit(layers)
    with pytest.raises(InputError, match="Unknown solver"):
        LayeredCut(3, solver="annealing")
