"""Activation of each region over the layers, painted: one small plot a region, a curve a selection and network."""

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from ..frames.brain_regions import FADED
from ..widgets.painting import Colours, shown_number
from .roi_values import MOST_BANDS, RoiSeries
from .series_widget import SeriesWidget, line_pen

__all__ = ["LayerCurves"]

NARROWEST = 74.0


class LayerCurves(SeriesWidget):
    """Region × layer as small plots on one scale.

    Parameters
    ----------
    colours
        Of the theme.
    """

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.layer = -1
        self.setAccessibleName("Curves over layers by brain region")

    def show_layer(self, layer: int) -> None:
        """Mark the layer that the sliders are at."""
        if layer != self.layer:
            self.layer = layer
            self.update()

    def least_height(self) -> int:
        """Height below which the plots cannot be read."""
        line = QFontMetricsF(self.small_font()).height()
        return round(min(self._grid()[1] * 3.6 * line + self.legend_height() + line, 400))

    def below(self) -> int:
        """Regions in a row."""
        return self._grid()[0]

    def _grid(self) -> tuple[int, int]:
        """Plots in a row, and rows."""
        count = max(len(self.names), 1)
        fitting = max(int((self.width() - self._left()) // NARROWEST), 1)
        # the paper's twelve regions in rows of early, body and face, place and word
        across = min(count, 4 if 4 <= fitting < 6 or (fitting >= 4 and count % 4 == 0 and count > 6) else fitting)
        return across, -(-count // across)

    def _left(self) -> float:
        return self.scale_width() + 8

    def cell(self, region: int) -> QRectF:
        """The plot of a region with its title."""
        across, rows = self._grid()
        top = self.legend_height() + 6
        bottom = QFontMetricsF(self.small_font()).height() + 2
        width = (self.width() - self._left() - 4) / across
        height = (self.height() - top - bottom) / rows
        return QRectF(self._left() + (region % across) * width, top + (region // across) * height, width, height)

    def _box(self, region: int) -> QRectF:
        title = QFontMetricsF(self.small_font()).height()
        return self.cell(region).adjusted(3, title, -3, -3)

    def _layers(self) -> tuple[int, int]:
        layers = [layer for one in self.series for layer in one.layers]
        return (min(layers), max(layers)) if layers else (0, 1)

    def _place(self, box: QRectF, layer: float, value: float) -> QPointF:
        first, last = self._layers()
        share = 0.5 if last == first else (layer - first) / (last - first)
        return QPointF(box.left() + share * box.width(), box.center().y() - value / self.limit * box.height() / 2)

    def region_at(self, place: QPointF) -> int:
        """The region whose plot is at a place."""
        return next((r for r in range(len(self.names)) if self.cell(r).contains(place)), -1)

    def layer_at(self, place: QPointF) -> int | None:
        """The layer nearest to a place of a plot."""
        region = self.region_at(place)
        if region < 0 or not self.series:
            return None
        box, (first, last) = self._box(region), self._layers()
        wanted = first + (place.x() - box.left()) / max(box.width(), 1) * (last - first)
        held = sorted({layer for one in self.series for layer in one.layers})
        return min(held, key=lambda layer: abs(layer - wanted))

    def numbers_at(self, place: QPointF, region: int) -> list[str]:
        """Mean and spread at the layer under the cursor."""
        lines, layer = [], self.layer_at(place)
        for one in self.series:
            if layer in one.layers:
                at = one.layers.index(layer)
                mean, spread = float(one.means[at, region]), float(one.spreads[at, region])
                lines.append(f"{one.label}, layer {layer}: {shown_number(mean)} ± {shown_number(spread)}")
        return lines

    def paint(self, painter: QPainter) -> None:
        """Legend and plots."""
        self.paint_legend(painter)
        painter.setFont(self.small_font())
        for region in range(len(self.names)):
            self._paint_cell(painter, region)
        if self.series:
            self._paint_ticks(painter)
        self.paint_hint(painter, QRectF(self.rect()).adjusted(20, 0, -20, 0))

    def _paint_cell(self, painter: QPainter, region: int) -> None:
        cell, box = self.cell(region), self._box(region)
        if region == self.current:
            painter.fillRect(cell.adjusted(1, 0, -1, 0), self.colours.current)
        font = self.small_font()
        font.setBold(region == self.driving)
        painter.setFont(font)
        painter.setPen(self.colours.text)
        painter.drawText(QPointF(box.left(), cell.top() + QFontMetricsF(font).ascent()), self.label_of(region))
        painter.setPen(QPen(self.colours.line, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box)
        painter.drawLine(self._place(box, self._layers()[0], 0), self._place(box, self._layers()[1], 0))
        if self.series and self._layers()[0] <= self.layer <= self._layers()[1]:
            painter.setPen(QPen(self.colours.faint, 1, Qt.PenStyle.DotLine))
            painter.drawLine(self._place(box, self.layer, -self.limit), self._place(box, self.layer, self.limit))
        painter.save()
        painter.setClipRect(box)
        painter.setOpacity(FADED if self.is_weak(region) else 1.0)
        if len(self.series) <= MOST_BANDS:
            for one in self.series:
                self._paint_spread(painter, box, one, region)
        for one in self.series:
            points = [
                self._place(box, layer, float(mean))
                for layer, mean in zip(one.layers, one.means[:, region], strict=True)
            ]
            painter.setPen(line_pen(one))
            if len(points) > 1:
                painter.drawPolyline(QPolygonF(points))
            else:
                painter.drawPoint(points[0])
        painter.restore()

    def _paint_spread(self, painter: QPainter, box: QRectF, one: RoiSeries, region: int) -> None:
        mean, spread = one.means[:, region], one.spreads[:, region]
        upper = [self._place(box, a, float(b)) for a, b in zip(one.layers, mean + spread, strict=True)]
        lower = [self._place(box, a, float(b)) for a, b in zip(one.layers, mean - spread, strict=True)]
        path = QPainterPath()
        path.addPolygon(QPolygonF([*upper, *lower[::-1]]))
        colour = QColor(one.colour)
        colour.setAlphaF(0.22)
        painter.fillPath(path, colour)

    def _paint_ticks(self, painter: QPainter) -> None:
        painter.setFont(self.small_font())
        metrics = QFontMetricsF(painter.font())
        painter.setPen(self.colours.text)
        across, rows = self._grid()
        for row in range(rows):
            box = self._box(row * across)
            for value in (-self.limit, 0, self.limit) if box.height() > 3 * metrics.height() else (0,):
                words = shown_number(value) if value else "0"
                at = self._place(box, self._layers()[0], float(value)).y()
                at = min(max(at, box.top() + metrics.ascent() / 2), box.bottom() - metrics.ascent() / 2)
                x = box.left() - 4 - metrics.horizontalAdvance(words)
                painter.drawText(QPointF(x, at + metrics.ascent() / 2 - 1), words)
        first, last = self._layers()
        for column in range(min(across, len(self.names))):
            region = max(r for r in range(len(self.names)) if r % across == column)
            box = self._box(region)
            y = box.bottom() + metrics.ascent() + 2
            words = f"layer {last}" if column == across - 1 else str(last)
            painter.drawText(QPointF(box.left(), y), str(first))
            if last != first and box.width() > metrics.horizontalAdvance(words) + 20:
                painter.drawText(QPointF(box.right() - metrics.horizontalAdvance(words), y), words)
