"""The list of segments, painted: colour, name, lock, area and confidence, and a small picture of each."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import QAbstractListModel, QEvent, QModelIndex, QRect, QRectF, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QFont, QFontMetrics, QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPen
from qtpy.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from ..widgets.painting import Colours
from .details import SegmentDetails

if TYPE_CHECKING:
    from ...segmentation import Segment, SegmentKey

__all__ = ["SegmentList"]

SWATCH = 16
MARGIN = 5
THUMBNAIL = 40


class Row(NamedTuple):
    """Where the parts of a row lie."""

    swatch: QRect
    thumbnail: QRect
    name: QRect
    lock: QRect
    facts: QRect
    bar: QRect


class _Model(QAbstractListModel):
    """Segments in the order in which they are shown."""

    def __init__(self, rename: "Callable[[SegmentKey, str], None]", parent: Any = None) -> None:
        super().__init__(parent)
        self.segments: list[Segment] = []
        self.details: dict[SegmentKey, SegmentDetails] = {}
        self.pictures: Mapping[int, str] = {}
        self._rename = rename

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.segments)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.segments):
            return None
        segment = self.segments[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return segment.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{segment.key.number}, {segment.name}{', locked' * segment.locked}"
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.EditRole or not index.isValid():
            return False
        segment = self.segments[index.row()]
        if str(value).strip() and str(value) != segment.name:
            # Not in this turn: the list is shown anew, which the editor that is about to close would not survive.
            QTimer.singleShot(0, partial(self._rename, segment.key, str(value)))
        return True

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable


class _Delegate(QStyledItemDelegate):
    """Paints one segment."""

    def __init__(self, view: "SegmentList") -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        line = QFontMetrics(self._view.font()).height()
        return QSize(200, 2 * MARGIN + max(THUMBNAIL, 2 * line + 6))

    def parts(self, box: QRect) -> Row:
        line = QFontMetrics(self._view.font()).height()
        top, high = box.top() + MARGIN, box.height() - 2 * MARGIN
        swatch = QRect(box.left() + MARGIN, top, SWATCH, high)
        thumbnail = QRect(swatch.right() + 6, top + (high - THUMBNAIL) // 2, THUMBNAIL, THUMBNAIL)
        left = thumbnail.right() + 8
        lock = QRect(box.right() - line - MARGIN, top, line, line)
        facts = QRect(left, top + line + 1, box.right() - MARGIN - left, line)
        bar = QRect(left, facts.bottom() + 1, facts.width(), 3)
        return Row(swatch, thumbnail, QRect(left, top, lock.left() - left - 4, line), lock, facts, bar)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        view, colours = self._view, self._view.colours
        segment = view.model_.segments[index.row()]
        details = view.model_.details.get(segment.key)
        parts = self.parts(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.fillRect(option.rect, colours.current if chosen else colours.back)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(*segment.colour))
        painter.drawRoundedRect(parts.swatch, 3, 3)
        if details is not None and details.thumbnail is not None:
            pixels = details.thumbnail
            height, width = pixels.shape[:2]
            painter.drawImage(
                parts.thumbnail, QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
            )
        else:
            painter.fillRect(parts.thumbnail, colours.current)
        bold = QFont(view.font())
        bold.setBold(True)
        painter.setFont(bold)
        painter.setPen(colours.text)
        words = QFontMetrics(bold).elidedText(segment.name, Qt.TextElideMode.ElideRight, parts.name.width())
        painter.drawText(parts.name, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)
        paint_lock(painter, QRectF(parts.lock), colours.text if segment.locked else colours.line, segment.locked)
        painter.setFont(view.font())
        painter.setPen(colours.faint)
        facts = QFontMetrics(view.font()).elidedText(
            view.facts(segment, details), Qt.TextElideMode.ElideRight, parts.facts.width()
        )
        painter.drawText(parts.facts, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, facts)
        if segment.confidence == segment.confidence:
            painter.fillRect(parts.bar, colours.line)
            sure = QRect(parts.bar)
            sure.setWidth(round(parts.bar.width() * min(max(segment.confidence, 0.0), 1.0)))
            painter.fillRect(sure, colours.faint)
        painter.setPen(QPen(colours.line, 1))
        painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex) -> QWidget:
        return QLineEdit(parent)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        editor.setGeometry(self.parts(option.rect).name.adjusted(-3, -3, 0, 4))


class SegmentList(QListView):
    """Segments below one another; several are chosen with Shift and Ctrl.

    Parameters
    ----------
    colours
        Of the theme.

    Attributes
    ----------
    actions_of_keys
        What keys do, by the key and whether Ctrl is held.
    chosen
        Signal: other segments are chosen, by mouse or keys.
    renamed
        Signal (key, name): a name was typed.
    lock_clicked
        Signal (key): the lock of a segment was clicked.
    colour_clicked
        Signal (key): the colour of a segment was double-clicked.
    """

    chosen = Signal()
    renamed = Signal(object, str)
    lock_clicked = Signal(object)
    colour_clicked = Signal(object)

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colours = colours
        self._quiet = False
        self.actions_of_keys: dict[tuple[int, bool], Callable[[], None]] = {}
        self.model_ = _Model(self.renamed.emit, self)
        self.setModel(self.model_)
        self.setItemDelegate(_Delegate(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setAccessibleName("Segments")
        self.setMinimumHeight(56)
        self.selectionModel().selectionChanged.connect(self._on_selection)

    def set_colours(self, colours: Colours) -> None:
        """Follow another theme."""
        self.colours = colours
        self.viewport().update()

    def show_segments(self, segments: "Sequence[Segment]", pictures: Mapping[int, str]) -> None:
        """Show these, in this order; `pictures` are the names of pictures, where a row must say which it is of."""
        self._quiet = True
        try:
            keys = self.chosen_keys
            self.model_.beginResetModel()
            self.model_.segments, self.model_.pictures = list(segments), pictures
            self.model_.endResetModel()
            self._choose(keys)
        finally:
            self._quiet = False

    def show_details(self, details: "dict[SegmentKey, SegmentDetails]") -> None:
        """Fill in what was computed meanwhile."""
        self.model_.details = details
        self.viewport().update()

    def choose(self, keys: "Sequence[SegmentKey]") -> None:
        """Choose the rows of segments, quietly, and show the last one."""
        if list(keys) == self.chosen_keys:
            return
        self._quiet = True
        try:
            self._choose(keys)
        finally:
            self._quiet = False

    def _choose(self, keys: "Sequence[SegmentKey]") -> None:
        selection = self.selectionModel()
        selection.clearSelection()
        for row, segment in enumerate(self.model_.segments):
            if segment.key in keys:
                index = self.model_.index(row, 0)
                selection.select(index, selection.SelectionFlag.Select)
                selection.setCurrentIndex(index, selection.SelectionFlag.NoUpdate)
                self.scrollTo(index)

    @property
    def chosen_keys(self) -> "list[SegmentKey]":
        """Keys of the chosen rows, from top to bottom."""
        rows = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return [self.model_.segments[row].key for row in rows if row < len(self.model_.segments)]

    def row_of(self, key: "SegmentKey") -> Row:
        """Where the parts of a segment's row lie in the viewport."""
        row = next(n for n, segment in enumerate(self.model_.segments) if segment.key == key)
        return self._parts(self.model_.index(row, 0))

    def facts(self, segment: "Segment", details: SegmentDetails | None) -> str:
        """One line: number, area, confidence, and which picture or how many."""
        words = [str(segment.key.number)]
        if details is not None:
            words.append(f"{100 * details.area:.1f} %")
        if segment.confidence == segment.confidence:
            words.append(f"confidence {segment.confidence:.2f}")
        if segment.key.image is None and details is not None:
            words.append(f"{details.pictures} pictures" if details.pictures != 1 else "1 picture")
        elif segment.key.image is not None and segment.key.image in self.model_.pictures:
            words.append(self.model_.pictures[segment.key.image])
        return " · ".join(words)

    def _parts(self, index: QModelIndex) -> Row:
        return self.itemDelegate().parts(self.visualRect(index))

    def _on_selection(self, *_: Any) -> None:
        if not self._quiet:
            self.chosen.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Lock by its sign, choose by clicking elsewhere."""
        index = self.indexAt(event.pos())
        left = index.isValid() and event.button() == Qt.MouseButton.LeftButton
        if left and self._parts(index).lock.adjusted(-3, -3, 3, 3).contains(event.pos()):
            self.lock_clicked.emit(self.model_.segments[index.row()].key)
            return
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Do what a key means here; the others walk through the list."""
        with_control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        act = self.actions_of_keys.get((event.key(), with_control))
        if act is None:
            super().keyPressEvent(event)
        else:
            act()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for a colour on the swatch, for a name elsewhere."""
        index = self.indexAt(event.pos())
        if index.isValid() and self._parts(index).swatch.contains(event.pos()):
            self.colour_clicked.emit(self.model_.segments[index.row()].key)
            return
        super().mouseDoubleClickEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """Show a tooltip for what is under the cursor."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self.indexAt(event.pos())
            words = "" if not index.isValid() else self.words_at(index, event)
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().viewportEvent(event)

    def words_at(self, index: QModelIndex, event: QHelpEvent) -> str:
        """Text of the tooltip at a place of a row."""
        segment, parts = self.model_.segments[index.row()], self._parts(index)
        if parts.lock.adjusted(-3, -3, 3, 3).contains(event.pos()):
            return "Locked: nothing changes its pixels. Click to unlock" if segment.locked else "Click to lock"
        if parts.swatch.contains(event.pos()):
            return "Double-click: another colour"
        facts = self.facts(segment, self.model_.details.get(segment.key))
        return f"<b>{segment.name}</b><br>{facts}<br><i>Double-click or F2: rename</i>"


def paint_lock(painter: QPainter, box: QRectF, colour: QColor, closed: bool) -> None:
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
