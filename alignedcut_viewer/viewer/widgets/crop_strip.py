"""A strip of crops in an order, painted as far as it is in sight: click or Enter chooses one."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QAbstractScrollArea, QSizePolicy, QToolTip, QWidget

from ..frames.node_crops import NodeCrops
from .painting import Colours, image_of

__all__ = ["CropStrip"]

SIDE = 64
GAP = 4
TOKEN = QColor("#F0E442")


class CropStrip(QAbstractScrollArea):
    """Crops in rows that fill the width, each with a few words below it.

    Parameters
    ----------
    colours
        Of the theme.
    rows
        Rows that it is high at least.

    Attributes
    ----------
    wants
        Signal (list of nodes): crops in sight that are not read yet.
    pointed
        Signal (node or None): what is under the mouse.
    chosen
        Signal (node, whether Shift is held): a crop was clicked, or Enter pressed on it.
    dismissed
        Signal: Escape was pressed.
    """

    wants = Signal(list)
    pointed = Signal(object)
    chosen = Signal(int, bool)
    dismissed = Signal()

    def __init__(self, colours: Colours, rows: int = 1, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colours = colours
        self.crops: NodeCrops | None = None
        self.nodes: list[int] = []
        self.words: list[str] = []
        self.hint = ""
        self.current = 0
        self._rows = rows
        self.setAccessibleName("Pictures, the most similar first")
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.viewport().setMouseTracking(True)
        self.setMinimumSize(SIDE + 3 * GAP, self._height(rows))

    def _height(self, rows: int) -> int:
        return rows * self.pitch[1] + GAP

    def sizeHint(self) -> QSize:
        """As high as its rows."""
        return QSize(4 * self.pitch[0] + GAP, self._height(self._rows))

    def minimumSizeHint(self) -> QSize:
        """One crop wide."""
        return self.minimumSize()

    @property
    def pitch(self) -> tuple[int, int]:
        """From one crop to the next, across and down."""
        return SIDE + GAP, SIDE + self.fontMetrics().height() + GAP

    @property
    def across(self) -> int:
        """Crops in a row."""
        return max((self.viewport().width() - GAP) // self.pitch[0], 1)

    def show_nodes(self, crops: NodeCrops | None, nodes: Sequence[int], words: Sequence[str], hint: str = "") -> None:
        """Show other crops with their words; the hint where there are none."""
        same = crops is self.crops and list(nodes) == self.nodes
        self.crops, self.nodes, self.words, self.hint = crops, list(nodes), list(words), hint
        if not same:
            self.current = 0
            self.verticalScrollBar().setValue(0)
        self._set_bar()
        self.viewport().update()

    def set_colours(self, colours: Colours) -> None:
        """Follow another theme."""
        self.colours = colours
        self.viewport().update()

    def box(self, number: int) -> QRectF:
        """Where a crop is painted, in the viewport."""
        row, column = divmod(number, self.across)
        top = GAP + row * self.pitch[1] - self.verticalScrollBar().value()
        return QRectF(GAP + column * self.pitch[0], top, SIDE, SIDE)

    def number_at(self, place: QPointF) -> int:
        """Number of the crop at a place of the viewport, -1 for none."""
        column, row = (
            int((place.x() - GAP) // self.pitch[0]),
            int((place.y() + self.verticalScrollBar().value() - GAP) // self.pitch[1]),
        )
        number = row * self.across + column
        return number if 0 <= column < self.across and 0 <= number < len(self.nodes) else -1

    def visible(self) -> range:
        """Numbers of the crops in sight."""
        top, height = self.verticalScrollBar().value(), self.viewport().height()
        first, last = max(top - GAP, 0) // self.pitch[1], (top + height) // self.pitch[1]
        return range(min(first * self.across, len(self.nodes)), min((last + 1) * self.across, len(self.nodes)))

    def _set_bar(self) -> None:
        rows = -(-len(self.nodes) // self.across)
        bar = self.verticalScrollBar()
        bar.setRange(0, max(self._height(rows) - self.viewport().height(), 0))
        bar.setPageStep(max(self.viewport().height(), 1))
        bar.setSingleStep(self.pitch[1] // 2)

    def resizeEvent(self, event: Any) -> None:
        """Follow another size."""
        super().resizeEvent(event)
        self._set_bar()

    def paintEvent(self, event: Any) -> None:
        """Paint the crops in sight."""
        painter = QPainter(self.viewport())
        try:
            painter.fillRect(self.viewport().rect(), self.colours.back)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            if not self.nodes or self.crops is None:
                painter.setPen(self.colours.faint)
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(self.viewport().rect().adjusted(6, 0, -6, 0), flags, self.hint)
                return
            missing = [self.nodes[number] for number in self.visible() if not self._paint(painter, number)]
        finally:
            painter.end()
        if missing:
            self.wants.emit(missing)

    def _paint(self, painter: QPainter, number: int) -> bool:
        assert self.crops is not None
        box, crop = self.box(number), self.crops.known(self.nodes[number])
        if crop is None:
            painter.fillRect(box, self.colours.line)
        else:
            painter.drawImage(box, image_of(crop.image))
            left, top, width, height = crop.box
            painter.setBrush(Qt.BrushStyle.NoBrush)
            token = QRectF(box.left() + left * SIDE, box.top() + top * SIDE, width * SIDE, height * SIDE) & box
            for pen in (QPen(QColor(16, 16, 16), 2.5), QPen(TOKEN, 1.2)):
                painter.setPen(pen)
                painter.drawRect(token)
        painter.setPen(self.colours.text)
        below = QRectF(box.left() - GAP / 2, box.bottom(), box.width() + GAP, self.fontMetrics().height())
        text = self.fontMetrics().elidedText(self.words[number], Qt.TextElideMode.ElideRight, int(below.width()))
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, text)
        if self.hasFocus() and number == self.current:
            painter.setPen(QPen(self.colours.text, 2))
            painter.drawRect(box.adjusted(-1, -1, 1, 1))
        return crop is not None

    # -- mouse and keys ------------------------------------------------------------------------------------------

    def viewportEvent(self, event: QEvent) -> bool:
        """Say in a tooltip where a crop is from."""
        if event.type() == QEvent.Type.ToolTip:
            number = self.number_at(QPointF(event.pos()))
            if number >= 0 and self.crops is not None:
                words = f"{self.words[number]} · {self.crops.words(self.nodes[number])}"
                QToolTip.showText(event.globalPos(), f"{words}\nClick: go there. Shift-click: select it too.", self)
            else:
                QToolTip.hideText()
            return True
        return super().viewportEvent(event)

    def mouseMoveEvent(self, event: Any) -> None:
        """Point at a node."""
        number = self.number_at(QPointF(event.pos()))
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if number >= 0 else Qt.CursorShape.ArrowCursor)
        self.pointed.emit(self.nodes[number] if number >= 0 else None)

    def mousePressEvent(self, event: Any) -> None:
        """Choose a crop."""
        number = self.number_at(QPointF(event.pos()))
        if number >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self._choose(number, event)

    def _choose(self, number: int, event: Any) -> None:
        self.current = number
        self.viewport().update()
        self.chosen.emit(self.nodes[number], bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))

    def keyPressEvent(self, event: Any) -> None:
        """Arrows walk, Enter chooses."""
        steps: dict[Any, int] = {
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Down: self.across,
            Qt.Key.Key_Up: -self.across,
            Qt.Key.Key_Home: -len(self.nodes),
            Qt.Key.Key_End: len(self.nodes),
        }
        key = event.key()
        if self.nodes and key in steps:
            self.current = min(max(self.current + steps[key], 0), len(self.nodes) - 1)
            self._reveal(self.current)
            self.viewport().update()
        elif self.nodes and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(self.current, event)
        elif key == Qt.Key.Key_Escape:
            self.dismissed.emit()
        else:
            super().keyPressEvent(event)

    def _reveal(self, number: int) -> None:
        box, bar = self.box(number), self.verticalScrollBar()
        if box.top() < 0:
            bar.setValue(bar.value() + int(box.top()) - GAP)
        elif box.top() + self.pitch[1] > self.viewport().height():
            bar.setValue(bar.value() + int(box.top()) + self.pitch[1] - self.viewport().height())
