"""Figures of regions with a column a network: bars at one layer above, and all layers × regions in colour below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .page import SMALL, TEXT, Page, shortened, thinned
from .roi_bars import draw_roi_bars, symmetric_limit
from .text import line_height, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RoiColumns"]

_BARS = 1.1
_GAP = 0.2
_BELOW_TABLE = 0.24


class RoiColumns:
    """A page with a column a network.

    Parameters
    ----------
    names
        Regions in their order, R of them.
    layers
        For each network its L layer numbers.
    values
        All values that are drawn, ends of intervals included; they make the common scale about zero.
    tables
        Title and colour of each table below the bars; an empty title takes no room.
    page
        Title, note, width and mark of the page; see :class:`~.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw.
    """

    def __init__(
        self,
        names: Sequence[str],
        layers: Mapping[str, Sequence[int]],
        values: Sequence[ArrayLike],
        tables: Sequence[tuple[str, str]],
        **page: Any,
    ) -> None:
        if not layers or not len(names):
            raise InputError("There is nothing to draw: at least one network and one region are needed.")
        self.names, self.layers, self.tables = list(names), layers, tables
        self.limit = symmetric_limit(np.concatenate([np.asarray(each, dtype=np.float64).ravel() for each in values]))
        tick = text_width(f"−{self.limit:g}", SMALL)
        below = max(text_width(name, SMALL) for name in names) + 0.12
        self._left, self._right = max(below, 0.48, tick + 0.22), max(0.5, tick + 0.28)
        self._tall = max(0.105, 1.05 * line_height(SMALL)) * len(names)
        self._heading = 0.13 if any(title for title, _ in tables) else 0.02
        self._heads = 2 * line_height(TEXT) + 0.08
        self._top = self._heads + _BARS + below
        body = self._top + len(tables) * (self._tall + self._heading + _BELOW_TABLE - 0.13) + 0.22
        self.page = Page(body, **page)
        self._each = (self.page.width - self._left - self._right - _GAP * (len(layers) - 1)) / len(layers)

    def bars(
        self,
        network: str,
        layer: int,
        means: ArrayLike,
        colours: Sequence[str],
        intervals: tuple[ArrayLike, ArrayLike] | None,
        unit: str,
    ) -> Axes:
        """Name of a network, and its bars at one layer; see :func:`~.roi_bars.draw_roi_bars`."""
        x, middle = self._place(network), self._place(network) + self._each / 2
        self.page.text(middle, 0, shortened(network, TEXT, self._each), TEXT, ha="center", weight="bold")
        self.page.text(middle, line_height(TEXT), f"layer {layer}", TEXT, ha="center")
        axes = self.page.axes(x, self._heads, self._each, _BARS, label=f"{network} bars")
        draw_roi_bars(axes, self.names, means, colours, intervals=intervals, limit=self.limit)
        axes.tick_params(axis="x", rotation=90)
        if self._is_first(network):
            axes.set_ylabel(unit)
        else:
            axes.set_yticks(axes.get_yticks(), labels=[""] * 3)
        return axes

    def table(self, network: str, number: int, values: NDArray[np.floating]) -> Axes:
        """One table of a network in colour: (L, R) values."""
        title, colour = self.tables[number]
        y = self._top + number * (self._tall + self._heading + _BELOW_TABLE - 0.13)
        if title:
            self.page.text(self._place(network), y, title, TEXT, color=colour, weight="bold")
        axes = self.page.axes(
            self._place(network), y + self._heading, self._each, self._tall, label=f"{network} {title or 'layers'}"
        )
        axes.imshow(values.T, cmap="RdBu_r", vmin=-self.limit, vmax=self.limit, aspect="auto")
        axes.set_yticks(
            range(len(self.names)), labels=self.names if self._is_first(network) else [""] * len(self.names)
        )
        axes.tick_params(axis="y", length=0)
        held, is_last = list(self.layers[network]), number == len(self.tables) - 1
        words = thinned([str(layer) for layer in held], self._each / len(held))
        axes.set_xticks(range(len(held)), labels=words if is_last else [""] * len(held))
        if is_last:
            axes.set_xlabel("layer")
        return axes

    def scale(self) -> None:
        """The colour scale, beside the tables."""
        from matplotlib import colormaps

        colours: Any = colormaps["RdBu_r"](np.linspace(0, 1, 128))
        ticks = [(0.0, f"−{self.limit:g}"), (0.5, "0"), (1.0, f"{self.limit:g}")]
        x = self.page.width - self._right
        self.page.colour_bar(x + 0.12, self._top + self._heading, 0.08, max(self._tall, 0.5), colours, ticks)

    def legend(self, entries: Sequence[tuple[str, str]]) -> None:
        """Names of the bars' colours, beside them."""
        for number, entry in enumerate(entries):
            self.page.legend([entry], self.page.width - self._right + 0.05, self._heads + 0.15 * number)

    def _place(self, network: str) -> float:
        return self._left + list(self.layers).index(network) * (self._each + _GAP)

    def _is_first(self, network: str) -> bool:
        return network == next(iter(self.layers))
