"""The tab of the Concepts panel that shows how consistent the channels of the chosen concept are."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ...errors import AlignedCutError
from ..coordinator.coordinator import Coordinator
from ..widgets.painting import Colours
from ..widgets.panel_export import Table
from ..widgets.view import View
from .consistency_plot import ConsistencyPlot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...study.concept_set import ConceptSet

__all__ = ["ConsistencyView"]

NO_CONCEPTS = "No concepts yet. Press Discover."


class ConsistencyView(View):
    """Mean against standard deviation of the channels of the chosen concept.

    Parameters
    ----------
    coordinator
        Knows the viewer's theme.

    Attributes
    ----------
    drawn
        Signal: something else is shown.
    """

    drawn = Signal()

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self.plot = ConsistencyPlot(Colours.of(coordinator.viewer))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.plot)
        self._concepts: ConceptSet | None = None
        self._chosen: int | None = None
        self._fits = self.latest_task("Fitting", self._show_fit)

    def listen(self) -> None:
        """Follow the theme."""
        self.follow_theme(self._on_theme)

    def redraw(self) -> None:
        """Show the chosen concept."""
        self._on_theme()
        self._draw()

    def _on_theme(self, *_: Any) -> None:
        self.plot.set_colours(Colours.of(self.coordinator.viewer))

    def showEvent(self, event: Any) -> None:
        """Catch up on what was chosen while nobody looked."""
        super().showEvent(event)
        self._draw()

    def show_concepts(self, concepts: "ConceptSet | None") -> None:
        """Other concepts are there, or the same ones were changed."""
        self._concepts = concepts
        ids = [] if concepts is None else [concept.id for concept in concepts]
        if self._chosen not in ids:
            self._chosen = ids[0] if ids else None
        self._draw()

    def choose(self, id: int | None) -> None:
        """Another concept is chosen."""
        if id is not None and id != self._chosen:
            self._chosen = id
            self._draw()

    @property
    def has_numbers(self) -> bool:
        """Whether there is something to export."""
        return self._concepts is not None and self._concepts.has_statistics and self._chosen is not None

    def _points(self, id: int) -> NDArray[np.float32]:
        assert self._concepts is not None
        return np.stack(self._concepts.channel_statistics(id), axis=1)

    def _draw(self) -> None:
        concepts, none = self._concepts, np.empty((0, 2), dtype=np.float32)
        if not self.isVisible():
            return
        if concepts is None or self._chosen is None or not concepts.has_statistics:
            hint = NO_CONCEPTS if not concepts else "These concepts were discovered without statistics of channels."
            self.plot.show_points(none, none, (128, 128, 128), "", hint=hint)
            self.drawn.emit()
            return
        try:
            concept = concepts[self._chosen]
            points = self._points(concept.id)
            others = np.concatenate([self._points(other.id) for other in concepts])
        except AlignedCutError:  # discovered anew, which is about to be shown
            return
        self.plot.show_points(others, points, concept.colour, concept.name)
        self.drawn.emit()
        if len(points) >= 20:
            self._fits.start(partial(_fit, concept.id, points))

    def _show_fit(self, found: tuple[int, Any]) -> None:
        if found[0] == self._chosen:
            self.plot.fit = found[1]
            self.plot.update()

    def figure(self) -> "Figure":
        """The plot for print."""
        from ...figures.consistency import consistency_from_arrays

        assert self._concepts is not None
        assert self._chosen is not None
        points, fit = self._points(self._chosen), self.plot.fit
        curve = None
        if fit is not None:
            x = np.linspace(points[:, 0].min(), points[:, 0].max(), 80)
            curve = (x, fit.curve(x))
        return consistency_from_arrays(
            points[:, 0], points[:, 1], curve=curve, title=self._concepts[self._chosen].name, note=self.plot.verdict
        )

    def table(self) -> Table:
        """One row a concept and channel."""
        concepts = self._concepts
        assert concepts is not None
        rows = (
            (concept.id, concept.name, channel, mean, std)
            for concept in concepts.concepts
            for channel, (mean, std) in enumerate(self._points(concept.id))
        )
        return ("concept", "name", "channel", "mean", "standard deviation"), rows


def _fit(id: int, points: NDArray[np.float32], progress: Any) -> tuple[int, Any]:
    from ...concepts.consistency import channel_consistency

    return id, channel_consistency(points[:, 0], points[:, 1])
