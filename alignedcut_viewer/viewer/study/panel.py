"""The Study panel: pictures to colours in one place."""

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

    @property
    def parts(self) -> Sequence[View]:
        """The tabs and what is below them."""
        return self.compute_tab, self.view_tab, self.export_tab, self.place, self.task_bar
