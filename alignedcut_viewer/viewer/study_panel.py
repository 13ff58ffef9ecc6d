"""The Study panel: pictures to colours in one place."""

import contextlib
import weakref
from functools import partial

import napari.viewer
from qtpy.QtCore import QEvent, QSize, QTimer
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from .compute_tab import ComputeTab
from .coordinator import Coordinator
from .export_tab import ExportTab
from .forms import View
from .keys import bind_keys
from .task_bar import TaskBar
from .view_tab import ViewTab

__all__ = ["StudyPanel"]

MINIMUM_WIDTH = 300
USUAL_WIDTH = 360


class StudyPanel(View):
    """Choose pictures and networks, compute, look, export.

    Parameters
    ----------
    viewer
        The viewer that the panel is docked in; napari gives it.
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(Coordinator.of(viewer), parent)
        self.setMinimumWidth(MINIMUM_WIDTH)
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

    def event(self, event: QEvent) -> bool:
        """Go when the dock goes: Qt takes a panel down in order, Python's garbage collector would not."""
        done = super().event(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            QTimer.singleShot(0, partial(_delete_if_alone, weakref.ref(self)))
        return done

    def listen(self) -> None:
        """Let all parts follow the coordinator."""
        for part in self._parts:
            part.start()

    def deafen(self) -> None:
        """Let none of them follow it any longer."""
        for part in self._parts:
            part.stop()

    @property
    def _parts(self) -> tuple[View, ...]:
        return self.compute, self.view, self.export, self.task_bar

    def sizeHint(self) -> QSize:
        """Wide enough that no label is cut off."""
        return QSize(USUAL_WIDTH, 640)


def _delete_if_alone(reference: "weakref.ref[StudyPanel]") -> None:
    """Delete a panel that is in no window; it may have been put into another dock meanwhile."""
    panel = reference()
    with contextlib.suppress(RuntimeError):  # deleted already
        if panel is not None and panel.parent() is None:
            panel.deleteLater()
