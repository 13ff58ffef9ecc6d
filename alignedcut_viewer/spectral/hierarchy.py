"""Cuts into more and more segments that nest: every segment lies inside one segment of the coarser cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import ProgressCallback, report
from .discretisation import Method, Segmenter, fit_segmenter
from .features import FeatureChunks, as_features, as_tensor, raise_not_finite

__all__ = ["hierarchical_cut"]

IntArray = NDArray[np.int32]
_CHUNK = 65_536


def hierarchical_cut(
    eigenvectors: Any,
    counts: Sequence[int] = (2, 5, 10, 20),
    method: Method = "yu-shi",
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> IntArray:
    """Segments at several levels of detail, each level from as many eigenvectors as it has segments.

    The coarsest level is what :func:`~alignedcut_viewer.spectral.discretise` gives. At every finer level the
    eigenvectors propose segments; each is given to the coarser segment that holds most of it (and every coarser segment
    gets at least one), and every node goes to the best of the segments that its own coarser segment was given.

    Parameters
    ----------
    eigenvectors
        (N, C) finite, leading ones first: NumPy, torch, memory map, zarr array or a stream of chunks.
    counts
        Number of segments a level, ascending; at most C.
    method
        As in :func:`~alignedcut_viewer.spectral.discretise`.
    seed
        As in :func:`~alignedcut_viewer.spectral.discretise`, for every level.
    progress
        Called after every chunk; raises to cancel.

    Returns
    -------
    NDArray
        int32 (N, len(counts)). At each level at most ``counts[level]`` numbers, sorted by coarser segment and within it
        by size.

    Raises
    ------
    InputError
        If the counts do not ascend or there are too few eigenvectors.
    FeatureError
        If the eigenvectors are not finite.
    """
    features = as_features(eigenvectors)
    levels = [int(count) for count in counts]
    if not levels or levels[0] < 1 or any(b <= a for a, b in pairwise(levels)):
        raise InputError(f"The numbers of segments must ascend from at least 1; got {list(counts)}.")
    n = features.shape[0]
    labels: IntArray = np.zeros((n, len(levels)), dtype=np.int32)
    parents: IntArray = np.zeros(n, dtype=np.int32)
    for level, count in enumerate(levels):
        segmenter = fit_segmenter(features, count, method, seed)
        n_parents = int(parents.max()) + 1
        shares = _shares(features, segmenter, parents, n_parents)
        owners = _owners(shares)
        column = _assign(features, segmenter, parents, owners)
        parents = _renumber(column, parents)
        labels[:, level] = parents
        report(progress, level + 1, len(levels), f"{count} segments")
    return labels


def _shares(features: FeatureChunks, segmenter: Segmenter, parents: IntArray, n_parents: int) -> NDArray[np.int64]:
    """How many nodes of each parent prefer each proposed segment, (n_parents, n_segments)."""
    k = segmenter.n_segments
    counts = np.zeros(n_parents * k, dtype=np.int64)
    for start, rows in features.chunks(_CHUNK):
        scores = segmenter.scores(as_tensor(rows))
        if not np.isfinite(float(scores.sum())):
            raise_not_finite(features)
        preferred = scores.argmax(dim=1).numpy()
        counts += np.bincount(
            parents[start : start + len(preferred)].astype(np.int64) * k + preferred, minlength=len(counts)
        )
    return counts.reshape(n_parents, k)


def _owners(shares: NDArray[np.int64]) -> NDArray[np.int64]:
    """Parent of each proposed segment: the one that holds most of it, but none is left without a segment."""
    owners: NDArray[np.int64] = shares.argmax(axis=0)
    k = shares.shape[1]
    for parent in np.argsort(-shares.sum(axis=1), kind="stable"):
        if (owners == parent).any():
            continue
        # Where there are fewer proposals than parents, a parent may stay without: its nodes are then kept together.
        spare = [s for s in range(k) if np.count_nonzero(owners == owners[s]) > 1]
        if spare:
            owners[max(spare, key=lambda s: shares[parent, s])] = parent
    return owners


def _assign(
    features: FeatureChunks, segmenter: Segmenter, parents: IntArray, owners: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The best of its parent's own segments for every node; a parent without one counts as a segment of its own."""
    k = segmenter.n_segments
    allowed = owners[None, :] == np.arange(int(parents.max()) + 1)[:, None]
    chosen = np.empty(len(parents), dtype=np.int64)
    for start, rows in features.chunks(_CHUNK):
        scores = segmenter.scores(as_tensor(rows)).numpy()
        of = parents[start : start + len(scores)]
        own = np.where(allowed[of], scores, -np.inf)
        chosen[start : start + len(scores)] = np.where(allowed[of].any(axis=1), own.argmax(axis=1), k + of)
    return chosen


def _renumber(children: NDArray[np.int64], parents: IntArray) -> IntArray:
    """Numbers from zero without gaps, sorted by parent, then by size."""
    found, first, inverse, sizes = np.unique(children, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((found, -sizes, parents[first]))
    new = np.empty(len(found), dtype=np.int32)
    new[order] = np.arange(len(found), dtype=np.int32)
    renumbered: IntArray = new[inverse.ravel()]
    return renumbered
