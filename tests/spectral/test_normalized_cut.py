"""The cut against exact solvers and planted structure."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from alignedcut_viewer.errors import FeatureError
from alignedcut_viewer.spectral import NormalizedCut

pytestmark = pytest.mark.quick


def clustered(n: int, rng: np.random.Generator, n_clusters: int = 8, width: int = 24) -> NDArray[np.float32]:
    centres = rng.standard_normal((n_clusters, width))
    return (centres[rng.integers(0, n_clusters, n)] + 0.4 * rng.standard_normal((n, width))).astype(np.float32)


def dense_eigenvectors(
    X: NDArray[np.float32], gamma: float, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points = X.astype(np.float64)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    affinity = np.exp((points @ points.T - 1) / gamma)
    root = np.sqrt(affinity.sum(axis=1))
    values, vectors = np.linalg.eigh(affinity / root[:, None] / root[None, :])
    return values[::-1][:count], vectors[:, ::-1][:, :count]


def test_exact_is_dense_eigh(rng: np.random.Generator) -> None:
    X = clustered(300, rng)
    values, vectors = dense_eigenvectors(X, 0.5, 10)
    cut = NormalizedCut(10, gamma=0.5, method="exact", device="cpu")
    found = cut.fit_transform(X)
    np.testing.assert_allclose(cut.eigenvalues_, values, atol=1e-10)
    np.testing.assert_allclose(np.abs((found * vectors).sum(axis=0)), 1.0, atol=1e-5)


def test_nystrom_is_close_to_exact_and_orthonormal(rng: np.random.Generator) -> None:
    X = clustered(3000, rng)
    values, vectors = dense_eigenvectors(X, 0.5, 8)
    cut = NormalizedCut(8, gamma=0.5, method="nystrom", device="cpu")
    found = cut.fit_transform(X)
    np.testing.assert_allclose(found.T @ found, np.eye(8), atol=1e-5)
    np.testing.assert_allclose(np.abs((found * vectors).sum(axis=0)), 1.0, atol=0.01)
    np.testing.assert_allclose(cut.eigenvalues_, values, atol=0.01)
    np.testing.assert_array_equal(cut.transform(X), found)


def test_not_finite_is_named(rng: np.random.Generator) -> None:
    X = clustered(50, rng)
    X[7, 3] = np.nan
    with pytest.raises(FeatureError, match=r"1 NaN values in 1 of 50 nodes, first at \(node 7, channel 3\)"):
        NormalizedCut(4).fit(X)
