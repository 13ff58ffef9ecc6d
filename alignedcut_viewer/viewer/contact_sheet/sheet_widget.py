"""The contact sheet itself: a raster that paints only the cells in sight, scrolls and zooms."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QLineF, QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QAbstractScrollArea, QWidget

from ..frames.token_painting import token_edges
from ..state.history import SELECTION_COLOURS, SELECTIONS, SelectionMode
from ..widgets.painting import Colours, image_of
from .layout import GAP, Cell, SheetLayout
from .tiles import SheetTiles

__all__ = ["SheetWidget"]

SMALLEST, LARGEST = 24, 320


class SheetWidget(QAbstractScrollArea):
    """Pictures × layers of some networks.

    Attributes
    ----------
    wants
        Signal (list of positions): pictures in sight that are not read yet.
    pointed
        Signal (node or None): what is under the mouse.
    picked
        Signal (node, mode): a cell was clicked.
    gone_to
        Signal (position, network, layer): Enter was pressed at a cell.
    side_changed
        Signal (pixels): cells have another least size.
    pictures
        Position of the picture in each row, in the order of the rows.
    words
        What is written below each row; empty for nothing.
    """

    wants = Signal(list)
    pointed = Signal(object)
    picked = Signal(int, str)
    gone_to = Signal(int, str, int)
    side_changed = Signal(int)

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colours = colours
        self.tiles: SheetTiles | None = None
        self.networks: tuple[str, ...] = ()
        self.pictures: list[int] = []
        self.words: list[str] = []
        self.hint = "There is nothing to show yet: open a study with a result."
        self.least = 72
        self.layout_ = SheetLayout(0, 0, self.least)
        self.smooth = False
        self.selected: dict[str, NDArray[np.int64]] = {}
        self.hovered: int | None = None
        self.shown: Cell | None = None
        self.current = Cell(0, 1)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.setMinimumSize(160, 120)

    # -- contents ------------------------------------------------------------------------------------------------

    @property
    def slots(self) -> tuple[tuple[str, int], ...]:
        """Network and layer of each column of layers."""
        if self.tiles is None:
            return ()
        index = self.tiles.cut.index
        return tuple((name, layer) for name in self.networks for layer in index.network(name).layers)

    def show_tiles(
        self,
        tiles: SheetTiles | None,
        networks: Sequence[str],
        pictures: Sequence[int] | None = None,
        words: Sequence[str] = (),
    ) -> None:
        """Show another study or cut, other networks, pictures or an order of them; all in their order by default."""
        if tiles is not self.tiles:
            self.hovered, self.current = None, Cell(0, 1)
        self.tiles, self.networks, self.words = tiles, tuple(networks), list(words)
        everything = range(0 if tiles is None else len(tiles.cut.index.images))
        self.pictures = list(everything if pictures is None else pictures)
        last = Cell(max(len(self.pictures) - 1, 0), max(len(self.slots), 1))
        self.current = Cell(min(self.current.row, last.row), min(self.current.column, last.column))
        self._lay_out()

    def row_of(self, position: int) -> int | None:
        """The row of a picture; None where it is left out."""
        return self.pictures.index(position) if position in self.pictures else None

    def _lay_out(self) -> None:
        caption = self.fontMetrics().height() if self.words else 0
        self.layout_ = SheetLayout.filling(
            len(self.pictures), len(self.slots), self.least, self.viewport().width(), caption
        )
        self._set_bars()
        self.viewport().update()

    def set_side(self, side: int, at: QPointF | None = None) -> None:
        """Make cells larger or smaller; what is at a place of the viewport stays there."""
        side = int(np.clip(side, SMALLEST, LARGEST))
        if side == self.least:
            return
        old, place = self.layout_, QPointF(0, 0) if at is None else at
        x = (self.horizontalScrollBar().value() + place.x()) / old.pitch
        row = (self.verticalScrollBar().value() + place.y() - self.header) / old.line * old.blocks
        self.least = side
        self._lay_out()
        new = self.layout_
        self.horizontalScrollBar().setValue(round(x * new.pitch - place.x()))
        self.verticalScrollBar().setValue(round(row / new.blocks * new.line - place.y() + self.header))
        self.side_changed.emit(side)

    def reveal(self, cell: Cell) -> None:
        """Scroll as little as shows a cell."""
        layout = self.layout_
        left, top = layout.corner(cell)
        for bar, at, size, room in (
            (self.verticalScrollBar(), top - GAP, layout.line, self.viewport().height() - self.header),
            (self.horizontalScrollBar(), left - GAP, layout.pitch, self.viewport().width()),
        ):
            if at < bar.value() or room < 2 * size:  # a panel that is not laid out yet has hardly any room
                bar.setValue(at)
            elif at + size + GAP > bar.value() + room:
                bar.setValue(at + size + GAP - room)
        # The pictures themselves stay in sight, and cover what would lie below them.
        bar = self.horizontalScrollBar()
        if layout.blocks == 1 and cell.column and (cell.column - 1) * layout.pitch < bar.value():
            bar.setValue((cell.column - 1) * layout.pitch)

    @property
    def header(self) -> int:
        """Height of the lines of networks and layer numbers, which never scroll away."""
        return (1 + (len(self.networks) > 1)) * self.fontMetrics().height() + 6

    def visible_rows(self) -> range:
        """Rows in sight."""
        return self.layout_.visible_rows(self.verticalScrollBar().value(), self.viewport().height() - self.header)

    def _set_bars(self) -> None:
        room_x, room_y = self.viewport().width(), self.viewport().height() - self.header
        for bar, size, room in (
            (self.horizontalScrollBar(), self.layout_.width, room_x),
            (self.verticalScrollBar(), self.layout_.height, room_y),
        ):
            bar.setRange(0, max(size - room, 0))
            bar.setPageStep(max(room, 1))
            bar.setSingleStep(self.layout_.pitch // 2)

    # -- painting ------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: Any) -> None:
        """Fill another size."""
        super().resizeEvent(event)
        self._lay_out()
        if self.shown is not None and self.shown.row not in self.visible_rows():
            self.reveal(self.shown)

    def paintEvent(self, event: Any) -> None:
        """Paint the cells in sight."""
        painter = QPainter(self.viewport())
        try:
            painter.fillRect(self.viewport().rect(), self.colours.back)
            if self.tiles is None or not self.layout_.n_rows:
                painter.setPen(self.colours.faint)
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(self.viewport().rect(), flags, self.hint)
                return
            left, top = self.horizontalScrollBar().value(), self.verticalScrollBar().value() - self.header
            painter.translate(-left, -top)
            rows = self.visible_rows()
            for row in rows:
                for column in self._columns(left):
                    self._paint_cell(painter, Cell(row, column))
            painter.resetTransform()
            if self.layout_.blocks == 1:  # the pictures stay in sight when the layers are scrolled
                painter.fillRect(QRectF(0, 0, self.layout_.pitch, self.viewport().height()), self.colours.back)
                left = 0
            painter.translate(-left, -top)
            for row in rows:
                self._paint_cell(painter, Cell(row, 0))
                self._paint_words(painter, row)
            painter.resetTransform()
            self._paint_header(painter, self.horizontalScrollBar().value())
        finally:
            painter.end()
        missing = self.tiles.missing(self.pictures[row] for row in rows)
        if missing:
            self.wants.emit(missing)

    def _columns(self, left: int) -> list[int]:
        """Columns of layers in sight; the pictures stand to their left however far one scrolls."""
        return [column for column in self.layout_.visible_columns(left, self.viewport().width()) if column]

    def _paint_words(self, painter: QPainter, row: int) -> None:
        if row < len(self.words):
            left, top = self.layout_.corner(Cell(row, 0))
            width = (self.layout_.n_layers + 1) * self.layout_.pitch
            if self.layout_.blocks == 1:
                width = min(width, self.viewport().width() - 2 * GAP)
            place = QRectF(left, top + self.layout_.side, width, self.layout_.caption)
            painter.setPen(self.colours.text)
            text = self.fontMetrics().elidedText(self.words[row], Qt.TextElideMode.ElideRight, int(width))
            painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_header(self, painter: QPainter, left: int) -> None:
        painter.fillRect(QRectF(0, 0, self.viewport().width(), self.header), self.colours.back)
        layout, slots, high = self.layout_, self.slots, self.fontMetrics().height()
        words = self.fontMetrics().horizontalAdvance("layer 00") < layout.pitch
        for block in range(layout.blocks):
            start = layout.left_of(block)
            first = 0
            for network in self.networks if len(self.networks) > 1 else ():
                count = sum(name == network for name, _ in slots)
                across = start + (first + 1) * layout.pitch - left
                self._write(painter, network, QRectF(across, 0, count * layout.pitch - GAP, high + 3))
                first += count
            for column in (*self._columns(left), 0):
                layer = "picture" if column == 0 else f"{'layer ' if words else ''}{slots[column - 1][1]}"
                moved = left if column or layout.blocks > 1 else 0
                place = QRectF(start + column * layout.pitch - moved, self.header - high - 3, layout.side, high)
                if not column:
                    painter.fillRect(place.adjusted(-GAP, -self.header, GAP, 3), self.colours.back)
                self._write(painter, layer, place)

    def _write(self, painter: QPainter, words: str, place: QRectF) -> None:
        painter.setPen(self.colours.text)
        text = self.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(place.width()))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_cell(self, painter: QPainter, cell: Cell) -> None:
        assert self.tiles is not None
        position = self.pictures[cell.row]
        box = self.layout_.box(cell, self.tiles.aspect(position))
        place = QRectF(*box)
        picture = self.tiles.small(position)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
        if cell.column == 0 or self.tiles.values is not None:
            if picture is None:
                painter.fillRect(place, self.colours.line)
            else:
                painter.drawImage(place, image_of(picture))
        if cell.column:
            network, layer = self.slots[cell.column - 1]
            tile = self.tiles.tile(network, layer, position)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.smooth)
            painter.drawImage(place, image_of(tile))
            self._paint_marks(painter, place, network, layer, position)
            if cell.column > 1 and self.slots[cell.column - 2][0] != network:
                left, top = self.layout_.corner(cell)
                painter.setPen(QPen(self.colours.text, 1))
                painter.drawLine(QPointF(left - GAP / 2, top), QPointF(left - GAP / 2, top + self.layout_.side))
        if self.shown == cell:
            painter.setPen(QPen(self.colours.text, 2))
            painter.drawRect(place.adjusted(-1, -1, 1, 1))
        if self.hasFocus() and self.current == cell:
            painter.setPen(QPen(self.colours.text, 1, Qt.PenStyle.DotLine))
            painter.drawRect(place.adjusted(-2, -2, 2, 2))

    def _paint_marks(self, painter: QPainter, place: QRectF, network: str, layer: int, position: int) -> None:
        assert self.tiles is not None
        index = self.tiles.cut.index
        patches = index.patch_slice(network, layer, index.images[position])
        grid = index.grid(network, layer)
        marks = [(self.selected.get(which), QColor(SELECTION_COLOURS[which])) for which in SELECTIONS]
        if self.hovered is not None:
            marks.append((np.array([self.hovered]), QColor(Qt.GlobalColor.white)))
        for nodes, colour in marks:
            if nodes is None:
                continue
            begin, end = np.searchsorted(nodes, (patches.start, patches.stop))
            if begin == end:
                continue
            chosen = np.zeros(grid.rows * grid.columns, dtype=bool)
            chosen[nodes[begin:end] - patches.start] = True
            ends = token_edges(chosen.reshape(grid.rows, grid.columns))
            ends *= (place.width(), place.height(), place.width(), place.height())
            ends += (place.left(), place.top(), place.left(), place.top())
            lines = [QLineF(*end) for end in ends]
            for pen in (QPen(QColor(16, 16, 16), 3.5), QPen(colour, 2)):
                painter.setPen(pen)
                painter.drawLines(lines)

    # -- mouse and keys ------------------------------------------------------------------------------------------

    def node_at(self, place: QPointF) -> int | None:
        """The node at a point of the viewport; over the picture itself, that of the layer that is shown."""
        if self.tiles is None or place.y() < self.header:
            return None
        layout = self.layout_
        over_picture = layout.blocks == 1 and place.x() < layout.pitch
        x = place.x() + (0 if over_picture else self.horizontalScrollBar().value())
        y = place.y() + self.verticalScrollBar().value() - self.header
        cell = layout.cell_at(x, y)
        if cell is None:
            return None
        position = self.pictures[cell.row]
        fraction = layout.fraction(cell, self.tiles.aspect(position), x, y)
        if fraction is None:
            return None
        shown = len(self.slots) if self.shown is None else self.shown.column
        network, layer = self.slots[(cell.column or shown) - 1]
        index = self.tiles.cut.index
        return index.node_at(network, layer, index.images[position], y=fraction[0], x=fraction[1])

    def mouseMoveEvent(self, event: Any) -> None:
        """Point at a node."""
        self.pointed.emit(self.node_at(QPointF(event.pos())))

    def leaveEvent(self, event: Any) -> None:
        """Point at nothing."""
        self.pointed.emit(None)

    def mousePressEvent(self, event: Any) -> None:
        """Pick a node."""
        node = self.node_at(QPointF(event.pos()))
        if node is not None and event.button() == Qt.MouseButton.LeftButton:
            modifiers = event.modifiers()
            mode: SelectionMode = "replace"
            if modifiers & Qt.KeyboardModifier.ShiftModifier:
                mode = "add"
            elif modifiers & Qt.KeyboardModifier.AltModifier:
                mode = "remove"
            self.picked.emit(node, mode)

    def wheelEvent(self, event: Any) -> None:
        """Zoom with Ctrl, scroll without."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._zoom(event.angleDelta().y() > 0, QPointF(event.position()))
            event.accept()
        else:
            super().wheelEvent(event)

    def _zoom(self, larger: bool, at: QPointF | None = None) -> None:
        """Larger than cells are now, or smaller than they are at least."""
        side = self.layout_.side * 1.15 + 1 if larger else self.least / 1.15 - 1
        self.set_side(round(side), at)

    def keyPressEvent(self, event: Any) -> None:
        """Arrows and pages move from cell to cell, Enter goes there, + and - zoom."""
        blocks = self.layout_.blocks
        page = max(len(self.visible_rows()) - blocks, 1)
        steps: dict[Any, tuple[int, int]] = {
            Qt.Key.Key_Up: (-blocks, 0),
            Qt.Key.Key_Down: (blocks, 0),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_PageUp: (-page, 0),
            Qt.Key.Key_PageDown: (page, 0),
            Qt.Key.Key_Home: (-self.layout_.n_rows, 0),
            Qt.Key.Key_End: (self.layout_.n_rows, 0),
        }
        zooms = {Qt.Key.Key_Plus: True, Qt.Key.Key_Equal: True, Qt.Key.Key_Minus: False}
        key = event.key()
        if not self.layout_.n_rows:
            super().keyPressEvent(event)
        elif key in steps:
            down, right = steps[key]
            row = min(max(self.current.row + down, 0), self.layout_.n_rows - 1)
            self.current = Cell(row, min(max(self.current.column + right, 0), self.layout_.n_layers))
            self.reveal(self.current)
            self.viewport().update()
        elif key in zooms:
            self._zoom(zooms[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            network, layer = self.slots[max(self.current.column, 1) - 1]
            self.gone_to.emit(self.pictures[self.current.row], network, layer)
        else:
            super().keyPressEvent(event)
