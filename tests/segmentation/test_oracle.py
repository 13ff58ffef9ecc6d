"""The oracle protocol against a loop that follows the paper word by word, and on planted structure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation import ORACLE_THRESHOLDS, OracleCentres, oracle_score

pytestmark = pytest.mark.quick


def by_the_letter(vectors: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Appendix C.4, one row and one class at a time, with IoU from sets."""
    kept = [i for i in range(len(labels)) if labels[i] >= 0]
    classes = sorted({int(labels[i]) for i in kept} | {0})
    centre = {c: np.mean([vectors[i] for i in kept if labels[i] == c], axis=0) for c in classes if c in labels}
    best = 0.0
    for threshold in np.linspace(0, 1, 10):
        said = {}
        for i in kept:
            cosine = {
                c: float(vectors[i] @ m / max(np.linalg.norm(vectors[i]) * np.linalg.norm(m), 1e-30))
                for c, m in centre.items()
            }
            winner = max(cosine, key=lambda c: cosine[c])
            said[i] = 0 if cosine[winner] < threshold else winner
        ious = []
        for c in classes:
            true, guess = {i for i in kept if labels[i] == c}, {i for i in kept if said[i] == c}
            if true | guess:
                ious.append(len(true & guess) / len(true | guess))
        best = max(best, float(np.mean(ious)))
    return best


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 6), noise=st.floats(0.0, 2.0))
def test_it_is_the_paper_s_protocol(seed: int, k: int, noise: float) -> None:
    generator = np.random.default_rng(seed)
    labels = generator.integers(-1, k + 1, 60)
    labels[0] = 1
    vectors = generator.normal(size=(k + 2, 5))[labels] + noise * generator.normal(size=(60, 5))
    score = oracle_score(vectors, labels)
    assert score.mean_iou == pytest.approx(by_the_letter(vectors, labels), abs=1e-12)
    assert score.threshold_scores.max() == score.mean_iou
    assert score.threshold in ORACLE_THRESHOLDS


def test_planted_classes_are_told_apart_and_noise_is_not() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 5, 4000)
    planted = np.eye(10)[labels] + 0.05 * generator.normal(size=(4000, 10))
    score = oracle_score(planted, labels)
    assert score.mean_iou == 1.0
    assert score.class_iou.tolist() == [1.0] * 5
    assert score.classes.tolist() == [0, 1, 2, 3, 4]
    noise = oracle_score(generator.normal(size=(4000, 10)), labels)
    assert noise.mean_iou < 0.2
    assert noise.chance == pytest.approx((labels == 0).mean() / 5)
    assert oracle_score(np.ones((100, 2)), np.repeat([0, 1], 50)).mean_iou == pytest.approx(0.25)


def test_two_classes_are_figure_and_ground() -> None:
    """Ground is near zero cosine to all: only the threshold tells it, so both steps are needed."""
    generator = np.random.default_rng(1)
    figure = np.repeat([[1.0, 0, 0, 0]], 200, axis=0) + 0.05 * generator.normal(size=(200, 4))
    ground = generator.normal(size=(800, 4)) * [0.05, 1, 1, 1]
    labels = np.repeat([1, 0], [200, 800])
    score = oracle_score(np.concatenate([figure, ground]), labels)
    assert score.threshold > 0.2
    assert score.mean_iou > 0.97
    assert score.threshold_scores[0] < score.mean_iou  # without a threshold the ground's centre decides, badly


def test_unlabelled_rows_and_other_numbers_of_classes_change_nothing() -> None:
    generator = np.random.default_rng(2)
    labels = generator.integers(0, 3, 500)
    vectors = generator.normal(size=(3, 6))[labels] + generator.normal(size=(500, 6))
    plain = oracle_score(vectors, labels)
    more = oracle_score(
        np.concatenate([vectors, 100 * generator.normal(size=(70, 6))]), np.concatenate([labels, np.full(70, -1)])
    )
    assert more.mean_iou == plain.mean_iou
    renamed = oracle_score(vectors, np.asarray([255, 7, 12])[labels], background=255)
    assert renamed.mean_iou == plain.mean_iou
    assert renamed.classes.tolist() == [255, 7, 12]


def test_a_truth_without_background() -> None:
    vectors = np.repeat(np.eye(3), 10, axis=0)
    score = oracle_score(vectors, np.repeat([1, 2, 3], 10))
    assert score.mean_iou == 1.0
    assert np.isnan(score.class_iou[0])
    assert score.chance == 0.0
    number, similarity = OracleCentres.of(vectors, np.repeat([1, 2, 3], 10)).nearest(vectors.reshape(5, 6, 3))
    assert number.shape == similarity.shape == (5, 6)
    assert set(number.ravel().tolist()) == {1, 2, 3}


@pytest.mark.parametrize(
    ("vectors", "labels", "words"),
    [
        (np.zeros((3, 2)), np.zeros(3, int), "at least one class beside"),
        (np.zeros((3, 2)), np.full(3, -1), "at least one class beside"),
        (np.zeros((3, 2)), np.ones(4, int), "do not fit"),
        (np.zeros((3, 2)), np.ones(3), "whole numbers"),
    ],
)
def test_what_cannot_be_scored_is_a_sentence(
    vectors: NDArray[np.float64], labels: NDArray[np.int64], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        oracle_score(vectors, labels)


def test_no_threshold_is_a_sentence() -> None:
    with pytest.raises(InputError, match="at least one threshold"):
        oracle_score(np.ones((2, 2)), [0, 1], thresholds=())
