"""Make the pictures of README and docs out of the real window: ``make screenshots``.

The sample pictures are computed on the network that needs no download, as a user would: with the Study panel's Run.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
from PIL import Image
from qtpy.QtWidgets import QApplication, QWidget

from alignedcut_viewer.viewer import launch
from alignedcut_viewer.viewer.commands import show_study_panel
from alignedcut_viewer.viewer.coordinator import Coordinator

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = (1280, 800)
PICTURE = "chelsea"
LAYER = 8
PATIENCE = 900.0


def turn_until(ready: Callable[[], bool]) -> None:
    """Let the window live until something is so."""
    begin = time.monotonic()
    while not ready():
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() - begin > PATIENCE:
            raise SystemExit(f"gave up after {PATIENCE:.0f} s")


def settle(seconds: float = 0.5) -> None:
    """Let the window finish what it has begun to paint."""
    end = time.monotonic() + seconds
    turn_until(lambda: time.monotonic() > end)


def keep(viewer: napari.Viewer, name: str) -> None:
    """Write what the window shows, without its notifications."""
    for widget in QApplication.allWidgets():
        if type(widget).__name__ == "NapariQtNotification" and isinstance(widget, QWidget):
            widget.close()
    settle()
    shot = viewer.screenshot(canvas_only=False, flash=False)
    # 256 colours would show in the gradients; without the alpha channel, PNG is small enough.
    Image.fromarray(shot[..., :3]).save(IMAGES / name, optimize=True)
    print(IMAGES / name)


def main() -> int:
    """Compute, look from several sides, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", help="keep the study here, and compute nothing that is there already")
    arguments = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        viewer = launch(block=False)
        viewer.window.resize(*SIZE)
        coordinator, panel = Coordinator.of(viewer), show_study_panel(viewer)
        coordinator.open_pictures("sample pictures")
        turn_until(lambda: not coordinator.task.busy)
        coordinator.change_settings(study=arguments.study or str(Path(folder) / "sample-pictures.zarr"))
        keep(viewer, "window-pictures.png")
        coordinator.run()
        turn_until(lambda: not coordinator.task.busy)
        if coordinator.study is None or coordinator.study.cut is None:
            print("the run failed; see the notifications above", file=sys.stderr)
            return 1
        stack = coordinator.display.stack
        viewer.dims.set_current_step(1, stack.layers.index(LAYER))
        viewer.dims.set_current_step(2, coordinator.pictures.names.index(PICTURE))
        keep(viewer, "window.png")
        coordinator.set_smooth(True)
        panel.tabs.setCurrentWidget(panel.view)
        keep(viewer, "window-smooth.png")
        coordinator.set_smooth(False)
        panel.tabs.setCurrentWidget(panel.export)
        keep(viewer, "window-export.png")
        viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
