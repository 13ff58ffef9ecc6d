"""Between token grids of different resolution: average pooling, exact for any two grids, and its transpose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import InputError

__all__ = ["METRICS", "Grid", "Pooling", "common_grid"]

METRICS = ("isometric", "pooled", "generalised")


@dataclass(frozen=True)
class Grid:
    """A token grid of a picture.

    Parameters
    ----------
    rows, columns
        Its size, at least 1 × 1.
    """

    rows: int
    columns: int

    def __post_init__(self) -> None:
        if self.rows < 1 or self.columns < 1:
            raise InputError(f"A token grid must be at least 1 × 1; got {self.rows} × {self.columns}.")

    def __len__(self) -> int:
        return self.rows * self.columns

    def __str__(self) -> str:
        return f"{self.rows} × {self.columns}"


def common_grid(grids: list[Grid]) -> Grid:
    """The coarsest grid that is as fine as each of some grids, in rows and in columns."""
    return Grid(max(grid.rows for grid in grids), max(grid.columns for grid in grids))


@lru_cache(maxsize=256)
def _overlap(fine: int, coarse: int, isometric: bool) -> NDArray[np.float64]:
    """(coarse, fine): the share of each fine cell in the mean over each coarse one; of orthonormal rows if asked."""
    edges = np.arange(fine + 1) / fine
    start, stop = np.arange(coarse)[:, None] / coarse, (np.arange(coarse)[:, None] + 1) / coarse
    shared = np.clip(np.minimum(edges[1:], stop) - np.maximum(edges[:-1], start), 0.0, None)
    matrix: NDArray[np.float64] = shared / shared.sum(axis=1, keepdims=True)
    if isometric:
        left, _, right = np.linalg.svd(matrix, full_matrices=False)
        matrix = left @ right
    return matrix


class Pooling:
    """Average pooling from a common token grid to that of a layer.

    A token of the layer's grid takes the mean of the part of the picture that it covers, also where the grids do not
    divide one another.

    Parameters
    ----------
    common
        The grid that pseudo-eigenvectors live on.
    layer
        The grid of a layer.
    metric
        ``"isometric"``: the nearest matrix to average pooling with orthonormal rows, which for whole cells is average
        pooling times the root of their number. ``"pooled"`` and ``"generalised"``: average pooling as it is.
    """

    def __init__(self, common: Grid, layer: Grid, metric: str = "pooled") -> None:
        if metric not in METRICS:
            raise InputError(f"Unknown metric {metric!r}; use {', '.join(METRICS[:-1])} or {METRICS[-1]}.")
        self.common, self.layer = common, layer
        self._rows = torch.from_numpy(_overlap(common.rows, layer.rows, metric == "isometric"))
        self._columns = torch.from_numpy(_overlap(common.columns, layer.columns, metric == "isometric"))

    @property
    def is_identity(self) -> bool:
        """Whether both grids are the same."""
        return self.common == self.layer

    def matrix(self) -> torch.Tensor:
        """``R`` as a matrix, float64 (tokens of the layer, tokens of the common grid)."""
        return torch.kron(self._rows, self._columns)

    def down(self, values: torch.Tensor) -> torch.Tensor:
        """``R X``: (pictures, places of the common grid, C) to (pictures, tokens of the layer, C)."""
        return values if self.is_identity else self._apply(values, self.common, self._rows, self._columns)

    def up(self, values: torch.Tensor) -> torch.Tensor:
        """``R^T Y``: (pictures, tokens of the layer, C) to (pictures, places of the common grid, C)."""
        return values if self.is_identity else self._apply(values, self.layer, self._rows.T, self._columns.T)

    @staticmethod
    def _apply(values: torch.Tensor, grid: Grid, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        rows, columns = rows.to(values), columns.to(values)
        n, _, width = values.shape
        taller = rows @ values.reshape(n, grid.rows, grid.columns * width)
        wider = columns @ taller.reshape(n * len(rows), grid.columns, width)
        return wider.reshape(n, len(rows) * len(columns), width)
