"""Segments of planted clusters, and agreement with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from alignedcut_viewer import kmeans
from alignedcut_viewer.errors import Cancelled, FeatureError, InputError
from alignedcut_viewer.segmentation import Clusters, clusters, segment_tokens

pytestmark = pytest.mark.quick


def planted(rng: np.random.Generator, counts: tuple[int, ...], noise: float = 0.15) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(len(counts)), counts)
    order = rng.permutation(len(labels))
    directions = np.linalg.qr(rng.normal(size=(8, 8)))[0][: len(counts)]
    points = directions[labels] + noise * rng.normal(size=(len(labels), 8))
    return points[order], labels[order]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_planted_segments_are_found_and_numbered_by_size(metric: clusters.Metric, rng: np.random.Generator) -> None:
    points, truth = planted(rng, (50, 400, 120, 30))
    found = segment_tokens(points, 4, metric=metric)
    assert adjusted_rand_score(truth, found.labels) == 1.0
    assert found.labels.dtype == np.int32
    np.testing.assert_array_equal(found.sizes, [400, 120, 50, 30])
    assert (truth[found.labels == 0] == 1).all()


def test_cosine_ignores_lengths(rng: np.random.Generator) -> None:
    points, truth = planted(rng, (80, 60))
    stretched = points * rng.uniform(0.01, 100, (len(points), 1))
    assert adjusted_rand_score(truth, segment_tokens(stretched, 2).labels) == 1.0
    lengths = np.linalg.norm(segment_tokens(points, 2).centres, axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_no_worse_than_scikit_learn(rng: np.random.Generator) -> None:
    points = rng.normal(size=(600, 5)).astype(np.float32)
    for k in (2, 5, 12):
        reference = KMeans(k, n_init=10, random_state=0).fit(points)
        found = segment_tokens(points, k, metric="euclidean")
        inertia = ((points - found.centres[found.labels]) ** 2).sum()
        assert inertia <= reference.inertia_ * 1.02


def test_same_seed_same_segments_and_order_does_not_matter(rng: np.random.Generator) -> None:
    points, _ = planted(rng, (100, 90, 40), noise=0.05)
    first, again = segment_tokens(points, 3, seed=5), segment_tokens(points, 3, seed=5)
    np.testing.assert_array_equal(first.labels, again.labels)
    np.testing.assert_array_equal(first.centres, again.centres)
    order = rng.permutation(len(points))
    np.testing.assert_array_equal(segment_tokens(points[order], 3, seed=1).labels, first.labels[order])


def test_global_random_state_is_left_alone(rng: np.random.Generator) -> None:
    state = np.random.get_state
    before = state()[1].copy()
    segment_tokens(rng.normal(size=(40, 3)), 3)
    np.testing.assert_array_equal(state()[1], before)


def test_many_nodes_start_from_a_sample(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    points, truth = planted(rng, (3000, 1500, 700))
    monkeypatch.setattr(clusters, "_SEEDING_SAMPLE", 300)
    monkeypatch.setattr(kmeans, "_BLOCK", 700)
    found = segment_tokens(points, 3)
    assert adjusted_rand_score(truth, found.labels) > 0.999
    np.testing.assert_array_equal(found.labels, found.scores(points).argmax(1))


def test_fewer_different_nodes_than_segments() -> None:
    points = np.array([[1.0, 0.0]] * 5 + [[0.0, 1.0]] * 3)
    for metric in ("cosine", "euclidean"):
        found = segment_tokens(points, 4, metric=metric)
        assert found.sizes[:2].tolist() == [5, 3]
        assert np.isfinite(found.centres).all()
    assert segment_tokens(np.zeros((4, 2)), 2).sizes.sum() == 4
    assert segment_tokens(points, 1).sizes.tolist() == [8]


def test_scores_and_masks(rng: np.random.Generator) -> None:
    points, _ = planted(rng, (60, 40), noise=0.02)
    for metric in ("cosine", "euclidean"):
        found = segment_tokens(points, 2, metric=metric)
        scores = found.scores(points)
        np.testing.assert_array_equal(scores.argmax(1), found.labels)
        if metric == "euclidean":
            np.testing.assert_allclose(scores[:, 0], -((points - found.centres[0]) ** 2).sum(1), atol=1e-4)
        grid = points.reshape(10, 10, -1)
        mask = found.mask(grid, (50, 70), smooth=True)
        assert mask.shape == (50, 70)
        np.testing.assert_array_equal(mask[2::5, 3::7], found.labels.reshape(10, 10) + 1)
        blocky = found.mask(grid, (50, 70), smooth=False)
        np.testing.assert_array_equal(blocky, np.kron(found.labels.reshape(10, 10) + 1, np.ones((5, 7), int)))


def test_clusters_of_given_labels(rng: np.random.Generator) -> None:
    points, truth = planted(rng, (30, 50), noise=0.05)
    given = Clusters.from_labels(points, truth)
    np.testing.assert_array_equal(given.scores(points).argmax(1), truth)
    euclidean = Clusters.from_labels(points, truth, metric="euclidean")
    np.testing.assert_allclose(euclidean.centres[1], points[truth == 1].mean(0), atol=1e-6)
    with pytest.raises(InputError, match="as many labels"):
        Clusters.from_labels(points, truth[:-1])
    for wrong in (truth * 2, truth - 1):
        with pytest.raises(InputError, match="from 0 to k - 1"):
            Clusters.from_labels(points, wrong)


def test_what_cannot_be_segmented_is_refused(rng: np.random.Generator) -> None:
    points = rng.normal(size=(10, 3))
    for k in (0, 11):
        with pytest.raises(InputError, match="between 1 and the 10 nodes"):
            segment_tokens(points, k)
    with pytest.raises(InputError, match="metric"):
        segment_tokens(points, 2, metric="manhattan")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one start"):
        segment_tokens(points, 2, n_starts=0)
    with pytest.raises(FeatureError, match="shape"):
        segment_tokens(points[0], 2)
    with pytest.raises(FeatureError, match="NaN"):
        segment_tokens(np.full((4, 2), np.nan), 2)
    with pytest.raises(InputError, match="3 eigenvectors; got 2"):
        segment_tokens(points, 2).scores(points[:, :2])


def test_progress_and_cancel(rng: np.random.Generator) -> None:
    points = rng.normal(size=(50, 3))
    seen: list[float] = []
    segment_tokens(points, 2, n_starts=4, progress=lambda done, total, _: seen.append(done / total))
    assert seen == [i / 5 for i in range(6)]

    def cancel(done: int, total: int, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        segment_tokens(points, 2, progress=cancel)
