"""Compiled loops over distances on the CPU; they release the interpreter lock and are threaded by their caller.

Squared distances are sums of squared differences, not differences of squares: a point is at distance zero from itself,
and the result for a row depends on nothing but that row, so equal rows get equal neighbours. Matrix products only tell
which references need not be measured.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled, compiled_in_order

__all__ = ["FAR", "LANES", "LARGE", "centred_factors", "nearest_rows"]

LANES = 64
"""Scores of a query are worked on in so many places at a time."""
MANY = 6
"""Neighbours from which on the k-th smallest score is bounded by many lanes; fewer are found by as many passes."""
LARGE = np.float32(1e30)
"""Squares of this size and more are not told apart by matrix products."""
FAR = np.float32(3e38)
"""Farther than anything."""


@compiled_in_order
def _wide_minima(bits, lanes):  # type: ignore[no-untyped-def]
    # As below, with more lanes than a register holds.
    width = lanes.shape[0]
    for lane in range(width):
        lanes[lane] = bits[lane]
    r = width
    while r < bits.shape[0]:
        part = bits[r : min(r + width, bits.shape[0])]
        for lane in range(part.shape[0]):
            value = part[lane]
            least = lanes[lane]
            lanes[lane] = value if value < least else least
        r += width


@compiled_in_order
def _reached_by(lanes, k):  # type: ignore[no-untyped-def]
    # A number that at least k of the lanes do not exceed, and few more: by halving, as a count is vectorised.
    low, high = np.int64(lanes[0]), np.int64(lanes[0])
    for lane in range(lanes.shape[0]):
        value = np.int64(lanes[lane])
        low, high = min(low, value), max(high, value)
    low -= 1
    while high - low > 1:
        middle = (low + high) // 2
        count = 0
        for lane in range(lanes.shape[0]):
            count += 1 if lanes[lane] <= middle else 0
        if count < k:
            low = middle
        else:
            high = middle
            if count <= k + k // 8:
                break
    return high


@compiled_in_order
def _lane_minima(bits, lanes):  # type: ignore[no-untyped-def]
    # The array is read as rows of LANES numbers and reduced down the columns. Numbers that are not negative sort like
    # their bits; integer minima are vectorised where float minima are not.
    for lane in range(LANES):
        lanes[lane] = bits[lane]
    r = LANES
    while r + 4 * LANES <= bits.shape[0]:
        p0, p1 = bits[r : r + LANES], bits[r + LANES : r + 2 * LANES]
        p2, p3 = bits[r + 2 * LANES : r + 3 * LANES], bits[r + 3 * LANES : r + 4 * LANES]
        for lane in range(LANES):
            a, b, c, e = p0[lane], p1[lane], p2[lane], p3[lane]
            a = b if b < a else a
            c = e if e < c else c
            a = c if c < a else a
            least = lanes[lane]
            lanes[lane] = a if a < least else least
        r += 4 * LANES
    while r < bits.shape[0]:
        part = bits[r : r + LANES]
        for lane in range(LANES):
            value = part[lane]
            least = lanes[lane]
            lanes[lane] = value if value < least else least
        r += LANES


@compiled_in_order
def _smallest(bits, lanes):  # type: ignore[no-untyped-def]
    _lane_minima(bits, lanes)
    best = lanes[0]
    for lane in range(1, LANES):
        value = lanes[lane]
        best = value if value < best else best
    return best


@compiled_in_order
def _place_of(value, bits, lanes):  # type: ignore[no-untyped-def]
    lane = 0
    while lanes[lane] != value:
        lane += 1
    while bits[lane] != value:
        lane += LANES
    return lane


@compiled
def centred_factors(rows, middle, half, factors, lengths):  # type: ignore[no-untyped-def]
    """``-2 (x - middle)`` of rows x, and the squared lengths of ``x - middle``.

    Parameters
    ----------
    rows, middle
        float32 (n, d) and (d,).
    half
        Whether bfloat16 is wanted.
    factors
        Bits (n, at least d) of float32 (as int32) or bfloat16 (as int16), the first d columns of which are written.
    lengths
        float32 (n,), written.
    """
    d = rows.shape[1]
    doubled = np.empty(d, np.float32)
    bits = doubled.view(np.int32)
    for i in range(rows.shape[0]):
        total = np.float32(0.0)
        row = rows[i]
        for j in range(d):
            a = row[j] - middle[j]
            total += a * a
            doubled[j] = np.float32(-2.0) * a
        lengths[i] = total
        if half:
            for j in range(d):  # to the nearest number of half the bits, to the even one of two
                factors[i, j] = (bits[j] + np.int32(0x7FFF) + ((bits[j] >> np.int32(16)) & np.int32(1))) >> np.int32(16)
        else:
            for j in range(d):
                factors[i, j] = bits[j]


@compiled_in_order
def _squared_distance(x, y):  # type: ignore[no-untyped-def]
    # Four sums, as every addition waits for the one before it.
    zero = np.float32(0.0)
    s0, s1, s2, s3 = zero, zero, zero, zero
    dimensions = x.shape[0]
    d = 0
    while d + 4 <= dimensions:
        a, b, c, e = x[d] - y[d], x[d + 1] - y[d + 1], x[d + 2] - y[d + 2], x[d + 3] - y[d + 3]
        s0 += a * a
        s1 += b * b
        s2 += c * c
        s3 += e * e
        d += 4
    while d < dimensions:
        a = x[d] - y[d]
        s0 += a * a
        d += 1
    return (s0 + s1) + (s2 + s3)


@compiled_in_order
def _insert(place, distance, count, indices, found, row):  # type: ignore[no-untyped-def]
    # Keep the k nearest so far in order of distance, then of number; returns how many there are now.
    k = indices.shape[1]
    position = count
    while position > 0 and (
        distance < found[row, position - 1]
        or (distance == found[row, position - 1] and place < indices[row, position - 1])
    ):
        position -= 1
    if position == k:
        return count
    for rank in range(min(count, k - 1), position, -1):
        indices[row, rank] = indices[row, rank - 1]
        found[row, rank] = found[row, rank - 1]
    indices[row, position] = place
    found[row, position] = distance
    return min(count + 1, k)


@compiled_in_order
def nearest_rows(queries, references, scores, shift, relative, slack, indices, found):  # type: ignore[no-untyped-def]
    """The k nearest references of every query, nearest first; of equally near ones the first.

    Only references whose score comes within the error of scores of the k-th smallest are measured.

    Parameters
    ----------
    queries
        float32 (n, d), finite.
    references
        float32 (m, d); m at least k.
    scores
        Bits (n, M) of float32 (as int32) or of bfloat16 (as int16), none negative, changed: squared distances, up to a
        number of each row and up to an error. M is m, rounded up to a multiple of :data:`LANES`; the rest is the
        largest integer.
    shift
        How many bits of float32 the scores lack: 0 or 16.
    relative, slack
        Twice the error of a score, or more: this part of it and, float32 (n,), this much more.
    indices
        int32 (n, k), written.
    found
        float32 (n, k), written: the squared distances.
    """
    m = references.shape[0]
    k = indices.shape[1]
    wide = k >= MANY
    width = min(scores.shape[1], LANES * (-(-4 * k // LANES))) if wide else LANES
    lanes = np.empty(width, scores.dtype)
    keys = np.empty(m if wide else 0, np.int64)  # distance, then number: numbers that are not negative sort like bits
    taken = np.empty(k, np.int64)
    kept = np.empty(k, scores.dtype)
    limit = np.empty(1, np.float32)
    limit_bits = limit.view(np.int32)
    for i in range(queries.shape[0]):
        bits = scores[i]
        count = 0
        if not slack[i] < LARGE:  # there are no scores
            for place in range(m):
                distance = min(_squared_distance(queries[i], references[place]), FAR)
                count = _insert(place, distance, count, indices, found, i)
            continue
        if wide:  # as many lanes as are wanted hold a score up to this one, so that the k-th smallest is not larger
            _wide_minima(bits, lanes)
            least = _reached_by(lanes, k)
        else:
            least = np.int64(_smallest(bits, lanes))
            for rank in range(k - 1):
                taken[rank], kept[rank] = _place_of(least, bits, lanes), least
                bits[taken[rank]] = np.int64(0x7FFFFFFF) >> shift
                least = np.int64(_smallest(bits, lanes))
            for rank in range(k - 1):  # back to where they were, to be measured with the others
                bits[taken[rank]] = kept[rank]
        limit_bits[0] = least << shift
        limit[0] += relative * limit[0] + slack[i]
        most = limit_bits[0] >> shift
        if k > 1 and not wide:
            _lane_minima(bits, lanes)
        for lane in range(width):
            if lanes[lane] <= most:
                for place in range(lane, m, width):
                    if bits[place] <= most:
                        distance = _squared_distance(queries[i], references[place])
                        if wide:
                            limit[0] = distance
                            keys[count] = (np.int64(limit_bits[0]) << 32) | place
                            count += 1
                        else:
                            count = _insert(place, distance, count, indices, found, i)
        if wide:
            keys[:count].sort()
            for rank in range(k):
                indices[i, rank] = keys[rank] & np.int64(0x7FFFFFFF)
                limit_bits[0] = keys[rank] >> 32
                found[i, rank] = limit[0]
