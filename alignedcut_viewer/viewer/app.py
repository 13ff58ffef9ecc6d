"""napari with our workspaces, from the command line and from Python."""

from pathlib import Path
from typing import TYPE_CHECKING

from .coordinator.coordinator import Coordinator
from .coordinator.workspaces import fill_screen
from .widgets.picture_drop import take_dropped_pictures
from .widgets.qt_warning import keep_from_warning_of_qt
from .widgets.window_bar import install_window_bar

if TYPE_CHECKING:
    import napari

__all__ = ["launch"]


def launch(study_path: str | Path | None = None, *, block: bool = True) -> "napari.Viewer":
    """Open napari, maximised, with our panels: a study in the workspace Look, else Compute.

    Parameters
    ----------
    study_path
        A study to show.
    block
        Whether to return only after the window is closed.

    Returns
    -------
    napari.Viewer
        The viewer.

    Raises
    ------
    StudyError
        If there is no such study.
    """
    import napari

    from .frames.loading import load_study

    # Read before the window opens, so that the command line can say what is wrong with the study.
    loaded = None if study_path is None else load_study(study_path)
    keep_from_warning_of_qt()
    viewer = napari.Viewer(title="AlignedCut")
    coordinator = Coordinator.of(viewer)
    install_window_bar(coordinator)
    take_dropped_pictures(viewer)
    fill_screen(viewer.window._qt_window)
    coordinator.workspaces.show("Compute")
    if loaded is not None:
        coordinator.show_opened_study(loaded)
    if block:
        napari.run()
    return viewer
