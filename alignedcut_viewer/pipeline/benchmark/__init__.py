"""How well segments fit what people drew: this program and its peers, on the same features, in one run."""

from __future__ import annotations

from .runner import run_benchmark
from .settings import BenchmarkSettings

__all__ = ["BenchmarkSettings", "run_benchmark"]
