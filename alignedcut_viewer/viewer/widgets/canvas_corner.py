"""The corner of the canvas: the switch of what lies over the pictures, and its legend."""

from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QFont, QFontMetricsF
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ...errors import AlignedCutError
from ..coordinator.canvas import VIEWS
from ..coordinator.coordinator import Coordinator
from ..work.dialogs import window_of
from ..work.task_runner import tell_error
from .legend import Bar, Legend
from .painting import Colours
from .view import View

__all__ = ["CanvasCorner", "show_canvas_corner"]

MARGIN = 8
WIDER = 1.35
"""A line of the canvas is so many times as wide as Qt's of the same size in points (measured: 1.31)."""


class CanvasCorner(View):
    """Colours, similarity, concepts, segments or region over the pictures; below, what the colours mean.

    Parameters
    ----------
    coordinator
        Knows what is shown.
    canvas
        The widget of the pictures, whose upper right corner it lies in.
    """

    def __init__(self, coordinator: Coordinator, canvas: QWidget) -> None:
        super().__init__(coordinator)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.group = QButtonGroup(self)
        self.buttons: dict[str, QPushButton] = {}
        line = QHBoxLayout()
        line.setSpacing(1)
        for number, view in enumerate(VIEWS, 1):
            button = QPushButton(view.title)
            button.setCheckable(True)
            button.setToolTip(f"Show {view.title.lower()} over the pictures (Alt-{number})")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _, name=view.name: self._choose(name))
            self.group.addButton(button)
            self.buttons[view.name] = button
            line.addWidget(button)
        self.legend = Legend(Colours.of(coordinator.viewer))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(line)
        layout.addWidget(self.legend, 0, Qt.AlignmentFlag.AlignRight)
        self._canvas = canvas
        self.setParent(canvas)

    def listen(self) -> None:
        """Follow what is shown, and the theme."""
        coordinator = self.coordinator
        self.follow(coordinator.shown.changed, self.redraw)
        self.follow(coordinator.canvas.changed, self._draw)
        self.follow(coordinator.canvas.labels_changed, self._draw)
        self.follow(coordinator.heat_map.changed, self._draw)
        if coordinator.viewer is not None:
            self.follow(coordinator.viewer.canvas.overlays.text.events.text, self._follow_caption)
        self.follow_theme(self.redraw)

    def _follow_caption(self, *_: Any) -> None:
        self.place()

    def redraw(self, *_: Any) -> None:
        """Be there where there is a result."""
        self.legend.colours = Colours.of(self.coordinator.viewer)
        self.setVisible(self.coordinator.shown.cut is not None)
        self._draw()

    def _draw(self, *_: Any) -> None:
        canvas = self.coordinator.canvas
        self.buttons[canvas.current].setChecked(True)
        self.legend.show_legend(canvas.labels, Bar.of(self.coordinator.heat_map.values))
        self.place()

    def place(self) -> None:
        """Lie in the corner."""
        self.adjustSize()
        left = max(self._canvas.width() - self.width() - MARGIN, 0)
        self.move(left, MARGIN if left > self._end_of_caption() else 6 * MARGIN)
        self.raise_()

    def _end_of_caption(self) -> float:
        """How far the name of the picture, which stands at the left, reaches into the canvas."""
        viewer = self.coordinator.viewer
        overlay = None if viewer is None else viewer.canvas.overlays.text
        if overlay is None or not overlay.visible:
            return 0.0
        font = QFont(self.font())
        font.setPointSizeF(float(overlay.font_size))
        return WIDER * QFontMetricsF(font).horizontalAdvance(overlay.text) + 2 * MARGIN

    def showEvent(self, event: Any) -> None:
        """Follow the size of the canvas; only while seen, so that a window that goes is let go of before."""
        super().showEvent(event)
        self._canvas.installEventFilter(self)
        self.place()

    def hideEvent(self, event: Any) -> None:
        """Follow it no longer."""
        super().hideEvent(event)
        self._canvas.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the corner."""
        if watched is self._canvas and event.type() == QEvent.Type.Resize:
            self.place()
        return False

    def _choose(self, name: str) -> None:
        try:
            self.coordinator.canvas.show(name)
        except AlignedCutError as error:
            tell_error(error)
        self._draw()


def show_canvas_corner(viewer: Any) -> CanvasCorner | None:
    """Put the corner over the canvas of a viewer, once; None where there is no window."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    if window_of(viewer) is None:
        return None
    canvas: QWidget = viewer.window._qt_viewer.canvas.native
    coordinator = Coordinator.of(viewer)
    for corner in canvas.findChildren(CanvasCorner):
        if corner.coordinator is coordinator:
            return corner
        corner.setParent(None)
        corner.deleteLater()
    corner = CanvasCorner(coordinator, canvas)
    corner.start()
    return corner
