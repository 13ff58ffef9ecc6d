"""A table of pictures with headings, laid out in whole pixels at 300 dots an inch.

All cells of a group of columns are one image, so that a table of 16 pictures and 36 layers is drawn in a moment and a
vector file holds a handful of images instead of hundreds. Nothing here touches pyplot or its global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..segmentation import upsample_colours
from .text import line_height, pieces, text_width, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DPI", "Columns", "draw_grid", "kept_aspect"]

DPI = 300
_PAGE_WIDTH = 7.0
_COLUMN_WIDTH = 3.4
_LARGEST_CELL = 0.95
_SMALLEST_CELL = 0.17
_CELL_GAP = 0.012
_GROUP_GAP = 0.07
_MARGIN = 0.06
_MISSING = 238
_ASPECTS = (0.5, 1.6)

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Columns:
    """Neighbouring columns under one title.

    Attributes
    ----------
    title
        Stands above; "" for none.
    labels
        One a column, below it.
    cells
        Row by row and column by column an RGB array ``(h, w, 3)``; None leaves the cell grey.
    kind
        How cells are brought to their size: tokens with hard or with smooth edges, or pictures.
    """

    title: str
    labels: tuple[str, ...]
    cells: Sequence[Sequence[Picture | None]]
    kind: Literal["blocky", "smooth", "picture"]


def kept_aspect(aspect: float) -> float:
    """Height of a row as a share of its width, within bounds: a panorama may not become a line."""
    return min(max(aspect, _ASPECTS[0]), _ASPECTS[1])


def draw_grid(
    groups: Sequence[Columns],
    aspects: Sequence[float],
    *,
    row_labels: Sequence[str] | None = None,
    legend: Sequence[tuple[str, tuple[int, int, int]]] = (),
    note: str = "",
    width: float | None = None,
    note_size: float = 4.6,
) -> Figure:
    """Draw groups of columns side by side.

    Parameters
    ----------
    groups
        From left to right.
    aspects
        Height of each row as a share of a column's width; kept between 0.5 and 1.6.
    row_labels
        Names at the left, one a row.
    legend
        Names with colours, below.
    note
        Small text at the bottom, wrapped to the width.
    width
        Of the figure in inches; by default 7 (a page) or less where columns would be wider than 0.95, and more where
        they would be narrower than 0.17.
    note_size
        Of the small text in points.

    Raises
    ------
    InputError
        If there is nothing to draw, or parts do not fit.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n_rows, n_columns = len(aspects), sum(len(group.labels) for group in groups)
    if not n_rows or not n_columns:
        raise InputError("There is nothing to draw: a figure needs at least one picture and one column.")
    for group in groups:
        if len(group.cells) != n_rows or any(len(row) != len(group.labels) for row in group.cells):
            raise InputError(f"The columns {group.title!r} do not have {n_rows} rows of {len(group.labels)} cells.")
    if row_labels is not None and len(row_labels) != n_rows:
        raise InputError(f"{n_rows} rows need as many labels; got {len(row_labels)}.")

    names = [_shortened(name, 24) for name in row_labels or ()]
    name_width = max((text_width(name, 5.0) for name in names), default=0.0) + (0.05 if names else 0.0)
    spare = 2 * _MARGIN + name_width + _GROUP_GAP * (len(groups) - 1) + _CELL_GAP * n_columns
    cell_inches = ((_PAGE_WIDTH if width is None else width) - spare) / n_columns
    if width is None:
        cell_inches = min(max(cell_inches, _SMALLEST_CELL), _LARGEST_CELL)
    elif cell_inches * DPI < 4:
        raise InputError(f"{n_columns} columns do not fit into {width} inches; draw fewer layers or a wider figure.")
    cell, gap = int(cell_inches * DPI), max(round(_CELL_GAP * DPI), 1)
    heights = [round(cell * kept_aspect(aspect)) for aspect in aspects]
    group_widths = [len(group.labels) * (cell + gap) - gap for group in groups]
    between = round(_GROUP_GAP * DPI)
    table_width = round((2 * _MARGIN + name_width) * DPI) + sum(group_widths) + between * (len(groups) - 1)
    table_height = sum(heights) + gap * (n_rows - 1)
    figure_width = max(table_width, round((_COLUMN_WIDTH if width is None else width) * DPI))
    rest = (figure_width - table_width) // 2  # a narrow table stands in the middle
    left = round((_MARGIN + name_width) * DPI) + rest
    lefts = [left + sum(group_widths[:i]) + i * between for i in range(len(groups))]

    # A title may reach over half the gaps beside its columns; the last one over the empty rest of a narrow figure.
    room = [w + round(0.8 * between) for w in group_widths]
    room[-1] += 2 * rest
    sizes = [_title_size(group.title, w / DPI) for group, w in zip(groups, room, strict=True)]
    titles = [wrapped(g.title, size, w / DPI, at="- ") for g, size, w in zip(groups, sizes, room, strict=True)]
    label_size = min(max(cell_inches * 72 * 0.42, 4.0), 6.5)
    legend_lines = _legend_lines(legend, figure_width / DPI - 2 * _MARGIN)
    # screens round the widths of letters up, by a few per cent
    note_lines = wrapped(note, note_size, 0.96 * (figure_width / DPI - 2 * _MARGIN))
    title_inches = [len(lines) * line_height(size) for lines, size in zip(titles, sizes, strict=True)]
    title_space = round((max(title_inches) + 0.05) * DPI) if any(titles) else 0
    top = round(_MARGIN * DPI) + title_space
    labelled = any(label for group in groups for label in group.labels)
    below = round((line_height(label_size) + 0.03) * DPI) if labelled else 0
    legend_top = top + table_height + below + round(0.06 * DPI)
    note_top = legend_top + round(len(legend_lines) * 1.25 * line_height(6.0) * DPI)
    figure_height = note_top + round((len(note_lines) * line_height(note_size) + _MARGIN) * DPI)

    figure = Figure(figsize=(figure_width / DPI, figure_height / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)

    # Names may hold a $, and users may have dark or TeX styles.
    plain: dict[str, Any] = {"color": "black", "parse_math": False, "usetex": False}

    def text(x: float, y: float, words: str, size: float, **options: Any) -> None:
        figure.text(x / figure_width, 1 - y / figure_height, words, fontsize=size, **{**plain, **options})

    for group, lines, size, x, w in zip(groups, titles, sizes, lefts, group_widths, strict=True):
        image = _composed(group, cell, gap, heights)
        y = figure_height - top - table_height
        axes = figure.add_axes(
            (x / figure_width, y / figure_height, w / figure_width, table_height / figure_height),
            label=group.title,
        )
        axes.imshow(image, interpolation="none", aspect="auto", extent=(0, w, table_height, 0))
        axes.set_axis_off()
        for i, words in enumerate(reversed(lines)):  # one by one, so that titles share their baseline
            up = (0.055 + i * line_height(size)) * DPI
            text(x + w / 2, top - up, words, size, ha="center", va="baseline")
        step = max(1, -(-int(max(text_width(t, label_size) for t in group.labels) * DPI + 2) // (cell + gap)))
        for i, label in enumerate(group.labels):
            if label and i % step == 0:
                centre = x + i * (cell + gap) + cell / 2
                text(centre, top + table_height + 0.02 * DPI, label, label_size, ha="center", va="top")
    centre = float(top)
    for name, height in zip(names, heights, strict=False):
        text(left - 0.04 * DPI, centre + height / 2, name, 5.0, ha="right", va="center")
        centre += height + gap
    for i, entries in enumerate(legend_lines):
        for offset, name, colour in entries:
            x_inches, down = _MARGIN + offset, legend_top + i * 1.25 * line_height(6.0) * DPI
            text(x_inches * DPI, down, "■", 7.0, color=tuple(c / 255 for c in colour), va="top")
            text((x_inches + 0.12) * DPI, down, name, 6.0, va="top")
    text(_MARGIN * DPI, note_top, "\n".join(note_lines), note_size, color="0.35", va="top", linespacing=1.15)
    return figure


def _title_size(title: str, width: float) -> float:
    """Size in points at which the longest piece of a title fits its columns, within bounds."""
    widest = max((text_width(piece.rstrip(), 6.5) for piece in pieces(title, "- ")), default=0.0)
    return 6.5 if widest <= width else max(6.5 * width / widest, 3.5)


def _composed(group: Columns, cell: int, gap: int, heights: Sequence[int]) -> Picture:
    """All cells of a group as one picture, with white between them."""
    total = sum(heights) + gap * (len(heights) - 1)
    canvas = np.full((total, len(group.labels) * (cell + gap) - gap, 3), 255, dtype=np.uint8)
    y = 0
    for row, height in zip(group.cells, heights, strict=True):
        for i, content in enumerate(row):
            x = i * (cell + gap)
            place = canvas[y : y + height, x : x + cell]
            place[...] = _MISSING if content is None else _fitted(content, height, cell, group.kind)
        y += height + gap
    return canvas


def _fitted(content: Picture, height: int, width: int, kind: str) -> Picture:
    """Bring one cell to its size; tokens stretch like the picture that they belong to."""
    from PIL import Image

    if content.ndim != 3 or content.shape[-1] != 3 or content.dtype != np.uint8:
        raise InputError(f"Cells must be RGB of 8 bits, (h, w, 3); got {content.dtype} {content.shape}.")
    if kind == "picture" or content.shape[0] > height or content.shape[1] > width:
        method = Image.Resampling.LANCZOS if kind == "picture" else Image.Resampling.BOX
        return np.asarray(Image.fromarray(content).resize((width, height), method))
    return upsample_colours(content, (height, width), smooth=kind == "smooth")


def _shortened(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length // 2 - 1]}…{name[-(length - length // 2) :]}"


def _legend_lines(
    legend: Sequence[tuple[str, tuple[int, int, int]]], width: float
) -> list[list[tuple[float, str, tuple[int, int, int]]]]:
    """Entries with their distance from the left margin in inches, line by line."""
    lines: list[list[tuple[float, str, tuple[int, int, int]]]] = []
    offset = width
    for name, colour in legend:
        needed = 0.12 + text_width(name, 6.0) + 0.15
        if offset + needed > width or not lines:
            lines.append([])
            offset = 0.0
        lines[-1].append((offset, name, colour))
        offset += needed
    return lines
