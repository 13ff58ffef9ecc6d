"""Transition probabilities between the concepts of two layers, painted as a table."""

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ..widgets.painting import Colours, between
from .pair_plot import PairPlot, layer_words
from .transitions import Transitions

__all__ = ["TransitionPlot"]

MARK = "#D55E00"
STEPS: dict[int, tuple[int, int]] = {
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Down: (1, 0),
    Qt.Key.Key_Up: (-1, 0),
}


class TransitionPlot(PairPlot):
    """Transition probabilities between the concepts of two layers."""

    nowhere = (-1, -1)

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.setAccessibleName("Transitions between concepts")

    def _sizes(self) -> tuple[QRectF, float, float]:
        """The box of the matrix, and width and height of a cell."""
        metrics = QFontMetricsF(self.small_font())
        shown = self.transitions
        if shown is None:
            return QRectF(), 0, 0
        names = [self.name(id) for id in {*shown.rows, *shown.columns}]
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

    def pair_at(self, place: QPointF) -> tuple[int, int]:
        """Row and column at a place, (-1, -1) for none."""
        box, width, height = self._sizes()
        if self.transitions is None or not box.contains(place):
            return -1, -1
        row, column = int((place.y() - box.top()) / height), int((place.x() - box.left()) / width)
        return min(row, len(self.transitions.rows) - 1), min(column, len(self.transitions.columns) - 1)

    def words_at(self, place: QPointF) -> str:
        """The transition under the cursor in words."""
        row, column = self.pair_at(place)
        shown = self.transitions
        if row < 0 or shown is None:
            return ""
        a, b = shown.rows[row], shown.columns[column]
        count, value = int(shown.counts[row]), float(shown.probabilities[row, column])
        return (
            f"Of {count:,} pixels in <b>{self.name(a)}</b> at layer {shown.layers[0]}, "
            f"{100 * value:.1f} % are in <b>{self.name(b)}</b> at layer {shown.layers[1]}."
            "<br><i>Click: select these pixels</i>"
        )

    def paint_transitions(self, painter: QPainter, shown: Transitions, metrics: QFontMetricsF) -> None:
        """Heading, names, cells."""
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
            name = metrics.elidedText(self.name(id), Qt.TextElideMode.ElideRight, room)
            painter.setPen(self.colours.text)
            at = box.left() - side - 8 - metrics.horizontalAdvance(name)
            painter.drawText(QPointF(at, middle + (metrics.ascent() - metrics.descent()) / 2), name)
        room = box.top() - side - 12 - metrics.height()
        for column, id in enumerate(self.transitions.columns):
            middle = box.left() + (column + 0.5) * width
            painter.fillRect(QRectF(middle - side / 2, box.top() - side - 4, side, side), self._swatch(id))
            name = metrics.elidedText(self.name(id), Qt.TextElideMode.ElideRight, room)
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

    def step(self, key: int) -> tuple[int, int] | None:
        """The cell beside the current one."""
        shown = self.transitions
        if shown is None or key not in STEPS:
            return None
        down, right = STEPS[key]
        row = min(max(self.current[0] + down, 0), len(shown.rows) - 1)
        return row, min(max(self.current[1] + right, 0), len(shown.columns) - 1)

    def ids_of(self, pair: tuple[int, int]) -> tuple[int, int]:
        """The concepts of a cell."""
        assert self.transitions is not None
        return self.transitions.rows[pair[0]], self.transitions.columns[pair[1]]
