"""The contact sheet itself: a raster that paints only the cells in sight, scrolls and zooms."""

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
    """Pictures × layers of one network.

    Attributes
    ----------
    wants
        Signal (list of rows): pictures in sight that are not read yet.
    pointed
        Signal (node or None): what is under the mouse.
    picked
        Signal (node, mode): a cell was clicked.
    gone_to
        Signal (row, layer): Enter was pressed at a cell.
    side_changed
        Signal (pixels): cells have another size.
    """

    wants = Signal(list)
    pointed = Signal(object)
    picked = Signal(int, str)
    gone_to = Signal(int, int)
    side_changed = Signal(int)

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colours = colours
        self.tiles: SheetTiles | None = None
        self.network = ""
        self.layout_ = SheetLayout(0, 0, 72)
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
    def layers(self) -> tuple[int, ...]:
        """Layers along the columns."""
        return () if self.tiles is None else self.tiles.cut.index.network(self.network).layers

    def show_tiles(self, tiles: SheetTiles | None, network: str) -> None:
        """Show another study, cut or network."""
        self.tiles, self.network = tiles, network
        self.hovered, self.current = None, Cell(0, 1)
        n_rows = 0 if tiles is None else len(tiles.cut.index.images)
        self.layout_ = SheetLayout(n_rows, len(self.layers), self.layout_.side)
        self._set_bars()
        self.viewport().update()

    def set_side(self, side: int, at: QPointF | None = None) -> None:
        """Make cells larger or smaller; what is at a place of the viewport stays there."""
        old = self.layout_
        side = int(np.clip(side, SMALLEST, LARGEST))
        if side == old.side:
            return
        place = QPointF(0, 0) if at is None else at
        x = (self.horizontalScrollBar().value() + place.x()) / old.pitch
        y = (self.verticalScrollBar().value() + place.y() - self.header) / old.pitch
        self.layout_ = SheetLayout(old.n_rows, old.n_layers, side)
        self._set_bars()
        self.horizontalScrollBar().setValue(round(x * self.layout_.pitch - place.x()))
        self.verticalScrollBar().setValue(round(y * self.layout_.pitch - place.y() + self.header))
        self.side_changed.emit(side)
        self.viewport().update()

    def reveal(self, cell: Cell) -> None:
        """Scroll as little as shows a cell."""
        pitch = self.layout_.pitch
        for bar, at, room in (
            (self.verticalScrollBar(), cell.row * pitch, self.viewport().height() - self.header),
            (self.horizontalScrollBar(), cell.column * pitch, self.viewport().width()),
        ):
            if at < bar.value() or room < 2 * pitch:  # a panel that is not laid out yet has hardly any room
                bar.setValue(at)
            elif at + pitch + GAP > bar.value() + room:
                bar.setValue(at + pitch + GAP - room)
        # The pictures themselves stay in sight, and cover what would lie below them.
        bar = self.horizontalScrollBar()
        if cell.column and (cell.column - 1) * pitch < bar.value():
            bar.setValue((cell.column - 1) * pitch)

    @property
    def header(self) -> int:
        """Height of the line of layer numbers, which never scrolls away."""
        return self.fontMetrics().height() + 6

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
        """Follow another size."""
        super().resizeEvent(event)
        self._set_bars()

    def paintEvent(self, event: Any) -> None:
        """Paint the cells in sight."""
        painter = QPainter(self.viewport())
        try:
            painter.fillRect(self.viewport().rect(), self.colours.back)
            if self.tiles is None or not self.layout_.n_rows:
                painter.setPen(self.colours.faint)
                words = "There is nothing to show yet: open a study with a result."
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(self.viewport().rect(), flags, words)
                return
            left, top = self.horizontalScrollBar().value(), self.verticalScrollBar().value() - self.header
            painter.translate(-left, -top)
            rows = self.visible_rows()
            for row in rows:
                for column in self._columns(left):
                    self._paint_cell(painter, Cell(row, column))
            painter.resetTransform()
            painter.fillRect(QRectF(0, 0, self.layout_.pitch, self.viewport().height()), self.colours.back)
            painter.translate(0, -top)
            for row in rows:
                self._paint_cell(painter, Cell(row, 0))
            painter.resetTransform()
            self._paint_header(painter, left)
        finally:
            painter.end()
        missing = self.tiles.missing(rows)
        if missing:
            self.wants.emit(missing)

    def _columns(self, left: int) -> list[int]:
        """Columns of layers in sight; the pictures stand to their left however far one scrolls."""
        return [column for column in self.layout_.visible_columns(left, self.viewport().width()) if column]

    def _paint_header(self, painter: QPainter, left: int) -> None:
        painter.fillRect(QRectF(0, 0, self.viewport().width(), self.header), self.colours.back)
        painter.setPen(self.colours.text)
        pitch = self.layout_.pitch
        words = self.fontMetrics().horizontalAdvance("layer 00") < pitch
        for column in (*self._columns(left), 0):
            layer = "picture" if column == 0 else f"{'layer ' if words else ''}{self.layers[column - 1]}"
            place = QRectF(GAP + column * pitch - (left if column else 0), 0, self.layout_.side, self.header)
            if not column:
                painter.fillRect(QRectF(0, 0, pitch, self.header), self.colours.back)
            text = self.fontMetrics().elidedText(layer, Qt.TextElideMode.ElideRight, int(place.width()))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_cell(self, painter: QPainter, cell: Cell) -> None:
        assert self.tiles is not None
        box = self.layout_.box(cell, self.tiles.aspect(cell.row))
        place = QRectF(*box)
        picture = self.tiles.small(cell.row)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
        if cell.column == 0 or self.tiles.values is not None:
            if picture is None:
                painter.fillRect(place, self.colours.line)
            else:
                painter.drawImage(place, image_of(picture))
        if cell.column:
            layer = self.layers[cell.column - 1]
            tile = self.tiles.tile(self.network, layer, cell.row)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.smooth)
            painter.drawImage(place, image_of(tile))
            self._paint_marks(painter, place, layer, cell.row)
        if self.shown == cell:
            painter.setPen(QPen(self.colours.text, 2))
            painter.drawRect(place.adjusted(-1, -1, 1, 1))
        if self.hasFocus() and self.current == cell:
            painter.setPen(QPen(self.colours.text, 1, Qt.PenStyle.DotLine))
            painter.drawRect(place.adjusted(-2, -2, 2, 2))

    def _paint_marks(self, painter: QPainter, place: QRectF, layer: int, row: int) -> None:
        assert self.tiles is not None
        index = self.tiles.cut.index
        patches = index.patch_slice(self.network, layer, index.images[row])
        grid = index.grid(self.network, layer)
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
        over_picture = place.x() < self.layout_.pitch
        x = place.x() + (0 if over_picture else self.horizontalScrollBar().value())
        y = place.y() + self.verticalScrollBar().value() - self.header
        cell = self.layout_.cell_at(x, y)
        if cell is None:
            return None
        fraction = self.layout_.fraction(cell, self.tiles.aspect(cell.row), x, y)
        if fraction is None:
            return None
        shown = len(self.layers) if self.shown is None else self.shown.column
        layer = self.layers[(cell.column or shown) - 1]
        index = self.tiles.cut.index
        return index.node_at(self.network, layer, index.images[cell.row], y=fraction[0], x=fraction[1])

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
            step = 1.15 if event.angleDelta().y() > 0 else 1 / 1.15
            self.set_side(round(self.layout_.side * step + (1 if step > 1 else -1)), QPointF(event.position()))
            event.accept()
        else:
            super().wheelEvent(event)

    def keyPressEvent(self, event: Any) -> None:
        """Arrows and pages move from cell to cell, Enter goes there, + and - zoom."""
        page = max(len(self.visible_rows()) - 1, 1)
        steps: dict[Any, tuple[int, int]] = {
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_PageUp: (-page, 0),
            Qt.Key.Key_PageDown: (page, 0),
            Qt.Key.Key_Home: (-self.layout_.n_rows, 0),
            Qt.Key.Key_End: (self.layout_.n_rows, 0),
        }
        zooms = {Qt.Key.Key_Plus: 1.15, Qt.Key.Key_Equal: 1.15, Qt.Key.Key_Minus: 1 / 1.15}
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
            self.set_side(round(self.layout_.side * zooms[key]))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.gone_to.emit(self.current.row, self.layers[max(self.current.column, 1) - 1])
        else:
            super().keyPressEvent(event)
