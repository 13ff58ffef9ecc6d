"""The list of segments: colour, name, lock, area and confidence, and a small picture of each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QPoint, QRect, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QFontMetrics, QMouseEvent, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ..widgets.painting import Colours
from ..widgets.row_list import MARGIN, RowList, RowParts
from .details import SegmentDetails

if TYPE_CHECKING:
    from ...segmentation import Segment, SegmentKey

__all__ = ["SegmentList"]

SWATCH = 16
THUMBNAIL = 40
BAR = 3


class SegmentList(RowList["Segment", "SegmentKey"]):
    """Segments below one another; the sign at the right is the lock.

    Parameters
    ----------
    colours
        Of the theme.

    Attributes
    ----------
    colour_clicked
        Signal (key): the colour of a segment was double-clicked.
    """

    colour_clicked = Signal(object)

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self._pictures: Mapping[int, str] = {}
        self.setUniformItemSizes(True)
        self.setAccessibleName("Segments")
        self.setMinimumHeight(56)

    def show_segments(self, segments: "Sequence[Segment]", pictures: Mapping[int, str]) -> None:
        """Show these, in this order; `pictures` are the names of pictures, where a row must say which it is of."""
        self._pictures = pictures
        self.show_rows(segments)

    def key(self, row: "Segment") -> "SegmentKey":
        """What it stays known by."""
        return row.key

    def row_height(self) -> int:
        """Of a row without its margins, in logical pixels."""
        return max(THUMBNAIL, 2 * QFontMetrics(self.font()).height() + 6)

    def parts(self, box: QRect) -> RowParts:
        """Where the parts of a row lie that fills a box."""
        line = QFontMetrics(self.font()).height()
        top, high = box.top() + MARGIN, box.height() - 2 * MARGIN
        swatch = QRect(box.left() + MARGIN, top, SWATCH, high)
        thumbnail = QRect(swatch.right() + 6, top + (high - THUMBNAIL) // 2, THUMBNAIL, THUMBNAIL)
        left = thumbnail.right() + 8
        lock = QRect(box.right() - line - MARGIN, top, line, line)
        facts = QRect(left, top + line + 1, box.right() - MARGIN - left, line)
        return RowParts(swatch, QRect(left, top, lock.left() - left - 4, line), lock, facts, [thumbnail])

    def facts(self, row: "Segment", details: SegmentDetails | None) -> str:
        """One line: number, area, confidence, and which picture or how many."""
        words = [str(row.key.number)]
        if details is not None:
            words.append(f"{100 * details.area:.1f} %")
        if row.confidence == row.confidence:
            words.append(f"confidence {row.confidence:.2f}")
        if row.key.image is None and details is not None:
            words.append(f"{details.pictures} pictures" if details.pictures != 1 else "1 picture")
        elif row.key.image is not None and row.key.image in self._pictures:
            words.append(self._pictures[row.key.image])
        return " · ".join(words)

    def spoken(self, row: "Segment") -> str:
        """For a screen reader."""
        return f"{row.key.number}, {row.name}{', locked' * row.locked}"

    def pixels(self, details: SegmentDetails) -> Sequence[Any]:
        """Small pictures of a row."""
        return () if details.thumbnail is None else (details.thumbnail,)

    def paint_sign(self, painter: QPainter, parts: RowParts, row: "Segment") -> None:
        """The padlock, and confidence as a bar."""
        colours = self.colours
        _paint_lock(painter, QRectF(parts.sign), colours.text if row.locked else colours.line, row.locked)
        if row.confidence == row.confidence:
            bar = QRect(parts.facts.left(), parts.facts.bottom() + 1, parts.facts.width(), BAR)
            painter.fillRect(bar, colours.line)
            bar.setWidth(round(bar.width() * min(max(row.confidence, 0.0), 1.0)))
            painter.fillRect(bar, colours.faint)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for a colour on the swatch, for a name elsewhere."""
        index = self.indexAt(event.pos())
        if index.isValid() and self.parts_at(index).swatch.contains(event.pos()):
            self.colour_clicked.emit(self.rows[index.row()].key)
            return
        super().mouseDoubleClickEvent(event)

    def words_at(self, index: QModelIndex, place: QPoint) -> str:
        """Text of the tooltip at a place of a row."""
        segment, parts = self.rows[index.row()], self.parts_at(index)
        if parts.sign_target.contains(place):
            return "Locked: nothing changes its pixels. Click to unlock" if segment.locked else "Click to lock"
        if parts.swatch.contains(place):
            return "Double-click: another colour"
        facts = self.facts(segment, self.model_.details.get(segment.key))
        return f"<b>{segment.name}</b><br>{facts}<br><i>Double-click or F2: rename</i>"


def _paint_lock(painter: QPainter, box: QRectF, colour: QColor, closed: bool) -> None:
    """A padlock, closed or open."""
    width, height = box.width() * 0.62, box.height() * 0.44
    body = QRectF(box.center().x() - width / 2, box.bottom() - height - 1, width, height)
    arch = QRectF(body.left() + width * 0.18, body.top() - height * 0.75, width * 0.64, height * 1.4)
    painter.setPen(QPen(colour, 1.6))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if not closed:
        arch.translate(width * 0.45, 0)
    painter.drawArc(arch, 0, 180 * 16)
    painter.setBrush(colour if closed else QColor(0, 0, 0, 0))
    painter.drawRoundedRect(body, 1.5, 1.5)
