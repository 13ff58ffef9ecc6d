"""Agreement of every layer (and head) with the joint solution, painted: a row a pathway and network, a cell a layer."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ...study.layered_record import GraphRecord
from ..frames.value_colours import colour_table
from ..widgets.painting import Colours, PaintedWidget, shown_number

__all__ = ["AgreementChart", "Line"]


class Line(NamedTuple):
    """A row of the chart: one pathway of one network, of one head where heads are apart."""

    pathway: str
    network: str
    head: int

    @property
    def title(self) -> str:
        """For the user."""
        return f"{self.pathway} · {self.network}" + ("" if self.head < 0 else f" · head {self.head}")


class AgreementChart(PaintedWidget):
    """Cells coloured by agreement; the disc in a cell is as large as the graph's weight.

    Attributes
    ----------
    current
        (line, layer position) that the keys are at, or None.
    shown
        (network, layer) that the sliders show, or None.
    chosen
        Signal (GraphRecord): a cell was clicked, or Enter pressed on it.
    """

    chosen = Signal(object)

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.lines: list[Line] = []
        self.layers: list[int] = []
        self.graphs: dict[tuple[int, int], GraphRecord] = {}
        self.current: tuple[int, int] | None = None
        self.shown: tuple[str, int] | None = None
        self.setMinimumHeight(120)
        self.setAccessibleName("Agreement of layers with the joint solution")

    def sizeHint(self) -> QSize:
        """Wide and low."""
        return QSize(420, 240)

    def show_graphs(self, graphs: Sequence[GraphRecord]) -> None:
        """Show other graphs."""
        self.lines = list(dict.fromkeys(Line(g.pathway, g.network, g.head) for g in graphs))
        self.layers = sorted({graph.layer for graph in graphs})
        places = {line: number for number, line in enumerate(self.lines)}
        self.graphs = {(places[Line(g.pathway, g.network, g.head)], self.layers.index(g.layer)): g for g in graphs}
        self.current = None
        height = round((len(self.lines) * 2.1 + 4) * self.metrics.height())
        self.setMinimumHeight(max(120, height))
        self.update()

    def show_slot(self, network: str, layer: int) -> None:
        """Mark what the sliders show."""
        if (network, layer) != self.shown:
            self.shown = (network, layer)
            self.update()

    @property
    def limits(self) -> tuple[float, float]:
        """Agreement of the first and the last colour."""
        found = [graph.agreement for graph in self.graphs.values()] or [0.0, 1.0]
        low, high = min(*found, 0.0), max(found)
        return low, high if high > low else low + 1

    # -- places --------------------------------------------------------------------------------------------------

    @property
    def _line_height(self) -> float:
        return 2.1 * self.metrics.height()

    def cell(self, line: int, layer: int) -> QRectF:
        """Where a graph is painted."""
        width = (self.width() - 12) / max(len(self.layers), 1)
        top = 4 + line * self._line_height + QFontMetricsF(self.small_font()).height()
        height = self._line_height - QFontMetricsF(self.small_font()).height() - 4
        return QRectF(6 + layer * width, top, max(width - 2, 2), height)

    def graph_at(self, place: QPointF) -> tuple[int, int] | None:
        """The cell at a place."""
        return next((key for key in self.graphs if self.cell(*key).contains(place)), None)

    def words_at(self, place: QPointF) -> str:
        """Numbers of the graph under the cursor."""
        key = self.graph_at(place)
        if key is None:
            return ""
        graph = self.graphs[key]
        lines = [
            f"<b>{self.lines[key[0]].title}, layer {graph.layer}</b>",
            f"agreement {shown_number(graph.agreement)}, weight {shown_number(graph.weight)}",
        ]
        if graph.eigen is not None and graph.orthogonality is not None:
            lines.append(
                f"eigen-term {shown_number(graph.eigen)}, orthogonality {shown_number(graph.orthogonality)} "
                f"at {graph.rows} × {graph.columns}"
            )
        return "<br>".join([*lines, "<i>Click: show this layer</i>"])

    # -- painting ------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        """Cells, titles, layers, scale."""
        table, (low, high) = colour_table(False), self.limits
        heaviest = max((graph.weight for graph in self.graphs.values()), default=1.0) or 1.0
        for (line, layer), graph in self.graphs.items():
            box = self.cell(line, layer)
            share = (graph.agreement - low) / (high - low)
            red, green, blue = (int(v) for v in table[int(np.clip(share * 255, 0, 255))])
            painter.fillRect(box, QColor(red, green, blue))
            radius = 0.42 * min(box.width(), box.height()) * np.sqrt(graph.weight / heaviest)
            bright = 0.299 * red + 0.587 * green + 0.114 * blue > 128
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(0, 0, 0, 150) if bright else QColor(255, 255, 255, 170))
            painter.drawEllipse(box.center(), radius, radius)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            if self.shown == (graph.network, graph.layer):
                painter.setPen(QPen(self.colours.text, 2))
                painter.drawRect(box.adjusted(-1, -1, 1, 1))
            if self.hasFocus() and self.current == (line, layer):
                painter.setPen(QPen(self.colours.text, 1, Qt.PenStyle.DotLine))
                painter.drawRect(box.adjusted(-3, -3, 3, 3))
        painter.setFont(self.small_font())
        metrics = QFontMetricsF(painter.font())
        painter.setPen(self.colours.text)
        for number, of_graphs in enumerate(self.lines):
            words = metrics.elidedText(of_graphs.title, Qt.TextElideMode.ElideMiddle, self.width() - 12)
            painter.drawText(QPointF(6, 4 + number * self._line_height + metrics.ascent()), words)
        below = 4 + len(self.lines) * self._line_height + metrics.ascent()
        for position, layer in enumerate(self.layers):
            words, box = str(layer), self.cell(0, position)
            if box.width() > metrics.horizontalAdvance("00"):
                painter.drawText(QPointF(box.center().x() - metrics.horizontalAdvance(words) / 2, below), words)
        painter.setPen(self.colours.faint)
        scale = f"colour: agreement {shown_number(low)} to {shown_number(high)} · disc: weight, at most "
        words = metrics.elidedText(scale + shown_number(heaviest), Qt.TextElideMode.ElideRight, self.width() - 12)
        painter.drawText(QPointF(6, below + metrics.height() + 4), words)

    # -- mouse and keys ------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: Any) -> None:
        """Choose a graph."""
        key = self.graph_at(QPointF(event.pos()))
        if key is not None and event.button() == Qt.MouseButton.LeftButton:
            self.current = key
            self.chosen.emit(self.graphs[key])
            self.update()

    def keyPressEvent(self, event: Any) -> None:
        """Arrows walk from graph to graph, Enter chooses."""
        steps = {
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
        }
        key = event.key()
        if key in steps and self.lines:
            line, layer = self.current or (0, 0)
            down, right = steps[key] if self.current is not None else (0, 0)
            wanted = (
                min(max(line + down, 0), len(self.lines) - 1),
                min(max(layer + right, 0), len(self.layers) - 1),
            )
            if wanted in self.graphs:
                self.current = wanted
                self.update()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current in self.graphs:
            self.chosen.emit(self.graphs[self.current])
        else:
            super().keyPressEvent(event)
