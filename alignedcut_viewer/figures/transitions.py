"""How nodes pass from concept to concept: probabilities as matrices, and all layers as a flow (figure 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .page import PAGE_WIDTH, SMALL, TEXT, Page, shortened, thinned
from .text import line_height, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["flow_from_arrays", "transitions_from_arrays"]

Colour = tuple[float, float, float] | str


def transitions_from_arrays(
    probabilities: Mapping[str, ArrayLike],
    *,
    from_names: Sequence[str],
    to_names: Sequence[str],
    from_title: str,
    to_title: str,
    counts: Mapping[str, int] | None = None,
    title_colours: Mapping[str, str] | None = None,
    title: str = "",
    note: str = "",
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw matrices of transition probabilities side by side, on one scale from 0 to 1.

    Parameters
    ----------
    probabilities
        Title (``"all"``, ``"figure"``, ``"ground"``) to (A, B) probabilities ``P(A → B)``; rows of NaN where nothing
        starts there.
    from_names, to_names
        A and B names of concepts.
    from_title, to_title
        What they are, such as ``"layer 3"`` and ``"layer 4"``.
    counts
        How many tokens each matrix is made from.
    title_colours
        Colour of a title.
    title, note, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    tables = {name: np.asarray(values, dtype=np.float64) for name, values in probabilities.items()}
    shape = (len(from_names), len(to_names))
    if not tables or min(shape) == 0:
        raise InputError("There is nothing to draw: transitions need at least one matrix with rows and columns.")
    for name, table in tables.items():
        if table.shape != shape:
            raise InputError(f"The matrix {name!r} must be {shape[0]} × {shape[1]}; its shape is {table.shape}.")
        if np.nanmin(table, initial=0.0) < -1e-9 or np.nanmax(table, initial=0.0) > 1 + 1e-9:
            raise InputError(f"The matrix {name!r} holds numbers that are no probabilities.")
    left = min(max(text_width(name, SMALL) for name in from_names), 0.8) + 0.28
    gap, right = 0.16, 0.42
    room = (width - 0.14 - left - right - gap * (len(tables) - 1)) / len(tables)
    cell = min(room / shape[1], 0.42)
    wide, tall = cell * shape[1], cell * shape[0]
    upright = max(text_width(name, SMALL) for name in to_names) > cell - 0.03
    below = (min(max(text_width(n, SMALL) for n in to_names), 0.8) if upright else line_height(SMALL)) + 0.22
    heads = (2 if counts else 1) * line_height(TEXT) + 0.06
    page = Page(heads + tall + below, width=width, title=title, note=note)
    size = SMALL
    written = text_width(".00", size) < cell - 0.03
    for number, (name, table) in enumerate(tables.items()):
        x = left + number * (room + gap)
        colour = (title_colours or {}).get(name, "black")
        page.text(x, 0, name, TEXT, weight="bold", color=colour)
        if counts:
            words = f"{counts[name]:,} tokens"
            page.text(x, line_height(TEXT), words, SMALL)
        axes = page.axes(x, heads, wide, tall, label=name)
        axes.imshow(table, cmap="Greys", vmin=0, vmax=1, aspect="auto")
        axes.set_facecolor("#F4ECD8")
        axes.set_yticks(range(shape[0]), labels=_fitting(from_names, 0.8) if number == 0 else [""] * shape[0])
        axes.set_xticks(range(shape[1]), labels=_fitting(to_names, 0.8), rotation=90 if upright else 0)
        axes.tick_params(length=0)
        axes.set_xlabel(f"to: {to_title}")
        if number == 0:
            axes.set_ylabel(f"from: {from_title}")
        if written:
            for row, column in np.argwhere(np.isfinite(table)):
                value = table[row, column]
                words = "1" if value >= 0.995 else f"{value:.2f}".lstrip("0")
                axes.text(
                    column,
                    row,
                    words,
                    fontsize=size,
                    ha="center",
                    va="center",
                    color="white" if value > 0.55 else "black",
                )
    from matplotlib import colormaps

    bar = left + (len(tables) - 1) * (room + gap) + wide + 0.12
    page.colour_bar(
        bar,
        heads,
        0.08,
        min(tall, 1.3),
        colormaps["Greys"](np.linspace(0, 1, 128)),
        [(0, "0"), (0.5, ".5"), (1, "1")],
        title="P",
    )
    return page.finished()


def _fitting(names: Sequence[str], width: float) -> list[str]:
    return [shortened(name, SMALL, width) for name in names]


def flow_from_arrays(
    flows: Mapping[str, Sequence[ArrayLike]],
    *,
    stages: Sequence[str],
    names: Sequence[Sequence[str]],
    colours: Sequence[Sequence[Colour]],
    title_colours: Mapping[str, str] | None = None,
    least: float = 0.01,
    title: str = "",
    note: str = "",
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw the flow of tokens between concepts over successive layers, in the manner of Sankey.

    Parameters
    ----------
    flows
        Title to one matrix a step: (A_s, A_{s+1}) numbers of tokens that are in concept a at stage s and in b at the
        next. Each title is a picture of its own, under the others.
    stages
        Names of the S stages, such as layers.
    names, colours
        For each stage one a concept.
    title_colours
        Colour of a title.
    least
        Bands of a smaller share of all tokens are left out.
    title, note, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    tables = {name: [np.asarray(step, dtype=np.float64) for step in steps] for name, steps in flows.items()}
    if not tables or len(stages) < 2:
        raise InputError("There is nothing to draw: a flow needs at least two stages.")
    sizes = [len(stage) for stage in names]
    if len(sizes) != len(stages) or [len(stage) for stage in colours] != sizes:
        raise InputError(f"A flow of {len(stages)} stages needs names and colours of the concepts of each.")
    for name, steps in tables.items():
        expected = [(sizes[i], sizes[i + 1]) for i in range(len(stages) - 1)]
        if [step.shape for step in steps] != expected:
            raise InputError(f"The flow {name!r} needs matrices of {expected}; got {[step.shape for step in steps]}.")
        if any((step < 0).any() for step in steps):
            raise InputError(f"The flow {name!r} holds negative numbers.")
    paired = [pair for s, t in zip(names, colours, strict=True) for pair in zip(s, map(_hex, t), strict=True)]
    legend = list(dict.fromkeys(paired))
    tall, heads = 1.5, line_height(TEXT) + 0.05
    lines = _legend_lines(legend, width - 0.14)
    foot = 0.2
    body = len(tables) * (tall + heads + foot) + lines * 1.25 * line_height(TEXT) + 0.06
    page = Page(body, width=width, title=title, note=note)
    for number, (name, steps) in enumerate(tables.items()):
        y = number * (tall + heads + foot)
        page.text(0, y, name, TEXT, weight="bold", color=(title_colours or {}).get(name, "black"))
        axes = page.axes(0.16, y + heads, page.width - 0.32, tall, label=name)
        _draw_flow(axes, steps, colours, least)
        pitch = (page.width - 0.32) / (len(stages) - 1 + 0.06)
        for i, words in enumerate(thinned(stages, pitch)):
            page.text(0.16 + (i + 0.03) * pitch, y + heads + tall + 0.03, words, SMALL, ha="center")
    page.legend(legend, 0, len(tables) * (tall + heads + foot) + 0.03)
    return page.finished()


def _legend_lines(entries: Sequence[tuple[str, str]], room: float) -> int:
    offset, lines = 0.0, 1
    for name, _ in entries:
        needed = 0.11 + text_width(name, TEXT) + 0.14
        if offset and offset + needed > room + 0.14:
            offset, lines = 0.0, lines + 1
        offset += needed
    return lines


def _hex(colour: Colour) -> str:
    from matplotlib.colors import to_hex

    return str(to_hex(colour))


def _draw_flow(
    axes: Axes, steps: Sequence[NDArray[np.float64]], colours: Sequence[Sequence[Colour]], least: float
) -> None:
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.path import Path

    bar, space = 0.06, 0.015
    totals = [steps[0].sum(1)]
    totals += [step.sum(0) for step in steps]
    # where tokens appear or vanish between steps (nodes in no concept), a stage is as high as its larger side
    totals = [np.maximum(t, steps[i].sum(1)) if i < len(steps) else t for i, t in enumerate(totals)]
    whole = max(float(max(t.sum() for t in totals)), 1e-12)
    tops = []
    for stage, amounts in enumerate(totals):
        high = amounts / whole * (1 - space * max(len(amounts) - 1, 0))
        top = np.concatenate([[0.0], np.cumsum(high + space)])[:-1]
        tops.append(top)
        for y, h, colour in zip(top, high, colours[stage], strict=True):
            if h > 0:
                axes.add_patch(Rectangle((stage, y), bar, h, facecolor=colour, edgecolor="0.2", linewidth=0.3))
    scale = [(1 - space * max(len(t) - 1, 0)) / whole for t in totals]
    for stage, step in enumerate(steps):
        # a band has one height, though stages of more concepts have a little less room
        size = min(scale[stage], scale[stage + 1])
        leaving, arriving = tops[stage].copy(), tops[stage + 1].copy()
        for a in range(step.shape[0]):
            for b in range(step.shape[1]):
                high = step[a, b] * size
                if step[a, b] >= least * whole:
                    x0, x1 = stage + bar, stage + 1
                    half = (x0 + x1) / 2
                    y0, y1 = leaving[a], arriving[b]
                    corners = [
                        (x0, y0),
                        (half, y0),
                        (half, y1),
                        (x1, y1),
                        (x1, y1 + high),
                        (half, y1 + high),
                        (half, y0 + high),
                        (x0, y0 + high),
                        (x0, y0),
                    ]
                    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
                    axes.add_patch(
                        PathPatch(Path(corners, codes), facecolor=colours[stage][a], alpha=0.45, linewidth=0)
                    )
                leaving[a] += high
                arriving[b] += high
    axes.set_xlim(0, len(steps) + bar)
    axes.set_ylim(1, 0)
    axes.set_axis_off()
