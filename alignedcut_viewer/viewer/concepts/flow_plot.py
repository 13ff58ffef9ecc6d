"""What becomes of the concepts of one layer in the next, painted as a flow with a crop of each concept."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen
from qtpy.QtWidgets import QWidget

from ..widgets.painting import Colours, between, image_of
from .pair_plot import PairPlot, layer_words
from .transitions import NONE, Transitions

__all__ = ["FlowPlot"]

BAR = 10
GAP = 5
LARGEST_CROP = 46
SMALLEST_CROP = 12


class Ribbon(NamedTuple):
    """The pixels that go from one concept to another."""

    begin: int
    end: int
    size: float
    path: QPainterPath


class FlowPlot(PairPlot):
    """Concepts of a layer on the left, those of the next on the right, ribbons as wide as there are pixels between."""

    nowhere = -1

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.crops: dict[int, NDArray[np.uint8]] = {}
        self._ribbons: list[Ribbon] | None = None
        self.setAccessibleName("Flow between concepts")

    def lay_out(self) -> None:
        """Compute the ribbons anew when they are next needed."""
        self._ribbons = None

    def show_crops(self, crops: Mapping[int, NDArray[np.uint8]]) -> None:
        """A picture of each concept, by id, as far as known."""
        self.crops = dict(crops)
        self.update()

    def resizeEvent(self, event: Any) -> None:
        """Lay the ribbons anew."""
        super().resizeEvent(event)
        self.lay_out()

    # -- geometry ------------------------------------------------------------------------------------------------

    @property
    def counts(self) -> NDArray[np.float64]:
        """(rows, columns) pixels of each ribbon."""
        shown = self.transitions
        if shown is None:
            return np.zeros((0, 0))
        counts: NDArray[np.float64] = np.nan_to_num(shown.probabilities) * shown.counts[:, None]
        return counts

    def _heading(self) -> float:
        return QFontMetricsF(self.small_font()).height() + 6

    def _room(self) -> tuple[float, float]:
        """Left and right end of the ribbons."""
        side = min(0.32 * self.width(), 150.0)
        return side, self.width() - side

    def bars(self, end: bool) -> dict[int, QRectF]:
        """The bar of each concept that has pixels, on the left or at the end, by id."""
        shown = self.transitions
        if shown is None:
            return {}
        sizes = self.counts.sum(axis=0 if end else 1)
        ids = shown.columns if end else shown.rows
        held = [(id, float(size)) for id, size in zip(ids, sizes, strict=True) if size > 0]
        top, room = self._heading(), self.height() - 2 * self._heading()
        scale = max(room - GAP * len(ids), 1.0) / max(self.counts.sum(), 1.0)
        left, right = self._room()
        found, y = {}, top
        for id, size in held:
            found[id] = QRectF(right if end else left - BAR, y, BAR, max(size * scale, 1.0))
            y += found[id].height() + GAP
        return found

    def ribbons(self) -> list[Ribbon]:
        """All ribbons, from top to bottom."""
        shown = self.transitions
        if shown is None:
            return []
        if self._ribbons is None:
            self._ribbons = []
            starts, ends = self.bars(False), self.bars(True)
            counts = self.counts
            sizes = {"begin": counts.sum(axis=1), "end": counts.sum(axis=0)}
            filled = {id: box.top() for id, box in ends.items()}
            for row, begin in enumerate(shown.rows):
                if begin not in starts:
                    continue
                y = starts[begin].top()
                for column, end in enumerate(shown.columns):
                    count = float(counts[row, column])
                    if count <= 0:
                        continue
                    high = count / sizes["begin"][row] * starts[begin].height()
                    low = count / sizes["end"][column] * ends[end].height()
                    path = _ribbon(starts[begin].right(), y, high, ends[end].left(), filled[end], low)
                    self._ribbons.append(Ribbon(begin, end, count, path))
                    y += high
                    filled[end] += low
        return self._ribbons

    def pair_at(self, place: QPointF) -> int:
        """Number of the ribbon at a place, -1 for none."""
        found = [number for number, ribbon in enumerate(self.ribbons()) if ribbon.path.contains(place)]
        return found[-1] if found else -1

    def words_at(self, place: QPointF) -> str:
        """The ribbon under the cursor in words."""
        number, shown = self.pair_at(place), self.transitions
        if number < 0 or shown is None:
            return ""
        one = self.ribbons()[number]
        return (
            f"{round(one.size):,} pixels go from <b>{self.name(one.begin)}</b> at "
            f"{layer_words(shown, 0)} to <b>{self.name(one.end)}</b> at {layer_words(shown, 1)}."
            "<br><i>Click: select these pixels</i>"
        )

    # -- painting ------------------------------------------------------------------------------------------------

    def paint_transitions(self, painter: QPainter, shown: Transitions, metrics: QFontMetricsF) -> None:
        """Heading, ribbons, bars, crops and names."""
        painter.setPen(self.colours.text)
        half = self.width() / 2 - 10
        for which, flag in ((0, Qt.AlignmentFlag.AlignLeft), (1, Qt.AlignmentFlag.AlignRight)):
            words = metrics.elidedText(layer_words(shown, which), Qt.TextElideMode.ElideRight, half)
            painter.drawText(QRectF(6 + which * (half + 8), 2, half, metrics.height()), flag, words)
        painter.setPen(Qt.PenStyle.NoPen)
        for number, ribbon in enumerate(self.ribbons()):
            colour = QColor(self._swatch(ribbon.begin))
            colour.setAlpha(215 if number == self.current else 115)
            painter.fillPath(ribbon.path, colour)
        for end in (False, True):
            for id, box in self.bars(end).items():
                painter.fillRect(box, self._swatch(id))
                self._paint_label(painter, id, box, end)
        painter.setPen(self.colours.faint)
        words = f"{shown.network} · {shown.n_pixels:,} pixels followed"
        place = QRectF(6, self.height() - metrics.height() - 2, self.width() - 12, metrics.height())
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft, metrics.elidedText(words, _RIGHT, place.width()))

    def _paint_label(self, painter: QPainter, id: int, box: QRectF, end: bool) -> None:
        """A crop as high as the bar allows, and the name."""
        metrics = QFontMetricsF(painter.font())
        room = self.width() - box.right() - 6 if end else box.left() - 6
        side, crop = min(box.height(), LARGEST_CROP, room / 2), self.crops.get(id)
        x = box.right() + 4 if end else box.left() - 4
        if crop is not None and side >= SMALLEST_CROP:
            place = QRectF(x if end else x - side, box.center().y() - side / 2, side, side)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(place, image_of(crop))
            x += (side + 3) * (1 if end else -1)
            room -= side + 3
        if box.height() + GAP < metrics.height():
            return  # names would overlap; the tooltip has them
        name = metrics.elidedText(self.name(id), _RIGHT, max(room, 0))
        painter.setPen(QPen(self.colours.text))
        width = metrics.horizontalAdvance(name)
        y = box.center().y() + (metrics.ascent() - metrics.descent()) / 2
        painter.drawText(QPointF(x if end else x - width, y), name)
        painter.setPen(Qt.PenStyle.NoPen)

    def _swatch(self, id: int) -> QColor:
        none = between(self.colours.back, self.colours.text, 0.4)
        return none if id == NONE else self.swatches.get(id, none)

    # -- keys ----------------------------------------------------------------------------------------------------

    def step(self, key: int) -> int | None:
        """The ribbon above or below the current one."""
        by = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(key)
        if by is None or not self.ribbons():
            return None
        return min(max(int(self.current) + by, 0), len(self.ribbons()) - 1)

    def ids_of(self, pair: int) -> tuple[int, int]:
        """The concepts that a ribbon joins."""
        one = self.ribbons()[pair]
        return one.begin, one.end


_RIGHT = Qt.TextElideMode.ElideRight


def _ribbon(left: float, y: float, high: float, right: float, to: float, low: float) -> QPainterPath:
    """A band from a height on the left to a height on the right."""
    middle, path = (left + right) / 2, QPainterPath(QPointF(left, y))
    path.cubicTo(QPointF(middle, y), QPointF(middle, to), QPointF(right, to))
    path.lineTo(QPointF(right, to + low))
    path.cubicTo(QPointF(middle, to + low), QPointF(middle, y + high), QPointF(left, y + high))
    path.closeSubpath()
    return path
