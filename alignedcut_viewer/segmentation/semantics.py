"""Segments that mean the same in all pictures: k-means on all places, and which class each of them is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..progress import ProgressCallback
from .clusters import Clusters, segment_tokens
from .metrics import class_iou, match_labels

__all__ = ["ClassMatch", "cluster_places", "match_classes", "unit_places"]


def unit_places(features: ArrayLike, n_segments: int) -> NDArray[np.float32]:
    """The leading features of places brought to length one.

    Parameters
    ----------
    features
        ``(..., C)``: pseudo-eigenvectors of all pictures together, times their singular values.
    n_segments
        As many features are taken, where there are so many.
    """
    rows = np.asarray(features, dtype=np.float32)[..., :n_segments]
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return unit


def cluster_places(
    features: ArrayLike, n_segments: int, *, seed: int = 0, progress: ProgressCallback | None = None
) -> Clusters:
    """Cluster the places of all pictures, as Zhang, Yunis and Maire (2024) do for semantic segmentation.

    Parameters
    ----------
    features
        ``(N, C)``, see :func:`unit_places`.
    n_segments
        Number of segments; in their evaluation the number of classes.
    seed, progress
        As for :func:`~.clusters.segment_tokens`.

    Raises
    ------
    InputError
        If there are more segments than places.
    """
    return segment_tokens(
        unit_places(features, n_segments), n_segments, metric="euclidean", n_starts=5, seed=seed, progress=progress
    )


@dataclass(frozen=True)
class ClassMatch:
    """Which class each segment is.

    Attributes
    ----------
    classes
        For each segment the row of its class in the confusion, ``(n_segments,)``; -1 for what is left over.
    iou
        Intersection over union of each class, ``(n_classes,)``; of a class without a segment 0.
    accuracy
        Share of pixels that are in a segment of their own class.
    """

    classes: NDArray[np.int64]
    iou: NDArray[np.float64]
    accuracy: float

    @property
    def mean_iou(self) -> float:
        """Mean over the classes."""
        return float(np.nanmean(self.iou))


def match_classes(confusion: ArrayLike) -> ClassMatch:
    """Give each segment at most one class by Hungarian matching of pixels over the whole data set.

    Parameters
    ----------
    confusion
        ``(n_classes, n_segments)``, pixels of each class in each segment; classes all occur.

    Raises
    ------
    InputError
        If no pixel was counted.
    """
    counts = np.asarray(confusion, dtype=np.int64)
    if counts.ndim != 2 or not counts.sum():
        raise InputError("No labelled pixel lies in any of the pictures; there is no class to match.")
    classes = match_labels(counts)
    n_classes = len(counts)
    square = np.zeros((n_classes + 1, n_classes + 1), dtype=np.int64)
    for segment, own in enumerate(classes.tolist()):
        square[:n_classes, own if own >= 0 else n_classes] += counts[:, segment]
    iou = np.nan_to_num(class_iou(square)[:n_classes])
    return ClassMatch(classes, iou, float(np.trace(square) / counts.sum()))
