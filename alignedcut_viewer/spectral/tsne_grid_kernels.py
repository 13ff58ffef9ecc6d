"""Compiled loops of the grid that stands for the repulsion between many points of a map.

Cubic B-splines carry points to the grid and the field back to the points; positions are in cells of the grid.
"""

from __future__ import annotations

import numpy as np

from ..compiled import compiled

__all__ = ["deposit", "deposit_3d", "gather", "gather_3d"]


@compiled
def _weights(x, cell, values, slopes):  # type: ignore[no-untyped-def]
    one, half, sixth = np.float32(1.0), np.float32(0.5), np.float32(1.0 / 6.0)
    t = x - np.float32(cell)
    r = one - t
    values[0] = sixth * r * r * r
    values[1] = half * t * t * (t - np.float32(2.0)) + np.float32(2.0 / 3.0)
    values[2] = half * r * r * (r - np.float32(2.0)) + np.float32(2.0 / 3.0)
    values[3] = sixth * t * t * t
    slopes[0] = -half * r * r
    slopes[1] = t * (np.float32(1.5) * t - np.float32(2.0))
    slopes[2] = -r * (np.float32(1.5) * r - np.float32(2.0))
    slopes[3] = half * t * t


@compiled
def deposit(positions, start, stop, grid):  # type: ignore[no-untyped-def]
    """Add the points `start` to `stop` of positions (n, 2), in cells, to a grid (rows, columns)."""
    wx, wy, slopes = np.empty(4, np.float32), np.empty(4, np.float32), np.empty(4, np.float32)
    for i in range(start, stop):
        x, y = positions[i, 0], positions[i, 1]
        cx, cy = np.int64(x), np.int64(y)
        _weights(x, cx, wx, slopes)
        _weights(y, cy, wy, slopes)
        for a in range(4):
            for b in range(4):
                grid[cx + a - 1, cy + b - 1] += wx[a] * wy[b]


@compiled
def gather(positions, start, stop, grid, potential, slope):  # type: ignore[no-untyped-def]
    """Value and slope (per cell) of a field on the grid at the points `start` to `stop` of positions (n, 2).

    Parameters
    ----------
    positions
        float32 (n, 2), in cells.
    start, stop
        Points to compute.
    grid
        float32 (rows, columns).
    potential, slope
        float32 (n,) and (n, 2), written.
    """
    wx, wy = np.empty(4, np.float32), np.empty(4, np.float32)
    sx, sy = np.empty(4, np.float32), np.empty(4, np.float32)
    for i in range(start, stop):
        x, y = positions[i, 0], positions[i, 1]
        cx, cy = np.int64(x), np.int64(y)
        _weights(x, cx, wx, sx)
        _weights(y, cy, wy, sy)
        value = dx = dy = np.float32(0.0)
        for a in range(4):
            along = across = np.float32(0.0)
            for b in range(4):
                g = grid[cx + a - 1, cy + b - 1]
                along += wy[b] * g
                across += sy[b] * g
            value += wx[a] * along
            dx += sx[a] * along
            dy += wx[a] * across
        potential[i] = value
        slope[i, 0] = dx
        slope[i, 1] = dy


@compiled
def deposit_3d(positions, start, stop, grid):  # type: ignore[no-untyped-def]
    """What :func:`deposit` does, in three dimensions."""
    wx, wy, wz = np.empty(4, np.float32), np.empty(4, np.float32), np.empty(4, np.float32)
    slopes = np.empty(4, np.float32)
    for i in range(start, stop):
        x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
        cx, cy, cz = np.int64(x), np.int64(y), np.int64(z)
        _weights(x, cx, wx, slopes)
        _weights(y, cy, wy, slopes)
        _weights(z, cz, wz, slopes)
        for a in range(4):
            for b in range(4):
                for c in range(4):
                    grid[cx + a - 1, cy + b - 1, cz + c - 1] += wx[a] * wy[b] * wz[c]


@compiled
def gather_3d(positions, start, stop, grid, potential, slope):  # type: ignore[no-untyped-def]
    """What :func:`gather` does, in three dimensions."""
    wx, wy, wz = np.empty(4, np.float32), np.empty(4, np.float32), np.empty(4, np.float32)
    sx, sy, sz = np.empty(4, np.float32), np.empty(4, np.float32), np.empty(4, np.float32)
    for i in range(start, stop):
        x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
        cx, cy, cz = np.int64(x), np.int64(y), np.int64(z)
        _weights(x, cx, wx, sx)
        _weights(y, cy, wy, sy)
        _weights(z, cz, wz, sz)
        value = dx = dy = dz = np.float32(0.0)
        for a in range(4):
            for b in range(4):
                along = across = np.float32(0.0)
                for c in range(4):
                    g = grid[cx + a - 1, cy + b - 1, cz + c - 1]
                    along += wz[c] * g
                    across += sz[c] * g
                value += wx[a] * wy[b] * along
                dx += sx[a] * wy[b] * along
                dy += wx[a] * sy[b] * along
                dz += wx[a] * wy[b] * across
        potential[i] = value
        slope[i, 0] = dx
        slope[i, 1] = dy
        slope[i, 2] = dz
