"""One function a figure: data in, matplotlib Figure out."""

from __future__ import annotations

from .mosaic import eigenvectors_figure, mosaic, mosaic_from_arrays
from .save import FIGURE_SUFFIXES, save_figure
from .segments import segments_figure, segments_from_arrays

__all__ = [
    "FIGURE_SUFFIXES",
    "eigenvectors_figure",
    "mosaic",
    "mosaic_from_arrays",
    "save_figure",
    "segments_figure",
    "segments_from_arrays",
]
