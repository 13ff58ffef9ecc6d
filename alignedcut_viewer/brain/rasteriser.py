"""Triangles to pixels: which vertex each pixel of a view shows. A z-buffer in compiled Python, no graphics card."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from ..compiled import compiled_in_order

__all__ = ["rasterise"]


@compiled_in_order
def _fill_triangles(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    depth: NDArray[np.float64],
    faces: NDArray[np.int64],
    height: int,
    width: int,
) -> NDArray[np.int32]:
    nearest = np.full((height, width), -1, dtype=np.int32)
    buffer = np.full((height, width), np.inf)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        area = (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])
        if area == 0.0:
            continue
        left = max(0, int(np.ceil(min(x[a], x[b], x[c]))))
        right = min(width - 1, int(np.floor(max(x[a], x[b], x[c]))))
        top = max(0, int(np.ceil(min(y[a], y[b], y[c]))))
        bottom = min(height - 1, int(np.floor(max(y[a], y[b], y[c]))))
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                # barycentric weights of the pixel's centre
                wa = ((x[b] - column) * (y[c] - row) - (x[c] - column) * (y[b] - row)) / area
                wb = ((x[c] - column) * (y[a] - row) - (x[a] - column) * (y[c] - row)) / area
                wc = 1.0 - wa - wb
                # pixels on an edge belong to both triangles, so that rounding leaves no holes
                if wa < -1e-9 or wb < -1e-9 or wc < -1e-9:
                    continue
                z = wa * depth[a] + wb * depth[b] + wc * depth[c]
                if z < buffer[row, column]:
                    buffer[row, column] = z
                    if wa >= wb and wa >= wc:
                        nearest[row, column] = a
                    elif wb >= wc:
                        nearest[row, column] = b
                    else:
                        nearest[row, column] = c
    return nearest


def rasterise(points: NDArray[np.floating], faces: NDArray[np.int64], height: int, width: int) -> NDArray[np.int32]:
    """The vertex that each pixel shows.

    Parameters
    ----------
    points
        (n, 3): column, row (in pixels; pixel centres are whole numbers) and depth (smaller is nearer).
    faces
        (m, 3) triangles, either way round.
    height, width
        Size of the raster.

    Returns
    -------
    ndarray
        (height, width) int32: of the nearest triangle that covers the pixel's centre, the vertex with the largest
        barycentric weight; -1 where there is none.
    """
    place = np.ascontiguousarray(np.asarray(points, dtype=np.float64).T)
    triangles = np.ascontiguousarray(faces, dtype=np.int64)
    return cast("NDArray[np.int32]", _fill_triangles(place[0], place[1], place[2], triangles, height, width))
