"""Run, progress and Cancel."""

from magicgui.widgets import Container, ProgressBar, PushButton
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..coordinator.coordinator import Coordinator
from ..work.task_runner import TaskState
from .forms import note
from .view import View

__all__ = ["TaskBar"]


class TaskBar(View):
    """The foot of the Study panel: always in sight."""

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self.run = PushButton(name="run", text="Run", tooltip="Compute the study; finished steps are not repeated")
        self.cancel = PushButton(name="cancel", text="Cancel", tooltip="Stop at the next step; finished steps are kept")
        self.bar = ProgressBar(name="progress", min=0, max=1000, label="")
        self.text = note(name="progress_text")
        buttons = Container(layout="horizontal", labels=False, widgets=[self.run, self.cancel])
        buttons.margins = (0, 0, 0, 0)
        box = Container(labels=False, widgets=[self.bar, self.text, buttons])
        box.margins = (6, 2, 6, 4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(box.native)
        self._box = box
        self.run.changed.connect(coordinator.run)
        self.cancel.changed.connect(coordinator.tasks.cancel)

    def listen(self) -> None:
        """Follow the work in the background, and what is said of its end."""
        self.follow(self.coordinator.tasks.changed, self._draw)
        self.follow(self.coordinator.status.changed, self._draw_line)

    def redraw(self) -> None:
        """Show the work in the background."""
        self._draw(self.coordinator.tasks.state)

    def _draw(self, task: TaskState) -> None:
        self.run.enabled = not task.busy
        self.cancel.enabled = task.busy and not task.stopping
        self.bar.native.setVisible(task.busy)
        if task.busy and task.total <= 0:
            self.bar.native.setRange(0, 0)
        else:
            self.bar.native.setRange(0, 1000)
            self.bar.native.setValue(1000 * task.done // task.total if task.total > 0 else 0)
        self._draw_line()

    def _draw_line(self) -> None:
        self.text.value = self.coordinator.status.line
