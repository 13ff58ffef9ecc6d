"""The Brain panel's contents where there is brain data: bars, curves over layers, cortex, and what they are set to."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ...brain.centring import CENTRINGS, DEFAULT_CENTRING, CentringInfo, centring_info
from ...figures.page import FIGURE_COLOUR, GROUND_COLOUR, SERIES_COLOURS
from ..coordinator.canvas import region_title
from ..state.view_state import Position
from ..widgets.board_panel import Board
from ..widgets.painting import SIMULATED, Colours, choice
from ..widgets.panel_export import Table
from ..widgets.view import View
from ..widgets.where_else import WhereElseView
from ..work.task_runner import tell_error
from .cortex_board import CortexBoard
from .cortex_view import LEAST_HEIGHT
from .figure import brain_figure
from .layer_curves import LayerCurves
from .region_widget import RegionWidget
from .roi_bars import RoiBars
from .roi_values import RoiSeries, layer_series, layer_table, network_series, selection_series, series_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...study.brain_activation import BrainActivation

__all__ = ["BrainBoard"]

COLOURS = {"figure": FIGURE_COLOUR, "ground": GROUND_COLOUR}
KINDS = {"selections": "figure, ground", "networks": "networks", "layers": "layers"}
HINT = "Click or drag over a picture to choose pixels. Their activation of each brain region appears here."
UNIT = "activation"
RESPONSES = "in units of the responses"


class BrainBoard(Board):
    """Bars or curves above, the cortex below."""

    def build(self) -> None:
        """The views, and what they are set to."""
        self.activation: BrainActivation | None = None
        self.series: list[RoiSeries] = []
        self._stale = True
        colours = Colours.of(self.coordinator.viewer)
        self.bars, self.curves = RoiBars(colours), LayerCurves(colours)
        self.lower = CortexBoard(
            self.coordinator,
            colours,
            str(self.state.get("cortex", "active")),
            bool(self.state.get("back_only", True)),
        )
        self.cortex = self.lower.view
        self._build()
        for view in self._views:
            view.current_changed.connect(self._go_to_region)
            view.chosen.connect(self.choose_region)
            view.dismissed.connect(self.coordinator.heat_map.clear)

    @property
    def _views(self) -> tuple[RegionWidget, ...]:
        return self.bars, self.curves, self.cortex

    # -- layout --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        state = self.state
        self.kind = choice(
            KINDS, state.get("bars", "selections"), "What the bars compare: the two selections, networks, or layers"
        )
        self.about = choice(
            {info.name: info.title for info in CENTRINGS},
            str(state.get("about", DEFAULT_CENTRING)),
            "What activation is measured from:\n" + "\n".join(info.note for info in CENTRINGS),
        )
        self.caution = QLabel()
        self.caution.setWordWrap(True)
        self.caution.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.stamp = QLabel("simulated brain data")
        self.stamp.setStyleSheet(f"background: {SIMULATED}; color: white; padding: 1px 5px; border-radius: 3px;")
        self.stamp.setToolTip(
            "These responses are simulated, for trying out the tool; they say nothing about a real brain."
        )
        self.source = QLabel()
        self.source.setWordWrap(True)
        self.source.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.where_else = WhereElseView(self.coordinator, parent=self)
        self.where_else.setVisible(False)
        self.clear = QPushButton("Clear heat map")
        self.clear.setToolTip("Remove the heat map from the pictures (Esc)")
        self.upper = QStackedWidget()
        self.upper.addWidget(self.bars)
        self.upper.addWidget(self.curves)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.upper)
        self.splitter.addWidget(self.lower)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setStretchFactor(0, 2)
        self.splitter.setStretchFactor(1, 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 10, 4, 4)  # the dock's title covers the first few pixels
        layout.setSpacing(3)
        layout.addLayout(_line(QLabel("Compare"), self.kind, self.about, None))
        layout.addWidget(self.caution)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.where_else)
        layout.addLayout(_line(self.stamp, self.source))
        layout.addLayout(_line(self.clear, None, self.export))
        self.kind.currentIndexChanged.connect(self._settings_changed)
        self.lower.kind.currentIndexChanged.connect(self._settings_changed)
        self.about.currentIndexChanged.connect(self._settings_changed)
        self.lower.back_only.toggled.connect(self._settings_changed)
        self.clear.clicked.connect(self.coordinator.heat_map.clear)

    def _settings_changed(self, *_: Any) -> None:
        self.state.update(
            bars=self.kind.currentData(),
            cortex=self.lower.kind.currentData(),
            about=self._centring.name,
            back_only=self.lower.back_only.isChecked(),
        )
        self.refresh()
        if self.driving >= 0:
            self.choose_region(self.driving)

    # -- listening -----------------------------------------------------------------------------------------------

    @property
    def parts(self) -> tuple[View, ...]:
        """The cortex, and the pictures that drive a region."""
        return self.lower, self.where_else

    def listen(self) -> None:
        """Follow selections, sliders, heat map and theme."""
        coordinator = self.coordinator
        self.follow(coordinator.selection.changed, self._on_selection)
        self.follow(coordinator.selection.active_changed, self._on_selection)
        self.follow(coordinator.heat_map.changed, self._on_values)
        self.follow(coordinator.view.events.position, self._on_position)
        self.follow_theme(self._on_theme)

    def redraw(self) -> None:
        """Show everything as it is now."""
        self._on_theme()
        self._on_values(self.coordinator.heat_map.values)
        position = self.coordinator.view.position
        if position is not None:
            self._on_position(position)
        self.refresh()

    def _on_selection(self, *_: Any) -> None:
        self.refresh()

    def _on_position(self, position: Position | None) -> None:
        if position is not None:
            self.curves.show_layer(position[1])

    def _on_theme(self, *_: Any) -> None:
        colours = Colours.of(self.coordinator.viewer)
        for view in self._views:
            view.set_colours(colours)

    def showEvent(self, event: Any) -> None:
        """Catch up on what was not drawn while nobody looked."""
        super().showEvent(event)
        if self._stale:
            self.refresh()

    # -- what is shown -------------------------------------------------------------------------------------------

    def set_activation(self, activation: "BrainActivation | None", scores: Mapping[str, float] | None = None) -> None:
        """Show another data set, with the held-out R² of its regions by name as far as known."""
        if activation is self.activation:
            return
        for view in self._views:
            view.set_scores(scores or {})
        self.activation = activation
        regions = ((), (), ()) if activation is None else (activation.names, _groups(activation), activation.functions)
        for view in self._views:
            view.set_regions(*regions)
        self.stamp.setVisible(activation is not None and activation.simulated)
        self.source.setText("" if activation is None else _sentence(activation))
        self.lower.set_activation(activation)
        if activation is not None and not activation.has_cortex:
            self.cortex.setMinimumHeight(40)
            self.splitter.setSizes([10_000, 1])  # room for the bars; below is but a sentence
        elif activation is not None:
            self.cortex.setMinimumHeight(LEAST_HEIGHT)
        self._on_values(self.coordinator.heat_map.values)
        self.refresh()

    def refresh(self) -> None:
        """Compute bars or curves of the selections, and soon after the cortex; only while they are looked at."""
        activation = self.activation
        if activation is None or not self._listening:
            return
        self._stale = not self.isVisible()
        if self._stale:
            return
        kind, about = self.kind.currentData(), self._centring.name
        self.caution.setText(self._centring.caution)
        self.caution.setVisible(bool(self._centring.caution))
        selections = {name: self.coordinator.selection.of(name).nodes for name in COLOURS}
        if kind == "layers":
            self.series = layer_series(activation, selections, COLOURS, about=about)
            self.curves.show_series(self.series, HINT)
        elif kind == "networks":
            active = self.coordinator.selection.active
            name = active if len(selections[active]) else next((n for n in COLOURS if len(selections[n])), active)
            nodes = selections[name]
            self.series = network_series(activation, name, nodes, SERIES_COLOURS, about=about)
            self.bars.show_series(self.series, HINT)
        else:
            self.series = selection_series(activation, selections, COLOURS, about=about)
            self.bars.show_series(self.series, HINT)
        for view in (self.bars, self.curves):
            view.set_unit(f"{self._unit}, {RESPONSES}")
        self.upper.setCurrentWidget(self.curves if kind == "layers" else self.bars)
        self.upper.setMinimumHeight((self.curves if kind == "layers" else self.bars).least_height())
        self.export.setEnabled(bool(self.series))
        self.lower.refresh(about=about)

    # -- regions -------------------------------------------------------------------------------------------------

    @property
    def driving(self) -> int:
        """The region whose heat map lies over the pictures, -1 for none."""
        values, activation = self.coordinator.heat_map.values, self.activation
        if values is None or activation is None:
            return -1
        titles = [region_title(activation, name) for name in activation.names]
        return titles.index(values.title) if values.title in titles else -1

    def choose_region(self, region: int) -> None:
        """Show over the pictures how much every pixel activates a region."""
        activation = self.activation
        if activation is None:
            return
        try:
            self.coordinator.canvas.show_region(activation.names[region], self._centring.name)
        except Exception as error:
            tell_error(error)

    def _on_values(self, values: Any) -> None:
        region = self.driving
        for view in self._views:
            view.set_driving(region)
            view.set_current(region)
        self.clear.setEnabled(values is not None)
        self.where_else.setVisible(region >= 0)

    def _go_to_region(self, region: int) -> None:
        for view in self._views:
            view.set_current(region)

    # -- export --------------------------------------------------------------------------------------------------

    def table(self) -> Table:
        """The numbers of bars or curves."""
        assert self.activation is not None
        write: Callable[..., Table] = layer_table if self.kind.currentData() == "layers" else series_table
        return write(self.activation, list(self.series), self._unit)

    @property
    def _unit(self) -> str:
        return f"{UNIT} {self._centring.title}"

    @property
    def _centring(self) -> CentringInfo:
        return centring_info(self.about.currentData())

    def figure(self) -> "Callable[[], Figure]":
        """What is seen, for print; drawn in the background."""
        activation = self.activation
        assert activation is not None
        maps = self.lower.shown
        counts = {one.selection: one.counts[0] for one in self.series}
        chosen = ", ".join(f"{name}: {count:,}" for name, count in counts.items())
        scene = self.cortex.scene
        return partial(
            brain_figure,
            activation.names,
            list(self.series),
            unit=self._unit,
            title="Activation of brain regions",
            note=f"Mean and standard deviation over the chosen pixels ({chosen}). "
            f"{self._centring.figure_ground_note} Brain data: {activation.title}.",
            simulated=activation.simulated,
            cortex=None if maps is None else maps["values"],
            masks=None if maps is None or scene is None else scene.masks,
            scale=None if maps is None else maps["scale"],
            cortex_title=f"Cortex: {self.cortex.title}",
        )


def _line(*widgets: QWidget | None) -> QHBoxLayout:
    """Widgets beside one another; None is room that stretches."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for widget in widgets:
        if widget is None:
            layout.addStretch(1)
        else:
            layout.addWidget(widget, int(isinstance(widget, QLabel) and widget.wordWrap()))
    return layout


def _groups(activation: "BrainActivation") -> tuple[str, ...]:
    """Groups of the regions; those that the package does not know stand together."""
    return tuple(
        "other regions" if group == name else group
        for name, group in zip(activation.names, activation.groups, strict=True)
    )


def _sentence(activation: "BrainActivation") -> str:
    what = f"{len(activation.names)} regions"
    if activation.n_voxels:
        what += f", {activation.n_voxels:,} voxels"
    return f"{activation.title}: {what}"
