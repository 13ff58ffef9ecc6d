"""Our panels in a window: which there are, which are open, opening them, and where they go."""

import weakref
from functools import partial
from importlib import import_module
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QRect, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QLabel, QMainWindow

from ...choices import DISTRIBUTION
from ..state.workspaces import NAPARI_PANELS, TALL, kind_of
from ..work.dialogs import window_of

__all__ = [
    "AREAS",
    "PLUGIN",
    "dock_named",
    "docks_of",
    "keep_on_screen",
    "open_panels",
    "panel_classes",
    "panel_names",
    "room_of",
    "settle",
    "shorten_title",
    "show_panel",
]

PLUGIN = DISTRIBUTION
LEAST_PICTURES = 260
"""Logical pixels of width that are left to the pictures where a panel is opened by hand."""
NARROW_PICTURES = 240
"""Logical pixels of width that docks never take from the pictures, however small the window becomes."""
AREAS = {
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "bottom": Qt.DockWidgetArea.BottomDockWidgetArea,
}


def _contributions() -> Any:
    from npe2 import PluginManager

    return PluginManager.instance().get_manifest(PLUGIN).contributions


def _panels() -> list[Any]:
    """Panels as the manifest has them; its other widgets are commands of the menu."""
    return [widget for widget in _contributions().widgets or [] if str(widget.command).endswith("_panel")]


def panel_names() -> list[str]:
    """Names of all our panels, as the manifest has them."""
    return [str(widget.display_name) for widget in _panels()]


def panel_classes() -> dict[str, type]:
    """Our panels by their names; imports all of them."""
    makers = {command.id: str(command.python_name) for command in _contributions().commands or []}
    found = {}
    for widget in _panels():
        module, _, name = makers[widget.command].partition(":")
        found[str(widget.display_name)] = getattr(import_module(module), name)
    return found


def docks_of(viewer: Any) -> dict[str, QDockWidget]:
    """Docks of our panels by the panels' names, hidden ones included."""
    if window_of(viewer) is None:
        return {}
    docked = viewer.window._wrapped_dock_widgets
    found = {}
    for name in panel_names():
        dock = next((dock for full, dock in docked.items() if str(full).startswith(f"{name} (")), None)
        if dock is not None:
            found[name] = dock
    return found


def dock_named(viewer: Any, name: str) -> QDockWidget | None:
    """The dock of one of our panels, or of napari's own by its title; None where there is none."""
    found = docks_of(viewer).get(name)
    window = window_of(viewer)
    if found is not None or window is None:
        return found
    own = (dock for dock in window.findChildren(QDockWidget) if dock.objectName() == name)
    return next(own, None)


def open_panels(viewer: Any) -> list[str]:
    """Names of our panels that are docked or float and were not hidden."""
    return [name for name, dock in docks_of(viewer).items() if dock.toggleViewAction().isChecked()]


def show_panel(viewer: Any, name: str) -> Any:
    """Dock a panel with those of its kind, or bring it to the front.

    Returns
    -------
    Panel
        The widget.
    """
    dock = docks_of(viewer).get(name)
    if dock is None:
        dock = viewer.window.add_plugin_dock_widget(PLUGIN, name)[0]
    dock.show()
    dock.raise_()
    return dock.inner_widget()


# -- places ------------------------------------------------------------------------------------------------------


def settle(viewer: Any, dock: QDockWidget, name: str) -> None:
    """Let a dock that napari has just placed stand as a tab among its kind, under a short title.

    napari stacks one panel under the other, which makes the window higher than the screen.
    """
    window = window_of(viewer)
    if window is None or not isinstance(window, QMainWindow) or dock.isFloating():
        return
    shorten_title(dock, name)
    window.centralWidget().setMinimumWidth(NARROW_PICTURES)
    if window.height() < TALL:
        _stack_naparis(window)
    area = AREAS[kind_of(name, window.width(), window.height())]
    others = [other for other in docks_of(viewer).values() if other is not dock]
    others += [other for other in window.findChildren(QDockWidget) if other.objectName() == "layer list"]
    there = [
        other
        for other in others
        if window.dockWidgetArea(other) == area and not other.isFloating() and not other.isHidden()
    ]
    if window.dockWidgetArea(dock) != area:
        window.addDockWidget(area, dock)
    if there:
        window.tabifyDockWidget(there[0], dock)
    QTimer.singleShot(0, partial(_to_front, weakref.ref(dock), weakref.ref(window)))


def _stack_naparis(window: QMainWindow) -> None:
    """Let napari's own docks be tabs where they have no room one above the other."""
    own = [dock for dock in window.findChildren(QDockWidget) if dock.objectName() in NAPARI_PANELS]
    apart = len(own) == 2 and not window.tabifiedDockWidgets(own[0])
    if apart and not any(dock.isHidden() or dock.isFloating() for dock in own):
        window.tabifyDockWidget(*own)


def _to_front(dock: "weakref.ref[QDockWidget]", window: "weakref.ref[QMainWindow]") -> None:
    found, main = dock(), window()
    if found is not None and main is not None and isalive(found) and isalive(main):
        if not found.isHidden():
            found.raise_()
        keep_on_screen(main)
        _leave_room_for_pictures(main, found)


def _leave_room_for_pictures(window: QMainWindow, dock: QDockWidget) -> None:
    """Narrow docks that would squeeze the pictures: they were wide in a larger window, or ask for much."""
    pictures = window.centralWidget()
    lacking = 0 if pictures is None else LEAST_PICTURES - pictures.width()
    beside = [dock, *(other for other in window.findChildren(QDockWidget) if not other.visibleRegion().isEmpty())]
    narrowed = set()
    for one in beside:
        area = window.dockWidgetArea(one)
        if lacking > 0 and area in (AREAS["left"], AREAS["right"]) and area not in narrowed and not one.isFloating():
            narrowed.add(area)
            less = min(lacking, max(one.width() - one.minimumSizeHint().width(), 0))
            lacking -= less
            window.resizeDocks([one], [one.width() - less], Qt.Orientation.Horizontal)


def shorten_title(dock: QDockWidget, name: str) -> None:
    """Call a dock by the name of its panel alone, on its tab and on its bar, which napari makes anew now and then."""
    if not dock.property("has_short_title"):
        dock.setProperty("has_short_title", True)
        again = partial(_shorten_again, weakref.ref(dock), name)
        dock.topLevelChanged.connect(again)
        dock.dockLocationChanged.connect(again)
    dock.setWindowTitle(name)
    bar: Any = dock.titleBarWidget()
    label = getattr(bar, "title", None)
    if isinstance(label, QLabel):
        label.setText(name)


def _shorten_again(dock: "weakref.ref[QDockWidget]", name: str, *_: Any) -> None:
    found = dock()
    if found is not None and isalive(found):
        shorten_title(found, name)


def room_of(window: QMainWindow) -> QRect | None:
    """The part of the screen that a window may fill, in logical pixels; None without a screen."""
    screen = window.screen()
    return None if screen is None else screen.availableGeometry()


def keep_on_screen(window: QMainWindow) -> None:
    """Bring a window back that has grown beyond the screen, or lies outside it."""
    room, frame = room_of(window), window.frameGeometry()
    if room is None or window.isFullScreen() or room.contains(frame):
        return
    inside = window.geometry()
    margins = frame.width() - inside.width(), frame.height() - inside.height()
    width, height = min(inside.width(), room.width() - margins[0]), min(inside.height(), room.height() - margins[1])
    window.resize(width, height)
    left = min(max(frame.left(), room.left()), room.right() + 1 - width - margins[0])
    top = min(max(frame.top(), room.top()), room.bottom() + 1 - height - margins[1])
    window.move(max(left, room.left()), max(top, room.top()))
