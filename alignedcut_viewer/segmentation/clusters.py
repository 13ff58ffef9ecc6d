"""Segments: k clusters of nodes in the space of eigenvectors, the same for all pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FeatureError, InputError
from ..progress import ProgressCallback, report
from .labels import upsample_labels

__all__ = ["Clusters", "Metric", "segment_tokens"]

Metric = Literal["cosine", "euclidean"]
_SEEDING_SAMPLE = 5_000
_BLOCK = 16_384


@dataclass(frozen=True)
class Clusters:
    """k segments of nodes, the largest first.

    Attributes
    ----------
    labels
        Segment of each node, int32 ``(N,)``, from 0 to ``k - 1``.
    centres
        float32 ``(k, C)``; of unit length where `metric` is cosine.
    metric
        How nodes are compared with centres.
    """

    labels: NDArray[np.int32]
    centres: NDArray[np.float32]
    metric: Metric = "cosine"

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of nodes of each segment, ``(k,)``, descending."""
        return np.bincount(self.labels, minlength=len(self.centres))

    def scores(self, eigenvectors: ArrayLike) -> NDArray[np.float32]:
        """How much nodes belong to each segment.

        Parameters
        ----------
        eigenvectors
            ``(..., C)``: of single nodes, or a map over a token grid.

        Returns
        -------
        ndarray of float32, shape (..., k)
            Cosine with the centre, or minus the squared Euclidean distance from it.

        Raises
        ------
        InputError
            If there are not as many eigenvectors as the centres have.
        """
        points = np.asarray(eigenvectors, dtype=np.float32)
        if points.shape[-1] != self.centres.shape[1]:
            raise InputError(
                f"The segments were found with {self.centres.shape[1]} eigenvectors; got {points.shape[-1]}."
            )
        flat = (
            _unit(points.reshape(-1, points.shape[-1]))
            if self.metric == "cosine"
            else points.reshape(-1, points.shape[-1])
        )
        scores = _scores(flat, self.centres, self.metric)
        if self.metric == "euclidean":
            scores -= (flat * flat).sum(1, keepdims=True)
        return scores.reshape(*points.shape[:-1], len(self.centres))

    def mask(self, eigenvector_map: ArrayLike, size: tuple[int, int], *, smooth: bool = True) -> NDArray[np.int32]:
        """Mask of one picture at its own size.

        Parameters
        ----------
        eigenvector_map
            ``(rows, columns, C)``.
        size
            Height and width of the picture in pixels.
        smooth
            Whether scores are interpolated between patches, see
            :func:`~alignedcut_viewer.segmentation.labels.upsample_labels`.

        Returns
        -------
        ndarray of int32, shape (H, W)
            From 1 to k, segment ``i`` of :attr:`labels` as ``i + 1``: 0 is left for what belongs to no segment.
        """
        return upsample_labels(self.scores(eigenvector_map), size, smooth=smooth) + np.int32(1)

    @classmethod
    def from_labels(cls, eigenvectors: ArrayLike, labels: ArrayLike, *, metric: Metric = "cosine") -> Clusters:
        """Clusters of labels that were found elsewhere; their order is kept, their centres are means.

        Parameters
        ----------
        eigenvectors
            ``(N, C)``.
        labels
            Whole numbers from 0, ``(N,)``; every number up to the largest must occur.
        metric
            How nodes are compared with centres.

        Raises
        ------
        InputError
            If shapes do not fit or a label is missing.
        """
        points = _checked(eigenvectors, metric)
        numbers = np.asarray(labels, dtype=np.int32)
        if numbers.shape != points.shape[:1]:
            raise InputError(f"{len(points)} nodes need as many labels; got shape {numbers.shape}.")
        counts = np.bincount(numbers) if len(numbers) and numbers.min() >= 0 else np.zeros(1, dtype=np.int64)
        if not counts.all():
            raise InputError("Labels must be the numbers from 0 to k - 1, each of them used.")
        return cls(numbers, _means(points, numbers, counts, metric), metric)


def segment_tokens(
    eigenvectors: ArrayLike,
    k: int,
    *,
    metric: Metric = "cosine",
    n_starts: int = 10,
    max_iterations: int = 100,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> Clusters:
    """Find k segments of nodes by k-means in the space of eigenvectors.

    All nodes are clustered together, so that a segment means the same in all pictures. For a 2-way cut of one layer
    give that layer's nodes and ``k=2``. The same nodes, settings and seed give the same segments; they are numbered by
    size, the largest first. Where there are fewer different nodes than `k`, the last segments stay empty.

    Parameters
    ----------
    eigenvectors
        ``(N, C)``, one row a node.
    k
        Number of segments.
    metric
        ``"cosine"`` compares directions (spherical k-means), as the row-normalised spectral clustering of Ng, Jordan
        and Weiss (2002); ``"euclidean"`` compares positions.
    n_starts
        Starts of k-means++ on a sample of 5,000 nodes (ten times `k` where that is more), of which the best is refined
        on all nodes.
    max_iterations
        Upper bound for the steps of Lloyd's algorithm, which stops earlier when no label changes.
    seed
        Of sample and starts.
    progress
        Called once a start, and once more at the end.

    Returns
    -------
    Clusters

    Raises
    ------
    InputError
        If `k` or `metric` is not possible.
    FeatureError
        If eigenvectors are not ``(N, C)`` or not finite.
    """
    if metric not in ("cosine", "euclidean"):
        raise InputError(f"Unknown metric {metric!r}; use cosine or euclidean.")
    points = _checked(eigenvectors, metric)
    if not 1 <= k <= len(points):
        raise InputError(f"The number of segments must lie between 1 and the {len(points)} nodes; got {k}.")
    if n_starts < 1 or max_iterations < 1:
        raise InputError("k-means needs at least one start and one iteration.")
    generator = np.random.default_rng(seed)
    sample = points
    if len(points) > max(_SEEDING_SAMPLE, 10 * k):
        chosen = np.sort(generator.choice(len(points), max(_SEEDING_SAMPLE, 10 * k), replace=False))
        sample = points[chosen]
    best: NDArray[np.float32] | None = None
    best_loss = np.inf
    for start in range(n_starts):
        report(progress, start, n_starts + 1, f"Finding {k} segments")
        centres, loss = _lloyd(sample, _plus_plus(sample, k, generator), metric, max_iterations)
        # A gain within rounding must not decide between equal results of two starts.
        if best is None or loss < best_loss - 1e-6 * abs(best_loss):
            best, best_loss = centres, loss
    assert best is not None
    report(progress, n_starts, n_starts + 1, f"Finding {k} segments")
    if sample is not points:
        best, _ = _lloyd(points, best, metric, max_iterations)
    labels, _ = _nearest(points, best, metric)
    order = np.lexsort((*best.T[::-1], -np.bincount(labels, minlength=k)))
    report(progress, n_starts + 1, n_starts + 1, f"Finding {k} segments")
    return Clusters(np.argsort(order)[labels].astype(np.int32), np.ascontiguousarray(best[order]), metric)


def _checked(eigenvectors: ArrayLike, metric: Metric) -> NDArray[np.float32]:
    points = np.ascontiguousarray(eigenvectors, dtype=np.float32)
    if points.ndim != 2 or 0 in points.shape:
        raise FeatureError(f"Eigenvectors must be (nodes, eigenvectors); got shape {points.shape}.")
    if not np.isfinite(points).all():
        raise FeatureError("Eigenvectors hold NaN or infinite values; compute the cut again.")
    return _unit(points) if metric == "cosine" else points


def _unit(points: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(points, lengths, out=np.zeros_like(points), where=lengths > 0)
    return unit


def _scores(points: NDArray[np.float32], centres: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """Cosine, or minus the squared distance up to a constant of each point."""
    scores: NDArray[np.float32] = points @ centres.T
    if metric == "euclidean":
        scores *= 2
        scores -= (centres * centres).sum(1)
    return scores


def _nearest(
    points: NDArray[np.float32], centres: NDArray[np.float32], metric: Metric
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    labels = np.empty(len(points), dtype=np.int64)
    best = np.empty(len(points), dtype=np.float32)
    for start in range(0, len(points), _BLOCK):
        block = slice(start, start + _BLOCK)
        scores = _scores(points[block], centres, metric)
        labels[block] = scores.argmax(1)
        best[block] = np.take_along_axis(scores, labels[block, None], axis=1)[:, 0]
    return labels, best


def _means(
    points: NDArray[np.float32], labels: NDArray[np.integer], counts: NDArray[np.integer], metric: Metric
) -> NDArray[np.float32]:
    sums = np.zeros((len(counts), points.shape[1]), dtype=np.float64)
    numbers = np.arange(len(counts))[:, None]
    for start in range(0, len(points), _BLOCK):
        block = slice(start, start + _BLOCK)
        sums += (labels[block] == numbers).astype(np.float32) @ points[block]
    means = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    return _unit(means) if metric == "cosine" else means


def _plus_plus(points: NDArray[np.float32], k: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Starting centres far from one another (Arthur and Vassilvitskii 2007)."""
    centres = np.empty((k, points.shape[1]), dtype=np.float32)
    centres[0] = points[generator.integers(len(points))]
    distances = ((points - centres[0]) ** 2).sum(1, dtype=np.float64)
    for i in range(1, k):
        total = distances.sum()
        share = distances / total if total > 0 else None
        centres[i] = points[generator.choice(len(points), p=share)]
        distances = np.minimum(distances, ((points - centres[i]) ** 2).sum(1, dtype=np.float64))
    return centres


def _lloyd(
    points: NDArray[np.float32], centres: NDArray[np.float32], metric: Metric, max_iterations: int
) -> tuple[NDArray[np.float32], float]:
    """Centres after Lloyd's iterations, and minus the mean score."""
    labels, best = _nearest(points, centres, metric)
    for _ in range(max_iterations):
        counts = np.bincount(labels, minlength=len(centres))
        moved = _means(points, labels, counts, metric)
        empty = np.flatnonzero(counts == 0)
        if len(empty):
            # An empty segment starts anew at the points that fit worst, unless all fit exactly.
            moved[empty] = points[_worst(points, best, metric)[: len(empty)]]
        centres = moved
        previous = labels
        labels, best = _nearest(points, centres, metric)
        if np.array_equal(labels, previous):
            break
    return centres, -float(best.mean(dtype=np.float64))


def _worst(points: NDArray[np.float32], best: NDArray[np.float32], metric: Metric) -> NDArray[np.int64]:
    scores = best - (points * points).sum(1) if metric == "euclidean" else best
    return np.argsort(scores, kind="stable")
