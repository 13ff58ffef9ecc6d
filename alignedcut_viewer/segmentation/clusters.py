"""Segments: k clusters of nodes in the space of eigenvectors, the same for all pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import parameters
from ..errors import FeatureError, InputError
from ..kmeans import Metric, kmeans, lloyd, means_of, nearest_centres, scores_of, unit_rows
from ..progress import ProgressCallback, report, span
from .labels import upsample_labels

__all__ = ["Clusters", "Metric", "segment_tokens"]

_SEEDING_SAMPLE = 5_000


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
            unit_rows(points.reshape(-1, points.shape[-1]))
            if self.metric == "cosine"
            else points.reshape(-1, points.shape[-1])
        )
        scores = scores_of(flat, self.centres, self.metric)
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
        return cls(numbers, means_of(points, numbers, counts, metric), metric)


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
        ``(N, C)``, one row per node.
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
    generator = np.random.default_rng(parameters.seed(seed))
    sample = points
    if len(points) > max(_SEEDING_SAMPLE, 10 * k):
        chosen = np.sort(generator.choice(len(points), max(_SEEDING_SAMPLE, 10 * k), replace=False))
        sample = points[chosen]
    text = f"Finding {k} segments"
    centres = kmeans(
        sample,
        k,
        metric,
        n_starts=n_starts,
        generator=generator,
        max_iterations=max_iterations,
        text=text,
        progress=span(progress, 0.0, n_starts / (n_starts + 1)),
    )
    if sample is not points:
        centres, _ = lloyd(points, centres, metric, max_iterations)
    labels, _ = nearest_centres(points, centres, metric)
    order = np.lexsort((*centres.T[::-1], -np.bincount(labels, minlength=k)))
    report(progress, 1, 1, text)
    return Clusters(np.argsort(order)[labels].astype(np.int32), np.ascontiguousarray(centres[order]), metric)


def _checked(eigenvectors: ArrayLike, metric: Metric) -> NDArray[np.float32]:
    points = np.ascontiguousarray(eigenvectors, dtype=np.float32)
    if points.ndim != 2 or 0 in points.shape:
        raise FeatureError(f"Eigenvectors must be (nodes, eigenvectors); got shape {points.shape}.")
    if not np.isfinite(points).all():
        raise FeatureError("Eigenvectors hold NaN or infinite values; compute the cut again.")
    return unit_rows(points) if metric == "cosine" else points
