"""A million points in the cells of a grid: which is nearest, which lie inside an outline. Knows no Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from . import kernels

__all__ = ["PointGrid", "Viewport"]

POINTS_A_CELL = 8
MOST_CELLS_A_SIDE = 1024


@dataclass(frozen=True)
class Viewport:
    """The part of the plane that a picture of it shows.

    Parameters
    ----------
    left, top
        The plane's coordinates at the upper left corner; the plane's second axis goes up.
    scale
        Pixels a unit.
    """

    left: float
    top: float
    scale: float

    @classmethod
    def around(
        cls, bounds: tuple[float, float, float, float], width: int, height: int, margin: float = 0.04
    ) -> Viewport:
        """All of some bounds (left, bottom, right, top) in the middle of a picture, with a margin as a share of it."""
        left, bottom, right, top = bounds
        across, along = max(right - left, 1e-9), max(top - bottom, 1e-9)
        scale = min(width / across, height / along) * (1 - 2 * margin)
        centre_x, centre_y = (left + right) / 2, (bottom + top) / 2
        return cls(centre_x - width / 2 / scale, centre_y + height / 2 / scale, scale)

    @property
    def numbers(self) -> tuple[float, float, float]:
        """(left, top, scale), as the compiled loops want them."""
        return float(self.left), float(self.top), float(self.scale)

    def to_pixels(self, places: ArrayLike) -> NDArray[np.float64]:
        """Pixel (column, row) of places (…, 2), not rounded."""
        at = np.asarray(places, dtype=np.float64)
        return np.stack([(at[..., 0] - self.left) * self.scale, (self.top - at[..., 1]) * self.scale], axis=-1)

    def to_plane(self, column: float, row: float) -> tuple[float, float]:
        """The place under a pixel."""
        return self.left + column / self.scale, self.top - row / self.scale

    def panned(self, columns: float, rows: float) -> Viewport:
        """After the picture was dragged by some pixels."""
        return replace(self, left=self.left - columns / self.scale, top=self.top + rows / self.scale)

    def zoomed(self, factor: float, column: float, row: float) -> Viewport:
        """Larger by a factor, with the place under a pixel staying there."""
        x, y = self.to_plane(column, row)
        scale = self.scale * factor
        return Viewport(x - column / scale, y + row / scale, scale)

    def resized(self, ratio: float) -> Viewport:
        """The same part of the plane on a picture with `ratio` times the pixels."""
        return replace(self, scale=self.scale * ratio)


class PointGrid:
    """Points of the plane in the order of the cells of a grid.

    Parameters
    ----------
    places
        (N, 2) finite, N at least 1. Point numbers are rows of it.

    Attributes
    ----------
    order
        int32 (N,), point numbers in the order of the cells.
    x, y
        float32 (N,), coordinates in that order.
    shown
        bool (N,) in that order: only these are drawn; see :meth:`show`.
    within_reach
        bool (N,) in that order: of these, only those are found; see :meth:`reach`.
    bounds
        (left, bottom, right, top) of all points.

    Raises
    ------
    InputError
        If places are not finite numbers (N, 2), or there are none.
    """

    def __init__(self, places: ArrayLike) -> None:
        at = np.array(places, dtype=np.float32, order="C")  # a copy: compiled loops tell read-only arrays apart
        if at.ndim != 2 or at.shape[1] != 2 or not len(at):
            raise InputError(f"Points of a plane must be (N, 2) with N at least 1; got an array of shape {at.shape}.")
        low, high = at.min(axis=0).astype(float), at.max(axis=0).astype(float)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise InputError("Some points of the plane are NaN or infinite; compute the map again.")
        self.bounds = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        side = min(max(int(math.sqrt(len(at) / POINTS_A_CELL)), 1), MOST_CELLS_A_SIDE)
        self.n_columns = self.n_rows = side
        size = np.maximum(high - low, 1e-6 * max(1.0, float(np.abs(at).max()))) * (1 + 1e-9) / side
        self.geometry = (float(low[0]), float(low[1]), float(size[0]), float(size[1]))
        cells = kernels.cells_of(at, *self.geometry, side, side)
        self.order: NDArray[np.int32]
        self.order, self.starts = kernels.sort_by_cell(cells, side * side)
        self.x = np.ascontiguousarray(at[self.order, 0])
        self.y = np.ascontiguousarray(at[self.order, 1])
        self.shown: NDArray[np.bool_] = np.ones(len(at), dtype=bool)
        self.within_reach = self.shown
        self.n_shown = len(at)

    def __len__(self) -> int:
        return len(self.order)

    def show(self, which: NDArray[np.bool_] | None) -> None:
        """Find and draw only some points, bool (N,) by point number; None means all."""
        self.shown = np.ones(len(self), dtype=bool) if which is None else np.asarray(which, dtype=bool)[self.order]
        self.within_reach = self.shown
        self.n_shown = int(np.count_nonzero(self.shown))

    def reach(self, which: NDArray[np.bool_] | None) -> None:
        """Find only some of the points that are shown, bool (N,) by point number; None means all of them."""
        self.within_reach = self.shown if which is None else self.shown & np.asarray(which, dtype=bool)[self.order]

    def places(self, points: NDArray[np.integer]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Coordinates of those of some points that are shown, in the order of the cells: so drawing them is quick."""
        chosen = np.zeros(len(self), dtype=bool)
        chosen[points] = True
        here = chosen[self.order] & self.shown
        return self.x[here], self.y[here]

    def cells_within(self, left: float, bottom: float, right: float, top: float) -> tuple[int, int, int, int]:
        """First and last column, first and last row of the cells that a rectangle meets; last < first for none."""
        at_x, at_y, cell_width, cell_height = self.geometry
        end_x, end_y = at_x + self.n_columns * cell_width, at_y + self.n_rows * cell_height
        if right < at_x or left > end_x or top < at_y or bottom > end_y:
            return 0, -1, 0, -1

        def cell(distance: float, size: float, n: int) -> int:
            return int(min(max(distance / size, 0), n - 1))

        return (
            cell(left - at_x, cell_width, self.n_columns),
            cell(right - at_x, cell_width, self.n_columns),
            cell(bottom - at_y, cell_height, self.n_rows),
            cell(top - at_y, cell_height, self.n_rows),
        )

    def count(self, cells: tuple[int, int, int, int]) -> int:
        """How many points some cells hold."""
        rows = np.arange(cells[2], cells[3] + 1) * self.n_columns
        return int((self.starts[rows + cells[1] + 1] - self.starts[rows + cells[0]]).sum()) if rows.size else 0

    # -- finding -------------------------------------------------------------------------------------------------

    def nearest(self, x: float, y: float, within: float) -> int | None:
        """The point within reach nearest to a place, or None if none is within a distance."""
        cells = self.cells_within(x - within, y - within, x + within, y + within)
        found, _ = kernels.nearest_point(
            self.x, self.y, self.order, self.within_reach, self.starts, self.n_columns, cells, float(x), float(y),
            float(within),
        )  # fmt: skip
        return None if found < 0 else int(found)

    def inside(self, corners: ArrayLike) -> NDArray[np.int64]:
        """Points within reach inside a closed outline (even-odd rule), ascending.

        Parameters
        ----------
        corners
            (V, 2), in their order; with fewer than three, nothing is inside.
        """
        outline = np.array(corners, dtype=np.float64, order="C").reshape(-1, 2)
        if len(outline) < 3:
            return np.empty(0, dtype=np.int64)
        chosen = np.zeros(len(self), dtype=bool)
        kernels.in_polygon(
            self.x, self.y, self.order, self.within_reach, self.starts, self.geometry, self.n_columns, self.n_rows,
            outline, chosen,
        )  # fmt: skip
        return np.flatnonzero(chosen)

    def brush(self, x: float, y: float, radius: float, chosen: NDArray[np.bool_]) -> int:
        """Mark the points within reach and within a radius in `chosen`, bool (N,) by point number; how many are new."""
        cells = self.cells_within(x - radius, y - radius, x + radius, y + radius)
        return int(
            kernels.in_disc(
                self.x, self.y, self.order, self.within_reach, self.starts, self.n_columns, cells, float(x), float(y),
                float(radius), chosen,
            )
        )  # fmt: skip
