"""Concepts side by side: what their nodes look like, and what they do to regions and cortex (figure 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .page import PAGE_WIDTH, SMALL, TEXT, Page, shortened
from .roi_activation import draw_roi_bars, symmetric_limit
from .text import line_height, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ConceptRow", "concept_gallery_from_arrays", "crop_around"]


@dataclass(frozen=True, eq=False)
class ConceptRow:
    """One concept of a gallery.

    Attributes
    ----------
    name
        What it is called.
    colour
        Its AlignedCut colour, RGB of 8 bits.
    crops
        Pictures (h, w, 3) uint8, the most typical first.
    caption
        A few words below the name, such as its size.
    activation
        (R,) mean activation of each region, or None without brain data.
    spread
        (R,) standard deviation over members, or None.
    cortex
        (h, w, 3) uint8 picture of the cortex, or None.
    """

    name: str
    colour: tuple[int, int, int]
    crops: Sequence[NDArray[np.uint8]]
    caption: str = ""
    activation: NDArray[np.floating] | None = None
    spread: NDArray[np.floating] | None = None
    cortex: NDArray[np.uint8] | None = None


def crop_around(
    picture: NDArray[np.uint8],
    members: NDArray[np.bool_],
    row: int,
    column: int,
    *,
    share: float = 0.5,
    size: int = 160,
) -> NDArray[np.uint8]:
    """A square part of a picture around one token, with all that does not belong to the concept paled.

    Parameters
    ----------
    picture
        uint8 (H, W, 3).
    members
        bool (rows, columns): which tokens belong.
    row, column
        The token in the middle.
    share
        Side of the square as a share of the picture's shorter side.
    size
        Side of the result in pixels.
    """
    from PIL import Image

    high, wide = picture.shape[:2]
    side = max(round(share * min(high, wide)), 8)
    y = (row + 0.5) / members.shape[0] * high
    x = (column + 0.5) / members.shape[1] * wide
    top = int(np.clip(round(y - side / 2), 0, max(high - side, 0)))
    left = int(np.clip(round(x - side / 2), 0, max(wide - side, 0)))
    part = picture[top : top + side, left : left + side]
    image = np.asarray(Image.fromarray(part).resize((size, size), Image.Resampling.LANCZOS), dtype=np.float32)
    rows = ((top + (np.arange(size) + 0.5) * part.shape[0] / size) / high * members.shape[0]).astype(int)
    columns = ((left + (np.arange(size) + 0.5) * part.shape[1] / size) / wide * members.shape[1]).astype(int)
    inside = members[rows.clip(max=members.shape[0] - 1)[:, None], columns.clip(max=members.shape[1] - 1)[None, :]]
    paled = 255 - 0.3 * (255 - image.mean(-1, keepdims=True))
    return np.asarray(np.rint(np.where(inside[..., None], image, paled)), dtype=np.uint8)


def concept_gallery_from_arrays(
    rows: Sequence[ConceptRow],
    *,
    rois: Sequence[str] = (),
    title: str = "",
    note: str = "",
    simulated: bool = False,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw concepts under one another: name, crops, bars by region, cortex.

    Parameters
    ----------
    rows
        The concepts.
    rois
        Regions of the bars in their order, R of them; none leaves bars out.
    title, note, simulated, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw.
    """
    if not rows:
        raise InputError("There is nothing to draw: a gallery needs at least one concept.")
    names = 0.92
    barred = bool(rois) and any(row.activation is not None for row in rows)
    cortical = any(row.cortex is not None for row in rows)
    bars = 1.5 if barred else 0.0
    cortex = 1.6 if cortical else 0.0
    n_crops = max(max(len(row.crops) for row in rows), 1)
    page_width = width - 0.14
    room = page_width - names - (bars + 0.34 if barred else 0.0) - (cortex + 0.08 if cortical else 0.0)
    n_shown = max(1, min(n_crops, int((room + 0.04) / 0.52)))
    crop = min((room + 0.04) / n_shown - 0.04, 0.85)
    each = max(crop, 0.62) + 0.08
    below = (max(text_width(name, SMALL) for name in rois) + 0.1) if barred else 0.0
    page = Page(each * len(rows) + below, width=width, title=title, note=note, simulated=simulated)
    limit = (
        symmetric_limit(np.concatenate([np.asarray(r.activation) for r in rows if r.activation is not None]))
        if barred
        else 1.0
    )
    for number, row in enumerate(rows):
        y = number * each
        swatch = page.axes(0, y + 0.02, 0.1, each - 0.14, label="swatch")
        swatch.set_facecolor(tuple(c / 255 for c in row.colour))
        swatch.set_xticks([])
        swatch.set_yticks([])
        for spine in swatch.spines.values():
            spine.set_visible(False)
        page.text(0.15, y, shortened(row.name, TEXT, names - 0.2), TEXT, weight="bold")
        for line, words in enumerate(row.caption.splitlines()):
            page.text(0.15, y + (line + 1) * line_height(TEXT), shortened(words, SMALL, names - 0.2), SMALL)
        for place, pixels in enumerate(row.crops[:n_shown]):
            page.picture(pixels, names + place * (crop + 0.04), y, crop, crop, label=row.name)
        x = page.width - bars - (cortex + 0.08 if cortical else 0.0)
        if barred and row.activation is not None:
            axes = page.axes(x, y + 0.02, bars, each - 0.12, label=f"{row.name} bars")
            colour = tuple(c / 255 for c in row.colour)
            spread = None if row.spread is None else np.asarray(row.spread)[None]
            last = number == len(rows) - 1
            draw_roi_bars(axes, rois, row.activation, [colour], spreads=spread, limit=limit, named=last)
            for bar in axes.patches:
                bar.set(edgecolor="0.3", linewidth=0.3)
            if last:
                axes.tick_params(axis="x", rotation=90)
        if row.cortex is not None:
            # in the middle of its box, in its own shape
            high = min(cortex * row.cortex.shape[0] / row.cortex.shape[1], each - 0.06)
            wide = high * row.cortex.shape[1] / row.cortex.shape[0]
            page.picture(
                row.cortex,
                page.width - cortex + (cortex - wide) / 2,
                y + (each - 0.06 - high) / 2,
                wide,
                high,
                label=f"{row.name} cortex",
            )
    return page.finished()
