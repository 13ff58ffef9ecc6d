"""Film the first minute in every workspace, in the real window: ``make film``.

The sample pictures are computed on the network that needs no download, a place is picked, and each workspace is shown
at two sizes of the screen, in the dark and the light theme. ``QT_SCALE_FACTOR=2`` films the window at 200 %. It ends
with 1 if a panel is smaller than it may be, or something lies outside the screen.

Another study is filmed with ``--study STUDY --cut NAME --picture BEGINNING-OF-ITS-NAME --name photographs``.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("NAPARI_CONFIG", "")

import napari
from make_screenshots import at_home, go, pick, settle, turn_until
from PIL import Image
from qtpy.QtWidgets import QApplication, QLabel, QScrollArea, QWidget

from alignedcut_viewer.viewer import launch
from alignedcut_viewer.viewer.brain.cortex_board import CortexBoard
from alignedcut_viewer.viewer.coordinator.coordinator import Coordinator
from alignedcut_viewer.viewer.coordinator.docks import docks_of, show_panel
from alignedcut_viewer.viewer.trajectories.panel import PREPARING

IMAGES = Path(__file__).resolve().parent / "images"
SIZES = {"1920": (1920, 1080), "1366": (1366, 768)}
THEMES = ("dark", "light")
STUDIES = {"film": "sample-pictures.zarr"}
"""What a study is called on the screen, by the name of its film; others are called like it."""
FRAME = 900
"""Width of a frame in the film, in pixels."""


def misfits(viewer: napari.Viewer, width: int, height: int) -> list[str]:
    """What does not fit into the window, in words."""
    window = viewer.window._qt_window
    found = []
    if (window.width(), window.height()) != (width, height):
        found.append(f"the window is {window.width()} × {window.height()} instead of {width} × {height}")
    for name, dock in docks_of(viewer).items():
        if dock.isHidden() or dock.visibleRegion().isEmpty():
            continue
        least, panel = dock.widget().minimumSizeHint(), dock.widget()
        if panel.width() < least.width() or panel.height() < least.height():
            found.append(f"{name} is {panel.width()} × {panel.height()}, less than {least.width()} × {least.height()}")
        for area in panel.findChildren(QScrollArea):
            if area.isVisible() and area.widget() is not None and area.horizontalScrollBar().maximum() > 0:
                found.append(f"{name} is {area.horizontalScrollBar().maximum()} pixels wider than its dock")
    return found


def frame(viewer: napari.Viewer) -> Image.Image:
    """What the window shows."""
    settle(0.7)
    return Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)[..., :3])


def waiting() -> bool:
    """Whether a panel is still preparing something."""
    for widget in QApplication.allWidgets():
        if widget.isVisible() and (
            (isinstance(widget, CortexBoard) and not widget.settled)
            or (isinstance(widget, QLabel) and widget.text() == PREPARING)
        ):
            return True
    return False


def close_notifications() -> None:
    """Take away what napari has told; the bar says it too."""
    for widget in QApplication.allWidgets():
        if type(widget).__name__ == "NapariQtNotification" and isinstance(widget, QWidget):
            widget.close()


def film(viewer: napari.Viewer, size: str, theme: str, folder: Path, prefix: str) -> list[str]:
    """Every workspace at one size and in one theme: a file a frame, and one with all of them."""
    coordinator, window = Coordinator.of(viewer), viewer.window._qt_window
    ratio = window.devicePixelRatioF()
    width, height = (round(side / ratio) for side in SIZES[size])
    viewer.theme = theme
    window.showNormal()
    window.resize(width, height)
    window.move(0, 0)
    settle()
    frames, found = [], []
    for name in coordinator.workspaces.names:
        coordinator.workspaces.show(name)
        settle(1.0)
        window.resize(width, height)  # a window cannot get smaller than what stood in it before
        viewer.reset_view()
        close_notifications()
        settle(1.0)
        turn_until(lambda: not coordinator.tasks.state.busy and not waiting())
        found += [f"{size} {theme} {name}: {what}" for what in misfits(viewer, width, height)]
        shot = frame(viewer)
        if folder != IMAGES:
            shot.save(folder / f"{prefix}-{size}-{theme}-{name.lower()}.png")
        frames.append(shot.resize((FRAME, round(shot.height * FRAME / shot.width)), Image.Resampling.LANCZOS))
    side = frames[0].height + 6
    whole = Image.new("RGB", (2 * FRAME + 6, side * ((len(frames) + 1) // 2) - 6), (128, 128, 128))
    for number, one in enumerate(frames):
        whole.paste(one, ((number % 2) * (FRAME + 6), (number // 2) * side))
    scale = "" if ratio == 1 else f"-{100 * ratio:.0f}"
    whole.save(folder / f"{prefix}-{size}-{theme}{scale}.jpg", quality=80, optimize=True)
    return found


def main() -> int:
    """Compute, pick, film."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", help="keep the study here, and compute nothing that is there already")
    parser.add_argument("--cut", help="which cut of the study; the newest without it")
    parser.add_argument("--picture", default="chelsea", help="which picture, by the beginning of its name")
    parser.add_argument("--place", nargs=2, type=float, default=(0.39, 0.4), help="what to pick, y and x as shares")
    parser.add_argument("--layer", type=int, default=8, help="at which layer")
    parser.add_argument("--name", default="film", help="what the files' names begin with")
    parser.add_argument("--folder", type=Path, default=IMAGES, help="where the films go; elsewhere, every frame too")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--themes", nargs="+", choices=THEMES, default=list(THEMES))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    found: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        study = Path(at_home(Path(scratch), arguments.study, STUDIES.get(arguments.name, arguments.name)))
        viewer = launch(block=False)
        coordinator = Coordinator.of(viewer)
        if (study / "zarr.json").is_file():
            coordinator.open_study(study, arguments.cut)
        else:
            coordinator.open_pictures("sample pictures")
            turn_until(lambda: not coordinator.tasks.state.busy)
            coordinator.settings.update(layers="2, 5, 8, 11")
            coordinator.run()
        turn_until(lambda: not coordinator.tasks.state.busy)
        coordinator.sessions.close()
        go(coordinator, arguments.picture, arguments.layer)
        pick(coordinator, *arguments.place)
        if coordinator.shown.cut is not None and coordinator.shown.cut.concepts is None:
            show_panel(viewer, "Concepts").discover()
            turn_until(lambda: not coordinator.tasks.state.busy)
            settle(3)
        for theme in arguments.themes:
            for size in arguments.sizes:
                found += film(viewer, size, theme, arguments.folder, arguments.name)
        viewer.close()
    print("\n".join(found) or "everything fits")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
