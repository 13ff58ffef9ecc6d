"""Masks of one picture from the eigenvectors of its cut: how many segments, which, where their edges are, how sure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..choices import SEGMENT_COUNTS, SEGMENT_METHODS
from ..errors import InputError
from .clusters import Clusters
from .counting import choose_count, cluster_eigenvectors
from .instances import find_instances
from .labels import upsample_labels
from .refinement import RefineSettings, class_probabilities, refine
from .token_graph import TokenGraph

__all__ = ["PictureSegments", "SegmentChoice", "is_blank", "segment_eigenvectors"]

_BLOCKS = 16
_EVEN = 4.0
"""Grey levels between the darkest and the lightest block of a picture that counts as blank."""
Upsampler = Callable[[NDArray[np.float32], NDArray[np.uint8]], NDArray[np.float32]]
"""Maps ``(rows, columns, C)`` and a picture ``(H, W, 3)`` to maps ``(H, W, C)``."""


@dataclass(frozen=True)
class SegmentChoice:
    """How a picture is divided.

    Attributes
    ----------
    segments
        Number of segments; None lets the picture's graph choose. Of recursion the largest number.
    count_by
        How it chooses: ``"cut"``, as many as there are parts when each is split while the normalised cut stays below
        `threshold`; ``"eigengap"``, by eigengap and silhouette (:func:`.counting.choose_count`), which finds fewer.
    smallest, largest
        Between which the number is chosen.
    method
        ``"k-way"``; ``"hierarchical"``, the same with all coarser levels nested above; ``"recursive"``, as long as the
        normalised cut of a split stays below `threshold`.
    threshold
        Of recursion, and of counting by it.
    instances
        Whether connected things of one segment are told apart (:func:`.instances.find_instances`).
    min_confidence
        Segments below it become "nothing here", 0 in the mask.
    refine
        From tokens to pixels.
    seed
        Of k-means.
    """

    segments: int | None = None
    count_by: str = "cut"
    smallest: int = 4
    largest: int = 16
    method: str = "k-way"
    threshold: float = 0.35
    instances: bool = False
    min_confidence: float = 0.0
    refine: RefineSettings = field(default_factory=RefineSettings)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in SEGMENT_METHODS:
            raise InputError(f"Unknown method {self.method!r}; use {', '.join(SEGMENT_METHODS)}.")
        if self.count_by not in SEGMENT_COUNTS:
            raise InputError(f"Unknown way of counting {self.count_by!r}; use {' or '.join(SEGMENT_COUNTS)}.")
        if self.segments is not None and self.segments < 2:
            raise InputError(f"A picture is divided into at least 2 segments; got {self.segments}.")
        if not 2 <= self.smallest <= self.largest:
            raise InputError(
                f"The number of segments is chosen from 2 or more upwards; got {self.smallest} to {self.largest}."
            )
        if not 0 < self.threshold <= 2:
            raise InputError(f"The threshold of a normalised cut lies between 0 and 2; got {self.threshold}.")
        if not 0 <= self.min_confidence <= 1:
            raise InputError(f"Confidence lies between 0 and 1; got a bound of {self.min_confidence}.")

    @property
    def n_eigenvectors(self) -> int:
        """Eigenvectors that are needed."""
        wanted = self.largest if self.segments is None else self.segments
        return max(wanted + 1, 16)


@dataclass(frozen=True)
class PictureSegments:
    """Segments of one picture.

    Attributes
    ----------
    labels
        int32 ``(H, W)``, from 1, the largest first; 0 where nothing is.
    tokens
        int32 ``(rows, columns)``, the same numbers on the token grid.
    confidence
        Of each number: the share of its affinity that stays inside the segment, between 0 and 1. On photographs with
        masks it goes along with how well a segment fits a true region (see docs/segmentation.md).
    levels
        int32 ``(rows, columns, n)`` nested levels from 2 segments up, from 1; None unless hierarchical.
    reason
        One line: how many segments, and why.
    """

    labels: NDArray[np.int32]
    tokens: NDArray[np.int32]
    confidence: dict[int, float]
    levels: NDArray[np.int32] | None
    reason: str


def segment_eigenvectors(
    eigenvectors: ArrayLike,
    eigenvalues: ArrayLike,
    grid: tuple[int, int],
    picture: ArrayLike,
    choice: SegmentChoice | None = None,
    *,
    upsampler: Upsampler | None = None,
) -> PictureSegments:
    """Divide one picture by the eigenvectors of its normalised cut.

    Parameters
    ----------
    eigenvectors, eigenvalues
        ``(rows * columns, C)`` and ``(C,)``, descending, the tokens row by row.
    grid
        Rows and columns of the tokens.
    picture
        uint8 ``(H, W, 3)``.
    choice
        How.
    upsampler
        A learned upsampler for the eigenvectors; by default they are interpolated bilinearly.

    Returns
    -------
    PictureSegments

    Raises
    ------
    InputError
        If shapes do not fit, or more segments are asked for than there are eigenvectors.
    """
    choice = choice or SegmentChoice()
    vectors = np.asarray(eigenvectors, dtype=np.float32)
    pixels = np.asarray(picture)
    if vectors.ndim != 2 or len(vectors) != grid[0] * grid[1]:
        raise InputError(f"Eigenvectors {vectors.shape} do not fit a grid of {grid[0]} × {grid[1]} tokens.")
    if is_blank(pixels):
        nothing = np.zeros(pixels.shape[:2], dtype=np.int32), np.zeros(grid, dtype=np.int32)
        return PictureSegments(*nothing, {}, None, "nothing here: the picture is blank")
    graph = TokenGraph(vectors, eigenvalues)
    clusters, reason = _clusters(vectors, np.asarray(eigenvalues), graph, choice)
    levels = None
    if choice.method == "hierarchical":
        levels = graph.nested(clusters.labels).reshape(*grid, -1) + np.int32(1)
        reason += f"; {levels.shape[-1]} nested levels from 2 segments on"
    width = clusters.centres.shape[1]
    maps = (vectors[:, 1 : width + 1] * np.float32(np.sqrt(len(vectors)))).reshape(*grid, width)
    tokens = clusters.labels.reshape(grid)
    if choice.instances:
        found = find_instances(tokens, graph)
        tokens = found.labels
        reason += f"; {len(found)} instances of {len(clusters.centres)} segments"
        clusters = Clusters.from_labels(maps.reshape(-1, width), tokens.ravel(), metric="euclidean")
    if upsampler is not None:
        fine = np.asarray(upsampler(maps, pixels), dtype=np.float32)
        probabilities = class_probabilities(clusters.scores(fine), pixels.shape[:2])
    else:
        probabilities = class_probabilities(clusters.scores(maps), pixels.shape[:2])
    if choice.instances:
        # Two things of one kind are told apart by place: only what touches an instance may become part of it.
        probabilities = _held_to_place(probabilities, tokens)
    labels, _ = refine(probabilities, pixels, choice.refine)
    return _numbered(labels, tokens, graph.keep(tokens.ravel()), choice.min_confidence, levels, reason)


def is_blank(picture: ArrayLike) -> bool:
    """Whether a picture shows nothing: one colour, but for noise.

    Parameters
    ----------
    picture
        uint8 ``(H, W, 3)``. Blocks of a sixteenth of its sides are compared, over which noise averages out.
    """
    pixels = np.asarray(picture, dtype=np.float32)
    rows, columns = (np.linspace(0, n, min(n, _BLOCKS) + 1).astype(int)[:-1] for n in pixels.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(pixels, rows, axis=0), columns, axis=1)
    heights, widths = np.diff([*rows, pixels.shape[0]]), np.diff([*columns, pixels.shape[1]])
    means = sums / (heights[:, None] * widths)[..., None]
    return bool((means.max((0, 1)) - means.min((0, 1)) < _EVEN).all())


def _clusters(
    vectors: NDArray[np.float32], values: NDArray[np.floating], graph: TokenGraph, choice: SegmentChoice
) -> tuple[Clusters, str]:
    if choice.method == "recursive":
        labels = graph.recursive(threshold=choice.threshold, largest_count=choice.segments or 32)
        points = vectors[:, 1:] * np.float32(np.sqrt(len(vectors)))
        reason = f"{labels.max() + 1} segments by recursion while the normalised cut is below {choice.threshold:g}"
        return Clusters.from_labels(points, labels, metric="euclidean"), reason
    if choice.segments is not None:
        found = cluster_eigenvectors(vectors, choice.segments, seed=choice.seed)
        return found, f"{choice.segments} segments as asked for"
    if choice.count_by == "cut":
        parts = int(graph.recursive(threshold=choice.threshold, largest_count=choice.largest).max()) + 1
        count = min(max(parts, choice.smallest), choice.largest, vectors.shape[1])
        reason = f"{count} segments: {parts} parts when each is split while the normalised cut is below "
        return cluster_eigenvectors(vectors, count, seed=choice.seed), reason + f"{choice.threshold:g}"
    chosen = choose_count(vectors, values, smallest=choice.smallest, largest=choice.largest, seed=choice.seed)
    return chosen.clusters, chosen.reason


def _held_to_place(probabilities: NDArray[np.float32], tokens: NDArray[np.integer]) -> NDArray[np.float32]:
    """Probabilities of instances, 0 farther than one token from their own."""
    from scipy.ndimage import maximum_filter

    size = (probabilities.shape[0], probabilities.shape[1])
    held = probabilities.copy()
    for number in range(probabilities.shape[-1]):
        near = maximum_filter((tokens == number).astype(np.int32), 3)
        held[..., number] *= upsample_labels(near, size)
    return held


def _numbered(
    labels: NDArray[np.int32],
    tokens: NDArray[np.integer],
    keep: NDArray[np.float64],
    min_confidence: float,
    levels: NDArray[np.int32] | None,
    reason: str,
) -> PictureSegments:
    """Segments numbered from 1 by their pixels; those below the bound become 0."""
    counts = np.bincount(labels.ravel(), minlength=len(keep))
    sure = np.nan_to_num(np.asarray(keep, dtype=np.float64))
    order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i] and sure[i] >= min_confidence]
    numbers = np.zeros(len(keep) + 1, dtype=np.int32)
    numbers[order] = np.arange(1, len(order) + 1, dtype=np.int32)
    dropped = int((counts > 0).sum()) - len(order)
    if dropped:
        reason += f"; {dropped} below a confidence of {min_confidence:g} left out"
    confidence = {int(numbers[i]): float(sure[i]) for i in order}
    return PictureSegments(numbers[labels], numbers[tokens], confidence, levels, reason)
