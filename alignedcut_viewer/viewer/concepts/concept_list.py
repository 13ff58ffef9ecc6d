"""The list of concepts, painted: swatch, name, size, layers, pin, and pictures of what shows each best."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from qtpy.QtGui import QColor, QFont, QFontMetrics, QHelpEvent, QImage, QMouseEvent, QPainter, QPen
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
from .details import ConceptDetails, spelled_layers

if TYPE_CHECKING:
    from ...study.concept_set import Concept

__all__ = ["ConceptList"]

SWATCH = 14
MARGIN = 5


class Row(NamedTuple):
    """Where the parts of a row lie."""

    swatch: QRect
    name: QRect
    pin: QRect
    facts: QRect
    crops: list[QRect]


class _Model(QAbstractListModel):
    """Concepts in the order in which they are shown."""

    def __init__(self, rename: Callable[[int, str], None], parent: Any = None) -> None:
        super().__init__(parent)
        self.concepts: list[Concept] = []
        self.details: dict[int, ConceptDetails] = {}
        self._rename = rename

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.concepts)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.concepts):
            return None
        concept = self.concepts[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return concept.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{concept.name}, {concept.size} pixels{', pinned' * concept.pinned}"
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.EditRole or not index.isValid():
            return False
        concept = self.concepts[index.row()]
        if str(value).strip() and str(value) != concept.name:
            # Not in this turn: the list is shown anew, which the editor that is about to close would not survive.
            QTimer.singleShot(0, partial(self._rename, concept.id, str(value)))
        return True

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable


class _Delegate(QStyledItemDelegate):
    """Paints one concept."""

    def __init__(self, view: "ConceptList") -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        line = QFontMetrics(self._view.font()).height()
        return QSize(200, 2 * MARGIN + 2 * line + 4 + self._view.crop_side)

    def parts(self, box: QRect) -> Row:
        line = QFontMetrics(self._view.font()).height()
        left = box.left() + MARGIN + SWATCH + 8
        top = box.top() + MARGIN
        side = self._view.crop_side
        pin = QRect(box.right() - line - MARGIN, top, line, line)
        crops = [
            QRect(left + n * (side + 3), top + 2 * line + 4, side, side)
            for n in range(max((box.right() - MARGIN - left + 3) // (side + 3), 0))
        ]
        return Row(
            QRect(box.left() + MARGIN, top, SWATCH, box.height() - 2 * MARGIN),
            QRect(left, top, pin.left() - left - 4, line),
            pin,
            QRect(left, top + line, box.right() - MARGIN - left, line),
            crops,
        )

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        view, colours = self._view, self._view.colours
        concept = view.model_.concepts[index.row()]
        details = view.model_.details.get(concept.id)
        parts = self.parts(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.fillRect(option.rect, colours.current if chosen else colours.back)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(*concept.colour))
        painter.drawRoundedRect(parts.swatch, 3, 3)
        font = QFont(view.font())
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(colours.text)
        words = QFontMetrics(font).elidedText(concept.name, Qt.TextElideMode.ElideRight, parts.name.width())
        painter.drawText(parts.name, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)
        _paint_pin(painter, QRectF(parts.pin), colours.text if concept.pinned else colours.line, concept.pinned)
        painter.setFont(view.font())
        painter.setPen(colours.faint)
        facts = QFontMetrics(view.font()).elidedText(
            view.facts(concept, details), Qt.TextElideMode.ElideRight, parts.facts.width()
        )
        painter.drawText(parts.facts, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, facts)
        for box, pixels in zip(parts.crops, () if details is None else details.crops, strict=False):
            height, width = pixels.shape[:2]
            painter.drawImage(box, QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888))
        if details is None:
            for box in parts.crops[:6]:
                painter.fillRect(box, colours.current)
        painter.setPen(QPen(colours.line, 1))
        painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex) -> QWidget:
        return QLineEdit(parent)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        box = self.parts(option.rect).name
        editor.setGeometry(box.adjusted(-3, -3, 0, 4))


class ConceptList(QListView):
    """Concepts below one another; several are chosen with Shift and Ctrl.

    Parameters
    ----------
    colours
        Of the theme.

    Attributes
    ----------
    chosen
        Signal: other concepts are chosen, by mouse or keys.
    renamed
        Signal (id, name): a name was typed.
    pin_clicked
        Signal (id): the pin of a concept was clicked.
    crop_clicked
        Signal (node): a picture was clicked.
    """

    chosen = Signal()
    renamed = Signal(int, str)
    pin_clicked = Signal(int)
    crop_clicked = Signal(object)
    crop_side = 46

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colours = colours
        self.n_networks = 1
        self._quiet = False
        self.model_ = _Model(self.renamed.emit, self)
        self.setModel(self.model_)
        self.setItemDelegate(_Delegate(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setAccessibleName("Concepts")
        self.setMinimumHeight(120)
        self.selectionModel().selectionChanged.connect(self._on_selection)

    def set_colours(self, colours: Colours) -> None:
        """Follow another theme."""
        self.colours = colours
        self.viewport().update()

    def show_concepts(self, concepts: "Sequence[Concept]", details: dict[int, ConceptDetails]) -> None:
        """Show these, in this order; what was chosen stays chosen as far as it is still there."""
        ids = self.chosen_ids
        self._quiet = True
        try:
            self.model_.beginResetModel()
            self.model_.concepts, self.model_.details = list(concepts), dict(details)
            self.model_.endResetModel()
            self.choose(ids)
        finally:
            self._quiet = False

    def show_details(self, details: dict[int, ConceptDetails]) -> None:
        """Fill in what was computed meanwhile."""
        self.model_.details = dict(details)
        self.viewport().update()

    def choose(self, ids: Sequence[int]) -> None:
        """Choose the concepts of these ids."""
        selection = self.selectionModel()
        selection.clearSelection()
        for row, concept in enumerate(self.model_.concepts):
            if concept.id in ids:
                index = self.model_.index(row, 0)
                selection.select(index, selection.SelectionFlag.Select)
                selection.setCurrentIndex(index, selection.SelectionFlag.NoUpdate)

    @property
    def chosen_ids(self) -> list[int]:
        """Ids of the chosen concepts, from top to bottom."""
        return [concept.id for concept in self.chosen_concepts]

    @property
    def chosen_concepts(self) -> "list[Concept]":
        """The chosen concepts, from top to bottom."""
        rows = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return [self.model_.concepts[row] for row in rows]

    def row_of(self, id: int) -> Row:
        """Where the parts of a concept's row lie in the viewport."""
        row = next(n for n, concept in enumerate(self.model_.concepts) if concept.id == id)
        return self._parts(self.model_.index(row, 0))

    def facts(self, concept: "Concept", details: ConceptDetails | None) -> str:
        """One line: how many pixels, in how many pictures, at which layers."""
        words = f"{concept.size:,} pixels"
        if details is not None:
            words += f" · {details.pictures:,} pictures · {spelled_layers(details.layers)}"
            if len(details.networks) < self.n_networks:
                words += f" · {', '.join(details.networks)}"
        return words

    def _parts(self, index: QModelIndex) -> Row:
        return self.itemDelegate().parts(self.visualRect(index))

    def _on_selection(self, *_: Any) -> None:
        if not self._quiet:
            self.chosen.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Pin by its sign, go to a picture by clicking it, choose by clicking elsewhere."""
        index = self.indexAt(event.pos())
        if index.isValid() and event.button() == Qt.MouseButton.LeftButton:
            concept, parts = self.model_.concepts[index.row()], self._parts(index)
            if parts.pin.adjusted(-3, -3, 3, 3).contains(event.pos()):
                self.pin_clicked.emit(concept.id)
                return
            node = self._node_at(index, event.pos())
            super().mousePressEvent(event)
            if node is not None:
                self.crop_clicked.emit(node)
            return
        super().mousePressEvent(event)

    def _node_at(self, index: QModelIndex, place: QPoint) -> int | None:
        details = self.model_.details.get(self.model_.concepts[index.row()].id)
        if details is not None:
            for box, node in zip(self._parts(index).crops, details.nodes, strict=False):
                if box.contains(place):
                    return int(node)
        return None

    def viewportEvent(self, event: QEvent) -> bool:
        """Show a tooltip for what is under the cursor."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self.indexAt(event.pos())
            words = "" if not index.isValid() else self.words_at(index, event.pos())
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().viewportEvent(event)

    def words_at(self, index: QModelIndex, place: QPoint) -> str:
        """Text of the tooltip at a place of a row."""
        concept, parts = self.model_.concepts[index.row()], self._parts(index)
        if parts.pin.adjusted(-3, -3, 3, 3).contains(place):
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
