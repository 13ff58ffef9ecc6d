"""Mouse on the canvas: what is pointed at, clicks that pick, drags that choose a region.

napari's own gestures stay: a drag moves the picture, the wheel zooms. A click is a press and a release without a move
between; a drag with Ctrl, Shift or Alt, or any drag while drags select, is a region.
"""

import weakref
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..frames.picture_layout import Place
from ..state.history import SelectionMode
from ..state.view_state import DRAWING_TOOLS, ViewState

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["GESTURES", "Pointer"]

GESTURES = (
    ("Click", "pick a place: where else is this?"),
    ("Shift-click", "add the place to the selection"),
    ("Alt-click", "remove the place from it"),
    ("Ctrl-drag", "pick a region"),
    ("Shift-drag", "add a region"),
    ("Alt-drag", "remove a region"),
)
"""Gestures and what they do, for the help."""

CLICK_DISTANCE = 4.0


class Pointer:
    """Listens to the mouse over one viewer.

    Parameters
    ----------
    viewer
        The viewer.
    view
        Says whether any drag is a region, or drawn with a tool.
    on_hover
        Called with a place, or None when the mouse is elsewhere.
    on_click
        Called with a place and how it changes the selection.
    on_drag
        Called with both corners, how it changes the selection, and whether the drag has ended.
    """

    def __init__(
        self,
        viewer: "ViewerModel",
        view: ViewState,
        on_hover: Callable[[Place | None], None],
        on_click: Callable[[Place, SelectionMode], None],
        on_drag: Callable[[Place, Place, SelectionMode, bool], None],
    ) -> None:
        self._view = view
        self._on_hover, self._on_click, self._on_drag = on_hover, on_click, on_drag
        own = weakref.ref(self)

        def moved(viewer: "ViewerModel", event: Any) -> None:
            pointer = own()
            if pointer is not None and not event.is_dragging:
                pointer._on_hover(_place(viewer, event))

        def dragged(viewer: "ViewerModel", event: Any) -> Generator[None, None, None] | None:
            pointer = own()
            return None if pointer is None else pointer._follow(viewer, event)

        viewer.mouse_move_callbacks.append(moved)
        viewer.mouse_drag_callbacks.append(dragged)

    def _follow(self, viewer: "ViewerModel", event: Any) -> Generator[None, None, None]:
        """From a press to its release."""
        begin = _place(viewer, event)
        if event.button != 1 or begin is None or _is_drawing(viewer):
            return
        draws = self._view.tool in DRAWING_TOOLS
        mode, region = _meaning(event.modifiers, draws or self._view.drag_selects)
        at = np.asarray(event.pos, dtype=float)
        event.handled = region
        yield
        far = False
        while event.type == "mouse_move":
            far = far or _distance(event, at) > CLICK_DISTANCE
            event.handled = region
            end = _place(viewer, event)
            if region and far and end is not None:
                self._on_drag(begin, end, mode, False)
            yield
        event.handled = region
        # Moves in quick succession are not told.
        if not far and _distance(event, at) <= CLICK_DISTANCE:
            self._on_click(begin, mode)
        elif region:
            self._on_drag(begin, _place(viewer, event) or begin, mode, True)


def _meaning(modifiers: Any, drag_selects: bool) -> tuple[SelectionMode, bool]:
    """How the selection changes, and whether a drag is a region."""
    mode: SelectionMode = "add" if "Shift" in modifiers else "remove" if "Alt" in modifiers else "replace"
    return mode, drag_selects or any(key in modifiers for key in ("Shift", "Alt", "Control"))


def _distance(event: Any, place: np.ndarray) -> float:
    return float(np.abs(np.asarray(event.pos, dtype=float) - place).max())


def _is_drawing(viewer: "ViewerModel") -> bool:
    """Whether the layer in hand has a tool that the click is for."""
    layer = viewer.layers.selection.active
    return layer is not None and str(getattr(layer, "mode", "pan_zoom")) not in ("pan_zoom", "Mode.PAN_ZOOM")


def _place(viewer: "ViewerModel", event: Any) -> Place | None:
    """Where the event is, if the pictures are seen flat."""
    displayed = list(viewer.dims.displayed)
    if viewer.dims.ndisplay != 2 or displayed != [viewer.dims.ndim - 2, viewer.dims.ndim - 1]:
        return None
    return Place(float(event.position[-2]), float(event.position[-1]))
