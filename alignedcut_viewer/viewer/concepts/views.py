"""Two tabs of the Concepts panel: consistency of the chosen concept, and transitions at the layer shown."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ...errors import AlignedCutError
from ..coordinator.coordinator import Coordinator
from ..widgets.painting import Colours
from ..widgets.panel_export import Table
from ..widgets.view import View
from ..work.task_runner import tell_error
from .details import Transitions, pixels_of, transitions_between
from .plots import ConsistencyPlot, TransitionPlot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...study.concept_set import ConceptSet

__all__ = ["ConsistencyView", "TransitionView"]

NO_CONCEPTS = "No concepts yet. Press Discover."
GROUPS = {"all": "all pixels", "figure": "figure", "ground": "ground"}


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
        """One row per concept and channel."""
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


class TransitionView(View):
    """What becomes of the concepts of the layer shown in the next one.

    Parameters
    ----------
    coordinator
        Knows sliders and selections.

    Attributes
    ----------
    drawn
        Signal: something else is shown.
    """

    drawn = Signal()

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        self.plot = TransitionPlot(Colours.of(coordinator.viewer))
        self.group = QComboBox()
        for key, words in GROUPS.items():
            self.group.addItem(words, key)
        self.group.setToolTip("Which pixels to follow: all, or those of a selection")
        head = QHBoxLayout()
        head.addWidget(QLabel("Follow"))
        head.addWidget(self.group)
        head.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(head)
        layout.addWidget(self.plot, 1)
        self._concepts: ConceptSet | None = None
        self._labels: NDArray[np.int32] | None = None
        self._tables = self.latest_task("Counting transitions", self._show_table)
        self.group.currentIndexChanged.connect(self._draw)
        self.plot.chosen.connect(self._choose_pixels)

    def listen(self) -> None:
        """Follow sliders, selections and the theme."""
        coordinator = self.coordinator
        self.follow(coordinator.view.events.position, self._on_position)
        self.follow(coordinator.selection.changed, self._on_selection)
        self.follow_theme(self._on_theme)

    def redraw(self) -> None:
        """Show the transitions at the layer shown."""
        self._on_theme()
        self._draw()

    def _on_theme(self, *_: Any) -> None:
        self.plot.set_colours(Colours.of(self.coordinator.viewer))

    def _on_position(self, *_: Any) -> None:
        self._draw()

    def _on_selection(self, which: str, selection: Any) -> None:
        if self.group.currentData() == which:
            self._draw()

    def showEvent(self, event: Any) -> None:
        """Catch up on what was moved while nobody looked."""
        super().showEvent(event)
        self._draw()

    def show_concepts(self, concepts: "ConceptSet | None") -> None:
        """Other concepts are there, or the same ones were changed."""
        self._concepts, self._labels = concepts, None
        self._draw()

    @property
    def has_numbers(self) -> bool:
        """Whether there is something to export."""
        return self.plot.transitions is not None

    def _draw(self, *_: Any) -> None:
        concepts, position = self._concepts, self.coordinator.view.position
        if not self.isVisible():
            return
        if concepts is None or position is None:
            self._show_nothing(NO_CONCEPTS)
            return
        group = str(self.group.currentData())
        nodes = None if group == "all" else self.coordinator.selection.of(group).nodes
        if nodes is not None and not len(nodes):
            self._show_nothing(f"Choose pixels for the {group} first.")
            return
        self._tables.start(partial(_count, concepts, self._labels, position[0], position[1], nodes))

    def _show_table(self, found: "tuple[ConceptSet, NDArray[np.int32], Transitions | None]") -> None:
        concepts, labels, transitions = found
        if concepts is not self._concepts:
            return
        self._labels = labels
        names = {concept.id: concept.name for concept in concepts}
        colours = {concept.id: concept.colour for concept in concepts}
        hint = (
            "Nothing to follow from here: this is the last layer, or its pixels are in no concept. Move the layer "
            "slider, or discover concepts among all layers."
        )
        self.plot.show_transitions(transitions, names, colours, hint)
        self.drawn.emit()

    def _show_nothing(self, hint: str) -> None:
        self.plot.show_transitions(None, {}, {}, hint)
        self.drawn.emit()

    def _choose_pixels(self, a: int, b: int) -> None:
        """Choose the pixels that are in one concept here and in the other in the next layer."""
        concepts, labels, shown = self._concepts, self._labels, self.plot.transitions
        if concepts is None or labels is None or shown is None:
            return
        group = str(self.group.currentData())
        nodes = None if group == "all" else self.coordinator.selection.of(group).nodes
        here, there = pixels_of(concepts.index, shown.network, *shown.layers, nodes)
        ids = [concept.id for concept in concepts]
        chosen = here[(labels[here] == ids.index(a)) & (labels[there] == ids.index(b))]
        try:
            self.coordinator.selection.select(chosen)
        except AlignedCutError as error:
            tell_error(error)

    def figure(self) -> "Figure":
        """The matrix for print."""
        from ...figures.transitions import transitions_from_arrays

        shown = self.plot.transitions
        assert shown is not None
        words = GROUPS[str(self.group.currentData())]
        return transitions_from_arrays(
            {words: shown.probabilities},
            from_names=[self.plot.names[id] for id in shown.rows],
            to_names=[self.plot.names[id] for id in shown.columns],
            from_title=f"layer {shown.layers[0]}",
            to_title=f"layer {shown.layers[1]}",
            counts={words: shown.n_pixels},
            title=f"Transitions between concepts: {shown.network}",
        )

    def table(self) -> Table:
        """One row a pair of concepts."""
        shown = self.plot.transitions
        assert shown is not None
        names = dict(self.plot.names)
        header = ("network", "layer", "concept", "next layer", "next concept", "probability", "pixels at the layer")
        rows = (
            (
                shown.network,
                shown.layers[0],
                names[a],
                shown.layers[1],
                names[b],
                shown.probabilities[i, j],
                int(shown.counts[i]),
            )
            for i, a in enumerate(shown.rows)
            for j, b in enumerate(shown.columns)
        )
        return header, rows


def _count(
    concepts: "ConceptSet",
    labels: NDArray[np.int32] | None,
    network: str,
    layer: int,
    nodes: NDArray[np.int64] | None,
    progress: Any,
) -> "tuple[ConceptSet, NDArray[np.int32], Transitions | None]":
    known = concepts.labels if labels is None else labels
    return concepts, known, transitions_between(concepts, known, network, layer, nodes)
