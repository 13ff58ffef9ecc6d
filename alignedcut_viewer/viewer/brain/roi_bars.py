"""Bars by brain region, painted: signed means with their spread, regions of one group together."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ..frames.brain_regions import FADED
from ..widgets.painting import Colours, shown_number
from .roi_values import RoiSeries
from .series_widget import SeriesWidget

__all__ = ["RoiBars"]


LEAST_BARS = 90


class Frame(NamedTuple):
    """Where bars stand, in logical pixels: the rows of +limit and -limit, and one column per region."""

    top: float
    bottom: float
    left: float
    step: float
    columns: NDArray[np.float64]
    upright: bool


class RoiBars(SeriesWidget):
    """Mean activation of each region, a bar a series.

    Parameters
    ----------
    colours
        Of the theme.
    """

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.setAccessibleName("Bars by brain region")

    def frame(self) -> Frame:
        """Where everything stands."""
        metrics = QFontMetricsF(self.small_font())
        widest = max((metrics.horizontalAdvance(self.label_of(r)) for r in range(len(self.names))), default=0.0)
        left = self.scale_width() + 10
        places = group_places(self.groups)
        step = (self.width() - left - 8) / (float(places[-1]) + 1.2) if len(places) else 1.0
        upright = widest + 4 > step
        below = (widest if upright else metrics.height()) + 10
        above = self.legend_height() + 6
        return Frame(above, self.height() - below, left, step, left + (places + 0.6) * step, upright)

    def least_height(self) -> int:
        """Room for unit, legend, upright names and bars that one can compare."""
        frame = self.frame()
        return round(frame.top + (self.height() - frame.bottom) + LEAST_BARS)

    def bar(self, number: int, region: int) -> QRectF:
        """The bar of a series for a region."""
        frame, one = self.frame(), self.series[number]
        width = 0.82 * frame.step / len(self.series)
        x = frame.columns[region] + (number - len(self.series) / 2) * width
        zero, value = self._row(0, frame), self._row(float(one.means[region]), frame)
        return QRectF(x, min(zero, value), width, abs(value - zero))

    def column(self, region: int) -> QRectF:
        """All that belongs to a region, its name too."""
        frame = self.frame()
        return QRectF(frame.columns[region] - frame.step / 2, frame.top, frame.step, self.height() - frame.top)

    def region_at(self, place: QPointF) -> int:
        """The region whose column or name is at a place."""
        frame = self.frame()
        if not len(frame.columns) or place.y() < frame.top or place.x() < frame.left:
            return -1
        away = np.abs(frame.columns - place.x())
        return int(away.argmin()) if away.min() <= 0.72 * frame.step else -1

    def numbers_at(self, place: QPointF, region: int) -> list[str]:
        """Mean, spread and number of pixels."""
        return [
            f"{one.label}: {shown_number(float(one.means[region]))} ± {shown_number(float(one.spreads[region]))}"
            f" ({one.counts[0]:,} {'pixel' if one.counts[0] == 1 else 'pixels'})"
            for one in self.series
        ]

    def _row(self, value: float, frame: Frame) -> float:
        return frame.top + (frame.bottom - frame.top) * (1 - value / self.limit) / 2

    def paint(self, painter: QPainter) -> None:
        """Legend, scale, marks, bars, names."""
        self.paint_legend(painter)
        if not self.names:
            return
        frame = self.frame()
        painter.setFont(self.small_font())
        self._paint_marks(painter, frame)
        self._paint_scale(painter, frame)
        for number, one in enumerate(self.series):
            self._paint_bars(painter, number, one, frame)
        self._paint_names(painter, frame)
        self.paint_hint(
            painter, QRectF(frame.left + 8, frame.top, self.width() - frame.left - 16, frame.bottom - frame.top)
        )

    def _paint_marks(self, painter: QPainter, frame: Frame) -> None:
        if self.current >= 0:
            painter.fillRect(self.column(self.current), self.colours.current)
        painter.setPen(QPen(self.colours.line, 1))
        for left, right in zip(frame.columns[:-1], frame.columns[1:], strict=True):
            if right - left > 1.2 * frame.step:
                x = round((left + right) / 2) + 0.5
                painter.drawLine(QPointF(x, frame.top), QPointF(x, frame.bottom))

    def _paint_scale(self, painter: QPainter, frame: Frame) -> None:
        metrics = QFontMetricsF(painter.font())
        for share in (-1, -0.5, 0, 0.5, 1):
            y = round(self._row(share * self.limit, frame)) + 0.5
            painter.setPen(QPen(self.colours.faint if share == 0 else self.colours.line, 1))
            painter.drawLine(QPointF(frame.left - 3, y), QPointF(self.width() - 4, y))
            if share in (-1, 0, 1):
                words = shown_number(share * self.limit) if share else "0"
                painter.setPen(self.colours.text)
                at = QPointF(frame.left - 6 - metrics.horizontalAdvance(words), y + metrics.ascent() / 2 - 1)
                painter.drawText(at, words)

    def _paint_bars(self, painter: QPainter, number: int, one: RoiSeries, frame: Frame) -> None:
        colour = QColor(one.colour)
        for region in range(len(self.names)):
            box = self.bar(number, region)
            painter.setOpacity(FADED if self.is_weak(region) else 1.0)
            painter.fillRect(box, colour)
            spread = float(one.spreads[region])
            if one.counts[0] > 1 and spread > 0:
                low, high = (self._row(float(one.means[region]) + sign * spread, frame) for sign in (-1, 1))
                painter.setPen(QPen(self.colours.text, 1))
                x = box.center().x()
                painter.drawLine(QPointF(x, high), QPointF(x, low))
                cap = min(3.0, box.width() / 4)
                for y in (low, high):
                    painter.drawLine(QPointF(x - cap, y), QPointF(x + cap, y))
        painter.setOpacity(1.0)

    def _paint_names(self, painter: QPainter, frame: Frame) -> None:
        metrics = QFontMetricsF(painter.font())
        for region, x in enumerate(frame.columns):
            name = self.label_of(region)
            painter.save()
            painter.setOpacity(0.6 if self.is_weak(region) else 1.0)
            font = painter.font()
            font.setBold(region == self.driving)
            painter.setFont(font)
            painter.setPen(self.colours.text)
            width = QFontMetricsF(font).horizontalAdvance(name)
            if frame.upright:
                painter.translate(x, frame.bottom + 6)
                painter.rotate(90)
                painter.drawText(QPointF(0, (metrics.ascent() - metrics.descent()) / 2), name)
            else:
                painter.drawText(QPointF(x - width / 2, frame.bottom + 4 + metrics.ascent()), name)
            painter.restore()


def group_places(groups: Sequence[str]) -> NDArray[np.float64]:
    """Where regions stand on an axis: one apart, and a little more between groups."""
    if not groups:
        return np.zeros(0)
    steps = [0.0] + [1.0 if a == b else 1.45 for a, b in pairwise(groups)]
    return np.cumsum(steps)
