"""Gradient and divergence against finite differences, the written-out formula and scikit-learn."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from alignedcut_viewer.spectral.neighbours import neighbour_graph
from alignedcut_viewer.spectral.tsne_forces import CompiledForces, TorchForces
from alignedcut_viewer.spectral.tsne_probabilities import (
    SparseProbabilities,
    dense_probabilities,
    sparse_probabilities,
)

pytestmark = pytest.mark.quick

N = 75


@pytest.fixture
def points(rng):
    return torch.from_numpy(rng.standard_normal((N, 6)).astype(np.float32))


@pytest.fixture
def dense(points):
    return dense_probabilities(torch.cdist(points, points).square(), 8.0)


@pytest.fixture
def sparse(points):
    indices, squared = neighbour_graph(points, 30)
    return sparse_probabilities(indices.numpy(), squared, 8.0)


@pytest.fixture
def positions(rng):
    return rng.standard_normal((N, 3)).astype(np.float32) * 3


def as_dense(p: SparseProbabilities):
    full = np.zeros((N, N))
    full[np.repeat(np.arange(N), np.diff(p.starts)), p.columns] = p.values
    return full


def written_out(p, y):
    """sum p log(p / q), q_ij = (1 + |y_i - y_j|²)^-1 / the sum of that over all pairs."""
    w = 1 / (1 + np.square(y[:, None] - y[None]).sum(axis=2))
    np.fill_diagonal(w, 0)
    q = w / w.sum()
    present = p > 0
    return float(np.sum(p[present] * np.log(p[present] / q[present])))


def test_divergence_is_the_formula(dense, sparse, positions):
    expected = written_out(dense.double().numpy(), positions.astype(np.float64))
    assert CompiledForces(dense.numpy(), positions).divergence() == pytest.approx(expected, rel=1e-5)
    assert TorchForces(dense, torch.from_numpy(positions)).divergence() == pytest.approx(expected, rel=1e-4)
    expected = written_out(as_dense(sparse), positions.astype(np.float64))
    assert CompiledForces(sparse, positions).divergence() == pytest.approx(expected, rel=1e-5)


def test_gradient_is_the_slope_of_the_divergence(dense, sparse, positions):
    for p, gradient in (
        (dense.double().numpy(), CompiledForces(dense.numpy(), positions).gradient()),
        (dense.double().numpy(), TorchForces(dense, torch.from_numpy(positions), tile=500).gradient()),
        (as_dense(sparse), CompiledForces(sparse, positions).gradient()),
    ):
        y = positions.astype(np.float64)
        for i, axis in ((0, 0), (17, 1), (74, 2), (40, 0)):
            step = np.zeros_like(y)
            step[i, axis] = 1e-4
            slope = (written_out(p, y + step) - written_out(p, y - step)) / 2e-4
            assert gradient[i, axis] == pytest.approx(slope, rel=1e-3, abs=1e-6)


def test_scikit_learn_has_the_same(dense, positions):
    module = pytest.importorskip("sklearn.manifold._t_sne")
    from scipy.spatial.distance import squareform

    condensed = squareform(dense.double().numpy(), checks=False)
    divergence, gradient = module._kl_divergence(positions.ravel().astype(np.float64), condensed, 1, N, 3)
    ours = CompiledForces(dense.numpy(), positions)
    # scikit-learn sums over pairs that are not zero in double precision; P here is in single precision.
    assert ours.divergence() == pytest.approx(divergence, rel=1e-4)
    np.testing.assert_allclose(ours.gradient(), gradient.reshape(N, 3), atol=1e-4 * np.abs(gradient).max())


def test_devices_and_threads_take_the_same_steps(dense, positions):
    alone = CompiledForces(dense.numpy(), positions)
    on_device = TorchForces(dense, torch.from_numpy(positions))
    with ThreadPoolExecutor(2) as pool:
        threaded = CompiledForces(dense.numpy(), positions, pool, 3)
        for _ in range(10):
            for forces in (alone, on_device, threaded):
                forces.step(4.0, 0.8, 5.0)
        np.testing.assert_array_equal(threaded.positions(), alone.positions())
        assert threaded.divergence() == pytest.approx(alone.divergence(), rel=1e-12)
    np.testing.assert_allclose(on_device.positions(), alone.positions(), rtol=1e-3, atol=1e-3)


def test_a_plane_stays_a_plane(dense, positions):
    flat = positions.copy()
    flat[:, 2] = 0
    forces = CompiledForces(dense.numpy(), flat)
    in_plane = TorchForces(dense, torch.from_numpy(flat[:, :2]))
    for _ in range(5):
        forces.step(1.0, 0.8, 5.0)
        in_plane.step(1.0, 0.8, 5.0)
    assert not forces.positions()[:, 2].any()
    np.testing.assert_allclose(forces.positions()[:, :2], in_plane.positions(), rtol=1e-3, atol=1e-3)


def test_the_start_is_not_changed(dense, positions):
    for start in (positions, np.asfortranarray(positions)):
        before = start.copy()
        CompiledForces(dense.numpy(), start).step(1.0, 0.8, 5.0)
        np.testing.assert_array_equal(start, before)
