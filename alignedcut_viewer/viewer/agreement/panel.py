"""The Agreement panel: which layers and heads agree with a joint cut of many layers, and so where it lives."""

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from ...errors import InputError
from ...study.layered_record import GraphRecord, LayeredRecord
from ..state.view_state import Position
from ..widgets.painting import Colours
from ..widgets.panel_base import Panel
from ..widgets.panel_export import Table
from .chart import AgreementChart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["AgreementPanel"]


class AgreementPanel(Panel):
    """Agreement of every layer, head and pathway with the joint solution; a click shows that layer."""

    title = "Agreement"
    purpose = "For a joint cut (“what”, “where”) this panel shows how well each layer agrees with it."
    keys = (("Arrows, Enter", "move from layer to layer, and show one"),)
    margin = 2
    exported = "agreement"
    usual_size = (420, 300)

    def build(self) -> QWidget:
        """The chart, with a line that sums it up."""
        self.chart = AgreementChart(Colours.of(self.coordinator.viewer))
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(self.chart)
        contents = QWidget()
        column = QVBoxLayout(contents)
        column.setContentsMargins(4, 6, 4, 2)
        line = QHBoxLayout()
        line.addWidget(self.summary, 1)
        line.addWidget(self.export)
        column.addLayout(line)
        column.addWidget(area, 1)
        self.chart.chosen.connect(self._go_to)
        return contents

    def listen(self) -> None:
        """Follow what is shown."""
        self.follow(self.coordinator.shown.changed, self.redraw)
        self.follow(self.coordinator.view.events.position, self._draw_position)
        self.follow_theme(self._draw_theme)

    @property
    def _record(self) -> LayeredRecord | None:
        cut = self.coordinator.shown.cut
        # of every head and of both pathways, where that was computed; else of the graphs that were cut
        return None if cut is None else cut.agreement

    def redraw(self) -> None:
        """Show the joint cut's layers, or say that the cut is none."""
        cut, record = self.coordinator.shown.cut, self._record
        if cut is None:
            self.say_no_result()
            return
        if record is None:
            self.say(
                f"<b>“{cut.name}” is an AlignedCut.</b> Joint cuts of many layers' graphs tell how well each layer "
                "agrees with them: choose the kind “what”, “where” or “both” in the Study panel and run.",
                study=True,
            )
            return
        best = max(record.graphs, key=lambda graph: graph.agreement)
        self.summary.setText(
            f"“{cut.name}” ({record.pathway}) agrees most with layer {best.layer} of {best.network}"
            + ("" if best.head < 0 else f", head {best.head}")
            + f": agreement {best.agreement:.2f}"
        )
        self.chart.show_graphs(record.graphs)
        self._draw_position(self.coordinator.view.position)
        self.show_contents()

    def _draw_position(self, position: Position | None) -> None:
        record = self._record
        if record is not None and position is not None:
            self.chart.show_slot(record.sources.get(position[0], position[0]), position[1])

    def _draw_theme(self, event: Any = None) -> None:
        self.chart.set_colours(Colours.of(self.coordinator.viewer))

    def _go_to(self, graph: GraphRecord) -> None:
        record, position = self._record, self.coordinator.view.position
        if record is None or position is None:
            return
        index = self.coordinator.shown.index
        for name, network in record.sources.items():
            if network == graph.network and graph.layer in index.network(name).layers:
                self.coordinator.go_to(int(index.patch_slice(name, graph.layer, position[2]).start))

    # -- export --------------------------------------------------------------------------------------------------

    def _graphs(self) -> LayeredRecord:
        if self._record is None:
            raise InputError("There is nothing to export; show a joint cut of many layers.")
        return self._record

    def figure(self) -> "Figure":
        """The chart, for print."""
        from ...figures.agreement import agreement_from_graphs

        return agreement_from_graphs(self._graphs().graphs, title=self.summary.text())

    def table(self) -> Table:
        """One row a graph."""
        names = ("pathway", "network", "layer", "head", "agreement", "weight", "eigen term", "orthogonality")
        lines = [
            (
                g.pathway,
                g.network,
                g.layer,
                None if g.head < 0 else g.head,
                g.agreement,
                g.weight,
                g.eigen,
                g.orthogonality,
            )
            for g in self._graphs().graphs
        ]
        return names, lines
