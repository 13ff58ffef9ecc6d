"""k-means by direction and by position, beside scikit-learn's and planted directions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from alignedcut_viewer.errors import Cancelled
from alignedcut_viewer.kmeans import kmeans, lloyd, nearest_centres, unit_rows

pytestmark = pytest.mark.quick


def test_directions_are_found(rng: np.random.Generator) -> None:
    truth = np.linalg.qr(rng.standard_normal((8, 4)))[0].T
    planted = truth[rng.integers(0, 4, 500)] + 0.05 * rng.standard_normal((500, 8))
    rows = unit_rows(planted.astype(np.float32))
    centres = kmeans(rows, 4, "cosine", n_starts=8, generator=rng)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose((truth @ centres.T).max(axis=1), 1.0, atol=0.01)


def test_steps_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    points = rng.standard_normal((400, 3)).astype(np.float32)
    start = points[:7]
    reference = KMeans(7, init=start, n_init=1, max_iter=100, tol=0, algorithm="lloyd").fit(points)
    centres, loss = lloyd(points, start, "euclidean", 100)
    np.testing.assert_allclose(centres, reference.cluster_centers_, atol=1e-4)
    np.testing.assert_array_equal(nearest_centres(points, centres, "euclidean")[0], reference.labels_)
    squares = np.square(points, dtype=np.float64).sum()
    assert squares + loss * len(points) == pytest.approx(reference.inertia_, rel=1e-4)


def test_a_centre_without_points_starts_anew() -> None:
    points = np.array([[0.0, 0], [0, 1], [10, 0], [10, 1]], np.float32)
    far = np.array([[0, 0.5], [1000, 1000]], np.float32)
    centres, _ = lloyd(points, far, "euclidean", 10)
    np.testing.assert_allclose(np.sort(centres[:, 0]), [0, 10])


def test_starts_are_announced_and_can_be_cancelled(rng: np.random.Generator) -> None:
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int, text: str) -> None:
        seen.append((done, total))
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        kmeans(np.eye(4, dtype=np.float32), 2, "cosine", n_starts=5, generator=rng, progress=progress)
    assert seen == [(0, 5), (1, 5), (2, 5)]
