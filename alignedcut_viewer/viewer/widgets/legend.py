"""What colours mean: a colour bar, or groups with their colours, on a ground that lets some of the picture through."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from ..frames.value_colours import colour_table, opacities
from ..state.node_labels import NodeLabels
from ..state.node_values import NodeValues
from .painting import Colours, image_of, shown_number

__all__ = ["Bar", "Legend"]

BAR = 200
MOST_NAMES = 12
OPACITY = 215


class Bar(NamedTuple):
    """A colour bar: what it is of, its ends, and its colours, uint8 (n, 4)."""

    title: str
    limits: tuple[float, float]
    table: NDArray[np.uint8]

    @classmethod
    def of(cls, values: NodeValues | None) -> "Bar | None":
        """That of values over the pictures; None of none."""
        if values is None:
            return None
        table = np.empty((256, 4), dtype=np.uint8)
        table[:, :3], table[:, 3] = colour_table(values.signed), np.rint(255 * opacities(values.signed))
        return cls(values.title, values.limits, table)


class Legend(QWidget):
    """A colour bar with its ends and what it is of, or groups with their colours; the mouse goes through."""

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colours = colours
        self.labels: NodeLabels | None = None
        self.bar: Bar | None = None
        self.notes = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_legend(self, labels: NodeLabels | None, bar: Bar | None, notes: str = "") -> None:
        """Show the legend of groups, else a colour bar with notes below it; of neither there is none."""
        self.labels, self.bar, self.notes = labels, bar, notes
        self.setVisible(labels is not None or bar is not None)
        self.updateGeometry()
        self.update()

    @property
    def lines(self) -> list[tuple[tuple[int, int, int], str]]:
        """Colour and name of each group, as many as there is room for."""
        if self.labels is None:
            return []
        entries = [
            ((int(red), int(green), int(blue)), name)
            for (red, green, blue), name in zip(self.labels.colours, self.labels.names, strict=True)
        ]
        return entries[:MOST_NAMES]

    def _row(self) -> float:
        return QFontMetricsF(self.font()).height() + 2

    def sizeHint(self) -> QSize:
        """As large as what it says."""
        rows = 3.0
        if self.labels is not None:
            rows = 1 + len(self.lines) + (len(self.labels.names) > MOST_NAMES)
        elif self.notes:
            return QSize(BAR + 24, round(self._notes_box().bottom() + 6))
        return QSize(BAR + 24, round(rows * self._row() + 8))

    def _notes_box(self) -> QRectF:
        """Where notes stand: below the bar and its numbers."""
        room = QRectF(12, 3.2 * self._row(), BAR, 1000)
        return QFontMetricsF(self.font()).boundingRect(room, int(Qt.TextFlag.TextWordWrap), self.notes)

    def paintEvent(self, event: Any) -> None:
        """Paint on a ground that lets a little of the picture through."""
        painter = QPainter(self)
        try:
            back = QColor(self.colours.back)
            back.setAlpha(OPACITY)
            painter.fillRect(self.rect(), back)
            painter.setPen(self.colours.text)
            if self.labels is not None:
                self._paint_names(painter, self.labels)
            elif self.bar is not None:
                self._paint_bar(painter, self.bar)
        finally:
            painter.end()

    def _title(self, painter: QPainter, words: str) -> None:
        place = QRectF(8, 3, self.width() - 16, self._row())
        text = QFontMetricsF(painter.font()).elidedText(words, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_names(self, painter: QPainter, labels: NodeLabels) -> None:
        self._title(painter, f"{labels.title}: {len(labels.names)}")
        row = self._row()
        for number, (colour, name) in enumerate(self.lines, 1):
            y = 3 + number * row
            painter.fillRect(QRectF(8, y + 2, row - 5, row - 5), QColor(*colour))
            place = QRectF(8 + row, y, self.width() - row - 14, row)
            text = QFontMetricsF(painter.font()).elidedText(name, Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        more = len(labels.names) - len(self.lines)
        if more:
            painter.drawText(QPointF(8, 3 + (len(self.lines) + 1.75) * row), f"and {more} more")

    def _paint_bar(self, painter: QPainter, bar: Bar) -> None:
        self._title(painter, bar.title)
        row, left = self._row(), (self.width() - BAR) / 2
        box = QRectF(left, 3 + row, BAR, row * 0.7)
        painter.drawImage(box, image_of(bar.table[None]))
        painter.setPen(QPen(self.colours.faint, 1))
        painter.drawRect(box)
        painter.setPen(self.colours.text)
        metrics, (low, high) = QFontMetricsF(painter.font()), bar.limits
        for share in (0.0, 0.5, 1.0):
            value = low + share * (high - low)
            words = shown_number(value) if abs(value) > 1e-12 else "0"
            width = metrics.horizontalAdvance(words)
            x = min(max(left + share * BAR - width / 2, 4), self.width() - width - 4)
            painter.drawText(QPointF(x, box.bottom() + metrics.ascent() + 1), words)
        if self.notes:
            painter.drawText(self._notes_box(), int(Qt.TextFlag.TextWordWrap), self.notes)
