"""Names that are typed into a list."""

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QFocusEvent
from qtpy.QtWidgets import QStyledItemDelegate

__all__ = ["NameDelegate"]


class NameDelegate(QStyledItemDelegate):
    """Keeps a name that is being typed when another window comes to the front; Qt would take it as finished."""

    def eventFilter(self, editor: QObject | None, event: QEvent | None) -> bool:
        """Let the editor stay where only the window has lost the focus."""
        lost = event if isinstance(event, QFocusEvent) and event.type() == QEvent.Type.FocusOut else None
        if lost is not None and lost.reason() == Qt.FocusReason.ActiveWindowFocusReason:
            return False
        return bool(super().eventFilter(editor, event))
