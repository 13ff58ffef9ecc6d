"""Figures to files."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_files import replacing, writing
from ..choices import DISTRIBUTION, FIGURE_SUFFIXES
from ..errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURE_SUFFIXES", "figure_bytes", "save_figure"]

# Text stays text, and equal figures make equal files.
_SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "alignedcut", "pdf.fonttype": 42}
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": DISTRIBUTION},
    ".svg": {"Creator": DISTRIBUTION, "Date": None},
    ".pdf": {"Creator": DISTRIBUTION, "CreationDate": None, "ModDate": None},
}
_lock = threading.Lock()


def figure_bytes(figure: Figure, suffix: str, *, dpi: float | None = None) -> bytes:
    """A figure as the content of a file of that ending; see :func:`save_figure`."""
    import io

    import matplotlib

    buffer = io.BytesIO()
    # matplotlib reads these settings from a global while it draws.
    with _lock, matplotlib.rc_context(_SETTINGS):
        figure.savefig(buffer, format=suffix[1:], dpi=dpi or figure.dpi, metadata=_METADATA[suffix], facecolor="white")
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
        If the name has another ending.
    StorageError
        If the file cannot be written.
    """
    import matplotlib

    target = Path(path).expanduser().absolute()
    suffix = target.suffix.lower()
    if suffix not in FIGURE_SUFFIXES:
        raise InputError(
            f"{target.name} must end in {', '.join(FIGURE_SUFFIXES)}; these are the kinds of figure there are."
        )
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    # matplotlib reads these settings from a global while it draws.
    with replacing(target) as partial, _lock, matplotlib.rc_context(_SETTINGS):
        figure.savefig(partial, format=suffix[1:], dpi=dpi or figure.dpi, metadata=_METADATA[suffix], facecolor="white")
    return target
