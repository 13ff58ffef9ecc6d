"""Commands in Plugins ▸ AlignedCut, beside the panels.

napari puts a plugin's *widgets* into that menu and nothing else: commands may only be contributed to menus such as
File ▸ IO Utilities. So each command of this menu is a widget whose dock never comes up: as soon as napari hands it a
dock, it hides it, takes it away again, and does what it is there for.
"""

import weakref
from functools import partial
from typing import Any, ClassVar

import napari.viewer
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QDockWidget, QWidget

from .widgets import commands

__all__ = [
    "AddPictures",
    "DemoStudy",
    "ExportFigure",
    "ExportMask",
    "ExportMasks",
    "MenuCommand",
    "OpenImageFolder",
    "OpenSession",
    "OpenStudy",
    "SaveSession",
]


class MenuCommand(QWidget):
    """A line of the menu.

    Parameters
    ----------
    viewer
        The viewer whose menu it is; napari gives it.
    """

    command: ClassVar[str]
    """Name of the function in :mod:`.widgets.commands`."""

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__()
        self._viewer = viewer

    def event(self, event: QEvent) -> bool:
        """Do it when napari has made a dock, which nobody shall see."""
        dock = self.parent()
        if event.type() == QEvent.Type.ParentChange and isinstance(dock, QDockWidget):
            dock.hide()
            QTimer.singleShot(0, partial(_do, self._viewer, weakref.ref(dock), self.command))
        return bool(super().event(event))


def _do(viewer: Any, reference: "weakref.ref[QDockWidget]", command: str) -> None:
    dock = reference()
    if dock is not None and isalive(dock):
        viewer.window.remove_dock_widget(dock)
    getattr(commands, command)(viewer)


def _line(command: str) -> type[MenuCommand]:
    """The class that napari.yaml names for a command."""
    return type(command, (MenuCommand,), {"command": command})


OpenImageFolder = _line("open_image_folder")
OpenStudy = _line("open_study")
AddPictures = _line("add_pictures")
OpenSession = _line("open_session")
SaveSession = _line("save_session")
DemoStudy = _line("demo_study")
ExportFigure = _line("export_figure")
ExportMasks = _line("export_masks")
ExportMask = _line("export_mask")
