"""What nodes do to regions of the brain: bars by region, and figure and ground over layers (figures 6 and 7)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..brain.centring import DEFAULT_CENTRING, Centring, centring_info
from ..errors import InputError, StudyError
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
from .picture_statistics import figure_ground_statistics
from .provenance import brief_provenance
from .text import line_height, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..study.brain_activation import BrainActivation
    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = [
    "brain_of",
    "draw_roi_bars",
    "figure_ground_activation",
    "figure_ground_activation_from_arrays",
    "roi_activation_from_arrays",
    "shown_rois",
    "symmetric_limit",
]

_UNITS = "mean activation"


def symmetric_limit(values: ArrayLike) -> float:
    """A round number that no absolute value exceeds, for scales about zero."""
    finite = np.abs(np.asarray(values, dtype=np.float64).ravel())
    finite = finite[np.isfinite(finite)]
    largest = float(finite.max()) if finite.size else 0.0
    if largest <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(largest))
    return float(next(step for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= largest * 0.999) * power)


def draw_roi_bars(
    axes: Axes,
    names: Sequence[str],
    means: ArrayLike,
    colours: Sequence[str | tuple[float, ...]],
    *,
    spreads: ArrayLike | None = None,
    intervals: tuple[ArrayLike, ArrayLike] | None = None,
    limit: float | None = None,
    named: bool = True,
) -> None:
    """Draw bars by region into axes; regions of one group stand together, as in the paper.

    Parameters
    ----------
    axes
        Where.
    names
        Regions in their order, R of them.
    means
        (S, R), one row a series.
    colours
        One a series.
    spreads
        (S, R) half lengths of error bars, or None.
    intervals
        Both ends (S, R) of error bars, instead; NaN draws none.
    limit
        Largest absolute value of the scale; by default what is needed.
    named
        Whether the regions' names stand below.
    """
    values = np.atleast_2d(np.asarray(means, dtype=np.float64))
    places = roi_places(names)
    width = 0.8 / len(values)
    errors = np.zeros((2, *values.shape))
    if intervals is not None:
        low, high = (np.atleast_2d(np.asarray(end, dtype=np.float64)) for end in intervals)
        errors = np.nan_to_num(np.stack([values - low, high - values])).clip(min=0.0)
    elif spreads is not None:
        errors = np.stack([np.atleast_2d(np.asarray(spreads, dtype=np.float64))] * 2)
    for number, (row, colour) in enumerate(zip(values, colours, strict=True)):
        at = places + (number - (len(values) - 1) / 2) * width
        axes.bar(at, row, width, color=colour, linewidth=0)
        if errors.any():
            axes.errorbar(at, row, yerr=errors[:, number], fmt="none", ecolor="0.25", elinewidth=0.5)
    axes.axhline(0, color="black", linewidth=0.5)
    for left, right in itertools.pairwise(places):
        if right - left > 1.2:
            axes.axvline((left + right) / 2, color="0.85", linewidth=0.5, zorder=0)
    axes.set_xlim(-0.7, float(places[-1]) + 0.7)
    reach = symmetric_limit(np.abs(values) + errors.max(axis=0)) if limit is None else limit
    axes.set_ylim(-reach, reach)
    axes.set_yticks([-reach, 0, reach], labels=[f"−{reach:g}", "0", f"{reach:g}"])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="x", length=0)
    inches = axes.get_window_extent().width / axes.figure.dpi
    upright = max(text_width(name, SMALL) for name in names) > 0.92 * inches / len(names)
    axes.set_xticks(places, labels=list(names) if named else [""] * len(names), rotation=90 if upright else 0)


def shown_rois(names: Sequence[str]) -> list[str]:
    """The regions of the paper's bars in their order where there are some of them, else all."""
    from ..brain import paper_rois

    known = [name for name in paper_rois() if name in names]
    return known if len(known) >= 4 else list(names)


def brain_of(cut: Cut) -> BrainActivation:
    """Brain activation of a cut.

    Raises
    ------
    StudyError
        If the cut has none; the sentence says how to get it.
    """
    found = cut.brain_activation
    if found is None:
        raise StudyError(
            f"The cut {cut.name!r} holds no brain activation; train an alignment on brain data (`alignedcut align "
            "STUDY --brain DATA --out FILE`), cut again with it, and call `alignedcut figures STUDY --all`."
        )
    return found


def figure_ground_activation(
    study: Study,
    cut: Cut,
    figure_ground: FigureGround,
    *,
    about: Centring = DEFAULT_CENTRING,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw what figure and ground do to regions of the brain, in every network and layer (figures 6 and 7).

    Parameters
    ----------
    study, cut
        The study and one of its cuts, which holds brain activation.
    figure_ground
        Which nodes are figure and which ground.
    about
        What activation is shown about.
    width
        In inches.

    Raises
    ------
    StudyError
        If the cut holds no brain activation.
    InputError
        If there is no region, or a layer without figure or ground.
    """
    brain = brain_of(cut)
    names = shown_rois(brain.names)
    found = figure_ground_statistics(brain, figure_ground, names, about=about)
    centring = centring_info(about)
    note = [f"Brain data: {brain.title}. Units of the responses, without intercept.", centring.figure_ground_note]
    note.append(f"Lines: 95 % intervals of the means over tokens, pictures drawn anew. {figure_ground.source}")
    return figure_ground_activation_from_arrays(
        names,
        {network: one.means for network, one in found.items()},
        {network: one.layers for network, one in found.items()},
        intervals={network: one.ends for network, one in found.items()},
        about=centring.title,
        note="\n".join([*note, brief_provenance(study, cut)]),
        simulated=brain.simulated,
        width=width,
    )


def roi_places(names: Sequence[str]) -> NDArray[np.float64]:
    """Where regions stand on an axis: one apart, and a little more between groups."""
    from ..brain import roi_info

    groups = [roi_info(name).group for name in names]
    steps = [0.0] + [1.0 if a == b else 1.45 for a, b in itertools.pairwise(groups)]
    return np.cumsum(steps)


def roi_activation_from_arrays(
    names: Sequence[str],
    means: ArrayLike,
    labels: Sequence[str],
    *,
    spreads: ArrayLike | None = None,
    colours: Sequence[str] | None = None,
    title: str = "",
    note: str = "",
    simulated: bool = False,
    width: float = COLUMN_WIDTH,
) -> Figure:
    """Draw the mean activation of each region by some selections of nodes.

    Parameters
    ----------
    names
        Regions in their order, R of them.
    means
        (S, R) mean over the nodes of each selection, in units of the responses.
    labels
        One a selection, for the legend.
    spreads
        (S, R) standard deviation over nodes, or None.
    colours
        One a selection.
    title, note, simulated, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    values = np.atleast_2d(np.asarray(means, dtype=np.float64))
    if not len(names) or values.shape != (len(labels), len(names)):
        raise InputError(f"Bars of {len(labels)} selections in {len(names)} ROIs need that many means: {values.shape}.")
    shown = list(colours) if colours is not None else [SERIES_COLOURS[i % 6] for i in range(len(labels))]
    below = max(text_width(name, SMALL) for name in names) + 0.06
    page = Page(1.4 + below, width=width, title=title, note=note, simulated=simulated)
    high = page.legend(list(zip(labels, shown, strict=True)), 0.42, 0.0)
    axes = page.axes(0.42, high + 0.08, page.width - 0.46, 1.32 - high)
    draw_roi_bars(axes, names, values, shown, spreads=spreads)
    axes.set_ylabel(_UNITS)
    return page.finished()


def figure_ground_activation_from_arrays(
    names: Sequence[str],
    activation: Mapping[str, ArrayLike],
    layers: Mapping[str, Sequence[int]],
    *,
    intervals: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    shown: Mapping[str, int] | None = None,
    about: str = "",
    note: str = "",
    simulated: bool = False,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw what figure and ground do to regions: bars at one layer of each network, colours for all layers.

    Parameters
    ----------
    names
        Regions in their order, R of them.
    activation
        For each network (L, 2, R): mean activation by layer, of figure and of ground.
    layers
        For each network its L layer numbers.
    intervals
        For each network both ends (L, 2, R) of intervals, drawn on the bars; None draws none.
    shown
        For each network the layer whose bars are drawn; by default that where figure and ground differ most.
    about
        What activation is shown about, for the title.
    note, simulated, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    tables = {network: np.asarray(values, dtype=np.float64) for network, values in activation.items()}
    if not tables or not len(names):
        raise InputError("There is nothing to draw: at least one network and one region are needed.")
    for network, table in tables.items():
        if table.shape != (len(layers[network]), 2, len(names)):
            raise InputError(
                f"{network} needs layers × (figure, ground) × ROIs, {(len(layers[network]), 2, len(names))}; "
                f"got {table.shape}."
            )
    left = max(text_width(name, SMALL) for name in names) + 0.12
    reached = [table.ravel() for table in tables.values()]
    reached += [np.asarray(end, dtype=np.float64).ravel() for ends in (intervals or {}).values() for end in ends]
    limit = symmetric_limit(np.concatenate(reached))
    tick = text_width(f"−{limit:g}", SMALL)
    left = max(left, 0.48, tick + 0.22)
    gap, right = 0.2, max(0.5, tick + 0.28)
    row = max(0.105, 1.05 * line_height(SMALL))
    tall = row * len(names)
    labels_below = max(text_width(name, SMALL) for name in names) + 0.12
    heads = 2 * line_height(TEXT) + 0.08
    body = heads + 1.1 + labels_below + 2 * (tall + 0.24) + 0.22
    page = Page(
        body,
        width=width,
        title=f"What figure and ground do to regions of the brain, by layer{f' ({about})' if about else ''}",
        note=note,
        simulated=simulated,
    )
    each = (page.width - left - right - gap * (len(tables) - 1)) / len(tables)
    best = {
        network: list(layers[network])[int(np.nanargmax(np.abs(table[:, 0] - table[:, 1]).sum(-1)))]
        for network, table in tables.items()
    } | dict(shown or {})
    for number, (network, table) in enumerate(tables.items()):
        x = left + number * (each + gap)
        at = list(layers[network]).index(best[network])
        page.text(x + each / 2, 0, shortened(network, TEXT, each), TEXT, ha="center", weight="bold")
        page.text(x + each / 2, line_height(TEXT), f"layer {best[network]}", TEXT, ha="center")
        axes = page.axes(x, heads, each, 1.1, label=f"{network} bars")
        ends = None
        if intervals is not None:
            low, high = (np.asarray(end, dtype=np.float64)[at] for end in intervals[network])
            ends = low, high
        draw_roi_bars(axes, names, table[at], [FIGURE_COLOUR, GROUND_COLOUR], intervals=ends, limit=limit)
        axes.tick_params(axis="x", rotation=90)
        if number:
            axes.set_yticks(axes.get_yticks(), labels=[""] * 3)
        else:
            axes.set_ylabel(_UNITS)
        for part, name in enumerate(("figure", "ground")):
            y = heads + 1.1 + labels_below + part * (tall + 0.24)
            page.text(x, y, name, TEXT, color=(FIGURE_COLOUR, GROUND_COLOUR)[part], weight="bold")
            map_axes = page.axes(x, y + 0.13, each, tall, label=f"{network} {name}")
            map_axes.imshow(table[:, part].T, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
            map_axes.set_yticks(range(len(names)), labels=list(names) if number == 0 else [""] * len(names))
            map_axes.tick_params(axis="y", length=0)
            held = list(layers[network])
            words = thinned([str(layer) for layer in held], each / len(held))
            map_axes.set_xticks(range(len(held)), labels=words if part else [""] * len(held))
            if part:
                map_axes.set_xlabel("layer")
    from matplotlib import colormaps

    top = heads + 1.1 + labels_below + 0.13
    colours: Any = colormaps["RdBu_r"](np.linspace(0, 1, 128))
    ticks = [(0.0, f"−{limit:g}"), (0.5, "0"), (1.0, f"{limit:g}")]
    page.colour_bar(page.width - right + 0.12, top, 0.08, max(tall, 0.5), colours, ticks)
    page.legend([("figure", FIGURE_COLOUR)], page.width - right + 0.05, heads)
    page.legend([("ground", GROUND_COLOUR)], page.width - right + 0.05, heads + 0.15)
    return page.finished()
