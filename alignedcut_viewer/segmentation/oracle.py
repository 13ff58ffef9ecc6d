"""How well classes can be told apart in a space of eigenvectors, by the oracle protocol of AlignedCut, appendix C.4.

The protocol looks at the ground truth twice, for the classes' centres and for the threshold: its scores say what a
layer's eigenvectors hold, not what a segmentation without labels would reach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .metrics import class_iou, confusion_matrix, mean_iou

__all__ = ["ORACLE_THRESHOLDS", "UNLABELLED", "LayerScore", "OracleCentres", "OracleScore", "oracle_score"]

ORACLE_THRESHOLDS: tuple[float, ...] = tuple(float(value) for value in np.linspace(0, 1, 10))
"""The thresholds that the paper tries, the best of which counts."""
UNLABELLED = -1
_BLOCK = 65_536


@dataclass(frozen=True, eq=False)
class OracleCentres:
    """Mean eigenvectors of the true classes (steps 2 and 3 of the protocol).

    Attributes
    ----------
    classes
        Class numbers, int64 ``(K,)``: the background first, the others ascending.
    centres
        float64 ``(K, C)`` of unit length; NaN for a background of which the truth has no row.
    """

    classes: NDArray[np.int64]
    centres: NDArray[np.float64]

    @classmethod
    def of(cls, eigenvectors: ArrayLike, labels: ArrayLike, *, background: int = 0) -> OracleCentres:
        """Find the centres.

        Parameters
        ----------
        eigenvectors
            ``(n, C)``, one row per token or pixel.
        labels
            True class of each row, whole numbers ``(n,)``; :data:`UNLABELLED` (-1) rows take no part.
        background
            The class of all that is no object.

        Raises
        ------
        InputError
            If shapes do not fit, or there is no labelled row of any class beside the background.
        """
        rows, truth = _checked(eigenvectors, labels)
        known = np.unique(truth[truth != UNLABELLED])
        objects = known[known != background]
        if not objects.size:
            raise InputError("The oracle protocol needs labelled pixels of at least one class beside the background.")
        classes = np.concatenate([[background], objects]).astype(np.int64)
        centres = np.full((len(classes), rows.shape[1]), np.nan)
        for number, label in enumerate(classes):
            mine = truth == label
            if mine.any():
                mean = rows[mine].mean(axis=0, dtype=np.float64)
                centres[number] = mean / max(float(np.linalg.norm(mean)), 1e-30)
        return cls(classes, centres)

    def nearest(self, eigenvectors: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Nearest centre of each row, before any threshold.

        Parameters
        ----------
        eigenvectors
            ``(..., C)``.

        Returns
        -------
        class_number : ndarray of int64, shape (...)
            Position in :attr:`classes`; at equal similarity the first.
        similarity : ndarray of float64, shape (...)
            Cosine with that centre.
        """
        values = np.asarray(eigenvectors)
        rows = values.reshape(-1, values.shape[-1])
        number = np.empty(len(rows), dtype=np.int64)
        similarity = np.empty(len(rows), dtype=np.float64)
        held = ~np.isnan(self.centres[:, 0])
        centres = np.where(held[:, None], self.centres, 0.0)
        for start in range(0, len(rows), _BLOCK):
            part = slice(start, start + _BLOCK)
            block = rows[part].astype(np.float64)
            block /= np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-30)
            cosine = np.where(held, block @ centres.T, -np.inf)
            number[part] = cosine.argmax(axis=1)
            similarity[part] = cosine.max(axis=1)
        return number.reshape(values.shape[:-1]), similarity.reshape(values.shape[:-1])


@dataclass(frozen=True, eq=False)
class OracleScore:
    """Result of the oracle protocol.

    Attributes
    ----------
    mean_iou
        Of the best threshold: mean over the classes that occur.
    threshold
        The best one; the lowest of equally good ones.
    classes
        Class numbers, int64 ``(K,)``, the background first.
    class_iou
        IoU of each class at that threshold, ``(K,)``.
    threshold_scores
        mIoU at every threshold that was tried.
    chance
        mIoU of calling everything background.
    """

    mean_iou: float
    threshold: float
    classes: NDArray[np.int64]
    class_iou: NDArray[np.float64]
    threshold_scores: NDArray[np.float64]
    chance: float

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready form, for :meth:`from_dict`; NaN is None."""
        return {
            "mean_iou": self.mean_iou,
            "threshold": self.threshold,
            "classes": self.classes.tolist(),
            "class_iou": [None if np.isnan(value) else float(value) for value in self.class_iou],
            "threshold_scores": self.threshold_scores.tolist(),
            "chance": self.chance,
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> OracleScore:
        """What :meth:`as_dict` gave."""
        return cls(
            mean_iou=float(entry["mean_iou"]),
            threshold=float(entry["threshold"]),
            classes=np.asarray(entry["classes"], dtype=np.int64),
            class_iou=np.asarray([np.nan if v is None else v for v in entry["class_iou"]], dtype=np.float64),
            threshold_scores=np.asarray(entry["threshold_scores"], dtype=np.float64),
            chance=float(entry["chance"]),
        )


@dataclass(frozen=True, eq=False)
class LayerScore:
    """Score of one layer.

    Attributes
    ----------
    task
        What was told apart, such as ``"figure and ground"``.
    network, layer
        Which layer.
    aligned
        Whether its features were aligned before they were cut.
    score
        What was reached.
    """

    task: str
    network: str
    layer: int
    aligned: bool
    score: OracleScore

    def as_row(self) -> dict[str, str | int | float]:
        """One row of a table."""
        return {
            "task": self.task,
            "network": self.network,
            "layer": self.layer,
            "features": "aligned" if self.aligned else "raw",
            "miou": self.score.mean_iou,
            "threshold": self.score.threshold,
            "everything_background": self.score.chance,
            "classes": len(self.score.classes),
        }


def oracle_score(
    eigenvectors: ArrayLike,
    labels: ArrayLike,
    *,
    background: int = 0,
    thresholds: Sequence[float] = ORACLE_THRESHOLDS,
) -> OracleScore:
    """Score eigenvectors by the oracle protocol (AlignedCut, appendix C.4).

    The mean eigenvectors of each class, the background included, are its centre. A row takes the class of the most
    similar centre by cosine, or the background where no similarity reaches a threshold, of which the best counts. With
    labels 0 and 1 this is the paper's figure and ground (ImageNet-Segmentation), with more classes its PASCAL VOC.

    Parameters
    ----------
    eigenvectors
        ``(n, C)`` of one layer, jointly over all pictures; the paper takes 10.
    labels
        True class of each row, whole numbers ``(n,)``; :data:`UNLABELLED` (-1) rows are left out.
    background
        The class of all that is no object.
    thresholds
        Those that are tried.

    Raises
    ------
    InputError
        If shapes do not fit, no threshold is given, or no row is labelled with a class beside the background.
    """
    if not len(thresholds):
        raise InputError("The oracle protocol needs at least one threshold.")
    rows, truth = _checked(eigenvectors, labels)
    counted = truth != UNLABELLED
    rows, truth = rows[counted], truth[counted]
    found = OracleCentres.of(rows, truth, background=background)
    order = np.argsort(found.classes)
    true_number = order[np.searchsorted(found.classes, truth, sorter=order)]
    number, similarity = found.nearest(rows)
    k = len(found.classes)
    tables = [
        confusion_matrix(true_number, np.where(similarity < threshold, 0, number), n_classes=k, n_labels=k)
        for threshold in thresholds
    ]
    scores = np.asarray([mean_iou(table) for table in tables])
    best = int(scores.argmax())
    nothing = confusion_matrix(true_number, np.zeros_like(true_number), n_classes=k, n_labels=k)
    return OracleScore(
        mean_iou=float(scores[best]),
        threshold=float(thresholds[best]),
        classes=found.classes,
        class_iou=class_iou(tables[best]),
        threshold_scores=scores,
        chance=float(mean_iou(nothing)),
    )


def _checked(eigenvectors: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    rows, truth = np.asarray(eigenvectors), np.asarray(labels)
    if rows.ndim != 2 or not rows.shape[1] or truth.shape != rows.shape[:1]:
        raise InputError(f"Eigenvectors {rows.shape} and labels {truth.shape} do not fit: one label a row is needed.")
    if truth.dtype.kind not in "iub" or rows.dtype.kind != "f":
        raise InputError("Eigenvectors must be real numbers, and labels whole numbers.")
    return rows, truth.astype(np.int64)
