"""The joint cut of all pictures together: oracles, planted structure, landmarks."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
import torch
from sklearn.metrics import adjusted_mutual_info_score

from alignedcut_viewer.errors import Cancelled, InputError
from alignedcut_viewer.spectral import GraphSettings, LayeredCut, LayerTokens
from alignedcut_viewer.spectral.layered.block_eigensolver import top_eigenpairs
from alignedcut_viewer.spectral.layered.set_graphs import DenseGraph, LandmarkGraph, NeighbourGraph, neighbour_graph
from alignedcut_viewer.spectral.layered.set_solver import JointOperator
from alignedcut_viewer.spectral.layered.token_grid import Grid, Pooling

pytestmark = pytest.mark.quick
CPU = torch.device("cpu")
FEW = GraphSettings(n_inside=8, n_across=8)


def same_space(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.svd(np.linalg.qr(a)[0].T @ np.linalg.qr(b)[0], compute_uv=False).min())


def as_matrix(graph: object, n_pictures: int, n_tokens: int, what: str = "operator") -> np.ndarray:
    n = n_pictures * n_tokens
    unit = torch.eye(n, dtype=torch.float64).reshape(n_pictures, n_tokens, n)
    return getattr(graph, what)(unit).reshape(n, n).numpy()


@pytest.mark.parametrize("two_sides", [False, True])
def test_neighbour_graphs_are_those_of_a_loop(rng: np.random.Generator, two_sides: bool) -> None:
    q, k = (rng.standard_normal((3, 13, 6)).astype(np.float32) for _ in range(2))
    layer = LayerTokens(q, 3, 4, k if two_sides else None, leading=1)
    settings = GraphSettings(n_inside=3, n_across=4, threshold=0.2)
    graph = neighbour_graph(layer, -1, settings, CPU, None)
    left, right = (
        (side[:, 1:] / np.linalg.norm(side[:, 1:], axis=-1, keepdims=True)).reshape(36, 6) for side in (q, k)
    )
    cosine = left @ (right if two_sides else left).T
    cosine[cosine < 0.2] = 0
    directed = np.zeros((36, 36))
    picture = np.arange(36) // 12
    for row in range(36):
        for own, count in ((picture == picture[row], 4), (picture != picture[row], 4)):
            others = np.flatnonzero(own)
            nearest = others[np.argsort(-cosine[row, others])[:count]]
            directed[row, nearest] = cosine[row, nearest]
    affinity = (directed + directed.T) / 2
    degrees = affinity.sum(axis=1, keepdims=True)
    inverse = np.where(degrees > 0, 1 / np.maximum(degrees, 1e-30), 0)
    np.testing.assert_allclose(as_matrix(graph, 3, 12, "walk"), inverse * affinity, atol=1e-5)
    np.testing.assert_allclose(as_matrix(graph, 3, 12, "walk_transposed"), (inverse * affinity).T, atol=1e-5)
    np.testing.assert_allclose(as_matrix(graph, 3, 12), np.sqrt(inverse) * affinity * np.sqrt(inverse.T), atol=1e-5)
    rows = neighbour_graph(layer, -1, GraphSettings(normalisation="row-stochastic", n_inside=3, n_across=4), CPU, None)
    walk = as_matrix(rows, 3, 12, "walk")
    np.testing.assert_allclose(as_matrix(rows, 3, 12), (walk + walk.T) / 2, atol=1e-5)


def test_tokens_without_a_neighbour_and_landmarks_without_a_token_do_no_harm() -> None:
    affinity = scipy.sparse.csr_matrix(([1.0, 1.0], ([0, 1], [1, 0])), shape=(8, 8))
    memberships = scipy.sparse.csr_matrix(([1.0, 0.5, 0.5], ([0, 1, 1], [0, 0, 2])), shape=(8, 4))
    for graph in (NeighbourGraph(affinity, Grid(2, 2), "symmetric", CPU), LandmarkGraph(memberships, Grid(2, 2), CPU)):
        for what in ("walk", "operator"):
            matrix = as_matrix(graph, 2, 4, what)
            assert np.isfinite(matrix).all()
            assert not matrix[5].any()
            assert matrix[0].sum() == pytest.approx(1)


def test_landmark_graphs_are_symmetric_and_row_stochastic() -> None:
    rng = np.random.default_rng(0)
    dense = rng.uniform(0, 1, (12, 5))
    memberships = scipy.sparse.csr_matrix(dense / dense.sum(axis=1, keepdims=True))
    matrix = as_matrix(LandmarkGraph(memberships, Grid(2, 3), CPU), 2, 6)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-7)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)
    assert np.linalg.eigvalsh(matrix).min() > -1e-7


def test_the_block_solver_finds_what_the_dense_one_finds() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((400, 400)) / 60
    # eigenvalues that come in clusters, some far below zero
    matrix = (
        matrix + matrix.T + np.diag(np.r_[np.full(6, 1.0), np.linspace(0.9, 0.5, 20), np.zeros(354), np.full(20, -2.0)])
    )
    operator = torch.from_numpy(matrix).float()
    found = top_eigenpairs(lambda x: operator @ x, 400, 12, seed=3, tolerance=1e-5)
    values, vectors = np.linalg.eigh(matrix)
    np.testing.assert_allclose(found.values, values[::-1][:12], atol=1e-4)
    assert same_space(found.vectors.numpy(), vectors[:, ::-1][:, :12]) > 0.999
    again = top_eigenpairs(lambda x: operator @ x, 400, 12, seed=3, tolerance=1e-5)
    assert torch.equal(found.vectors, again.vectors)


@pytest.mark.parametrize(("metric", "power"), [("pooled", 1), ("isometric", -3), ("generalised", 1)])
def test_the_joint_operator_is_the_formula(metric: str, power: float) -> None:
    rng = np.random.default_rng(4)
    graphs, poolings, matrices = [], [], []
    for grid in (Grid(4, 4), Grid(2, 2), Grid(3, 4)):
        affinity = torch.from_numpy(rng.uniform(0, 1, (2, len(grid), len(grid))))
        affinity = affinity + affinity.transpose(1, 2)
        root = affinity.sum(-1).rsqrt()
        graphs.append(DenseGraph(affinity, affinity * root[:, :, None] * root[:, None, :], grid))
        poolings.append(Pooling(Grid(4, 4), grid, metric))
        pool = np.kron(np.eye(2), poolings[-1].matrix().numpy())
        matrices.append(pool.T @ as_matrix(graphs[-1], 2, len(grid)) @ pool)
    weights = np.array([0.5, 0.2, 0.3])
    joint = JointOperator(graphs, poolings, torch.from_numpy(weights), metric=metric, power=power)
    found = joint(torch.eye(32, dtype=torch.float64)).numpy()
    if power == 1:
        expected = sum(w * m for w, m in zip(weights, matrices, strict=True))
    else:
        shift = joint.eigenvalues(torch.ones(1)).item()  # 1 + shift - 1
        inverse = [np.linalg.matrix_power(np.linalg.inv((1 + shift) * np.eye(32) - m), 3) for m in matrices]
        expected = sum(w * m for w, m in zip(weights, inverse, strict=True))
    if metric == "generalised":
        pools = [np.kron(np.eye(2), p.matrix().numpy()) for p in poolings]
        root = np.linalg.inv(scipy.linalg.sqrtm(sum(w * p.T @ p for w, p in zip(weights, pools, strict=True))))
        expected = root @ expected @ root
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_data_set_is_cut_as_the_dense_eigenproblem_says(planted: SimpleNamespace) -> None:
    layers = planted.layers(planted.labels(6, 3, 8), 3, noise=0.8)
    cut = LayeredCut(5, scope="data set", graph=FEW, weights="uniform", device="cpu").fit(layers)
    mean = sum(as_matrix(neighbour_graph(layer, -1, FEW, CPU, None), 8, 36) for layer in layers) / 3
    values, vectors = np.linalg.eigh(mean)
    np.testing.assert_allclose(cut.eigenvalues_, values[::-1][:5], atol=1e-4)
    assert same_space(cut.eigenvectors_.reshape(-1, 5), vectors[:, ::-1][:, :5]) > 0.999
    assert cut.eigenvectors_.shape == (8, 36, 5)


@pytest.mark.parametrize("n_landmarks", [None, 200])
def test_planted_clusters_come_back_across_pictures_where_each_layer_fails(
    planted: SimpleNamespace, n_landmarks: int | None
) -> None:
    labels = planted.labels(10, 5, 8, seed=1)
    layers = planted.layers(labels, 10, noise=2.0)
    options = {"scope": "data set", "graph": FEW, "n_landmarks": n_landmarks, "device": "cpu"}
    joint = LayeredCut(5, **options).fit_transform(layers)
    together = planted.recovery(joint.reshape(-1, 5), labels)
    alone = [planted.recovery(LayeredCut(5, **options).fit_transform([one]).reshape(-1, 5), labels) for one in layers]
    assert together > max(alone) + 0.2
    assert together > 0.7


@pytest.mark.parametrize("n_landmarks", [None, 150])
def test_position_and_content_are_told_apart(planted: SimpleNamespace, n_landmarks: int | None) -> None:
    """Values hold the planted content, queries and keys the place: each pathway finds its own and not the other."""
    labels = planted.labels(8, 4, 10, seed=2)
    place = np.stack(np.meshgrid(np.arange(8) // 4, np.arange(8) // 4, indexing="ij"), -1).reshape(64, 2) @ (2, 1)
    content = planted.layers(labels, 3, noise=0.7)
    position = planted.layers(np.broadcast_to(place.reshape(8, 8), labels.shape), 3, noise=0.7, seed=9)
    where = [LayerTokens(layer.left, 8, 8, layer.left.copy()) for layer in position]
    every = np.broadcast_to(place, (10, 64)).ravel()
    for layers, own, other in ((content, labels.ravel(), every), (where, every, labels.ravel())):
        cut = LayeredCut(4, scope="data set", graph=FEW, n_landmarks=n_landmarks, device="cpu")
        rows = cut.fit_transform(layers).reshape(-1, 4)
        found = planted.clusters(rows, 4)
        assert adjusted_mutual_info_score(own, found) > 0.6
        assert adjusted_mutual_info_score(own, found) > 5 * adjusted_mutual_info_score(other, found)


def test_identical_layers_and_their_order_change_nothing(planted: SimpleNamespace) -> None:
    layers = planted.layers(planted.labels(8, 4, 6), 3, noise=0.8)
    one, many = (LayeredCut(4, scope="data set", graph=FEW, device="cpu").fit(x) for x in (layers[:1], layers[:1] * 3))
    assert same_space(one.eigenvectors_.reshape(-1, 4), many.eigenvectors_.reshape(-1, 4)) > 0.9999
    first, second = (LayeredCut(4, scope="data set", graph=FEW, device="cpu").fit(x) for x in (layers, layers[::-1]))
    assert same_space(first.eigenvectors_.reshape(-1, 4), second.eigenvectors_.reshape(-1, 4)) > 0.9999
    np.testing.assert_allclose(first.weights_, second.weights_[::-1], atol=1e-4)


def test_projections_are_the_solution_passed_on_by_each_layer(planted: SimpleNamespace) -> None:
    layers = planted.layers(planted.labels(8, 4, 6), 2, noise=0.8)
    layers.append(LayerTokens(np.random.default_rng(0).standard_normal((6, 16, 8)).astype(np.float32), 4, 4))
    for scope in ("picture", "data set"):
        cut = LayeredCut(4, scope=scope, graph=FEW, projections=True, device="cpu").fit(layers)
        assert [p.shape for p in cut.projections_] == [(6, 64, 4), (6, 64, 4), (6, 16, 4)]
        if scope == "data set":
            walk = as_matrix(neighbour_graph(layers[2], -1, FEW, CPU, None), 6, 16, "walk")
            pooled = Pooling(Grid(8, 8), Grid(4, 4)).down(torch.from_numpy(cut.eigenvectors_)).reshape(-1, 4)
            np.testing.assert_allclose(cut.projections_[2].reshape(-1, 4), walk @ pooled.numpy(), atol=1e-5)


def test_the_same_seed_gives_the_same_bits(planted: SimpleNamespace) -> None:
    layers = planted.layers(planted.labels(8, 4, 6), 2, noise=0.8)
    options = {"scope": "data set", "graph": FEW, "n_landmarks": 60, "device": "cpu"}
    first, second = (LayeredCut(4, seed=5, **options).fit_transform(layers) for _ in range(2))
    assert np.array_equal(first, second)


def test_what_does_not_fit_is_said_in_a_sentence(planted: SimpleNamespace) -> None:
    layers = planted.layers(planted.labels(6, 3, 2), 1, noise=0.8)
    with pytest.raises(
        InputError, match="cannot have 50 neighbours in other pictures: 2 pictures of a 6 × 6 grid leave 36"
    ):
        LayeredCut(4, scope="data set", graph=GraphSettings(n_inside=5), device="cpu").fit(layers)
    with pytest.raises(InputError, match="knows nothing of other pictures"):
        LayeredCut(4, scope="data set", graph=GraphSettings("softmax"), device="cpu").fit(layers)
    with pytest.raises(InputError, match="whole number below 0"):
        LayeredCut(4, scope="data set", graph=FEW, power=0.5, device="cpu").fit(layers)
    with pytest.raises(InputError, match="more than the memory bound"):
        LayeredCut(4, scope="data set", graph=FEW, memory="1KB", device="cpu").fit(layers)

    def stop(done: int, total: int, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        LayeredCut(4, scope="data set", graph=FEW, device="cpu").fit(layers, stop)
