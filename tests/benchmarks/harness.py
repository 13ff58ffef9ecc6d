"""What every benchmark needs: interleaved rounds, medians, peak memory in a process of its own, tables in markdown."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

__all__ = [
    "REPOSITORY",
    "Timing",
    "in_subprocess",
    "interleaved",
    "machine_description",
    "markdown_table",
    "peak_memory",
    "write_section",
]

REPOSITORY = Path(__file__).resolve().parents[2]
_PERFORMANCE = REPOSITORY / "docs" / "performance.md"


@dataclass(frozen=True)
class Timing:
    """Seconds of one contender over the rounds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def spread(self) -> str:
        """Fastest and slowest round."""
        return f"{min(self.seconds):.3g} to {max(self.seconds):.3g}"


def interleaved(
    contenders: Mapping[str, Callable[[], Any]], *, rounds: int = 5, warm_up: bool = True
) -> dict[str, Timing]:
    """Time every contender once a round, so that whatever else the machine does meets all of them alike.

    Parameters
    ----------
    contenders
        Name and work of each.
    rounds
        How often; the order is reversed every other round.
    warm_up
        Run each once before, untimed.
    """
    if warm_up:
        for work in contenders.values():
            work()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        order = list(contenders) if number % 2 == 0 else list(reversed(contenders))
        for name in order:
            began = time.perf_counter()
            contenders[name]()
            seconds[name].append(time.perf_counter() - began)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


@contextmanager
def peak_memory(result: dict[str, float]) -> Any:
    """Put into ``result["peak_mb"]`` how far resident memory rose above where it stood, in MB (10^6 bytes).

    Linux only, where the peak can be reset; elsewhere the peak of the whole process counts, so use a fresh one.
    """
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")
    before = resident("VmRSS")
    yield
    result["peak_mb"] = (resident("VmHWM") - before) / 1e6


def resident(name: str) -> int:
    """Bytes of resident memory: a line of /proc/self/status such as ``"VmRSS"``; elsewhere the peak."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(rf"^{name}:\s+(\d+) kB", status.read_text(), re.MULTILINE)
        if found:
            return int(found.group(1)) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def in_subprocess(module: str, function: str, **arguments: Any) -> Any:
    """Call a function of a benchmark module in a fresh interpreter; arguments and result travel as JSON."""
    code = (
        "import importlib, json, sys\n"
        "module, function, arguments = json.loads(sys.argv[1])\n"
        "result = getattr(importlib.import_module(module), function)(**arguments)\n"
        "print('\\n' + json.dumps(result))\n"
    )
    request = json.dumps([module, function, arguments])
    done = subprocess.run(
        [sys.executable, "-c", code, request], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{module}.{function} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def machine_description() -> str:
    """Processor, cores, memory and versions in one sentence."""
    import numpy
    import torch

    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", information.read_text(), re.MULTILINE)
        name = found.group(1).strip() if found else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [f"{name}, {cores} cores ({torch.backends.cpu.get_cpu_capability()})"]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        parts.append(f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB of memory")
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    parts.append(f"Python {platform.python_version()}, torch {torch.__version__}, numpy {numpy.__version__}")
    return "; ".join(parts)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table; the first column is text, the others are numbers or text already formatted."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" + "---:|" * (len(header) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def write_section(name: str, text: str, path: Path = _PERFORMANCE) -> None:
    """Replace what stands between the markers of a section, or add the section at the end.

    Parameters
    ----------
    name
        Name in the markers ``<!-- begin:name -->`` and ``<!-- end:name -->``.
    text
        Markdown.
    path
        The page.
    """
    begin, end = f"<!-- begin:{name} -->", f"<!-- end:{name} -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    page = path.read_text(encoding="utf-8") if path.exists() else "# Performance\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    page = pattern.sub(lambda _: section, page) if pattern.search(page) else f"{page.rstrip()}\n\n{section}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".partial")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(path)
