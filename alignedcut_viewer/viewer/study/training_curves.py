"""Live curves of a training on brain data: the held-out score and the terms of the loss, epoch by epoch."""

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from ..coordinator.coordinator import Coordinator
from ..widgets.view import View
from ..work.task_runner import TaskState

__all__ = ["TERMS", "TrainingCurves"]

SCORE_COLOUR = "#009E73"
TERMS = {"brain": "#56B4E9", "eigen": "#D55E00", "zero": "#999999", "covariance": "#CC79A7"}
_MARGIN = 6


class TrainingCurves(View):
    """Above the held-out R² with its axis, below the terms of the loss, each in its own range."""

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self._drawn: Sequence[object] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "Held-out R² by epoch (green), and the terms of the loss, each from its smallest to its largest value: "
            "brain prediction, eigen-constraint, zero-centre, covariance"
        )
        self.setAccessibleName("Curves of the training")
        self.setVisible(False)

    def sizeHint(self) -> QSize:
        """Room for both plots and two lines of text."""
        return QSize(240, 8 * self.fontMetrics().height() + 60)

    def minimumSizeHint(self) -> QSize:
        """Narrow panels show narrow curves."""
        return QSize(120, self.sizeHint().height())

    def listen(self) -> None:
        """Follow the work in the background, whose reports come after its records."""
        self.follow(self.coordinator.tasks.changed, self._draw)

    def redraw(self) -> None:
        """Show the records that are there."""
        self._draw(self.coordinator.tasks.state)

    def _draw(self, task: TaskState) -> None:
        records = self.coordinator.training.records
        if records is not self._drawn:
            self._drawn = records
            self.setVisible(bool(records))
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint both plots in the colours of the theme."""
        log = self.coordinator.training
        best = log.best
        if best is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().color(self.foregroundRole())
        line = self.fontMetrics().height()
        painter.setPen(ink)
        last = log.records[-1]
        said = f"held-out R² {last['r2']:.3f}, best {best['r2']:.3f} (epoch {best['epoch']:.0f})"
        painter.drawText(QRectF(_MARGIN, 0, self.width() - 2 * _MARGIN, line), Qt.AlignmentFlag.AlignLeft, said)
        half = (self.height() - 4 * line) / 2
        left = _MARGIN + self.fontMetrics().horizontalAdvance("-0.00 ")
        scores = log.curve("r2")
        low, high = min(value for _, value in scores), max(value for _, value in scores)
        if high - low < 0.01:
            low, high = low - 0.005, high + 0.005
        upper = QRectF(left, line + 2, self.width() - left - _MARGIN, half - 4)
        for value, top in ((high, upper.top()), (low, upper.bottom() - line)):
            painter.drawText(QRectF(_MARGIN, top, left, line), Qt.AlignmentFlag.AlignLeft, f"{value:.2f}")
        lower = QRectF(left, upper.bottom() + 8, upper.width(), half - 8)
        frame = QColor(ink)
        frame.setAlpha(60)
        painter.setPen(frame)
        painter.drawRect(upper)
        painter.drawRect(lower)
        self._curve(painter, upper, scores, low, high, SCORE_COLOUR)
        place = _MARGIN
        for name, colour in TERMS.items():
            points = log.curve(name)
            if not points:
                continue
            values = [value for _, value in points]
            self._curve(painter, lower, points, min(values), max(values), colour)
            text = f"{name} {points[-1][1]:.3g}"
            width = self.fontMetrics().horizontalAdvance(text) + 10
            row, column = divmod(place, max(self.width() - 2 * _MARGIN, 1))
            if column + width > self.width() - _MARGIN and column > _MARGIN:
                row, column = row + 1, _MARGIN
            painter.setPen(QColor(colour))
            painter.drawText(QRectF(column, lower.bottom() + 4 + row * line, width, line), 0, text)
            place = row * max(self.width() - 2 * _MARGIN, 1) + column + width
        painter.end()

    def _curve(
        self,
        painter: QPainter,
        box: QRectF,
        points: Sequence[tuple[float, float]],
        low: float,
        high: float,
        colour: str,
    ) -> None:
        epochs = max(1.0, self.coordinator.training.records[-1]["epoch"])
        places = [
            QPointF(
                box.left() + box.width() * epoch / epochs,
                box.bottom() - box.height() * ((value - low) / (high - low) if high > low else 0.5),
            )
            for epoch, value in points
        ]
        painter.setPen(QPen(QColor(colour), 2))
        painter.drawPolyline(QPolygonF(places))
        for place in places if len(places) < 3 else places[-1:]:
            painter.drawEllipse(place, 2.0, 2.0)
