"""The map of the Trajectories panel: frames while one drags and zooms, lasso and hover, beside vispy and napari.

Needs a display, as of ``xvfb-run``. Every side draws the same points into 700 × 700 pixels of a real window.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .harness import machine_description, markdown_table, write_section

SIZES = (10_000, 100_000, 1_000_000)
SIDE = 700
MOST_FRAMES = 60
SECONDS = 3.0
"""For each number of one side; slow sides get fewer frames, five at least."""

Rgb = NDArray[np.uint8]


def points(n: int) -> tuple[NDArray[np.float32], Rgb]:
    """Groups of different widths with threads between them, as t-SNE makes them of layers; simulated, and a colour."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(-50, 50, (24, 2))
    group = rng.integers(0, len(centres), n)
    places = centres[group] + rng.normal(size=(n, 2)) * rng.uniform(0.5, 5, len(centres))[group][:, None]
    between = rng.random(n) < 0.05
    other = centres[rng.integers(0, len(centres), n)]
    places[between] += rng.random((int(between.sum()), 1)) * (other - places)[between]
    colours = rng.integers(40, 255, (len(centres), 3), dtype=np.uint8)[group]
    return places.astype(np.float32), colours


def frames(draw: Callable[[int], Any]) -> NDArray[np.float64]:
    """Milliseconds of many frames; the first two are not counted."""
    draw(0)
    draw(1)
    taken: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(taken) < MOST_FRAMES and (time.perf_counter() < end or len(taken) < 5):
        began = time.perf_counter()
        draw(len(taken))
        taken.append(1000 * (time.perf_counter() - began))
    return np.array(taken)


def words(taken: NDArray[np.float64] | None) -> str:
    """Median and 95th percentile."""
    if taken is None:
        return ""
    return f"{np.median(taken):.3g} ({np.percentile(taken, 95):.3g})"


def outline(n_corners: int = 100) -> NDArray[np.float64]:
    """A wavy outline around about half of the points."""
    angle = np.linspace(0, 2 * np.pi, n_corners, endpoint=False)
    radius = 36 * (1 + 0.25 * np.sin(7 * angle))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def ours(places: NDArray[np.float32], colours: Rgb) -> dict[str, NDArray[np.float64]]:
    """The panel's map_widget in a window, driven as mouse events drive it."""
    from qtpy.QtCore import QPointF, Qt

    from alignedcut_viewer.viewer.trajectories.map_widget import MapWidget
    from alignedcut_viewer.viewer.trajectories.source import prepare
    from alignedcut_viewer.viewer.widgets.painting import Colours

    prepared = prepare(places)
    prepared.raster.set_colours(colours)
    map_widget = MapWidget(Colours.of(None))
    map_widget.resize(SIDE, SIDE)
    map_widget.show()
    map_widget.show_points(prepared.raster, prepared.places)
    settle()

    def pan(step: int) -> None:
        map_widget.pan(3 if step % 2 else -3, 1)
        map_widget.repaint()

    def zoom(step: int) -> None:
        map_widget.zoom(1.25 if step % 16 < 8 else 0.8, QPointF(300, 320))
        map_widget.repaint()

    def choose(chosen: NDArray[np.int64], mode: str) -> None:
        map_widget.mark("figure", chosen)

    def lasso(step: int) -> None:
        map_widget.lasso = [QPointF(*corner) for corner in map_widget.view.to_pixels(outline())]
        map_widget.dragging = "lasso"
        map_widget.end_drag()
        map_widget.repaint()

    def hover(step: int) -> None:
        map_widget.set_hovered(map_widget.point_at(QPointF(100 + 5 * step, 350)))
        map_widget.repaint()

    map_widget.chosen.connect(choose)
    found = {"pan": frames(pan)}
    map_widget.fit()
    found["zoom"] = frames(zoom)
    map_widget.fit()
    found["hover"] = frames(hover)
    found["lasso"] = frames(lasso)
    map_widget.set_tool("move")
    found["pan, half of them selected"] = frames(pan)
    assert Qt is not None
    map_widget.close()
    return found


def vispy_markers(places: NDArray[np.float32], colours: Rgb) -> dict[str, NDArray[np.float64]]:
    """A scatter of vispy with square-free one-pixel discs, drawn until the driver has finished."""
    from vispy import gloo, scene

    canvas = scene.SceneCanvas(size=(SIDE, SIDE), show=True, bgcolor="black")
    view = canvas.central_widget.add_view()
    markers = scene.Markers(parent=view.scene)
    faces = np.concatenate([colours / 255, np.ones((len(colours), 1))], axis=1).astype(np.float32)
    markers.set_data(np.asarray(places), size=1.5, edge_width=0, face_color=faces)
    view.camera = "panzoom"
    view.camera.rect = (-60, -60, 120, 120)
    settle()

    def draw() -> None:
        canvas.set_current()
        canvas._draw_scene()
        gloo.gl.glFinish()

    def pan(step: int) -> None:
        view.camera.rect = (-60 + 0.5 * (step % 2), -60, 120, 120)
        draw()

    def zoom(step: int) -> None:
        side = 120 * 0.8 ** (step % 8)
        view.camera.rect = (-side / 2, -side / 2, side, side)
        draw()

    found = {"pan": frames(pan), "zoom": frames(zoom)}
    canvas.close()
    return found


def napari_points(places: NDArray[np.float32], colours: Rgb) -> dict[str, NDArray[np.float64]]:
    """napari's own Points layer, drawn until the driver has finished."""
    import napari
    from vispy import gloo

    viewer = napari.Viewer(show=True)
    viewer.window.resize(SIDE + 300, SIDE + 150)
    faces = np.concatenate([colours / 255, np.ones((len(colours), 1))], axis=1)
    viewer.add_points(places, size=0.2, border_width=0, face_color=faces)
    settle()
    canvas = viewer.window._qt_viewer.canvas._scene_canvas

    def draw() -> None:
        canvas.set_current()
        canvas._draw_scene()
        gloo.gl.glFinish()

    zoom_at_first = viewer.scene.camera.zoom

    def pan(step: int) -> None:
        viewer.scene.camera.center = (0.0, 0.5 * (step % 2), 0.0)
        draw()

    def zoom(step: int) -> None:
        viewer.scene.camera.zoom = zoom_at_first * 1.25 ** (step % 8)
        draw()

    found = {"pan": frames(pan), "zoom": frames(zoom)}
    viewer.close()
    settle()
    return found


def libraries(places: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """Finding alone: matplotlib's test of an outline, SciPy's tree."""
    from matplotlib.path import Path
    from scipy.spatial import cKDTree

    path, tree = Path(outline()), cKDTree(places)
    return {
        "lasso": frames(lambda step: path.contains_points(places)),
        "hover": frames(lambda step: tree.query((step, 0.0))),
    }


def settle() -> None:
    """Let the window show what there is."""
    from qtpy.QtWidgets import QApplication

    for _ in range(10):
        QApplication.processEvents()
        time.sleep(0.02)


def main() -> None:
    """Measure, and write the table."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        print("No display: run it as `xvfb-run -a python -m tests.benchmarks trajectories`.")
        return
    os.environ.setdefault("NAPARI_CONFIG", "")
    from qtpy.QtCore import QCoreApplication, Qt
    from qtpy.QtWidgets import QApplication

    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    application = QApplication.instance() or QApplication([])
    rows = []
    for n in SIZES:
        places, colours = points(n)
        here = ours(places, colours)
        beside = {"vispy": vispy_markers(places, colours), "napari": napari_points(places, colours)}
        found = libraries(places)
        for what, taken in here.items():
            library = {"lasso": "matplotlib ", "hover": "SciPy "}.get(what, "")
            other = [words(beside[side].get(what)) for side in beside]
            rows.append([f"{n:,}", what, words(taken), *other, library + words(found.get(what))])
            print(*rows[-1], sep=" | ", flush=True)
    table = markdown_table(
        ["points", "what", "Trajectories panel", "vispy Markers", "napari Points", "finding alone, by a library"], rows
    )
    write_section(
        "trajectories",
        f"Milliseconds a frame, median and in brackets the 95th percentile, of a real window of {SIDE} × {SIDE} pixels "
        "in one run, without a graphics card (vispy and napari draw by Mesa's software rasteriser). Simulated points. "
        "Ours is from the change to the painted widget; lasso (100 corners around about half of the points) is from "
        "the release to the painted selection, hover from the move to the painted ring. The libraries only find.\n\n"
        f"{table}\n\n{machine_description()}.",
    )
    assert application is not None


if __name__ == "__main__":
    main()
