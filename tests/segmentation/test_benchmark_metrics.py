"""Scores against torchmetrics, scikit-learn and values found by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation import confusion_matrix, mean_iou
from alignedcut_viewer.segmentation.benchmark_metrics import (
    boundary_f,
    box_iou,
    boxes_of,
    largest_component,
    matched_confusion,
    saliency_score,
    segmentation_iou,
)

pytestmark = pytest.mark.quick


@given(st.integers(0, 1000), st.integers(2, 7), st.booleans())
def test_mean_iou_is_that_of_torchmetrics(seed: int, n: int, ignoring: bool) -> None:
    metrics = pytest.importorskip("torchmetrics", reason="needs torchmetrics, which is in the extra `test`")
    import torch

    rng = np.random.default_rng(seed)
    truth, guess = rng.integers(0, n, (2, 9, 8))
    truth = np.minimum(truth, rng.integers(1, n))  # some classes are absent
    if ignoring:
        truth = np.where(rng.random(truth.shape) < 0.2, 255, truth)
    reference = metrics.JaccardIndex(task="multiclass", num_classes=n, ignore_index=255)
    expected = reference(torch.from_numpy(guess), torch.from_numpy(truth)).item()
    found = mean_iou(confusion_matrix(truth, guess, n_classes=256, n_labels=256, ignore=[255]))
    assert found == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 1000), st.integers(1, 5))
def test_names_of_labels_do_not_matter(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n, (9, 8))
    assert segmentation_iou(truth, 7 * rng.permutation(n)[truth] + 3) == 1
    finer = 2 * truth + rng.integers(0, 2, truth.shape)
    assert segmentation_iou(truth, finer, "many-to-one") == 1
    labels = rng.integers(0, 4, truth.shape)
    # Many-to-one gets at least as many pixels right.
    counts = confusion_matrix(truth, labels)
    right = [np.trace(matched_confusion(counts, kind)) for kind in ("hungarian", "many-to-one")]
    assert right[0] <= right[1]


def test_matching_by_hand() -> None:
    truth = np.array([[0, 0, 0, 1, 1, -1]])
    labels = np.array([[5, 5, 6, 7, 6, 6]])
    # 5 is class 0 (2 of 3), 6 or 7 is class 1 (1 of 2 and 1 lost, or 1 of 2): 2/3 and 1/3 or 1/2.
    assert segmentation_iou(truth, labels) in (pytest.approx((2 / 3 + 1 / 3) / 2), pytest.approx((2 / 3 + 1 / 2) / 2))
    assert segmentation_iou(truth, np.zeros((1, 6), dtype=int)) == pytest.approx((3 / 5 + 0) / 2)
    with pytest.raises(InputError, match="labels no pixel"):
        segmentation_iou(np.full((1, 6), -1), labels)
    with pytest.raises(InputError, match="do not fit"):
        segmentation_iou(truth, labels[:, :3])
    with pytest.raises(InputError, match="hungarian or many-to-one"):
        matched_confusion(np.ones((2, 2)), "greedy")  # type: ignore[arg-type]


def test_boundaries_within_the_tolerance() -> None:
    truth = np.zeros((60, 80), dtype=int)
    truth[:, 40:] = 1
    for shift, expected in ((0, 1.0), (1, 1.0), (3, 0.0)):
        labels = np.zeros_like(truth)
        labels[:, 40 + shift :] = 1
        assert boundary_f(truth, labels, tolerance=0.01) == expected
    twice = np.zeros_like(truth)
    twice[:, 40:] = 1
    twice[:, 70:] = 2
    assert boundary_f(truth, twice) == pytest.approx(2 * 0.5 / 1.5)
    assert boundary_f(truth, np.zeros_like(truth)) == 0
    assert boundary_f(truth * 0, truth * 0) == 1
    unknown = truth.copy()
    unknown[:, 60:] = -1
    assert boundary_f(unknown, twice) == 1  # what nobody knows is no mistake


def test_saliency_by_definition(rng: np.random.Generator) -> None:
    truth = rng.random((20, 20)) < 0.3
    values = np.round(rng.random((20, 20)) * 0.6 + 0.4 * truth, 2)
    best = 0.0
    for threshold in np.arange(1, 256) / 255:
        inside = values >= threshold
        if not inside.any():
            continue
        precision, recall = (inside & truth).sum() / inside.sum(), (inside & truth).sum() / truth.sum()
        if precision + recall:
            best = max(best, 1.3 * precision * recall / (0.3 * precision + recall))
    score = saliency_score(truth.astype(int), values)
    assert score.max_f == pytest.approx(best)
    inside = values >= 0.5
    assert score.iou == pytest.approx((inside & truth).sum() / (inside | truth).sum())
    assert score.accuracy == pytest.approx((inside == truth).mean())
    with pytest.raises(InputError, match="no figure"):
        saliency_score(np.zeros((2, 2), dtype=int), np.zeros((2, 2)))
    with pytest.raises(InputError, match="do not fit"):
        saliency_score(np.zeros((2, 2), dtype=int), np.zeros((2, 3)))


def test_boxes() -> None:
    mask = np.zeros((10, 12), dtype=bool)
    mask[1:4, 2:7] = True
    mask[6:8, 9:11] = True
    boxes = boxes_of(mask)
    assert boxes.tolist() == [[2, 1, 7, 4], [9, 6, 11, 8]]
    assert largest_component(mask).sum() == 15
    assert not largest_component(np.zeros((3, 3))).any()
    np.testing.assert_allclose(box_iou([2, 1, 7, 4], boxes), [1, 0])
    assert box_iou([0, 0, 2, 2], [[1, 1, 3, 3]])[0] == pytest.approx(1 / 7)
