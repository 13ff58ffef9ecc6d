"""Neighbours against brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alignedcut_viewer.errors import Cancelled, InputError
from alignedcut_viewer.spectral.neighbours import (
    nearest,
    nearest_on_device,
    neighbour_graph,
)

pytestmark = pytest.mark.quick


def brute_force(queries, references):
    return np.square(queries[:, None].astype(np.float64) - references[None]).sum(axis=2)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 40),
    m=st.integers(1, 200),
    d=st.integers(1, 11),
    k=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_nearest_is_brute_force(n, m, d, k, seed):
    rng = np.random.default_rng(seed)
    queries = rng.standard_normal((n, d)).astype(np.float32)
    references = rng.standard_normal((m, d)).astype(np.float32)
    k = min(k, m)
    indices, squared = nearest(queries, references, k)
    distances = brute_force(queries, references)
    np.testing.assert_allclose(squared, np.sort(distances, axis=1)[:, :k], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        np.take_along_axis(distances, indices.astype(int), axis=1), squared, rtol=1e-5, atol=1e-6
    )
    found, on_device = nearest_on_device(torch.from_numpy(queries), torch.from_numpy(references), k)
    np.testing.assert_allclose(on_device.numpy(), squared, rtol=1e-4, atol=1e-5)
    assert found.shape == indices.shape


def test_first_of_equal_references_wins(rng):
    references = rng.standard_normal((70, 5)).astype(np.float32)
    twice = np.concatenate([references, references])
    indices, squared = nearest(references, twice, 2)
    np.testing.assert_array_equal(indices, np.stack([np.arange(70), np.arange(70) + 70], axis=1))
    assert not squared.any()


def test_a_row_does_not_depend_on_the_others(rng):
    queries = rng.standard_normal((20_001, 7)).astype(np.float32)
    references = rng.standard_normal((99, 7)).astype(np.float32)
    indices, squared = nearest(queries, references, 3)
    order = rng.permutation(len(queries))
    again = nearest(queries[order], references, 3)
    np.testing.assert_array_equal(again[0], indices[order])
    np.testing.assert_array_equal(again[1], squared[order])


@pytest.mark.parametrize(("spread", "shift"), [(1e-3, 1e4), (1e-6, 1.0), (1e-22, 0.0), (1e25, 0.0), (0.0, 1.0)])
@pytest.mark.parametrize("k", [1, 4])
def test_nearest_where_products_cannot_tell(rng, spread, shift, k):
    queries = (shift + spread * rng.standard_normal((300, 6))).astype(np.float32)
    references = (shift + spread * rng.standard_normal((90, 6))).astype(np.float32)
    indices, squared = nearest(queries, references, k)
    with np.errstate(over="ignore", under="ignore"):
        every = np.zeros((300, 90), np.float32)
        for d in range(6):
            every += np.square(queries[:, None, d] - references[None, :, d])
    every = np.minimum(every, np.float32(3e38))
    np.testing.assert_allclose(squared, np.sort(every, axis=1)[:, :k], rtol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(every, indices.astype(int), axis=1), squared, rtol=1e-6)
    assert all(len(set(row)) == k for row in indices.tolist())


def test_more_neighbours_than_references():
    with pytest.raises(InputError, match="5 neighbours among 3"):
        nearest(np.zeros((2, 2), np.float32), np.zeros((3, 2), np.float32), 5)


def test_cancel(rng):
    def stop(done, total, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        nearest(rng.standard_normal((50_000, 3)).astype(np.float32), np.eye(3, dtype=np.float32), progress=stop)


def test_neighbour_graph_is_brute_force(rng):
    points = rng.standard_normal((150, 6)).astype(np.float32)
    indices, squared = neighbour_graph(torch.from_numpy(points), 9)
    distances = brute_force(points, points)
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_array_equal(np.sort(indices, axis=1), np.sort(np.argsort(distances, axis=1)[:, :9], axis=1))
    np.testing.assert_allclose(np.take_along_axis(distances, indices.numpy(), axis=1), squared, rtol=1e-5)
