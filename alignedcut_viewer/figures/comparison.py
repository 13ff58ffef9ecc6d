"""Networks beside one another: how alike their layers are, and how fast their tokens move."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..nodes import Slot
from .page import (
    COLUMN_WIDTH,
    FIGURE_COLOUR,
    GROUND_COLOUR,
    PAGE_WIDTH,
    SERIES_COLOURS,
    SMALL,
    TEXT,
    Page,
    shortened,
    thinned,
)
from .text import line_height

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Pace", "comparison_from_arrays", "pace_from_arrays"]


def comparison_from_arrays(
    matrices: Mapping[str, ArrayLike],
    slots: Sequence[Slot],
    *,
    chance: Mapping[str, float] | None = None,
    title: str = "How alike layers are, within and between networks",
    note: str = "",
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw layer × layer matrices of likeness, one a measure, with the networks side by side.

    Parameters
    ----------
    matrices
        Measure to (S, S) likeness from 0 to 1 of every two layers.
    slots
        (network, layer) of rows and columns, networks in blocks.
    chance
        Measure to the value that unrelated features would have, written below its name.
    title, note, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Notes
    -----
    In blocks of two networks a ring marks, in each row, the most alike layer of the other network.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    tables = {name: np.asarray(values, dtype=np.float64) for name, values in matrices.items()}
    if not tables or not slots:
        raise InputError("There is nothing to draw: a comparison needs at least one measure and one layer.")
    for name, table in tables.items():
        if table.shape != (len(slots), len(slots)):
            raise InputError(f"The matrix {name!r} must be {len(slots)} × {len(slots)}; its shape is {table.shape}.")
    networks = list(dict.fromkeys(slot.network for slot in slots))
    spans = {n: [i for i, slot in enumerate(slots) if slot.network == n] for n in networks}
    left, gap = 0.36, 0.42
    side = min((width - 0.14 - (left + gap) * len(tables) + 0.05) / len(tables), 2.6)
    heads = (2 if chance else 1) * line_height(TEXT) + 0.05
    names = {n: _initials(number) for number, n in enumerate(networks)}
    page = Page(heads + side + 0.36 + len(networks) * line_height(SMALL) + 0.08, width=width, title=title, note=note)
    for number, (name, table) in enumerate(tables.items()):
        x = left + number * (side + left + gap)
        page.text(x, 0, shortened(name, TEXT, side + gap), TEXT, weight="bold")
        if name in (chance or {}):
            page.text(x, line_height(TEXT), f"unrelated features: {(chance or {})[name]:.2g}", SMALL)
        axes = page.axes(x, heads, side, side, label=name)
        high = max(float(np.nanmax(table)), 1e-6)
        low = min(0.0, float(np.nanmin(table)))
        axes.imshow(table, cmap="cividis", vmin=low, vmax=high, aspect="auto")
        for spine in axes.spines.values():
            spine.set_visible(False)
        for row_network in networks:
            edge = spans[row_network][0] - 0.5
            if edge > 0:
                axes.axhline(edge, color="white", linewidth=1.2)
                axes.axvline(edge, color="white", linewidth=1.2)
            for column_network in networks:
                if column_network == row_network:
                    continue
                block = table[np.ix_(spans[row_network], spans[column_network])]
                if not np.isfinite(block).any():
                    continue
                best = np.where(np.isfinite(block), block, -np.inf).argmax(1)
                axes.plot(
                    [spans[column_network][b] for b in best],
                    spans[row_network],
                    "o",
                    ms=2.6,
                    mfc="none",
                    mec="#FF4040",
                    mew=0.7,
                    linestyle="none",
                )
        pitch = side / len(slots)
        across = [w for n in networks for w in thinned([str(slots[i].layer) for i in spans[n]], pitch)]
        axes.set_xticks(range(len(slots)), labels=across)
        every = max(1, math.ceil(1.1 * line_height(SMALL) / pitch))
        down = [str(slots[i].layer) if k % every == 0 else "" for n in networks for k, i in enumerate(spans[n])]
        axes.set_yticks(range(len(slots)), labels=down)
        axes.tick_params(length=0)
        for network in networks:
            middle = (spans[network][0] + spans[network][-1] + 1) / 2 * pitch
            page.text(x + middle, heads + side + 0.16, names[network], TEXT, ha="center", weight="bold")
            page.text(x - 0.24, heads + middle, names[network], TEXT, ha="right", va="center", weight="bold")
        from matplotlib import colormaps

        ticks = [(0.0, f"{low:.2g}".replace("-", "−")), (1.0, f"{high:.2g}")]
        strip = colormaps["cividis"](np.linspace(0, 1, 128))
        page.colour_bar(x + side + 0.07, heads, 0.07, side * 0.6, strip, ticks)
    y = heads + side + 0.36
    for number, network in enumerate(networks):
        page.text(left, y + number * line_height(SMALL), f"{names[network]}  {network}", SMALL)
    if len(networks) > 1:
        words = "○ per row: the most alike layer of the other network"
        page.text(page.width, y, words, SMALL, ha="right", color="#B02020")
    return page.finished()


def _initials(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else str(number + 1)


@dataclass(frozen=True, eq=False)
class Pace:
    """How fast the tokens of one network move.

    Attributes
    ----------
    network
        Its name.
    layers
        Its layer numbers, L of them.
    groups
        ``"all"``, ``"figure"``, ``"ground"`` to (3, L - 1): mean distance from each layer to the next, and the low and
        high end of its interval.
    bifurcation
        Layer from which figure and ground can be told apart, with the low and high end of its interval, or None.
    """

    network: str
    layers: Sequence[int]
    groups: Mapping[str, NDArray[np.floating]]
    bifurcation: tuple[float, float, float] | None = None


def pace_from_arrays(
    paces: Sequence[Pace],
    *,
    unit: str = "distance to the next layer",
    title: str = "Pace: how far tokens move from layer to layer",
    note: str = "",
    width: float = COLUMN_WIDTH,
) -> Figure:
    """Draw pace curves, networks under one another on one scale, with the layer of bifurcation.

    Parameters
    ----------
    paces
        One a network.
    unit
        What is drawn.
    title, note, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    if not paces or not any(pace.groups for pace in paces):
        raise InputError("There is nothing to draw: pace needs at least one network with two layers.")
    for pace in paces:
        for name, values in pace.groups.items():
            if np.shape(values) != (3, len(pace.layers) - 1):
                raise InputError(
                    f"The pace {name!r} of {pace.network} must be 3 × {len(pace.layers) - 1}; got {np.shape(values)}."
                )
    colour_of = {"all": "#000000", "figure": FIGURE_COLOUR, "ground": GROUND_COLOUR}
    found = list(dict.fromkeys(name for pace in paces for name in pace.groups))
    shown = {name: colour_of.get(name, SERIES_COLOURS[i % 6]) for i, name in enumerate(found)}
    top = 1.08 * max(float(np.nanmax(values)) for pace in paces for values in pace.groups.values())
    tall, step = 0.95, 0.95 + line_height(TEXT) + 0.38
    split = any(pace.bifurcation is not None for pace in paces)
    page = Page(len(paces) * step + (0.32 if split else 0.18), width=width, title=title, note=note)
    for number, pace in enumerate(paces):
        y = number * step
        page.text(0.42, y, shortened(pace.network, TEXT, page.width - 0.45), TEXT, weight="bold")
        axes = page.axes(0.42, y + line_height(TEXT) + 0.04, page.width - 0.5, tall, label=pace.network)
        at = (np.asarray(pace.layers[:-1]) + np.asarray(pace.layers[1:])) / 2
        if pace.bifurcation is not None:
            layer, low, high = pace.bifurcation
            axes.axvspan(low, high, color="0.88", linewidth=0, zorder=0)
            axes.axvline(layer, color="0.4", linewidth=0.8, linestyle=(0, (3, 2)))
        for name, values in pace.groups.items():
            axes.fill_between(at, values[1], values[2], color=shown[name], alpha=0.25, linewidth=0)
            axes.plot(at, values[0], color=shown[name], linewidth=1.2, marker="o", markersize=2)
        axes.set_xlim(pace.layers[0] - 0.3, pace.layers[-1] + 0.3)
        axes.set_ylim(0, top)
        from matplotlib.ticker import MaxNLocator

        axes.yaxis.set_major_locator(MaxNLocator(4))
        words = thinned([str(layer) for layer in pace.layers], (page.width - 0.5) / len(pace.layers))
        axes.set_xticks(list(pace.layers), labels=words)
        axes.set_xlabel("layer")
    page.text(0.0, (len(paces) * step) / 2, unit, TEXT, rotation=90, va="center")
    y = len(paces) * step + 0.02
    page.legend([(name, shown[name]) for name in found], 0.42, y)
    if split:
        page.text(0.42, y + 0.14, "dashed: figure and ground part here; grey: its 95 % interval", SMALL)
    return page.finished()
