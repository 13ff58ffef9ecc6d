"""Figure or ground: which selection is active, how large both are, undo and redo."""

from magicgui.widgets import CheckBox, PushButton
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QRadioButton, QVBoxLayout, QWidget

from ..coordinator.coordinator import Coordinator
from ..state.history import SELECTION_COLOURS, SELECTIONS, Selection
from ..widgets.forms import row
from ..widgets.painting import swatch
from ..widgets.view import View

__all__ = ["SelectionSwitch"]

KEYS = {"figure": "Shift-F", "ground": "Shift-G"}


class SelectionSwitch(View):
    """The two selections, and what can be done with the active one."""

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 2)
        layout.addWidget(QLabel("<b>Selection</b>"))
        self.buttons: dict[str, QRadioButton] = {}
        self._group = QButtonGroup(self)
        line = QHBoxLayout()
        for which in SELECTIONS:
            button = QRadioButton(which)
            button.setIcon(swatch(SELECTION_COLOURS[which]))
            button.setToolTip(f"Picking changes the {which} selection ({KEYS[which]})")
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.toggled.connect(lambda on, which=which: self._choose(which) if on else None)
            self._group.addButton(button)
            self.buttons[which] = button
            line.addWidget(button)
        line.addStretch(1)
        layout.addLayout(line)
        self.undo = PushButton(name="undo", text="Undo", tooltip="Undo the last change of a selection (Alt-Z)")
        self.redo = PushButton(name="redo", text="Redo", tooltip="Redo the change that was last undone (Alt-Y)")
        self.clear = PushButton(name="clear", text="Clear", tooltip="Clear the active selection (Shift-Delete)")
        self._line = row(self.undo, self.redo, self.clear)
        layout.addWidget(self._line.native)
        self.drag = CheckBox(
            name="drag_selects",
            text="drag to select a region",
            tooltip="Dragging selects instead of panning (Shift-D); with Ctrl, Shift or Alt it always selects",
        )
        layout.addWidget(self.drag.native)
        self.undo.changed.connect(lambda: coordinator.timeline.undo(coordinator.selection.history))
        self.redo.changed.connect(lambda: coordinator.timeline.redo(coordinator.selection.history))
        self.clear.changed.connect(lambda: coordinator.selection.select([]))
        self.drag.changed.connect(lambda on: coordinator.view.update(drag_selects=bool(on)))

    def _choose(self, which: str) -> None:
        self.coordinator.selection.set_active(which)

    def listen(self) -> None:
        """Follow both selections."""
        self.follow(self.coordinator.selection.changed, self._draw_selection)
        self.follow(self.coordinator.selection.active_changed, self._draw_active)
        self.follow(self.coordinator.view.events.drag_selects, self._draw_drag)

    def redraw(self) -> None:
        """Show both."""
        for which in SELECTIONS:
            self._draw_selection(which, self.coordinator.selection.of(which))
        self._draw_active(self.coordinator.selection.active)
        self._draw_drag(self.coordinator.view.drag_selects)

    def _draw_selection(self, which: str, selection: Selection) -> None:
        self.buttons[which].setText(f"{which} ({len(selection):,})")
        self.undo.enabled = self.coordinator.selection.history.can_undo
        self.redo.enabled = self.coordinator.selection.history.can_redo
        self.clear.enabled = len(self.coordinator.selection.of()) > 0

    def _draw_active(self, which: str) -> None:
        self.buttons[which].setChecked(True)
        self.clear.enabled = len(self.coordinator.selection.of()) > 0

    def _draw_drag(self, on: bool) -> None:
        with self.drag.changed.blocked():
            self.drag.value = on
