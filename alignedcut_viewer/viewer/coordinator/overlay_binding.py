"""What is chosen, pointed at and compared, drawn over the pictures: the one listener that knows the layers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...nodes import NodeIndex
from ..frames.picture_layout import PictureLayout
from ..layers.display import Display
from ..layers.overlays import Overlays
from ..state.history import SELECTION_COLOURS, SELECTIONS
from ..state.node_labels import NodeLabels
from ..state.node_values import NodeValues
from ..state.view_state import ViewState
from .canvas import Canvas
from .heat_map import HeatMap
from .node_selection import NodeSelection
from .picking import Picking
from .prompting import Prompting
from .shown import Shown
from .similarity import Similarity

__all__ = ["OverlayBinding"]


class OverlayBinding:
    """Keeps the layers over the pictures equal to the state.

    Parameters
    ----------
    display, overlays
        The layers.
    is_open
        Whether there is still a window to draw in.
    shown, selection, heat_map, canvas, similarity, prompting, picking, view
        The state.
    """

    def __init__(
        self,
        display: Display,
        overlays: Overlays,
        is_open: Callable[[], bool],
        *,
        shown: Shown,
        selection: NodeSelection,
        heat_map: HeatMap,
        canvas: Canvas,
        similarity: Similarity,
        prompting: Prompting,
        picking: Picking,
        view: ViewState,
    ) -> None:
        self._display, self._overlays, self._is_open = display, overlays, is_open
        self._shown, self._selection, self._heat_map = shown, selection, heat_map
        self._similarity, self._picking, self._view = similarity, picking, view
        selection.changed.connect(self.draw_selections)
        selection.hovered_changed.connect(self.draw_hovered)
        heat_map.changed.connect(self._on_values)
        canvas.labels_changed.connect(self.draw_labels)
        similarity.partial.connect(self.draw_values)
        prompting.partial.connect(self.draw_answer)
        similarity.settings.events["mask"].connect(self.draw_mask)
        similarity.settings.events["threshold"].connect(self.draw_mask)
        picking.reached.connect(self.prepare)
        picking.dragged.connect(self.draw_drag)
        view.events["smooth"].connect(self.draw_smooth)

    def _place(self) -> tuple[NodeIndex, PictureLayout] | None:
        """Nodes and where they lie; None where nothing can be drawn."""
        study = self._shown.study
        if study is None or study.cut is None or not self._is_open():
            return None
        return study.cut.index, study.pictures.layout

    def prepare(self) -> None:
        """Make the layers that a pick will show."""
        place = self._place()
        if place is not None:
            self._overlays.prepare(*place)

    def draw_selections(self) -> None:
        """Outline both selections."""
        place = self._place()
        if place is not None:
            self._overlays.mark({which: self._selection.of(which).nodes for which in SELECTIONS}, *place)

    def draw_hovered(self, node: int | None) -> None:
        """Outline what is pointed at, where the mouse is not on it already."""
        place = self._place()
        if place is not None:
            self._overlays.point(None if node == self._picking.under_mouse else node, *place)

    def draw_drag(self, nodes: NDArray[np.int64] | None) -> None:
        """Outline what a drag would choose."""
        place = self._place()
        if place is not None:
            self._overlays.preview(self._selection.active, nodes, *place)

    def _on_values(self, values: NodeValues | None) -> None:
        self.draw_values(values)
        self.draw_mask()

    def draw_values(self, values: NodeValues | None) -> None:
        """Lay values over the pictures, or take them away."""
        place = self._place()
        if values is not None and place is not None:
            self._overlays.show_values(values, *place, smooth=self._view.smooth)
        elif self._is_open():
            self._overlays.hide_values()

    def draw_answer(self, values: NodeValues) -> None:
        """Show the part of an answer to prompts that is looked at, before all of it is there."""
        self.draw_values(values)
        self._draw_mask_of(values)

    def draw_labels(self, labels: NodeLabels | None) -> None:
        """Lay groups over the pictures, or take them away."""
        place = self._place()
        if labels is not None and place is not None:
            self._overlays.show_labels(labels, *place)
        elif self._is_open():
            self._overlays.hide_labels()

    def draw_mask(self) -> None:
        """Fill what reaches the threshold, or nothing."""
        self._draw_mask_of(self._heat_map.values)

    def _draw_mask_of(self, values: NodeValues | None) -> None:
        settings, place = self._similarity.settings, self._place()
        if values is not None and settings.mask and place is not None:
            colour = SELECTION_COLOURS[self._selection.active]
            self._overlays.show_mask(values, settings.threshold, colour, *place, smooth=self._view.smooth)
        elif self._is_open():
            self._overlays.hide_mask()

    def draw_smooth(self, smooth: bool) -> None:
        """Interpolate colours, values and mask between tokens, or not."""
        if self._is_open():
            self._display.set_smooth(smooth)
            self._overlays.set_smooth(smooth)
