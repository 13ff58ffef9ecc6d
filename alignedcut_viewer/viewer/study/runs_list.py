"""The results of a study in a list: what they differ in, their names, and deleting them."""

from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QShortcut,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ..coordinator.coordinator import Coordinator
from ..widgets.name_delegate import NameDelegate
from ..widgets.view import View

__all__ = ["RunsList"]

MOST_ROWS = 6


class RunsList(View):
    """A line a result; a click shows it, a double click or F2 lets it be renamed."""

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self._drawing = False
        self._rows: tuple[tuple[str, str], ...] = ()
        self.list = _ShortTree()
        self.list.setItemDelegate(NameDelegate(self.list))
        self.list.setHeaderLabels(["result", "what differs"])
        self.list.setRootIsDecorated(False)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        # Else a double click would edit any column.
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setToolTip("A click shows a result; a double click or F2 renames it")
        header = self.list.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.rename = QPushButton("Rename")
        self.rename.setToolTip("Give the chosen result another name")
        self.delete = QPushButton("Delete")
        self.delete.setToolTip("Take the chosen result out of the study; Undo brings it back until the window closes")
        self.undo = QPushButton("Undo")
        buttons = QHBoxLayout()
        buttons.setContentsMargins(0, 0, 0, 0)
        for button in (self.rename, self.delete, self.undo):
            buttons.addWidget(button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 0, 6, 0)
        layout.setSpacing(4)
        layout.addWidget(self.list)
        layout.addLayout(buttons)
        self.list.currentItemChanged.connect(self._show)
        self.list.itemChanged.connect(self._renamed)
        self.list.itemDoubleClicked.connect(self._begin_to_rename)
        key = QShortcut(QKeySequence("F2"), self.list)
        key.setContext(Qt.ShortcutContext.WidgetShortcut)
        key.activated.connect(self._begin_to_rename)
        self.rename.clicked.connect(self._begin_to_rename)
        self.delete.clicked.connect(self._delete)
        self.undo.clicked.connect(coordinator.results.restore)

    @property
    def chosen(self) -> str | None:
        """Name of the chosen result."""
        item = self.list.currentItem()
        return None if item is None else str(item.data(0, Qt.ItemDataRole.UserRole))

    def listen(self) -> None:
        """Follow what is shown."""
        self.follow(self.coordinator.shown.changed, self.redraw)

    def redraw(self) -> None:
        """List the results, the shown one chosen."""
        study = self.coordinator.shown.study
        rows = () if study is None else tuple((name, study.differences.get(name, "")) for name in study.cuts)
        shown = None if study is None or study.cut is None else study.cut.name
        self._drawing = True
        try:
            if rows != self._rows:  # a list that is filled anew throws away the name that is being typed
                self._fill(rows)
            names = [name for name, _ in rows]
            if self.chosen != shown:
                self.list.setCurrentItem(self.list.topLevelItem(names.index(shown)) if shown in names else None)
        finally:
            self._drawing = False
        self.list.updateGeometry()
        last = self.coordinator.results.last_deleted
        self.undo.setEnabled(bool(last))
        self.undo.setToolTip(f"Bring back {last}" if last else "Nothing was deleted")
        for button in (self.rename, self.delete):
            button.setEnabled(self.list.currentItem() is not None)

    def _fill(self, rows: tuple[tuple[str, str], ...]) -> None:
        self.list.clear()
        for name, differs in rows:
            item = QTreeWidgetItem([name, differs])
            item.setData(0, Qt.ItemDataRole.UserRole, name)
            item.setToolTip(1, differs)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)  # its first column: see _begin_to_rename
            self.list.addTopLevelItem(item)
        self._rows = rows

    def _show(self, *_: Any) -> None:
        if not self._drawing and self.chosen is not None:
            self.coordinator.show_cut(self.chosen)

    def _begin_to_rename(self, *_: Any) -> None:
        item = self.list.currentItem()
        if item is not None:
            self.list.setFocus()
            self.list.editItem(item, 0)

    def _renamed(self, item: QTreeWidgetItem, column: int) -> None:
        old = str(item.data(0, Qt.ItemDataRole.UserRole))
        if self._drawing or column != 0 or item.text(0) == old:
            return
        self.coordinator.results.rename_cut(old, item.text(0))
        self._rows = ()  # a name that was refused goes back to what it was
        self.redraw()

    def _delete(self) -> None:
        if self.chosen is not None:
            self.coordinator.results.delete_cut(self.chosen)


class _ShortTree(QTreeWidget):
    """As high as its rows, within reason."""

    def sizeHint(self) -> QSize:
        """Room for the rows."""
        row = max(self.sizeHintForRow(0), self.fontMetrics().height() + 4)
        rows = min(max(self.topLevelItemCount(), 2), MOST_ROWS)
        return QSize(200, self.header().sizeHint().height() + rows * row + 2 * self.frameWidth() + 4)

    def minimumSizeHint(self) -> QSize:
        """Two rows at least."""
        return QSize(120, min(self.sizeHint().height(), 90))
