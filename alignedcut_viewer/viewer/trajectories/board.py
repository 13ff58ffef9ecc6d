"""The map with its controls: draws what the coordinator holds, and writes to it what mouse and keys choose."""

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout

from ..points.raster import Cloud, Shading
from ..state.history import SELECTIONS, Selection, SelectionMode
from ..widgets.board_panel import Board
from ..widgets.layer_player import LayerPlayer
from ..widgets.painting import Colours
from ..work.task_runner import TaskState
from .colours import KEEP_THEIR_COLOURS, colours_of_nodes, layer_ramp, legend_of
from .controls import MapControls
from .guides import Guides
from .map_widget import MapWidget
from .paths import MapChoice, PathBundle, all_paths, moving_points, paths_of_selections, shown_nodes
from .source import PreparedMap, Regions, Styled, restyle
from .thumbnails import NodeThumbnails

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...study.cut import Cut

__all__ = ["TrajectoriesBoard"]


@dataclass(frozen=True, eq=False)
class _Shown:
    """The map that is on the board."""

    cut: "Cut"
    prepared: PreparedMap
    thumbnails: NodeThumbnails
    names: tuple[str, ...]
    regions: Regions

    @property
    def places(self) -> NDArray[np.float32]:
        return self.prepared.places


class TrajectoriesBoard(Board):
    """Controls, canvas and player of the map."""

    def build(self) -> None:
        """Controls above, the map, the player below."""
        self._shown: _Shown | None = None
        self._bundles: list[PathBundle] = []
        self._styled: Styled | None = None
        self._follows = False
        self.map = MapWidget(Colours.of(self.coordinator.viewer))
        self.controls = MapControls()
        self.controls.show_choice(MapChoice.from_dict(self.state))
        self.player = LayerPlayer()
        self.status = QLabel()
        self.status.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 8, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(self.controls)
        layout.addWidget(self.map, 1)
        layout.addWidget(self.player)
        foot = QHBoxLayout()
        foot.addWidget(self.status, 1)
        foot.addWidget(self.export)
        layout.addLayout(foot)
        self._styling = self.latest_task("Colouring the map", self._on_styled)
        self._pathing = self.latest_task("Finding paths", self._on_paths)
        self._guides = Guides(self.map)
        self._picturing = self.latest_task("Reading a picture", self._on_picture)
        self._connect()

    def _connect(self) -> None:
        map_widget, controls, player = self.map, self.controls, self.player
        map_widget.picked.connect(self._pick)
        map_widget.viewed.connect(self._find_tiles)
        map_widget.chosen.connect(self._choose)
        map_widget.pointed.connect(self._point)
        map_widget.tool_changed.connect(controls.show_tool)
        map_widget.stepped.connect(player.step)
        map_widget.played.connect(player.toggle)
        controls.tool_chosen.connect(map_widget.set_tool)
        controls.fitted.connect(map_widget.fit)
        controls.zoomed.connect(map_widget.zoom)
        controls.choice_changed.connect(self._on_choice)
        controls.active_toggled.connect(self._toggle_active)
        player.moved.connect(self._on_player)
        player.off.clicked.connect(lambda: self._keep(all_layers=True))

    def listen(self) -> None:
        """Follow selections, hover, values and theme."""
        coordinator = self.coordinator
        self.follow(coordinator.selection.changed, self._on_selection)
        self.follow(coordinator.selection.active_changed, self._on_active)
        self.follow(coordinator.selection.hovered_changed, self._on_hover)
        self.follow(coordinator.heat_map.changed, self._on_values)
        self.follow(coordinator.view.events.position, self._on_position)
        self.follow(coordinator.shown.concepts_changed, self._on_concepts)
        self.follow(coordinator.tasks.changed, self._on_task)
        self.follow_theme(self._on_theme)

    def rest(self) -> None:
        """Let the layers stand still."""
        self.player.pause()
        self._guides.stop()

    def redraw(self) -> None:
        """Show everything as it is now."""
        colours = Colours.of(self.coordinator.viewer)
        self.map.set_colours(colours)
        self.controls.set_colours(colours)
        self.player.set_colours(colours)
        self._on_active(self.coordinator.selection.active)
        self._restyle()

    @property
    def choice(self) -> MapChoice:
        """What of the map is shown, and how."""
        return self.controls.choice

    @property
    def settled(self) -> bool:
        """Whether nothing is being prepared."""
        return not any(task.busy for task in (self._styling, self._pathing, self._guides, self._picturing))

    # -- the map -------------------------------------------------------------------------------------------------

    def show_map(self, prepared: PreparedMap | None) -> None:
        """Show the map of the cut that is shown; None takes it away."""
        self._styled = None
        if prepared is None:
            self._shown = None
            self._guides.leave()
            self.map.show_points(None)
            return
        loaded, cut = self.coordinator.shown.study_and_cut()
        thumbnails = NodeThumbnails(loaded.pictures, cut.index)
        self._shown = _Shown(cut, prepared, thumbnails, loaded.pictures.names, Regions(loaded))
        self._guides.take(cut, loaded.pictures, prepared, thumbnails)
        self.map.interactive, self.map.caption = True, ""
        self.controls.show_index(cut.index)
        self.map.show_points(prepared.raster, prepared.places)
        self._restyle()

    def show_early(self, prepared: PreparedMap, landmarks: NDArray[np.int64]) -> None:
        """Show the landmarks of a map that still settles; they cannot be chosen yet."""
        _, cut = self.coordinator.shown.study_and_cut()
        colours = colours_of_nodes(cut, "layer", dark=self.map.colours.dark)
        prepared.raster.set_colours(colours[landmarks])
        self._shown = None
        self._guides.leave()
        self.map.interactive = False
        self.map.caption = f"the map is settling: {len(landmarks):,} of {len(cut.index):,} tokens"
        self.map.set_legend(legend_of(cut, "layer", [n.name for n in cut.index.networks]))
        self.map.set_shading("colour")
        self.map.show_points(prepared.raster, prepared.places)

    def _restyle(self) -> None:
        """Colours, filters, selections, paths: all anew."""
        shown, choice = self._shown, self.choice
        if shown is None:
            return
        networks = choice.networks(shown.cut.index)
        self.player.set_layers(sorted({layer for network in networks for layer in choice.layers(network)}))
        if self.player.layer is None:
            self._follow_pictures()
        values, dark = self.coordinator.heat_map.values, self.map.colours.dark
        prepared, cut, regions = shown.prepared, shown.cut, shown.regions
        self._styling.start(lambda progress: restyle(prepared, cut, choice, values, regions, dark))
        self._find_paths()

    def _on_styled(self, styled: Styled) -> None:
        shown = self._shown
        if shown is None or shown.prepared is not styled.prepared:
            return
        self.map.set_contours(styled.contours)
        choice, index = self.choice, shown.cut.index
        self._styled = styled
        shading: Shading = "density" if choice.colour_by == "density" else "colour"
        self.map.set_shading(shading, yields=choice.colour_by not in KEEP_THEIR_COLOURS)
        networks = [network.name for network in choice.networks(index)]
        dark, values = self.map.colours.dark, self.coordinator.heat_map.values
        self.map.set_legend(
            legend_of(shown.cut, choice.colour_by, networks, values=values, regions=styled.regions, dark=dark)
        )
        for which in SELECTIONS:
            self.map.mark(which, self.coordinator.selection.of(which).nodes)
        self._on_player(self.player.layer)
        self._tell()

    def _on_choice(self, choice: MapChoice) -> None:
        self.state.clear()
        self.state.update(choice.as_dict())
        self._restyle()

    def _keep(self, **fields: Any) -> None:
        """Take over what the player chose: nothing has to be coloured anew."""
        choice = replace(self.choice, **fields)
        if choice != self.choice:
            self.controls.show_choice(choice)
            self.state.clear()
            self.state.update(choice.as_dict())

    def _on_theme(self, *_: Any) -> None:
        self.redraw()

    def _on_values(self, values: Any) -> None:
        if self.choice.colour_by == "values":
            self._restyle()

    def _on_concepts(self) -> None:
        if self.choice.colour_by == "concept":
            self._restyle()
        elif self._styled is not None and not self._is_stale():
            self._guides.draw(self.choice)

    def _on_task(self, task: TaskState) -> None:
        """Colour by region as soon as that can be."""
        shown, styled = self._shown, self._styled
        waits = self.choice.colour_by == "region" and styled is not None and styled.regions is None
        if shown is not None and waits and not task.busy and shown.regions.can_be_known:
            self._restyle()

    # -- selections ----------------------------------------------------------------------------------------------

    def _pick(self, node: int, mode: SelectionMode) -> None:
        self.coordinator.selection.select([node], mode)
        self.coordinator.go_to(node)

    def _choose(self, nodes: NDArray[np.int64], mode: SelectionMode) -> None:
        self.coordinator.selection.select(nodes, mode)

    def _toggle_active(self) -> None:
        other = SELECTIONS[1 - SELECTIONS.index(self.coordinator.selection.active)]
        self.coordinator.selection.set_active(other)

    def _on_active(self, which: str) -> None:
        self.map.active = which
        self.map.update()
        self.controls.show_active(which)
        self._tell()

    def _on_selection(self, which: str, selection: Selection) -> None:
        if self._shown is not None and not self._is_stale():
            self.map.mark(which, selection.nodes)
            self._find_paths()
            self._tell()

    def _is_stale(self) -> bool:
        """Whether another cut is shown than the one on the board, which is about to be replaced."""
        study = self.coordinator.shown.study
        return self._shown is None or study is None or study.cut is not self._shown.cut

    def _find_paths(self) -> None:
        shown, choice = self._shown, self.choice
        if shown is None:
            return
        selections = {which: self.coordinator.selection.of(which).nodes for which in SELECTIONS}

        def work(progress: Any) -> list[PathBundle]:
            found = all_paths(shown.cut, shown.places, choice) if choice.flow else []
            return found + (paths_of_selections(shown.cut, shown.places, selections, choice) if choice.paths else [])

        if choice.flow or (choice.paths and any(len(nodes) for nodes in selections.values())):
            self._pathing.start(work)
        else:
            self._pathing.stop()
            self._on_paths([])

    def _on_paths(self, bundles: list[PathBundle]) -> None:
        if self._shown is None:
            return
        self._bundles, dark = bundles, self.map.colours.dark
        index = self._shown.cut.index
        position = {network.name: i for i, network in enumerate(index.networks)}
        ramps = {b.network: layer_ramp(position[b.network], len(b.layers) - 1, dark) for b in bundles if not b.which}
        self.map.show_paths(bundles, ramps)

    def _find_tiles(self) -> None:
        """The atlas of another part of the plane."""
        self._guides.draw_tiles(self.choice)

    def _tell(self) -> None:
        if self._shown is None:
            self.status.setText("")
            return
        grid, layer = self._shown.prepared.raster.grid, self.player.layer
        parts = [f"{grid.n_shown:,} tokens"]
        if layer is not None and float(layer).is_integer():
            parts[0] = f"{int(np.count_nonzero(grid.within_reach)):,} of {grid.n_shown:,} tokens"
        for which in SELECTIONS:
            count = len(self.coordinator.selection.of(which))
            if count:
                parts.append(f"{which} {count:,}")
        if len(parts) == 1:
            parts.append("click one, or draw a lasso, to follow it from layer to layer")
        self.status.setText(" · ".join(parts))

    # -- hover ---------------------------------------------------------------------------------------------------

    def _point(self, node: int | None) -> None:
        if self._shown is not None and not self._is_stale():
            self.coordinator.selection.hover(node)

    def _on_hover(self, node: int | None) -> None:
        shown = self._shown
        if shown is None or self._is_stale():
            return
        self.map.set_hovered(node)
        if node is None or not (self.map.underMouse() or self.map.crosshair is not None):
            return
        known = shown.thumbnails.known(node)
        if known is not None:
            self.map.set_thumbnail(known)
        else:
            self._picturing.start(lambda progress: (node, shown.thumbnails.load(node)))

    def _on_picture(self, found: Any) -> None:
        node, thumbnail = found
        if node == self.map.hovered:
            self.map.set_thumbnail(thumbnail)

    # -- layers by and by ----------------------------------------------------------------------------------------

    def _on_position(self, *_: Any) -> None:
        if self._shown is not None and not self._is_stale() and not self.player.playing:
            self._follow_pictures()

    def _follow_pictures(self) -> None:
        """Show the layer that the sliders of the pictures show, unless all are shown."""
        position = self.coordinator.view.position
        layer = 0 if position is None else position[1]
        if self.choice.all_layers:
            self.player.wait_at(layer)
            return
        self._follows = True
        try:
            self.player.show_layer(layer)
        finally:
            self._follows = False

    def _on_player(self, layer: float | None) -> None:
        shown = self._shown
        if shown is None or layer is None:
            if shown is not None:
                shown.prepared.raster.grid.reach(None)
            self.map.show_cloud(None)
            self._guides.draw(self.choice)
            self._tell()
            return
        if not self._follows:
            self._keep(all_layers=False)
            if float(layer).is_integer():
                self.coordinator.go_to_layer(int(layer))
        nodes, places = moving_points(shown.cut.index, shown.places, self.choice, layer)
        reached = np.zeros(len(shown.places), dtype=bool)  # what is on its way is nowhere yet
        reached[nodes] = float(layer).is_integer()
        shown.prepared.raster.grid.reach(reached)
        self._guides.draw(self.choice)
        self._tell()
        if self._styled is None:  # called again as soon as the colours are known
            return
        colours = np.full((len(nodes), 4), 255, dtype=np.uint8)
        colours[:, :3] = self._styled.colours[nodes]
        self.map.show_cloud(Cloud(np.ascontiguousarray(places[:, 0]), np.ascontiguousarray(places[:, 1]), colours))

    # -- export --------------------------------------------------------------------------------------------------

    def _require(self) -> _Shown:
        from ...errors import InputError

        if self._shown is None:
            raise InputError("There is no map to export yet; open a study with a result first.")
        return self._shown

    def figure(self) -> "Any":
        """What is seen, for print: a function that draws it in the background."""
        from .export import map_figure

        shown, view = self._require(), self.map.view
        assert view is not None
        selections = {which: self.coordinator.selection.of(which).nodes for which in SELECTIONS}
        draw: partial[Figure] = partial(
            map_figure,
            shown.prepared.raster,
            shown.cut,
            self.choice,
            view,
            (self.map.height(), self.map.width()),
            selections,
            list(self._bundles),
            self.coordinator.heat_map.values,
            regions=None if self._styled is None else self._styled.regions,
            contours=self.map.contours,
            labels=self.map.seen_labels(),
        )
        return draw

    def table(self) -> Any:
        """Places of all tokens that are shown."""
        from .export import map_table

        shown = self._require()
        selections = {which: self.coordinator.selection.of(which).nodes for which in SELECTIONS}
        places = shown.cut.map2d
        places = shown.places if places is None else np.asarray(places)  # as they are, not as they are scattered
        return map_table(shown.cut, shown.names, places, shown_nodes(shown.cut.index, self.choice), selections)
