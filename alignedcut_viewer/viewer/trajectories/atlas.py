"""The map as an atlas: cells of what is seen, each with the mean of what its tokens show of their pictures. No Qt.

After the Activation Atlas (Carter et al. 2019), with crops of real pictures in place of synthesised ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..points.grid import PointGrid, Viewport
from .thumbnails import Thumbnail

__all__ = ["Tile", "atlas_cells", "mean_crop"]

CELL = 48
"""Logical pixels from cell to cell: the further one zooms in, the less of the map a cell covers."""
FEWEST = 3
"""Tokens that a cell needs."""
MOST_CROPS = 8
CROP = 32
"""Pixels a side of a crop."""
AROUND = 1.0
"""Tokens around the token that its crop shows as well, on every side."""


@dataclass(frozen=True, eq=False)
class Tile:
    """One cell.

    Attributes
    ----------
    left, top, side
        Where it is on the plane.
    image
        uint8 (CROP, CROP, 3).
    """

    left: float
    top: float
    side: float
    image: NDArray[np.uint8]


def atlas_cells(
    grid: PointGrid, view: Viewport, width: int, height: int
) -> list[tuple[tuple[float, float, float], NDArray[np.int64]]]:
    """Cells of a picture of the plane that hold tokens within reach.

    Parameters
    ----------
    grid
        The points.
    view, width, height
        What is seen, in logical pixels.

    Returns
    -------
    list
        (left, top, side) on the plane of every cell with enough tokens, and some of them, evenly drawn.
    """
    column = np.floor((grid.x - view.left) * view.scale / CELL).astype(np.int64)
    row = np.floor((view.top - grid.y) * view.scale / CELL).astype(np.int64)
    n_columns, n_rows = -(-width // CELL), -(-height // CELL)
    seen = grid.within_reach & (column >= 0) & (column < n_columns) & (row >= 0) & (row < n_rows)
    here = np.flatnonzero(seen)
    cell = row[here] * n_columns + column[here]
    here = here[np.argsort(cell, kind="stable")]
    numbers, starts, counts = np.unique(np.sort(cell), return_index=True, return_counts=True)
    side = CELL / view.scale
    found = []
    for number, start, count in zip(numbers.tolist(), starts.tolist(), counts.tolist(), strict=True):
        if count < FEWEST:
            continue
        chosen = here[start + np.linspace(0, count - 1, min(count, MOST_CROPS)).astype(np.int64)]
        corner = view.left + (number % n_columns) * side, view.top - (number // n_columns) * side
        found.append(((*corner, side), grid.order[chosen].astype(np.int64)))
    return found


def mean_crop(nodes: NDArray[np.int64], load: Callable[[int], Thumbnail]) -> NDArray[np.uint8]:
    """The mean of what some tokens show, uint8 (CROP, CROP, 3).

    Parameters
    ----------
    nodes
        The tokens.
    load
        Gives the picture of a token, and where it is in it; of a class token all of it counts.
    """
    from PIL import Image

    total = np.zeros((CROP, CROP, 3), dtype=np.float64)
    for node in nodes.tolist():
        thumbnail = load(node)
        height, width = thumbnail.image.shape[:2]
        top, left, tall, wide = thumbnail.box or (0.0, 0.0, 1.0, 1.0)
        around = AROUND if thumbnail.box else 0.0
        region = (
            max(0.0, (left - around * wide) * width),
            max(0.0, (top - around * tall) * height),
            min(float(width), (left + (1 + around) * wide) * width),
            min(float(height), (top + (1 + around) * tall) * height),
        )
        picture = Image.fromarray(thumbnail.image)
        total += np.asarray(picture.resize((CROP, CROP), Image.Resampling.BILINEAR, box=region))
    return (total / max(len(nodes), 1)).round().astype(np.uint8)
