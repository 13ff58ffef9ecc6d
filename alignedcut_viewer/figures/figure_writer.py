"""One figure to its files and to the page of a report, drawn once for both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..atomic_files import replace_file
from .save import checked_target, figure_bytes, figure_pixels, png_bytes, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["REPORT_DPI", "PageFigure", "page_figure", "write_figure"]

REPORT_DPI = 170
"""Dots an inch of figures on the page of a report."""


@dataclass(frozen=True)
class PageFigure:
    """A figure as it stands in a report.

    Attributes
    ----------
    content
        PNG file at :data:`REPORT_DPI`.
    inches
        Width and height.
    small_print
        What it says of itself, as one line.
    """

    content: bytes
    inches: tuple[float, float]
    small_print: str


def page_figure(figure: Figure, content: bytes | None = None) -> PageFigure:
    """A figure for the page of a report; drawn now unless `content` is its PNG file at :data:`REPORT_DPI`."""
    width, height = (float(side) for side in figure.get_size_inches())
    lines = [text.get_text() for text in figure.texts if text.get_color() == "0.35"]
    said = " ".join(" ".join(lines).split())
    return PageFigure(content or figure_bytes(figure, ".png", dpi=REPORT_DPI), (width, height), said)


def write_figure(
    figure: Figure, files: Iterable[str | Path], *, dpi: float | None = None, page: bool = False
) -> PageFigure | None:
    """Write a figure to files as :func:`~alignedcut_viewer.figures.save_figure` does.

    Parameters
    ----------
    figure
        A matplotlib figure.
    files
        Files that end in .png, .svg or .pdf.
    dpi
        Dots an inch of PNG files; by default the figure's own.
    page
        Whether the figure is wanted for a report, too: where a PNG file is fine enough, it is made smaller, and not
        drawn once more.

    Returns
    -------
    PageFigure or None
        For the report, if it is wanted.

    Raises
    ------
    InputError
        If a name has another ending than those of figures.
    StorageError
        If a file cannot be written.
    """
    from PIL import Image

    smaller: bytes | None = None
    for file in files:
        target = checked_target(file)
        if target.suffix.lower() != ".png":
            save_figure(figure, target, dpi=dpi)
            continue
        pixels = figure_pixels(figure, dpi=dpi)
        replace_file(target, png_bytes(pixels, figure.dpi if dpi is None else dpi))
        width, height = (round(REPORT_DPI * side) for side in figure.get_size_inches())
        if page and pixels.shape[1] >= width:
            shrunk = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
            smaller = png_bytes(np.asarray(shrunk), REPORT_DPI)
    return page_figure(figure, smaller) if page else None
