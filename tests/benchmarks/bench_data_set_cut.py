"""A joint cut of 200 photographs, 12 layers and two networks as one data set: time and memory, extraction included.

``python -m tests.benchmarks data_set_cut`` takes the 100 COCO photographs of the shared test data and their mirrors,
runs ``alignedcut extract`` and ``alignedcut cut --pathway`` each in a process of its own, and writes wall-clock and
processor seconds and the peak of resident memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageOps

from .brain_features import NETWORKS, shared_data
from .harness import machine_description, markdown_table, write_section

N_PHOTOGRAPHS = int(os.environ.get("ALIGNEDCUT_DATA_SET_PICTURES", "200"))
_PROGRAM = "import sys; from alignedcut_viewer.cli import main; sys.exit(main())"


class Cost(NamedTuple):
    """Seconds by the clock and of all processors, and the largest resident memory in bytes."""

    wall: float
    processor: float
    peak: int


def photographs(folder: Path) -> None:
    """The photographs and their mirror images, half of each."""
    paths = sorted((shared_data() / "coco" / "images").iterdir())[: N_PHOTOGRAPHS // 2]
    for path in paths:
        with Image.open(path) as image:
            picture = image.convert("RGB")
        picture.save(folder / f"{path.stem}.jpg", quality=95)
        ImageOps.mirror(picture).save(folder / f"{path.stem}-mirrored.jpg", quality=95)


def command(*words: str) -> Cost:
    """What one command of ``alignedcut`` costs."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"alignedcut {words[0]} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def main() -> None:
    """Measure and write the section."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, study = Path(scratch) / "photographs", str(Path(scratch) / "study")
        folder.mkdir()
        photographs(folder)
        weights = [f"{n}={shared_data() / 'weights' / f'{file}.safetensors'}" for n, file in NETWORKS.items()]
        cpu = ["--device", "cpu"]
        taps = ["--tap", "q", "k", "v", "--size", "224"]
        costs = {
            "extract queries, keys and values": command(
                "extract", str(folder), "--networks", *NETWORKS, "--weights", *weights, *taps, "--study", study, *cpu
            )
        }
        for pathway in ("what", "where"):
            costs[f"cut, {pathway}: graphs, solution, colours, map"] = command(
                "cut", study, "--pathway", pathway, "--name", pathway, "--memory", "2GiB", *cpu
            )
            print(costs, flush=True)
    total = Cost(*(sum(each) for each in zip(*costs.values(), strict=True)))
    rows = [[name, f"{c.wall:.0f} s", f"{c.processor:.0f} s", f"{c.peak / 2**30:.2f} GiB"] for name, c in costs.items()]
    peak = max(c.peak for c in costs.values())
    rows.append(["together", f"{total.wall:.0f} s", f"{total.processor:.0f} s", f"{peak / 2**30:.2f} GiB"])
    write_section(
        "data_set_cut",
        "## A joint cut of a data set\n\n"
        f"{N_PHOTOGRAPHS} photographs (100 of COCO and their mirror images), all 12 layers of two networks at 224 px, "
        "one cut of all of them; every command in a process of its own; threads: "
        f"{os.environ.get('OMP_NUM_THREADS', 'all')}; the machine did nothing else; "
        f"{machine_description()}.\n\n"
        f"{markdown_table(['step', 'wall clock', 'processor', 'peak memory'], rows)}",
    )


if __name__ == "__main__":
    main()
