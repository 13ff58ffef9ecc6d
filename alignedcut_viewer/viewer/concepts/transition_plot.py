"""Transition probabilities between the concepts of two layers, painted as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ..widgets.painting import Colours, PaintedWidget, between
from .transitions import Transitions

__all__ = ["TransitionPlot", "layer_words"]

MARK = "#D55E00"


def layer_words(shown: Transitions, which: int) -> str:
    """The layer at the beginning (0) or the end (1), and whether its pixels were given to the nearest concept."""
    return f"layer {shown.layers[which]}" + " by nearest concept" * shown.nearest[which]


class TransitionPlot(PaintedWidget):
    """Transition probabilities between the concepts of two layers.

    Parameters
    ----------
    colours
        Of the theme.

    Attributes
    ----------
    chosen
        Signal (id, id): a cell was clicked, or Enter pressed on it: the concept here, and the one in the next layer.
    """

    chosen = Signal(int, int)

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.transitions: Transitions | None = None
        self.names: dict[int, str] = {}
        self.swatches: dict[int, QColor] = {}
        self.hint = ""
        self.current = (-1, -1)
        self.setAccessibleName("Transitions between concepts")
        self.setMinimumHeight(180)

    def sizeHint(self) -> QSize:
        """About square."""
        return QSize(360, 340)

    def show_transitions(
        self,
        transitions: Transitions | None,
        names: Mapping[int, str],
        swatches: Mapping[int, tuple[int, int, int]],
        hint: str = "",
    ) -> None:
        """Show other transitions; names and colours of the concepts by id."""
        self.transitions, self.names, self.hint = transitions, dict(names), hint
        self.swatches = {id: QColor(*colour) for id, colour in swatches.items()}
        self.current = (-1, -1)
        self.update()

    def _sizes(self) -> tuple[QRectF, float, float]:
        """The box of the matrix, and width and height of a cell."""
        metrics = QFontMetricsF(self.small_font())
        shown = self.transitions
        if shown is None:
            return QRectF(), 0, 0
        names = [self.names.get(id, str(id)) for id in {*shown.rows, *shown.columns}]
        longest = min(max((metrics.horizontalAdvance(name) for name in names), default=0), 0.3 * self.width())
        left, top = longest + 18 + metrics.height(), longest + 18 + 2 * metrics.height()
        room = QRectF(left, top, self.width() - left - 8, self.height() - top - metrics.height() - 8)
        width = min(room.width() / len(shown.columns), 60)
        height = min(room.height() / len(shown.rows), 40)
        return QRectF(left, top, width * len(shown.columns), height * len(shown.rows)), width, height

    def cell(self, row: int, column: int) -> QRectF:
        """The box of one cell."""
        box, width, height = self._sizes()
        return QRectF(box.left() + column * width, box.top() + row * height, width, height)

    def cell_at(self, place: QPointF) -> tuple[int, int]:
        """Row and column at a place, (-1, -1) for none."""
        box, width, height = self._sizes()
        if self.transitions is None or not box.contains(place):
            return -1, -1
        row, column = int((place.y() - box.top()) / height), int((place.x() - box.left()) / width)
        return min(row, len(self.transitions.rows) - 1), min(column, len(self.transitions.columns) - 1)

    def words_at(self, place: QPointF) -> str:
        """The transition under the cursor in words."""
        row, column = self.cell_at(place)
        shown = self.transitions
        if row < 0 or shown is None:
            return ""
        a, b = shown.rows[row], shown.columns[column]
        count, value = int(shown.counts[row]), float(shown.probabilities[row, column])
        return (
            f"Of {count:,} pixels in <b>{self.names.get(a, a)}</b> at layer {shown.layers[0]}, "
            f"{100 * value:.1f} % are in <b>{self.names.get(b, b)}</b> at layer {shown.layers[1]}."
            "<br><i>Click: select these pixels</i>"
        )

    def paint(self, painter: QPainter) -> None:
        """Heading, names, cells."""
        painter.setFont(self.small_font())
        metrics, shown = QFontMetricsF(painter.font()), self.transitions
        if shown is None:
            painter.setPen(self.colours.faint)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(self.rect()).adjusted(16, 0, -16, 0), flags, self.hint)
            return
        box, width, height = self._sizes()
        painter.setPen(self.colours.text)
        heading = f"{shown.network}: from {layer_words(shown, 0)} (rows) to {layer_words(shown, 1)} (columns)"
        painter.drawText(
            QPointF(8, metrics.ascent() + 2), metrics.elidedText(heading, Qt.TextElideMode.ElideLeft, self.width() - 16)
        )
        self._paint_names(painter, box, width, height)
        for row in range(len(shown.rows)):
            for column in range(len(shown.columns)):
                self._paint_cell(painter, row, column, float(shown.probabilities[row, column]))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self.colours.faint, 1))
        painter.drawRect(box)
        if self.current[0] >= 0:
            painter.setPen(QPen(QColor(MARK), 2))
            painter.drawRect(self.cell(*self.current))
        painter.setPen(self.colours.faint)
        words = f"{shown.n_pixels:,} pixels followed · number: share of a row, in %"
        if shown.n_left_out:
            words += f" · {shown.n_left_out} smaller concepts left out"
        painter.drawText(
            QPointF(8, self.height() - metrics.descent() - 3),
            metrics.elidedText(words, Qt.TextElideMode.ElideRight, self.width() - 16),
        )

    def _paint_names(self, painter: QPainter, box: QRectF, width: float, height: float) -> None:
        assert self.transitions is not None
        metrics = QFontMetricsF(painter.font())
        side = min(metrics.height() * 0.75, width, height)
        room = box.left() - side - 14
        for row, id in enumerate(self.transitions.rows):
            middle = box.top() + (row + 0.5) * height
            painter.fillRect(QRectF(box.left() - side - 4, middle - side / 2, side, side), self._swatch(id))
            name = metrics.elidedText(self.names.get(id, str(id)), Qt.TextElideMode.ElideRight, room)
            painter.setPen(self.colours.text)
            at = box.left() - side - 8 - metrics.horizontalAdvance(name)
            painter.drawText(QPointF(at, middle + (metrics.ascent() - metrics.descent()) / 2), name)
        room = box.top() - side - 12 - metrics.height()
        for column, id in enumerate(self.transitions.columns):
            middle = box.left() + (column + 0.5) * width
            painter.fillRect(QRectF(middle - side / 2, box.top() - side - 4, side, side), self._swatch(id))
            name = metrics.elidedText(self.names.get(id, str(id)), Qt.TextElideMode.ElideRight, room)
            painter.save()
            painter.setPen(self.colours.text)
            painter.translate(middle + (metrics.ascent() - metrics.descent()) / 2, box.top() - side - 8)
            painter.rotate(-90)
            painter.drawText(QPointF(0, 0), name)
            painter.restore()

    def _paint_cell(self, painter: QPainter, row: int, column: int, value: float) -> None:
        cell = self.cell(row, column)
        if np.isnan(value):
            return
        painter.fillRect(cell, between(self.colours.back, self.colours.text, value))
        words = f"{100 * value:.0f}"
        metrics = QFontMetricsF(painter.font())
        if (
            metrics.horizontalAdvance(words) < cell.width() - 2
            and metrics.height() < cell.height() + 4
            and value > 0.005
        ):
            painter.setPen(self.colours.back if value > 0.5 else self.colours.text)
            painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, words)

    def _swatch(self, id: int) -> QColor:
        return self.swatches.get(id, self.colours.line)

    def _go_to(self, cell: tuple[int, int]) -> None:
        if cell != self.current:
            self.current = cell
            self.update()

    def _choose(self) -> None:
        row, column = self.current
        if row >= 0 and self.transitions is not None:
            self.chosen.emit(self.transitions.rows[row], self.transitions.columns[column])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Mark the cell under the cursor."""
        self._go_to(self.cell_at(QPointF(event.pos())))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the pixels of the cell under the cursor."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._go_to(self.cell_at(QPointF(event.pos())))
            self._choose()
        else:
            super().mousePressEvent(event)

    def keyPressEvent(self, event: Any) -> None:
        """Arrows walk through the cells, Enter chooses."""
        steps: dict[int, Sequence[int]] = {
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Up: (-1, 0),
        }
        shown = self.transitions
        if shown is not None and event.key() in steps:
            down, right = steps[event.key()]
            row = min(max(self.current[0] + down, 0), len(shown.rows) - 1)
            column = min(max(self.current[1] + right, 0), len(shown.columns) - 1)
            self._go_to((row, column))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose()
        else:
            super().keyPressEvent(event)
