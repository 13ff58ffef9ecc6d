"""The Brain panel: which parts of visual cortex the selected pixels speak to."""

import contextlib
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import napari.viewer
from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ..coordinator.coordinator import Coordinator
from ..widgets.forms import View
from ..widgets.keys import bind_keys
from .board import BrainBoard
from .source import HOW_TO_GET_ONE, activation_work, known_activation, leads_to_the_brain

if TYPE_CHECKING:
    from ...study.brain_activation import BrainActivation

__all__ = ["BrainPanel"]

MINIMUM_WIDTH = 320
NO_RESULT = (
    "<b>No result yet.</b> Run a study in the Study panel, or open one. Then this panel shows what its pixels do to "
    "the brain."
)
COMPUTING = "<b>Working.</b> What every pixel does to every brain region is computed once for this result, and kept."
STOPPED = "What every pixel does to every brain region has not been computed for this result yet."


class BrainPanel(View):
    """Bars, curves over layers and the cortex for the selection; without brain data, how to get some.

    Parameters
    ----------
    viewer
        The viewer that the panel is docked in; napari gives it.
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(Coordinator.of(viewer), parent)
        self.setMinimumWidth(MINIMUM_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.board = BrainBoard(self.coordinator)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.RichText)
        self.note.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.compute = QPushButton("Compute")
        self.compute.setToolTip("Compute it now, in the background")
        self.study = QPushButton("Open the Study panel")
        self.study.setToolTip("There the alignment may be trained on brain data, or on simulated ones")
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(12, 12, 12, 12)
        for widget in (self.note, self.compute, self.study):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignTop)
        column.addStretch(1)
        self.pages = QStackedWidget()
        self.pages.addWidget(page)
        self.area = QScrollArea()
        self.area.setWidget(self.board)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.pages.addWidget(self.area)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pages)
        self._asked: Any = None
        self.compute.clicked.connect(self._compute)
        self.study.clicked.connect(self._open_study_panel)
        bind_keys(viewer)
        self.start()

    def event(self, event: QEvent) -> bool:
        """Go when the dock goes."""
        done = super().event(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.board.lower.window_3d.close()
            QTimer.singleShot(0, partial(_delete_if_alone, weakref.ref(self)))
        return done

    def sizeHint(self) -> QSize:
        """Room for twelve regions and six views."""
        return QSize(400, 680)

    def listen(self) -> None:
        """Follow what is shown and what is at work."""
        self.coordinator.shown.changed.connect(self._on_shown)
        self.coordinator.tasks.changed.connect(self._on_task)
        self.board.start()

    def deafen(self) -> None:
        """Follow them no longer."""
        self.coordinator.shown.changed.disconnect(self._on_shown)
        self.coordinator.tasks.changed.disconnect(self._on_task)
        self.board.stop()

    def redraw(self) -> None:
        """Show the board, or what is missing for it."""
        self._on_shown()

    def _on_shown(self) -> None:
        study = self.coordinator.shown.study
        cut = None if study is None else study.cut
        activation = None if cut is None else known_activation(cut)
        if activation is not None:
            self._show_board(activation)
        elif study is None or cut is None:
            self._say(NO_RESULT, study=True)
        elif not leads_to_the_brain(study.study, cut):
            self._say(HOW_TO_GET_ONE, study=True)
        elif self._asked == study.identity:
            self._say(STOPPED, compute=True)
        elif self.coordinator.tasks.state.busy:
            self._say(COMPUTING)  # begun when what is at work has ended
        else:
            self._compute()

    def _on_task(self, task: Any) -> None:
        if self.pages.currentIndex() == 0 and not task.busy:
            # not in this turn: what the work gave is shown first
            QTimer.singleShot(0, partial(_look_again, weakref.ref(self)))

    def _show_board(self, activation: "BrainActivation") -> None:
        self.board.set_activation(activation)
        self.pages.setCurrentWidget(self.area)

    def _say(self, words: str, *, compute: bool = False, study: bool = False) -> None:
        self.board.set_activation(None)
        self.note.setText(words)
        self.compute.setVisible(compute)
        self.study.setVisible(study)
        self.pages.setCurrentIndex(0)

    def _compute(self) -> None:
        study = self.coordinator.shown.study
        cut = None if study is None else study.cut
        if study is None or cut is None:
            return
        self._asked = study.identity
        opened = study.study
        self._say(COMPUTING)
        if not self.coordinator.tasks.start(
            "Brain activation", lambda progress: activation_work(opened, cut, progress), self._computed
        ):
            self._say(STOPPED, compute=True)

    def _computed(self, activation: "BrainActivation") -> None:
        if self._listening:
            self._on_shown()

    def _open_study_panel(self) -> None:
        from ..widgets.commands import show_study_panel

        viewer = self.coordinator.viewer
        if viewer is not None:
            show_study_panel(viewer)


def _look_again(reference: "weakref.ref[BrainPanel]") -> None:
    panel = reference()
    with contextlib.suppress(RuntimeError):  # deleted meanwhile
        waits = panel is not None and panel._listening and panel.pages.currentIndex() == 0
        if panel is not None and waits and not panel.coordinator.tasks.state.busy:
            panel._on_shown()


def _delete_if_alone(reference: "weakref.ref[BrainPanel]") -> None:
    """Delete a panel that is in no window; it may have been put into another dock meanwhile."""
    panel = reference()
    with contextlib.suppress(RuntimeError):  # deleted already
        if panel is not None and panel.parent() is None:
            panel.deleteLater()
