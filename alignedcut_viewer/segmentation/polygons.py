"""Masks as polygons along the edges of pixels, and polygons as masks.

A ring follows the edges between pixels, so that its corners are whole numbers: ``(x, y)`` is the upper left corner of
pixel ``(y, x)``. Filled by the even-odd rule at the centres of pixels it gives back exactly the mask that it came from.
COCO's polygons know no holes; a hole is joined to its outline by a bridge that is walked there and back and so encloses
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

__all__ = ["mask_from_polygons", "polygons_of_mask"]


def polygons_of_mask(mask: ArrayLike) -> list[list[float]]:
    """Outlines of a mask, one polygon a connected component.

    Parameters
    ----------
    mask
        ``(H, W)``; what is not 0 belongs to the mask. Pixels that touch at a corner only are not connected.

    Returns
    -------
    list of list of float
        For each component ``[x1, y1, x2, y2, …]`` as COCO stores it, in pixels from the upper left corner. Holes are
        joined to the outline by a bridge of no width.

    Raises
    ------
    InputError
        If the mask has not two axes.
    """
    from scipy.ndimage import find_objects, label

    pixels = np.asarray(mask, dtype=bool)
    if pixels.ndim != 2:
        raise InputError(f"A mask has two axes; got shape {pixels.shape}.")
    components, _ = label(pixels)
    polygons = []
    for number, window in enumerate(find_objects(components), start=1):
        rings = _rings(components[window] == number)
        # The outline runs around the other way than the holes, and around more.
        rings.sort(key=_signed_area, reverse=True)
        joined = _joined(rings) + np.array([window[1].start, window[0].start])
        polygons.append([float(value) for value in joined.ravel()])
    return polygons


def mask_from_polygons(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centre lies inside one of some polygons, by the even-odd rule in each of them.

    Parameters
    ----------
    polygons
        Each ``[x1, y1, x2, y2, …]`` in pixels, at least three corners.
    size
        Height and width of the picture.

    Returns
    -------
    ndarray of bool, shape (H, W)

    Raises
    ------
    InputError
        If a polygon has too few corners, numbers that are not finite, or lies wholly outside the picture.
    """
    from skimage.draw import polygon2mask

    height, width = size
    inside = np.zeros((height, width), dtype=bool)
    for polygon in polygons:
        corners = _corners(polygon)
        low, high = corners.min(0), corners.max(0)
        if high[0] <= 0 or high[1] <= 0 or low[0] >= width or low[1] >= height:
            raise InputError(
                f"A polygon from ({low[0]:g}, {low[1]:g}) to ({high[0]:g}, {high[1]:g}) lies outside the picture of "
                f"{width} × {height} pixels."
            )
        left, top = max(int(low[0]), 0), max(int(low[1]), 0)
        right, bottom = min(int(np.ceil(high[0])), width), min(int(np.ceil(high[1])), height)
        # Centres of pixels are whole numbers there.
        moved = corners[:, ::-1] - np.array([top, left]) - 0.5
        inside[top:bottom, left:right] |= polygon2mask((bottom - top, right - left), moved)
    return inside


def _corners(polygon: Sequence[float]) -> NDArray[np.float64]:
    try:
        values = np.asarray(polygon, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("A polygon must be a list of numbers x1, y1, x2, y2, …") from None
    if values.ndim != 1 or len(values) < 6 or len(values) % 2:
        raise InputError(f"A polygon needs x and y of at least three corners; got {values.size} numbers.")
    if not np.isfinite(values).all():
        raise InputError("A polygon holds numbers that are not finite.")
    return values.reshape(-1, 2)


def _rings(pixels: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Closed walks along the edges of pixels with the mask on the right hand; corners (x, y), y down."""
    padded = np.pad(pixels, 1).astype(np.int8)
    across = np.diff(padded, axis=0)[:, 1:-1]  # between a pixel and the one below: edges that run along x
    along = np.diff(padded, axis=1)[1:-1]
    leaving: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def add(edges: NDArray[np.bool_], start: tuple[int, int], step: tuple[int, int]) -> None:
        for y, x in np.argwhere(edges).tolist():
            leaving.setdefault((x + start[0], y + start[1]), []).append(step)

    add(across == 1, (0, 0), (1, 0))  # upper edge of the mask: to the right
    add(across == -1, (1, 0), (-1, 0))  # lower edge: to the left
    add(along == -1, (0, 0), (0, 1))  # right edge: down
    add(along == 1, (0, 1), (0, -1))  # left edge: up
    rings = []
    while leaving:
        start = next(iter(leaving))
        corners = [start]
        place, step = start, leaving[start][0]
        while True:
            options = leaving[place]
            # Where two pixels touch at a corner, turning right keeps them apart.
            right = (-step[1], step[0])
            chosen = right if len(options) > 1 and right in options else options[0]
            options.remove(chosen)
            if not options:
                del leaving[place]
            if chosen != step and place != corners[-1]:
                corners.append(place)
            step = chosen
            place = (place[0] + step[0], place[1] + step[1])
            if place == start and start not in leaving:
                break
        rings.append(np.array(corners, dtype=np.int64))
    return rings


def _signed_area(ring: NDArray[np.int64]) -> float:
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def _joined(rings: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """One walk through the outline and all holes, by bridges along rows and columns."""
    whole = rings[0]
    for hole in rings[1:]:
        nearest = int(np.abs(whole - hole[0]).sum(1).argmin())
        place = whole[nearest]
        bend = np.array([[place[0], hole[0, 1]]])
        whole = np.concatenate(
            [whole[: nearest + 1], bend, hole, hole[:1], bend, place[None], whole[nearest + 1 :]], axis=0
        )
    return whole
