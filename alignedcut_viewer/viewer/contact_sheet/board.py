"""The sheet of pictures × layers with its controls."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, Slider
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout

from ...errors import InputError
from ..frames.ranking import Ranking
from ..state.history import SELECTIONS, SelectionMode
from ..state.view_state import Position
from ..widgets.board_panel import Board
from ..widgets.forms import narrow
from ..widgets.painting import Colours, shown_number
from ..widgets.panel_export import Table
from .layout import Cell
from .sheet_widget import LARGEST, SMALLEST, SheetWidget
from .tiles import SheetTiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SheetBoard"]

SHOWS = {"auto": "as in the pictures", "colours": "AlignedCut colours", "values": "heat map"}
ORDERS = {"number": "by number", "rank": "most similar first"}
KEPT = {"all": "all pictures", "selected": "of the selection", "found": "above the threshold"}
ALONE = ""
BATCH = 24
MOST_EXPORTED = 40


class SheetBoard(Board):
    """The sheet, which network it shows, and how large."""

    def build(self) -> None:
        """The controls and what they rule."""
        self.network = ComboBox(name="sheet_network", choices=[], tooltip="Network whose layers are the columns")
        self.shows = ComboBox(
            name="sheet_shows",
            choices=[(title, key) for key, title in SHOWS.items()],
            value=self.state.get("shows", "auto"),
            tooltip="What the cells show: the heat map if there is one, otherwise AlignedCut colours",
        )
        self.beside = ComboBox(
            name="sheet_beside", choices=[("none", ALONE)], tooltip="A second network, whose layers stand beside"
        )
        self.order = ComboBox(
            name="sheet_order",
            choices=[(title, key) for key, title in ORDERS.items()],
            value=self.state.get("order", "number"),
            tooltip="Order of the pictures: that of the study, or by the best place for the selection or region shown",
        )
        self.kept = ComboBox(
            name="sheet_pictures",
            choices=[(title, key) for key, title in KEPT.items()],
            value=self.state.get("kept", "all"),
            tooltip="Which pictures: all, those that hold selected tokens, or those that reach the threshold",
        )
        self.names = CheckBox(
            name="sheet_names",
            text="names",
            value=bool(self.state.get("names", True)),
            tooltip="Names below the pictures",
        )
        self.side = Slider(
            name="sheet_side",
            min=SMALLEST,
            max=LARGEST,
            value=int(self.state.get("side", 72)),
            tooltip="Size of the cells; Ctrl and the wheel, or + and -",
            readout=False,
        )
        for widget in (self.network, self.beside, self.shows, self.order, self.kept):
            narrow(widget)
        self.sheet = SheetWidget(Colours.of(self.coordinator.viewer), self)
        self.sheet.setToolTip("Click: pick and go there. Shift adds, Alt removes. Or use the arrow keys and Enter.")
        self.sheet.set_side(self.side.value)
        self._reader = self.latest_task("Reading pictures", self._keep_pictures)
        self._going = False
        # After a click the canvas is painted first, the many cells of the sheet in the next turn.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self.sheet.viewport().update)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 6, 2, 0)
        lines = (
            (("network", self.network), ("beside", self.beside), ("show", self.shows)),
            (("order", self.order), ("keep", self.kept), ("", self.names), ("size", self.side)),
        )
        self._labels: dict[str, QLabel] = {}
        for widgets in lines:
            line = QHBoxLayout()
            for title, widget in widgets:
                if title:
                    label = self._labels[title] = QLabel(title)
                    label.setToolTip(widget.tooltip)
                    line.addWidget(label)
                line.addWidget(widget.native, int(bool(title)))
            layout.addLayout(line)
        line.addWidget(self.export)
        layout.addWidget(self.sheet, 1)
        self.network.changed.connect(self._choose_network)
        self.beside.changed.connect(self._choose_beside)
        self.shows.changed.connect(self._choose_shows)
        for key, widget in (("order", self.order), ("kept", self.kept), ("names", self.names)):
            widget.changed.connect(partial(self._choose_rows, key))
        self.side.changed.connect(self.sheet.set_side)
        self.sheet.side_changed.connect(self._keep_side)
        self.sheet.wants.connect(self._read)
        self.sheet.pointed.connect(self._point)
        self.sheet.picked.connect(self._pick)
        self.sheet.gone_to.connect(self._go)

    def listen(self) -> None:
        """Follow everything that the sheet shows."""
        coordinator = self.coordinator
        self.follow(coordinator.shown.changed, self.redraw)
        self.follow(coordinator.heat_map.changed, self._draw_values)
        self.follow(coordinator.where_else.changed, self._draw_ranking)
        self.follow(coordinator.selection.changed, self._draw_selections)
        self.follow(coordinator.selection.hovered_changed, self._draw_hovered)
        self.follow(coordinator.view.events.position, self._draw_position)
        self.follow(coordinator.view.events.smooth, self._draw_smooth)
        self.follow_theme(self._draw_theme)

    # -- drawing -------------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Show the cut that is shown."""
        study = self.coordinator.shown.study
        cut = None if study is None else study.cut
        names = [] if cut is None else [network.name for network in cut.index.networks]
        tiles = self.sheet.tiles
        if cut is None or study is None:
            tiles = None
        elif tiles is None or tiles.cut is not cut:
            tiles = SheetTiles(cut, study.pictures)
        position = self.coordinator.view.position
        chosen = self.network.value if self.network.value in names else self.state.get("network")
        if chosen not in names:
            chosen = position[0] if position is not None else next(iter(names), "")
        with self.network.changed.blocked():
            self.network.choices = names
            if names:
                self.network.value = chosen
        self._offer_beside(names)
        self._show_rows(tiles)
        self.coordinator.where_else.follow()
        self._draw_smooth(self.coordinator.view.smooth)
        self._draw_values(self.coordinator.heat_map.values)
        for which in SELECTIONS:
            self._draw_selections(which, self.coordinator.selection.of(which))
        if position is not None:
            self._draw_position(position)

    def _offer_beside(self, names: list[str]) -> None:
        """Let every other network stand beside; the choice is there where there are several."""
        others = [(name, name) for name in names if name != self.network.value]
        wanted = self.state.get("beside", ALONE)
        with self.beside.changed.blocked():
            self.beside.choices = [("none", ALONE), *others]
            self.beside.value = wanted if wanted in dict(others) else ALONE
        for widget in (self.beside.native, self._labels["beside"]):
            widget.setVisible(bool(others))

    def _show_rows(self, tiles: SheetTiles | None) -> None:
        """Show networks, pictures and their order as they are chosen."""
        sheet, study = self.sheet, self.coordinator.shown.study
        if tiles is None or study is None:
            sheet.show_tiles(None, ())
            return
        ranking = self.coordinator.where_else.ranking
        pictures, values = list(range(len(tiles.cut.index.images))), dict[int, float]()
        if ranking is not None and self.order.value == "rank":
            values = dict(zip(ranking.positions.tolist(), ranking.values.tolist(), strict=True))
            pictures = [*values, *(position for position in pictures if position not in values)]
        if self.kept.value != "all":
            kept = set[int]()
            if ranking is not None:
                found = ranking.found_pictures if self.kept.value == "found" else ranking.selected_pictures
                kept = set(found.tolist())
            pictures = [position for position in pictures if position in kept]
        names, words = study.pictures.names, list[str]()
        if self.names.value:
            words = [
                f"{names[position]} · {shown_number(values[position])}" if position in values else names[position]
                for position in pictures
            ]
        sheet.hint = "No picture holds any of it." if ranking is not None else "Select something in a picture first."
        networks = [name for name in (self.network.value, self.beside.value) if name]
        sheet.show_tiles(tiles, networks, pictures, words)

    def _draw_ranking(self, ranking: Ranking | None) -> None:
        if self.order.value == "rank" or self.kept.value != "all":
            self._show_rows(self.sheet.tiles)
            self._draw_position(self.coordinator.view.position)

    def _draw_values(self, values: Any) -> None:
        if self.sheet.tiles is not None:
            self.sheet.tiles.values = None if self.shows.value == "colours" else values
            self._update()

    def _draw_selections(self, which: str, selection: Any) -> None:
        self.sheet.selected[which] = selection.nodes
        self._update()

    def _draw_hovered(self, node: int | None) -> None:
        self.sheet.hovered = node
        self._update()

    def _draw_position(self, position: Position | None) -> None:
        sheet = self.sheet
        sheet.shown = None
        if sheet.tiles is not None and position is not None:
            network, layer, image = position
            self._follow_network(network)
            row = sheet.row_of(sheet.tiles.cut.index.images.index(image))
            if row is not None:
                if (network, layer) in sheet.slots:
                    sheet.shown = Cell(row, sheet.slots.index((network, layer)) + 1)
                if not self._going:
                    sheet.reveal(sheet.shown or Cell(row, 0))
        self._update()

    def _follow_network(self, network: str) -> None:
        """Show the network in view, unless the user has chosen which to show."""
        if "network" in self.state or network in self.sheet.networks or network not in self.network.choices:
            return
        with self.network.changed.blocked():
            self.network.value = network
        self._offer_beside(list(self.network.choices))
        self._show_rows(self.sheet.tiles)

    def _draw_smooth(self, smooth: bool) -> None:
        self.sheet.smooth = smooth
        self._update()

    def _draw_theme(self, event: Any = None) -> None:
        self.sheet.colours = Colours.of(self.coordinator.viewer)
        self._update()

    def _update(self) -> None:
        self._soon.start()

    # -- what the user does --------------------------------------------------------------------------------------

    def _choose_network(self, name: str | None) -> None:
        if name and name not in self.sheet.networks[:1]:
            self.state["network"] = name
            self._offer_beside([network for network in self.network.choices if network])
            self._show_rows(self.sheet.tiles)
            self._draw_position(self.coordinator.view.position)

    def _choose_beside(self, name: str) -> None:
        self.state |= {"beside": name, "network": self.network.value}
        self._show_rows(self.sheet.tiles)
        self._draw_position(self.coordinator.view.position)

    def _choose_rows(self, key: str, value: Any) -> None:
        self.state[key] = value
        self._show_rows(self.sheet.tiles)
        self._draw_position(self.coordinator.view.position)

    def _choose_shows(self, key: str) -> None:
        self.state["shows"] = key
        self._draw_values(self.coordinator.heat_map.values)

    def _keep_side(self, side: int) -> None:
        self.state["side"] = side
        with self.side.changed.blocked():
            self.side.value = side

    def _point(self, node: int | None) -> None:
        if node != self.coordinator.selection.hovered:
            self.coordinator.selection.hover(node)

    def _pick(self, node: int, mode: SelectionMode) -> None:
        self._going = True  # the cell under the mouse must not move away
        try:
            self.coordinator.go_to(node)
        finally:
            self._going = False
        self.coordinator.selection.select([node], mode)

    def _go(self, position: int, network: str, layer: int) -> None:
        if self.sheet.tiles is not None:
            index = self.sheet.tiles.cut.index
            self.coordinator.go_to(index.node(network, layer, index.images[position], row=0, column=0))

    # -- pictures ------------------------------------------------------------------------------------------------

    def _read(self, rows: list[int]) -> None:
        tiles = self.sheet.tiles
        if tiles is not None and not self._reader.busy:
            wanted = rows[:BATCH]
            self._reader.start(lambda progress: (tiles, tiles.read(wanted, progress)))

    def _keep_pictures(self, found: tuple[SheetTiles, dict[int, Any]]) -> None:
        tiles, pictures = found
        tiles.keep(pictures)
        self._update()  # which asks for those that are still missing

    # -- export --------------------------------------------------------------------------------------------------

    def _rows(self) -> list[int]:
        tiles = self.sheet.tiles
        if tiles is None:
            raise InputError("There is nothing to export yet; open a study with a result.")
        return [self.sheet.pictures[row] for row in self.sheet.visible_rows()][:MOST_EXPORTED]

    def figure(self) -> "Figure":
        """The pictures that are in sight or were asked for, for print."""
        from ...figures.mosaic import mosaic_from_arrays

        rows, tiles = self._rows(), self.sheet.tiles
        assert tiles is not None
        networks, index = self.sheet.networks, tiles.cut.index
        layers = [index.network(network).layers for network in networks]
        maps = [
            [[_opaque(tiles.tile(network, layer, row)) for layer in own] for row in rows]
            for network, own in zip(networks, layers, strict=True)
        ]
        values = tiles.values
        note = "AlignedCut colours."
        if values is not None:
            note = f"{values.title}, {values.limits[0]:g} to {values.limits[1]:g}."
        return mosaic_from_arrays(
            [tiles.small(row) for row in rows],
            maps,
            titles=list(networks),
            column_labels=[[str(layer) for layer in own] for own in layers],
            smooth=self.sheet.smooth,
            note=note,
        )

    def table(self) -> Table:
        """The numbers under them."""
        rows, tiles, study = self._rows(), self.sheet.tiles, self.coordinator.shown.study
        assert tiles is not None
        assert study is not None
        index, names = tiles.cut.index, study.pictures.names
        cells = [(row, *slot) for row in rows for slot in self.sheet.slots]
        values = tiles.values
        if values is None:
            lines = [
                (names[row], network, layer, *tiles.tile(network, layer, row)[..., :3].mean((0, 1)).round(2).tolist())
                for row, network, layer in cells
            ]
            return ("picture", "network", "layer", "mean red", "mean green", "mean blue"), lines
        lines = []
        for row, network, layer in cells:
            part = values.part(index.patch_slice(network, layer, index.images[row]))
            known = part[np.isfinite(part)]
            summary = (None, None) if not known.size else (float(known.mean()), float(known.max()))
            lines.append((names[row], network, layer, *summary))
        return ("picture", "network", "layer", f"mean of {values.title}", "maximum"), lines


def _opaque(tile: np.ndarray) -> np.ndarray | None:
    """Colours of tokens on grey, for print."""
    share = tile[..., 3:].astype(float) / 255
    return np.rint(tile[..., :3] * share + 255 * (1 - share)).astype(np.uint8) if share.min() < 1 else tile[..., :3]
