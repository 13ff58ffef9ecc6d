"""The tab of the Concepts panel that shows what becomes of the concepts of the layer shown in the next one."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from ...errors import AlignedCutError
from ..coordinator.coordinator import Coordinator
from ..widgets.painting import Colours, choice
from ..widgets.panel_export import Table
from ..widgets.view import View
from ..work.task_runner import tell_error
from .flow_plot import FlowPlot
from .transition_plot import TransitionPlot
from .transitions import NONE, Transitions, transitions_between

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...study.concept_set import ConceptSet

__all__ = ["TransitionView"]

NO_CONCEPTS = "No concepts yet. Press Discover."
GROUPS = {"all": "all pixels", "figure": "figure", "ground": "ground"}
KINDS = {"table": "table", "flow": "flow"}


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
        self.flow = FlowPlot(Colours.of(coordinator.viewer))
        self.kind = choice(
            KINDS, "table", "A table of shares, or a flow from the concepts here to those of the next layer"
        )
        self.pages = QStackedWidget()
        self.pages.addWidget(self.plot)
        self.pages.addWidget(self.flow)
        head = QHBoxLayout()
        head.addWidget(QLabel("Follow"))
        head.addWidget(self.group)
        head.addStretch(1)
        head.addWidget(self.kind)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(head)
        layout.addWidget(self.pages, 1)
        self._concepts: ConceptSet | None = None
        self._labels: NDArray[np.int32] | None = None
        self._tables = self.latest_task("Counting transitions", self._show_table)
        self.group.currentIndexChanged.connect(self._draw)
        self.kind.currentIndexChanged.connect(self.pages.setCurrentIndex)
        for plot in (self.plot, self.flow):
            plot.chosen.connect(self._choose_pixels)

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
        for plot in (self.plot, self.flow):
            plot.set_colours(Colours.of(self.coordinator.viewer))

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
        cut = self.coordinator.shown.cut
        if cut is not None and cut.index == concepts.index:
            vectors = cut.eigenvectors
            self._tables.start(partial(_count, concepts, self._labels, vectors, position[0], position[1], nodes))

    def _show_table(self, found: "tuple[ConceptSet, NDArray[np.int32], Transitions | None]") -> None:
        concepts, labels, transitions = found
        if concepts is not self._concepts:
            return
        self._labels = labels
        names = {concept.id: concept.name for concept in concepts}
        colours = {concept.id: concept.colour for concept in concepts}
        hint = (
            "Nothing to follow from here: the last layer, or one whose pixels are in no concept. Move the layer slider."
        )
        for plot in (self.plot, self.flow):
            plot.show_transitions(transitions, {**names, NONE: "none"}, colours, hint)
        self.drawn.emit()

    def show_crops(self, crops: "dict[int, NDArray[np.uint8]]") -> None:
        """A picture of each concept, by id, as far as known."""
        self.flow.show_crops(crops)

    def _show_nothing(self, hint: str) -> None:
        for plot in (self.plot, self.flow):
            plot.show_transitions(None, {}, {}, hint)
        self.drawn.emit()

    def _choose_pixels(self, a: int, b: int) -> None:
        """Choose the pixels that are in one concept here and in the other in the next layer."""
        shown = self.plot.transitions
        if shown is None:
            return
        try:
            self.coordinator.selection.select(shown.pixels_from_to(a, b))
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
    eigenvectors: Any,
    network: str,
    layer: int,
    nodes: NDArray[np.int64] | None,
    progress: Any,
) -> "tuple[ConceptSet, NDArray[np.int32], Transitions | None]":
    known = concepts.labels if labels is None else labels
    return concepts, known, transitions_between(concepts, known, eigenvectors, network, layer, nodes)
