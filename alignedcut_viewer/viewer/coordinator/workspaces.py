"""Workspaces of one window: arranging panels, remembering arrangements, own ones under names."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from psygnal import Signal
from qtpy.compat import isalive
from qtpy.QtCore import QByteArray, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow

from ...atomic_files import replace_file
from ...errors import InputError, StorageError
from ..state.workspaces import NAPARI_PANELS, WORKSPACES, Workspace, arrange
from ..work.dialogs import is_open, window_of
from .docks import (
    AREAS,
    dock_named,
    docks_of,
    keep_on_screen,
    open_panels,
    panel_names,
    room_of,
    shorten_title,
    show_panel,
)

__all__ = ["Workspaces", "fill_screen"]

LEFT_WIDTH = 300
BELOW_HEIGHT = 210
LEAST_RIGHT = 440
UPPER_AND_LOWER = (0.58, 0.42)


class Workspaces:
    """Arrangements of the panels around the pictures.

    Parameters
    ----------
    viewer
        Gives the viewer, or None after it is gone.

    Attributes
    ----------
    changed
        Signal: another workspace is in front, or own ones were saved or deleted.
    current
        Name of the workspace; "" before there is one.
    """

    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._turn = 0
        self.current = ""
        self.own: dict[str, dict[str, Any]] = _read_own()

    @property
    def _window(self) -> QMainWindow | None:
        viewer = self._viewer()
        window = window_of(viewer)
        return window if isinstance(window, QMainWindow) and is_open(viewer) else None

    @property
    def names(self) -> list[str]:
        """Names of ours, as far as their panels are there."""
        known = panel_names()
        return [workspace.name for workspace in WORKSPACES if workspace.main[0] in known]

    def show(self, name: str) -> None:
        """Arrange the panels of a workspace; others are hidden, and stay as they are.

        Raises
        ------
        InputError
            If there is no such workspace.
        """
        if name in self.own:
            self.restore(self.own[name])
        else:
            found = next((one for one in WORKSPACES if one.name == name and name in self.names), None)
            if found is None:
                raise InputError(f"There is no workspace {name!r}; there are: {', '.join((*self.names, *self.own))}.")
            self._place(found)
        self.current = name
        self.changed.emit()

    def reset(self) -> None:
        """Arrange the panels of the present workspace as at first."""
        self.show(self.current if self.current in self.names else self.names[0])

    def _place(self, workspace: Workspace) -> None:
        window, viewer = self._window, self._viewer()
        if window is None:
            return
        window.setUpdatesEnabled(False)
        # What is below the picture leaves the panels at its sides their full height.
        window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        try:
            groups = arrange(workspace, window.width(), window.height(), panel_names())
            wanted = {name for group in groups for name in group.panels}
            for name in wanted - set(docks_of(viewer)) - set(NAPARI_PANELS):
                show_panel(viewer, name)
            for name, dock in self._present():
                self._take_out(window, dock)
                shorten_title(dock, name)
            fronts: list[tuple[str, QDockWidget]] = []
            for group in groups:
                docks = [dock for name in group.panels if (dock := dock_named(viewer, name)) is not None]
                for number, dock in enumerate(docks):
                    if number == 0:
                        window.addDockWidget(AREAS[group.area], dock)
                        if fronts and fronts[-1][0] == group.area == "right":
                            window.splitDockWidget(fronts[-1][1], dock, Qt.Orientation.Vertical)
                    else:
                        window.tabifyDockWidget(docks[0], dock)
                    dock.show()
                if docks:
                    fronts.append((group.area, docks[0]))
            for _, dock in fronts:
                dock.raise_()
            self._share_out(window, workspace, fronts)
        finally:
            window.setUpdatesEnabled(True)
        self._turn += 1
        QTimer.singleShot(0, partial(self._settle, self._turn, workspace, fronts))

    def _settle(self, turn: int, workspace: Workspace, fronts: list[tuple[str, QDockWidget]]) -> None:
        """Once more when the panels have told how large they want to be, unless they stand elsewhere by now."""
        window = self._window
        if window is None or turn != self._turn:
            return
        keep_on_screen(window)
        for _, dock in fronts:
            if isalive(dock):
                dock.raise_()
        self._share_out(window, workspace, [(area, dock) for area, dock in fronts if isalive(dock)])

    def _share_out(self, window: QMainWindow, workspace: Workspace, fronts: list[tuple[str, QDockWidget]]) -> None:
        sizes = {"left": LEFT_WIDTH, "right": max(round(window.width() * workspace.share), LEAST_RIGHT)}
        beside = [(dock, sizes[area]) for area, dock in fronts if area in sizes]
        below = [dock for area, dock in fronts if area == "bottom"]
        right = [dock for area, dock in fronts if area == "right"]
        if beside:
            docks, widths = zip(*beside, strict=True)
            window.resizeDocks(list(docks), list(widths), Qt.Orientation.Horizontal)
        if len(right) > 1:
            heights = [round(window.height() * part) for part in UPPER_AND_LOWER]
            window.resizeDocks(right, heights, Qt.Orientation.Vertical)
        if below:
            window.resizeDocks(below, [BELOW_HEIGHT] * len(below), Qt.Orientation.Vertical)

    def _present(self) -> list[tuple[str, QDockWidget]]:
        """Our panels and napari's, hidden ones included.

        A dock that is taken out of the window belongs to who holds it in Python, and napari holds it weakly: what is
        hidden would be collected, with all that was typed into it. The window holds them. We must not: docks hold the
        viewer, so that it, and all it shows, would never be let go of.
        """
        present = [*docks_of(self._viewer()).items(), *self._naparis()]
        if (window := self._window) is not None:
            vars(window)["_alignedcut_docks"] = tuple(dock for _, dock in present)
        return present

    @staticmethod
    def _take_out(window: QMainWindow, dock: QDockWidget) -> None:
        """Hide a dock, and let go of its place."""
        if dock.isFloating():
            dock.setFloating(False)
        window.removeDockWidget(dock)

    def _naparis(self) -> list[tuple[str, QDockWidget]]:
        found = ((name, dock_named(self._viewer(), name)) for name in NAPARI_PANELS)
        return [(name, dock) for name, dock in found if dock is not None]

    # -- as the user left it -------------------------------------------------------------------------------------

    def capture(self) -> dict[str, Any]:
        """Workspace, size of the window, places and sizes of the panels; JSON-ready, {} without a window."""
        window = self._window
        if window is None:
            return {}
        return {
            "workspace": self.current,
            "panels": open_panels(self._viewer()),
            "naparis": [name for name, dock in self._naparis() if not dock.isHidden()],
            "maximised": bool(window.isMaximized()),
            "size": [window.width(), window.height()],
            "docks": bytes(window.saveState().data()).hex(),
        }

    def restore(self, kept: dict[str, Any]) -> bool:
        """Arrange panels and window as they were captured; False where that cannot be read, and nothing happens.

        What does not fit a smaller screen is arranged anew, as the workspace was at first.
        """
        window, viewer = self._window, self._viewer()
        try:
            panels = [str(name) for name in kept["panels"]]
            docks = QByteArray(bytes.fromhex(kept["docks"]))
            width, height = (int(side) for side in kept["size"])
        except (KeyError, TypeError, ValueError):
            return False
        if window is None:
            return False
        self._turn += 1
        for name in panels:
            if name in panel_names():
                show_panel(viewer, name)
        if kept.get("maximised"):
            fill_screen(window)
        elif not window.isMaximized():
            window.resize(width, height)
        wanted = {*panels, *kept.get("naparis", NAPARI_PANELS)}
        closed = [dock for name, dock in self._present() if name not in wanted]
        done = bool(window.restoreState(docks))
        for dock in closed:  # Qt gives those that the state does not know a place of its own choice
            self._take_out(window, dock)
        for name, dock in docks_of(viewer).items():
            shorten_title(dock, name)
        self.current = str(kept.get("workspace", ""))
        room, least = room_of(window), window.minimumSizeHint()
        if room is not None and (least.width() > room.width() or least.height() > room.height()):
            self.reset()  # it was arranged on a larger screen
        keep_on_screen(window)
        QTimer.singleShot(0, lambda: keep_on_screen(window) if self._window is window else None)
        self.changed.emit()
        return done

    # -- own ones ------------------------------------------------------------------------------------------------

    def save(self, name: str) -> None:
        """Keep the present arrangement under a name, for all studies.

        Raises
        ------
        InputError
            If the name is empty or that of one of ours.
        StorageError
            If it cannot be written.
        """
        chosen = " ".join(name.split())
        if not chosen or chosen in {workspace.name for workspace in WORKSPACES}:
            raise InputError(f"An own workspace needs a name that none of ours has; got {name!r}.")
        _write_own({**self.own, chosen: {**self.capture(), "workspace": chosen}})
        self.own = _read_own()
        self.current = chosen
        self.changed.emit()

    def delete(self, name: str) -> None:
        """Forget an own workspace."""
        _write_own({key: value for key, value in self.own.items() if key != name})
        self.own = _read_own()
        self.changed.emit()


def fill_screen(window: QMainWindow) -> None:
    """Maximise a window, also where no window manager does it."""
    room = room_of(window)
    if room is not None:
        window.setGeometry(room)
    window.showMaximized()


def _own_file() -> Path:
    from qtpy.QtCore import QStandardPaths

    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(place or Path.home()) / "alignedcut" / "workspaces.json"


def _read_own() -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(_own_file().read_text(encoding="utf-8"))
        return {str(name): dict(value) for name, value in content.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _write_own(own: dict[str, dict[str, Any]]) -> None:
    file = _own_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {file.parent} cannot be made: {error}") from error
    replace_file(file, json.dumps(own, indent=1).encode())
