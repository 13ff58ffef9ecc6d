"""k-means by direction or by position."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .progress import ProgressCallback, report

__all__ = ["Metric", "kmeans", "lloyd", "means_of", "nearest_centres", "scores_of", "unit_rows"]

FloatArray = NDArray[np.float32]
Metric = Literal["cosine", "euclidean"]
_BLOCK = 16_384


def kmeans(
    points: FloatArray,
    k: int,
    metric: Metric,
    *,
    n_starts: int,
    generator: np.random.Generator,
    max_iterations: int = 100,
    progress: ProgressCallback | None = None,
    text: str = "Clusters",
) -> FloatArray:
    """Centres of the best of several starts of k-means++ (Arthur and Vassilvitskii 2007).

    Parameters
    ----------
    points
        (n, d) finite; of unit length (or zero) where `metric` is cosine.
    k
        Number of centres. Where there are fewer different points, some centres are those of no point.
    metric
        ``"cosine"`` compares directions (spherical k-means), ``"euclidean"`` positions.
    n_starts
        How many starts.
    generator
        Draws the starts.
    max_iterations
        Upper bound for the steps of Lloyd's algorithm.
    progress
        Called before every start and at the end.
    text
        What progress is called.

    Returns
    -------
    NDArray
        float32 (k, d), of unit length where `metric` is cosine.
    """
    best: FloatArray | None = None
    best_loss = np.inf
    for start in range(n_starts):
        report(progress, start, n_starts, text)
        centres, loss = lloyd(points, _plus_plus(points, k, generator), metric, max_iterations)
        # A gain within rounding must not decide between equal results of two starts.
        if best is None or loss < best_loss - 1e-6 * abs(best_loss):
            best, best_loss = centres, loss
    assert best is not None
    report(progress, n_starts, n_starts, text)
    return best


def lloyd(points: FloatArray, centres: FloatArray, metric: Metric, max_iterations: int) -> tuple[FloatArray, float]:
    """Centres after at most so many of Lloyd's steps, which end when no label changes; and minus the mean score."""
    labels, best = nearest_centres(points, centres, metric)
    for _ in range(max_iterations):
        counts = np.bincount(labels, minlength=len(centres))
        moved = means_of(points, labels, counts, metric)
        empty = np.flatnonzero(counts == 0)
        if len(empty):
            # A centre without points starts anew at those that fit worst, unless all fit exactly.
            moved[empty] = points[_worst(points, best, metric)[: len(empty)]]
        centres = moved
        previous = labels
        labels, best = nearest_centres(points, centres, metric)
        if np.array_equal(labels, previous):
            break
    return centres, -float(best.mean(dtype=np.float64))


def nearest_centres(points: FloatArray, centres: FloatArray, metric: Metric) -> tuple[NDArray[np.int64], FloatArray]:
    """The nearest centre (n,) of each point, and its score; see :func:`scores_of`."""
    labels = np.empty(len(points), dtype=np.int64)
    best = np.empty(len(points), dtype=np.float32)
    for start in range(0, len(points), _BLOCK):
        block = slice(start, start + _BLOCK)
        scores = scores_of(points[block], centres, metric)
        labels[block] = scores.argmax(1)
        best[block] = np.take_along_axis(scores, labels[block, None], axis=1)[:, 0]
    return labels, best


def scores_of(points: FloatArray, centres: FloatArray, metric: Metric) -> FloatArray:
    """Cosine (n, k), or minus the squared distance up to a constant of each point."""
    scores: FloatArray = points @ centres.T
    if metric == "euclidean":
        scores *= 2
        scores -= (centres * centres).sum(1)
    return scores


def means_of(
    points: FloatArray, labels: NDArray[np.integer], counts: NDArray[np.integer], metric: Metric
) -> FloatArray:
    """Mean (k, d) of the points of each label, of unit length where `metric` is cosine."""
    sums = np.zeros((len(counts), points.shape[1]), dtype=np.float64)
    numbers = np.arange(len(counts))[:, None]
    for start in range(0, len(points), _BLOCK):
        block = slice(start, start + _BLOCK)
        sums += (labels[block] == numbers).astype(np.float32) @ points[block]
    means = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    return unit_rows(means) if metric == "cosine" else means


def unit_rows(points: FloatArray) -> FloatArray:
    """The same directions at unit length; zeros stay."""
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    unit: FloatArray = np.divide(points, lengths, out=np.zeros_like(points), where=lengths > 0)
    return unit


def _plus_plus(points: FloatArray, k: int, generator: np.random.Generator) -> FloatArray:
    centres = np.empty((k, points.shape[1]), dtype=np.float32)
    centres[0] = points[generator.integers(len(points))]
    distances = ((points - centres[0]) ** 2).sum(1, dtype=np.float64)
    for i in range(1, k):
        total = distances.sum()
        share = distances / total if total > 0 else None
        centres[i] = points[generator.choice(len(points), p=share)]
        distances = np.minimum(distances, ((points - centres[i]) ** 2).sum(1, dtype=np.float64))
    return centres


def _worst(points: FloatArray, best: FloatArray, metric: Metric) -> NDArray[np.int64]:
    scores = best - (points * points).sum(1) if metric == "euclidean" else best
    return np.argsort(scores, kind="stable")
