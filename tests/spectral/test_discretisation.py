"""K-way segments: planted blocks, orthogonality, invariances."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from alignedcut_viewer.errors import FeatureError, InputError
from alignedcut_viewer.spectral import discretise
from alignedcut_viewer.spectral.discretisation import (
    Segmenter,
    fit_segmenter,
    unit_rows,
    yu_shi_rotation,
)
from alignedcut_viewer.spectral.features import as_features

pytestmark = pytest.mark.quick

METHODS = ["yu-shi", "kmeans"]


def block_eigenvectors(rng, sizes, noise=0.02):
    """Exact eigenvectors of a graph of nearly disconnected blocks, and the blocks."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    rng.shuffle(labels)
    n = len(labels)
    affinity = (labels[:, None] == labels[None]) + noise * rng.random((n, n))
    affinity = affinity + affinity.T
    root = np.sqrt(affinity.sum(axis=1))
    _, vectors = np.linalg.eigh(affinity / root[:, None] / root[None])
    return vectors[:, ::-1][:, : len(sizes) + 3].astype(np.float32), labels


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sizes", [(60, 60), (100, 30, 10), (50, 40, 30, 20, 10, 5)])
def test_planted_blocks_are_recovered(rng, method, sizes):
    eigenvectors, blocks = block_eigenvectors(rng, sizes)
    labels = discretise(eigenvectors, len(sizes), method)
    assert labels.dtype == np.int32
    assert adjusted_rand_score(blocks, labels) == 1.0
    np.testing.assert_array_equal(np.bincount(labels), sorted(sizes, reverse=True))


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 80), k=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_rotation_is_orthogonal(n, k, seed):
    rng = np.random.default_rng(seed)
    rows = unit_rows(torch.from_numpy(rng.standard_normal((n, k))), k)
    rotation = yu_shi_rotation(rows, rng)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(k), atol=1e-5)


def test_rotation_undoes_a_rotation(rng):
    labels = rng.integers(0, 5, 200)
    turn, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    rows = torch.from_numpy(np.eye(5)[labels] @ turn).float()
    rotated = rows @ yu_shi_rotation(rows, rng)
    np.testing.assert_allclose(rotated.max(dim=1).values, 1.0, atol=1e-5)
    assert adjusted_rand_score(labels, rotated.argmax(dim=1)) == 1.0


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=20, deadline=None)
@given(factor=st.floats(1e-3, 1e3), seed=st.integers(0, 2**32 - 1))
def test_scale_of_rows_does_not_matter(method, factor, seed):
    rng = np.random.default_rng(seed)
    eigenvectors, _ = block_eigenvectors(rng, (20, 15, 10))
    scaled = eigenvectors * (factor * rng.uniform(0.5, 2, (len(eigenvectors), 1)))
    np.testing.assert_array_equal(discretise(scaled, 3, method), discretise(eigenvectors, 3, method))


@pytest.mark.parametrize("method", METHODS)
def test_duplicates_and_order(rng, method):
    eigenvectors, _ = block_eigenvectors(rng, (40, 30, 20, 10))
    labels = discretise(eigenvectors, 4, method)
    np.testing.assert_array_equal(discretise(np.tile(eigenvectors, (3, 1)), 4, method), np.tile(labels, 3))
    order = rng.permutation(len(labels))
    np.testing.assert_array_equal(discretise(eigenvectors[order], 4, method), labels[order])


@pytest.mark.parametrize("method", METHODS)
def test_large_graph_is_fitted_on_a_sample(rng, method):
    blocks = rng.choice(4, 70_000, p=[0.6, 0.3, 0.09, 0.01])
    turn, _ = np.linalg.qr(rng.standard_normal((4, 4)))
    eigenvectors = (np.eye(4)[blocks] @ turn + 0.05 * rng.standard_normal((70_000, 4))).astype(np.float16)
    labels = discretise(eigenvectors, 4, method, seed=3)
    assert adjusted_rand_score(blocks, labels) > 0.999
    np.testing.assert_array_equal(discretise(torch.from_numpy(eigenvectors), 4, method, seed=3), labels)


@pytest.mark.parametrize("method", METHODS)
def test_few_or_equal_nodes(rng, method):
    assert discretise(rng.standard_normal((1, 4)), 4, method).tolist() == [0]
    assert len(np.unique(discretise(rng.standard_normal((3, 5)), 5, method))) <= 3
    assert not discretise(np.full((30, 4), 0.1), 3, method).any()
    assert not discretise(np.zeros((30, 4)), 3, method).any()
    assert not discretise(rng.standard_normal((30, 4)), 1, method).any()


def test_segmenter_scores_are_cosines(rng):
    rows = torch.from_numpy(rng.standard_normal((10, 5)))
    segmenter = Segmenter(torch.eye(3))
    expected = rows[:, :3] / torch.linalg.vector_norm(rows[:, :3], dim=1, keepdim=True)
    np.testing.assert_allclose(segmenter.scores(rows), expected, atol=1e-6)
    assert fit_segmenter(as_features(rows), 3, "yu-shi", 0).n_segments == 3


def test_wrong_input(rng):
    eigenvectors = rng.standard_normal((20, 4))
    with pytest.raises(InputError, match="needs 5 eigenvectors, but there are 4"):
        discretise(eigenvectors, 5)
    with pytest.raises(InputError, match="yu-shi or kmeans"):
        discretise(eigenvectors, 3, "spectral")
    with pytest.raises(InputError, match="at least 1"):
        discretise(eigenvectors, 0)
    eigenvectors[5, 1] = np.inf
    for method in METHODS:
        with pytest.raises(FeatureError, match="node 5"):
            discretise(eigenvectors, 3, method)
