"""The picture in the other cut with its controls, linked with the cut that is shown."""

from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, Slider
from numpy.typing import NDArray
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout

from ...errors import InputError
from ...nodes import Slot
from ..state.history import SELECTIONS, SelectionMode
from ..state.view_state import Position
from ..widgets.board_panel import Board
from ..widgets.forms import narrow
from ..widgets.painting import Colours
from ..widgets.panel_export import Table
from .other_cut import OtherCut
from .picture_pane import PicturePane

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..frames.loading import LoadedPictures

__all__ = ["PaneBoard"]

FOLLOW = "as in the pictures"
LONGEST_SIDE = 720


class PaneBoard(Board):
    """The picture in the other cut, and which cut, network and layer that is."""

    def build(self) -> None:
        """The controls and what they rule."""
        self.other: OtherCut | None = None
        self._pictures: LoadedPictures | None = None
        self._read_picture = -1
        self.cut = ComboBox(name="other_cut", choices=[], tooltip="The cut to show beside the current one")
        self.network = ComboBox(
            name="other_network", choices=[], tooltip="Network of that cut; by default the one the sliders show"
        )
        self.linked = CheckBox(
            name="layers_linked",
            text="linked",
            value=bool(self.state.get("linked", True)),
            tooltip="One layer slider for both cuts, or a layer of its own here",
        )
        self.layer = Slider(name="other_layer", min=0, max=0, tooltip="Layer, from 0")
        for widget in (self.cut, self.network):
            narrow(widget)
        self.pane = PicturePane(Colours.of(self.coordinator.viewer), self)
        self._opener = self.latest_task("Opening a cut", self._show_other)
        self._reader = self.latest_task("Reading a picture", self._keep_picture)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 6, 2, 2)
        first, second = QHBoxLayout(), QHBoxLayout()
        for line, title, control in ((first, "cut", self.cut), (first, "network", self.network)):
            line.addWidget(QLabel(title))
            line.addWidget(control.native, 1)
        second.addWidget(QLabel("layer"))
        second.addWidget(self.layer.native, 1)
        second.addWidget(self.linked.native)
        second.addWidget(self.export)
        layout.addLayout(first)
        layout.addLayout(second)
        layout.addWidget(self.pane, 1)
        self.cut.changed.connect(self._choose_cut)
        self.network.changed.connect(self._choose_network)
        self.linked.changed.connect(self._choose_linked)
        self.layer.changed.connect(self._choose_layer)
        self.pane.pointed.connect(self._point)
        self.pane.picked.connect(self._pick)
        self.pane.stepped.connect(self._step)

    def listen(self) -> None:
        """Follow everything that the picture shows."""
        coordinator = self.coordinator
        self.follow(coordinator.shown.changed, self.redraw)
        self.follow(coordinator.selection.changed, self._draw_selection)
        self.follow(coordinator.selection.active_changed, self._compare)
        self.follow(coordinator.selection.hovered_changed, self._draw_hovered)
        self.follow(coordinator.similarity.settings.events.show, self._compare)
        self.follow(coordinator.view.events.position, self._draw_position)
        self.follow(coordinator.view.events.smooth, self._draw_tile)
        self.follow_theme(self._draw_theme)

    # -- which cut -----------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Offer the other cuts of the study, and show the one that was chosen."""
        study = self.coordinator.shown.study
        shown = None if study is None else study.cut
        names = [] if study is None or shown is None else [name for name in study.cuts if name != shown.name]
        wanted = self.state.get("cut")
        chosen = wanted if wanted in names else next(iter(names), None)
        with self.cut.changed.blocked():
            self.cut.choices = names
            if chosen is not None:
                self.cut.value = chosen
        if study is None or shown is None or chosen is None:
            self.other = None
            self.pane.tile = None
            return
        self._pictures = study.pictures
        self._read_picture, self.pane.picture = -1, None
        opened = study.study
        self._opener.start(lambda progress: OtherCut(opened, shown, opened.cut(chosen)))

    def _choose_cut(self, name: str | None) -> None:
        if name:
            self.state["cut"] = name
            self.redraw()

    def _show_other(self, other: OtherCut) -> None:
        self.other = other
        entries = [(FOLLOW, ""), *((title, name) for name, title in other.networks.items())]
        wanted = self.state.get("network", "")
        with self.network.changed.blocked():
            self.network.choices = entries
            self.network.value = wanted if wanted in other.networks else ""
        self._compare()
        self._draw_position(self.coordinator.view.position)

    def _choose_network(self, name: str | None) -> None:
        self.state["network"] = name or ""
        self._compare()
        self._draw_position(self.coordinator.view.position)

    # -- which layer ---------------------------------------------------------------------------------------------

    @property
    def slot(self) -> Slot | None:
        """Network and layer of the other cut that are shown."""
        position = self.coordinator.view.position
        if self.other is None or position is None or not self.other.stands_beside(position):
            return None  # another cut is about to be shown, and the sliders are there already
        found = self.other.matching_slot(position, self.network.value or None)
        if self.linked.value:
            return found
        layers = self.other.cut.index.network(found.network).layers
        own = self.state.get("layer")
        wanted = found.layer if own is None else int(own)
        return Slot(found.network, min(layers, key=lambda layer: abs(layer - wanted)))

    def _choose_linked(self, linked: bool) -> None:
        slot = self.slot if linked else None
        self.state["linked"] = linked
        self.state["layer"] = int(self.layer.value or 0) if slot is None else slot.layer
        self._compare()
        self._draw_position(self.coordinator.view.position)

    def _choose_layer(self, layer: int) -> None:
        position = self.coordinator.view.position
        if position is None or self.other is None:
            return
        if not self.linked.value:
            self.state["layer"] = layer
            self._compare()
            self._draw_position(position)
            return
        index = self.coordinator.shown.index
        layers = index.network(position[0]).layers
        nearest = min(layers, key=lambda own: (abs(own - layer), own))
        self.coordinator.go_to(int(index.patch_slice(position[0], nearest, position[2]).start))
        self._draw_position(self.coordinator.view.position)

    def _step(self, by: int) -> None:
        if self.linked.value:
            self.coordinator.display.move("layer", by)
        elif self.slot is not None and self.other is not None:
            layers = self.other.cut.index.network(self.slot.network).layers
            at = min(max(layers.index(self.slot.layer) + by, 0), len(layers) - 1)
            self._choose_layer(layers[at])

    # -- drawing -------------------------------------------------------------------------------------------------

    def _compare(self, *_: Any) -> None:
        slot, other = self.slot, self.other
        if slot is None or other is None:
            return
        show = self.coordinator.similarity.settings.show
        nodes = self.coordinator.selection.of().nodes
        other.compare(nodes if show else np.empty(0, dtype=np.int64), slot)
        self._draw_tile()

    def _draw_selection(self, which: str, selection: Any) -> None:
        self._compare()

    def _draw_position(self, position: Position | None) -> None:
        slot, other = self.slot, self.other
        if position is None or slot is None or other is None:
            return
        layers = other.cut.index.network(slot.network).layers
        with self.layer.changed.blocked():
            self.layer.max = max(layers[-1], int(self.layer.value or 0))
            self.layer.min = layers[0]
            self.layer.value = slot.layer
            self.layer.max = layers[-1]
        self.layer.enabled = len(layers) > 1
        self._compare()
        self._ask_for_picture(position)

    def _draw_tile(self, *_: Any) -> None:
        position, slot, other, pane = self.coordinator.view.position, self.slot, self.other, self.pane
        pane.marks, pane.pointed_at, pane.tile = {}, None, None
        if position is None or slot is None or other is None:
            return
        if position[2] not in other.cut.index.images:
            pane.words = f"The cut “{other.cut.name}” does not hold this picture."
            pane.update()
            return
        pane.smooth = self.coordinator.view.smooth
        # values are see-through by themselves
        pane.opacity = 1.0 if other.values is not None else self._opacity()
        pane.tile = other.tile(slot, position[2])
        what = "colours" if other.values is None else "similarity to the same places"
        pane.caption = f"{other.cut.name}: {other.networks[slot.network]}, layer {slot.layer} · {what}"
        for which in SELECTIONS:
            chosen = self._tokens(self.coordinator.selection.of(which).nodes)
            if chosen is not None:
                pane.marks[which] = chosen
        self._draw_hovered(self.coordinator.selection.hovered)

    def _opacity(self) -> float:
        layer = self.coordinator.display.colours
        return 0.7 if layer is None else float(layer.opacity)

    def _tokens(self, nodes: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Which tokens of the pane lie at the places of some nodes that are in sight in the shown cut."""
        position, slot, other = self.coordinator.view.position, self.slot, self.other
        if position is None or slot is None or other is None or position[1] not in self._shown_layers(position):
            return None
        patches = self.coordinator.shown.index.patch_slice(*position)
        begin, end = np.searchsorted(nodes, (patches.start, patches.stop))
        if begin == end:
            return None
        there = other.cut.index.patch_slice(slot.network, slot.layer, position[2])
        grid = other.cut.index.grid(*slot)
        chosen = np.zeros(grid.rows * grid.columns, dtype=bool)
        chosen[other.same_places(nodes[begin:end], slot) - there.start] = True
        return chosen.reshape(grid.rows, grid.columns)

    def _shown_layers(self, position: Position) -> tuple[int, ...]:
        return self.coordinator.shown.index.network(position[0]).layers

    def _draw_hovered(self, node: int | None) -> None:
        tokens = None if node is None else self._tokens(np.array([node]))
        if tokens is None:
            self.pane.pointed_at = None
        else:
            row, column = np.argwhere(tokens)[0].tolist()
            self.pane.pointed_at = (row, column)
        self.pane.update()

    def _draw_theme(self, event: Any = None) -> None:
        self.pane.set_colours(Colours.of(self.coordinator.viewer))

    # -- what the user does --------------------------------------------------------------------------------------

    def _shown_nodes(self, row: int, column: int) -> NDArray[np.int64]:
        """Nodes of the shown cut, at what the sliders show, at the place of a token of the pane."""
        position, slot, other = self.coordinator.view.position, self.slot, self.other
        if position is None or slot is None or other is None:
            return np.empty(0, dtype=np.int64)
        node = other.cut.index.node(slot.network, slot.layer, position[2], row=row, column=column)
        return other.shown_places([node], position)

    def _point(self, token: tuple[int, int] | None) -> None:
        nodes = np.empty(0, dtype=np.int64) if token is None else self._shown_nodes(*token)
        self.coordinator.selection.hover(int(nodes[0]) if len(nodes) else None)

    def _pick(self, row: int, column: int, mode: SelectionMode) -> None:
        nodes = self._shown_nodes(row, column)
        if len(nodes):
            self.coordinator.selection.select(nodes, mode)

    # -- the picture ---------------------------------------------------------------------------------------------

    def _ask_for_picture(self, position: Position) -> None:
        pictures = self._pictures
        images = self.coordinator.shown.index.images
        if pictures is None or position[2] not in images:
            return
        row = images.index(position[2])
        height, width = pictures.layout.size(row)
        self.pane.aspect = width / height
        if row != self._read_picture:
            self._read_picture = row
            self._reader.start(lambda progress: (row, pictures.small(row, LONGEST_SIDE)))

    def _keep_picture(self, found: tuple[int, NDArray[np.uint8] | None]) -> None:
        row, picture = found
        if row == self._read_picture:
            self.pane.picture = picture
            self.pane.update()

    # -- export --------------------------------------------------------------------------------------------------

    def _shown_tiles(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8], OtherCut, Slot, Position]:
        """Colours of both cuts at what is shown."""
        position, slot, other = self.coordinator.view.position, self.slot, self.other
        if position is None or slot is None or other is None or self.pane.tile is None:
            raise InputError("There is nothing to export yet; show a study with two cuts.")
        _, cut = self.coordinator.shown.study_and_cut()
        network, layer = self.coordinator.shown_slot()
        there = other.cut.colour_map(slot.network, slot.layer, position[2])
        return cut.colour_map(network, layer, position[2]), there, other, slot, position

    def figure(self) -> "Figure":
        """Both panes, for print."""
        from ...figures.mosaic import mosaic_from_arrays

        here, there, other, slot, position = self._shown_tiles()
        _, cut = self.coordinator.shown.study_and_cut()
        picture = self.pane.picture
        return mosaic_from_arrays(
            [np.full((8, 8, 3), 255, dtype=np.uint8) if picture is None else picture],
            [[[here]], [[there]]],
            titles=[cut.name, other.cut.name],
            column_labels=[[str(position[1])], [str(slot.layer)]],
            smooth=self.pane.smooth,
            note=f"Colours of two cuts of one study; {other.networks[slot.network]} in the second.",
        )

    def table(self) -> Table:
        """Values of the tokens of the second pane."""
        _, there, other, slot, position = self._shown_tiles()
        values = other.values
        names = self.coordinator.shown.study_and_cut()[0].pictures.names
        name = names[self.coordinator.shown.index.images.index(position[2])]
        part = None
        if values is not None:
            part = values.part(other.cut.index.patch_slice(slot.network, slot.layer, position[2]))
        lines = [
            (name, other.cut.name, *slot, row, column, *there[row, column].tolist(), number)
            for row in range(there.shape[0])
            for column in range(there.shape[1])
            for number in [None if part is None else float(part[row * there.shape[1] + column])]
        ]
        return ("picture", "cut", "network", "layer", "row", "column", "red", "green", "blue", "similarity"), lines
