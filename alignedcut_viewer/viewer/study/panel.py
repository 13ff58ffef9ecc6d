"""The Study panel: pictures to colours in one place."""

from collections.abc import Sequence

import napari.viewer
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from ..coordinator.coordinator import Coordinator
from ..widgets.forms import View
from ..widgets.keys import bind_keys
from ..widgets.panel_base import Panel
from ..widgets.task_bar import TaskBar
from .compute_tab import ComputeTab
from .export_tab import ExportTab
from .view_tab import ViewTab

__all__ = ["StudyPanel"]


class StudyPanel(Panel):
    """Choose pictures and networks, compute, look, export.

    Parameters
    ----------
    viewer
        The viewer that the panel is docked in; napari gives it.
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(Coordinator.of(viewer), parent)
        self.tabs = QTabWidget(self)
        self.compute = ComputeTab(self.coordinator, self.tabs)
        self.view = ViewTab(self.coordinator, self.tabs)
        self.export = ExportTab(self.coordinator, self.tabs)
        self.tabs.addTab(self.compute, "Compute")
        self.tabs.addTab(self.view, "View")
        self.tabs.addTab(self.export, "Export")
        self.task_bar = TaskBar(self.coordinator, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.task_bar)
        bind_keys(viewer)
        self.start()

    @property
    def parts(self) -> Sequence[View]:
        """The tabs and the bar below them."""
        return self.compute, self.view, self.export, self.task_bar
