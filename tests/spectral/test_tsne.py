"""The map: planted clusters, degenerate graphs, invariances, callbacks."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from alignedcut_viewer.errors import Cancelled, FeatureError, InputError
from alignedcut_viewer.spectral import SpectralTSNE
from alignedcut_viewer.spectral.tsne_descent import Descent, exact_tsne, start_positions

pytestmark = pytest.mark.quick


def planted(rng, n=600, n_clusters=6, width=10, scale=1e-3):
    centres = rng.standard_normal((n_clusters, width)) * 4
    labels = rng.integers(0, n_clusters, n)
    return (scale * (centres[labels] + rng.standard_normal((n, width)))).astype(np.float32), labels


def small(**settings):
    return SpectralTSNE(**{"n_landmarks": 150, "perplexity": 15, "max_iter": 200, "device": "cpu", **settings})


@pytest.mark.parametrize("n_components", [2, 3])
@pytest.mark.parametrize("init", ["pca", "spectral"])
def test_planted_clusters_stay_apart(rng, n_components, init):
    from sklearn.neighbors import KNeighborsClassifier

    eigenvectors, labels = planted(rng)
    model = SpectralTSNE(n_components, n_landmarks=300, perplexity=20, init=init, device="cpu")
    places = model.fit_transform(eigenvectors)
    assert places.shape == (600, n_components)
    assert places.dtype == np.float32
    assert KNeighborsClassifier(5).fit(places[::2], labels[::2]).score(places[1::2], labels[1::2]) > 0.98
    assert 0 < model.kl_divergence_ < 1.0
    np.testing.assert_allclose(places.mean(axis=0), 0, atol=0.3 * places.std())


def test_no_worse_than_scikit_learn(rng):
    from sklearn.manifold import TSNE

    from alignedcut_viewer.spectral.tsne_forces import CompiledForces
    from alignedcut_viewer.spectral.tsne_probabilities import dense_probabilities

    eigenvectors, _ = planted(rng, n=400, scale=1.0)
    ours = SpectralTSNE(3, n_landmarks=400, perplexity=30, device="cpu").fit(eigenvectors)
    points = eigenvectors[ours.landmarks_]
    theirs = TSNE(3, perplexity=30, init="pca", random_state=0).fit_transform(points)
    p = dense_probabilities(torch.cdist(torch.from_numpy(points), torch.from_numpy(points)).square(), 30).numpy()
    assert CompiledForces(p, ours.embedding_landmarks_).divergence() == pytest.approx(ours.kl_divergence_, rel=0.01)
    assert ours.kl_divergence_ <= CompiledForces(p, theirs).divergence()


def test_nearest_landmark_gives_the_place(rng):
    eigenvectors, _ = planted(rng)
    model = small()
    places = model.fit_transform(eigenvectors)
    distances = np.square(eigenvectors[:, None].astype(float) - eigenvectors[model.landmarks_][None]).sum(axis=2)
    np.testing.assert_array_equal(places, model.embedding_landmarks_[distances.argmin(axis=1)])
    np.testing.assert_array_equal(places[model.landmarks_], model.embedding_landmarks_)


@pytest.mark.parametrize("spread", ["nearest", "interpolated"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_transform_gives_what_fit_transform_gave(rng, spread, metric):
    eigenvectors, _ = planted(rng)
    model = small(spread=spread, metric=metric)
    places = model.fit_transform(eigenvectors)
    np.testing.assert_array_equal(model.transform(eigenvectors), places)
    np.testing.assert_array_equal(model.transform(eigenvectors[37:38]), places[37:38])


def test_interpolation_keeps_landmarks_and_is_smoother(rng):
    eigenvectors, _ = planted(rng, n=2000)
    near = small()
    between = small(spread="interpolated")
    stepped, smooth = near.fit_transform(eigenvectors), between.fit_transform(eigenvectors)
    np.testing.assert_allclose(smooth[between.landmarks_], between.embedding_landmarks_, rtol=1e-4, atol=1e-4)
    # Along a path between two nodes the interpolated place moves in small steps.
    path = np.linspace(eigenvectors[0], eigenvectors[1], 400).astype(np.float32)
    jumps = [np.linalg.norm(np.diff(m.transform(path), axis=0), axis=1).max() for m in (near, between)]
    assert jumps[1] < 0.5 * jumps[0]
    assert np.abs(smooth - stepped).max() < np.ptp(stepped)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(5, 120), seed=st.integers(0, 2**32 - 1))
def test_order_of_nodes_does_not_matter(n, seed):
    # Landmarks are chosen among all nodes as long as there are at most ten times as many.
    rng = np.random.default_rng(seed)
    eigenvectors = rng.standard_normal((n, 5)).astype(np.float32)
    order = rng.permutation(n)
    places = small(n_landmarks=60, max_iter=60).fit_transform(eigenvectors)
    np.testing.assert_array_equal(small(n_landmarks=60, max_iter=60).fit_transform(eigenvectors[order]), places[order])


@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 40), copies=st.integers(2, 4), seed=st.integers(0, 2**32 - 1))
def test_duplicates_share_a_place_and_change_nothing(n, copies, seed):
    eigenvectors = np.random.default_rng(seed).standard_normal((n, 4)).astype(np.float32)
    places = small(n_landmarks=50, max_iter=60).fit_transform(np.tile(eigenvectors, (copies, 1)))
    np.testing.assert_array_equal(places, np.tile(places[:n], (copies, 1)))
    np.testing.assert_array_equal(places[:n], small(n_landmarks=50, max_iter=60).fit_transform(eigenvectors))


@settings(max_examples=10, deadline=None)
@given(exponent=st.integers(-12, 12), seed=st.integers(0, 2**32 - 1))
def test_scale_does_not_matter(exponent, seed):
    eigenvectors = np.random.default_rng(seed).standard_normal((60, 5)).astype(np.float32)
    places = small(max_iter=60).fit_transform(eigenvectors)
    np.testing.assert_array_equal(small(max_iter=60).fit_transform(eigenvectors * np.float32(2.0**exponent)), places)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("n_components", [2, 3])
def test_fewer_nodes_than_anything_asked_for(rng, n, n_components):
    eigenvectors = rng.standard_normal((n, 6)).astype(np.float32)
    model = SpectralTSNE(n_components, device="cpu")
    places = model.fit_transform(eigenvectors)
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == n
    assert model.perplexity_ <= max(1, (n - 1) / 3)


def test_constant_eigenvectors():
    for value in (0.0, 0.01, -3.0):
        model = SpectralTSNE(device="cpu")
        assert not model.fit_transform(np.full((50, 4), value, np.float32)).any()
        assert len(model.landmarks_) == 1
        assert model.kl_divergence_ == 0


def test_fewer_columns_than_dimensions(rng):
    for init in ("pca", "spectral"):
        places = small(init=init).fit_transform(rng.standard_normal((90, 1)).astype(np.float32))
        assert places.shape == (90, 3)
        assert np.isfinite(places).all()


def test_seed_decides(rng):
    eigenvectors, _ = planted(rng, n=3000)
    first, again, other = (small(seed=seed).fit(eigenvectors) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.embedding_landmarks_, again.embedding_landmarks_)
    np.testing.assert_array_equal(first.landmarks_, again.landmarks_)
    assert not np.array_equal(first.landmarks_, other.landmarks_)


def test_global_random_state_is_left_alone(rng):
    np.random.seed(3)  # noqa: NPY002
    torch.manual_seed(3)
    before = (np.random.get_state()[1].copy(), torch.get_rng_state())  # noqa: NPY002
    small().fit(planted(rng)[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])


def test_farthest_landmarks_cover_better_than_uniform_ones(rng):
    eigenvectors, _ = planted(rng, n=4000)
    rare = np.concatenate([eigenvectors, eigenvectors[:3] + np.float32(0.02)])
    reach = {}
    for sampling in ("farthest", "uniform"):
        landmarks = rare[small(sampling=sampling, max_iter=1).fit(rare).landmarks_]
        reach[sampling] = np.square(rare[:, None] - landmarks[None]).sum(axis=2).min(axis=1).max()
    assert reach["farthest"] < reach["uniform"]


def test_input_of_any_kind(rng, tmp_path):
    eigenvectors, _ = planted(rng)
    expected = small().fit_transform(eigenvectors)
    stored = zarr.create_array(tmp_path / "e.zarr", shape=eigenvectors.shape, chunks=(100, 10), dtype="float32")
    stored[:] = eigenvectors
    np.save(tmp_path / "e.npy", eigenvectors)
    for same in (
        torch.from_numpy(eigenvectors),
        eigenvectors.astype(np.float64),
        np.asfortranarray(eigenvectors),
        np.load(tmp_path / "e.npy", mmap_mode="r"),
        stored,
    ):
        np.testing.assert_array_equal(small().fit_transform(same), expected)
    half = eigenvectors.astype(np.float16)
    np.testing.assert_array_equal(small().fit_transform(half), small().fit_transform(half.astype(np.float32)))


def test_updates_show_the_map_settle(rng):
    eigenvectors, _ = planted(rng)
    seen = []
    model = small(n_components=2)

    def on_update(iteration, places):
        assert threading.current_thread() is threading.main_thread()
        assert places.shape == (len(model.landmarks_), 2)
        seen.append((iteration, places))

    model.fit_transform(eigenvectors, on_update=on_update)
    iterations = [iteration for iteration, _ in seen]
    assert len(seen) >= 4
    assert iterations == sorted(set(iterations))
    np.testing.assert_array_equal(seen[-1][1], model.embedding_landmarks_)
    assert not np.array_equal(seen[0][1], seen[1][1])


def test_progress_ascends_to_its_total(rng):
    told = []
    small().fit_transform(planted(rng)[0], progress=lambda done, total, text: told.append(done / total))
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 20


def test_cancel(rng):
    def stop(done, total, text):
        if done > 0.3 * total:
            raise Cancelled

    eigenvectors, _ = planted(rng)
    for fitted in (False, True):
        model = small(n_components=2)
        if fitted:
            model.fit(eigenvectors[:300])
        with pytest.raises(Cancelled):
            model.fit_transform(eigenvectors, progress=stop)
        with pytest.raises(InputError, match="call fit"):
            model.transform(eigenvectors)


def test_torch_descent_reaches_the_same_divergence(rng):
    # What runs on CUDA and MPS, here on the CPU's tensors.
    from alignedcut_viewer.spectral.tsne_descent import descend
    from alignedcut_viewer.spectral.tsne_forces import TorchForces
    from alignedcut_viewer.spectral.tsne_probabilities import dense_probabilities

    eigenvectors, _ = planted(rng, n=120, scale=1.0)
    points = torch.from_numpy(eigenvectors)
    start = start_positions(eigenvectors, 3, "pca", 0)
    _, divergence = exact_tsne(points, start, 20.0, Descent(iterations=200))
    p = dense_probabilities(torch.cdist(points, points).square(), 20.0)
    assert descend(TorchForces(p, torch.from_numpy(start)), 120, Descent(iterations=200)) == pytest.approx(
        divergence, rel=0.05
    )


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_on_a_device(rng, device):
    available = torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()
    if not available:
        pytest.skip(f"needs {device}")
    eigenvectors, _ = planted(rng)
    here, there = small(), small(device=device)
    here.fit(eigenvectors)
    places = there.fit_transform(torch.from_numpy(eigenvectors).to(device))
    assert places.shape == (600, 3)
    np.testing.assert_array_equal(there.landmarks_, here.landmarks_)
    assert there.kl_divergence_ == pytest.approx(here.kl_divergence_, rel=0.05)
    np.testing.assert_array_equal(there.transform(torch.from_numpy(eigenvectors).to(device)), places)


def test_unfit_eigenvectors_are_named(rng):
    eigenvectors, _ = planted(rng)
    broken = eigenvectors.copy()
    broken[17, 2] = np.nan
    with pytest.raises(FeatureError, match=r"1 NaN values in 1 of 600 nodes.*node 17"):
        small().fit(broken)
    model = small().fit(eigenvectors)
    with pytest.raises(FeatureError, match="node 17"):
        model.transform(broken)
    with pytest.raises(FeatureError, match="has 4 features, but SpectralTSNE is expecting 10"):
        model.transform(eigenvectors[:, :4])
    with pytest.raises(FeatureError, match="matrix"):
        small().fit(eigenvectors[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_components": 1},
        {"n_landmarks": 0},
        {"perplexity": 0.5},
        {"perplexity": float("nan")},
        {"init": "random"},
        {"spread": "linear"},
        {"metric": "manhattan"},
        {"sampling": "kmeans"},
    ],
)
def test_wrong_parameters(wrong):
    with pytest.raises(InputError):
        SpectralTSNE(**wrong).fit(np.eye(5))
