"""The joint cut of each picture: known answers and an oracle."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
import torch

from alignedcut_viewer.errors import Cancelled, InputError
from alignedcut_viewer.spectral import GraphSettings, LayeredCut, LayerTokens, LayerWeights
from alignedcut_viewer.spectral.layered.picture_graphs import picture_affinities, walk_and_operator
from alignedcut_viewer.spectral.layered.picture_solver import power_shift
from alignedcut_viewer.spectral.layered.token_grid import Grid, Pooling

pytestmark = pytest.mark.quick
KERNEL = GraphSettings(affinity="kernel", gamma=0.3)


def same_space(a: np.ndarray, b: np.ndarray) -> float:
    """Smallest cosine between two spaces of orthonormal columns."""
    return float(np.linalg.svd(np.linalg.qr(a)[0].T @ np.linalg.qr(b)[0], compute_uv=False).min())


def test_planted_clusters_come_back_from_all_layers_where_each_alone_fails(planted: SimpleNamespace) -> None:
    labels = planted.labels(12, 4, 3)
    layers = planted.layers(labels, 12, noise=3.0)
    joint = LayeredCut(4, graph=KERNEL, device="cpu").fit_transform(layers)
    together = [planted.recovery(joint[i], labels[i]) for i in range(3)]
    alone = [
        [planted.recovery(own[i], labels[i]) for i in range(3)]
        for own in (LayeredCut(4, graph=KERNEL, device="cpu").fit_transform([layer]) for layer in layers)
    ]
    assert np.mean(together) > 0.9
    assert np.mean(alone, axis=1).max() < 0.5


def test_one_resolution_is_the_dense_eigenproblem_of_the_mean(planted: SimpleNamespace) -> None:
    layers = planted.layers(planted.labels(6, 3, 2), 3, noise=1.0)
    cut = LayeredCut(5, graph=KERNEL, weights=(1.0, 2.0, 3.0), device="cpu").fit(layers)
    for picture in range(2):
        mean = np.zeros((36, 36))
        for layer, weight in zip(layers, (1, 2, 3), strict=True):
            affinity = picture_affinities(layer, slice(picture, picture + 1), KERNEL, torch.device("cpu"))[0, 0].numpy()
            root = np.sqrt(affinity.sum(axis=1))
            mean += weight / 6 * affinity / root[:, None] / root
        values, vectors = scipy.linalg.eigh(mean)
        np.testing.assert_allclose(cut.eigenvalues_[picture], values[::-1][:5], atol=1e-5)
        assert same_space(cut.eigenvectors_[picture], vectors[:, ::-1][:, :5]) > 1 - 1e-4
    np.testing.assert_allclose(cut.weights_, [[1 / 6, 1 / 3, 1 / 2]] * 2)


@pytest.mark.parametrize("metric", ["pooled", "isometric", "generalised"])
def test_layers_of_different_resolution_are_the_dense_eigenproblem_of_their_metric(
    planted: SimpleNamespace, metric: str
) -> None:
    labels = planted.labels(12, 3, 1)
    layers: list[LayerTokens] = planted.layers(labels, 2, noise=1.0)
    coarse = np.random.default_rng(3).standard_normal((1, 6 * 4, 10)).astype(np.float32)
    layers.append(LayerTokens(coarse, 6, 4))
    cut = LayeredCut(5, graph=KERNEL, weights="uniform", metric=metric, device="cpu").fit(layers)
    joint, metric_matrix = np.zeros((144, 144)), np.zeros((144, 144))
    for layer in layers:
        pool = Pooling(Grid(12, 12), layer.grid, metric).matrix().numpy()
        operator = walk_and_operator(layer, slice(0, 1), KERNEL, torch.device("cpu"))[1][0, 0].numpy()
        joint += pool.T @ operator @ pool / 3
        metric_matrix += pool.T @ pool / 3
    right = metric_matrix if metric == "generalised" else np.eye(144)
    values, vectors = scipy.linalg.eigh(joint, right)
    np.testing.assert_allclose(cut.eigenvalues_[0], values[::-1][:5], atol=1e-5)
    found = cut.eigenvectors_[0].astype(float)
    np.testing.assert_allclose(found.T @ right @ found, np.eye(5), atol=1e-4)
    assert same_space(found, vectors[:, ::-1][:, :5]) > 1 - 1e-4


def test_identical_layers_give_the_eigenvectors_of_one(planted: SimpleNamespace) -> None:
    (layer,) = planted.layers(planted.labels(8, 3, 2), 1, noise=0.7)
    for power in (1.0, -1.0, 0.0, -10.0):
        one = LayeredCut(4, graph=KERNEL, power=power, device="cpu").fit([layer])
        many = LayeredCut(4, graph=KERNEL, power=power, device="cpu").fit([layer] * 5)
        np.testing.assert_allclose(many.eigenvalues_, one.eigenvalues_, atol=1e-6)
        for a, b in zip(one.eigenvectors_, many.eigenvectors_, strict=True):
            assert same_space(a, b) > 1 - 1e-5
    np.testing.assert_allclose(many.weights_, 0.2)


def test_the_order_of_the_layers_changes_nothing(planted: SimpleNamespace) -> None:
    layers = planted.layers(planted.labels(8, 3, 2), 5, noise=1.0)
    order = [3, 0, 4, 2, 1]
    first = LayeredCut(4, graph=KERNEL, device="cpu").fit(layers)
    second = LayeredCut(4, graph=KERNEL, device="cpu").fit([layers[i] for i in order])
    np.testing.assert_allclose(first.eigenvectors_, second.eigenvectors_, atol=1e-4)
    np.testing.assert_allclose(first.weights_[:, order], second.weights_, atol=1e-6)


def test_weights_by_agreement_leave_out_layers_that_hold_nothing(planted: SimpleNamespace) -> None:
    labels = planted.labels(12, 4, 2)
    rng = np.random.default_rng(8)
    lost = [LayerTokens(rng.standard_normal((2, 144, 24)).astype(np.float32), 12, 12) for _ in range(6)]
    layers = planted.layers(labels, 3, noise=0.8) + lost
    cut = LayeredCut(4, graph=KERNEL, device="cpu").fit(layers)
    assert cut.agreement_[:, :3].min() > cut.agreement_[:, 3:].max()
    assert cut.weights_[:, :3].sum(axis=1).min() > 0.9
    even = LayeredCut(4, graph=KERNEL, weights=LayerWeights("agreement", rounds=0), device="cpu").fit(layers)
    np.testing.assert_allclose(even.weights_, 1 / 9)


@pytest.mark.parametrize("power", [-3.0, -1.0, 0.0, 2.0])
def test_power_means_are_those_of_the_formula(planted: SimpleNamespace, power: float) -> None:
    layers = planted.layers(planted.labels(6, 3, 1), 3, noise=1.0)
    cut = LayeredCut(4, graph=KERNEL, weights="uniform", power=power, device="cpu").fit(layers)
    shift = power_shift(power)
    laplacians = [
        (1 + shift) * np.eye(36) - walk_and_operator(layer, slice(0, 1), KERNEL, torch.device("cpu"))[1][0, 0].numpy()
        for layer in layers
    ]
    if power == 0:
        mean = scipy.linalg.expm(sum(scipy.linalg.logm(matrix) for matrix in laplacians) / 3)
    else:
        powers = sum(scipy.linalg.fractional_matrix_power(matrix, power) for matrix in laplacians) / 3
        mean = scipy.linalg.fractional_matrix_power(powers, 1 / power)
    values, vectors = scipy.linalg.eigh((mean + mean.T) / 2)
    np.testing.assert_allclose(cut.eigenvalues_[0], 1 + shift - values[:4], atol=1e-4)
    assert same_space(cut.eigenvectors_[0], vectors[:, :4]) > 1 - 1e-4


def test_heads_apart_are_graphs_of_their_own(planted: SimpleNamespace) -> None:
    layers = [
        LayerTokens(layer.left, 8, 8, heads=3, name=layer.name)
        for layer in planted.layers(planted.labels(8, 3, 2), 2, noise=0.5)
    ]
    cut = LayeredCut(4, graph=GraphSettings(affinity="kernel", heads="apart"), device="cpu").fit(layers)
    assert cut.graph_layers_ == ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2))
    assert cut.agreement_.shape == (2, 6)
    assert cut.terms_.names[4] == "layer 1, head 1"


def test_terms_are_those_of_the_formula(planted: SimpleNamespace) -> None:
    layers = planted.layers(planted.labels(8, 3, 1), 2, noise=0.5)
    layers.append(LayerTokens(np.random.default_rng(0).standard_normal((1, 16, 8)).astype(np.float32), 4, 4))
    cut = LayeredCut(3, graph=KERNEL, device="cpu").fit(layers)
    for number, layer in enumerate(layers):
        walk = walk_and_operator(layer, slice(0, 1), KERNEL, torch.device("cpu"))[0][0, 0].numpy()
        z = Pooling(Grid(8, 8), layer.grid).matrix().numpy() @ cut.eigenvectors_[0]
        z /= np.linalg.norm(z, axis=0)
        gram = z.T @ z
        assert cut.terms_.eigen[number] == pytest.approx(np.abs(np.diag(z.T @ walk @ z) - 1).mean(), abs=1e-5)
        off = (gram - np.diag(np.diag(gram))).__pow__(2).sum()
        assert cut.terms_.orthogonality[number] == pytest.approx(off / 6, rel=1e-5)
    assert set(cut.terms_.by_resolution()) == {Grid(8, 8), Grid(4, 4)}
    assert cut.terms_.total() == pytest.approx(cut.terms_.eigen.sum() + cut.terms_.orthogonality.sum())


def test_memory_divides_the_work_and_not_the_result(planted: SimpleNamespace) -> None:
    layers = planted.layers(planted.labels(8, 3, 5), 3, noise=1.0)
    steps: list[int] = []
    small = LayeredCut(4, graph=KERNEL, memory="1MB", device="cpu").fit(layers, lambda done, *_: steps.append(done))
    assert len(steps) > 3
    large = LayeredCut(4, graph=KERNEL, device="cpu").fit(layers)
    np.testing.assert_allclose(small.eigenvectors_, large.eigenvectors_, atol=1e-5)


def test_a_cancelled_fit_leaves_the_last_one(planted: SimpleNamespace) -> None:
    layers = planted.layers(planted.labels(8, 3, 4), 2, noise=1.0)
    cut = LayeredCut(4, graph=KERNEL, memory="1MB", device="cpu").fit(layers)
    before = cut.eigenvectors_

    def stop(done: int, total: int, text: str) -> None:
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        cut.fit(layers[:1], stop)
    assert cut.eigenvectors_ is before


def test_what_does_not_fit_is_said_in_a_sentence(planted: SimpleNamespace) -> None:
    layers = planted.layers(planted.labels(8, 3, 2), 2, noise=1.0)
    with pytest.raises(InputError, match="at least one layer"):
        LayeredCut(device="cpu").fit([])
    with pytest.raises(InputError, match="65 eigenvectors are asked for, but a picture has 64 places"):
        LayeredCut(65, graph=KERNEL, device="cpu").fit(layers)
    with pytest.raises(InputError, match="3 weights are given for 2 layers"):
        LayeredCut(3, graph=KERNEL, weights=(1, 2, 3), device="cpu").fit(layers)
    other = planted.layers(planted.labels(8, 3, 3), 1, noise=1.0)
    with pytest.raises(InputError, match="same pictures; they have 2, 3"):
        LayeredCut(3, graph=KERNEL, device="cpu").fit(layers + other)
    for wrong in ({"n_components": 0}, {"scope": "x"}, {"metric": "x"}, {"weights": "x"}, {"power": np.nan}):
        with pytest.raises(InputError):
            LayeredCut(**wrong)
