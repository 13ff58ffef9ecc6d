"""Regions, things and classes of a joint cut: planted ones are found, and each rule does what it says."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score, silhouette_score

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation.objects import ObjectSettings, find_objects, neighbour_merges, standing_out
from alignedcut_viewer.segmentation.regions import find_regions
from alignedcut_viewer.segmentation.semantics import cluster_places, match_classes

pytestmark = pytest.mark.quick
GRID = (16, 20)


def scene(rng: np.random.Generator, noise: float = 0.15) -> tuple[np.ndarray, np.ndarray]:
    """Ground 0, two things of one kind (1, 2) and one of another (3), and their features."""
    truth = np.zeros(GRID, int)
    truth[3:8, 2:7], truth[3:8, 12:17], truth[10:14, 6:13] = 1, 2, 3
    kind = np.array([0, 1, 1, 2])[truth]
    return truth, np.eye(3)[kind].reshape(-1, 3) + noise * rng.normal(size=(GRID[0] * GRID[1], 3))


def test_regions_are_as_many_as_were_planted(rng: np.random.Generator) -> None:
    truth, features = scene(rng)
    found = find_regions(features, GRID)
    kinds = np.array([0, 1, 1, 2])[truth]
    assert adjusted_rand_score(kinds.ravel(), found.labels.ravel()) > 0.99
    assert len(found.silhouettes) == 3
    mean = silhouette_score(features, kinds.ravel())
    assert found.reason == f"3 regions of 2 to 9 that were tried: silhouette {mean:.3f}"
    assert find_regions(features, GRID, counts=[5]).labels.max() == 4
    assert find_regions(np.ones((320, 3)), GRID).labels.max() == 0
    with pytest.raises(InputError, match="do not fit a grid"):
        find_regions(features[:-1], GRID)


def test_things_are_told_apart_and_the_ground_is_none(rng: np.random.Generator) -> None:
    truth, features = scene(rng)
    found = find_objects(features, GRID)
    assert len(found.scores) >= 3
    standing = set()
    for thing in (1, 2, 3):
        numbers, counts = np.unique(found.labels[truth == thing], return_counts=True)
        best = int(numbers[counts.argmax()])
        standing.add(best)
        own = found.labels == best
        assert (own & (truth == thing)).sum() / (own | (truth == thing)).sum() > 0.9
    assert standing == {1, 2, 3}  # chance parts of the ground come after them
    assert found.scores[2] > found.scores[3:].max(initial=0) + 0.1
    sure = find_objects(features, GRID, ObjectSettings(score=float(found.scores[2]) - 0.05))
    assert (sure.labels[truth == 0] == 0).mean() > 0.97
    assert (np.diff(found.scores) <= 0).all()


def test_what_touches_borders_is_left_out_unless_nothing_else_is_there(rng: np.random.Generator) -> None:
    truth = np.zeros(GRID, int)
    truth[:6, :6] = 1  # a corner: two borders
    truth[8:12, 8:12] = 2
    features = np.eye(3)[truth].reshape(-1, 3) + 0.02 * rng.normal(size=(320, 3))
    found = find_objects(features, GRID)
    assert (found.labels[truth == 2] > 0).all()
    assert (found.labels[truth == 1] == 0).mean() > 0.7
    only = np.eye(2)[np.minimum(truth, 1) * (truth < 2)].reshape(-1, 2) + 0.02 * rng.normal(size=(320, 2))
    few = find_objects(only, GRID, ObjectSettings(counts=(2,), smallest=0.05))
    assert (few.labels[truth == 1] > 0).all()


def test_merging_is_wards(rng: np.random.Generator) -> None:
    """Parts of single places in a row: the tree of scikit-learn with the same connectivity."""
    points = rng.normal(size=(9, 2)).astype(np.float32)
    ours = {tuple(mask.ravel().tolist()) for mask in neighbour_merges(points, np.arange(9)[None])}
    chain = np.eye(9, k=1) + np.eye(9, k=-1)
    theirs = set()
    for count in range(2, 10):
        labels = AgglomerativeClustering(count, connectivity=chain, linkage="ward").fit_predict(points)
        theirs |= {tuple((labels == label).tolist()) for label in range(count)}
    assert ours == theirs


def test_standing_out_is_the_silhouette(rng: np.random.Generator) -> None:
    _, features = scene(rng)
    mask = np.zeros(GRID, bool)
    mask[3:8, 2:7] = True
    y, x = np.nonzero(~mask)
    distance = np.hypot(np.maximum(np.abs(y - 5) - 2, 0), np.maximum(np.abs(x - 4) - 2, 0))
    around = np.argsort(distance, kind="stable")[: mask.sum()]
    chosen = np.concatenate([np.flatnonzero(mask), np.flatnonzero(~mask)[around]])
    expected = silhouette_score(features[chosen], np.repeat([0, 1], mask.sum()))
    assert standing_out(features.astype(np.float32), [mask])[0] == pytest.approx(expected, abs=1e-5)


def test_overlaps_give_way_to_what_stands_out_more(rng: np.random.Generator) -> None:
    _, features = scene(rng)
    few = find_objects(features, GRID, ObjectSettings(most=2))
    assert len(few.scores) == few.labels.max() == 2
    none = find_objects(features, GRID, ObjectSettings(score=1.0))
    assert len(none.scores) == none.labels.max() == 0
    for wrong in ({"counts": (1,)}, {"smallest": 0.9, "largest": 0.1}, {"overlap": 0.0}):
        with pytest.raises(InputError):
            ObjectSettings(**wrong)


def test_classes_are_matched_over_the_data_set(rng: np.random.Generator) -> None:
    truth = rng.integers(0, 4, 500)
    features = np.eye(4)[truth] * rng.uniform(0.5, 2, (500, 1)) + 0.03 * rng.normal(size=(500, 4))
    labels = cluster_places(features, 4).labels
    confusion = np.zeros((4, 4), int)
    np.add.at(confusion, (truth, labels), 1)
    match = match_classes(confusion)
    assert match.mean_iou == match.accuracy == 1
    np.testing.assert_array_equal(match.classes[labels], truth)
    # three segments for four classes: one class goes without and counts 0
    fewer = match_classes(confusion[:, :3])
    assert fewer.mean_iou == pytest.approx(0.75)
    more = match_classes(np.array([[5, 0, 3], [0, 6, 0]]))
    assert more.classes.tolist() == [0, 1, -1]
    assert more.iou.tolist() == [5 / 8, 1.0]
    assert more.accuracy == 11 / 14
    with pytest.raises(InputError, match="No labelled pixel"):
        match_classes(np.zeros((2, 2), int))
