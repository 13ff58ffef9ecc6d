"""What the paintings of transitions share: which concepts, their names and colours, and a pair that is chosen."""

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter
from qtpy.QtWidgets import QWidget

from ..widgets.painting import Colours, PaintedWidget
from .transitions import Transitions

__all__ = ["PairPlot", "layer_words"]


def layer_words(shown: Transitions, which: int) -> str:
    """The layer at the beginning (0) or the end (1), and whether its pixels were given to the nearest concept."""
    return f"layer {shown.layers[which]}" + " by nearest concept" * shown.nearest[which]


class PairPlot(PaintedWidget):
    """Transitions between the concepts of two layers; mouse and keys go to a pair of concepts, and choose it.

    A subclass says by :attr:`nowhere`, :meth:`pair_at`, :meth:`step` and :meth:`ids_of` what its pairs are, and paints
    them in :meth:`paint_transitions`.

    Parameters
    ----------
    colours
        Of the theme.

    Attributes
    ----------
    chosen
        Signal (id, id): a pair was clicked, or Enter pressed on it: the concept here, and the one in the next layer.
    """

    chosen = Signal(int, int)
    nowhere: Any
    """What :attr:`current` is while no pair is marked."""

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.transitions: Transitions | None = None
        self.names: dict[int, str] = {}
        self.swatches: dict[int, QColor] = {}
        self.hint = ""
        self.current = self.nowhere
        self.setMinimumHeight(180)

    def sizeHint(self) -> QSize:
        """About square."""
        return QSize(360, 340)

    def show_transitions(
        self,
        transitions: Transitions | None,
        names: Mapping[int, str],
        swatches: Mapping[int, tuple[int, int, int]],
        hint: str = "",
    ) -> None:
        """Show other transitions; names and colours of the concepts by id."""
        self.transitions, self.names, self.hint = transitions, dict(names), hint
        self.swatches = {id: QColor(*colour) for id, colour in swatches.items()}
        self.current = self.nowhere
        self.lay_out()
        self.update()

    def lay_out(self) -> None:
        """Compute places anew; overridden by plots that keep them."""

    def pair_at(self, place: QPointF) -> Any:
        """The pair at a place, :attr:`nowhere` for none."""
        raise NotImplementedError

    def step(self, key: int) -> Any:
        """The pair that a key leads to, None where the key is no arrow of this plot."""
        raise NotImplementedError

    def ids_of(self, pair: Any) -> tuple[int, int]:
        """The concepts of a pair."""
        raise NotImplementedError

    def name(self, id: int) -> str:
        """What a concept is called."""
        return self.names.get(id, str(id))

    # -- painting ------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        """The transitions, or a hint where there are none."""
        painter.setFont(self.small_font())
        if self.transitions is None:
            painter.setPen(self.colours.faint)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(self.rect()).adjusted(16, 0, -16, 0), flags, self.hint)
            return
        self.paint_transitions(painter, self.transitions, QFontMetricsF(painter.font()))

    def paint_transitions(self, painter: QPainter, shown: Transitions, metrics: QFontMetricsF) -> None:
        """Paint them."""
        raise NotImplementedError

    # -- mouse and keys ------------------------------------------------------------------------------------------

    def _go_to(self, pair: Any) -> None:
        if pair != self.current:
            self.current = pair
            self.update()

    def _choose(self) -> None:
        if self.transitions is not None and self.current != self.nowhere:
            self.chosen.emit(*self.ids_of(self.current))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Mark the pair under the cursor."""
        self._go_to(self.pair_at(QPointF(event.pos())))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the pair under the cursor."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._go_to(self.pair_at(QPointF(event.pos())))
            self._choose()
        else:
            super().mousePressEvent(event)

    def keyPressEvent(self, event: Any) -> None:
        """Arrows walk through the pairs, Enter chooses."""
        there = self.step(event.key())
        if there is not None:
            self._go_to(there)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose()
        else:
            super().keyPressEvent(event)
