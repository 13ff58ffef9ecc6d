"""Neighbour probabilities against their definition and against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alignedcut_viewer.spectral.neighbours import neighbour_graph
from alignedcut_viewer.spectral.tsne_probabilities import (
    conditional_on_device,
    conditional_probabilities,
    dense_probabilities,
    sparse_probabilities,
)

pytestmark = pytest.mark.quick


def squared_distances(points):
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist").square()


def perplexities(rows):
    return torch.exp(-torch.xlogy(rows, rows).sum(dim=1)).numpy()


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(6, 120),
    share=st.floats(0.05, 0.8),
    spread=st.floats(0.0, 3.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_row_has_the_perplexity(n, share, spread, seed):
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((n, 4)) * np.exp(spread * rng.standard_normal((n, 1)))
    distances = squared_distances(torch.from_numpy(points).float())
    distances.fill_diagonal_(float("inf"))
    perplexity = max(1.5, share * n)
    compiled = conditional_probabilities(distances, perplexity)
    on_device = conditional_on_device(distances, perplexity)
    np.testing.assert_allclose(compiled.sum(dim=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(perplexities(compiled), perplexity, rtol=1e-3)
    np.testing.assert_allclose(compiled, on_device, atol=2e-4)
    assert not compiled.diagonal().any()


def test_scikit_learn_has_the_same(rng):
    joint = pytest.importorskip("sklearn.manifold._t_sne")._joint_probabilities
    from scipy.spatial.distance import squareform

    points = rng.standard_normal((120, 5)).astype(np.float32)
    distances = np.square(points[:, None] - points[None]).sum(axis=2, dtype=np.float32)
    expected = squareform(joint(distances, 20.0, 0))
    ours = dense_probabilities(torch.from_numpy(distances), 20.0).numpy()
    assert ours.sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_array_equal(ours, ours.T)
    np.testing.assert_allclose(ours, expected, atol=2e-4 * expected.max())


def test_all_neighbours_stored_is_dense(rng):
    points = torch.from_numpy(rng.standard_normal((90, 5)).astype(np.float32))
    dense = dense_probabilities(squared_distances(points), 12.0).numpy()
    indices, squared = neighbour_graph(points, 89)
    sparse = sparse_probabilities(indices.numpy(), squared, 12.0)
    rebuilt = np.zeros_like(dense)
    rebuilt[np.repeat(np.arange(90), np.diff(sparse.starts)), sparse.columns] = sparse.values
    np.testing.assert_allclose(rebuilt, dense, atol=1e-6)
    assert sparse.values.sum() == pytest.approx(1.0, abs=1e-5)


def test_coinciding_points_share_evenly():
    distances = torch.zeros((12, 12))
    distances.fill_diagonal_(float("inf"))
    for rows in (conditional_probabilities(distances, 3.0), conditional_on_device(distances, 3.0)):
        np.testing.assert_allclose(rows + torch.eye(12) / 11, 1 / 11, rtol=1e-5)


def test_distant_outlier_stays_finite(rng):
    points = torch.from_numpy(rng.standard_normal((50, 3)).astype(np.float32))
    points[0] = 1e6
    rows = dense_probabilities(squared_distances(points), 10.0)
    assert bool(torch.isfinite(rows).all())
    assert float(rows.sum()) == pytest.approx(1.0, abs=1e-5)
