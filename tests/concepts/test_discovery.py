"""Discovery against planted clusters, and what must hold for any embedding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from alignedcut_viewer.concepts import (
    Concepts,
    channel_statistics,
    discover,
    match_ids,
    representatives,
)
from alignedcut_viewer.errors import Cancelled, FeatureError, InputError
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.spectral import SpectralTSNE
from alignedcut_viewer.study.node_features import NodeFeatures

pytestmark = pytest.mark.quick


def planted(
    n_clusters: int, apart: float, rng: np.random.Generator, least: int = 200, most: int = 3000
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Gaussian clusters of unequal sizes, standard deviation 1, whose centres are at least `apart` apart."""
    centres: list[NDArray[np.float64]] = []
    while len(centres) < n_clusters:
        place = rng.uniform(-1, 1, 3) * apart * n_clusters ** (1 / 3) * 1.2
        if all(np.linalg.norm(place - other) >= apart for other in centres):
            centres.append(place)
    truth = np.repeat(np.arange(n_clusters), rng.integers(least, most, n_clusters))
    return (np.array(centres)[truth] + rng.standard_normal((len(truth), 3))).astype(np.float32), truth


@pytest.mark.parametrize("n_clusters", [3, 6, 12])
@pytest.mark.parametrize("given_what", ["nothing", "number", "radius"])
def test_planted_clusters_are_discovered(n_clusters: int, given_what: str) -> None:
    points, truth = planted(n_clusters, 10, np.random.default_rng(n_clusters))
    options = {"nothing": {}, "number": {"n_concepts": n_clusters}, "radius": {"radius": 4.0}}[given_what]
    found = discover(points, **options)
    assert len(found) == n_clusters
    assert adjusted_rand_score(truth, found.labels) >= 0.98


def test_planted_clusters_of_eigenvectors_are_discovered_in_their_tsne() -> None:
    """The way of the paper: groups in eigenvector space, 3-D spectral t-SNE, spheres."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(6), [300, 500, 200, 400, 350, 250])
    eigenvectors = (np.eye(8)[truth] + 0.05 * rng.standard_normal((len(truth), 8))).astype(np.float32)
    embedding = SpectralTSNE(3, n_landmarks=600, perplexity=50, seed=0).fit_transform(eigenvectors)
    found = discover(embedding)
    assert len(found) == 6
    assert adjusted_rand_score(truth, found.labels) >= 0.95


def test_without_climbing_centres_are_the_farthest_points() -> None:
    """On a line: the ends, the middle, the quarters; each sphere reaches half way to the next."""
    line = np.zeros((1601, 3), dtype=np.float32)
    line[:, 0] = np.arange(1601)
    found = discover(line, n_concepts=3, climb=False, nodes=np.arange(1601))
    # The last five points at either end are the most isolated, and no candidates.
    assert sorted(found.places[:, 0].tolist()) == [5, 800, 1595]
    assert found.radius == 397.5
    covering = discover(line, radius=100.0, climb=False)
    assert len(covering) == 9
    assert (np.diff(np.sort(covering.places[:, 0])) < 2 * covering.radius).all()


def test_a_radius_alone_covers_every_node() -> None:
    points = np.random.default_rng(0).uniform(0, 10, (5000, 3)).astype(np.float32)
    found = discover(points, radius=3.0, climb=False, min_size=1)
    # Candidates leave out the most isolated twentieth, so a few corners may stay outside.
    assert (found.labels >= 0).mean() > 0.99


def test_members_lie_in_their_sphere_and_nowhere_nearer() -> None:
    points = np.random.default_rng(1).standard_normal((4000, 3)).astype(np.float32)
    found = discover(points, n_concepts=9)
    distances = np.linalg.norm(points[:, None].astype(np.float64) - found.places[None], axis=2)
    nearest = distances.argmin(axis=1)
    inside = distances.min(axis=1) <= found.radius
    assert np.array_equal(found.labels >= 0, inside)
    assert np.array_equal(found.labels[inside], nearest[inside])
    assert np.all(np.diff(found.sizes) <= 0)
    assert found.sizes.sum() == inside.sum()
    for position in range(len(found)):
        assert np.array_equal(found.members(position), np.flatnonzero(found.labels == position))
        assert distances[found.centres[position], position] == distances[:, position].min()


def test_only_chosen_nodes_take_part() -> None:
    rng = np.random.default_rng(2)
    points, truth = planted(4, 12, rng)
    nodes = np.flatnonzero(truth != 2)
    found = discover(points, nodes=nodes)
    assert len(found) == 3
    assert (found.labels[truth == 2] == -1).all()
    assert set(truth[found.centres]) == {0, 1, 3}
    assert adjusted_rand_score(truth[nodes], found.labels[nodes]) >= 0.98


def test_small_concepts_are_dropped() -> None:
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.standard_normal((500, 3)), rng.standard_normal((40, 3)) + 30]).astype(np.float32)
    assert discover(points, n_concepts=2, min_size=41).sizes.tolist() == [500]
    assert len(discover(points, n_concepts=2, min_size=10)) == 2


def test_the_same_seed_gives_the_same_concepts_of_very_many_nodes() -> None:
    points, truth = planted(5, 12, np.random.default_rng(4), 9000, 12_000)
    first, again, other = discover(points, seed=1), discover(points, seed=1), discover(points, seed=2)
    assert np.array_equal(first.labels, again.labels)
    assert np.array_equal(first.centres, again.centres)
    assert adjusted_rand_score(first.labels, other.labels) > 0.97
    assert adjusted_rand_score(truth, first.labels) > 0.97


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_rotation_and_order_change_nothing(seed: int, n_concepts: int) -> None:
    rng = np.random.default_rng(seed)
    points, _ = planted(min(n_concepts, 5), 9, rng, 30, 200)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    order = rng.permutation(len(points))
    found = discover(points, n_concepts=n_concepts, min_size=1)
    turned = discover((points @ rotation + rng.uniform(-5, 5, 3)).astype(np.float32), n_concepts=n_concepts, min_size=1)
    shuffled = discover(points[order], n_concepts=n_concepts, min_size=1)
    assert turned.radius == pytest.approx(found.radius, rel=1e-4)
    assert shuffled.radius == pytest.approx(found.radius, rel=1e-4)
    # Nodes on the very edge of a sphere, and ties between equally full spheres, may fall either way.
    assert adjusted_rand_score(found.labels, turned.labels) > 0.9
    assert adjusted_rand_score(found.labels[order], shuffled.labels) > 0.9


def test_copies_of_one_place_are_one_concept() -> None:
    found = discover(np.ones((50, 3), dtype=np.float32))
    assert found.sizes.tolist() == [50]


@pytest.mark.parametrize(
    ("embedding", "options", "words"),
    [
        (np.zeros((0, 3)), {}, "no node"),
        (np.zeros(5), {}, "nodes × dimensions"),
        (np.full((5, 3), np.nan), {}, "NaN"),
        (np.zeros((5, 3)), {"radius": -1.0}, "greater than 0"),
        (np.zeros((5, 3)), {"radius": "wide"}, "'auto'"),
        (np.zeros((5, 3)), {"n_concepts": 0}, "between 1 and"),
        (np.zeros((5, 3)), {"nodes": [7]}, "between 0 and 4"),
        (np.zeros((5, 3)), {"min_size": 0}, "at least one member"),
    ],
)
def test_what_does_not_fit_is_said(embedding: NDArray[np.float64], options: dict[str, object], words: str) -> None:
    with pytest.raises((InputError, FeatureError), match=words):
        discover(embedding, **options)


def test_it_can_be_cancelled() -> None:
    def stop(done: int, total: int, text: str) -> None:
        assert 0 <= done <= total
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        discover(np.random.default_rng(0).standard_normal((300, 3)), progress=stop)


# -- ids, channels, representatives ------------------------------------------------------------------------------


def test_what_stays_the_same_keeps_its_id() -> None:
    old = np.array([0] * 10 + [1] * 10 + [2] * 10 + [-1] * 5)
    new = np.array([1] * 9 + [-1] + [0] * 10 + [2] * 4 + [3] * 6 + [4] * 5)
    # 0 is the old 1 (id 7); 1 is nine tenths of the old 0 (id 3); 3 has six tenths of the old 2 (id 5); others are new.
    assert match_ids(new, old, [3, 7, 5]).tolist() == [7, 3, 8, 5, 9]
    assert match_ids(new, old, [3, 7, 5], next_id=20).tolist() == [7, 3, 20, 5, 21]
    assert match_ids(np.full(3, -1), np.array([0, 0, -1]), [1]).tolist() == []


def four_nodes() -> Concepts:
    labels = np.array([0, 0, 1, -1, 1], dtype=np.int32)
    return Concepts(np.array([1, 2]), np.array([0, 2]), np.zeros((2, 3), np.float32), 1.0, labels)


def test_channel_statistics_of_a_worked_example() -> None:
    features = np.array([[1, 10], [3, 10], [0, 4], [99, 99], [0, 8]], dtype=np.float16)
    means, stds = channel_statistics(features, four_nodes())
    np.testing.assert_allclose(means, [[2, 10], [0, 6]])
    np.testing.assert_allclose(stds, [[1, 0], [0, 2]])
    with pytest.raises(FeatureError, match="over 5 nodes"):
        channel_statistics(features[:4], four_nodes())


def test_channel_statistics_of_a_stream_and_of_a_sample(rng: np.random.Generator) -> None:
    index = NodeIndex([NetworkNodes("a", (0, 1), 4, 5, False)], 10)
    arrays = {slot: rng.standard_normal((10, 20, 6)).astype(np.float32) for slot in index.slots}
    flat = np.concatenate([arrays[slot].reshape(-1, 6) for slot in index.slots])

    class Tokens:
        """An array as a study gives it."""

        def __init__(self, values: NDArray[np.float32]) -> None:
            self.values, self.shape, self.dtype, self.chunks = (
                values,
                values.shape,
                values.dtype,
                (3, *values.shape[1:]),
            )

        def __getitem__(self, images: slice) -> NDArray[np.float32]:
            return self.values[images]

        def gather(self, images: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float32]:
            return self.values[images, tokens]

    stream = NodeFeatures({slot: Tokens(values) for slot, values in arrays.items()}, {"a": False}, index)
    labels = rng.integers(-1, 3, len(index)).astype(np.int32)
    concepts = Concepts(np.arange(1, 4), np.zeros(3, np.int64), np.zeros((3, 3), np.float32), 1.0, labels)
    expected = channel_statistics(flat, concepts)
    for got, wanted in zip(channel_statistics(stream, concepts), expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-6)
    means, _ = channel_statistics(flat, concepts, most=60, seed=1)
    assert np.abs(means - expected[0]).max() < 0.6
    assert np.abs(means - expected[0]).max() > 0


def test_representatives_are_the_most_typical_of_each_picture() -> None:
    angles = np.array([0.9, 0.1, 0.0, -0.2, -0.8, 0.3])
    values = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32) * np.arange(1, 7)[:, None]
    members, images = np.array([0, 1, 2, 3, 5]), np.array([0, 0, 1, 1, 2])
    mean = values[members].mean(axis=0)
    likeness = {m: float(values[m] @ mean / np.linalg.norm(values[m])) for m in members}
    best_of_each = [max(members[images == i], key=likeness.__getitem__) for i in range(3)]
    wanted = sorted(best_of_each, key=lambda m: -likeness[m])
    assert representatives(values, members, images, 9).tolist() == wanted
    assert representatives(values, members, images, 1).tolist() == wanted[:1]
    assert representatives(values, np.array([], int), np.array([], int), 3).tolist() == []
