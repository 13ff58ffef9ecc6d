"""What the Brain panel shows, for print: bars or curves, and below them the cortex. Knows neither Qt nor napari."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .roi_values import MOST_BANDS, RoiSeries, spans

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...brain import ColourScale, RoiTable
    from ...figures.page import Page

__all__ = ["brain_figure"]

WIDTH = 5.0
CORTEX_DOTS = 220
ACROSS = 4


def brain_figure(
    names: Sequence[str],
    series: Sequence[RoiSeries],
    *,
    unit: str,
    title: str,
    note: str,
    simulated: bool,
    cortex: Mapping[str, NDArray[np.float32]] | None = None,
    masks: "Mapping[str, RoiTable] | None" = None,
    scale: "ColourScale | None" = None,
    cortex_title: str = "",
) -> "Figure":
    """Draw the panel.

    Parameters
    ----------
    names
        Regions.
    series
        Bars, or curves where they have layers.
    unit
        What the numbers are.
    title, note, simulated
        As of :class:`~alignedcut_viewer.figures.page.Page`.
    cortex, masks, scale, cortex_title
        Values of the cortex, the regions on it, its colours and what it shows; without values it is left out.

    Returns
    -------
    Figure
        Without a window.
    """
    from ...figures.page import SMALL, Page
    from ...figures.roi_bars import draw_roi_bars, symmetric_limit
    from ...figures.text import text_width

    curves = bool(series and series[0].layers)
    rows = -(-len(names) // ACROSS)
    top = 0.62 * rows + 0.35 if curves else 1.45
    below = 0.28 if curves else max((text_width(name, SMALL) for name in names), default=0) + 0.15
    high = 0.0 if cortex is None else WIDTH * 0.46
    body = top + below + (high + 0.6 if high else 0)
    page = Page(body, width=WIDTH, title=title, note=note, simulated=simulated)
    left = 0.45
    limit = symmetric_limit([spans(series)])
    if curves:
        _draw_curves(page, names, series, left, top, rows, limit, unit)
    else:
        used = page.legend([(one.label, one.colour) for one in series], left, 0)
        axes = page.axes(left, used + 0.05, page.width - left - 0.05, top - used - 0.05, label="bars")
        means, spreads = (np.stack([getattr(one, kind) for one in series]) for kind in ("means", "spreads"))
        draw_roi_bars(axes, names, means, [one.colour for one in series], spreads=spreads, limit=limit)
        axes.set_ylabel(unit)
    if cortex is not None and scale is not None:
        _draw_cortex(page, top + below + 0.1, high, cortex, masks, scale, cortex_title)
    return page.finished()


def _draw_curves(
    page: "Page",
    names: Sequence[str],
    series: Sequence[RoiSeries],
    left: float,
    top: float,
    rows: int,
    limit: float,
    unit: str,
) -> None:
    from ...figures.page import SMALL

    used = page.legend([(f"{one.label}{' (dashed)' * one.dashed}", one.colour) for one in series], left, 0)
    width, height = (page.width - left) / ACROSS, (top - used) / rows
    for number, name in enumerate(names):
        row, column = divmod(number, ACROSS)
        x, y = left + column * width, used + row * height
        axes = page.axes(x, y + 0.14, width - 0.07, height - 0.2, label=name)
        page.text(x, y + 0.02, name, SMALL)
        axes.axhline(0, color="0.6", linewidth=0.4)
        for one in series:
            style = "--" if one.dashed else "-"
            mean, spread = one.means[:, number], one.spreads[:, number]
            if len(series) <= MOST_BANDS:
                axes.fill_between(one.layers, mean - spread, mean + spread, color=one.colour, alpha=0.22, linewidth=0)
            axes.plot(one.layers, mean, style, color=one.colour, linewidth=1)
        axes.set_ylim(-limit, limit)
        axes.set_yticks([-limit, 0, limit], labels=[f"−{limit:g}", "0", f"{limit:g}"] if column == 0 else [""] * 3)
        last = number + ACROSS >= len(names)
        layers = [layer for one in series for layer in one.layers]
        ends = sorted({min(layers), max(layers)})
        axes.set_xticks(ends, labels=[str(end) for end in ends] if last else [""] * len(ends))
        if last and column == 0:
            axes.set_xlabel("layer")
        if row == rows // 2 and column == 0:
            axes.set_ylabel(unit)


def _draw_cortex(
    page: "Page",
    top: float,
    high: float,
    values: Mapping[str, NDArray[np.float32]],
    masks: "Mapping[str, RoiTable] | None",
    scale: "ColourScale",
    title: str,
) -> None:
    from ...figures.cortex import cortex_picture
    from ...figures.page import SMALL, TEXT

    page.text(0, top, title, TEXT)
    picture = cortex_picture(
        values,
        scale,
        masks=masks,
        height=round(high * CORTEX_DOTS),
        width=round(page.width * CORTEX_DOTS),
        letters=SMALL / 72 * CORTEX_DOTS,
        titles=True,
    )
    page.picture(picture, 0, top + 0.14, page.width, high, label="cortex")
    ticks = [(0.0, f"−{scale.high:.3g}"), (0.5, "0"), (1.0, f"{scale.high:.3g}")]
    page.colour_bar(page.width * 0.3, top + 0.16 + high, page.width * 0.4, 0.07, scale.table, ticks)
