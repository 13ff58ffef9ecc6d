"""The Study panel: pictures to colours in one place."""

import os
from collections.abc import Sequence

from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from ..widgets.panel_base import Panel
from ..widgets.study_place import StudyPlace
from ..widgets.task_bar import TaskBar
from ..widgets.view import View
from .compute_tab import ComputeTab
from .export_tab import ExportTab
from .view_tab import ViewTab

__all__ = ["StudyPanel"]


class StudyPanel(Panel):
    """Choose pictures and networks, compute, look, export."""

    title = "Study"
    margin = 2

    def build(self) -> QWidget:
        """Three tabs, and the bar below them."""
        contents = QWidget()
        self.tabs = QTabWidget()
        self.compute_tab = ComputeTab(self.coordinator, self.tabs)
        self.view_tab = ViewTab(self.coordinator, self.tabs)
        self.export_tab = ExportTab(self.coordinator, self.tabs)
        self.tabs.addTab(self.compute_tab, "Compute")
        self.tabs.addTab(self.view_tab, "View")
        self.tabs.addTab(self.export_tab, "Export")
        self.place = StudyPlace(self.coordinator, contents)
        self.task_bar = TaskBar(self.coordinator, contents)
        layout = QVBoxLayout(contents)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.place)
        layout.addWidget(self.task_bar)
        return contents

    def listen(self) -> None:
        """Find the number of processes again, and keep it with the session.

        Not the address of a scheduler: whoever computes for us can have this process run anything, so that the address
        must not come out of a file that somebody else may have made.
        """
        super().listen()
        workers = self.state.get("workers")
        if isinstance(workers, int) and 0 < workers <= (os.cpu_count() or 1):
            self.coordinator.settings.update(workers=workers)
        self.follow(self.coordinator.settings.events.workers, self._keep_workers)

    def _keep_workers(self, workers: int) -> None:
        self.state["workers"] = workers

    @property
    def parts(self) -> Sequence[View]:
        """The tabs and what is below them."""
        return self.compute_tab, self.view_tab, self.export_tab, self.place, self.task_bar
