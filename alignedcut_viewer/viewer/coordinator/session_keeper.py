"""What a window shows, kept: by itself in the study, and in a file of the user's choice."""

import contextlib
import weakref
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_warning
from qtpy.QtCore import QEvent, QObject, QTimer

from ...errors import AlignedCutError, StorageError
from ..state.history import SELECTIONS, Selection
from ..state.session_file import AUTOSAVE, SessionState, write_session
from ..state.similarity import SCOPES, SPACES, SimilaritySettings
from ..work.dialogs import is_open, window_of

if TYPE_CHECKING:
    from .naming import Naming

__all__ = ["Sessions", "open_panels", "panel_names"]

PLUGIN = "alignedcut-viewer"
DELAY = 1500
KEPT_OPEN = ("Study", "Selection", "Help")


class Sessions:
    """Saves and restores how a study is looked at.

    Parameters
    ----------
    coordinator
        Whose viewer it is; not kept alive.
    """

    def __init__(self, coordinator: "Naming") -> None:
        self._coordinator = weakref.ref(coordinator)
        self._timer: QTimer | None = None
        self._watcher: _CloseWatcher | None = None
        self._unwritable: Path | None = None
        self._changed = self._closed = False

    # -- by itself -----------------------------------------------------------------------------------------------

    def touch(self, *anything: Any) -> None:
        """Something changed: save a moment later."""
        coordinator = self._coordinator()
        window = None if coordinator is None else window_of(coordinator.viewer)
        if self._closed or coordinator is None or coordinator.study is None or not is_open(coordinator.viewer):
            return
        if window is None:
            return
        if self._timer is None:
            own = weakref.ref(self)
            self._timer = QTimer()
            self._timer.setSingleShot(True)
            self._timer.setInterval(DELAY)
            self._timer.timeout.connect(lambda: _flush(own))
            self._watcher = _CloseWatcher(lambda: _flush(own, always=True))
            window.installEventFilter(self._watcher)
        self._changed = True
        self._timer.start()

    def flush(self) -> None:
        """Save now what has changed since the last time; a study that cannot be written is left alone."""
        if not self._changed:
            return
        self.stop()
        coordinator = self._coordinator()
        if coordinator is None or coordinator.study is None or coordinator.study.path == self._unwritable:
            return
        path = coordinator.study.path
        if not path.is_dir():
            return
        try:
            write_session(path / AUTOSAVE, self.capture())
        except StorageError:
            # Nobody asked for it; names that the user gives are another matter, and told.
            self._unwritable = path

    def stop(self) -> None:
        """Save nothing by itself until something changes."""
        self._changed = False
        if self._timer is not None:
            self._timer.stop()

    def close(self) -> None:
        """Save nothing by itself any more."""
        self.stop()
        self._closed = True
        coordinator = self._coordinator()
        window = None if coordinator is None else window_of(coordinator.viewer)
        if self._watcher is not None and window is not None and is_open(coordinator.viewer):
            window.removeEventFilter(self._watcher)
        self._timer = self._watcher = None

    # -- capture and restore -------------------------------------------------------------------------------------

    def capture(self) -> SessionState:
        """What the window shows now.

        Raises
        ------
        StorageError
            If no study is shown.
        """
        coordinator = self._coordinator()
        if coordinator is None or coordinator.study is None:
            raise StorageError("There is no study to save a session of; open or compute one first.")
        study, viewer = coordinator.study, coordinator.viewer
        cut = study.cut
        camera = viewer.scene.camera
        layers = {}
        for layer in viewer.layers:
            role = layer.metadata.get("alignedcut")
            if isinstance(role, str):
                layers[role] = {"visible": bool(layer.visible), "opacity": float(layer.opacity)}
        return SessionState(
            study=str(study.path),
            cut="" if cut is None else cut.name,
            index=None if cut is None else cut.index,
            selections={which: coordinator.selection(which).nodes for which in SELECTIONS},
            active=coordinator.active,
            position=coordinator.position,
            similarity=asdict(coordinator.similarity),
            smooth=coordinator.smooth,
            drag_selects=coordinator.pointer.drag_selects,
            camera={"center": [float(v) for v in camera.center[-2:]], "zoom": float(camera.zoom)},
            layers=layers,
            panels=open_panels(viewer),
            panel_state=coordinator.panel_state,
        )

    def restore(self, state: SessionState) -> None:
        """Show the study that is open as it was; what no longer fits is left out, and told."""
        coordinator = self._coordinator()
        viewer = None if coordinator is None else coordinator.viewer
        if coordinator is None or viewer is None or coordinator.study is None:
            return
        cut = coordinator.study.cut
        coordinator.set_smooth(bool(state.smooth))
        coordinator.set_drag_selects(bool(state.drag_selects))
        coordinator.change_similarity(**_fitting(state.similarity))
        anew = state.panel_state != coordinator.panel_state
        coordinator.panel_state = {str(name): dict(kept) for name, kept in state.panel_state.items()}
        if cut is not None and cut.name == state.cut:
            if state.active in SELECTIONS:
                coordinator.set_active(state.active)
            nodes = state.nodes_in(cut.index)
            coordinator.history.assign({which: Selection(nodes[which]) for which in SELECTIONS if which in nodes})
            lost = sum(len(old) for old in state.selections.values()) - sum(len(new) for new in nodes.values())
            if lost:
                show_warning(f"{lost:,} nodes of the session's selections are not part of this cut any more.")
            if state.position is not None:
                self._go(state.position)
        self._open(viewer, state.panels, anew)
        for layer in viewer.layers:
            kept = state.layers.get(layer.metadata.get("alignedcut"))
            if kept is not None:
                layer.visible = bool(kept.get("visible", True))
                layer.opacity = float(np.clip(kept.get("opacity", layer.opacity), 0, 1))
        with contextlib.suppress(KeyError, TypeError, ValueError):
            viewer.scene.camera.zoom = float(state.camera["zoom"])
            viewer.scene.camera.center = (0.0, *(float(v) for v in state.camera["center"]))

    def _go(self, position: tuple[str, int, int]) -> None:
        coordinator = self._coordinator()
        stack = None if coordinator is None else coordinator.display.stack
        if stack is None:
            return
        network, layer, image = position
        now = coordinator.display.position()
        coordinator.display.move_to(
            stack.networks.index(network) if network in stack.networks else now[0],
            stack.layers.index(layer) if layer in stack.layers else now[1],
            stack.index.images.index(image) if image in stack.index.images else now[2],
        )

    def _open(self, viewer: Any, names: list[str], anew: bool) -> None:
        """Open the panels of the session; those open already read their state anew."""
        if window_of(viewer) is None:
            return
        known, there = panel_names(), open_panels(viewer)
        for name in names:
            if name not in known:
                continue
            try:
                if name in there and anew and name not in KEPT_OPEN:
                    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, name)
                    viewer.window.remove_dock_widget(panel)
                if name not in there or (anew and name not in KEPT_OPEN):
                    viewer.window.add_plugin_dock_widget(PLUGIN, name, tabify=bool(there))
            except AlignedCutError as error:
                show_warning(str(error))


class _CloseWatcher(QObject):
    """Calls a function before a window closes."""

    def __init__(self, before: Any) -> None:
        super().__init__()
        self._before = before

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look at the event and let it pass."""
        if event.type() == QEvent.Type.Close:
            self._before()
        return False


def _flush(reference: "weakref.ref[Sessions]", *, always: bool = False) -> None:
    sessions = reference()
    if sessions is not None:
        # Panels and camera tell nobody that they changed.
        sessions._changed |= always
        sessions.flush()


def _fitting(similarity: dict[str, Any]) -> dict[str, Any]:
    """Settings that this version knows."""
    known = {field.name for field in fields(SimilaritySettings)}
    kept = {name: value for name, value in similarity.items() if name in known}
    if kept.get("space") not in SPACES:
        kept.pop("space", None)
    if kept.get("scope") not in SCOPES:
        kept.pop("scope", None)
    return kept


def panel_names() -> list[str]:
    """Names of all our panels, as the manifest has them."""
    from npe2 import PluginManager

    widgets = PluginManager.instance().get_manifest(PLUGIN).contributions.widgets or []
    return [widget.display_name for widget in widgets]


def open_panels(viewer: Any) -> list[str]:
    """Names of our panels that are docked or float."""
    if window_of(viewer) is None:
        return []
    docked = viewer.window._wrapped_dock_widgets
    return [name for name in panel_names() if any(str(full).startswith(f"{name} (") for full in docked)]
