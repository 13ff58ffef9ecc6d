"""What the cells of a contact sheet show, made when it is looked at. Knows neither Qt nor napari."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...progress import ProgressCallback
from ..frames.token_painting import colours_of
from ..state.node_values import NodeValues

if TYPE_CHECKING:
    from ...study.cut import Cut
    from ..frames.loading import LoadedPictures

__all__ = ["SheetTiles"]

LONGEST_SIDE = 160
MOST_PICTURES = 3000
MOST_TILES = 6000


class SheetTiles:
    """Small pictures, and the colours or values of their tokens.

    Parameters
    ----------
    cut
        The cut.
    pictures
        Its pictures, in the order of ``cut.index.images``.
    """

    def __init__(self, cut: "Cut", pictures: "LoadedPictures") -> None:
        self.cut, self._pictures = cut, pictures
        self._small: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._tiles: OrderedDict[tuple[str, int, int], NDArray[np.uint8]] = OrderedDict()
        self._values: NodeValues | None = None

    @property
    def values(self) -> NodeValues | None:
        """What is shown in the place of AlignedCut colours."""
        return self._values

    @values.setter
    def values(self, values: NodeValues | None) -> None:
        if values is not self._values:
            self._values = values
            self._tiles.clear()

    def aspect(self, row: int) -> float:
        """Width ÷ height of a picture."""
        height, width = self._pictures.layout.size(row)
        return width / height

    def tile(self, network: str, layer: int, row: int) -> NDArray[np.uint8]:
        """Tokens of one picture at one layer: uint8 (rows, columns, 4), transparent where there is no value."""
        key = (network, layer, row)
        if key in self._tiles:
            self._tiles.move_to_end(key)
            return self._tiles[key]
        grid, image = self.cut.index.grid(network, layer), self.cut.index.images[row]
        tile = np.empty((grid.rows, grid.columns, 4), dtype=np.uint8)
        if self._values is None:
            tile[..., :3] = self.cut.colour_map(network, layer, image)
            tile[..., 3] = 255
        else:
            numbers = self._values.part(self.cut.index.patch_slice(network, layer, image))
            tile[...] = colours_of(numbers, self._values).reshape(grid.rows, grid.columns, 4)
        self._tiles[key] = tile
        while len(self._tiles) > MOST_TILES:
            self._tiles.popitem(last=False)
        return tile

    def small(self, row: int) -> NDArray[np.uint8] | None:
        """A picture, uint8 (h, w, 3) and at most 160 pixels long, if it was read already."""
        if row in self._small:
            self._small.move_to_end(row)
        return self._small.get(row)

    def missing(self, rows: Iterable[int]) -> list[int]:
        """Those of some pictures that were not read yet."""
        return [row for row in rows if row not in self._small]

    def read(self, rows: Iterable[int], progress: ProgressCallback) -> dict[int, NDArray[np.uint8]]:
        """Read pictures, for :meth:`keep`; may be called in another thread."""
        rows = list(rows)
        found = {}
        for done, row in enumerate(rows):
            progress(done, len(rows), "reading pictures")
            picture = self._pictures.small(row, LONGEST_SIDE)
            found[row] = np.full((8, 8, 3), 128, dtype=np.uint8) if picture is None else picture
        return found

    def keep(self, pictures: dict[int, NDArray[np.uint8]]) -> None:
        """Keep pictures for a while."""
        self._small.update(pictures)
        while len(self._small) > MOST_PICTURES:
            self._small.popitem(last=False)
