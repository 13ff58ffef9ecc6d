"""Named selections: keep, recall, combine, delete."""

from typing import Any

from magicgui.widgets import LineEdit, PushButton
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from ...errors import AlignedCutError
from ..coordinator.coordinator import Coordinator
from ..state.history import SelectionMode
from ..widgets.forms import row, section
from ..widgets.view import View
from ..work.task_runner import tell_error

__all__ = ["NamedView"]


class NamedView(View):
    """A list of names with what can be done with them."""

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self.name = LineEdit(name="selection_name", label="name", tooltip="Name for the active selection")
        self.name.native.setPlaceholderText("name of the active selection")
        self.keep = PushButton(
            name="keep", text="Keep", tooltip="Keep the active selection under this name, in the study (Alt-K)"
        )
        self.list = QListWidget()
        self.list.setToolTip("Double-click, or Enter, to recall")
        self.list.setMinimumHeight(70)
        self.list.itemActivated.connect(lambda item: self._recall("replace"))
        self.list.currentItemChanged.connect(lambda *items: self._draw_buttons())
        self.recall = PushButton(name="recall", text="Recall", tooltip="Make it the active selection")
        self.add = PushButton(name="add", text="Add", tooltip="Add it to the active selection")
        self.remove = PushButton(name="remove", text="Subtract", tooltip="Subtract it from the active selection")
        self.intersect = PushButton(name="intersect", text="Intersect", tooltip="Keep only the nodes in both")
        self.delete = PushButton(name="delete", text="Delete", tooltip="Delete this name; the nodes stay selected")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(section("Named selections", row(self.name, self.keep)))
        layout.addWidget(self.list)
        self._rows = (row(self.recall, self.delete), row(self.add, self.remove, self.intersect))
        for line in self._rows:
            layout.addWidget(line.native)
        self.keep.changed.connect(self._keep)
        self.name.native.returnPressed.connect(self._keep)
        self.recall.changed.connect(lambda: self._recall("replace"))
        self.add.changed.connect(lambda: self._recall("add"))
        self.remove.changed.connect(lambda: self._recall("remove"))
        self.intersect.changed.connect(lambda: self._recall("intersect"))
        self.delete.changed.connect(self._delete)

    def listen(self) -> None:
        """Follow the names."""
        self.follow(self.coordinator.named.changed, self.redraw)

    def redraw(self) -> None:
        """List the names."""
        chosen = self._chosen()
        self.list.clear()
        for name in self.coordinator.named.sets:
            item = QListWidgetItem(f"{name} ({len(self.coordinator.named.sets[name]):,})")
            item.setData(Qt.ItemDataRole.UserRole, name)
            self.list.addItem(item)
            if name == chosen:
                self.list.setCurrentItem(item)
        self._draw_buttons()

    def _chosen(self) -> str | None:
        item = self.list.currentItem()
        return None if item is None else item.data(Qt.ItemDataRole.UserRole)

    def _draw_buttons(self) -> None:
        for button in (self.recall, self.add, self.remove, self.intersect, self.delete):
            button.enabled = self._chosen() is not None

    def _keep(self, event: Any = None) -> None:
        coordinator = self.coordinator
        name = self.name.value.strip() or coordinator.named.sets.free_name(coordinator.selection.active)
        if _told(lambda: coordinator.named.keep(name)):
            self.name.value = ""

    def _recall(self, mode: SelectionMode) -> None:
        name = self._chosen()
        if name is not None:
            _told(lambda: self.coordinator.named.recall(name, mode))

    def _delete(self) -> None:
        name = self._chosen()
        if name is not None:
            _told(lambda: self.coordinator.named.forget(name))


def _told(action: Any) -> bool:
    """Do something; what is wrong with it is told to the user."""
    try:
        action()
    except AlignedCutError as error:
        tell_error(error)
        return False
    return True
