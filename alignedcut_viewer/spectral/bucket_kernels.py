"""Compiled loops of the search for near points in buckets of them."""

from __future__ import annotations

import numpy as np

from ..compiled import compiled_in_order

__all__ = ["nearest_in_buckets"]


@compiled_in_order
def nearest_in_buckets(queries, own, probes, starts, members, columns, start, stop, indices, found):  # type: ignore[no-untyped-def]
    """The k nearest points of some buckets, for queries `start` to `stop`, nearest first.

    Parameters
    ----------
    queries
        float32 (n, d).
    own
        int64 (n,): number of the point that is the query itself and does not count; -1 for none.
    probes
        int32 (n, p), the buckets that each query looks into.
    starts
        int64 (b + 1,): the points of bucket b are ``starts[b]`` to ``starts[b + 1]``.
    members
        int32 (m,), numbers of the points, bucket after bucket.
    columns
        float32 (d, m), their coordinates in the same order.
    start, stop
        Queries to answer.
    indices, found
        int32 and float32 (n, k), written: numbers and squared distances; -1 and 3e38 where there are too few.
    """
    d, k = queries.shape[1], indices.shape[1]
    widest = np.int64(0)
    for b in range(len(starts) - 1):
        widest = max(widest, starts[b + 1] - starts[b])
    distances = np.empty(widest, np.float32)
    near = np.empty(k, np.float32)
    who = np.empty(k, np.int32)
    for i in range(start, stop):
        count = 0
        limit = np.float32(3e38)
        query = queries[i]
        for p in range(probes.shape[1]):
            first, last = starts[probes[i, p]], starts[probes[i, p] + 1]
            size = last - first
            part = distances[:size]
            part[:] = np.float32(0.0)
            axis = 0
            while axis + 4 <= d:
                x0, x1, x2, x3 = query[axis], query[axis + 1], query[axis + 2], query[axis + 3]
                c0, c1 = columns[axis, first:last], columns[axis + 1, first:last]
                c2, c3 = columns[axis + 2, first:last], columns[axis + 3, first:last]
                for j in range(size):
                    e0, e1, e2, e3 = c0[j] - x0, c1[j] - x1, c2[j] - x2, c3[j] - x3
                    part[j] += (e0 * e0 + e1 * e1) + (e2 * e2 + e3 * e3)
                axis += 4
            while axis < d:
                x = query[axis]
                column = columns[axis, first:last]
                for j in range(size):
                    e = column[j] - x
                    part[j] += e * e
                axis += 1
            held = members[first:last]
            for j in range(size):
                distance = part[j]
                if distance < limit:
                    member = held[j]
                    if member == own[i]:
                        continue
                    place = count if count < k else k - 1
                    while place > 0 and near[place - 1] > distance:
                        near[place] = near[place - 1]
                        who[place] = who[place - 1]
                        place -= 1
                    near[place] = distance
                    who[place] = member
                    count = min(count + 1, k)
                    if count == k:
                        limit = near[k - 1]
        for rank in range(k):
            indices[i, rank] = who[rank] if rank < count else -1
            found[i, rank] = near[rank] if rank < count else np.float32(3e38)
