"""What the menus call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari.viewer
import numpy as np
from napari.utils.notifications import show_info, show_warning

from ...errors import AlignedCutError, InputError
from ...images import SUFFIXES
from ...progress import ProgressCallback
from ..coordinator.coordinator import Coordinator
from ..coordinator.docks import show_panel
from ..frames.exports import figure_work, masks_work, reaching_work, would_replace
from ..frames.mask_preview import Preview, segments_preview, threshold_preview
from ..frames.stacks import AXES
from ..state.node_values import NodeValues
from ..state.session_file import ENDING
from ..state.settings import SAMPLES
from ..work.dialogs import (
    ask_existing_file,
    ask_existing_files,
    ask_folder,
    ask_new_file,
    ask_study,
    ask_whether,
    window_of,
)
from ..work.task_runner import tell_error
from .mask_dialog import ask_formats

__all__ = [
    "add_pictures",
    "demo_study",
    "export_figure",
    "export_mask",
    "export_masks",
    "new_labels",
    "open_image_folder",
    "open_session",
    "open_study",
    "save_session",
    "show_study_panel",
]

SESSION_FILES = f"Sessions (*{ENDING})"
FIGURE_FILES = "PNG (*.png);;SVG (*.svg);;PDF (*.pdf)"


def show_study_panel(viewer: napari.viewer.Viewer) -> Any:
    """Dock the Study panel, or find it."""
    return show_panel(viewer, "Study")


def open_image_folder(viewer: napari.viewer.Viewer) -> None:
    """Ask for a folder of pictures and show it."""
    coordinator = Coordinator.of(viewer)
    start = coordinator.settings.source
    folder = ask_folder(window_of(viewer), "Open image folder", "" if start == SAMPLES else start)
    if folder is not None:
        coordinator.workspaces.show("Compute")
        coordinator.open_pictures(folder)


def open_study(viewer: napari.viewer.Viewer) -> None:
    """Ask for a study and show it."""
    coordinator = Coordinator.of(viewer)
    shown = coordinator.shown.study
    try:
        place = ask_study(window_of(viewer), coordinator.settings.study, None if shown is None else shown.path)
    except InputError as error:
        tell_error(error)
        return
    if place is not None:
        coordinator.workspaces.show("Compute")
        coordinator.open_study(place)


def add_pictures(viewer: napari.viewer.Viewer) -> None:
    """Ask for pictures and place them in the cut that is shown."""
    coordinator = Coordinator.of(viewer)
    try:
        study, _ = coordinator.shown.study_and_cut()
    except AlignedCutError as error:
        tell_error(error)
        return
    kinds = f"Pictures ({' '.join(f'*{suffix}' for suffix in sorted(SUFFIXES))})"
    start = study.study.picture_path(study.images[0]).parent
    files = ask_existing_files(window_of(viewer), "Add pictures to the cut", start, kinds)
    if files:
        coordinator.new_pictures.add([str(file) for file in files])


def save_session(viewer: napari.viewer.Viewer) -> None:
    """Ask for a file and write how the study is looked at: selections, view, panels."""
    coordinator = Coordinator.of(viewer)
    try:
        study, _ = coordinator.shown.study_and_cut()
        path = ask_new_file(
            window_of(viewer), "Save session", study.around / f"{study.path.stem}{ENDING}", SESSION_FILES
        )
        if path is not None:
            coordinator.sessions.save(path)
            coordinator.segments.save_now()
            show_info(f"The session is in {path}.")
    except AlignedCutError as error:
        tell_error(error)


def open_session(viewer: napari.viewer.Viewer) -> None:
    """Ask for a saved session and show its study as it was."""
    coordinator = Coordinator.of(viewer)
    path = ask_existing_file(window_of(viewer), "Open session", coordinator.settings.study, SESSION_FILES)
    if path is not None:
        coordinator.workspaces.show("Compute")
        coordinator.open_session(path)


def demo_study(viewer: napari.viewer.Viewer) -> None:
    """Compute the sample pictures on the network that needs no download, and show the result."""
    Coordinator.of(viewer).workspaces.show("Compute")
    Coordinator.of(viewer).run_demo()


def new_labels(viewer: napari.viewer.Viewer) -> None:
    """Add an empty layer of labels over the pictures, to draw on; saved, it becomes masks of the original pictures."""
    pictures = Coordinator.of(viewer).shown.pictures
    if pictures is None:
        show_warning("Open pictures first; the labels lie over them.")
        return
    layout = pictures.layout
    viewer.add_labels(
        np.zeros((len(layout), layout.height, layout.width), dtype=np.uint8),
        name="Labels",
        axis_labels=AXES[2:],
        metadata={"layout": layout, "names": pictures.names},
    )


def export_figure(viewer: napari.viewer.Viewer) -> None:
    """Ask for a file and write the mosaic of the study that is shown."""
    coordinator = Coordinator.of(viewer)

    def ask() -> Path | None:
        start = coordinator.shown.study_and_cut()[0].around / "alignedcut.png"
        return ask_new_file(window_of(viewer), "Export figure", start, FIGURE_FILES)

    def begin(path: Path) -> None:
        study, _ = coordinator.shown.study_and_cut()
        work = figure_work(study, path, coordinator.settings.snapshot(), smooth=coordinator.view.smooth)
        coordinator.tasks.start("Exporting the figure", work, lambda written: show_info(f"The figure is in {written}."))

    _ask_and_begin(ask, begin)


def export_masks(viewer: napari.viewer.Viewer) -> None:
    """Show how they look, ask for formats and a folder, and write the segments as masks of all pictures.

    They are those that are open, or the first of the study.
    """
    coordinator = Coordinator.of(viewer)
    segments = coordinator.segments

    def ask() -> Path | None:
        if not segments.name and not segments.names:
            raise InputError("There are no segments to write yet; make some in the Segments panel.")
        study = coordinator.shown.study
        assert study is not None
        name = segments.name or segments.names[0]
        return _ask_for_masks(viewer, f"The segments “{name}”", segments_preview(study, name, segments.edits))

    def begin(folder: Path) -> None:
        study = coordinator.shown.study
        replace = _may_replace(viewer, folder)
        if study is None or replace is None:
            return
        name = segments.name or segments.names[0]
        write = masks_work(study.path, name, folder, coordinator.settings.snapshot(), replace=replace)
        # What is written is what is kept.
        save = segments.save_work() if segments.unsaved else None

        def work(progress: ProgressCallback) -> tuple[Path, Any]:
            saved = None if save is None else save(progress)
            return write(progress), saved

        def then(done: tuple[Path, Any]) -> None:
            if done[1] is not None:
                segments.on_saved(done[1])
            show_info(f"The masks of the segments “{name}” are in {done[0]}.")

        coordinator.tasks.start("Exporting masks", work, then)

    _ask_and_begin(ask, begin)


def export_mask(viewer: napari.viewer.Viewer) -> None:
    """Show how they look, ask for formats and a folder, and write where the values shown reach the threshold."""
    coordinator = Coordinator.of(viewer)

    def reaching() -> tuple[NodeValues, float]:
        if coordinator.heat_map.values is None:
            raise InputError("There is no mask yet; pick a place in a picture first.")
        return coordinator.heat_map.values, coordinator.similarity.settings.threshold

    def ask() -> Path | None:
        network, layer = coordinator.shown_slot()
        values, threshold = reaching()
        study, smooth = coordinator.shown.study_and_cut()[0], coordinator.view.smooth
        preview = threshold_preview(study, values, threshold, network=network, layer=layer, smooth=smooth)
        return _ask_for_masks(viewer, f"{values.title}: from {threshold:.2g} on", preview)

    def begin(folder: Path) -> None:
        study, _ = coordinator.shown.study_and_cut()
        network, layer = coordinator.shown_slot()
        replace = _may_replace(viewer, folder)
        if replace is None:
            return
        work = reaching_work(
            study,
            folder,
            coordinator.settings.snapshot(),
            reaching(),
            network=network,
            layer=layer,
            smooth=coordinator.view.smooth,
            replace=replace,
        )
        coordinator.tasks.start("Exporting masks", work, lambda written: show_info(f"The masks are in {written}."))

    _ask_and_begin(ask, begin)


def _ask_for_masks(viewer: napari.viewer.Viewer, what: str, preview: Preview) -> Path | None:
    """Show how masks look, and ask for formats and a folder; None if the user thought better of it."""
    coordinator = Coordinator.of(viewer)
    study = coordinator.shown.study
    assert study is not None
    window, settings = window_of(viewer), coordinator.settings
    names, position = study.pictures.names, coordinator.view.picture
    formats = ask_formats(window, settings.mask_formats, what, names, position, preview)
    if not formats:
        return None
    settings.update(mask_formats=formats)
    return ask_folder(window, "Export masks into a folder", study.around)


def _may_replace(viewer: napari.viewer.Viewer, folder: Path) -> bool | None:
    """Whether to replace masks in a folder: False where there are none, None if the user thought better of it."""
    coordinator = Coordinator.of(viewer)
    study = coordinator.shown.study
    if study is None or not would_replace(study, folder, coordinator.settings.snapshot()):
        return False
    question = f"{folder} holds masks of these pictures already. Replace them?"
    return True if ask_whether(window_of(viewer), "Replace masks", question) else None


def _ask_and_begin(ask: Callable[[], Path | None], begin: Callable[[Path], None]) -> None:
    """Ask where to, then begin; what is wrong is told before the user is asked."""
    try:
        path = ask()
        if path is not None:
            begin(path)
    except InputError as error:
        tell_error(error)
