"""All figures of a study, as PNG and PDF, and its report: wall clock and processor time of the commands.

``python -m tests.benchmarks figures`` writes a section of docs/performance.md: 120 ImageNet photographs, both networks
of the shared test data (docs/data.md), all layers, aligned by hyperalignment and, once more, to predicted responses of
the brain. Nothing that figures need is computed before but the cut; each command starts from a copy of the study.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.brain_features import NETWORKS, cache_folder, shared_data
from tests.benchmarks.harness import REPOSITORY, machine_description, markdown_table, write_section

N_PICTURES = 120


def alignedcut(*words: str | Path) -> tuple[float, float]:
    """Seconds on the clock and of the processor that a command takes, from the start of Python to its end."""
    code = "import sys; from alignedcut_viewer.cli import main; sys.exit(main())"
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))} failed:\n{done.stderr}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def study(brain: bool) -> Path:
    """The study with its cut, made once and kept."""
    folder = cache_folder() / f"figures-{'brain' if brain else 'plain'}"
    if folder.exists():
        return folder
    partial = folder.with_name(f"{folder.name}-unfinished")
    shutil.rmtree(partial, ignore_errors=True)
    data = shared_data()
    pictures = sorted((data / "imagenet").iterdir())
    chosen = pictures[:: len(pictures) // N_PICTURES][:N_PICTURES]
    weights = [f"{name}={data / 'weights' / f'{file}.safetensors'}" for name, file in NETWORKS.items()]
    if not brain:
        alignedcut("extract", *chosen, "--study", partial, "--networks", *NETWORKS, "--weights", *weights)
        alignedcut("cut", partial)
    else:
        shutil.copytree(study(False), partial)
        maps = cache_folder() / "figures-maps.safetensors"
        responses = data / "bold5000_predicted" / "responses.npz"
        alignedcut("align", partial, "--brain", responses, "--out", maps)
        alignedcut("cut", partial, "--alignment", maps)
    partial.rename(folder)
    return folder


def main() -> None:
    """Measure, print and write the section."""
    rows = []
    for kind, brain in (("nine figures", False), ("fifteen figures, with brain data", True)):
        made = study(brain)
        with tempfile.TemporaryDirectory(prefix="alignedcut-figures-") as temporary:
            fresh, out, page = (Path(temporary) / name for name in ("study", "figures", "page.html"))
            for words, commands in (
                ("`figures --all --report`", [["figures", fresh, "--all", "--out", out, "--report", page]]),
                (
                    "`figures --all`, then `report`",
                    [["figures", fresh, "--all", "--out", out], ["report", fresh, page]],
                ),
            ):
                shutil.rmtree(fresh, ignore_errors=True)
                shutil.copytree(made, fresh)
                taken = [alignedcut(*command) for command in commands]
                wall, processor = (sum(times) for times in zip(*taken, strict=True))
                rows.append([f"{kind}: {words}", f"{wall:.0f} s", f"{processor:.0f} s"])
                print(rows[-1], flush=True)
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    text = (
        f"{N_PICTURES} photographs, two networks, 24 layers; PNG at 300 dots an inch and PDF of every figure, and the "
        f"report in HTML. {machine_description()}; threads: {threads}; load of the machine at the end: "
        f"{os.getloadavg()[0]:.1f}.\n\n"
    )
    table = markdown_table(["commands", "wall clock", "processor"], rows)
    write_section("figures", text + table)


if __name__ == "__main__":
    main()
