"""Progress at the foot of the panel that asked for the work."""

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QSizePolicy, QToolButton, QWidget
from superqt import QElidingLabel

from ..coordinator.coordinator import Coordinator
from ..work.task_runner import TaskState
from .view import View

__all__ = ["ProgressStrip"]


class ProgressStrip(View):
    """One line while certain work is going on: what it does, how far it is, and Cancel.

    Parameters
    ----------
    coordinator
        Whose work it is.
    titles
        Which work.
    """

    def __init__(self, coordinator: Coordinator, titles: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self._titles = tuple(titles)
        self.text = QElidingLabel()
        self.text.setElideMode(Qt.TextElideMode.ElideRight)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.bar = QProgressBar()
        self.bar.setFixedWidth(90)
        self.bar.setTextVisible(False)
        self.cancel = QToolButton()
        self.cancel.setText("Cancel")
        self.cancel.setToolTip("Stop at the next step; finished steps are kept (Shift-Escape)")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 2, 6, 2)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.bar)
        layout.addWidget(self.cancel)
        self.cancel.clicked.connect(coordinator.tasks.cancel)
        self.hide()

    def listen(self) -> None:
        """Follow the work in the background."""
        self.follow(self.coordinator.tasks.changed, self._draw)

    def redraw(self) -> None:
        """Show the work, if it is one of these."""
        self._draw(self.coordinator.tasks.state)

    def _draw(self, task: TaskState) -> None:
        self.setVisible(task.busy and task.title in self._titles)
        if task.busy:
            self.text.setText("stopping after this step…" if task.stopping else task.text)
            self.bar.setRange(0, max(task.total, 0))
            self.bar.setValue(max(task.done, 0))
            self.cancel.setEnabled(not task.stopping)
