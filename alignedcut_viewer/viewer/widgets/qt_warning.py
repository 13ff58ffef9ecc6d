"""napari's warning that its next version needs another Qt than ours does: it concerns us, not who uses the window."""

from qtpy.QtWidgets import QLabel, QMainWindow

from .toasts import toasts_of

__all__ = ["keep_from_warning_of_qt", "put_away_warning_of_qt"]

ABOUT = ("Qt5", "deprecated")
"""Words of the warning."""


def keep_from_warning_of_qt() -> None:
    """Let no window that is opened from now on pop it up."""
    from napari._qt import qt_main_window

    if hasattr(qt_main_window, "SHOW_QT_WARNING"):
        qt_main_window.SHOW_QT_WARNING = False


def put_away_warning_of_qt(window: QMainWindow) -> None:
    """Take it off a window that has popped it up already, over the pictures; other notifications stay."""
    keep_from_warning_of_qt()
    for toast in toasts_of(window):
        message = getattr(toast, "message", None)
        if isinstance(message, QLabel) and all(word in message.text() for word in ABOUT):
            toast.close()
