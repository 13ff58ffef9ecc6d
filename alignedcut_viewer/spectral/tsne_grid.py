"""Repulsion between very many points of a map, by a grid and Fourier transforms.

The repulsion of t-SNE is the slope of one field: with ``w_ij = 1 / (1 + |y_i - y_j|²)``,
``sum_j w_ij² (y_i - y_j) = -1/2 grad sum_j w_ij``. Points are spread over a grid, the grid is convolved with w, and
value and slope are read at the points, as in particle-mesh Ewald summation (Essmann et al. 1995); time grows with the
number of points and the area of the map, not with pairs of points.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .threads import for_row_blocks, n_threads

__all__ = ["CELL", "Field", "field_of"]

FloatArray = NDArray[np.float32]
CELL = 0.5
"""Side of a cell, where w falls to one half at distance one."""
_SMALLEST_CELL, _CELLS_ACROSS = 0.05, 32  # of a map that is still small, where forces are small too
_MARGIN = 3  # cells around the outermost points
_MOST_CELLS = {2: 1 << 22, 3: 1 << 22}  # before the padding; beyond, cells are larger
_BLOCK = 1 << 15


class Field:
    """The sum of w around some points, wherever it is asked for within their bounding box.

    Parameters
    ----------
    grid
        Its values.
    origin
        Position of the first cell's centre.
    cell
        Side of a cell.
    """

    def __init__(self, grid: FloatArray, origin: FloatArray, cell: float) -> None:
        self.grid = grid
        self.origin = origin
        self.cell = cell

    def at(self, positions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Value (n,) and slope (n, d) at positions (n, d); those outside the box count as on its border."""
        from . import tsne_grid_kernels as kernels

        n, d = positions.shape
        potential, slope = np.empty(n, np.float32), np.empty((n, d), np.float32)
        kernel = kernels.gather if d == 2 else kernels.gather_3d
        most = np.array(self.grid.shape, np.float32) - 3

        def work(start: int, stop: int) -> None:
            cells = (positions[start:stop] - self.origin) * np.float32(1 / self.cell)
            np.clip(cells, 1, most, out=cells)
            kernel(cells, 0, len(cells), self.grid, potential[start:stop], slope[start:stop])
            slope[start:stop] *= np.float32(1 / self.cell)

        for_row_blocks(work, n, _BLOCK)
        return potential, slope


def field_of(positions: FloatArray) -> Field:
    """The field around points.

    Parameters
    ----------
    positions
        float32 (n, d), d 2 or 3, finite.

    Returns
    -------
    Field
        ``sum_j 1 / (1 + |y - y_j|²)``, every point included.
    """
    from scipy import fft

    from . import tsne_grid_kernels as kernels

    n, d = positions.shape
    low, high = positions.min(axis=0), positions.max(axis=0)
    wanted = min(CELL, max(_SMALLEST_CELL, float((high - low).max()) / _CELLS_ACROSS))
    cell = max(wanted, float(np.prod((high - low).astype(np.float64) + CELL) / _MOST_CELLS[d]) ** (1 / d))
    shape = tuple(_rounded(int(side / cell) + 2 * _MARGIN + 2) for side in (high - low).tolist())
    origin = (low - np.float32(_MARGIN * cell)).astype(np.float32)
    kernel = kernels.deposit if d == 2 else kernels.deposit_3d
    edges = np.linspace(0, n, n_threads() + 1).astype(int) if n > _BLOCK else np.array([0, n])
    grids = [np.zeros(shape, np.float32) for _ in range(len(edges) - 1)]

    def spread(part: int, _: int) -> None:
        start, stop = int(edges[part]), int(edges[part + 1])
        cells = (positions[start:stop] - origin) * np.float32(1 / cell)
        kernel(cells, 0, len(cells), grids[part])

    for_row_blocks(spread, len(grids), 1)
    density = grids[0] if len(grids) == 1 else np.sum(grids, axis=0)
    padded = tuple(2 * side for side in shape)
    spectrum = fft.rfftn(density, s=padded, workers=n_threads())
    spectrum *= _transform(padded, round(cell, 6))
    values = fft.irfftn(spectrum, s=padded, workers=n_threads())
    inside = np.ascontiguousarray(values[tuple(slice(0, side) for side in shape)])
    return Field(inside, origin, cell)


def _rounded(cells: int) -> int:
    """A number of cells with fast transforms, in steps of about a twelfth, so that few of them are ever prepared."""
    step = max(8, 1 << max(0, cells.bit_length() - 4))
    from scipy import fft

    return int(fft.next_fast_len(-(-cells // step) * step, real=True))


@lru_cache(maxsize=4)
def _transform(padded: tuple[int, ...], cell: float) -> FloatArray:
    """Transform of w on a periodic grid, divided by that of spreading and reading by splines."""
    from scipy import fft

    squares: NDArray[np.float32] = np.zeros((1,) * len(padded), np.float32)
    for axis, side in enumerate(padded):
        steps = np.minimum(np.arange(side), side - np.arange(side)).astype(np.float32) * np.float32(cell)
        squares = squares + np.square(steps).reshape([-1 if a == axis else 1 for a in range(len(padded))])
    spectrum: FloatArray = fft.rfftn(1 / (1 + squares), workers=n_threads()).real
    for axis, side in enumerate(padded):
        waves = fft.rfftfreq(side) if axis == len(padded) - 1 else fft.fftfreq(side)
        # The influence that is best on average over the places of points in their cells (Hockney & Eastwood 1988).
        images = sum(np.sinc(waves + m) ** 8 for m in (-1, 0, 1))
        smooth = (np.sinc(waves) ** 8 / np.square(images)).astype(np.float32)
        spectrum *= smooth.reshape([-1 if a == axis else 1 for a in range(len(padded))])
    return spectrum
