"""What bars and curves of brain regions share: their series, one scale, and a legend that wraps."""

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ...figures.roi_bars import symmetric_limit
from ..widgets.painting import Colours, shown_number
from .region_widget import RegionWidget
from .roi_values import RoiSeries, spans

__all__ = ["SeriesWidget"]


class SeriesWidget(RegionWidget):
    """Values of regions, a series each, on one scale from -limit to limit.

    Parameters
    ----------
    colours
        Of the theme.

    Attributes
    ----------
    series
        What is shown.
    hint
        Said where there is nothing to show.
    unit
        What the numbers are; written above.
    limit
        End of the scale.
    """

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.series: list[RoiSeries] = []
        self.hint = ""
        self.unit = ""
        self.limit = 1.0
        self.setMinimumHeight(150)

    def sizeHint(self) -> QSize:
        """Wide and low."""
        return QSize(360, 220)

    def set_unit(self, unit: str) -> None:
        """What the numbers are, for the line above."""
        self.unit = unit
        self.update()

    def show_series(self, series: Sequence[RoiSeries], hint: str = "") -> None:
        """Show other series; `hint` is said where there are none."""
        self.series, self.hint = list(series), hint
        reach = spans(self.series) if self.names else 0.0
        self.limit = symmetric_limit([reach]) if reach else 1.0
        self.update()

    def scale_width(self) -> float:
        """Width of the widest number of the scale."""
        return QFontMetricsF(self.small_font()).horizontalAdvance(f"−{shown_number(self.limit)}")

    def words_at(self, place: QPointF) -> str:
        """Name, function and numbers of the region under the cursor."""
        region = self.region_at(place)
        if region < 0:
            return ""
        lines = [self.title_of(region), *self.numbers_at(place, region)]
        return "<br>".join([*lines, "<i>Click: show what activates it, in all pictures</i>"])

    def numbers_at(self, place: QPointF, region: int) -> list[str]:
        """A line a series, for the tooltip."""
        raise NotImplementedError

    def paint_hint(self, painter: QPainter, box: QRectF) -> None:
        """Say how to get something to see."""
        if not self.series and self.hint:
            painter.setPen(self.colours.faint)
            painter.setFont(self.font())
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.hint)

    # -- legend --------------------------------------------------------------------------------------------------

    def _line_height(self) -> float:
        return QFontMetricsF(self.small_font()).height() + 3

    def _legend_rows(self) -> list[list[tuple[float, RoiSeries]]]:
        """Rows of left ends and series."""
        metrics, rows, x = QFontMetricsF(self.small_font()), list[list[tuple[float, RoiSeries]]](), np.inf
        for one in self.series:
            needed = metrics.horizontalAdvance(one.label) + 30
            if x + needed > self.width() - 4:
                rows.append([])
                x = 8.0
            rows[-1].append((x, one))
            x += needed
        return rows

    def legend_height(self) -> float:
        """Height of unit and legend in logical pixels, at least two rows."""
        return (1 + max(len(self._legend_rows()), 1)) * self._line_height()

    def paint_legend(self, painter: QPainter) -> None:
        """The unit, and names of the series with a square or a line of their colour, from the top left on."""
        painter.setFont(self.small_font())
        metrics = QFontMetricsF(painter.font())
        words = self.unit + (" · beside a region: held-out R²" if self.scores else "")
        painter.setPen(self.colours.faint)
        text = metrics.elidedText(words, Qt.TextElideMode.ElideRight, self.width() - 16)
        painter.drawText(QPointF(8, 3 + metrics.ascent()), text)
        for number, row in enumerate(self._legend_rows(), 1):
            middle = 3 + (number + 0.5) * self._line_height()
            for x, one in row:
                if one.layers:
                    painter.setPen(line_pen(one))
                    painter.drawLine(QPointF(x, middle), QPointF(x + 16, middle))
                else:
                    painter.fillRect(QRectF(x + 3, middle - 5, 10, 10), QColor(one.colour))
                painter.setPen(self.colours.text)
                painter.drawText(QPointF(x + 20, middle + (metrics.ascent() - metrics.descent()) / 2), one.label)


def line_pen(one: RoiSeries) -> QPen:
    """How a series is drawn as a line."""
    return QPen(QColor(one.colour), 2, Qt.PenStyle.DashLine if one.dashed else Qt.PenStyle.SolidLine)
