"""Pictures that are dropped on a window that shows a cut are placed in it."""

import contextlib
import os
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtGui import QDropEvent, QGuiApplication
from qtpy.QtWidgets import QWidget

from ..coordinator.coordinator import Coordinator
from ..frames.new_pictures import are_pictures
from ..work.dialogs import ask_choice, is_open, window_of

__all__ = ["PictureDrop", "take_dropped_pictures"]

_PLACE = "Place in the cut"
_OPEN = "Open as new pictures"


class PictureDrop(QObject):
    """Takes pictures that are dropped before napari sees them, where a cut is shown.

    With Shift or Alt held they go to napari, as layers of their own. Studies, sessions and other files always do.

    Parameters
    ----------
    coordinator
        Of the viewer.
    target
        The part of the window that takes what is dropped.
    """

    def __init__(self, coordinator: Coordinator, target: QWidget) -> None:
        super().__init__(target)
        self.coordinator = coordinator
        target.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take a drop of pictures, and let all else pass."""
        if event.type() != QEvent.Type.Drop or not isinstance(event, QDropEvent) or not self._is_for_us(event):
            return False
        event.acceptProposedAction()
        paths = _paths(event)
        QTimer.singleShot(0, lambda: self._take(paths))  # whoever dropped them need not wait
        return True

    def _is_for_us(self, event: QDropEvent) -> bool:
        keys = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier
        if self.coordinator.shown.cut is None or QGuiApplication.keyboardModifiers() & keys:
            return False
        paths = _paths(event)
        return are_pictures(paths) or (len(paths) == 1 and _is_folder_of_pictures(paths[0]))

    def _take(self, paths: list[str]) -> None:
        coordinator, cut = self.coordinator, self.coordinator.shown.cut
        if cut is None or not is_open(coordinator.viewer):
            return
        if not are_pictures(paths):
            question = (
                f"Place all pictures of {paths[0]} in the cut “{cut.name}”, or open them for a study of their own?"
            )
            chosen = ask_choice(window_of(coordinator.viewer), "A folder of pictures", question, [_PLACE, _OPEN])
            if chosen == _OPEN:
                coordinator.open_pictures(paths[0])
            if chosen != _PLACE:
                return
        coordinator.new_pictures.add(paths)


def _paths(event: QDropEvent) -> list[str]:
    """Files and folders that are dropped; empty where something else is among them."""
    data = event.mimeData()
    urls = [] if data is None else data.urls()
    return [str(Path(url.toLocalFile())) for url in urls] if all(url.isLocalFile() for url in urls) else []


def _is_folder_of_pictures(path: str) -> bool:
    if not os.path.isdir(path) or (Path(path) / "zarr.json").exists():
        return False
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        return any(are_pictures([entry.path]) for entry in entries)
    return False


def take_dropped_pictures(viewer: Any) -> PictureDrop | None:
    """Let a viewer's window place pictures that are dropped on it; None where there is no window."""
    target = getattr(getattr(getattr(viewer, "__wrapped__", viewer), "window", None), "_qt_viewer", None)
    if not isinstance(target, QWidget):
        return None
    coordinator = Coordinator.of(viewer)
    for there in target.findChildren(PictureDrop):
        if there.coordinator is coordinator:
            return there
        target.removeEventFilter(there)
        there.deleteLater()
    return PictureDrop(coordinator, target)
