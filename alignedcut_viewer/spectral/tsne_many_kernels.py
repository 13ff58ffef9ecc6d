"""Compiled loops over the attractions of very many points of a map; threaded by their caller."""

from __future__ import annotations

import numpy as np

from ..compiled import compiled

__all__ = ["attract", "attract_to", "cost", "move_points"]


@compiled
def attract(positions, starts, columns, values, start, stop, force):  # type: ignore[no-untyped-def]
    """Attraction ``sum_j P_ij w_ij (y_i - y_j)`` over the stored neighbours of points `start` to `stop`.

    Parameters
    ----------
    positions
        float32 (n, 2) or (n, 3).
    starts, columns, values
        Compressed sparse rows of P.
    start, stop
        Points to compute.
    force
        float32, like the positions, written.
    """
    one = np.float32(1.0)
    spatial = positions.shape[1] == 3
    for i in range(start, stop):
        x, y = positions[i, 0], positions[i, 1]
        z = positions[i, 2] if spatial else np.float32(0.0)
        fx = fy = fz = np.float32(0.0)
        for entry in range(starts[i], starts[i + 1]):
            j = columns[entry]
            dx = x - positions[j, 0]
            dy = y - positions[j, 1]
            dz = z - positions[j, 2] if spatial else np.float32(0.0)
            w = values[entry] / (one + dx * dx + dy * dy + dz * dz)
            fx += w * dx
            fy += w * dy
            fz += w * dz
        force[i, 0] = fx
        force[i, 1] = fy
        if spatial:
            force[i, 2] = fz


@compiled
def attract_to(positions, landmarks, neighbours, weights, force):  # type: ignore[no-untyped-def]
    """Attraction ``sum_j p_ij w_ij (y_i - y_j)`` of every point to some landmarks that stand.

    Parameters
    ----------
    positions, landmarks
        float32 (n, 2) and (m, 2), or (n, 3) and (m, 3).
    neighbours, weights
        int32 and float32 (n, k).
    force
        float32, like the positions, written.
    """
    one = np.float32(1.0)
    spatial = positions.shape[1] == 3
    for i in range(len(positions)):
        x, y = positions[i, 0], positions[i, 1]
        z = positions[i, 2] if spatial else np.float32(0.0)
        fx = fy = fz = np.float32(0.0)
        for k in range(neighbours.shape[1]):
            j = neighbours[i, k]
            dx = x - landmarks[j, 0]
            dy = y - landmarks[j, 1]
            dz = z - landmarks[j, 2] if spatial else np.float32(0.0)
            w = weights[i, k] / (one + dx * dx + dy * dy + dz * dz)
            fx += w * dx
            fy += w * dy
            fz += w * dz
        force[i, 0] = fx
        force[i, 1] = fy
        if spatial:
            force[i, 2] = fz


@compiled
def cost(positions, starts, columns, values, start, stop):  # type: ignore[no-untyped-def]
    """``sum P_ij log(P_ij (1 + |y_i - y_j|²))`` over the stored neighbours of points `start` to `stop`."""
    total = 0.0
    for i in range(start, stop):
        for entry in range(starts[i], starts[i + 1]):
            j = columns[entry]
            squared = 1.0
            for axis in range(positions.shape[1]):
                step = np.float64(positions[i, axis] - positions[j, axis])
                squared += step * step
            p = np.float64(values[entry])
            if p > 0.0:
                total += p * np.log(p * squared)
    return total


@compiled
def move_points(positions, velocity, gains, attraction, slope, pull, push, momentum, rate, start, stop):  # type: ignore[no-untyped-def]
    """One step of gradient descent with momentum and the gains of Jacobs (1988), in place, for some points.

    The gradient is ``pull * attraction + push * slope``.
    """
    for i in range(start, stop):
        for axis in range(positions.shape[1]):
            gradient = pull * attraction[i, axis] + push * slope[i, axis]
            gain = gains[i, axis]
            gain = gain * np.float32(0.8) if (gradient > 0) == (velocity[i, axis] > 0) else gain + np.float32(0.2)
            gain = max(gain, np.float32(0.01))
            gains[i, axis] = gain
            step = momentum * velocity[i, axis] - rate * gain * gradient
            velocity[i, axis] = step
            positions[i, axis] += step
