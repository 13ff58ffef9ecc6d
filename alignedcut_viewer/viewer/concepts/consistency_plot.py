"""How consistent the channels of a concept are, painted."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from ..widgets.painting import Colours, PaintedWidget, legible, shown_number

if TYPE_CHECKING:
    from ...concepts.consistency import Consistency

__all__ = ["ConsistencyPlot"]

FIT = "#D55E00"


class ConsistencyPlot(PaintedWidget):
    """Mean against standard deviation of the channels of one concept, before those of all.

    Parameters
    ----------
    colours
        Of the theme.
    """

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.others: NDArray[np.float32] = np.empty((0, 2), dtype=np.float32)
        self.points: NDArray[np.float32] = np.empty((0, 2), dtype=np.float32)
        self.colour = QColor("#808080")
        self.fit: Consistency | None = None
        self.title = ""
        self.hint = ""
        self.setAccessibleName("Consistency of concepts")
        self.setMinimumHeight(180)

    def sizeHint(self) -> QSize:
        """A little wider than high."""
        return QSize(360, 300)

    def show_points(
        self,
        others: NDArray[np.float32],
        points: NDArray[np.float32],
        colour: tuple[int, int, int],
        title: str,
        fit: "Consistency | None" = None,
        hint: str = "",
    ) -> None:
        """Show (n, 2) means and standard deviations: of all concepts, and of the chosen one in its colour."""
        self.others, self.points, self.colour = others, points, QColor(*colour)
        self.title, self.fit, self.hint = title, fit, hint
        self.update()

    def _box(self) -> QRectF:
        metrics = QFontMetricsF(self.small_font())
        left = metrics.horizontalAdvance("0.0000") + metrics.height() + 8
        box = QRectF(self.rect()).adjusted(left, 3 * metrics.height() + 8, -10, -(2 * metrics.height() + 10))
        box.setHeight(min(box.height(), 1.1 * box.width()))
        return box

    def _limits(self) -> tuple[float, float]:
        every = np.concatenate([self.others, self.points])
        if not len(every):
            return 1.0, 1.0
        across = float(np.quantile(np.abs(every[:, 0]), 0.999)) or 1.0
        return 1.05 * across, 1.08 * (float(np.quantile(every[:, 1], 0.999)) or 1.0)

    def place(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where (n, 2) means and standard deviations are painted."""
        box, (across, up) = self._box(), self._limits()
        x = box.left() + (points[:, 0] / across + 1) / 2 * box.width()
        y = box.bottom() - points[:, 1] / up * box.height()
        return np.stack([x, y], axis=1)

    def words_at(self, place: QPointF) -> str:
        """What the plot tells."""
        if not self._box().contains(place):
            return ""
        return (
            "Each dot is a channel: its mean over the members of a concept, and its standard deviation.<br>"
            "A reverse U (large means, positive or negative, with little spread) says that the concept fixes "
            "some channels and leaves the others free."
        )

    def paint(self, painter: QPainter) -> None:
        """Title, axes, dots, fit, verdict."""
        painter.setFont(self.small_font())
        metrics = QFontMetricsF(painter.font())
        if not len(self.points) and not len(self.others):
            painter.setPen(self.colours.faint)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(self.rect()).adjusted(16, 0, -16, 0), flags, self.hint)
            return
        box, (across, up) = self._box(), self._limits()
        painter.setPen(self.colours.text)
        heading = QRectF(8, 3, self.width() - 16, 3 * metrics.height())
        painter.drawText(heading, Qt.TextFlag.TextWordWrap, "\n".join(filter(None, (self.title, self.verdict))))
        painter.setPen(QPen(self.colours.line, 1))
        painter.drawRect(box)
        painter.drawLine(QPointF(box.center().x(), box.top()), QPointF(box.center().x(), box.bottom()))
        painter.setPen(self.colours.text)
        for value, share in ((-across, 0.0), (0.0, 0.5), (across, 1.0)):
            words = shown_number(value) if value else "0"
            width = metrics.horizontalAdvance(words)
            x = min(max(box.left() + share * box.width() - width / 2, 0), self.width() - width - 2)
            painter.drawText(QPointF(x, box.bottom() + metrics.ascent() + 2), words)
        for value in (up / 2, up):
            words = shown_number(value)
            y = box.bottom() - value / up * box.height() + metrics.ascent() / 2 - 1
            painter.drawText(QPointF(box.left() - 5 - metrics.horizontalAdvance(words), y), words)
        words = "mean of a channel"
        at = QPointF(box.center().x() - metrics.horizontalAdvance(words) / 2, box.bottom() + 2 * metrics.height() + 2)
        painter.drawText(at, words)
        painter.save()
        words = "standard deviation"
        painter.translate(metrics.ascent() + 2, box.center().y() + metrics.horizontalAdvance(words) / 2)
        painter.rotate(-90)
        painter.drawText(QPointF(0, 0), words)
        painter.restore()
        painter.save()
        painter.setClipRect(box)
        self._dots(painter, self.others, self.colours.line, 1.5)
        self._dots(painter, self.points, legible(self.colour, self.colours), 4.0)
        if self.fit is not None:
            x = np.linspace(self.points[:, 0].min(), self.points[:, 0].max(), 60)
            line = self.place(np.stack([x, self.fit.curve(x)], axis=1))
            painter.setPen(QPen(QColor(FIT), 2))
            painter.drawPolyline(QPolygonF([QPointF(*point) for point in line]))
        painter.restore()

    def _dots(self, painter: QPainter, points: NDArray[np.float32], colour: QColor, size: float) -> None:
        if not len(points):
            return
        step = -(-len(points) // 6000)
        pen = QPen(colour, size)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawPoints(QPolygonF([QPointF(*point) for point in self.place(points[::step])]))

    @property
    def verdict(self) -> str:
        """What the fit says, in words."""
        if self.fit is None:
            return ""
        kind = "A reverse U" if self.fit.reverse_u else "No reverse U"
        return (
            f"{kind}. In channels left out of the fit, the curve explains {100 * max(self.fit.held_out_r2, 0):.0f} % "
            f"and a rising or falling line {100 * max(self.fit.monotone_r2, 0):.0f} %."
        )
