"""Compiled loops over distances on the CPU; they release the interpreter lock and are threaded by their caller.

Squared distances are sums of squared differences, not differences of squares: a point is at distance zero from itself,
and the result for a row depends on nothing but that row, so equal rows get equal neighbours.
"""

from __future__ import annotations

import numpy as np

from .compiled import compiled_in_order

__all__ = ["farthest_rows", "nearest_rows"]

_LANES = 64
_FAR = np.float32(3e38)  # farther than anything


@compiled_in_order
def _take_smallest(distances, bits, lanes, row, indices, found):  # type: ignore[no-untyped-def]
    # Non-negative floats sort like their bits; integer minima are vectorised where float minima are not. The array is
    # read as rows of _LANES numbers, reduced down the columns; the smallest index wins a tie.
    n_rows = distances.shape[0] // _LANES
    for rank in range(indices.shape[1]):
        for lane in range(_LANES):
            lanes[lane] = bits[lane]
        for r in range(1, n_rows):
            part = bits[r * _LANES : (r + 1) * _LANES]
            for lane in range(_LANES):
                value = part[lane]
                least = lanes[lane]
                lanes[lane] = value if value < least else least
        best = lanes[0]
        for lane in range(1, _LANES):
            value = lanes[lane]
            best = value if value < best else best
        place = np.int64(distances.shape[0])
        for lane in range(_LANES):
            if lanes[lane] == best:
                candidate = np.int64(lane)
                while bits[candidate] != best:
                    candidate += _LANES
                place = min(place, candidate)
        indices[row, rank] = place
        found[row, rank] = distances[place]
        distances[place] = _FAR


@compiled_in_order
def nearest_rows(queries, references, indices, found):  # type: ignore[no-untyped-def]
    """The k nearest references of every query, nearest first.

    Parameters
    ----------
    queries
        float32 (n, d), finite.
    references
        float32 (d, m): one row a coordinate; m at least k.
    indices
        int32 (n, k), written.
    found
        float32 (n, k), written: the squared distances.
    """
    dimensions, m = references.shape
    padded = (m + _LANES - 1) // _LANES * _LANES
    distances = np.empty((2, padded), np.float32)
    bits = distances.view(np.int32)
    lanes = np.empty(_LANES, np.int32)
    one, two = distances[0], distances[1]
    for i in range(0, queries.shape[0], 2):
        # Two queries at a time share the loads of the references.
        k = min(i + 1, queries.shape[0] - 1)
        distances[:, :m] = np.float32(0.0)
        distances[:, m:] = _FAR
        d = 0
        while d + 4 <= dimensions:
            x0, x1, x2, x3 = queries[i, d], queries[i, d + 1], queries[i, d + 2], queries[i, d + 3]
            y0, y1, y2, y3 = queries[k, d], queries[k, d + 1], queries[k, d + 2], queries[k, d + 3]
            r0, r1, r2, r3 = references[d], references[d + 1], references[d + 2], references[d + 3]
            for j in range(m):
                u0, u1, u2, u3 = r0[j], r1[j], r2[j], r3[j]
                a, b, c, e = x0 - u0, x1 - u1, x2 - u2, x3 - u3
                one[j] += a * a + b * b + c * c + e * e
                a, b, c, e = y0 - u0, y1 - u1, y2 - u2, y3 - u3
                two[j] += a * a + b * b + c * c + e * e
            d += 4
        while d < dimensions:
            x, y, r = queries[i, d], queries[k, d], references[d]
            for j in range(m):
                a, b = x - r[j], y - r[j]
                one[j] += a * a
                two[j] += b * b
            d += 1
        _take_smallest(one, bits[0], lanes, i, indices, found)
        if k > i:
            _take_smallest(two, bits[1], lanes, k, indices, found)


@compiled_in_order
def farthest_rows(points, first, count):  # type: ignore[no-untyped-def]
    """Greedy farthest-point order: each next point is the farthest from all before it.

    Parameters
    ----------
    points
        float32 (d, n): one row a coordinate, finite.
    first
        Where to begin.
    count
        How many points, at most n.

    Returns
    -------
    int64 array
        Distinct points in their order; fewer than `count` where all others coincide with one of them.
    """
    dimensions, n = points.shape
    chosen = np.empty(count, np.int64)
    distances = np.full(n, _FAR)
    fresh = np.empty(n, np.float32)
    bits = distances.view(np.int32)
    chosen[0] = first
    current = first
    for rank in range(1, count):
        fresh[:] = np.float32(0.0)
        d = 0
        while d + 4 <= dimensions:
            p0, p1, p2, p3 = points[d], points[d + 1], points[d + 2], points[d + 3]
            x0, x1, x2, x3 = p0[current], p1[current], p2[current], p3[current]
            for j in range(n):
                a, b, c, e = p0[j] - x0, p1[j] - x1, p2[j] - x2, p3[j] - x3
                fresh[j] += a * a + b * b + c * c + e * e
            d += 4
        while d < dimensions:
            p = points[d]
            x = p[current]
            for j in range(n):
                a = p[j] - x
                fresh[j] += a * a
            d += 1
        for j in range(n):
            value = fresh[j]
            least = distances[j]
            distances[j] = value if value < least else least
        largest = np.int32(-1)
        for j in range(n):
            value_bits = bits[j]
            largest = value_bits if value_bits > largest else largest
        if largest <= 0:
            return chosen[:rank]
        current = 0
        while bits[current] != largest:
            current += 1
        chosen[rank] = current
    return chosen
