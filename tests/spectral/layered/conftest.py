"""Layers with planted structure: clusters under noise of each layer's own, position only, content only."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from alignedcut_viewer.spectral import LayerTokens


def planted_labels(side: int, n_clusters: int, n_pictures: int, seed: int = 0) -> NDArray[np.int64]:
    """Cluster of each place, (pictures, side, side): blobs around random centres, as objects are."""
    rng = np.random.default_rng(seed)
    at = (np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2) + 0.5) / side
    labels = []
    while len(labels) < n_pictures:
        distance = ((at[:, None] - rng.uniform(0, 1, (n_clusters, 2))) ** 2).sum(-1)
        found = distance.argmin(axis=1)
        if np.bincount(found, minlength=n_clusters).min() >= side:
            labels.append(found.reshape(side, side))
    return np.stack(labels)


def noisy_layers(
    labels: NDArray[np.int64], n_layers: int, noise: float, *, channels: int = 24, seed: int = 0
) -> list[LayerTokens]:
    """Layers that all hold the clusters, each in directions and under noise of its own."""
    rng = np.random.default_rng(seed)
    n, side, _ = labels.shape
    layers = []
    for number in range(n_layers):
        centres = rng.standard_normal((labels.max() + 1, channels))
        tokens = centres[labels.reshape(n, -1)] + noise * rng.standard_normal((n, side * side, channels))
        layers.append(LayerTokens(tokens.astype(np.float32), side, side, name=f"layer {number}"))
    return layers


def clusters(eigenvectors: NDArray[np.floating], k: int) -> NDArray[np.int32]:
    """k-means on the rows of (n, C), scaled to length one."""
    rows = eigenvectors / np.maximum(np.linalg.norm(eigenvectors, axis=1, keepdims=True), 1e-12)
    found: NDArray[np.int32] = KMeans(k, n_init=5, random_state=0).fit_predict(rows)
    return found


def recovery(eigenvectors: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """Adjusted Rand index of :func:`clusters` with planted labels."""
    return float(adjusted_rand_score(labels.ravel(), clusters(eigenvectors, int(labels.max()) + 1)))


@pytest.fixture(scope="session")
def planted() -> SimpleNamespace:
    """The functions above."""
    return SimpleNamespace(labels=planted_labels, layers=noisy_layers, recovery=recovery, clusters=clusters)
