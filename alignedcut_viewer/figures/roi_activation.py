"""What nodes do to regions of the brain: bars by region, and figure and ground over layers (figures 6 and 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..brain.centring import DEFAULT_CENTRING, Centring, centring_info
from ..errors import InputError, StudyError
from .page import (
    COLUMN_WIDTH,
    FIGURE_COLOUR,
    GROUND_COLOUR,
    PAGE_WIDTH,
    SERIES_COLOURS,
    SMALL,
    Page,
)
from .picture_statistics import figure_ground_statistics
from .provenance import brief_provenance
from .roi_bars import draw_roi_bars
from .roi_columns import RoiColumns
from .text import text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.brain_activation import BrainActivation
    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = [
    "brain_of",
    "figure_ground_activation",
    "figure_ground_activation_from_arrays",
    "roi_activation_from_arrays",
    "shown_rois",
]

_UNITS = "mean activation"


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
    for network, table in tables.items():
        if table.shape != (len(layers[network]), 2, len(names)):
            raise InputError(
                f"{network} needs layers × (figure, ground) × ROIs, {(len(layers[network]), 2, len(names))}; "
                f"got {table.shape}."
            )
    reached = [table.ravel() for table in tables.values()]
    reached += [np.asarray(end, dtype=np.float64).ravel() for ends in (intervals or {}).values() for end in ends]
    columns = RoiColumns(
        names,
        {network: layers[network] for network in tables},
        reached,
        [("figure", FIGURE_COLOUR), ("ground", GROUND_COLOUR)],
        width=width,
        title=f"What figure and ground do to regions of the brain, by layer{f' ({about})' if about else ''}",
        note=note,
        simulated=simulated,
    )
    best = {
        network: list(layers[network])[int(np.nanargmax(np.abs(table[:, 0] - table[:, 1]).sum(-1)))]
        for network, table in tables.items()
    } | dict(shown or {})
    for network, table in tables.items():
        at = list(layers[network]).index(best[network])
        ends = None
        if intervals is not None:
            low, high = (np.asarray(end, dtype=np.float64)[at] for end in intervals[network])
            ends = low, high
        columns.bars(network, best[network], table[at], [FIGURE_COLOUR, GROUND_COLOUR], ends, _UNITS)
        for part in range(2):
            columns.table(network, part, table[:, part])
    columns.scale()
    columns.legend(columns.tables)
    return columns.page.finished()
