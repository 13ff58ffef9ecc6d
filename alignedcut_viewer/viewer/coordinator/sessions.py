"""How a study is looked at, kept and brought back. Knows neither Qt nor napari."""

import contextlib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Protocol

from psygnal import Signal

from ...errors import StorageError
from ...places import Location
from ..state.history import SELECTIONS, Selection
from ..state.session_file import AUTOSAVE, SessionState, write_session
from ..state.similarity import SCOPES, SPACES, SimilaritySettings
from ..state.view_state import Position, ViewState
from .canvas import Canvas
from .node_selection import NodeSelection
from .shown import Shown
from .similarity import Similarity

__all__ = ["SessionWindow", "Sessions"]


class SessionWindow(Protocol):
    """What of a window belongs to a session; :class:`~.session_window.ViewerWindow` is that of a viewer."""

    def is_open(self) -> bool:
        """Whether there is a window, not closed."""

    def camera(self) -> dict[str, Any]:
        """Centre and zoom."""

    def layers(self) -> dict[str, Any]:
        """Visibility and opacity of our layers, by role."""

    def panels(self) -> list[str]:
        """Names of our panels that are open."""

    def move_camera(self, camera: dict[str, Any]) -> None:
        """Look there again."""

    def set_layers(self, layers: dict[str, Any]) -> None:
        """Show our layers as they were."""

    def open_panels(self, names: list[str], *, anew: bool) -> None:
        """Open panels; with `anew`, those that are open read their state again."""

    def arrangement(self) -> dict[str, Any]:
        """Workspace, size of the window, and places of the panels."""

    def arrange(self, kept: dict[str, Any]) -> None:
        """Place window and panels as they were, as far as that is known."""

    def go(self, position: Position) -> None:
        """Move the sliders, as far as there are such a network, layer and image."""


class Sessions:
    """Saves and restores how a study is looked at.

    Parameters
    ----------
    shown, selection, similarity, view, canvas, panel_state
        What is saved.
    window
        The rest of it.

    Attributes
    ----------
    touched
        Signal: something changed; it is to be saved a moment later.
    warned
        Signal (sentence): part of a session no longer fits.
    """

    touched = Signal()
    warned = Signal(str)

    def __init__(
        self,
        shown: Shown,
        selection: NodeSelection,
        similarity: Similarity,
        view: ViewState,
        canvas: Canvas,
        panel_state: dict[str, dict[str, Any]],
        window: SessionWindow,
    ) -> None:
        self._shown, self._selection, self._similarity, self._view = shown, selection, similarity, view
        self._canvas, self._panel_state, self._window = canvas, panel_state, window
        self._unwritable: Location | None = None
        self._changed = self._closed = False
        for signal in (selection.changed, selection.active_changed, similarity.settings.events, view.events):
            signal.connect(self.touch)

    # -- by itself -----------------------------------------------------------------------------------------------

    def touch(self) -> None:
        """Something changed: save a moment later."""
        if not self._closed and self._shown.study is not None and self._window.is_open():
            self._changed = True
            self.touched.emit()

    def flush(self, *, always: bool = False) -> None:
        """Save in the study what has changed since the last time; a study that cannot be written is left alone."""
        study = self._shown.study
        if self._closed or not (self._changed or always) or study is None:
            return
        self.stop()
        kept = study.study.store.files.own(AUTOSAVE)
        if study.path == self._unwritable or not kept.parent.is_dir():
            return
        try:
            write_session(kept, self.capture())
        except StorageError:
            # Nobody asked for it; names that the user gives are another matter, and told.
            self._unwritable = study.path

    def stop(self) -> None:
        """Save nothing by itself until something changes."""
        self._changed = False

    def close(self) -> None:
        """Save nothing by itself any more."""
        self.stop()
        self._closed = True

    # -- capture and restore -------------------------------------------------------------------------------------

    def capture(self) -> SessionState:
        """What the window shows now.

        Raises
        ------
        StorageError
            If no study is shown.
        """
        study = self._shown.study
        if study is None:
            raise StorageError("There is no study to save a session of; open or compute one first.")
        cut = study.cut
        return SessionState(
            study=str(study.path),
            cut="" if cut is None else cut.name,
            index=None if cut is None else cut.index,
            selections={which: self._selection.of(which).nodes for which in SELECTIONS},
            active=self._selection.active,
            position=self._view.position,
            similarity=asdict(self._similarity.settings),
            smooth=self._view.smooth,
            drag_selects=self._view.drag_selects,
            canvas=self._canvas.state,
            camera=self._window.camera(),
            layers=self._window.layers(),
            panels=self._window.panels(),
            panel_state=self._panel_state,
            arrangement=self._window.arrangement(),
        )

    def save(self, path: str | Path) -> None:
        """Write what the window shows into a file.

        Raises
        ------
        StorageError
            If no study is shown, or the file cannot be written.
        """
        write_session(Path(path), self.capture())

    def restore(self, state: SessionState) -> None:
        """Show the study that is open as it was; what no longer fits is left out, and told."""
        if self._shown.study is None:
            return
        self._view.update(smooth=bool(state.smooth), drag_selects=bool(state.drag_selects))
        self._similarity.settings.update(**_fitting(state.similarity))
        anew = state.panel_state != self._panel_state
        panels = {str(name): dict(values) for name, values in state.panel_state.items()}
        self._panel_state.clear()
        self._panel_state.update(panels)
        cut = self._shown.cut
        if cut is not None and cut.name == state.cut:
            if state.active in SELECTIONS:
                self._selection.set_active(state.active)
            nodes = state.nodes_in(cut.index)
            kept = {which: Selection(nodes[which]) for which in SELECTIONS if which in nodes}
            follows = state.canvas.get("view") not in ("region", "concepts")
            with contextlib.nullcontext() if follows else self._similarity.held():
                self._selection.history.assign(kept)
            lost = sum(len(old) for old in state.selections.values()) - sum(len(new) for new in nodes.values())
            if lost:
                self.warned.emit(f"{lost:,} nodes of the session's selections are no longer part of this cut.")
            if state.position is not None:
                self._window.go(state.position)
            self._canvas.restore(state.canvas)
        self._window.open_panels(state.panels, anew=anew)
        self._window.arrange(state.arrangement)
        self._window.set_layers(state.layers)
        self._window.move_camera(state.camera)


def _fitting(similarity: dict[str, Any]) -> dict[str, Any]:
    """Settings that this version knows."""
    known = {field.name for field in fields(SimilaritySettings)}
    kept = {name: value for name, value in similarity.items() if name in known}
    if kept.get("space") not in SPACES:
        kept.pop("space", None)
    if kept.get("scope") not in SCOPES:
        kept.pop("scope", None)
    return kept
