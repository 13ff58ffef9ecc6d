"""Scores that segmentation is published in, beside the mean IoU: boundaries, saliency, boxes."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .metrics import confusion_matrix, match_labels

__all__ = [
    "SaliencyScore",
    "boundary_f",
    "box_iou",
    "boxes_of",
    "largest_component",
    "matched_confusion",
    "saliency_score",
    "segmentation_iou",
]

_BETA = 0.3
"""Squared weight of recall in the F-measure of saliency (Achanta et al. 2009)."""


def matched_confusion(counts: ArrayLike, protocol: Literal["hungarian", "many-to-one"]) -> NDArray[np.int64]:
    """Confusion matrix of classes, after labels were given to classes.

    Parameters
    ----------
    counts
        ``(n_classes, n_labels)`` of :func:`.metrics.confusion_matrix`.
    protocol
        ``"hungarian"``: each class gets one label at most, so that the most pixels are right, and labels that
        are left over are right nowhere. ``"many-to-one"``: each label goes to the class that it shares most with.

    Returns
    -------
    ndarray of int64, shape (n_classes + 1, n_classes + 1)
        The last column is what no class got.
    """
    table = np.asarray(counts, dtype=np.int64)
    n = len(table)
    if protocol == "hungarian":
        owner = match_labels(table)
    elif protocol == "many-to-one":
        owner = np.where(table.sum(0) > 0, table.argmax(0), -1)
    else:
        raise InputError(f"Labels are matched by hungarian or many-to-one; got {protocol!r}.")
    result = np.zeros((n + 1, n + 1), dtype=np.int64)
    for label, of_class in enumerate(owner.tolist()):
        result[:n, of_class if of_class >= 0 else n] += table[:, label]
    return result


def segmentation_iou(
    truth: ArrayLike,
    labels: ArrayLike,
    protocol: Literal["hungarian", "many-to-one"] = "hungarian",
    *,
    ignore: int = -1,
) -> float:
    """Mean IoU of one picture over the classes of its truth; labels are given to classes first.

    Raises
    ------
    InputError
        If shapes differ, or the truth labels no pixel.
    """
    true, guess = np.asarray(truth), np.asarray(labels)
    if true.shape != guess.shape:
        raise InputError(f"Truth of shape {true.shape} and masks of shape {guess.shape} do not fit.")
    known = true != ignore
    if not known.any():
        raise InputError("The ground truth labels no pixel of this picture; nothing can be scored.")
    classes, rows = np.unique(true[known], return_inverse=True)
    found, columns = np.unique(guess[known], return_inverse=True)
    counts = confusion_matrix(rows.ravel(), columns.ravel(), n_classes=len(classes), n_labels=len(found))
    square = matched_confusion(counts, protocol)
    hits = np.diagonal(square)[:-1]
    union = square.sum(0)[:-1] + square.sum(1)[:-1] - hits
    return float((hits / union).mean())


def boundary_f(truth: ArrayLike, labels: ArrayLike, *, tolerance: float = 0.008, ignore: int = -1) -> float:
    """F-measure of the boundaries between regions, wherever they may lie within a tolerance.

    Parameters
    ----------
    truth, labels
        Whole numbers ``(H, W)``. Boundaries of what the truth does not know do not count, nor do those inside it.
    tolerance
        Share of the picture's diagonal (Perazzi et al. 2016).
    ignore
        Label of what the truth does not know.

    Returns
    -------
    float
        1 where neither has a boundary, 0 where only one has.
    """
    from scipy.ndimage import distance_transform_edt

    true, guess = np.asarray(truth), np.asarray(labels)
    if true.shape != guess.shape:
        raise InputError(f"Truth of shape {true.shape} and masks of shape {guess.shape} do not fit.")
    reach = max(1.0, np.ceil(tolerance * float(np.hypot(*true.shape))))
    drawn, found = _boundary(true, ignore), _boundary(guess, None)
    found &= true != ignore
    if not drawn.any() or not found.any():
        return float(drawn.any() == found.any())
    precision = float((distance_transform_edt(~drawn)[found] <= reach).mean())
    recall = float((distance_transform_edt(~found)[drawn] <= reach).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _boundary(labels: NDArray[np.integer], ignore: int | None) -> NDArray[np.bool_]:
    edges = np.zeros(labels.shape, dtype=bool)
    for axis in (0, 1):
        first = tuple(slice(None, -1) if a == axis else slice(None) for a in (0, 1))
        second = tuple(slice(1, None) if a == axis else slice(None) for a in (0, 1))
        differs = labels[first] != labels[second]
        if ignore is not None:
            differs &= (labels[first] != ignore) & (labels[second] != ignore)
        edges[first] |= differs
    return edges


class SaliencyScore(NamedTuple):
    """How well a map of saliency tells figure from ground.

    Attributes
    ----------
    max_f
        F-measure at the best of 255 thresholds, squared beta .3.
    iou
        Of the figure at threshold one half.
    accuracy
        Share of right pixels at one half.
    """

    max_f: float
    iou: float
    accuracy: float


def saliency_score(truth: ArrayLike, saliency: ArrayLike, *, ignore: int = -1) -> SaliencyScore:
    """Score a map of saliency from 0 to 1 against figure (1) and ground (0).

    Raises
    ------
    InputError
        If shapes differ or the truth has no figure.
    """
    true, values = np.asarray(truth), np.asarray(saliency, dtype=np.float64)
    if true.shape != values.shape:
        raise InputError(f"Truth of shape {true.shape} and a map of shape {values.shape} do not fit.")
    known = true != ignore
    figure, values = true[known] == 1, values[known]
    if not figure.any():
        raise InputError("The ground truth of this picture has no figure; its saliency cannot be scored.")
    thresholds = np.linspace(0, 1, 256)[1:]
    order = np.sort(values[figure]), np.sort(values)
    hits = len(order[0]) - np.searchsorted(order[0], thresholds)
    taken = len(order[1]) - np.searchsorted(order[1], thresholds)
    precision = hits / np.maximum(taken, 1)
    recall = hits / figure.sum()
    f = (1 + _BETA) * precision * recall / np.maximum(_BETA * precision + recall, 1e-12)
    inside = values >= 0.5
    union = (inside | figure).sum()
    return SaliencyScore(float(f.max()), float((inside & figure).sum() / union), float((inside == figure).mean()))


def largest_component(mask: ArrayLike) -> NDArray[np.bool_]:
    """The largest connected part of a mask."""
    from scipy.ndimage import label

    parts, count = label(np.asarray(mask, dtype=bool))
    if not count:
        return np.zeros(parts.shape, dtype=bool)
    found: NDArray[np.bool_] = parts == 1 + int(np.bincount(parts.ravel())[1:].argmax())
    return found


def boxes_of(mask: ArrayLike) -> NDArray[np.int64]:
    """Boxes (left, top, right, bottom) around the connected parts of a mask, ``(n, 4)``."""
    from scipy.ndimage import find_objects, label

    windows = find_objects(label(np.asarray(mask, dtype=bool))[0])
    boxes = [(w[1].start, w[0].start, w[1].stop, w[0].stop) for w in windows if w is not None]
    return np.array(boxes, dtype=np.int64).reshape(-1, 4)


def box_iou(box: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """IoU of one box with others, ``(n,)``; CorLoc counts a picture where one exceeds one half."""
    one, many = np.asarray(box, dtype=np.float64), np.asarray(others, dtype=np.float64).reshape(-1, 4)
    low, high = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    areas = (many[:, 2:] - many[:, :2]).prod(1) + (one[2:] - one[:2]).prod()
    result: NDArray[np.float64] = shared / (areas - shared)
    return result
