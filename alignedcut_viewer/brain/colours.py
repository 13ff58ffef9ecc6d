"""Colours of activations: a scale from values to colours, and what is needed to draw its bar."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

__all__ = ["ColourBar", "ColourScale"]

N_LEVELS = 256


@dataclass(frozen=True, eq=False)
class ColourBar:
    """What a colour bar shows.

    Attributes
    ----------
    rgb
        (256, 3) uint8 from the lowest to the highest value.
    ticks
        Values to mark, ascending, 0 among them where the scale holds it.
    labels
        Their texts.
    """

    rgb: NDArray[np.uint8]
    ticks: tuple[float, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class ColourScale:
    """Values to colours, in 256 steps.

    Attributes
    ----------
    low, high
        Values of the first and the last colour; values beyond take these colours.
    colour_map
        Name of a matplotlib colour map.
    """

    low: float = -1.0
    high: float = 1.0
    colour_map: str = "RdBu_r"

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high):
            raise InputError(f"A colour scale needs a low value below its high one; got {self.low} and {self.high}.")
        from matplotlib import colormaps

        if self.colour_map not in colormaps:
            raise InputError(f"matplotlib knows no colour map {self.colour_map!r}.")

    @classmethod
    def diverging(
        cls, values: ArrayLike, *, quantile: float = 0.99, colour_map: str = "RdBu_r", limit: float | None = None
    ) -> ColourScale:
        """A scale symmetric about 0.

        Parameters
        ----------
        values
            Any shape; NaN is left out.
        quantile
            Share of absolute values inside the scale, so that a few extreme voxels do not pale the rest.
        colour_map
            Name of a diverging colour map.
        limit
            The largest value, instead of a quantile.
        """
        if limit is None:
            finite = np.abs(np.asarray(values, dtype=np.float64).ravel())
            finite = finite[np.isfinite(finite)]
            limit = float(np.quantile(finite, quantile)) if len(finite) else 1.0
        limit = limit if limit > 0 else 1.0
        return cls(-limit, limit, colour_map)

    @classmethod
    def sequential(cls, values: ArrayLike, *, quantile: float = 0.99, colour_map: str = "viridis") -> ColourScale:
        """A scale from 0 (or the lowest quantile, where values are negative) to the highest quantile."""
        finite: NDArray[np.float64] = np.asarray(values, dtype=np.float64).ravel()
        finite = finite[np.isfinite(finite)]
        if len(finite) == 0:
            return cls(0.0, 1.0, colour_map)
        low = min(0.0, float(np.quantile(finite, 1 - quantile)))
        high = float(np.quantile(finite, quantile))
        return cls(low, high if high > low else low + 1.0, colour_map)

    @cached_property
    def table(self) -> NDArray[np.uint8]:
        """(256, 3) uint8 colours."""
        from matplotlib import colormaps

        colours: Any = colormaps[self.colour_map](np.linspace(0, 1, N_LEVELS))
        table: NDArray[np.uint8] = np.round(255 * np.asarray(colours)[:, :3]).astype(np.uint8)
        return table

    def levels(self, values: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Number of the colour of each value; NaN gives 0."""
        step = np.float32(N_LEVELS / (self.high - self.low))
        scaled = (np.asarray(values, dtype=np.float32) - np.float32(self.low)) * step
        # fmax takes the other operand for NaN, so that no cast meets one
        levels: NDArray[np.uint8] = np.fmin(np.fmax(scaled, 0), N_LEVELS - 1).astype(np.uint8)
        return levels

    def rgb(self, values: ArrayLike) -> NDArray[np.uint8]:
        """Colours of values, one more axis of 3, uint8."""
        return self.table[self.levels(np.asarray(values, dtype=np.float32))]

    def bar(self, n_ticks: int = 5) -> ColourBar:
        """What to draw as colour bar.

        Parameters
        ----------
        n_ticks
            About how many values to mark.
        """
        from matplotlib.ticker import MaxNLocator

        found = MaxNLocator(max(n_ticks - 1, 1), steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        slack = 1e-9 * (self.high - self.low)
        ticks = tuple(float(t) for t in found if self.low - slack <= t <= self.high + slack)
        return ColourBar(self.table, ticks, tuple(f"{0.0 if abs(t) < slack else t:g}".replace("-", "−") for t in ticks))
