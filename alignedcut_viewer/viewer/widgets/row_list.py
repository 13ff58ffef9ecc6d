"""A painted list of things that have a colour and a name: chosen, renamed and worked on by mouse and keys."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from qtpy.QtCore import QAbstractListModel, QEvent, QModelIndex, QPoint, QRect, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QFont, QFontMetrics, QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPen
from qtpy.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QListView,
    QStyle,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from .name_delegate import NameDelegate
from .painting import Colours

__all__ = ["MARGIN", "RowList", "RowParts"]

MARGIN = 5

Row = TypeVar("Row")
Key = TypeVar("Key", bound=Hashable)


class RowParts(NamedTuple):
    """Where the parts of a row lie: colour, name, the sign at its right, facts, and small pictures."""

    swatch: QRect
    name: QRect
    sign: QRect
    facts: QRect
    pictures: list[QRect]

    @property
    def sign_target(self) -> QRect:
        """Where a click meets the sign, which is a little larger than the sign."""
        return self.sign.adjusted(-3, -3, 3, 3)


class _Model(QAbstractListModel):
    """Rows in the order in which they are shown."""

    def __init__(self, view: "RowList[Any, Any]") -> None:
        super().__init__(view)
        self._view = view
        self.rows: list[Any] = []
        self.details: Mapping[Any, Any] = {}

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row = self.rows[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return row.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._view.spoken(row)
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.EditRole or not index.isValid():
            return False
        row = self.rows[index.row()]
        if str(value).strip() and str(value) != row.name:
            # Not in this turn: the list is shown anew, which the editor that is about to close would not survive.
            QTimer.singleShot(0, partial(self._view.renamed.emit, self._view.key(row), str(value)))
        return True

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable


class _Delegate(NameDelegate):
    """Paints one row."""

    def __init__(self, view: "RowList[Any, Any]") -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(200, 2 * MARGIN + self._view.row_height())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        view, colours = self._view, self._view.colours
        row = view.model_.rows[index.row()]
        details = view.model_.details.get(view.key(row))
        parts = view.parts(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.fillRect(option.rect, colours.current if chosen else colours.back)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(*row.colour))
        painter.drawRoundedRect(parts.swatch, 3, 3)
        for box, pixels in zip(parts.pictures, () if details is None else view.pixels(details), strict=False):
            height, width = pixels.shape[:2]
            painter.drawImage(box, QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888))
        if details is None:
            for box in parts.pictures[:6]:
                painter.fillRect(box, colours.current)
        bold = QFont(view.font())
        bold.setBold(True)
        _write(painter, bold, colours.text, parts.name, row.name)
        _write(painter, view.font(), colours.faint, parts.facts, view.facts(row, details))
        view.paint_sign(painter, parts, row)
        painter.setPen(QPen(colours.line, 1))
        painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex) -> QWidget:
        return QLineEdit(parent)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        editor.setGeometry(self._view.parts(option.rect).name.adjusted(-3, -3, 0, 4))


def _write(painter: QPainter, font: QFont, colour: QColor, box: QRect, words: str) -> None:
    painter.setFont(font)
    painter.setPen(colour)
    fitting = QFontMetrics(font).elidedText(words, Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, fitting)


class RowList(QListView, Generic[Row, Key]):
    """Rows below one another; several are chosen with Shift and Ctrl.

    A subclass says what a row is: its key, its parts and what is written into them. Rows have a ``name`` and a
    ``colour``.

    Parameters
    ----------
    colours
        Of the theme.

    Attributes
    ----------
    actions_of_keys
        What keys do while the list has the focus, by the key and whether Ctrl is held. The window's own shortcuts of
        these keys stay out of the way meanwhile.
    chosen
        Signal: other rows are chosen, by mouse or keys.
    renamed
        Signal (key, name): a name was typed.
    sign_clicked
        Signal (key): the sign at the right of a row was clicked.
    """

    chosen = Signal()
    renamed = Signal(object, str)
    sign_clicked = Signal(object)

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colours = colours
        self._quiet = False
        self.actions_of_keys: dict[tuple[int, bool], Callable[[], None]] = {}
        self.model_ = _Model(self)
        self.setModel(self.model_)
        self.setItemDelegate(_Delegate(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.selectionModel().selectionChanged.connect(self._on_selection)

    # -- what a row is -------------------------------------------------------------------------------------------

    def key(self, row: Row) -> Key:
        """What a row stays known by while others come and go."""
        raise NotImplementedError

    def row_height(self) -> int:
        """Of a row without its margins, in logical pixels."""
        raise NotImplementedError

    def parts(self, box: QRect) -> RowParts:
        """Where the parts of a row lie that fills a box."""
        raise NotImplementedError

    def facts(self, row: Row, details: Any) -> str:
        """The second line; details are None until they are computed."""
        raise NotImplementedError

    def spoken(self, row: Row) -> str:
        """For a screen reader."""
        raise NotImplementedError

    def pixels(self, details: Any) -> Sequence[Any]:
        """Small pictures of a row, uint8 arrays (height, width, 3)."""
        raise NotImplementedError

    def paint_sign(self, painter: QPainter, parts: RowParts, row: Row) -> None:
        """Paint the sign, and whatever else is particular."""
        raise NotImplementedError

    def words_at(self, index: QModelIndex, place: QPoint) -> str:
        """Text of the tooltip at a place of a row."""
        raise NotImplementedError

    # -- what is shown -------------------------------------------------------------------------------------------

    def set_colours(self, colours: Colours) -> None:
        """Follow another theme."""
        self.colours = colours
        self.viewport().update()

    def show_rows(self, rows: Sequence[Row], details: Mapping[Key, Any] | None = None) -> None:
        """Show these, in this order; what was chosen stays chosen as far as it is still there."""
        if rows and [self.key(row) for row in rows] == [self.key(row) for row in self.model_.rows]:
            self.model_.rows = list(rows)  # a list that is filled anew throws away the name that is being typed
            self.show_details(self.model_.details if details is None else details)
            return
        self._quiet = True
        try:
            keys = self.chosen_keys
            self.model_.beginResetModel()
            self.model_.rows = list(rows)
            if details is not None:
                self.model_.details = details
            self.model_.endResetModel()
            self._choose(keys)
        finally:
            self._quiet = False

    def show_details(self, details: Mapping[Key, Any]) -> None:
        """Fill in what was computed meanwhile."""
        self.model_.details = details
        self.viewport().update()

    def choose(self, keys: Sequence[Key]) -> None:
        """Choose the rows of these keys, quietly, and show the last one."""
        if list(keys) == self.chosen_keys:
            return
        self._quiet = True
        try:
            self._choose(keys)
        finally:
            self._quiet = False

    def _choose(self, keys: Sequence[Key]) -> None:
        selection = self.selectionModel()
        selection.clearSelection()
        for number, row in enumerate(self.model_.rows):
            if self.key(row) in keys:
                index = self.model_.index(number, 0)
                selection.select(index, selection.SelectionFlag.Select)
                selection.setCurrentIndex(index, selection.SelectionFlag.NoUpdate)
                self.scrollTo(index)

    @property
    def rows(self) -> list[Row]:
        """All that is listed, from top to bottom."""
        return self.model_.rows

    @property
    def chosen_rows(self) -> list[Row]:
        """The chosen ones, from top to bottom."""
        numbers = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return [self.model_.rows[number] for number in numbers if number < len(self.model_.rows)]

    @property
    def chosen_keys(self) -> list[Key]:
        """Keys of the chosen ones, from top to bottom."""
        return [self.key(row) for row in self.chosen_rows]

    def parts_of(self, key: Key) -> RowParts:
        """Where the parts of the row of a key lie in the viewport."""
        number = next(number for number, row in enumerate(self.model_.rows) if self.key(row) == key)
        return self.parts(self.visualRect(self.model_.index(number, 0)))

    def parts_at(self, index: QModelIndex) -> RowParts:
        """Where the parts of a row lie in the viewport."""
        return self.parts(self.visualRect(index))

    def edit_name(self) -> None:
        """Let the name of the one chosen row be typed."""
        chosen = self.selectionModel().selectedIndexes()
        if len(chosen) == 1:
            self.setFocus()
            self.edit(chosen[0])

    # -- mouse and keys ------------------------------------------------------------------------------------------

    def _on_selection(self, *_: Any) -> None:
        if not self._quiet:
            self.chosen.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Click the sign, or choose by clicking elsewhere."""
        index = self.indexAt(event.pos())
        left = index.isValid() and event.button() == Qt.MouseButton.LeftButton
        if left and self.parts_at(index).sign_target.contains(event.pos()):
            self.sign_clicked.emit(self.key(self.model_.rows[index.row()]))
            return
        super().mousePressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Claim keys that mean something here before a shortcut of the window takes them (napari has Ctrl-M)."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._action(event):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Do what a key means here; the others walk through the list."""
        act = self._action(event)
        if act is None:
            super().keyPressEvent(event)
        else:
            act()

    def _action(self, event: QKeyEvent) -> Callable[[], None] | None:
        with_control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        return self.actions_of_keys.get((event.key(), with_control))

    def viewportEvent(self, event: QEvent) -> bool:
        """Show a tooltip for what is under the cursor."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self.indexAt(event.pos())
            QToolTip.showText(event.globalPos(), self.words_at(index, event.pos()) if index.isValid() else "", self)
            return True
        return bool(super().viewportEvent(event))
