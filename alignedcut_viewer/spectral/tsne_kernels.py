"""Compiled loops of t-SNE on the CPU.

The repulsion is summed over all pairs without an approximation: in single precision and with wide vector instructions
that is faster than a tree up to tens of thousands of points. The loops release the interpreter lock and are spread over
plain threads by their caller, never by numba's own threading layer, which aborts the process when two threads of a
program enter it at once. Every row is summed by itself in one order, so results do not depend on the number of threads.

Positions are (3, n), one row a coordinate; a map in the plane has zeros in the third row.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled

__all__ = [
    "attraction_rows",
    "conditional_rows",
    "cost_rows",
    "dense_cost_rows",
    "dense_rows",
    "move",
    "repulsion_rows",
]


_FAR = np.float32(1e9)  # stands for an infinite distance, which fastmath may assume not to occur


@compiled
def conditional_rows(rows, entropy, start, stop):  # type: ignore[no-untyped-def]
    """Squared distances of rows `start` to `stop` become neighbour probabilities of a given entropy, in place.

    Newton's method on the logarithm of the precision, steps of at most 1.5, guarded by bisection.

    Parameters
    ----------
    rows
        float32 (n, k); numbers from 1e38 on are pairs that do not count.
    entropy
        Wanted, in nats.
    start, stop
        Rows to compute.
    """
    k = rows.shape[1]
    weight = np.empty(k, np.float32)
    powers = np.empty(k, np.int32)
    as_float = powers.view(np.float32)
    for i in range(start, stop):
        row = rows[i]
        nearest = np.float32(3e38)
        total_distance = 0.0
        count = 0
        for j in range(k):
            if row[j] < np.float32(1e38):
                nearest = min(nearest, row[j])
                total_distance += row[j]
                count += 1
        mean = np.float32(total_distance / count) - nearest if count > 0 else np.float32(0.0)
        unit = np.float32(1.0) / mean if mean > np.float32(0.0) else np.float32(0.0)
        for j in range(k):
            row[j] = min((row[j] - nearest) * unit, np.float32(1e8)) if row[j] < np.float32(1e38) else _FAR
        low, high, log_beta = -40.0, 40.0, 0.0
        total = np.float32(1.0)
        for _ in range(80):
            beta = np.exp(log_beta)
            # exp(-beta d) as 2^whole · 2^part, the second by a polynomial, the first by its bits: this is vectorised.
            scale = np.float32(-beta * 1.4426950408889634)
            for j in range(k):
                x = max(row[j] * scale, np.float32(-126.0))
                whole = np.int32(x - np.float32(0.5))
                part = x - np.float32(whole)
                value = np.float32(1.8775767e-3)
                value = value * part + np.float32(8.9893397e-3)
                value = value * part + np.float32(5.5826318e-2)
                value = value * part + np.float32(2.4015361e-1)
                value = value * part + np.float32(6.9315308e-1)
                weight[j] = value * part + np.float32(9.9999994e-1)
                powers[j] = (whole + np.int32(127)) << np.int32(23)
            total = first = second = np.float32(0.0)
            for j in range(k):
                distance = row[j]
                w = weight[j] * as_float[j] if distance < np.float32(9e8) else np.float32(0.0)
                weight[j] = w
                moment = w * distance
                total += w
                first += moment
                second += moment * distance
            if total <= np.float32(0.0):
                break
            expected = first / total
            variance = second / total - expected * expected
            excess = np.log(total) + beta * expected - entropy
            if abs(excess) < 1e-5 or high - low < 1e-6:
                break
            if excess > 0:
                low = log_beta
            else:
                high = log_beta
            moved = high
            if variance > 0:
                moved = log_beta + min(max(excess / (beta * beta * variance), -1.5), 1.5)
            log_beta = moved if low < moved < high else (low + high) / 2
        for j in range(k):
            row[j] = weight[j] / total if total > np.float32(0.0) else np.float32(0.0)


@compiled
def repulsion_rows(positions, start, stop, force, mass):  # type: ignore[no-untyped-def]
    """Unnormalised repulsion ``sum_j w_ij² (y_i - y_j)`` and ``sum_j w_ij`` (with j = i) of rows `start` to `stop`.

    Parameters
    ----------
    positions
        float32 (3, n).
    start, stop
        Rows to compute.
    force
        float32 (3, n), written.
    mass
        float64 (n,), written; ``w_ij = 1 / (1 + |y_i - y_j|²)``.
    """
    first, second, third = positions[0], positions[1], positions[2]
    one = np.float32(1.0)
    for i in range(start, stop):
        x, y, z = first[i], second[i], third[i]
        fx = fy = fz = total = np.float32(0.0)
        for j in range(first.shape[0]):
            dx = x - first[j]
            dy = y - second[j]
            dz = z - third[j]
            w = one / (one + dx * dx + dy * dy + dz * dz)
            total += w
            w *= w
            fx += w * dx
            fy += w * dy
            fz += w * dz
        force[0, i] = fx
        force[1, i] = fy
        force[2, i] = fz
        mass[i] = total


@compiled
def attraction_rows(positions, starts, columns, values, start, stop, force):  # type: ignore[no-untyped-def]
    """Attraction ``sum_j P_ij w_ij (y_i - y_j)`` over the stored neighbours of rows `start` to `stop`.

    Parameters
    ----------
    positions
        float32 (3, n).
    starts, columns, values
        Compressed sparse rows of P.
    start, stop
        Rows to compute.
    force
        float32 (3, n), written.
    """
    first, second, third = positions[0], positions[1], positions[2]
    one = np.float32(1.0)
    for i in range(start, stop):
        x, y, z = first[i], second[i], third[i]
        fx = fy = fz = np.float32(0.0)
        for entry in range(starts[i], starts[i + 1]):
            j = columns[entry]
            dx = x - first[j]
            dy = y - second[j]
            dz = z - third[j]
            w = values[entry] / (one + dx * dx + dy * dy + dz * dz)
            fx += w * dx
            fy += w * dy
            fz += w * dz
        force[0, i] = fx
        force[1, i] = fy
        force[2, i] = fz


@compiled
def dense_rows(positions, probabilities, start, stop, attraction, repulsion, mass):  # type: ignore[no-untyped-def]
    """Both forces of rows `start` to `stop` in one pass over a dense P, (n, n) float32."""
    first, second, third = positions[0], positions[1], positions[2]
    one = np.float32(1.0)
    for i in range(start, stop):
        x, y, z = first[i], second[i], third[i]
        row = probabilities[i]
        ax = ay = az = fx = fy = fz = total = np.float32(0.0)
        for j in range(first.shape[0]):
            dx = x - first[j]
            dy = y - second[j]
            dz = z - third[j]
            w = one / (one + dx * dx + dy * dy + dz * dz)
            total += w
            p = row[j] * w
            ax += p * dx
            ay += p * dy
            az += p * dz
            w *= w
            fx += w * dx
            fy += w * dy
            fz += w * dz
        attraction[0, i] = ax
        attraction[1, i] = ay
        attraction[2, i] = az
        repulsion[0, i] = fx
        repulsion[1, i] = fy
        repulsion[2, i] = fz
        mass[i] = total


@compiled
def cost_rows(positions, starts, columns, values, start, stop):  # type: ignore[no-untyped-def]
    """``sum P_ij log(P_ij (1 + |y_i - y_j|²))`` over the stored neighbours of rows `start` to `stop`."""
    first, second, third = positions[0], positions[1], positions[2]
    cost = 0.0
    for i in range(start, stop):
        for entry in range(starts[i], starts[i + 1]):
            j = columns[entry]
            p = np.float64(values[entry])
            dx = np.float64(first[i] - first[j])
            dy = np.float64(second[i] - second[j])
            dz = np.float64(third[i] - third[j])
            if p > 0.0:
                cost += p * np.log(p * (1.0 + dx * dx + dy * dy + dz * dz))
    return cost


@compiled
def dense_cost_rows(positions, probabilities, start, stop):  # type: ignore[no-untyped-def]
    """``sum P_ij log(P_ij (1 + |y_i - y_j|²))`` of rows `start` to `stop` of a dense P, (n, n) float32."""
    first, second, third = positions[0], positions[1], positions[2]
    cost = 0.0
    for i in range(start, stop):
        row = probabilities[i]
        for j in range(first.shape[0]):
            p = np.float64(row[j])
            dx = np.float64(first[i] - first[j])
            dy = np.float64(second[i] - second[j])
            dz = np.float64(third[i] - third[j])
            if p > 0.0:
                cost += p * np.log(p * (1.0 + dx * dx + dy * dy + dz * dz))
    return cost


@compiled
def move(positions, velocity, gains, gradient, momentum, rate):  # type: ignore[no-untyped-def]
    """One step of gradient descent with momentum and the delta-bar-delta gains of Jacobs (1988), in place."""
    for axis in range(positions.shape[0]):
        for i in range(positions.shape[1]):
            slope = gradient[axis, i]
            gain = gains[axis, i]
            gain = gain * np.float32(0.8) if (slope > 0) == (velocity[axis, i] > 0) else gain + np.float32(0.2)
            gain = max(gain, np.float32(0.01))
            gains[axis, i] = gain
            velocity[axis, i] = momentum * velocity[axis, i] - rate * gain * slope
            positions[axis, i] += velocity[axis, i]
