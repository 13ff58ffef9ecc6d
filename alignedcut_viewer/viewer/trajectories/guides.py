"""What is laid over the points of the map and made in the background: an atlas of crops, and concepts named."""

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.compat import isalive

from ...progress import report
from ..frames.node_crops import NodeCrops
from ..work.latest_task import LatestTask
from .atlas import Tile, atlas_cells, mean_crop
from .labels import Label, labels_of
from .paths import MapChoice
from .thumbnails import NodeThumbnails

if TYPE_CHECKING:
    from ...study.cut import Cut
    from ..frames.loading import LoadedPictures
    from .map_widget import MapWidget
    from .source import PreparedMap

__all__ = ["Guides"]


class Guides:
    """Atlas and names of one map.

    Parameters
    ----------
    map_widget
        Shows them.
    """

    def __init__(self, map_widget: "MapWidget") -> None:
        self._map = map_widget
        self._prepared: PreparedMap | None = None
        self._mapping = LatestTask("Making the atlas", self._on_tiles)
        self._naming = LatestTask("Naming concepts", self._on_labels)

    @property
    def busy(self) -> bool:
        """Whether something is being made."""
        return self._mapping.busy or self._naming.busy

    def stop(self) -> None:
        """Make nothing more."""
        self._mapping.stop()
        self._naming.stop()

    def take(self, cut: "Cut", pictures: "LoadedPictures", prepared: "PreparedMap", thumbnails: NodeThumbnails) -> None:
        """Be about another map."""
        self._cut, self._prepared, self._load = cut, prepared, thumbnails.load
        self._crops = NodeCrops(pictures, cut.index)  # of the one thread that names concepts

    def leave(self) -> None:
        """There is no map any more."""
        self._prepared = None
        self.stop()

    def draw(self, choice: MapChoice) -> None:
        """Lay over what is seen now what is wanted."""
        self.draw_tiles(choice)
        self._draw_labels(choice)

    def draw_tiles(self, choice: MapChoice) -> None:
        """Make the atlas of what is seen, if it is wanted."""
        view = self._map.view
        if self._prepared is None or view is None or not choice.atlas:
            self._mapping.stop()
            self._map.set_tiles(())
            return
        grid, load, size = self._prepared.raster.grid, self._load, (self._map.width(), self._map.height())

        def work(progress: Any) -> list[Tile]:
            cells = atlas_cells(grid, view, *size)
            tiles = []
            for number, (place, nodes) in enumerate(cells):
                report(progress, number, len(cells), "Making the atlas")
                tiles.append(Tile(*place, mean_crop(nodes, load)))
            return tiles

        self._mapping.start(work)

    def _on_tiles(self, tiles: list[Tile]) -> None:
        if self._prepared is not None and isalive(self._map):
            self._map.set_tiles(tiles)

    def _draw_labels(self, choice: MapChoice) -> None:
        prepared = self._prepared
        if prepared is None or not choice.names or not prepared.raster.grid.within_reach.any():
            self._naming.stop()
            self._map.set_labels(())
            return
        cut, grid, places, crops = self._cut, prepared.raster.grid, prepared.places, self._crops
        order, within = grid.order, grid.within_reach

        def work(progress: Any) -> list[Label]:
            seen = np.empty(len(within), dtype=np.bool_)
            seen[order] = within
            return labels_of(cut.concepts or (), places, seen, crops, progress)

        self._naming.start(work)

    def _on_labels(self, labels: list[Label]) -> None:
        if self._prepared is not None and isalive(self._map):
            self._map.set_labels(labels)
