"""Which regions tell figure from ground: differences within pictures, their intervals, and which are significant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..brain.centring import DEFAULT_CENTRING, Centring
from ..errors import InputError
from .page import FIGURE_COLOUR, PAGE_WIDTH
from .picture_statistics import NetworkStatistics, figure_ground_statistics
from .provenance import brief_provenance
from .roi_activation import brain_of, shown_rois
from .roi_columns import RoiColumns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = ["roi_difference_table", "roi_differences", "roi_differences_from_statistics"]

_RATE = 0.05


def roi_differences(study: Study, cut: Cut, figure_ground: FigureGround, *, width: float = PAGE_WIDTH) -> Figure:
    """Draw by how much more figure drives regions than ground does, with intervals and false-discovery control.

    Parameters
    ----------
    study, cut
        The study and one of its cuts, which holds brain activation.
    figure_ground
        Which nodes are figure and which ground.
    width
        In inches.

    Raises
    ------
    StudyError
        If the cut holds no brain activation.
    InputError
        If there is no region, or a network without figure or ground.
    """
    brain = brain_of(cut)
    names = shown_rois(brain.names)
    found = figure_ground_statistics(brain, figure_ground, names, about="zero")
    note = [
        f"Brain data: {brain.title}. Mean over pictures of the difference within a picture, "
        f"{max(one.n_pictures for one in found.values())} pictures; lines: 95 % intervals, pictures drawn anew. "
        "Dots: q ≤ .05 by changing the sign of whole pictures, false-discovery rate over all layers and regions.",
        figure_ground.source,
        brief_provenance(study, cut),
    ]
    return roi_differences_from_statistics(names, found, note="\n".join(note), simulated=brain.simulated, width=width)


def roi_difference_table(
    study: Study, cut: Cut, figure_ground: FigureGround, *, about: Centring = DEFAULT_CENTRING
) -> list[dict[str, Any]]:
    """A row a network, layer and region: figure, ground, their difference, intervals, p and q."""
    brain = brain_of(cut)
    names = list(brain.names)
    found = figure_ground_statistics(brain, figure_ground, names, about=about)
    rows: list[dict[str, Any]] = []
    for network, one in found.items():
        for at, layer in enumerate(one.layers):
            for number, region in enumerate(names):
                row: dict[str, Any] = {"network": network, "layer": layer, "region": region, "about": about}
                for part, name in enumerate(("figure", "ground")):
                    row |= {
                        name: float(one.means[at, part, number]),
                        f"{name}_low": float(one.ends.low[at, part, number]),
                        f"{name}_high": float(one.ends.high[at, part, number]),
                    }
                rows.append(
                    row
                    | {
                        "difference": float(one.difference[at, number]),
                        "difference_low": float(one.difference_ends.low[at, number]),
                        "difference_high": float(one.difference_ends.high[at, number]),
                        "p_value": float(one.p_values[at, number]),
                        "q_value": float(one.q_values[at, number]),
                        "pictures": one.n_pictures,
                    }
                )
    return rows


def roi_differences_from_statistics(
    names: Sequence[str],
    found: Mapping[str, NetworkStatistics],
    *,
    note: str = "",
    simulated: bool = False,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw differences: bars at the layer of each network where they are largest, colours for all layers.

    Parameters
    ----------
    names
        Regions in their order.
    found
        Network to its statistics.
    note, simulated, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw.
    """
    if any(one.n_pictures < 2 for one in found.values()):
        raise InputError("Statistics over pictures need at least two pictures with both figure and ground.")
    columns = RoiColumns(
        names,
        {network: one.layers for network, one in found.items()},
        [end for one in found.values() for end in (*one.difference_ends, one.difference)],
        [("", "")],
        width=width,
        title="By how much more figure drives regions of the brain than ground does, picture by picture",
        note=note,
        simulated=simulated,
    )
    for network, one in found.items():
        at = int(np.abs(one.difference).sum(axis=1).argmax())
        interval = one.difference_ends.low[at], one.difference_ends.high[at]
        axes = columns.bars(
            network, one.layers[at], one.difference[at], [FIGURE_COLOUR], interval, "figure less ground"
        )
        for place, q_value in zip(axes.get_xticks(), one.q_values[at], strict=True):
            if q_value <= _RATE:
                axes.plot(place, 0.93 * columns.limit, "o", color="black", markersize=2)
        layer, region = np.nonzero(one.q_values <= _RATE)
        columns.table(network, 0, one.difference).plot(layer, region, "o", color="black", markersize=1.5)
    columns.scale()
    return columns.page.finished()
