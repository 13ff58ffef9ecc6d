"""Segmentation data sets in the layouts that they are published in: pictures, and what is true at every pixel."""

from __future__ import annotations

from .opening import LAYOUTS, open_benchmark
from .truth import IGNORE, BenchmarkPicture, BenchmarkSet

__all__ = ["IGNORE", "LAYOUTS", "BenchmarkPicture", "BenchmarkSet", "open_benchmark"]
