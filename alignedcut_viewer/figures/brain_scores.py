"""How well held-out brain responses are predicted: by layer and region, and the paper's table 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from ..nodes import Slot
from .page import PAGE_WIDTH, SMALL, TEXT, Page, shortened, thinned
from .text import line_height, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["brain_scores_from_arrays", "brain_scores_table_from_arrays"]


def brain_scores_from_arrays(
    rois: Sequence[str],
    slots: Sequence[Slot],
    correlation: ArrayLike,
    *,
    total: Mapping[str, float] | None = None,
    note: str = "",
    simulated: bool = False,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw the brain score of every layer in every region, with each region's best layer marked.

    Parameters
    ----------
    rois
        Regions in their order; ``"all"`` may be among them.
    slots
        (network, layer) of each row of `correlation`.
    correlation
        (S, R) Pearson correlation of each layer's part of the prediction with held-out responses, mean over voxels.
    total
        Region to R² of the sum of all layers, shown below.
    note, simulated, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    values = np.asarray(correlation, dtype=np.float64)
    if not len(rois) or not len(slots) or values.shape != (len(slots), len(rois)):
        raise InputError(f"Scores of {len(slots)} layers in {len(rois)} ROIs are needed; got shape {values.shape}.")
    networks = list(dict.fromkeys(slot.network for slot in slots))
    left = max(text_width(roi, SMALL) for roi in rois) + 0.1
    right, gap = 0.55 + (0.5 if total else 0.0), 0.12
    row = max(0.15, 1.3 * line_height(SMALL))
    tall = row * len(rois)
    page = Page(
        max(tall + 0.55, 1.0),
        width=width,
        title="Brain score of each layer: correlation of its part of the prediction with held-out responses",
        note=note,
        simulated=simulated,
    )
    room = page.width - left - right - gap * (len(networks) - 1)
    low, high = min(0.0, float(np.nanmin(values))), max(float(np.nanmax(values)), 1e-6)
    best = np.where(np.isfinite(values), values, -np.inf).argmax(0)
    x = left
    for number, network in enumerate(networks):
        rows = [i for i, slot in enumerate(slots) if slot.network == network]
        wide = room * len(rows) / len(slots)
        page.text(x + wide / 2, 0, shortened(network, TEXT, wide + gap * 0.8), TEXT, ha="center", weight="bold")
        axes = page.axes(x, 0.16, wide, tall, label=network)
        axes.imshow(values[rows].T, cmap="viridis", vmin=low, vmax=high, aspect="auto")
        for roi in range(len(rois)):
            if best[roi] in rows:
                axes.plot(rows.index(int(best[roi])), roi, "o", ms=3, mfc="white", mec="black", mew=0.6)
        axes.set_yticks(range(len(rois)), labels=list(rois) if number == 0 else [""] * len(rois))
        words = thinned([str(slots[i].layer) for i in rows], wide / len(rows))
        axes.set_xticks(range(len(rows)), labels=words)
        axes.set_xlabel("layer")
        axes.tick_params(axis="y", length=0)
        x += wide + gap
    if total:
        page.text(page.width - right + 0.06, 0.0, "R², all", TEXT, weight="bold")
        for number, roi in enumerate(rois):
            value = total.get(roi)
            words = "–" if value is None or not np.isfinite(value) else f"{value:.3f}".replace("-", "−")
            page.text(page.width - right + 0.06, 0.16 + (number + 0.5) * row, words, SMALL, va="center_baseline")
    from matplotlib import colormaps

    bar = page.width - 0.42
    ends = [(0.0, f"{low:.2g}".replace("-", "−")), (1.0, f"{high:.2g}")]
    page.colour_bar(
        bar, 0.3, 0.08, max(min(tall - 0.3, 1.2), 0.3), colormaps["viridis"](np.linspace(0, 1, 128)), ends, title="r"
    )
    page.text(left, tall + 0.43, "○ best layer of the region", SMALL)
    return page.finished()


def brain_scores_table_from_arrays(
    rois: Sequence[str],
    weights: Sequence[float],
    scores: ArrayLike,
    *,
    note: str = "",
    simulated: bool = False,
    width: float | None = None,
) -> Figure:
    """Draw the paper's table 1: held-out R² by region, a row a weight of the eigen-constraint, best in bold.

    Parameters
    ----------
    rois
        Regions, columns of the table.
    weights
        Weights of the eigen-constraint, rows of the table.
    scores
        (W, R) R².
    note, simulated, width
        See :class:`~alignedcut_viewer.figures.page.Page`; by default as wide as needed.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not values.size or values.shape != (len(weights), len(rois)):
        raise InputError(f"A table of {len(weights)} weights × {len(rois)} ROIs is needed; got shape {values.shape}.")
    first = text_width("eigen-constraint", TEXT) + 0.15
    cell = max(max(text_width(roi, TEXT) for roi in rois), text_width("−0.000", TEXT)) + 0.12
    needed = first + cell * len(rois) + 0.2
    row = 1.5 * line_height(TEXT)
    page = Page(
        row * (len(weights) + 1) + 0.06,
        width=max(needed, 3.4) if width is None else width,
        title="Brain score: R² on held-out pictures",
        note=note,
        simulated=simulated,
    )
    if width is not None and needed > width:
        raise InputError(f"{len(rois)} regions do not fit into {width} inches; the table needs {needed:.1f}.")
    page.text(0, 0, "eigen-constraint", TEXT, weight="bold")
    for column, roi in enumerate(rois):
        page.text(first + (column + 1) * cell, 0, roi, TEXT, ha="right", weight="bold")
    line = page.axes(0, row - 0.03, page.width, 0.005, label="rule")
    line.axhline(0.5, color="black", linewidth=0.6)
    line.set_axis_off()
    best = np.where(np.isfinite(values), values, -np.inf).argmax(0)
    for number, weight in enumerate(weights):
        y = (number + 1) * row
        page.text(0, y, f"{weight:g}", TEXT)
        for column in range(len(rois)):
            value = values[number, column]
            words = f"{value:.3f}".replace("-", "−") if np.isfinite(value) else "–"
            bold = len(weights) > 1 and best[column] == number
            page.text(first + (column + 1) * cell, y, words, TEXT, ha="right", weight="bold" if bold else "normal")
    return page.finished()
