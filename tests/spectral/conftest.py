"""What tests of the cut share: planted features, and the dense solution of equation 3 by NumPy alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray


class Planted(NamedTuple):
    """Features (n, D) float32 and the group (n,) of every node."""

    features: NDArray[np.float32]
    groups: NDArray[np.int64]


class Solution(NamedTuple):
    """Eigenvalues (C,) in descending order, eigenvectors (n, C), degrees (n,)."""

    values: NDArray[np.float64]
    vectors: NDArray[np.float64]
    degrees: NDArray[np.float64]


@pytest.fixture(scope="session")
def planted() -> Callable[..., Planted]:
    """Makes n nodes in groups around random centres."""

    def make(n: int, *, n_groups: int = 8, width: int = 24, spread: float = 0.4, seed: int = 0) -> Planted:
        rng = np.random.default_rng(seed)
        centres = rng.standard_normal((n_groups, width))
        groups = rng.integers(0, n_groups, n)
        features = centres[groups] + spread * rng.standard_normal((n, width))
        return Planted(features.astype(np.float32), groups)

    return make


@pytest.fixture(scope="session")
def dense_cut() -> Callable[..., Solution]:
    """Solves equation 3 with ``numpy.linalg.eigh`` on the whole matrix."""

    def solve(features: NDArray[np.float32], gamma: float, count: int, *, kernel: str = "cosine") -> Solution:
        points = features.astype(np.float64)
        if kernel == "cosine":
            points /= np.linalg.norm(points, axis=1, keepdims=True)
            affinity = np.exp((points @ points.T - 1) / gamma)
        else:
            squares = ((points[:, None] - points[None, :]) ** 2).sum(axis=2)
            affinity = np.exp(-squares / (2 * gamma))
        degrees = affinity.sum(axis=1)
        root = np.sqrt(degrees)
        values, vectors = np.linalg.eigh(affinity / root[:, None] / root)
        return Solution(values[::-1][:count], vectors[:, ::-1][:, :count], degrees)

    return solve


@pytest.fixture(scope="session")
def subspace_cosine() -> Callable[..., float]:
    """Mean squared cosine of the principal angles between two spans of columns."""

    def compare(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
        p, q = np.linalg.qr(a.astype(np.float64))[0], np.linalg.qr(b.astype(np.float64))[0]
        return float(((p.T @ q) ** 2).sum() / p.shape[1])

    return compare
