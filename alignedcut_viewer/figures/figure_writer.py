"""Figures to files while the next ones are drawn."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import replace_file
from .save import checked_target, figure_pixels, png_bytes, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["REPORT_DPI", "FigureWriter"]

REPORT_DPI = 170
"""Dots an inch of figures on the page of a report."""
_WAITING = 3


class FigureWriter:
    """Writes figures; a thread compresses what was drawn while the caller draws on.

    Matplotlib is called by the caller's thread alone. Leaving the block waits until all files are there.

    Parameters
    ----------
    reports
        Whether PNG files are kept as they stand in a report, too; see :attr:`reported`.

    Attributes
    ----------
    reported
        By file: the same figure at :data:`REPORT_DPI`, as the content of a PNG file. Complete when the block is left.
    """

    def __init__(self, *, reports: bool = False) -> None:
        self.reported: dict[Path, bytes] = {}
        self._reports = reports
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="figures")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)
        while kind is None and self._waiting:
            self._waiting.popleft().result()

    def save(self, figure: Figure, path: str | Path, *, dpi: float | None = None) -> Path:
        """Write as :func:`~alignedcut_viewer.figures.save_figure` does; a PNG file is there when the block ends.

        Raises
        ------
        InputError
            If the name has another ending than those of figures.
        StorageError
            If this file or one of those before cannot be written.
        """
        target = checked_target(path)
        if target.suffix.lower() != ".png":
            return save_figure(figure, target, dpi=dpi)
        while len(self._waiting) >= _WAITING:  # pixels of few figures are held
            self._waiting.popleft().result()
        pixels = figure_pixels(figure, dpi=dpi)
        size = tuple(round(REPORT_DPI * side) for side in figure.get_size_inches())
        self._waiting.append(self._pool.submit(self._write, pixels, target, dpi or figure.dpi, (size[0], size[1])))
        return target

    def _write(self, pixels: NDArray[np.uint8], target: Path, dpi: float, size: tuple[int, int]) -> None:
        from PIL import Image

        replace_file(target, png_bytes(pixels, dpi))
        if self._reports and pixels.shape[1] >= size[0]:
            smaller = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
            self.reported[target] = png_bytes(np.asarray(smaller), REPORT_DPI)
