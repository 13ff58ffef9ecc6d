"""What mouse and keys do on the map: move, lasso, brush, and a crosshair for the keys alone."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtWidgets import QWidget

from ..frames.mark_stacks import rgb_of
from ..points.grid import Viewport
from ..points.raster import Marks, PointRaster
from ..state.history import SELECTION_COLOURS, SELECTIONS, SelectionMode
from ..widgets.painting import Colours, PaintedWidget

__all__ = ["BRUSH_RADII", "MAP_KEYS", "TOOLS", "ZOOM_STEP", "MapTools", "mode_of"]

Tool = Literal["move", "lasso", "brush"]
TOOLS: dict[Tool, str] = {
    "move": "Drag to move, wheel to zoom, click to pick; Ctrl-drag is a lasso, Shift adds, Alt removes (M)",
    "lasso": "Draw around tokens to choose them; Shift adds, Alt removes (L)",
    "brush": "Paint over tokens to choose them; Shift adds, Alt removes; Ctrl and wheel: size (B)",
}
"""Tools, each with its tooltip."""

MAP_KEYS = (
    ("Arrows", "move the map"),
    ("+ −", "zoom"),
    ("Home", "see all of it"),
    ("M, L, B", "tools: move, lasso, brush"),
    ("Ctrl-arrows", "move a crosshair"),
    ("Enter", "pick at the crosshair, brush there, or set a corner of the lasso; Shift adds, Alt removes"),
    ("C", "close the lasso"),
    (", .", "smaller or larger brush"),
    ("Space", "play or pause the layers"),
    ("PageUp, PageDown", "next or previous layer"),
    ("Escape", "cancel lasso, stroke and crosshair"),
)
"""Keys of the map and what they do."""

BRUSH_RADII = (4.0, 120.0)
ZOOM_STEP = 1.25
PAN_STEP = 40.0
CROSSHAIR_STEP = 10.0
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_TOOL_KEYS: dict[Qt.Key, Tool] = {Qt.Key.Key_M: "move", Qt.Key.Key_L: "lasso", Qt.Key.Key_B: "brush"}
_SHIFT, _ALT, _CTRL = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ControlModifier,
)


def mode_of(modifiers: Qt.KeyboardModifier) -> SelectionMode:
    """Shift adds, Alt removes, else the selection is replaced."""
    if modifiers & _SHIFT:
        return "add"
    return "remove" if modifiers & _ALT else "replace"


class MapTools(PaintedWidget):
    """A plane of points that can be chosen: everything but how it is drawn and moved.

    Subclasses show points, :attr:`raster`, as :attr:`view` says, and override the methods that move the view.

    Attributes
    ----------
    picked
        Signal (point, mode): a click on a point, or Enter at the crosshair.
    chosen
        Signal (points int64, mode): a lasso or a stroke of the brush has ended.
    pointed
        Signal (point or None): the cursor is at another point.
    tool_changed
        Signal (name): another of ``TOOLS`` is in use.
    stepped
        Signal (steps): PageUp or PageDown.
    played
        Signal: Space.
    raster
        The points, or None.
    view
        What is seen, in logical pixels; None before there are points.
    interactive
        Whether points can be chosen.
    tool
        One of ``TOOLS``.
    active
        The selection that is changed; decides the colour of outlines.
    radius
        Of the brush, in logical pixels.
    lasso
        Corners so far, in logical pixels of the widget.
    stroke
        Points under the brush so far, bool (N,); None without a stroke.
    crosshair
        Where the keys are; None without.
    dragging
        What the drag that is going on does.
    """

    picked = Signal(int, str)
    chosen = Signal(object, str)
    pointed = Signal(object)
    tool_changed = Signal(str)
    stepped = Signal(int)
    played = Signal()

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.raster: PointRaster | None = None
        self.view: Viewport | None = None
        self.interactive = True
        self.tool: Tool = "move"
        self.active = SELECTIONS[0]
        self.radius = 18.0
        self.lasso: list[QPointF] = []
        self.stroke: NDArray[np.bool_] | None = None
        self.brush_at = QPointF()
        self.crosshair: QPointF | None = None
        self.dragging: Tool = "move"
        self._mode: SelectionMode = "replace"

    def changed(self) -> None:
        """Draw anew."""
        raise NotImplementedError

    def fit(self) -> None:
        """See all points."""
        raise NotImplementedError

    def pan(self, right: float, down: float) -> None:
        """Move what is seen, in logical pixels."""
        raise NotImplementedError

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """See less or more; `at` stays where it is."""
        raise NotImplementedError

    def set_radius(self, radius: float) -> None:
        """Make the brush larger or smaller."""
        raise NotImplementedError

    def point_at(self, place: QPointF) -> int | None:
        """The nearest point within reach."""
        raise NotImplementedError

    def set_tool(self, tool: Tool) -> None:
        """Use another tool."""
        if tool != self.tool:
            self.tool = tool
            self.stop_tool()
            cross = Qt.CursorShape.ArrowCursor if tool == "move" else Qt.CursorShape.CrossCursor
            self.setCursor(cross)
            self.tool_changed.emit(tool)
            self.changed()

    def stop_tool(self) -> None:
        """Give up what has begun."""
        self.lasso, self.stroke = [], None

    def help_of_tool(self) -> str:
        """What the tool does, and where the keys are told."""
        return TOOLS[self.tool]

    # -- drags ---------------------------------------------------------------------------------------------------

    def begin_drag(self, place: QPointF, modifiers: Qt.KeyboardModifier, middle: bool) -> None:
        """A button is down: what a drag will do."""
        self._mode = mode_of(modifiers)
        self.dragging = self.tool
        if middle or not self.interactive:
            self.dragging = "move"
        elif self.tool == "move" and modifiers & (_SHIFT | _ALT | _CTRL):
            self.dragging = "lasso"
        if self.dragging == "lasso":
            self.lasso = [place]
        if self.dragging == "brush" and self.raster is not None:
            self.stroke = np.zeros(len(self.raster.grid), dtype=np.bool_)
            self.brush_at = place
            self._paint_over(place)

    def go_on_drag(self, place: QPointF) -> None:
        """The cursor moved with the button down."""
        if self.dragging == "lasso":
            last = self.lasso[-1]
            if abs(place.x() - last.x()) + abs(place.y() - last.y()) >= 2:
                self.lasso.append(place)
            self.update()
        elif self.dragging == "brush":
            self._paint_over(place)

    def end_drag(self) -> None:
        """The button is up: choose."""
        if self.dragging == "lasso" and len(self.lasso) > 2:
            self._choose(self.in_lasso())
        elif self.dragging == "brush" and self.stroke is not None:
            self._choose(np.flatnonzero(self.stroke))
        self.stop_tool()

    def _choose(self, points: NDArray[np.int64]) -> None:
        # An outline around nothing is a slip of the hand, unless it was to choose nothing else.
        if len(points) or self._mode == "replace":
            self.chosen.emit(points, self._mode)

    def in_lasso(self) -> NDArray[np.int64]:
        """Points inside the lasso so far."""
        if self.raster is None or self.view is None or len(self.lasso) < 3:
            return np.empty(0, dtype=np.int64)
        return self.raster.grid.inside([self.view.to_plane(at.x(), at.y()) for at in self.lasso])

    def _paint_over(self, place: QPointF) -> None:
        if self.raster is None or self.view is None or self.stroke is None:
            return
        begin, way = self.brush_at, place - self.brush_at
        n_steps = max(1, round((way.x() ** 2 + way.y() ** 2) ** 0.5 / (self.radius / 3)))
        new = 0
        for step in range(1, n_steps + 1):
            at = begin + way * (step / n_steps)
            plane = self.view.to_plane(at.x(), at.y())
            new += self.raster.grid.brush(*plane, self.radius / self.view.scale, self.stroke)
        self.brush_at = place
        self.changed() if new else self.update()

    def provisional_marks(self) -> list[Marks]:
        """What the stroke that is going on holds."""
        if self.stroke is None or self.raster is None or not self.stroke.any():
            return []
        here = self.stroke[self.raster.grid.order]
        return [Marks(self.raster.grid.x[here], self.raster.grid.y[here], rgb_of(SELECTION_COLOURS[self.active]))]

    # -- keys ----------------------------------------------------------------------------------------------------

    def press_key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier) -> bool:
        """Do what a key stands for; whether it stands for anything."""
        if self.raster is None:
            return False
        if key in _ARROWS:
            right, down = _ARROWS[key]
            if modifiers & _CTRL:
                self._move_crosshair(right * CROSSHAIR_STEP, down * CROSSHAIR_STEP)
            else:
                self.pan(-right * PAN_STEP, -down * PAN_STEP)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(ZOOM_STEP, self.crosshair)
        elif key in (Qt.Key.Key_Minus, Qt.Key.Key_Underscore):
            self.zoom(1 / ZOOM_STEP, self.crosshair)
        elif key == Qt.Key.Key_Home:
            self.fit()
        elif key in _TOOL_KEYS and not modifiers & (_SHIFT | _ALT | _CTRL):
            self.set_tool(_TOOL_KEYS[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.interactive:
            self._act_at_crosshair(mode_of(modifiers))
        elif key == Qt.Key.Key_C and self.lasso:
            self.dragging = "lasso"
            self.end_drag()
            self.changed()
        elif key in (Qt.Key.Key_Comma, Qt.Key.Key_Period) and self.tool == "brush":
            self.set_radius(self.radius * (1.2 if key == Qt.Key.Key_Period else 1 / 1.2))
        elif key == Qt.Key.Key_Space:
            self.played.emit()
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown) and not modifiers:
            self.stepped.emit(1 if key == Qt.Key.Key_PageUp else -1)
        elif key == Qt.Key.Key_Escape and (self.lasso or self.stroke is not None or self.crosshair is not None):
            self.stop_tool()
            self.crosshair = None
            self.changed()
        else:
            return False
        return True

    def _move_crosshair(self, right: float, down: float) -> None:
        at = self.crosshair or QPointF(self.width() / 2, self.height() / 2)
        self.crosshair = QPointF(
            min(max(at.x() + right, 0), self.width() - 1), min(max(at.y() + down, 0), self.height() - 1)
        )
        if self.interactive:
            self.pointed.emit(self.point_at(self.crosshair))
        self.update()

    def _act_at_crosshair(self, mode: SelectionMode) -> None:
        if self.crosshair is None:
            self._move_crosshair(0, 0)
            return
        self._mode = mode
        if self.tool == "lasso":
            self.lasso.append(QPointF(self.crosshair))
            self.update()
        elif self.tool == "brush" and self.raster is not None:
            self.stroke, self.brush_at = np.zeros(len(self.raster.grid), dtype=np.bool_), QPointF(self.crosshair)
            self._paint_over(self.brush_at)
            self.dragging = "brush"
            self.end_drag()
            self.changed()
        else:
            point = self.point_at(self.crosshair)
            if point is not None:
                self.picked.emit(point, mode)
