"""The part of a napari viewer that belongs to a session, and when a session is saved by itself."""

import contextlib
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_warning
from qtpy.QtCore import QEvent, QObject, QTimer

from ...errors import AlignedCutError
from ..layers.display import Display
from ..state.view_state import Position
from ..work.dialogs import is_open, window_of
from .docks import open_panels, panel_names, show_panel
from .sessions import Sessions
from .workspaces import Workspaces

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["Autosave", "ViewerWindow"]

DELAY = 1500
KEPT_OPEN = ("Study", "Selection", "Help")


class ViewerWindow:
    """Camera, layers, panels and sliders of one viewer.

    Parameters
    ----------
    display
        Our layers, and who knows the viewer.
    workspaces
        Where the panels stand.
    """

    def __init__(self, display: Display, workspaces: Workspaces) -> None:
        self._display, self._workspaces = display, workspaces

    def is_open(self) -> bool:
        """Whether there is a window, not closed."""
        viewer = self._display.viewer
        return window_of(viewer) is not None and is_open(viewer)

    def camera(self) -> dict[str, Any]:
        """Centre and zoom."""
        viewer: Any = self._display.viewer
        if viewer is None:
            return {}
        camera = viewer.scene.camera
        return {"center": [float(v) for v in camera.center[-2:]], "zoom": float(camera.zoom)}

    def move_camera(self, camera: dict[str, Any]) -> None:
        """Look there again; what is no camera is passed over."""
        viewer: Any = self._display.viewer
        if viewer is not None:
            with contextlib.suppress(KeyError, TypeError, ValueError):
                viewer.scene.camera.zoom = float(camera["zoom"])
                viewer.scene.camera.center = (0.0, *(float(v) for v in camera["center"]))

    def layers(self) -> dict[str, Any]:
        """Visibility and opacity of our layers, by role."""
        viewer = self._display.viewer
        roles = {} if viewer is None else {layer.metadata.get("alignedcut"): layer for layer in viewer.layers}
        return {
            role: {"visible": bool(layer.visible), "opacity": float(layer.opacity)}
            for role, layer in roles.items()
            if isinstance(role, str)
        }

    def set_layers(self, layers: dict[str, Any]) -> None:
        """Show our layers as they were."""
        viewer = self._display.viewer
        for layer in () if viewer is None else viewer.layers:
            kept = layers.get(layer.metadata.get("alignedcut"))
            if kept is not None:
                layer.visible = bool(kept.get("visible", True))
                layer.opacity = float(np.clip(kept.get("opacity", layer.opacity), 0, 1))

    def go(self, position: Position) -> None:
        """Move the sliders, as far as there are such a network, layer and image."""
        stack = self._display.stack
        if stack is None:
            return
        network, layer, image = position
        now = self._display.position()
        self._display.move_to(
            stack.networks.index(network) if network in stack.networks else now[0],
            stack.layers.index(layer) if layer in stack.layers else now[1],
            stack.index.images.index(image) if image in stack.index.images else now[2],
        )

    def arrangement(self) -> dict[str, Any]:
        """Workspace, size of the window, and places of the panels."""
        return self._workspaces.capture()

    def arrange(self, kept: dict[str, Any]) -> None:
        """Place window and panels as they were, as far as that is known."""
        self._workspaces.restore(kept)

    def panels(self) -> list[str]:
        """Names of our panels that are docked or float."""
        return open_panels(self._display.viewer)

    def open_panels(self, names: list[str], *, anew: bool) -> None:
        """Open panels; those open already read their state anew."""
        viewer: Any = self._display.viewer
        if window_of(viewer) is None:
            return
        known, there = panel_names(), open_panels(viewer)
        for name in names:
            if name not in known:
                continue
            try:
                if name in there and anew and name not in KEPT_OPEN:
                    viewer.window.remove_dock_widget(show_panel(viewer, name))
                if name not in there or (anew and name not in KEPT_OPEN):
                    show_panel(viewer, name)
            except AlignedCutError as error:
                show_warning(str(error))


class Autosave:
    """Saves a session a moment after it changed, and before the window closes.

    Parameters
    ----------
    sessions
        What saves.
    viewer
        Whose window it is; not kept alive.
    at_the_end
        Called after the last time, when the window closes.
    """

    def __init__(self, sessions: Sessions, viewer: "ViewerModel", at_the_end: Callable[[], None]) -> None:
        self._at_the_end = at_the_end
        self._sessions, self._viewer = sessions, weakref.ref(viewer)
        self._timer: QTimer | None = None
        self._watcher: _CloseWatcher | None = None
        sessions.touched.connect(self._on_touched)

    def _on_touched(self) -> None:
        window = window_of(self._viewer())
        if window is None:
            return
        if self._timer is None:
            self._timer = QTimer()
            self._timer.setSingleShot(True)
            self._timer.setInterval(DELAY)
            self._timer.timeout.connect(self._sessions.flush)
            # Panels and camera tell nobody that they changed.
            self._watcher = _CloseWatcher(self._on_close)
            window.installEventFilter(self._watcher)
        self._timer.start()

    def _on_close(self) -> None:
        self._sessions.flush(always=True)
        self._at_the_end()

    def close(self) -> None:
        """Save nothing by itself any more."""
        self._sessions.close()
        window = window_of(self._viewer())
        if self._watcher is not None and window is not None and is_open(self._viewer()):
            window.removeEventFilter(self._watcher)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._watcher = None


class _CloseWatcher(QObject):
    """Calls a function before a window closes."""

    def __init__(self, before: Callable[[], None]) -> None:
        super().__init__()
        self._before = before

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look at the event and let it pass."""
        if event.type() == QEvent.Type.Close:
            self._before()
        return False
