"""Farthest points against brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.farthest import farthest_on_device, farthest_points

pytestmark = pytest.mark.quick


@given(n=st.integers(1, 60), d=st.integers(1, 9), count=st.integers(1, 80), seed=st.integers(0, 2**32 - 1))
def test_farthest_points_are_greedy(n: int, d: int, count: int, seed: int) -> None:
    points = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    for first in (None, seed % n):
        chosen, reach = farthest_points(points, count, first)
        assert len(set(chosen)) == len(chosen) == min(n, count)
        assert chosen[0] == (np.square(points).sum(axis=1).argmax() if first is None else first)
        assert np.isinf(reach[0])
        distances = np.linalg.norm(points[:, None].astype(np.float64) - points[None], axis=2)
        for rank in range(1, len(chosen)):
            to_chosen = distances[:, chosen[:rank]].min(axis=1)
            assert to_chosen[chosen[rank]] >= to_chosen.max() * (1 - 1e-5)
            assert reach[rank] == pytest.approx(to_chosen[chosen[rank]], rel=1e-4)
        there, reach_there = farthest_on_device(torch.from_numpy(points), count, first)
        np.testing.assert_array_equal(there, chosen)
        np.testing.assert_allclose(reach_there, reach, rtol=1e-5)


def test_farthest_points_skip_duplicates_and_ignore_order(rng: np.random.Generator) -> None:
    points = rng.standard_normal((80, 6)).astype(np.float32)
    repeated = np.concatenate([points, points, points[:10]])
    chosen = farthest_points(repeated, 500)[0]
    assert len(chosen) == len(farthest_on_device(torch.from_numpy(repeated), 500)[0]) == 80
    assert len(np.unique(repeated[chosen], axis=0)) == 80
    order = rng.permutation(len(repeated))
    np.testing.assert_array_equal(repeated[order][farthest_points(repeated[order], 30)[0]], repeated[chosen[:30]])


def test_farthest_points_of_one_value() -> None:
    points = np.full((9, 3), 2.5, np.float32)
    for found in (farthest_points(points, 4), farthest_on_device(torch.from_numpy(points), 4)):
        np.testing.assert_array_equal(found[0], [0])
