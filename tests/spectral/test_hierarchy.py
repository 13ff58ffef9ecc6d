"""Cuts that nest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from alignedcut_viewer.errors import FeatureError, InputError
from alignedcut_viewer.spectral import discretise, hierarchical_cut

pytestmark = pytest.mark.quick


def nests(labels):
    """Every segment of a level lies inside one segment of the level before."""
    return all(
        len(np.unique(np.stack([coarse, fine]), axis=1).T) == len(np.unique(fine))
        for coarse, fine in zip(labels.T[:-1], labels.T[1:], strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 200),
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=5, unique=True).map(sorted),
    method=st.sampled_from(["yu-shi", "kmeans"]),
    rank=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_children_lie_in_one_parent(n, counts, method, rank, seed):
    rng = np.random.default_rng(seed)
    eigenvectors = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, 12))
    labels = hierarchical_cut(eigenvectors, counts, method, seed=seed % 1000)
    assert labels.shape == (n, len(counts))
    assert nests(labels)
    found = [len(np.unique(column)) for column in labels.T]
    assert found == sorted(found)
    for column, count, distinct in zip(labels.T, counts, found, strict=True):
        assert distinct <= max(count, found[0])
        np.testing.assert_array_equal(np.unique(column), np.arange(distinct))
        # Children of one parent have neighbouring numbers.
    for coarse, fine in zip(labels.T[:-1], labels.T[1:], strict=True):
        parent = [coarse[fine == child][0] for child in range(fine.max() + 1)]
        assert parent == sorted(parent)


def tree_eigenvectors(rng):
    """Two halves of two and three blocks, with affinities 1 in a block, 0.3 in a half and 0.01 between the halves."""
    blocks = rng.permutation(np.repeat(np.arange(5), [40, 30, 35, 30, 25]))
    halves = (blocks >= 2).astype(int)
    affinity = 0.01 + 0.29 * (halves[:, None] == halves[None]) + 0.7 * (blocks[:, None] == blocks[None])
    noise = 0.02 * rng.random(affinity.shape)
    affinity += noise + noise.T
    root = np.sqrt(affinity.sum(axis=1))
    _, vectors = np.linalg.eigh(affinity / root[:, None] / root[None])
    return vectors[:, ::-1][:, :8], halves, blocks


def test_planted_tree_is_recovered(rng):
    eigenvectors, halves, blocks = tree_eigenvectors(rng)
    labels = hierarchical_cut(eigenvectors, (2, 5))
    assert adjusted_rand_score(halves, labels[:, 0]) == 1.0
    assert adjusted_rand_score(blocks, labels[:, 1]) == 1.0


def test_first_level_is_the_plain_cut(rng):
    eigenvectors, _, _ = tree_eigenvectors(rng)
    labels = hierarchical_cut(eigenvectors, (3, 4, 8), seed=5)
    np.testing.assert_array_equal(labels[:, 0], discretise(eigenvectors, 3, seed=5))


def test_wrong_input(rng):
    eigenvectors = rng.standard_normal((20, 4))
    for counts in ((), (0, 2), (3, 3), (4, 2)):
        with pytest.raises(InputError, match="must ascend"):
            hierarchical_cut(eigenvectors, counts)
    with pytest.raises(InputError, match="needs 5 eigenvectors"):
        hierarchical_cut(eigenvectors, (2, 5))
    eigenvectors[3] = np.nan
    with pytest.raises(FeatureError, match="node 3"):
        hierarchical_cut(eigenvectors, (2, 3))
