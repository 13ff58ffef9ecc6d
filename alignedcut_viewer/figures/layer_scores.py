"""How well each layer separates what masks separate: mIoU by layer (figure 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from .page import COLUMN_WIDTH, SERIES_COLOURS, TEXT, Page, thinned

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["layer_scores_from_arrays"]


def layer_scores_from_arrays(
    scores: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    chance: float | None = None,
    measure: str = "mIoU",
    title: str = "How well a layer's eigenvectors tell what the masks tell",
    note: str = "",
    width: float = COLUMN_WIDTH,
) -> Figure:
    """Draw a score by layer, one line a network (or a variant, such as before and after alignment).

    Parameters
    ----------
    scores
        Name to (layers, scores), of equal length.
    chance
        What a guess would reach, drawn dashed.
    measure
        Name of the score.
    title, note, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    if not scores:
        raise InputError("There is nothing to draw: scores of at least one network are needed.")
    page = Page(2.2, width=width, title=title, note=note)
    entries = [(name, SERIES_COLOURS[i % len(SERIES_COLOURS)]) for i, name in enumerate(scores)]
    if chance is not None:
        entries.append(("all one class", "#888888"))
    high = page.legend(entries, 0.42, 0.0)
    axes = page.axes(0.42, high + 0.06, page.width - 0.5, 2.2 - high - 0.4, label=measure)
    highest, layers_shown = 0.0, set()
    for number, (name, (layers, values)) in enumerate(scores.items()):
        at, reached = np.asarray(layers), np.asarray(values, dtype=np.float64)
        if at.shape != reached.shape or at.ndim != 1 or not at.size:
            raise InputError(f"{name} has {at.size} layers and {reached.size} scores.")
        marker = "osD^v<>"[number % 7]
        axes.plot(at, reached, color=entries[number][1], linewidth=1.2, marker=marker, markersize=2.6)
        highest = max(highest, float(np.nanmax(reached)))
        layers_shown |= {int(n) for n in at}
    if chance is not None:
        axes.axhline(chance, color="#888888", linewidth=0.8, linestyle=(0, (3, 2)))
        highest = max(highest, chance)
    axes.set_ylim(0, min(1.0, 1.15 * highest))
    ordered = sorted(layers_shown)
    axes.set_xticks(ordered, labels=thinned([str(n) for n in ordered], (page.width - 0.5) / len(ordered)))
    axes.set_xlabel("layer", fontsize=TEXT)
    axes.set_ylabel(measure)
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(5))
    return page.finished()
