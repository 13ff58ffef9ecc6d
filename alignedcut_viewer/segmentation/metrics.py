"""How well masks agree with ground truth."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

__all__ = [
    "Assignment",
    "best_assignment_iou",
    "class_iou",
    "confusion_matrix",
    "match_labels",
    "mean_iou",
]


def confusion_matrix(
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    n_classes: int | None = None,
    n_labels: int | None = None,
    ignore: Collection[int] = (),
) -> NDArray[np.int64]:
    """Count pixels by true class and predicted label.

    Parameters
    ----------
    truth, predicted
        Whole numbers from 0, of one shape.
    n_classes, n_labels
        Size of the matrix; by default one more than the largest number that occurs.
    ignore
        True classes whose pixels are left out, such as 0 or 255 for unlabelled.

    Returns
    -------
    ndarray of int64, shape (n_classes, n_labels)
        Add the matrices of several pictures to score them together.

    Raises
    ------
    InputError
        If shapes differ or numbers are outside the matrix.
    """
    true = np.asarray(truth).ravel()
    guess = np.asarray(predicted).ravel()
    if np.shape(truth) != np.shape(predicted):
        raise InputError(f"Truth of shape {np.shape(truth)} and masks of shape {np.shape(predicted)} do not fit.")
    if true.dtype.kind not in "iub" or guess.dtype.kind not in "iub":
        raise InputError("Labels must be whole numbers.")
    kept = ~np.isin(true, list(ignore)) if len(ignore) else np.ones(true.shape, dtype=bool)
    true, guess = true[kept].astype(np.int64), guess[kept].astype(np.int64)
    rows = n_classes if n_classes is not None else int(true.max(initial=-1)) + 1
    columns = n_labels if n_labels is not None else int(guess.max(initial=-1)) + 1
    if true.size and (true.min() < 0 or true.max() >= rows or guess.min() < 0 or guess.max() >= columns):
        raise InputError(f"Labels must lie below {rows} in the truth and below {columns} in the mask, and not below 0.")
    return np.bincount(true * columns + guess, minlength=rows * columns).reshape(rows, columns)


def class_iou(confusion: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of each class.

    Parameters
    ----------
    confusion
        Square matrix of :func:`confusion_matrix`: label ``i`` predicts class ``i``.

    Returns
    -------
    ndarray of float64, shape (n_classes,)
        NaN for a class that occurs neither in the truth nor in the masks.

    Raises
    ------
    InputError
        If the matrix is not square.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise InputError(f"A square confusion matrix is needed; got shape {counts.shape}. Match the labels first.")
    hits = np.diagonal(counts)
    union = counts.sum(0) + counts.sum(1) - hits
    ratio: NDArray[np.float64] = np.divide(hits, union, out=np.full(len(counts), np.nan), where=union > 0)
    return ratio


def mean_iou(confusion: ArrayLike) -> float:
    """Mean of :func:`class_iou` over the classes that occur; NaN if none does."""
    values = class_iou(confusion)
    present = ~np.isnan(values)
    return float(values[present].mean()) if present.any() else float("nan")


def match_labels(confusion: ArrayLike, *, by: Literal["pixels", "iou"] = "pixels") -> NDArray[np.int64]:
    """Assign each predicted label to at most one class, so that the sum over all pairs is largest (Hungarian matching).

    Parameters
    ----------
    confusion
        ``(n_classes, n_labels)``, of any shape.
    by
        What is summed: pixels in common, as segmentation benchmarks do, or intersection over union.

    Returns
    -------
    ndarray of int64, shape (n_labels,)
        Class of each label; -1 for labels that are left over.

    Raises
    ------
    InputError
        If the matrix has not two axes, or `by` is unknown.
    """
    from scipy.optimize import linear_sum_assignment

    counts = np.asarray(confusion, dtype=np.float64)
    if counts.ndim != 2:
        raise InputError(f"A confusion matrix has two axes; got shape {counts.shape}.")
    if by == "iou":
        union = counts.sum(0)[None, :] + counts.sum(1)[:, None] - counts
        counts = np.divide(counts, union, out=np.zeros_like(counts), where=union > 0)
    elif by != "pixels":
        raise InputError(f"Labels are matched by 'pixels' or 'iou'; got {by!r}.")
    classes, labels = linear_sum_assignment(counts, maximize=True)
    matched = np.full(counts.shape[1], -1, dtype=np.int64)
    matched[labels] = classes
    return matched


class Assignment(NamedTuple):
    """Which segment is taken for the figure, and how well it fits.

    Attributes
    ----------
    label
        The segment that is the figure; all others are ground. -1 where everything is one segment, and ground.
    mean_iou
        Mean of the two below, over those that occur.
    figure_iou, ground_iou
        Intersection over union; NaN where the truth has no such pixel and nothing was taken for it.
    """

    label: int
    mean_iou: float
    figure_iou: float
    ground_iou: float


def best_assignment_iou(segments: ArrayLike, figure: ArrayLike, *, valid: ArrayLike | None = None) -> Assignment:
    """Score a segmentation against figure and ground, with that segment as figure that fits best.

    Of two segments this is the better of the two assignments: a 2-way cut does not say which side is the figure.

    Parameters
    ----------
    segments
        Whole numbers ``(H, W)``, one a segment.
    figure
        True where the figure is, ``(H, W)``.
    valid
        False where the truth is unlabelled; these pixels are left out. By default all count.

    Raises
    ------
    InputError
        If shapes differ, or no pixel is valid.
    """
    labels = np.asarray(segments)
    truth = np.asarray(figure, dtype=bool)
    counted = np.ones(truth.shape, dtype=bool) if valid is None else np.asarray(valid, dtype=bool)
    if labels.shape != truth.shape or counted.shape != truth.shape:
        raise InputError(f"Segments {labels.shape}, figure {truth.shape} and valid pixels {counted.shape} do not fit.")
    labels, truth = labels[counted], truth[counted]
    if not labels.size:
        raise InputError("The ground truth labels no pixel of this picture; nothing can be scored.")
    values, positions = np.unique(labels, return_inverse=True)
    confusion = confusion_matrix(truth.astype(np.int64), positions, n_classes=2, n_labels=len(values))
    candidates = []
    for i, value in enumerate(values):
        inside = confusion[:, i]
        two_way = np.stack([confusion.sum(1) - inside, inside], axis=1)
        ground_iou, figure_iou = class_iou(two_way)
        candidates.append(Assignment(int(value), mean_iou(two_way), float(figure_iou), float(ground_iou)))
    if len(values) == 1:  # the other assignment: nothing is figure
        two_way = np.stack([confusion[:, 0], np.zeros(2, dtype=np.int64)], axis=1)
        ground_iou, figure_iou = class_iou(two_way)
        candidates.append(Assignment(-1, mean_iou(two_way), float(figure_iou), float(ground_iou)))
    return max(candidates, key=lambda candidate: candidate.mean_iou)
