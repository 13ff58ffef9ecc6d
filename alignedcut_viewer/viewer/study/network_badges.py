"""Badges in the list of networks: whether weights are here, will be downloaded, or are out of reach."""

from typing import Any

from qtpy.QtCore import QModelIndex, QRect, QSize, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QListWidget, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from ...backbones import Availability, list_networks
from ...progress import ProgressCallback, report
from ..coordinator.coordinator import Coordinator
from ..widgets.view import View
from ..work.task_runner import TaskState

__all__ = ["NetworkBadges"]

BADGE = Qt.ItemDataRole.UserRole + 7
STATE = Qt.ItemDataRole.UserRole + 8
COLOURS = {"here": "#3fa34d", "download": "#4a90d9", "out of reach": "#d9822b"}


class NetworkBadges(View):
    """Fills in the badges of a list whose lines are those of :func:`list_networks`; has no looks of its own.

    Nothing is asked over the network for it: a hub counts as reachable unless it did not answer the last time somebody
    pressed *Run*, or is declared out of reach.
    """

    def __init__(self, coordinator: Coordinator, networks: QListWidget, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self._list = networks
        self._tips = [networks.item(line).toolTip() for line in range(networks.count())]
        self._delegate = _BadgeDelegate(networks)
        networks.setItemDelegate(self._delegate)
        self._looking = self.latest_task("Looking for weights", self._draw)
        self._busy = False
        self.hide()

    def listen(self) -> None:
        """Look again when work has ended, which may have downloaded weights."""
        self.follow(self.coordinator.tasks.changed, self._on_task)

    def redraw(self) -> None:
        """Look for the weights, in the background."""
        self._looking.start(_look)

    def _on_task(self, task: TaskState) -> None:
        if self._busy and not task.busy:
            self.redraw()
        self._busy = task.busy

    def _draw(self, found: dict[str, Availability]) -> None:
        for line, one in enumerate(found.values()):
            item = self._list.item(line)
            item.setData(BADGE, one.badge)
            item.setData(STATE, one.state)
            item.setToolTip(f"{self._tips[line]}\n{one.badge}: {one.why}")


def _look(progress: ProgressCallback) -> dict[str, Availability]:
    from ...backbones import availability

    found = {}
    for spec in list_networks():
        report(progress, 0, 0, f"looking for {spec.name}")
        found[spec.name] = availability(spec)
    return found


class _BadgeDelegate(QStyledItemDelegate):
    """Paints the badge at the right of a line, and the title in the room that is left."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """The line as ever, narrower, and the badge."""
        badge: Any = index.data(BADGE)
        if not badge:
            super().paint(painter, option, index)
            return
        width = option.fontMetrics.horizontalAdvance(badge) + 12
        whole = QRect(option.rect)
        option.widget.style().drawPrimitive(
            QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget
        )
        option.rect = QRect(whole.left(), whole.top(), whole.width() - width, whole.height())
        super().paint(painter, option, index)
        painter.save()
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        colour = option.palette.highlightedText().color() if chosen else QColor(COLOURS[index.data(STATE)])
        painter.setPen(colour)
        place = QRect(whole.right() - width + 6, whole.top(), width - 8, whole.height())
        painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, badge)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """Room for both."""
        hint = super().sizeHint(option, index)
        badge: Any = index.data(BADGE) or ""
        return QSize(min(hint.width(), 120) + option.fontMetrics.horizontalAdvance(badge) + 12, hint.height())
