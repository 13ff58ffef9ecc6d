"""Nearest neighbours among very many points, nearly all of them right: only near buckets of points are looked into."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import parameters
from ..progress import ProgressCallback
from .neighbours import nearest
from .threads import for_row_blocks

__all__ = ["Buckets"]

FloatArray = NDArray[np.float32]
_PASSES = 2  # of Lloyd's algorithm
_SAMPLE = 50  # points a bucket, to find the middles by
_BLOCK = 4096


class Buckets:
    """Points in buckets around middles that Lloyd's algorithm finds (an inverted file, Jégou et al. 2011).

    Parameters
    ----------
    points
        float32 (m, d), finite.
    size
        Points a bucket, on average.
    seed
        Of the middles that it begins with.

    Attributes
    ----------
    bucket
        int32 (m,), where each point is.
    order
        int64 (m,), points bucket after bucket.
    """

    def __init__(self, points: FloatArray, size: int = 400, seed: int = 0) -> None:
        m = len(points)
        rng = np.random.default_rng(parameters.seed(seed))
        n_buckets = max(1, m // size)
        sample = points if m <= _SAMPLE * n_buckets else points[np.sort(rng.choice(m, _SAMPLE * n_buckets, False))]
        self.middles: FloatArray = sample[np.sort(rng.choice(len(sample), n_buckets, replace=False))]
        for _ in range(_PASSES if n_buckets > 1 else 0):
            held = nearest(sample, self.middles)[0][:, 0]
            count = np.bincount(held, minlength=n_buckets)
            sums = np.stack([np.bincount(held, column, minlength=n_buckets) for column in sample.T], axis=1)
            filled = count > 0
            self.middles[filled] = (sums[filled] / count[filled, None]).astype(np.float32)
        self.bucket: NDArray[np.int32] = nearest(points, self.middles)[0][:, 0]
        self.order: NDArray[np.int64] = np.argsort(self.bucket, kind="stable")
        self._starts = np.searchsorted(self.bucket[self.order], np.arange(n_buckets + 1)).astype(np.int64)
        self._columns = np.ascontiguousarray(points[self.order].T)
        self._members = self.order.astype(np.int32)

    def nearest(
        self,
        queries: FloatArray,
        k: int,
        *,
        n_probes: int = 8,
        own: NDArray[np.int64] | None = None,
        progress: ProgressCallback | None = None,
        text: str = "Neighbours",
    ) -> tuple[NDArray[np.int32], FloatArray]:
        """The k nearest points of every query among those of its nearest buckets.

        Parameters
        ----------
        queries
            float32 (n, d), finite.
        k
            How many.
        n_probes
            Buckets that each query looks into.
        own
            Number of the point that each query is itself, which does not count.
        progress, text
            Called after every block of queries.

        Returns
        -------
        indices
            int32 (n, k), nearest first; -1 where the buckets hold too few.
        squared_distances
            float32 (n, k).
        """
        from .bucket_kernels import nearest_in_buckets

        n = len(queries)
        indices, squared = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
        probes = nearest(queries, self.middles, min(n_probes, len(self.middles)))[0]
        own = np.full(n, -1, np.int64) if own is None else own
        queries = np.ascontiguousarray(queries, np.float32)

        def work(start: int, stop: int) -> None:
            nearest_in_buckets(
                queries, own, probes, self._starts, self._members, self._columns, start, stop, indices, squared
            )

        for_row_blocks(work, n, _BLOCK, progress, text)
        return indices, squared
