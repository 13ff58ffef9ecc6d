"""napari's notifications over the window: all of their text, and no hand on the keyboard."""

import weakref
from typing import Any

from qtpy.QtWidgets import QApplication, QMainWindow, QWidget

__all__ = ["show_whole_and_leave_focus", "toasts_of"]


def toasts_of(window: QMainWindow | None) -> list[QWidget]:
    """The notifications that a window shows."""
    found = [] if window is None else window.findChildren(QWidget)
    return [widget for widget in found if type(widget).__name__ == "NapariQtNotification"]


def show_whole_and_leave_focus(window: QMainWindow | None) -> None:
    """Let notifications show all of their text instead of its first words, and go without taking the focus."""
    for toast in toasts_of(window):
        expand: Any = getattr(toast, "expand", None)
        if expand is not None and not toast.property("expanded") and toast.sizeHint().height() > toast.height():
            expand()
        _leave_focus(toast)


def _leave_focus(toast: Any) -> None:
    """When its time is up a notification gives the focus to the pictures: whoever was typing would type there."""
    if "close" in vars(toast):
        return
    held = weakref.ref(toast)

    def close() -> None:
        own = held()
        if own is None:
            return
        focused, parent = QApplication.focusWidget(), own.parent()
        if focused is None or parent is None or own.isAncestorOf(focused):
            type(own).close(own)
            return
        parent.setFocus = _nothing
        try:
            type(own).close(own)
        finally:
            del parent.setFocus

    toast.close = close


def _nothing(*_: Any) -> None:
    return None
