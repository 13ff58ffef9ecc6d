"""Planted Markov paths give their matrix back; concepts planted in two networks recur, others do not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from alignedcut_viewer.concepts import (
    compare_transitions,
    find_recurrence,
    labels_by_slot,
    overlap_matrix,
    transition_counts,
    transition_matrix,
)
from alignedcut_viewer.errors import InputError
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex

pytestmark = pytest.mark.quick


def walk(
    start: NDArray[np.int64], matrix: NDArray[np.float64], steps: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """States of independent Markov chains over the steps."""
    states = [start]
    edges = np.cumsum(matrix, axis=1)
    for _ in range(steps):
        states.append((rng.random((len(start), 1)) > edges[states[-1]]).sum(axis=1))
    return states


@pytest.mark.parametrize("n_concepts", [2, 5, 12])
def test_planted_markov_paths_give_their_matrix(n_concepts: int) -> None:
    rng = np.random.default_rng(n_concepts)
    matrix = rng.dirichlet(np.full(n_concepts, 0.7), n_concepts)
    states = walk(rng.integers(0, n_concepts, 50_000), matrix, 3, rng)
    for before, after in itertools.pairwise(states):
        found = transition_matrix(before, after, n_concepts, n_concepts)
        visits = np.bincount(before, minlength=n_concepts)[:, None]
        error = np.sqrt(matrix * (1 - matrix) / visits)
        assert (np.abs(found - matrix) <= 5 * error + 1e-9).all()
        np.testing.assert_allclose(found.sum(axis=1), 1)


def test_a_worked_example() -> None:
    before = [0, 0, 0, 0, 1, 1, -1, -1]
    after = [0, 0, 2, -1, 1, -1, 0, -1]
    np.testing.assert_array_equal(transition_counts(before, after, 3, 3), [[2, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]])
    np.testing.assert_array_equal(
        transition_matrix(before, after, 3, 3), [[0.5, 0, 0.25], [0, 0.5, 0], [np.nan, np.nan, np.nan]]
    )
    weights = [1, 1, 2, 0, 3, 1, 9, 9]
    np.testing.assert_array_equal(transition_matrix(before, after, 2, 3, weights), [[0.5, 0, 0.5], [0, 0.75, 0]])


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, 400), st.integers(1, 6), st.integers(1, 6))
def test_counts_add_up_and_order_does_not_matter(seed: int, n: int, n_a: int, n_b: int) -> None:
    rng = np.random.default_rng(seed)
    before, after = rng.integers(-1, n_a, n), rng.integers(-1, n_b, n)
    counts = transition_counts(before, after, n_a, n_b)
    np.testing.assert_array_equal(counts.sum(axis=1), [(before == a).sum() for a in range(n_a)])
    np.testing.assert_array_equal(
        counts, [[((before == a) & (after == b)).sum() for b in [*range(n_b), -1]] for a in range(n_a)]
    )
    order = rng.permutation(n)
    np.testing.assert_array_equal(counts, transition_counts(before[order], after[order], n_a, n_b))
    half = rng.random(n) < 0.5
    parts = [transition_counts(before[m], after[m], n_a, n_b) for m in (half, ~half)]
    np.testing.assert_array_equal(counts, parts[0] + parts[1])


def test_what_does_not_fit_is_said() -> None:
    for arguments, words in [
        (([0, 1], [0], 2, 2), "same pixels"),
        (([0, 2], [0, 0], 2, 2), "between -1 and 1"),
        (([0], [0], 0, 2), "at least one concept"),
        (([0], [0], 1, 1, [-1]), "at least 0"),
    ]:
        with pytest.raises(InputError, match=words):
            transition_counts(*arguments)


# -- figure and ground -------------------------------------------------------------------------------------------


def test_groups_that_go_different_ways_are_told_apart(rng: np.random.Generator) -> None:
    figure_way, ground_way = np.array([[0.7, 0.3], [0.5, 0.5]]), np.array([[0.2, 0.8], [0.5, 0.5]])
    groups, images = rng.integers(-1, 2, 40_000), np.repeat(np.arange(40), 1000)
    before = rng.integers(0, 2, 40_000)
    after = np.where(groups == 1, walk(before, figure_way, 1, rng)[1], walk(before, ground_way, 1, rng)[1])
    found = compare_transitions(before, after, 2, 2, groups, images)
    np.testing.assert_allclose(found.first, figure_way, atol=0.03)
    np.testing.assert_allclose(found.second, ground_way, atol=0.03)
    np.testing.assert_array_equal(found.first, transition_matrix(before[groups == 1], after[groups == 1], 2, 2))
    np.testing.assert_allclose(found.difference[0], [0.5, -0.5], atol=0.04)
    assert found.differs.tolist() == [[True, True], [False, False]]
    assert (found.low <= found.difference).all()
    assert (found.difference <= found.high).all()
    np.testing.assert_array_equal(found.counts.sum(axis=1), [(groups == 1).sum(), (groups == 0).sum()])


def test_a_single_picture_that_differs_is_no_finding(rng: np.random.Generator) -> None:
    """All figure pixels of one picture of twenty take another way: many pixels, one case."""
    images, before = np.repeat(np.arange(20), 200), np.zeros(4000, dtype=int)
    groups = np.tile([0, 1], 2000)
    after = ((groups == 1) & (images == 3)).astype(int)
    assert not compare_transitions(before, after, 1, 2, groups, images).differs.any()


def test_a_concept_without_pixels_has_no_interval(rng: np.random.Generator) -> None:
    found = compare_transitions(np.zeros(100, int), rng.integers(0, 2, 100), 2, 2, [0, 1] * 50, np.arange(100) // 10)
    assert np.isnan(found.low[1]).all()
    assert np.isfinite(found.low[0]).all()
    assert not found.differs[1].any()
    with pytest.raises(InputError, match="at least one pixel"):
        compare_transitions([0], [0], 1, 1, [1], [0])


# -- recurrence --------------------------------------------------------------------------------------------------


def test_overlap_of_a_worked_example() -> None:
    found = overlap_matrix([[0, 0, 0, 1, -1]], [[1, 1, -1, 1, 0]], 2, 2)
    np.testing.assert_allclose(found, [[0, 0.5], [0, 1 / 3]])


def test_concepts_recur_where_they_were_planted(rng: np.random.Generator) -> None:
    """Concept 0 recurs as 2 with a tenth of errors; 1 lies in the middle in both; 2 is at random in either."""
    a = np.where(rng.random((30, 40)) < 0.3, 0, 2)
    b = np.where(a == 0, 2, 0)
    wrong = rng.random(a.shape) < 0.1
    b[wrong] = 2 * rng.integers(0, 2, wrong.sum())
    a[:, 15:25] = b[:, 15:25] = 1
    found = find_recurrence(a, b, 3, 3, n_permutations=199)
    assert found.best.tolist() == [2, 1, 0]
    assert found.overlap[0, 2] > 0.7
    assert found.p_values[0, 2] == 1 / 200
    # The middle overlaps perfectly, and does so with any pictures: that is no recurrence.
    assert found.overlap[1, 1] == 1
    assert found.expected[1, 1] == 1
    assert found.p_values[1, 1] == 1
    assert found.recurs().tolist() == [True, False, True]


def test_independent_concepts_do_not_recur() -> None:
    wrong = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        a, b = rng.integers(0, 3, (2, 25, 30))
        wrong += find_recurrence(a, b, 3, 3, n_permutations=99, seed=seed).recurs(0.05).any()
    assert wrong <= 6  # at most .15 each time: three concepts at .05


def test_labels_of_all_slots_come_to_one_grid() -> None:
    index = NodeIndex([NetworkNodes("fine", (0, 1), 4, 4, True), NetworkNodes("coarse", (3,), 2, 2, False)], 3)
    found = labels_by_slot(np.arange(len(index)), index)
    assert list(found) == [("fine", 0), ("fine", 1), ("coarse", 3)]
    assert all(labels.shape == (3, 4) for labels in found.values())
    assert found["coarse", 3][2].tolist() == list(range(len(index) - 4, len(index)))
    first = index.patch_slice("fine", 1, 1).start
    assert found["fine", 1][1].tolist() == [first + 5, first + 7, first + 13, first + 15]
    assert labels_by_slot(np.arange(len(index)), index, ("fine",))["fine", 0].shape == (3, 16)
    with pytest.raises(InputError, match="labels"):
        labels_by_slot([1], index)
