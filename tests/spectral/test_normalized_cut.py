"""The cut against exact solvers, reference libraries and planted structure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.manifold import SpectralEmbedding
from sklearn.metrics import adjusted_rand_score

from alignedcut_viewer.errors import Cancelled, FeatureError, InputError
from alignedcut_viewer.spectral import NormalizedCut
from alignedcut_viewer.spectral.normalized_cut import EXACT_UP_TO

pytestmark = pytest.mark.quick

CPU = {"device": "cpu"}
METHODS = ["exact", "nystrom", "knn"]


@pytest.mark.parametrize(("kernel", "gamma"), [("cosine", 0.5), ("rbf", 20.0)])
def test_exact_is_the_dense_solution(planted: Callable, dense_cut: Callable, kernel: str, gamma: float) -> None:
    X = planted(300).features
    values, vectors, _ = dense_cut(X, gamma, 10, kernel=kernel)
    cut = NormalizedCut(10, kernel=kernel, gamma=gamma, method="exact", **CPU)
    found = cut.fit_transform(X)
    np.testing.assert_allclose(cut.eigenvalues_, values, atol=1e-9)
    np.testing.assert_allclose(np.abs((found * vectors).sum(axis=0)), 1.0, atol=1e-5)
    assert cut.explained_ == 1.0


def test_lanczos_is_the_dense_solution(planted: Callable, dense_cut: Callable) -> None:
    X = planted(900).features  # large enough for the iterative solver
    values, vectors, _ = dense_cut(X, 0.5, 12)
    cut = NormalizedCut(12, gamma=0.5, method="exact", **CPU)
    found = cut.fit_transform(X)
    np.testing.assert_allclose(cut.eigenvalues_, values, atol=1e-9)
    np.testing.assert_allclose(np.abs((found * vectors).sum(axis=0))[:8], 1.0, atol=1e-4)


def test_exact_without_room_for_the_matrix(planted: Callable, dense_cut: Callable, subspace_cosine: Callable) -> None:
    X = planted(1200).features
    values, vectors, _ = dense_cut(X, 0.5, 8)
    cut = NormalizedCut(8, gamma=0.5, method="exact", memory="4MiB", **CPU)  # the matrix takes 11 MiB in float64
    found = cut.fit_transform(X)
    np.testing.assert_allclose(cut.eigenvalues_, values, atol=1e-5)
    assert subspace_cosine(found, vectors) > 0.9999


@pytest.mark.parametrize(("kernel", "gamma"), [("cosine", 0.5), ("rbf", 20.0)])
def test_nystrom_is_close_to_the_dense_solution(
    planted: Callable, dense_cut: Callable, kernel: str, gamma: float
) -> None:
    X = planted(1200, width=12).features
    values, vectors, _ = dense_cut(X, gamma, 8, kernel=kernel)
    cut = NormalizedCut(8, kernel=kernel, gamma=gamma, method="nystrom", **CPU)
    found = cut.fit_transform(X)
    np.testing.assert_allclose(np.abs((found * vectors).sum(axis=0)), 1.0, atol=2e-3)
    np.testing.assert_allclose(cut.eigenvalues_, values, atol=2e-3)


@pytest.mark.parametrize("kernel", ["cosine", "rbf"])
def test_nystrom_in_a_span_of_wide_features(planted: Callable, dense_cut: Callable, kernel: str) -> None:
    X = planted(1000, width=400, spread=0.3).features  # wider than the span that landmarks lie in
    gamma = 0.5 if kernel == "cosine" else 200.0
    _, vectors, _ = (
        dense_cut(X, gamma, 8, kernel=kernel)
        if kernel == "cosine"
        else (None, NormalizedCut(8, kernel="rbf", gamma=gamma, method="exact", **CPU).fit_transform(X), None)
    )
    found = NormalizedCut(8, kernel=kernel, gamma=gamma, method="nystrom", **CPU).fit_transform(X)
    np.testing.assert_allclose(np.abs((found * vectors).sum(axis=0)), 1.0, atol=5e-3)


def test_scikit_learn_finds_the_same(planted: Callable) -> None:
    """SpectralEmbedding's map is the random walk's: D^-1/2 U, up to a factor a column."""
    X = planted(400).features
    points = X.astype(np.float64) / np.linalg.norm(X, axis=1, keepdims=True)
    affinity = np.exp((points @ points.T - 1) / 0.5)
    reference = SpectralEmbedding(5, affinity="precomputed", eigen_solver="arpack", random_state=0).fit_transform(
        affinity
    )
    found = NormalizedCut(6, gamma=0.5, method="exact", **CPU).fit_transform(X)
    walk = found[:, 1:] / found[:, :1]
    cosine = np.abs((walk * reference).sum(axis=0))
    cosine /= np.linalg.norm(walk, axis=0) * np.linalg.norm(reference, axis=0)
    np.testing.assert_allclose(cosine, 1.0, atol=5e-3)  # scikit-learn leaves the diagonal out


def test_first_eigenvector_is_the_root_of_the_degrees(planted: Callable, dense_cut: Callable) -> None:
    X = planted(300).features
    _, _, degrees = dense_cut(X, 0.5, 1)
    found = NormalizedCut(3, gamma=0.5, method="exact", **CPU).fit_transform(X)[:, 0]
    np.testing.assert_allclose(found, np.sqrt(degrees / degrees.sum()), rtol=1e-5)


def test_random_walk_eigenvectors_follow_from_the_documented_scale(planted: Callable) -> None:
    X = planted(300).features
    cut = NormalizedCut(6, gamma=0.5, method="exact", **CPU)
    found = cut.fit_transform(X).astype(np.float64)
    points = X.astype(np.float64) / np.linalg.norm(X, axis=1, keepdims=True)
    affinity = np.exp((points @ points.T - 1) / 0.5)
    walk = affinity / affinity.sum(axis=1, keepdims=True)
    psi = found / found[:, :1]
    np.testing.assert_allclose(walk @ psi, psi * cut.eigenvalues_, atol=2e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("balance", [0.0, 0.75])
def test_columns_are_orthonormal_over_all_nodes(planted: Callable, method: str, balance: float) -> None:
    X = planted(9000).features if method == "nystrom" else planted(1000).features
    asked = True if method == "knn" else None
    cut = NormalizedCut(12, gamma=0.5, method=method, balance=balance, n_landmarks=300, orthonormal=asked, **CPU)
    found = cut.fit_transform(X)
    np.testing.assert_allclose(found.T @ found, np.eye(12), atol=2e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("orthonormal", [True, False])
@pytest.mark.parametrize("balance", [0.0, 0.5])
def test_transform_repeats_fit_transform(planted: Callable, method: str, orthonormal: bool, balance: float) -> None:
    X = planted(10_000 if method == "nystrom" else 1100).features
    cut = NormalizedCut(6, gamma=0.5, method=method, n_landmarks=200, orthonormal=orthonormal, balance=balance, **CPU)
    found = cut.fit_transform(X)
    np.testing.assert_array_equal(cut.transform(X), found)
    np.testing.assert_allclose(cut.transform(X[37:450]), found[37:450], atol=1e-6)
    again = NormalizedCut(
        6, gamma=0.5, method=method, n_landmarks=200, orthonormal=orthonormal, balance=balance, **CPU
    ).fit(X)
    np.testing.assert_array_equal(again.transform(X), found)
    np.testing.assert_array_equal(again.eigenvalues_, cut.eigenvalues_)


@pytest.mark.parametrize("method", METHODS)
def test_unseen_nodes_lie_where_their_neighbours_do(planted: Callable, method: str) -> None:
    X, groups = planted(1500)
    cut = NormalizedCut(8, gamma=0.5, method=method, n_landmarks=400, **CPU).fit(X[:1000])
    old, new = cut.transform(X[:1000]), cut.transform(X[1000:])
    centres = np.stack([old[groups[:1000] == g].mean(axis=0) for g in range(8)])
    nearest = ((new[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == groups[1000:]).mean() > 0.99


def test_no_cliff_where_auto_changes_its_method(planted: Callable) -> None:
    X = planted(EXACT_UP_TO + 1, width=40).features
    below = NormalizedCut(8, gamma=0.5, **CPU)
    above = NormalizedCut(8, gamma=0.5, **CPU)
    u, v = below.fit_transform(X[:-1]), above.fit_transform(X)
    assert (below.method_, above.method_) == ("exact", "nystrom")
    np.testing.assert_allclose(u, v[:-1], atol=0.02 * np.abs(u).max())  # signs and order included
    np.testing.assert_allclose(below.eigenvalues_, above.eigenvalues_, atol=2e-3)


def test_no_cliff_with_balance(planted: Callable, subspace_cosine: Callable) -> None:
    X = planted(2000, width=40).features
    exact = NormalizedCut(8, gamma=0.5, balance=0.5, method="exact", **CPU).fit_transform(X)
    nystrom = NormalizedCut(8, gamma=0.5, balance=0.5, method="nystrom", **CPU).fit_transform(X)
    assert subspace_cosine(exact, nystrom) > 0.995


def test_same_seed_same_result_and_global_state_untouched(planted: Callable) -> None:
    X = planted(3000).features
    np.random.seed(3)  # noqa: NPY002 - the global state is what is tested
    torch.manual_seed(3)
    before = np.random.get_state()[1].copy(), torch.get_rng_state().clone(), torch.get_num_threads()  # noqa: NPY002
    u = NormalizedCut(8, method="nystrom", seed=5, **CPU).fit_transform(X)
    v = NormalizedCut(8, method="nystrom", seed=5, **CPU).fit_transform(X)
    np.testing.assert_array_equal(u, v)
    np.testing.assert_array_equal(before[0], np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(before[1], torch.get_rng_state())
    assert torch.get_num_threads() == before[2]


def test_other_seeds_differ_little(planted: Callable, subspace_cosine: Callable) -> None:
    X = planted(9000, width=40).features
    u = NormalizedCut(8, gamma=0.5, method="nystrom", seed=0, **CPU).fit_transform(X)
    v = NormalizedCut(8, gamma=0.5, method="nystrom", seed=1, **CPU).fit_transform(X)
    assert subspace_cosine(u, v) > 0.999
    np.testing.assert_allclose((u * v).sum(axis=0)[:5], 1.0, atol=2e-3)  # the next two have nearly equal eigenvalues


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("kernel", ["cosine", "rbf"])
def test_half_precision_is_close_to_single(planted: Callable, precision: str, kernel: str) -> None:
    X = planted(4000, width=256, spread=1.0).features
    gamma = 0.5 if kernel == "cosine" else 300.0
    settings = {"kernel": kernel, "gamma": gamma, "method": "nystrom", **CPU}
    single = NormalizedCut(8, **settings).fit_transform(X)
    half_cut = NormalizedCut(8, precision=precision, **settings)
    half = half_cut.fit_transform(X)
    np.testing.assert_allclose((single * half).sum(axis=0), 1.0, atol=3e-3)
    np.testing.assert_allclose(half.T @ half, np.eye(8), atol=2e-6)
    np.testing.assert_array_equal(half_cut.transform(X), half)


@pytest.mark.parametrize("sampling", ["kmeans", "farthest", "uniform"])
@pytest.mark.parametrize("method", ["nystrom", "knn"])
def test_every_sampling_finds_planted_groups(planted: Callable, sampling: str, method: str) -> None:
    X, groups = planted(3000)
    found = NormalizedCut(8, gamma=0.5, method=method, sampling=sampling, n_landmarks=200, **CPU).fit_transform(X)
    clusters = KMeans(8, n_init=5, random_state=0).fit_predict(found)
    assert adjusted_rand_score(groups, clusters) > 0.97


def test_knn_is_equation_4(planted: Callable, dense_cut: Callable) -> None:
    X = planted(500).features
    cut = NormalizedCut(4, gamma=0.5, method="knn", sampling="uniform", n_landmarks=500, n_neighbors=7, **CPU)
    found = cut.fit_transform(X)
    _, vectors, _ = dense_cut(X, 0.5, 4)
    points = X.astype(np.float64) / np.linalg.norm(X, axis=1, keepdims=True)
    affinity = np.exp((points @ points.T - 1) / 0.5)
    nearest = np.argsort(-affinity, axis=1)[:, :7]
    weights = np.take_along_axis(affinity, nearest, axis=1)
    expected = (weights[:, :, None] * vectors[nearest]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
    expected *= np.sign((expected * found).sum(axis=0))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    norms = np.linalg.norm(found, axis=0)
    assert np.abs(norms - 1).max() > 0.005  # made orthonormal, they would not be those of the equation


def test_balance_separates_small_groups() -> None:
    rng = np.random.default_rng(0)
    sizes = (1500, 600, 200, 60, 30)
    groups = np.repeat(np.arange(5), sizes)
    X = rng.standard_normal((5, 32))[groups] + 0.5 * rng.standard_normal((sum(sizes), 32))

    def score(balance: float) -> float:
        found = NormalizedCut(5, gamma=1.0, method="nystrom", balance=balance, **CPU).fit_transform(X)
        return float(adjusted_rand_score(groups, KMeans(5, n_init=10, random_state=0).fit_predict(found)))

    assert score(0.75) > 0.97
    assert score(0.75) >= score(0.0)


def test_sharp_kernel_is_warned_of() -> None:
    X = np.random.default_rng(0).standard_normal((4000, 256))
    with pytest.warns(UserWarning, match="too sharp"):
        NormalizedCut(8, gamma=0.02, method="nystrom", n_landmarks=50, **CPU).fit(X)


def test_a_failed_fit_leaves_the_one_before(planted: Callable) -> None:
    X = planted(3000).features
    cut = NormalizedCut(4, method="nystrom", **CPU).fit(X)
    before = cut.transform(X)
    spoilt = X.copy()
    spoilt[2999] = np.inf
    with pytest.raises(FeatureError):
        cut.fit(spoilt)

    def cancel(done: int, total: int, text: str) -> None:
        if done > total // 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        cut.fit(X[:2900], progress=cancel)
    np.testing.assert_array_equal(cut.transform(X), before)


def test_progress_goes_forward_and_ends(planted: Callable) -> None:
    seen: list[tuple[int, int, str]] = []
    NormalizedCut(4, method="nystrom", **CPU).fit_transform(
        planted(9000).features, progress=lambda *step: seen.append(step)
    )
    shares = [done / total for done, total, _ in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len({text for *_, text in seen}) >= 3


def test_gamma_is_chosen_anew_by_every_fit(planted: Callable) -> None:
    cut = NormalizedCut(8, gamma="auto", **CPU)
    cut.fit(planted(800, spread=0.2).features)
    narrow = cut.gamma_
    cut.fit(planted(800, spread=3.0).features)
    assert cut.gamma_ != narrow
    assert cut.gamma == "auto"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"method": "fast"}, "Unknown method 'fast'"),
        ({"kernel": "linear"}, "Unknown kernel 'linear'"),
        ({"sampling": "random"}, "Unknown sampling 'random'"),
        ({"gamma": 0.0}, "gamma must be a number above 0, or 'auto'"),
        ({"gamma": "wide"}, "gamma must be a number above 0, or 'auto'; got 'wide'"),
        ({"n_components": 0}, "n_components must be a whole number of at least 1"),
        ({"n_neighbors": 0}, "n_neighbors must be a whole number of at least 1"),
        ({"n_landmarks": 0}, "n_landmarks must be a whole number of at least 1, or 'auto'"),
        ({"balance": 2.0}, "balance must be a number of at least 0 and at most 1"),
        ({"precision": "int8"}, "Unknown precision 'int8'"),
        ({"memory": "much"}, "is not a memory size"),
    ],
)
def test_wrong_parameters_are_named(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        NormalizedCut(**wrong).fit(np.eye(5))  # type: ignore[arg-type]


def test_wrong_use_is_named(planted: Callable) -> None:
    X = planted(60).features
    cut = NormalizedCut(4, **CPU)
    with pytest.raises(InputError, match="not fitted yet"):
        cut.transform(X)
    cut.fit(X)
    with pytest.raises(FeatureError, match="has 23 features, but NormalizedCut is expecting 24"):
        cut.transform(X[:, 1:])
    with pytest.raises(InputError, match=r"out must have shape \(60, 4\)"):
        cut.transform(X, out=np.empty((60, 5)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_fewer_nodes_than_anything_asked_for(planted: Callable, method: str, n: int) -> None:
    X = planted(n, width=5).features
    cut = NormalizedCut(20, method=method, n_landmarks=100, n_neighbors=50, orthonormal=True, **CPU)
    found = cut.fit_transform(X)
    assert found.shape == (n, 20)
    np.testing.assert_allclose(found[:, :n].T @ found[:, :n], np.eye(n), atol=1e-4)
    assert not found[:, n:].any()
    assert not cut.eigenvalues_[n:].any()
    assert cut.eigenvalues_[0] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_all_nodes_alike(method: str) -> None:
    X = np.tile(np.array([[1.0, 2.0, -1.0]], np.float32), (700, 1))
    cut = NormalizedCut(5, method=method, n_landmarks=100, **CPU)
    with pytest.warns(UserWarning, match="All nodes look alike"):
        found = cut.fit_transform(X)
    np.testing.assert_allclose(found[:, 0], 1 / np.sqrt(700), rtol=1e-4)
    assert np.isfinite(found).all()
    assert (np.abs(cut.eigenvalues_[1:]) < 1e-3).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kernel", ["cosine", "rbf"])
def test_rows_of_zeros_are_nodes_like_others(planted: Callable, method: str, kernel: str) -> None:
    X = planted(600).features.copy()
    X[::50] = 0.0
    gamma = 0.5 if kernel == "cosine" else 20.0
    cut = NormalizedCut(6, kernel=kernel, gamma=gamma, method=method, n_landmarks=200, **CPU)
    found = cut.fit_transform(X)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[::50], found[:1].repeat(12, axis=0), atol=1e-5)
    with pytest.warns(UserWarning, match="All nodes look alike"):
        nothing = NormalizedCut(3, method=method, **CPU).fit_transform(np.zeros((40, 3)))
    assert not np.isnan(nothing).any()


def labels_of(vectors: NDArray[np.float32], n: int) -> NDArray[np.int32]:
    return KMeans(n, n_init=5, random_state=0).fit_predict(vectors)


@pytest.mark.parametrize("method", METHODS)
def test_disconnected_blocks_give_their_indicators(method: str) -> None:
    """Three groups that share no affinity: eigenvalue 1 three times, eigenvectors constant on each."""
    groups = np.repeat([0, 1, 2], (50, 300, 250))
    X = np.eye(3)[groups] + 1e-3 * np.random.default_rng(0).standard_normal((600, 3))
    cut = NormalizedCut(3, gamma=0.01, method=method, n_landmarks=150, **CPU)
    found = cut.fit_transform(X)
    np.testing.assert_allclose(cut.eigenvalues_, 1.0, atol=1e-3)
    for group in range(3):
        rows = found[groups == group]
        np.testing.assert_allclose(rows, rows.mean(axis=0, keepdims=True).repeat(len(rows), axis=0), atol=2e-3)
    assert adjusted_rand_score(groups, labels_of(found, 3)) == 1.0
