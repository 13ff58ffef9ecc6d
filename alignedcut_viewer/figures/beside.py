"""The same figure of two cuts side by side: what another recipe changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .page import PAGE_WIDTH, TEXT, Page
from .save import figure_pixels
from .text import line_height

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["beside"]

_GAP = 0.2
_DPI = 300
"""So many that the page may be drawn smaller without losing lines and strokes of letters."""


def beside(
    left: Figure, right: Figure, names: tuple[str, str], *, dpi: float = _DPI, width: float = 2 * PAGE_WIDTH
) -> Figure | None:
    """Two figures on one page under the names of what they are of; None where they are the same, pixel by pixel.

    Parameters
    ----------
    left, right
        Figures of one kind.
    names
        What stands above each.
    dpi
        Resolution that both are drawn with.
    width
        In inches; narrower figures keep their size.
    """
    pictures = [figure_pixels(figure, dpi=dpi) for figure in (left, right)]
    if pictures[0].shape == pictures[1].shape and np.array_equal(pictures[0], pictures[1]):
        return None
    wide = [figure.get_figwidth() for figure in (left, right)]
    page_width = min(width, sum(wide) + _GAP + 0.1)
    scale = (page_width - _GAP - 0.1) / sum(wide)
    high = [scale * figure.get_figheight() for figure in (left, right)]
    head = line_height(TEXT) + 0.06
    page = Page(head + max(high), width=page_width)
    x = 0.0
    for picture, name, own, tall in zip(pictures, names, wide, high, strict=True):
        shown = min(scale * own, page.width - x)
        page.text(x + shown / 2, 0, name, TEXT, ha="center", weight="bold")
        page.picture(picture, x, head, shown, tall, label=name, smooth=True)
        x += scale * own + _GAP
    return page.finished()
