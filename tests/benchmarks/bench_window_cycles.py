"""A hundred windows, one after another: a study opened, a computation begun and cancelled half-way, the window closed.

Memory, threads, open files and windows after each cycle, as a table and a plot in docs/reliability.md, beside those of
as many bare windows of napari, opened and closed in a process of their own. Needs a display, as of ``xvfb-run``:
``python -m tests.benchmarks window_cycles [CYCLES]``.
"""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .harness import REPOSITORY, machine_description, markdown_table, write_section

CYCLES = 100
WARM = 10
"""Cycles until libraries have been loaded and their caches have filled."""

KINDS = (
    "memory (MiB)",
    "memory (MiB), what was freed given back",
    "objects of Python",
    "threads",
    "open files",
    "widgets",
    "napari viewers",
    "memory in use by malloc's count (MiB)",
    "small blocks of Python",
)


def write_study(folder: Path) -> Path:
    """Eight pictures of noise, cut; the network is small and its weights are random."""
    from alignedcut_viewer import pipeline
    from alignedcut_viewer.pipeline import AlignSettings, ColourSettings, CutSettings, ExtractSettings, MapSettings

    (folder / "pictures").mkdir()
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((256, 256)).save(folder / "pictures" / f"{number}.png")
    extract = ExtractSettings(("random:vit_tiny_patch16_224",), (2, 5, 8, 11), input_size=112, device="cpu")
    colours, places = ColourSettings(device="cpu", n_landmarks=200), MapSettings(device="cpu", n_landmarks=200)
    cut = CutSettings(n_components=10, device="cpu", colour=colours, map=places)
    pipeline.run(folder / "pictures", folder / "study", extract, AlignSettings("none"), cut)
    return folder / "study"


def until(condition: Callable[[], Any], what: str, seconds: float = 120.0) -> None:
    """Let the window work until something is so."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not condition():
        QApplication.processEvents()
        time.sleep(0.002)
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not happen within {seconds:.0f} seconds")


def cycle(study: Path, number: int) -> str:
    """One window; what the computation did when it was cancelled."""
    from napari.qt.threading import WorkerBase
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    from alignedcut_viewer.viewer import launch
    from alignedcut_viewer.viewer.coordinator.coordinator import Coordinator
    from alignedcut_viewer.viewer.widgets.commands import show_study_panel

    viewer = launch(study, block=False)
    coordinator = Coordinator.of(viewer)
    until(lambda: coordinator.shown.cut is not None and len(viewer.layers) >= 2, "the study")
    bar = show_study_panel(viewer).task_bar
    coordinator.settings.update(n_components=11 + number % 40)
    caught: list[str] = []

    def cancel_once(task: Any) -> None:
        if task.done and task.total and task.done / task.total >= 0.5 and not caught:
            caught.append(task.text)
            QTest.mouseClick(bar.cancel.native, Qt.MouseButton.LeftButton)

    coordinator.tasks.changed.connect(cancel_once)
    QTest.mouseClick(bar.run.native, Qt.MouseButton.LeftButton)
    until(lambda: not coordinator.tasks.state.busy, "the end of the computation")
    viewer.close()
    WorkerBase.await_workers(600_000)
    let_go()
    return caught[0] if caught else ""


def bare_cycle() -> None:
    """One window of napari without a plugin: as many layers, sliders and docks as ours has, and one notification."""
    import napari
    from napari.utils.notifications import show_info
    from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

    viewer = napari.Viewer()
    for _ in range(4):
        viewer.add_image(np.zeros((1, 4, 8, 256, 256, 3), dtype=np.uint8), rgb=True)
        viewer.add_labels(np.zeros((1, 4, 8, 256, 256), dtype=np.uint8))
    for number in range(5):
        panel = QWidget()
        lines = QVBoxLayout(panel)
        for line in range(20):
            lines.addWidget(QPushButton(str(line)))
        viewer.window.add_dock_widget(panel, name=f"panel {number}")
    show_info("a sentence")
    end = time.monotonic() + 0.3
    until(lambda: time.monotonic() > end, "the end of a moment")
    viewer.close()
    let_go()


def let_go() -> None:
    """Let Qt delete what was closed, and Python what nothing holds any more."""
    from qtpy.QtCore import QCoreApplication, QEvent
    from qtpy.QtWidgets import QApplication

    for _ in range(5):
        QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()


def counts() -> list[float]:
    """What the process holds now, by :data:`KINDS`."""
    import napari
    import psutil
    from qtpy.QtWidgets import QApplication

    process = psutil.Process()
    n_files = process.num_handles() if os.name == "nt" else process.num_fds()
    widgets, viewers = len(QApplication.allWidgets()), len(napari.Viewer._instances)
    resident = process.memory_info().rss
    if sys.platform == "linux":
        # What was freed, and lies between what is in use, is given back to the system.
        ctypes.CDLL(None).malloc_trim(0)
    held = process.memory_info().rss
    n_objects = len(gc.get_objects())
    counted = [n_objects, process.num_threads(), n_files, widgets, viewers, in_use(), sys.getallocatedblocks()]
    return [resident / 2**20, held / 2**20, *counted]


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in [
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        ]
    ]


def in_use() -> float:
    """MiB that were asked of malloc and not freed, whatever lies between them; 0 where it does not say."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2  # of glibc
    except (AttributeError, OSError, TypeError):
        return 0.0
    mallinfo2.restype = _Mallinfo2
    told = mallinfo2()
    return float(told.uordblks + told.hblkhd) / 2**20


def measure(cycles: int) -> tuple[NDArray[np.float64], int]:
    """Counts after each cycle, and in how many the computation was cancelled while it ran."""
    held, caught = [], 0
    with tempfile.TemporaryDirectory() as folder:
        study = write_study(Path(folder))
        for number in range(cycles):
            caught += bool(cycle(study, number))
            held.append(counts())
            print(number + 1, " ".join(f"{value:.0f}" for value in held[-1]), flush=True)
    return np.array(held), caught


def measure_bare(cycles: int) -> NDArray[np.float64]:
    """Counts after each of as many bare windows, in a process of its own."""
    program = (
        "from tests.benchmarks.bench_window_cycles import bare_cycle, counts\n"
        f"for _ in range({cycles}):\n"
        "    bare_cycle()\n"
        "    print('held', *counts(), flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True
    )
    lines = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("held ")]
    return np.array(lines, dtype=np.float64)


def draw(held: NDArray[np.float64], bare: NDArray[np.float64], target: Path) -> None:
    """The plot: memory above, threads and open files below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    numbers = np.arange(1, len(held) + 1)
    above.plot(numbers, held[:, 0], color="#56b4e9", label="AlignedCut")
    above.plot(numbers, held[:, 1], color="#0072b2", label="AlignedCut, what was freed given back")
    above.plot(
        np.arange(1, len(bare) + 1),
        bare[:, 1],
        color="#999999",
        label="bare windows of napari, what was freed given back",
    )
    above.set(ylabel="resident memory (MiB)", ylim=(0, 1.35 * held[:, 0].max()))
    above.legend(frameon=False, loc="upper left", fontsize="small")
    for column, colour in ((3, "#d55e00"), (4, "#009e73")):
        below.plot(numbers, held[:, column], color=colour, label=KINDS[column])
    below.set(xlabel="windows opened and closed", ylabel="number", ylim=(0, None), xlim=(1, len(held)))
    below.legend(frameon=False, ncols=2)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, dpi=120)


def slopes(held: NDArray[np.float64], warm: int) -> NDArray[np.float64]:
    """What each window after the first `warm` ones adds, by :data:`KINDS`."""
    return np.asarray(np.polyfit(np.arange(len(held) - warm), held[warm:], 1)[0])


def main(cycles: int = CYCLES) -> None:
    """Measure, draw, and write the section ``window-cycles`` of docs/reliability.md."""
    held, caught = measure(cycles)
    bare = measure_bare(cycles)
    warm = min(WARM, cycles // 2)
    ours, theirs = slopes(held, warm), slopes(bare, warm)
    moments = [0, warm, cycles // 2, cycles - 1]
    rows: list[list[object]] = [
        [kind, *(f"{held[at, column]:,.0f}" for at in moments), f"{ours[column]:+.2f}", f"{theirs[column]:+.2f}"]
        for column, kind in enumerate(KINDS)
    ]
    heads = ["held after cycle", *(str(at + 1) for at in moments), f"a cycle, from {warm + 1} on", "a bare window"]
    lines = [
        f"{cycles} windows, in {caught} of which the computation was cancelled while it ran (in the others it had "
        f"ended by then). {machine_description()}.",
        "",
        markdown_table(heads, rows),
        "",
        "![Memory, threads and open files over the cycles](figures/window-cycles.png)",
    ]
    text = "\n".join(lines)
    print(text)
    if cycles >= CYCLES:
        draw(held, bare, REPOSITORY / "docs" / "figures" / "window-cycles.png")
        write_section("window-cycles", text, REPOSITORY / "docs" / "reliability.md")
