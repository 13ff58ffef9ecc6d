"""One page of a figure: axes and text placed in inches from the top left, styled alike, nothing global.

All figures with axes are drawn on a :class:`Page`, so that letters are never smaller than 6 points at the width at
which they are printed, colours mean the same everywhere, and simulated brain data say so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .grid import DPI
from .text import line_height, text_width, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = [
    "COLUMN_WIDTH",
    "FIGURE_COLOUR",
    "GROUND_COLOUR",
    "LAYER_COLOURS",
    "PAGE_WIDTH",
    "SERIES_COLOURS",
    "SMALL",
    "TEXT",
    "Page",
    "layer_colours",
    "shortened",
    "thinned",
]

COLUMN_WIDTH = 3.4
"""Inches of a column of a two-column paper."""
PAGE_WIDTH = 7.0
"""Inches of a whole page."""
TEXT = 6.5
SMALL = 6.0
FIGURE_COLOUR = "#E69F00"
GROUND_COLOUR = "#56B4E9"
# Okabe and Ito's palette without figure's orange and ground's blue: told apart by colour-blind readers too.
SERIES_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#7F7F7F")
LAYER_COLOURS = "inferno"
"""Dark is early and bright is late, evenly for colour-blind readers and in grey; see :func:`layer_colours`."""
_MARGIN = 0.07
_STAMP = "simulated brain data"


def layer_colours() -> Colormap:
    """Colours from dark (first layer, 0) to bright (last layer, 1), without the ends that vanish on white or black."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps[LAYER_COLOURS](np.linspace(0.05, 0.88, 256)), name="layers")


def shortened(name: str, size: float, width: float) -> str:
    """A name cut in its middle so that it is no wider than `width` inches at `size` points."""
    if text_width(name, size) <= width:
        return name
    for kept in range(len(name) - 1, 1, -1):
        head = (kept + 1) // 2
        candidate = f"{name[:head]}…{name[len(name) - (kept - head) :]}"
        if text_width(candidate, size) <= width:
            return candidate
    return "…"


def thinned(words: Sequence[str], pitch: float, *, size: float = SMALL) -> list[str]:
    """Labels that stand `pitch` inches apart, all but every n-th left empty so that they keep apart."""
    widest = max((text_width(word, size) for word in words), default=0.0) + 0.05
    step = max(1, math.ceil(widest / max(pitch, 1e-6)))
    return [word if number % step == 0 else "" for number, word in enumerate(words)]


class Page:
    """A figure with a title above, a body for axes, and small print below.

    Parameters
    ----------
    body
        Height of the body in inches.
    width
        Of the whole in inches.
    title
        Above, wrapped to the width.
    note
        Small print below, wrapped to the width.
    simulated
        Whether brain data that were made up are shown; the figure then says so.

    Attributes
    ----------
    figure
        The matplotlib figure; take it from :meth:`finished`.
    width, height
        Size of the body in inches.
    """

    def __init__(
        self, body: float, *, width: float = PAGE_WIDTH, title: str = "", note: str = "", simulated: bool = False
    ) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        if width < 1.5 or body <= 0:
            raise InputError(f"A figure of {width} × {body} inches is too small to draw.")
        self.width = width - 2 * _MARGIN
        self.height = body
        stamp = text_width(_STAMP, TEXT) + 0.14 if simulated else 0.0
        # screens round the widths of letters up, by a few per cent
        titles = wrapped(title, 7.5, 0.96 * (self.width - stamp - (0.1 if stamp else 0.0))) if title else []
        notes = wrapped(note, SMALL, 0.96 * self.width) if note else []
        above = max(len(titles) * line_height(7.5) + 0.05 if titles else 0.0, line_height(TEXT) + 0.1 if stamp else 0.0)
        below = len(notes) * line_height(SMALL) + 0.08 if notes else 0.0
        self._size = (width, body + above + below + 2 * _MARGIN)
        self._top = _MARGIN + above
        self.figure: Figure = Figure(figsize=self._size, dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)
        for number, line in enumerate(titles):
            self.text(0, -above + number * line_height(7.5), line, 7.5)
        if simulated:
            box = {"boxstyle": "round,pad=0.3", "facecolor": "#8B1A1A", "edgecolor": "none"}
            self.text(self.width - 0.05, -above + 0.04, _STAMP, TEXT, ha="right", color="white", bbox=box)
        for number, line in enumerate(notes):
            self.text(0, body + 0.08 + number * line_height(SMALL), line, SMALL, color="0.35")

    def text(self, x: float, y: float, words: str, size: float = TEXT, **options: Any) -> None:
        """Write words with their top left at a place in inches from the top left of the body."""
        style: dict[str, Any] = {"ha": "left", "va": "top", "color": "black", **options}
        self.figure.text(
            (x + _MARGIN) / self._size[0], 1 - (y + self._top) / self._size[1], words, fontsize=size, **style
        )

    def axes(self, left: float, top: float, width: float, height: float, *, label: str = "", **options: Any) -> Axes:
        """Axes whose box lies at a place of the body, all in inches; ticks and labels stand outside of it."""
        axes = self.figure.add_axes(
            (
                (left + _MARGIN) / self._size[0],
                1 - (top + height + self._top) / self._size[1],
                width / self._size[0],
                height / self._size[1],
            ),
            label=label,
            **options,
        )
        axes.set_facecolor("white")
        axes.tick_params(
            labelsize=SMALL, width=0.5, length=2, pad=1.5, colors="black", labelcolor="black", which="both"
        )
        axes.xaxis.label.set_fontsize(TEXT)
        axes.yaxis.label.set_fontsize(TEXT)
        axes.xaxis.labelpad = axes.yaxis.labelpad = 2
        for name, spine in axes.spines.items():
            spine.set(linewidth=0.5, edgecolor="black", visible=name in ("left", "bottom"))
        axes.grid(False)
        return axes

    def picture(
        self,
        pixels: NDArray[np.uint8],
        left: float,
        top: float,
        width: float,
        height: float,
        *,
        label: str = "",
        smooth: bool = False,
    ) -> Axes:
        """A picture in a box, stretched to it, without ticks; smoothed where it is drawn smaller, if that is said."""
        axes = self.axes(left, top, width, height, label=label)
        axes.imshow(pixels, interpolation="antialiased" if smooth else "none", aspect="auto")
        axes.set_axis_off()
        return axes

    def colour_bar(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        colours: NDArray[np.floating[Any]] | NDArray[np.uint8],
        ticks: Sequence[tuple[float, str]],
        *,
        title: str = "",
    ) -> Axes:
        """A colour bar, lying or standing by its shape.

        Parameters
        ----------
        left, top, width, height
            Its box in inches.
        colours
            (n, 3 or 4) from low to high.
        ticks
            Places from 0 (low) to 1 (high), each with its words.
        title
            Above a standing bar, at the left of a lying one's top.
        """
        lying = width >= height
        axes = self.axes(left, top, width, height, label="colour bar")
        strip = np.asarray(colours)[None, :, :3] if lying else np.asarray(colours)[::-1, None, :3]
        axes.imshow(strip, aspect="auto", extent=(0, 1, 0, 1), interpolation="nearest")
        for spine in axes.spines.values():
            spine.set_visible(True)
        places, words = [place for place, _ in ticks], [text for _, text in ticks]
        if lying:
            axes.set_yticks([])
            axes.set_xticks(places, labels=words)
        else:
            axes.set_xticks([])
            axes.set_yticks(places, labels=words)
            axes.yaxis.tick_right()
        if title:
            self.text(left, top - 0.02, title, SMALL, va="bottom")
        return axes

    def legend(self, entries: Sequence[tuple[str, str]], x: float, y: float, *, width: float | None = None) -> float:
        """Names with a coloured square each, line by line; gives the height it took in inches."""
        room = self.width - x if width is None else width
        offset, line = 0.0, 0
        step = 1.25 * line_height(TEXT)
        for name, colour in entries:
            needed = 0.11 + text_width(name, TEXT) + 0.14
            if offset and offset + needed > room + 0.14:
                offset, line = 0.0, line + 1
            self.text(x + offset, y + line * step, "■", TEXT, color=colour)
            self.text(x + offset + 0.11, y + line * step, name, TEXT)
            offset += needed
        return (line + 1) * step

    def finished(self) -> Figure:
        """The figure, with all text as plain words: names may hold a $, and users may have TeX styles."""
        from matplotlib.text import Text

        # Axes that show a picture have no ticks to be seen, and to make them for nothing takes longer than all else.
        shown = [axes for axes in self.figure.axes if axes.axison]
        hidden = [axes for axes in self.figure.axes if not axes.axison]
        texts = [*self.figure.texts, *(text for axes in hidden for text in (*axes.texts, axes.title))]
        for text in [*texts, *(text for axes in shown for text in axes.findobj(Text))]:
            text.set_parse_math(False)
            text.set_usetex(False)
        return self.figure
