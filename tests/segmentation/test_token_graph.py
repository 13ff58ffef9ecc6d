"""Counting, nesting, splitting and telling instances apart on planted graphs."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation import TokenGraph, choose_count, cluster_eigenvectors, find_instances

pytestmark = pytest.mark.quick


def cut(affinity: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Leading eigenvectors of a normalised affinity, by definition."""
    degree = affinity.sum(1)
    values, vectors = np.linalg.eigh(affinity / np.sqrt(degree[:, None] * degree[None, :]))
    return vectors[:, ::-1][:, :count], values[::-1][:count]


def blocks(labels: np.ndarray, between: np.ndarray) -> np.ndarray:
    """Affinity of a planted partition, with a little noise."""
    noise = np.random.default_rng(0).uniform(0.9, 1.1, (len(labels), len(labels)))
    return between[np.ix_(labels, labels)] * (noise + noise.T) / 2


@pytest.fixture
def planted() -> np.ndarray:
    return np.repeat([0, 1, 2, 3], [40, 25, 20, 15])


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_the_planted_number_is_found(k: int) -> None:
    labels = np.repeat(np.arange(k), 30)
    vectors, values = cut(blocks(labels, np.eye(k) + 0.02), 9)
    choice = choose_count(vectors, values, smallest=2, largest=8)
    assert choice.k == k
    assert adjusted_rand_score(labels, choice.clusters.labels) == 1
    assert f"{k} segments of 2 to 8" in choice.reason
    np.testing.assert_allclose(choice.eigengaps, values[1:8] - values[2:9])


def test_clusters_of_a_given_number(planted: np.ndarray) -> None:
    vectors, _ = cut(blocks(planted, np.eye(4) + 0.02), 6)
    found = cluster_eigenvectors(vectors, 4)
    assert adjusted_rand_score(planted, found.labels) == 1
    assert found.sizes.tolist() == [40, 25, 20, 15]
    for k in (1, 7):
        with pytest.raises(InputError, match="between 2 and"):
            cluster_eigenvectors(vectors, k)
    with pytest.raises(InputError, match="three eigenvectors"):
        choose_count(vectors[:, :2], np.ones(2))
    with pytest.raises(InputError, match="at least 2"):
        choose_count(vectors, np.ones(6), smallest=1)


def test_levels_nest_and_follow_the_planted_tree(planted: np.ndarray) -> None:
    between = np.full((4, 4), 0.01)
    between[:2, :2] = between[2:, 2:] = 0.2  # two pairs
    np.fill_diagonal(between, 1)
    graph = TokenGraph(*cut(blocks(planted, between), 6))
    levels = graph.nested(planted)
    assert levels.shape == (100, 3)
    assert adjusted_rand_score(planted // 2, levels[:, 0]) == 1
    for coarse, fine in zip(levels.T[:-1], levels.T[1:], strict=True):
        for number in np.unique(fine):
            assert len(np.unique(coarse[fine == number])) == 1
    assert [level.max() + 1 for level in levels.T] == [2, 3, 4]


def test_recursion_stops_at_the_threshold(planted: np.ndarray) -> None:
    graph = TokenGraph(*cut(blocks(planted, np.eye(4) + 0.01), 6))
    found = graph.recursive(threshold=0.3)
    assert adjusted_rand_score(planted, found) == 1
    assert graph.recursive(threshold=0.0).max() == 0
    inside = planted < 2
    found = graph.recursive(threshold=0.3, inside=inside)
    assert (found[~inside] == -1).all()
    assert adjusted_rand_score(planted[inside], found[inside]) == 1


def test_the_normalised_cut_of_a_split_is_that_of_its_definition(planted: np.ndarray) -> None:
    graph = TokenGraph(*cut(blocks(planted, np.eye(4) + 0.01), 6))
    score, second = graph._split(np.arange(100), 1)
    a, inside = graph.affinity.astype(float), ~second
    crossing = a[np.ix_(inside, second)].sum()
    assert score == pytest.approx(crossing / a[inside].sum() + crossing / a[second].sum(), rel=1e-5)


def test_what_stays_inside(planted: np.ndarray) -> None:
    graph = TokenGraph(*cut(blocks(planted, np.eye(4) + 0.01), 6))
    keep = graph.keep(planted)
    assert (keep > 0.85).all()
    mixed = graph.keep(np.arange(100) % 2)
    assert (mixed < 0.6).all()
    with pytest.raises(InputError, match="do not fit"):
        TokenGraph(np.ones((4, 2)), np.ones(3))


def test_instances_are_pieces_split_and_merged_by_the_graph() -> None:
    # One class, three things in a row of a 12 x 12 grid: 0 and 1 touch but are bound weakly; 2 is cut in two by
    # a bar of another class, and its halves are bound as strongly as to themselves.
    things = np.full((12, 12), 3)
    things[:, 0:3], things[:, 3:6] = 0, 1
    things[:5, 8:], things[7:, 8:] = 2, 2
    segments = np.where(things == 3, 1, 0)
    between = np.full((4, 4), 0.02)
    np.fill_diagonal(between, 1)
    graph = TokenGraph(*cut(blocks(things.ravel(), between), 6))
    found = find_instances(segments, graph)
    for thing in (0, 1, 2):
        numbers = np.unique(found.labels[things == thing])
        assert len(numbers) == 1
        assert found.segment[numbers[0]] == 0
        assert (things[found.labels == numbers[0]] == thing).all()
    assert (found.segment == 1).sum() >= 1
    with pytest.raises(InputError, match="do not fit"):
        find_instances(segments[:3], graph)


def test_crumbs_join_their_neighbour() -> None:
    things = np.zeros((10, 10), dtype=int)
    things[:, 5:] = 1
    segments = things.copy()
    segments[4, 2] = 1  # one token of the right class inside the left thing
    graph = TokenGraph(*cut(blocks(things.ravel(), np.eye(2) + 0.02), 4))
    found = find_instances(segments, graph, smallest=3)
    assert len(found) == 2
    assert found.labels[4, 2] == found.labels[4, 1]
    nothing = find_instances(np.full((10, 10), -1), graph)
    assert len(nothing) == 0
    assert (nothing.labels == -1).all()


def test_a_graph_is_divided_into_as_many_as_asked_for(planted: np.ndarray) -> None:
    graph = TokenGraph.of_affinity(blocks(planted, np.eye(4) + 0.02))
    assert adjusted_rand_score(planted, graph.divided(4)) == 1
    assert [len(np.unique(graph.divided(k))) for k in (1, 2, 3)] == [1, 2, 3]
    assert graph.divided(1000, smallest=20).max() < 5  # no part is smaller, so that there are few
