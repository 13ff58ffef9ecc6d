"""Make the pictures of README and docs out of the real window: ``make screenshots``.

The sample pictures are computed on the network that needs no download, as a user would: with the Study panel's Run.
With ``--photographs STUDY`` (or ``ALIGNEDCUT_PHOTOGRAPHS=STUDY make screenshots``), the contact sheet is shown on a
study of photographs.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QWidget

from alignedcut_viewer.viewer import launch
from alignedcut_viewer.viewer.coordinator.coordinator import Coordinator
from alignedcut_viewer.viewer.coordinator.docks import show_panel
from alignedcut_viewer.viewer.frames.picture_layout import Place
from alignedcut_viewer.viewer.widgets.commands import show_study_panel

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = (1280, 800)
LARGE = (1680, 1000)
PICTURE = "chelsea"
LAYER = 8
PATIENCE = 900.0


def at_home(home: Path, study: str | None, name: str = "sample-pictures.zarr") -> str:
    """Let a folder be home for this program, so that pictures show no place of this machine; the study in it.

    A study that is kept elsewhere is linked there.
    """
    os.environ["HOME"] = str(home)
    place = home / "alignedcut" / name
    place.parent.mkdir()
    if study is not None:
        Path(study).mkdir(parents=True, exist_ok=True)
        place.symlink_to(Path(study).resolve(), target_is_directory=True)
    return str(place)


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


def keep(viewer: napari.Viewer, name: str, *, few_colours: bool = False) -> None:
    """Write what the window shows, without its notifications; photographs need fewer colours to be small enough."""
    for widget in QApplication.allWidgets():
        if type(widget).__name__ == "NapariQtNotification" and isinstance(widget, QWidget):
            widget.close()
    settle()
    shot = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)[..., :3])
    # Of the samples, 256 colours would show in the gradients; without the alpha channel, PNG is small enough.
    if few_colours:
        shot = shot.quantize(255, dither=Image.Dither.FLOYDSTEINBERG)
    shot.save(IMAGES / name, optimize=True)
    print(IMAGES / name, f"{(IMAGES / name).stat().st_size // 1000} KB")


def go(coordinator: Coordinator, picture: str, layer: int) -> None:
    """Move the sliders to a picture, by the beginning of its name, and a layer of the last network."""
    stack, names = coordinator.display.stack, coordinator.shown.pictures.names
    number = next(i for i, name in enumerate(names) if name.startswith(picture))
    coordinator.display.move_to(len(stack.networks) - 1, stack.layers.index(layer), number)


def pick(coordinator: Coordinator, y: float, x: float, reach: int = 0) -> None:
    """Pick what lies at shares of the height and width of the picture, with some tokens around it."""
    network, layer, image = coordinator.view.position
    grid = coordinator.shown.study.cut.index.network(network)
    row, column = int(y * grid.rows), int(x * grid.columns)
    rows, columns = (slice(max(at - reach, 0), at + reach + 1) for at in (row, column))
    coordinator.selection.select(coordinator.picking.nodes_at(network, layer, image, rows, columns))


def only(viewer: napari.Viewer, *names: str) -> list[QWidget]:
    """Dock these panels below one another, and no others."""
    viewer.window.remove_dock_widget("all")
    settle(0.2)
    return [show_panel(viewer, name) for name in names]


def samples(viewer: napari.Viewer, study: str) -> bool:
    """The demo: from pictures to colours, picks and the contact sheet."""
    coordinator = Coordinator.of(viewer)
    show_study_panel(viewer)
    coordinator.open_pictures("sample pictures")
    turn_until(lambda: not coordinator.tasks.state.busy)
    coordinator.run()
    turn_until(lambda: not coordinator.tasks.state.busy)
    if coordinator.shown.study is None or coordinator.shown.study.cut is None:
        print("the run failed; see the notifications above", file=sys.stderr)
        return False
    go(coordinator, PICTURE, LAYER)
    only(viewer, "Study")
    show_panel(viewer, "Selection")
    settle()
    viewer.reset_view()
    pick(coordinator, 0.39, 0.4)
    coordinator.selection.set_active("ground")
    pick(coordinator, 0.25, 0.93, 1)
    coordinator.selection.set_active("figure")
    coordinator.named.keep("eye")
    keep(viewer, "window-pick.png")
    coordinator.sessions.close()
    return True


def photographs(viewer: napari.Viewer, study: str, picture: str, place: tuple[float, float], layer: int) -> None:
    """The contact sheet, with what was picked in all layers."""
    coordinator = Coordinator.of(viewer)
    coordinator.open_study(study)
    turn_until(lambda: not coordinator.tasks.state.busy)
    coordinator.sessions.close()
    viewer.window.resize(*LARGE)
    go(coordinator, picture, layer)
    settle()
    viewer.reset_view()
    pick(coordinator, *place, 1)
    coordinator.selection.set_active("ground")
    pick(coordinator, 0.08, 0.08, 1)
    coordinator.selection.set_active("figure")
    turn_until(lambda: not coordinator.tasks.state.busy)
    only(viewer, "Contact sheet")
    board = show_panel(viewer, "Contact sheet").board
    dock = next(d for d in viewer.window._wrapped_dock_widgets.values() if d.isAncestorOf(board))
    viewer.window._qt_window.resizeDocks([dock], [560], Qt.Orientation.Vertical)
    board.sheet.reveal(board.sheet.shown)
    settle(4)
    keep(viewer, "window-sheet.png", few_colours=True)


def segments(viewer: napari.Viewer, study: str) -> None:
    """The Segments panel on the samples: a list with one chosen, and a prompt that is being answered."""
    coordinator = Coordinator.of(viewer)
    coordinator.open_study(study)
    turn_until(lambda: not coordinator.tasks.state.busy)
    coordinator.sessions.close()
    panel = only(viewer, "Segments")[0]
    if not coordinator.segments.names:
        panel.form.make.click()
        turn_until(lambda: not coordinator.tasks.state.busy)
    turn_until(lambda: coordinator.segments.edits is not None)
    go(coordinator, PICTURE, LAYER)
    if coordinator.display.colours is not None:
        coordinator.display.colours.visible = False
    viewer.reset_view()
    settle()
    image = coordinator.segments.image
    coordinator.segments.choose([coordinator.segments.edits.of_image(image)[0].key])
    turn_until(lambda: len(panel.list.model_.details) == len(panel.list.rows))
    keep(viewer, "window-segments.png", few_colours=True)
    panel.tabs.setCurrentIndex(1)
    coordinator.segment_layers.hide_segments()
    coordinator.selection.select([])
    box = coordinator.shown.pictures.layout.box(coordinator.view.picture)

    def place(y: float, x: float) -> Place:
        return Place(box.top + y * box.height, box.left + x * box.width)

    coordinator.view.update(tool="box")
    coordinator.picking.drag(place(0.15, 0.2), place(0.8, 0.75), "replace", True)
    coordinator.view.update(tool="point")
    coordinator.picking.click(place(0.2, 0.93), "remove")
    turn_until(lambda: coordinator.heat_map.values is coordinator.prompting.values)
    settle()
    keep(viewer, "window-prompts.png", few_colours=True)
    coordinator.prompting.marks.clear()


def main() -> int:
    """Compute, look from several sides, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", help="keep the study here, and compute nothing that is there already")
    parser.add_argument(
        "--photographs", default=os.environ.get("ALIGNEDCUT_PHOTOGRAPHS"), help="a study of photographs"
    )
    parser.add_argument("--picture", default="", help="which photograph, by the beginning of its name")
    parser.add_argument("--place", nargs=2, type=float, default=(0.5, 0.5), help="what to pick, y and x as shares")
    parser.add_argument("--layer", type=int, default=8, help="at which layer")
    parser.add_argument("--only-photographs", action="store_true", help="leave the samples as they are")
    arguments = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    done = True
    with tempfile.TemporaryDirectory() as folder:
        study = at_home(Path(folder), arguments.study)
        viewer = launch(block=False)
        viewer.window.resize(*SIZE)
        if not arguments.only_photographs:
            done = samples(viewer, study)
            if done:
                segments(viewer, study)
        if done and arguments.photographs:
            place = (float(arguments.place[0]), float(arguments.place[1]))
            photographs(viewer, arguments.photographs, arguments.picture, place, arguments.layer)
        viewer.close()
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
