"""Compiled loops of t-SNE on the CPU.

The repulsion is summed over all pairs without an approximation: in single precision and with wide vector instructions
that is faster than a tree up to tens of thousands of points. The loops release the interpreter lock and are spread over
plain threads by their caller, never by numba's own threading layer, which aborts the process when two threads of a
program enter it at once. Every row is summed by itself in one order, so results do not depend on the number of threads.

Positions are (3, n), one row a coordinate; a map in the plane has zeros in the third row.
"""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["attraction_rows", "dense_rows", "move", "repulsion_rows"]

# "numpy" division never branches to raise ZeroDivisionError; the branch would keep the loops from being vectorised.
_compiled = numba.njit(nogil=True, fastmath=True, error_model="numpy", cache=True)


@_compiled
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


@_compiled
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


@_compiled
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


@_compiled
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
