"""Figures to files."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import replace_file, writing
from ..choices import DISTRIBUTION, FIGURE_SUFFIXES
from ..errors import InputError
from ..parameters import real
from .pdf_parts import quick_parts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE_SUFFIXES", "checked_target", "figure_bytes", "figure_pixels", "png_bytes", "save_figure"]

# Text stays text, and equal figures make equal files.
_SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "alignedcut", "pdf.fonttype": 42}
_METADATA: dict[str, dict[str, Any]] = {
    ".svg": {"Creator": DISTRIBUTION, "Date": None},
    ".pdf": {"Creator": DISTRIBUTION, "CreationDate": None, "ModDate": None},
}
_COMPRESSION = 2
"""Of PNG files: a third of the time of the usual 6, for a tenth more bytes."""
_MOST_PIXELS = 2**28
"""Of one picture: a gibibyte while it is drawn."""
_MOST_SIDE = 2**16 - 1
"""What matplotlib draws; long mosaics come near it."""
_lock = threading.Lock()


def figure_pixels(figure: Figure, *, dpi: float | None = None) -> NDArray[np.uint8]:
    """A figure as a picture on white, uint8 (H, W, 3).

    Parameters
    ----------
    figure
        A matplotlib figure.
    dpi
        Dots an inch; by default the figure's own.

    Raises
    ------
    InputError
        If `dpi` is not above 0, or makes a picture of more than 2^28 pixels.
    """
    dpi = _within(figure, dpi)
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    own_dpi, own_canvas, own_face = figure.dpi, figure.canvas, figure.get_facecolor()
    with _lock:
        try:
            canvas: Any = FigureCanvasAgg(figure)  # of its own, so that its pixels are let go of
            figure.dpi = dpi
            figure.set_facecolor("white")
            canvas.draw()
            return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
        finally:
            figure.dpi = own_dpi
            figure.set_facecolor(own_face)
            figure.set_canvas(own_canvas)


def _within(figure: Figure, dpi: float | None) -> float:
    """Dots an inch, where a figure with so many fits the memory."""
    chosen = float(real("dpi", figure.dpi if dpi is None else dpi, above=0))
    width, height = figure.get_size_inches()
    most = (_MOST_PIXELS / (width * height)) ** 0.5
    if chosen > min(most, _MOST_SIDE / max(width, height)) or chosen * min(width, height) < 1:
        raise InputError(
            f"A figure of {width:.1f} × {height:.1f} inches cannot have {chosen:g} dots an inch; use a dpi from 50 to "
            f"{int(min(most, _MOST_SIDE / max(width, height)))}."
        )
    return chosen


def png_bytes(pixels: NDArray[np.uint8], dpi: float) -> bytes:
    """A picture, uint8 (H, W, 3), as the content of a PNG file."""
    from PIL import Image, PngImagePlugin

    told = PngImagePlugin.PngInfo()
    told.add_text("Software", DISTRIBUTION)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", dpi=(dpi, dpi), pnginfo=told, compress_level=_COMPRESSION)
    return buffer.getvalue()


def figure_bytes(figure: Figure, suffix: str, *, dpi: float | None = None) -> bytes:
    """A figure as the content of a file of that ending; see :func:`save_figure`."""
    import matplotlib

    if suffix == ".png":
        return png_bytes(figure_pixels(figure, dpi=dpi), figure.dpi if dpi is None else dpi)
    buffer = io.BytesIO()
    # matplotlib reads these settings from a global while it draws.
    with _lock, matplotlib.rc_context(_SETTINGS), quick_parts():
        chosen = _within(figure, dpi)
        figure.savefig(buffer, format=suffix[1:], dpi=chosen, metadata=_METADATA[suffix], facecolor="white")
    return buffer.getvalue()


def save_figure(figure: Figure, path: str | Path, *, dpi: float | None = None) -> Path:
    """Write a figure as PNG, SVG or PDF, by the ending of the file's name.

    Parameters
    ----------
    figure
        A matplotlib figure.
    path
        File to write; folders that are missing are made, an older file is replaced in one step.
    dpi
        Dots an inch of a PNG; by default the figure's own.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the name has another ending, or `dpi` does not fit the figure.
    StorageError
        If the file cannot be written.
    """
    target = checked_target(path)
    replace_file(target, figure_bytes(figure, target.suffix.lower(), dpi=dpi))
    return target


def checked_target(path: str | Path) -> Path:
    """Where a figure goes, with its folder made; see :func:`save_figure`."""
    target = Path(path).expanduser().absolute()
    suffix = target.suffix.lower()
    if suffix not in FIGURE_SUFFIXES:
        raise InputError(
            f"{target.name} must end in {', '.join(FIGURE_SUFFIXES)}; these are the kinds of figure there are."
        )
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    return target
