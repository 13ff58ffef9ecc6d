"""One picture with the tokens of a cut over it, painted: what is under the mouse, what is chosen, a caption."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QLineF, QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ..frames.token_painting import token_edges
from ..state.history import SELECTION_COLOURS
from ..widgets.painting import Colours, PaintedWidget, halo_text, image_of

__all__ = ["PicturePane"]


class PicturePane(PaintedWidget):
    """A picture, its tokens, and marks on them.

    Attributes
    ----------
    picture
        uint8 (h, w, 3), or None while it is read.
    tile
        uint8 (rows, columns, 4), or None where there is nothing to show; `words` are shown then.
    marks
        Outlined tokens by selection, bool (rows, columns).
    pointed_at
        (row, column) of the token that is pointed at, or None.
    pointed
        Signal ((row, column) or None): what is under the mouse.
    picked
        Signal (row, column, mode): a token was clicked.
    stepped
        Signal (layers): the wheel asks for another layer.
    """

    pointed = Signal(object)
    picked = Signal(int, int, str)
    stepped = Signal(int)

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.picture: NDArray[np.uint8] | None = None
        self.tile: NDArray[np.uint8] | None = None
        self.aspect = 1.0
        self.smooth = False
        self.opacity = 1.0
        self.marks: dict[str, NDArray[np.bool_]] = {}
        self.pointed_at: tuple[int, int] | None = None
        self.caption = ""
        self.words = ""
        self.setMinimumSize(160, 160)
        self.setAccessibleName("The picture in the other cut")

    @property
    def box(self) -> QRectF:
        """Where the picture lies."""
        line = self.metrics.height() + 6
        room = QRectF(self.rect()).adjusted(4, 4, -4, -line)
        width = min(room.width(), room.height() * self.aspect)
        height = width / self.aspect
        return QRectF(room.center().x() - width / 2, room.center().y() - height / 2, width, height)

    def token_at(self, place: QPointF) -> tuple[int, int] | None:
        """Row and column of the token at a point; None beside the picture."""
        box = self.box
        if self.tile is None or not box.contains(place):
            return None
        rows, columns = self.tile.shape[:2]
        row = min(int((place.y() - box.top()) / box.height() * rows), rows - 1)
        return row, min(int((place.x() - box.left()) / box.width() * columns), columns - 1)

    def place_of(self, row: int, column: int) -> QPointF:
        """The middle of a token."""
        assert self.tile is not None
        rows, columns = self.tile.shape[:2]
        box = self.box
        across = box.left() + (column + 0.5) / columns * box.width()
        return QPointF(across, box.top() + (row + 0.5) / rows * box.height())

    # -- painting ------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        """Picture, tokens, outlines, caption."""
        if self.tile is None:
            painter.setPen(self.colours.faint)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(self.rect()).adjusted(12, 12, -12, -12), flags, self.words)
            return
        box = self.box
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
        if self.picture is None:
            painter.fillRect(box, self.colours.line)
        else:
            painter.drawImage(box, image_of(self.picture))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.smooth)
        painter.setOpacity(self.opacity)
        painter.drawImage(box, image_of(self.tile))
        painter.setOpacity(1.0)
        for which, chosen in self.marks.items():
            self._outline(painter, box, chosen, QColor(SELECTION_COLOURS[which]))
        if self.pointed_at is not None:
            chosen = np.zeros(self.tile.shape[:2], dtype=np.bool_)
            row, column = self.pointed_at
            if row < len(chosen) and column < len(chosen.T):
                chosen[row, column] = True
                self._outline(painter, box, chosen, QColor(Qt.GlobalColor.white))
        words = self.metrics.elidedText(self.caption, Qt.TextElideMode.ElideRight, self.width() - 12)
        place = QPointF(self.width() / 2, self.height() - self.metrics.height() / 2 - 3)
        halo_text(painter, place, words, colour=self.colours.text, halo=self.colours.back)

    def _outline(self, painter: QPainter, box: QRectF, chosen: NDArray[np.bool_], colour: QColor) -> None:
        if not chosen.any():
            return
        ends = token_edges(chosen) * (box.width(), box.height(), box.width(), box.height())
        ends += (box.left(), box.top(), box.left(), box.top())
        lines = [QLineF(*end) for end in ends]
        for pen in (QPen(QColor(16, 16, 16), 3.5), QPen(colour, 2)):
            painter.setPen(pen)
            painter.drawLines(lines)

    # -- mouse and keys ------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: Any) -> None:
        """Point at a token."""
        self.pointed.emit(self.token_at(QPointF(event.pos())))

    def leaveEvent(self, event: Any) -> None:
        """Point at nothing."""
        self.pointed.emit(None)

    def mousePressEvent(self, event: Any) -> None:
        """Pick a token; Shift adds it to the selection, Alt removes it."""
        token = self.token_at(QPointF(event.pos()))
        if token is None or event.button() != Qt.MouseButton.LeftButton:
            return
        modifiers, mode = event.modifiers(), "replace"
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            mode = "add"
        elif modifiers & Qt.KeyboardModifier.AltModifier:
            mode = "remove"
        self.picked.emit(*token, mode)

    def wheelEvent(self, event: Any) -> None:
        """Go through the layers."""
        if event.angleDelta().y():
            self.stepped.emit(1 if event.angleDelta().y() > 0 else -1)
        event.accept()

    def keyPressEvent(self, event: Any) -> None:
        """Arrows walk over the tokens, Enter picks, PageUp and PageDown go through the layers."""
        key = event.key()
        steps = {
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
        }
        if self.tile is not None and key in steps:
            rows, columns = self.tile.shape[:2]
            row, column = self.pointed_at or (rows // 2, columns // 2)
            down, right = steps[key]
            self.pointed.emit((min(max(row + down, 0), rows - 1), min(max(column + right, 0), columns - 1)))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.pointed_at is not None:
            self.picked.emit(*self.pointed_at, "replace")
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            self.stepped.emit(1 if key == Qt.Key.Key_PageUp else -1)
        else:
            super().keyPressEvent(event)
