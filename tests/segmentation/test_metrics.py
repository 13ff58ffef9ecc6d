"""Scores against closed forms and scikit-learn."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as reference

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation import (
    best_assignment_iou,
    class_iou,
    confusion_matrix,
    match_labels,
    mean_iou,
)

pytestmark = pytest.mark.quick

label_pairs = st.integers(1, 5).flatmap(
    lambda k: st.tuples(
        st.just(k),
        hnp.arrays(np.uint8, (6, 7), elements=st.integers(0, k - 1)),
        hnp.arrays(np.int32, (6, 7), elements=st.integers(0, k - 1)),
    )
)


@given(label_pairs)
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_confusion_and_iou_agree_with_scikit_learn(pair: tuple[int, np.ndarray, np.ndarray]) -> None:
    k, truth, predicted = pair
    counts = confusion_matrix(truth, predicted, n_classes=k, n_labels=k)
    expected = reference.confusion_matrix(truth.ravel(), predicted.ravel(), labels=range(k))
    np.testing.assert_array_equal(counts, expected)
    occurring = np.union1d(truth, predicted)
    ious = reference.jaccard_score(truth.ravel(), predicted.ravel(), labels=occurring, average=None)
    np.testing.assert_allclose(class_iou(counts)[occurring], ious)
    assert np.isnan(np.delete(class_iou(counts), occurring)).all()
    assert mean_iou(counts) == pytest.approx(ious.mean())


def test_ignored_pixels_do_not_count() -> None:
    truth = np.array([0, 0, 1, 1, 255, 255])
    predicted = np.array([0, 1, 1, 1, 0, 1])
    np.testing.assert_array_equal(confusion_matrix(truth, predicted, ignore=(255,)), [[1, 1], [0, 2]])
    assert confusion_matrix(truth[:0], predicted[:0]).shape == (0, 0)
    assert math.isnan(mean_iou(np.zeros((2, 2))))


def test_matrices_of_pictures_add_up(rng: np.random.Generator) -> None:
    truth, predicted = rng.integers(0, 4, (2, 3, 50))
    whole = confusion_matrix(truth, predicted, n_classes=4, n_labels=4)
    parts = sum(confusion_matrix(t, p, n_classes=4, n_labels=4) for t, p in zip(truth, predicted, strict=True))
    np.testing.assert_array_equal(whole, parts)


@pytest.mark.parametrize("by", ["pixels", "iou"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2)])
def test_matching_is_the_best_of_all_assignments(by: str, shape: tuple[int, int], rng: np.random.Generator) -> None:
    counts = rng.integers(1, 100, shape)
    union = counts.sum(0)[None] + counts.sum(1)[:, None] - counts
    worth = counts / union if by == "iou" else counts
    matched = match_labels(counts, by=by)  # type: ignore[arg-type]
    assert len(matched) == shape[1]
    kept = matched >= 0
    assert len(set(matched[kept])) == kept.sum() == min(shape)
    total = worth[matched[kept], np.flatnonzero(kept)].sum()
    classes, labels = range(shape[0]), range(shape[1])
    if shape[0] <= shape[1]:
        best = max(sum(worth[c, p[c]] for c in classes) for p in itertools.permutations(labels, shape[0]))
    else:
        best = max(sum(worth[p[i], i] for i in labels) for p in itertools.permutations(classes, shape[1]))
    assert total == pytest.approx(best)


def test_permuted_labels_are_matched_back(rng: np.random.Generator) -> None:
    truth = rng.integers(0, 5, 500)
    permutation = rng.permutation(5)
    counts = confusion_matrix(truth, permutation[truth])
    matched = match_labels(counts)
    np.testing.assert_array_equal(matched[permutation], np.arange(5))


def test_better_of_the_two_assignments() -> None:
    figure = np.zeros((10, 10), dtype=bool)
    figure[2:6, 2:7] = True  # 20 pixels
    segments = np.ones((10, 10), dtype=int)
    segments[2:6, 2:6] = 0  # 16 of them
    best = best_assignment_iou(segments, figure)
    assert best.label == 0
    assert best.figure_iou == pytest.approx(16 / 20)
    assert best.ground_iou == pytest.approx(80 / 84)
    assert best.mean_iou == pytest.approx((16 / 20 + 80 / 84) / 2)
    assert best_assignment_iou(1 - segments, figure)._replace(label=0) == best


@given(
    segments=hnp.arrays(np.int8, (5, 6), elements=st.integers(0, 1)),
    figure=hnp.arrays(np.bool_, (5, 6)),
    valid=hnp.arrays(np.bool_, (5, 6)),
)
def test_swapping_segments_changes_nothing(segments: np.ndarray, figure: np.ndarray, valid: np.ndarray) -> None:
    valid[0, 0] = True
    best = best_assignment_iou(segments, figure, valid=valid)
    assert best.mean_iou == best_assignment_iou(1 - segments, figure, valid=valid).mean_iou
    by_hand = []
    for assigned in (segments == 1, segments == 0):
        ious = [
            (a & b & valid).sum() / ((a | b) & valid).sum()
            for a, b in ((assigned, figure), (~assigned, ~figure))
            if ((a | b) & valid).any()
        ]
        by_hand.append(np.mean(ious))
    assert best.mean_iou == pytest.approx(max(by_hand))
    changed = np.where(valid, segments, 1 - segments)
    assert best_assignment_iou(changed, figure, valid=valid).mean_iou == best.mean_iou


def test_one_of_several_segments_is_the_figure() -> None:
    figure = np.array([[0, 0, 1, 1]], dtype=bool)
    best = best_assignment_iou([[7, 3, 5, 5]], figure)
    assert best == (5, 1.0, 1.0, 1.0)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="do not fit"):
        confusion_matrix([0, 1], [0])
    with pytest.raises(InputError, match="whole numbers"):
        confusion_matrix([0.5], [0])
    for truth, predicted in (([5], [0]), ([0], [5]), ([-1], [0])):
        with pytest.raises(InputError, match="below"):
            confusion_matrix(truth, predicted, n_classes=2, n_labels=2)
    with pytest.raises(InputError, match="square"):
        class_iou(np.zeros((2, 3)))
    with pytest.raises(InputError, match="two axes"):
        match_labels(np.zeros(3))
    with pytest.raises(InputError, match="'pixels' or 'iou'"):
        match_labels(np.zeros((2, 2)), by="dice")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="do not fit"):
        best_assignment_iou([[0]], [[True, False]])
    with pytest.raises(InputError, match="no pixel"):
        best_assignment_iou([[0]], [[True]], valid=[[False]])
