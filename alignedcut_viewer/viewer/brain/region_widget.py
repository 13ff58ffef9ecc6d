"""What all painted views of brain regions share: which region the keys are at, which one drives the heat map."""

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtGui import QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QWidget

from ..frames.brain_regions import is_weak
from ..widgets.painting import Colours, PaintedWidget

__all__ = ["RegionWidget"]


class RegionWidget(PaintedWidget):
    """Regions that are walked through with the arrow keys and chosen by a click or Enter.

    Subclasses override :meth:`region_at` and paint.

    Attributes
    ----------
    names, groups, functions
        Short name, group and tooltip text of each region.
    current
        Number of the region that the keys are at, -1 for none.
    driving
        Number of the region whose heat map lies over the pictures, -1 for none.
    current_changed
        Signal (number): the keys or the cursor went to another region.
    chosen
        Signal (number): a region was clicked, or Enter pressed on it.
    dismissed
        Signal: Escape was pressed.
    """

    current_changed = Signal(int)
    chosen = Signal(int)
    dismissed = Signal()

    def __init__(self, colours: Colours, parent: QWidget | None = None) -> None:
        super().__init__(colours, parent)
        self.names: tuple[str, ...] = ()
        self.groups: tuple[str, ...] = ()
        self.functions: tuple[str, ...] = ()
        self.scores: dict[str, float] = {}
        self.current = -1
        self.driving = -1

    def set_scores(self, scores: Mapping[str, float]) -> None:
        """Held-out R² of the regions by name, as far as known."""
        self.scores = dict(scores)
        self.update()

    def is_weak(self, region: int) -> bool:
        """Whether the readout hardly predicts a region, so that little is to be read into what it shows there."""
        return is_weak(self.names[region], self.scores)

    @property
    def weak(self) -> list[int]:
        """Numbers of the regions that are hardly predicted."""
        return [region for region in range(len(self.names)) if self.is_weak(region)]

    def label_of(self, region: int) -> str:
        """Name of a region with its held-out score."""
        score = self.scores.get(self.names[region])
        if score is None:
            return self.names[region]
        return f"{self.names[region]} " + ("<0" if score < 0 else f"{score:.2f}".replace("0.", "."))

    def set_regions(self, names: Sequence[str], groups: Sequence[str], functions: Sequence[str]) -> None:
        """Show other regions."""
        self.names, self.groups, self.functions = tuple(names), tuple(groups), tuple(functions)
        self.current = self.driving = -1
        self.update()

    def set_current(self, region: int) -> None:
        """Mark the region that the keys are at, without a signal."""
        if region != self.current:
            self.current = region
            self.update()

    def set_driving(self, region: int) -> None:
        """Mark the region that drives the heat map."""
        if region != self.driving:
            self.driving = region
            self.update()

    def region_at(self, place: QPointF) -> int:
        """Number of the region at a place of the widget, -1 for none."""
        raise NotImplementedError

    def _go_to(self, region: int) -> None:
        if region != self.current:
            self.set_current(region)
            self.current_changed.emit(region)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows walk, Enter chooses, Escape dismisses."""
        key, last = event.key(), len(self.names) - 1
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: self.below(), Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -self.below()}
        if last >= 0 and key in steps:
            self._go_to(0 if self.current < 0 else min(max(self.current + steps[key], 0), last))
        elif last >= 0 and key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._go_to(0 if key == Qt.Key.Key_Home else last)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.current >= 0:
            self.chosen.emit(self.current)
        elif key == Qt.Key.Key_Escape:
            self.dismissed.emit()
        else:
            super().keyPressEvent(event)

    def below(self) -> int:
        """How many regions further the one below lies."""
        return 1

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Mark the region under the cursor."""
        region = self.region_at(QPointF(event.pos()))
        self.setCursor(Qt.CursorShape.PointingHandCursor if region >= 0 else Qt.CursorShape.ArrowCursor)
        self._go_to(region if region >= 0 else self.driving)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the region under the cursor."""
        region = self.region_at(QPointF(event.pos()))
        if event.button() == Qt.MouseButton.LeftButton and region >= 0:
            self._go_to(region)
            self.chosen.emit(region)
        else:
            super().mousePressEvent(event)

    def leaveEvent(self, event: Any) -> None:
        """Go back to the region that drives the heat map."""
        super().leaveEvent(event)
        self._go_to(self.driving)

    def title_of(self, region: int) -> str:
        """Name and function of a region for a tooltip, as rich text."""
        words = f"<b>{self.names[region]}</b> · {self.groups[region]}<br>{self.functions[region]}"
        score = self.scores.get(self.names[region])
        if score is None:
            return words
        weak = ": hardly predicted, read little into it" * self.is_weak(region)
        value = f"{score:.3f}".replace("-", "−")
        return f"{words}<br>held-out R² {value}{weak}"
