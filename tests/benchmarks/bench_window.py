"""The window: from a mouse or key event to the painted frame, at 10 thousand to a million nodes.

Needs a display, as of ``xvfb-run``; ``make bench-ui`` runs this and the map of the Trajectories panel.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .harness import machine_description, markdown_table, write_section
from .planted_study import write_planted_study

N_PICTURES = {"10 k": 4, "100 k": 43, "1 M": 426}
"""Pictures for each size: 12 layers of 14 × 14 tokens make 2,352 nodes of each."""

N_COMPONENTS = 50
PIXELS = 1024
ROUNDS = 40


class Window:
    """A real window on a planted study, driven by events."""

    def __init__(self, path: Path) -> None:
        from vispy import gloo

        from alignedcut_viewer.viewer import launch
        from alignedcut_viewer.viewer.coordinator.coordinator import Coordinator
        from alignedcut_viewer.viewer.coordinator.docks import show_panel

        self.viewer = launch(path, block=False)
        self.viewer.window.resize(1280, 800)
        self.coordinator = Coordinator.of(self.viewer)
        self.sheet = show_panel(self.viewer, "Contact sheet").board.sheet
        self.panel = show_panel(self.viewer, "Selection")
        self.native = self.viewer.window._qt_viewer.canvas.native
        self.painted = 0.0
        self.rng = np.random.default_rng(0)
        self.settle(2.0)

        def drawn(event: Any) -> None:
            gloo.gl.glFinish()  # software drivers paint later than they return
            self.painted = time.perf_counter()

        self.viewer.window._qt_viewer.canvas._scene_canvas.events.draw.connect(drawn, position="last")

    def settle(self, seconds: float = 0.05) -> None:
        """Let the window finish what it does."""
        from qtpy.QtWidgets import QApplication

        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            QApplication.processEvents()
            time.sleep(0.002)

    def until_painted(self, act: Callable[[], Any]) -> float:
        """Milliseconds from an event to the end of the frame that shows what it did."""
        from qtpy.QtWidgets import QApplication

        self.painted = 0.0
        began = time.perf_counter()
        act()
        while not self.painted:
            QApplication.processEvents()
            if time.perf_counter() - began > 20:
                raise RuntimeError("nothing was painted")
        return 1000 * (self.painted - began)

    def place(self) -> Any:
        """A point of the picture that is shown, in the window."""
        from qtpy.QtCore import QPoint

        layout = self.coordinator.shown.study.pictures.layout
        box = layout.box(self.coordinator.display.position()[2])
        y, x = box.top + self.rng.random() * box.height * 0.98, box.left + self.rng.random() * box.width * 0.98
        centre, zoom = np.asarray(self.viewer.scene.camera.center)[-2:], self.viewer.scene.camera.zoom
        return QPoint(
            round(self.native.width() / 2 + (x - centre[1]) * zoom),
            round(self.native.height() / 2 + (y - centre[0]) * zoom),
        )

    def pick(self, modifier: Any = None) -> float:
        """One click into another picture at another layer."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        dims = self.viewer.dims
        dims.set_current_step((1, 2), (int(self.rng.integers(12)), int(self.rng.integers(dims.nsteps[2]))))
        place, left = self.place(), Qt.MouseButton.LeftButton
        modifier = Qt.KeyboardModifier.NoModifier if modifier is None else modifier
        QTest.mouseMove(self.native, place)
        self.settle()
        QTest.mousePress(self.native, left, modifier, place)
        self.settle(0.02)
        return self.until_painted(lambda: QTest.mouseRelease(self.native, left, modifier, place))

    def region(self) -> float:
        """The end of a drag with Ctrl."""
        from qtpy.QtCore import QCoreApplication, QEvent, QPointF, Qt
        from qtpy.QtGui import QMouseEvent
        from qtpy.QtTest import QTest

        begin, end = self.place(), self.place()
        left, ctrl = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier
        self.settle()
        QTest.mousePress(self.native, left, ctrl, begin)
        for place in ((begin + end) / 2, end):
            self.settle(0.02)
            places = (QPointF(place), QPointF(self.native.mapToGlobal(place)))
            move = QMouseEvent(QEvent.Type.MouseMove, *places, Qt.MouseButton.NoButton, left, ctrl)
            QCoreApplication.sendEvent(self.native, move)
        self.settle(0.05)
        return self.until_painted(lambda: QTest.mouseRelease(self.native, left, ctrl, end))

    def threshold(self) -> float:
        """One step of the threshold, the mask in sight."""
        value = float(self.rng.uniform(0.2, 0.9))
        self.settle()
        return self.until_painted(lambda: setattr(self.panel.similar.threshold, "value", value))

    def slide(self) -> float:
        """The layer slider moves, heat map and outlines in sight."""
        now = self.viewer.dims.current_step[1]
        self.settle()
        return self.until_painted(lambda: self.viewer.dims.set_current_step(1, (now + 1) % 12))

    def undo(self) -> float:
        """Undo of a pick."""
        self.settle()
        return self.until_painted(self.coordinator.selection.history.undo)

    def all_values(self) -> float:
        """Similarity of every node, as panels ask for it after a pick."""
        self.pick()
        began = time.perf_counter()
        self.coordinator.heat_map.values.values  # noqa: B018
        return 1000 * (time.perf_counter() - began)

    def scroll(self) -> float:
        """The contact sheet jumps to other pictures; heat map and outlines painted."""
        bar = self.sheet.verticalScrollBar()
        self.settle()
        began = time.perf_counter()
        bar.setValue(int(self.rng.integers(bar.maximum() + 1)))
        self.sheet.viewport().repaint()
        return 1000 * (time.perf_counter() - began)

    def close(self) -> None:
        """Close the window."""
        self.coordinator.sessions.close()
        self.viewer.close()
        self.settle(0.2)


def measure(path: Path, rounds: int = ROUNDS) -> dict[str, NDArray[np.float64]]:
    """Milliseconds of every action."""
    window = Window(path)
    try:
        found = {"first pick of a window": [window.pick()]}
        for name, act, times in (
            ("pick: click to heat map over the picture and outline", window.pick, rounds),
            ("region: end of the drag to heat map and outline", window.region, rounds // 2),
            ("layer slider, heat map and outlines in sight", window.slide, rounds),
            ("undo of a pick", window.undo, rounds // 4),
            ("values of all nodes, after the first frame", window.all_values, rounds // 4),
            ("threshold moved to mask", window.threshold, rounds // 2),
        ):
            act()
            found[name] = [act() for _ in range(times)]
        raise_dock(window)
        window.scroll()
        found["contact sheet: jump to other pictures"] = [window.scroll() for _ in range(rounds // 2)]
    finally:
        window.close()
    return {name: np.array(taken) for name, taken in found.items()}


def raise_dock(window: Window) -> None:
    """Bring the contact sheet to the front of its tabs."""
    for dock in window.viewer.window._wrapped_dock_widgets.values():
        if dock.isAncestorOf(window.sheet):
            dock.raise_()
    window.settle(0.5)


def rows(rounds: int = ROUNDS) -> list[list[str]]:
    """One row an action, with median and 95th percentile in milliseconds at each size."""
    table: dict[str, list[str]] = {}
    for size, n_pictures in N_PICTURES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = write_planted_study(Path(folder), n_pictures, n_components=N_COMPONENTS, pixels=PIXELS)
            for name, taken in measure(path, rounds).items():
                words = f"{np.median(taken):.0f}"
                if taken.size > 1:
                    words += f" ({np.percentile(taken, 95):.0f})"
                table.setdefault(name, [name]).append(words)
            print(size, flush=True)
    return list(table.values())


def main() -> None:
    """Measure and write the table."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        print("passed over: this needs a display; run `make bench-ui`, or the same under xvfb-run")
        return
    os.environ.setdefault("NAPARI_CONFIG", "")
    table = rows()
    write_section(
        "window",
        f"{machine_description()}; OpenGL in software.\n\n"
        "From the event in a real window of 1280 × 800 to the end of the frame that shows its effect: median (95th "
        f"percentile) in milliseconds. A planted study: 12 layers of 14 × 14 tokens, {N_COMPONENTS} eigenvectors, "
        f"pictures of {PIXELS} × {PIXELS} pixels; every pick is in another picture and layer.\n\n"
        + markdown_table(["ms", *(f"{size} nodes" for size in N_PICTURES)], table),
    )
