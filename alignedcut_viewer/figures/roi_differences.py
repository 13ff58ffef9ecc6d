"""Which regions tell figure from ground: differences within pictures, their intervals, and which are significant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..brain.centring import DEFAULT_CENTRING, Centring
from ..errors import InputError
from .page import FIGURE_COLOUR, PAGE_WIDTH, SMALL, TEXT, Page, shortened, thinned
from .picture_statistics import NetworkStatistics, figure_ground_statistics
from .provenance import brief_provenance
from .roi_activation import brain_of, draw_roi_bars, shown_rois, symmetric_limit
from .text import line_height, text_width

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
    if not found or not len(names):
        raise InputError("There is nothing to draw: at least one network and one region are needed.")
    if any(one.n_pictures < 2 for one in found.values()):
        raise InputError("Statistics over pictures need at least two pictures with both figure and ground.")
    ends = [end for one in found.values() for end in (*one.difference_ends, one.difference)]
    limit = symmetric_limit(np.concatenate([end.ravel() for end in ends]))
    tick = text_width(f"−{limit:g}", SMALL)
    left = max(max(text_width(name, SMALL) for name in names) + 0.12, 0.48, tick + 0.22)
    gap, right = 0.2, max(0.5, tick + 0.28)
    tall = max(0.105, 1.05 * line_height(SMALL)) * len(names)
    below = max(text_width(name, SMALL) for name in names) + 0.12
    heads = 2 * line_height(TEXT) + 0.08
    title = "By how much more figure drives regions of the brain than ground does, picture by picture"
    page = Page(heads + 1.1 + below + tall + 0.36, width=width, title=title, note=note, simulated=simulated)
    each = (page.width - left - right - gap * (len(found) - 1)) / len(found)
    top = heads + 1.1 + below + 0.02
    for number, (network, one) in enumerate(found.items()):
        x = left + number * (each + gap)
        at = int(np.abs(one.difference).sum(axis=1).argmax())
        page.text(x + each / 2, 0, shortened(network, TEXT, each), TEXT, ha="center", weight="bold")
        page.text(x + each / 2, line_height(TEXT), f"layer {one.layers[at]}", TEXT, ha="center")
        axes = page.axes(x, heads, each, 1.1, label=f"{network} bars")
        interval = one.difference_ends.low[at], one.difference_ends.high[at]
        draw_roi_bars(axes, names, one.difference[at], [FIGURE_COLOUR], intervals=interval, limit=limit)
        for place, q_value in zip(axes.get_xticks(), one.q_values[at], strict=True):
            if q_value <= _RATE:
                axes.plot(place, 0.93 * limit, "o", color="black", markersize=2)
        axes.tick_params(axis="x", rotation=90)
        if number:
            axes.set_yticks(axes.get_yticks(), labels=[""] * 3)
        else:
            axes.set_ylabel("figure less ground")
        colours = page.axes(x, top, each, tall, label=f"{network} layers")
        colours.imshow(one.difference.T, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
        layer, region = np.nonzero(one.q_values <= _RATE)
        colours.plot(layer, region, "o", color="black", markersize=1.5)
        colours.set_yticks(range(len(names)), labels=list(names) if number == 0 else [""] * len(names))
        colours.tick_params(axis="y", length=0)
        words = thinned([str(layer) for layer in one.layers], each / len(one.layers))
        colours.set_xticks(range(len(one.layers)), labels=words)
        colours.set_xlabel("layer")
    from matplotlib import colormaps

    strip = colormaps["RdBu_r"](np.linspace(0, 1, 128))
    ticks = [(0.0, f"−{limit:g}"), (0.5, "0"), (1.0, f"{limit:g}")]
    page.colour_bar(page.width - right + 0.12, top, 0.08, max(tall, 0.5), strip, ticks)
    return page.finished()
