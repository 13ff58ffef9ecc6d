"""Concepts side by side: which of those that were discovered are shown, their names, and deleting them."""

from qtpy.QtGui import QAction, QActionGroup
from qtpy.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from ..coordinator.coordinator import Coordinator
from ..frames.run_differences import concept_differences
from ..widgets.view import View
from ..work.dialogs import ask_text

__all__ = ["ConceptSetChooser"]


class ConceptSetChooser(View):
    """A button that bears the name of the concepts that are shown; its menu has the others.

    The menu is filled when it opens: what concepts differ in is read then.
    """

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self.button = QToolButton()
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.button.setToolTip("Concepts that were discovered in this cut: show others, rename, delete, undo")
        self.button.setStyleSheet("QToolButton { padding-right: 14px; }")  # room for the arrow
        self.menu = QMenu(self.button)
        self.menu.aboutToShow.connect(self._fill)
        self.button.setMenu(self.menu)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)

    def listen(self) -> None:
        """Follow what is shown."""
        self.follow(self.coordinator.shown.changed, self.redraw)

    def redraw(self) -> None:
        """Show the name of the concepts that are shown."""
        cut = self.coordinator.shown.cut
        name = None if cut is None else cut.concept_set_name
        self.button.setText(name or "no concepts")
        self.button.setEnabled(name is not None or self.coordinator.results.can_restore)

    def _fill(self) -> None:
        self.menu.clear()
        cut, results = self.coordinator.shown.cut, self.coordinator.results
        name = None if cut is None else cut.concept_set_name
        if cut is not None and name is not None:
            group = QActionGroup(self.menu)
            for each, differs in concept_differences(cut).items():
                action = QAction(f"{each}  —  {differs}" if differs else each, self.menu)
                action.setCheckable(True)
                action.setChecked(each == name)
                action.triggered.connect(lambda _=False, each=each: results.show_concepts(each))
                group.addAction(action)
                self.menu.addAction(action)
            self.menu.addSeparator()
            self.menu.addAction("Rename…", lambda: self._rename(name))
            self.menu.addAction("Delete", lambda: results.delete_concepts(name))
        last = results.last_deleted
        undo = self.menu.addAction(f"Undo: bring back {last}" if last else "Undo", results.restore)
        undo.setEnabled(bool(last))

    def _rename(self, old: str) -> None:
        name = ask_text(self, "Rename concepts", "Name of these concepts:", old)
        if name is not None:
            self.coordinator.results.rename_concepts(old, name)
