"""Crops of the pictures around nodes, read away from the window's thread and kept for a while. No Qt."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import AlignedCutError
from ...images.crops import token_crop
from ...nodes import NodeIndex
from ...progress import ProgressCallback, report

if TYPE_CHECKING:
    from .loading import LoadedPictures

__all__ = ["NodeCrop", "NodeCrops"]

SIZE = 128
MOST_KEPT = 2000


@dataclass(frozen=True, eq=False)
class NodeCrop:
    """A crop.

    Attributes
    ----------
    image
        uint8 (size, size, 3); grey where the picture cannot be read.
    box
        Left, top, width and height of the node's token as shares of it.
    """

    image: NDArray[np.uint8]
    box: tuple[float, float, float, float]


class NodeCrops:
    """Makes and keeps crops.

    Parameters
    ----------
    pictures
        In the order of ``index.images``.
    index
        The nodes.
    """

    def __init__(self, pictures: "LoadedPictures", index: NodeIndex) -> None:
        self.pictures, self.index = pictures, index
        self._position = {image: position for position, image in enumerate(index.images)}
        self._kept: OrderedDict[int, NodeCrop] = OrderedDict()

    def known(self, node: int) -> NodeCrop | None:
        """The crop of a node if it was read already."""
        if node in self._kept:
            self._kept.move_to_end(node)
        return self._kept.get(node)

    def read(self, nodes: Iterable[int], progress: ProgressCallback | None = None) -> dict[int, NodeCrop]:
        """Crops of patches, for :meth:`keep`; may be called in another thread."""
        wanted = list(nodes)
        place = self.index.locate(np.asarray(wanted, dtype=np.int64))
        found = {}
        for number, node in enumerate(wanted):
            report(progress, number, len(wanted), "reading crops")
            name = self.index.networks[int(place.network[number])].name
            grid = self.index.grid(name, int(place.layer[number]))
            # So many pixels that five tokens of the picture fill the crop.
            least = (SIZE * grid.rows // 5, SIZE * grid.columns // 5)
            try:
                picture = np.asarray(self.pictures.files.load(self._position[int(place.image[number])], at_least=least))
            except (AlignedCutError, OSError):
                picture = np.full((8, 8, 3), 128, dtype=np.uint8)
            row, column = int(place.row[number]), int(place.column[number])
            found[node] = NodeCrop(*token_crop(picture, grid, row, column, SIZE))
        return found

    def keep(self, crops: dict[int, NodeCrop]) -> None:
        """Keep crops for a while."""
        self._kept.update(crops)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def words(self, node: int) -> str:
        """Where a node lies."""
        place = self.index.locate(node)
        name = self.pictures.names[self._position[int(place.image)]]
        network = self.index.networks[int(place.network)].name
        return f"{name} · {network} · layer {int(place.layer)}, row {int(place.row)}, column {int(place.column)}"
