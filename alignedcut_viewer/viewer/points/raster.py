"""Pictures of a million points of a plane, drawn by the CPU while one drags. Knows neither Qt nor napari."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .grid import PointGrid, Viewport

__all__ = ["Cloud", "Marks", "PointRaster", "compile_loops", "density_table", "is_compiled", "point_size"]

Colour = tuple[int, int, int]
Shading = Literal["colour", "density"]

FAINTEST = 0.45
"""Opacity of a single point among many."""
MOST_WITH_HALO = 20_000
_MOST_THREADS = 4
_LONGEST_TABLE = 1 << 12


@dataclass(frozen=True, eq=False)
class Marks:
    """Points that stand out in one colour.

    Attributes
    ----------
    x, y
        float32 (n,); quick to draw in the order of :meth:`PointGrid.places`.
    colour
        RGB.
    size
        Diameter in pixels beyond that of the other points.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    colour: Colour
    size: float = 2.0


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points that move: drawn where they are now, without a grid.

    Attributes
    ----------
    x, y
        float32 (n,).
    colours
        uint8 (n, 4); alpha 0 is not drawn.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    colours: NDArray[np.uint8]


def point_size(n_points: int) -> float:
    """Diameter in pixels that suits a number of points in sight: about 1 for a million, 11 for a hundred."""
    size = 34.0 * max(n_points, 1) ** -0.25
    return 1.0 if size < 1.6 else min(size, 12.0)


@lru_cache(maxsize=64)
def _stamp(tenths: int) -> NDArray[np.float32]:
    """How much of each pixel a disc covers, (s, s) with s odd; the diameter is given in tenths of a pixel."""
    diameter = tenths / 10
    if diameter <= 1.0:
        return np.ones((1, 1), dtype=np.float32)
    half = int(np.ceil(diameter / 2 - 0.5))
    offset = np.arange(-half, half + 1)
    distance = np.hypot(*np.meshgrid(offset, offset))
    return np.clip(diameter / 2 + 0.5 - distance, 0.0, 1.0).astype(np.float32)


@lru_cache(maxsize=4)
def density_table(dark: bool) -> NDArray[np.uint8]:
    """Colours from few to many points, uint8 (256, 3), on a dark or a bright ground; told apart by lightness alone."""
    from matplotlib import colormaps

    shares = np.linspace(0.15, 1.0, 256) if dark else np.linspace(0.9, 0.1, 256)
    return np.ascontiguousarray((colormaps["viridis"](shares)[:, :3] * 255).round().astype(np.uint8))


class PointRaster:
    """Draws points into an image.

    Parameters
    ----------
    grid
        The points.
    n_threads
        Threads that draw; by default one a core, four at most.
    """

    def __init__(self, grid: PointGrid, n_threads: int | None = None) -> None:
        self.grid = grid
        self._n_threads = n_threads or min(_cores(), _MOST_THREADS)
        self._colours: NDArray[np.uint8] = np.full((len(grid), 4), 255, dtype=np.uint8)
        self._buffer: NDArray[np.float32] = np.empty((0, 0, 4), dtype=np.float32)
        self._band: NDArray[np.float32] = np.empty((0, 0), dtype=np.float32)
        self._lock = threading.Lock()

    def set_colours(self, rgb: NDArray[np.uint8]) -> None:
        """Give each point its colour, uint8 (N, 3) by point number; takes over what the grid shows now."""
        colours = np.empty((len(self.grid), 4), dtype=np.uint8)
        colours[:, :3] = np.asarray(rgb)[self.grid.order]
        colours[:, 3] = self.grid.shown
        self._colours = colours

    def follow_shown(self) -> None:
        """Draw what the grid shows now, in the same colours."""
        self._colours[:, 3] = self.grid.shown

    def count_in(self, view: Viewport, width: int, height: int) -> int:
        """About how many points such a picture shows."""
        inside = self.grid.count(self._cells(view, width, 0, height, 0))
        return round(inside * self.grid.n_shown / len(self.grid))

    def draw(
        self,
        view: Viewport,
        width: int,
        height: int,
        *,
        shading: Shading = "colour",
        table: NDArray[np.uint8] | None = None,
        dim: float = 1.0,
        cloud: Cloud | None = None,
        marks: Sequence[Marks] = (),
        halo: Colour = (0, 0, 0),
        pixel: float = 1.0,
    ) -> NDArray[np.uint8]:
        """The points as an image.

        Parameters
        ----------
        view
            What it shows; its scale counts pixels of this image.
        width, height
            In pixels.
        shading
            ``"colour"``: each pixel has the mean colour of its points, and is the less transparent the more there
            are. ``"density"``: the logarithm of their number, by `table`.
        table
            Colours of densities, uint8 (256, 3).
        dim
            Factor on the opacity of the points, so that marks and the cloud stand out.
        cloud
            Points drawn above them.
        marks
            Points drawn above all, in their order.
        halo
            Colour around marked points.
        pixel
            Size of a point in pixels that shall look one pixel wide (the screen's ratio).

        Returns
        -------
        NDArray
            uint8 (height, width, 4), RGBA with straight alpha.
        """
        image = np.empty((height, width, 4), dtype=np.uint8)
        size = point_size(self.count_in(view, width, height)) * (pixel if len(self.grid) < 200_000 else 1.0)
        with self._lock:  # the buffers are kept from frame to frame
            self._make_room(width, height)
            x, y, colours, starts = self.grid.x, self.grid.y, self._colours, self.grid.starts
            stamp = _stamp(round(10 * size))
            half = stamp.shape[0] // 2 + 1

            def accumulate(first: int, stop: int) -> None:
                cells = self._cells(view, width, first, stop, half)
                kernels.accumulate(
                    x, y, colours, starts, self.grid.n_columns, cells, view.numbers, stamp, self._buffer, first, stop
                )

            self._in_bands(accumulate, height)
            self._shade(image, shading, table, dim)
            if cloud is not None and len(cloud.x):
                self._lay_over(image, self._drawn_cloud(cloud, view, height, pixel))
            for mark in marks:
                self._draw_marks(image, mark, view, size, halo, pixel)
        return image

    def draw_lines(
        self, paths: NDArray[np.float32], colours: NDArray[np.uint8], view: Viewport, width: int, height: int
    ) -> NDArray[np.uint8]:
        """Any number of polylines as an image: each pixel has the mean colour of the lines through it.

        Parameters
        ----------
        paths
            float32 (P, L, 2).
        colours
            uint8 (L - 1, 3), colour of each segment.
        view, width, height
            As for :meth:`draw`.
        """
        image = np.empty((height, width, 4), dtype=np.uint8)
        lines = np.array(paths, dtype=np.float32, order="C")
        of_segments = np.array(colours, dtype=np.uint8, order="C")
        with self._lock:
            self._make_room(width, height)

            def accumulate(first: int, stop: int) -> None:
                kernels.accumulate_lines(lines, of_segments, view.numbers, self._buffer, first, stop)

            self._in_bands(accumulate, height)
            self._shade(image, "colour", None, 0.9, faintest=0.12)
        return image

    # -- parts of a frame ----------------------------------------------------------------------------------------

    def _make_room(self, width: int, height: int) -> None:
        if self._buffer.shape[:2] != (height, width):
            self._buffer = np.empty((height, width, 4), dtype=np.float32)
            self._band = np.empty((height, width), dtype=np.float32)

    def _cells(self, view: Viewport, width: int, first: int, stop: int, beyond: int) -> tuple[int, int, int, int]:
        left, top = view.to_plane(-beyond, first - beyond)
        right, bottom = view.to_plane(width + beyond, stop + beyond)
        return self.grid.cells_within(left, bottom, right, top)

    def _in_bands(self, work: Callable[[int, int], Any], height: int, bands_a_thread: int = 4) -> list[Any]:
        if self._n_threads == 1:
            return [work(0, height)]
        edges = np.linspace(0, height, self._n_threads * bands_a_thread + 1).astype(int)
        pool = _pool(self._n_threads)
        bands = [pool.submit(work, int(a), int(b)) for a, b in itertools.pairwise(edges)]
        return [band.result() for band in bands]

    def _shade(
        self,
        image: NDArray[np.uint8],
        shading: Shading,
        table: NDArray[np.uint8] | None,
        dim: float,
        faintest: float = FAINTEST,
    ) -> None:
        height = image.shape[0]
        buffer = self._buffer
        most = max(float(found) for found in self._in_bands(lambda a, b: kernels.largest(buffer, a, b), height))
        logs, per_log = _logarithms(most)
        if shading == "density":
            colours = density_table(True) if table is None else table
            self._in_bands(
                lambda a, b: kernels.shade_density(buffer, logs, per_log, colours, float(dim), image, a, b), height
            )
        else:
            # Few points need no opacity to show how many they are.
            least = faintest if most > 4 else 0.9
            self._in_bands(
                lambda a, b: kernels.shade_colours(buffer, logs, per_log, float(least), float(dim), image, a, b), height
            )

    def _drawn_cloud(self, cloud: Cloud, view: Viewport, height: int, pixel: float) -> NDArray[np.uint8]:
        starts = np.array([0, len(cloud.x)], dtype=np.int64)
        stamp = _stamp(round(10 * pixel * max(point_size(len(cloud.x)), 1.8)))
        self._in_bands(
            lambda a, b: kernels.accumulate(
                cloud.x, cloud.y, cloud.colours, starts, 1, (0, 0, 0, 0), view.numbers, stamp, self._buffer, a, b
            ),
            height,
        )
        over = np.empty((*self._buffer.shape[:2], 4), dtype=np.uint8)
        self._shade(over, "colour", None, 1.0, faintest=0.7)
        return over

    @staticmethod
    def _lay_over(image: NDArray[np.uint8], over: NDArray[np.uint8]) -> None:
        rows, columns = np.nonzero(over[..., 3])
        above = over[rows, columns].astype(np.float32)
        below = image[rows, columns].astype(np.float32)
        share = above[:, 3:] / 255
        rest = below[:, 3:] / 255 * (1 - share)
        opacity = share + rest
        mixed = (above[:, :3] * share + below[:, :3] * rest) / opacity
        image[rows, columns] = np.concatenate([mixed, opacity * 255], axis=1).round().astype(np.uint8)

    def _draw_marks(
        self, image: NDArray[np.uint8], mark: Marks, view: Viewport, size: float, halo: Colour, pixel: float
    ) -> None:
        if not len(mark.x):
            return
        height, band = image.shape[0], self._band
        few = len(mark.x) <= MOST_WITH_HALO
        diameter = size + mark.size * pixel if few else max(size, 1.0)
        rings = [(diameter + 2.0 * pixel, halo), (diameter, mark.colour)] if few else [(diameter, mark.colour)]
        for across, colour in rings:
            stamp = _stamp(round(10 * across))
            red, green, blue = (float(channel) for channel in colour)

            def draw(first: int, stop: int, stamp: NDArray[np.float32] = stamp) -> None:
                kernels.cover(mark.x, mark.y, view.numbers, stamp, band, first, stop)
                kernels.shade_cover(band, red, green, blue, image, first, stop)  # noqa: B023 - done before the next

            # Marks have no grid: every band goes through all of them.
            self._in_bands(draw, height, bands_a_thread=1)


def _logarithms(most: float) -> tuple[NDArray[np.float32], float]:
    """Places of 0, 1, 2, … points between none (0) and the largest number (1) by logarithms; and 1 / log of that."""
    largest = max(int(most), 1)
    per_log = float(1 / np.log1p(largest))
    numbers = np.arange(min(largest + 1, _LONGEST_TABLE))
    return (np.log1p(numbers) * per_log).astype(np.float32), per_log


# -- threads and compilation -------------------------------------------------------------------------------------------

_pools: dict[int, ThreadPoolExecutor] = {}
_compiled = threading.Event()
_compiling = threading.Lock()


def _pool(n_threads: int) -> ThreadPoolExecutor:
    with _compiling:
        if n_threads not in _pools:
            _pools[n_threads] = ThreadPoolExecutor(n_threads, thread_name_prefix="alignedcut-raster")
        return _pools[n_threads]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_compiled() -> bool:
    """Whether :func:`compile_loops` has been through: drawing costs milliseconds from then on."""
    return _compiled.is_set()


def compile_loops() -> None:
    """Compile every loop, or load it from numba's cache, by drawing and searching a few points; to be called early.

    Takes some 20 seconds the first time on a machine, later a second. May be called from any thread.
    """
    if _compiled.is_set():
        return
    places = np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.25]], dtype=np.float32)
    grid = PointGrid(places)
    raster = PointRaster(grid, 1)
    view = Viewport.around(grid.bounds, 8, 8)
    mark = Marks(grid.x, grid.y, (255, 0, 0))
    cloud = Cloud(grid.x, grid.y, np.full((3, 4), 255, dtype=np.uint8))
    raster.draw(view, 8, 8, cloud=cloud, marks=[mark])
    raster.draw(view, 8, 8, shading="density")
    raster.draw_lines(places[None], np.full((2, 3), 255, dtype=np.uint8), view, 8, 8)
    grid.nearest(0.5, 0.5, 1.0)
    grid.inside([(0, 0), (1, 0), (1, 1)])
    grid.brush(0.5, 0.5, 1.0, np.zeros(3, dtype=bool))
    _compiled.set()
