"""The list of concepts: colour, name, size, layers, pin, and pictures of what shows each best."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QPoint, QPointF, QRect, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QFontMetrics, QMouseEvent, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ..widgets.painting import Colours
from ..widgets.row_list import MARGIN, RowList, RowParts
from .details import ConceptDetails, spelled_layers

if TYPE_CHECKING:
    from ...study.concept_set import Concept

__all__ = ["ConceptList"]

SWATCH = 14


class ConceptList(RowList["Concept", int]):
    """Concepts below one another; the sign at the right is the pin.

    Parameters
    ----------
    colours
        Of the theme.

    Attributes
    ----------
    n_networks
        Of the cut: a concept that not all of them have says which.
    crop_clicked
        Signal (node): a picture was clicked.
    """

    crop_clicked = Signal(object)
    crop_side = 46

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.n_networks = 1
        self.setAccessibleName("Concepts")
        self.setMinimumHeight(120)

    def key(self, row: "Concept") -> int:
        """What it stays known by."""
        return row.id

    def row_height(self) -> int:
        """Of a row without its margins, in logical pixels."""
        return 2 * QFontMetrics(self.font()).height() + 4 + self.crop_side

    def parts(self, box: QRect) -> RowParts:
        """Where the parts of a row lie that fills a box."""
        line = QFontMetrics(self.font()).height()
        left = box.left() + MARGIN + SWATCH + 8
        top, side = box.top() + MARGIN, self.crop_side
        pin = QRect(box.right() - line - MARGIN, top, line, line)
        n_crops = max((box.right() - MARGIN - left + 3) // (side + 3), 0)
        return RowParts(
            QRect(box.left() + MARGIN, top, SWATCH, box.height() - 2 * MARGIN),
            QRect(left, top, pin.left() - left - 4, line),
            pin,
            QRect(left, top + line, box.right() - MARGIN - left, line),
            [QRect(left + n * (side + 3), top + 2 * line + 4, side, side) for n in range(n_crops)],
        )

    def facts(self, row: "Concept", details: ConceptDetails | None) -> str:
        """One line: how many pixels, in how many pictures, at which layers."""
        words = f"{row.size:,} pixels"
        if details is not None:
            pictures = "1 picture" if details.pictures == 1 else f"{details.pictures:,} pictures"
            words += f" · {pictures} · {spelled_layers(details.layers)}"
            if len(details.networks) < self.n_networks:
                words += f" · {', '.join(details.networks)}"
        return words

    def spoken(self, row: "Concept") -> str:
        """For a screen reader."""
        return f"{row.name}, {row.size} pixels{', pinned' * row.pinned}"

    def pixels(self, details: ConceptDetails) -> Sequence[Any]:
        """Small pictures of a row."""
        return details.crops

    def paint_sign(self, painter: QPainter, parts: RowParts, row: "Concept") -> None:
        """The pin."""
        colours = self.colours
        _paint_pin(painter, QRectF(parts.sign), colours.text if row.pinned else colours.line, row.pinned)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Also go to a picture by clicking it."""
        index = self.indexAt(event.pos())
        node = self._node_at(index, event.pos()) if index.isValid() else None
        super().mousePressEvent(event)
        if node is not None and event.button() == Qt.MouseButton.LeftButton:
            self.crop_clicked.emit(node)

    def _node_at(self, index: QModelIndex, place: QPoint) -> int | None:
        details = self.model_.details.get(self.rows[index.row()].id)
        if details is not None:
            for box, node in zip(self.parts_at(index).pictures, details.nodes, strict=False):
                if box.contains(place):
                    return int(node)
        return None

    def words_at(self, index: QModelIndex, place: QPoint) -> str:
        """Text of the tooltip at a place of a row."""
        concept = self.rows[index.row()]
        if self.parts_at(index).sign_target.contains(place):
            return "Pinned: kept when concepts are discovered again" if concept.pinned else "Click to pin"
        if self._node_at(index, place) is not None:
            return "Click to go to this picture and layer"
        facts = self.facts(concept, self.model_.details.get(concept.id))
        return f"<b>{concept.name}</b><br>{facts}<br>radius {concept.radius:.3g}<br><i>Click: select its pixels</i>"


def _paint_pin(painter: QPainter, box: QRectF, colour: QColor, filled: bool) -> None:
    """A round-headed pin."""
    radius = box.height() * 0.24
    head = QPointF(box.center().x(), box.top() + box.height() * 0.34)
    painter.setPen(QPen(colour, 1.6))
    painter.drawLine(QPointF(head.x(), head.y() + radius), QPointF(head.x(), box.bottom() - 1))
    painter.setBrush(colour if filled else QColor(0, 0, 0, 0))
    painter.drawEllipse(head, radius, radius)
