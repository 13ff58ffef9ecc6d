"""Run every benchmark: ``python -m tests.benchmarks [NAME ...]``. Each writes its own table of docs/performance.md.

A whole number after a name is how many of whatever it counts that benchmark takes: ``segment_speed 1000``.
"""

from __future__ import annotations

import importlib
import itertools
import sys
from pathlib import Path


def main(names: list[str]) -> None:
    """Run the benchmarks called `names` (``bench_`` left out), or all of them."""
    available = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    counts = {name: int(count) for name, count in itertools.pairwise(names) if count.isdecimal()}
    names = [name for name in names if not name.isdecimal()]
    unknown = sorted(set(names) - set(available))
    if unknown:
        sys.exit(f"No benchmark is called {', '.join(unknown)}; there are: {', '.join(available)}.")
    for name in names or available:
        print(f"== {name}", flush=True)
        arguments = [counts[name]] if name in counts else []
        importlib.import_module(f"tests.benchmarks.bench_{name}").main(*arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
