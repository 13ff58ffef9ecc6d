"""Small pictures of nodes: what a point of the map stands for. Knows neither Qt nor napari."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import AlignedCutError
from ...nodes import NodeIndex

if TYPE_CHECKING:
    from ..frames.loading import LoadedPictures

__all__ = ["NodeThumbnails", "Thumbnail"]

LONGEST_SIDE = 132
MOST_KEPT = 400
_LONGEST_NAME = 30


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """The picture of a node.

    Attributes
    ----------
    image
        uint8 (h, w, 3).
    box
        (top, left, height, width) of the token as shares of the picture; None for a class token.
    lines
        What to say below it.
    """

    image: NDArray[np.uint8]
    box: tuple[float, float, float, float] | None
    lines: tuple[str, ...]


class NodeThumbnails:
    """Makes and keeps small pictures.

    Parameters
    ----------
    pictures
        In the order of ``index.images``.
    index
        The nodes.
    """

    def __init__(self, pictures: "LoadedPictures", index: NodeIndex) -> None:
        self._pictures, self._index = pictures, index
        self._position = {image: position for position, image in enumerate(index.images)}
        self._kept: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()

    def known(self, node: int) -> Thumbnail | None:
        """The thumbnail of a node if its picture is at hand."""
        position = self._position[int(self._index.locate(node).image)]
        return self._thumbnail(node, self._kept[position]) if position in self._kept else None

    def load(self, node: int) -> Thumbnail:
        """The thumbnail of a node, from the picture's file if need be; grey where that cannot be read."""
        position = self._position[int(self._index.locate(node).image)]
        if position not in self._kept:
            self._kept[position] = self._read(position)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return self._thumbnail(node, self._kept[position])

    def _read(self, position: int) -> NDArray[np.uint8]:
        from PIL import Image

        try:
            picture: Any = self._pictures.files.load(position, at_least=(LONGEST_SIDE, LONGEST_SIDE))
        except (AlignedCutError, OSError):
            return np.full((LONGEST_SIDE // 2, LONGEST_SIDE // 2, 3), 128, dtype=np.uint8)
        image = Image.fromarray(np.asarray(picture))
        ratio = LONGEST_SIDE / max(image.size)
        size = (max(1, round(image.width * ratio)), max(1, round(image.height * ratio)))
        return np.asarray(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0))

    def _thumbnail(self, node: int, image: NDArray[np.uint8]) -> Thumbnail:
        place = self._index.locate(node)
        network = self._index.networks[int(place.network)]
        row, column = int(place.row), int(place.column)
        name = self._pictures.names[self._position[int(place.image)]]
        name = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        where = "class token" if row < 0 else f"row {row}, column {column}"
        grid = self._index.grid(network.name, int(place.layer))
        box = None if row < 0 else (row / grid.rows, column / grid.columns, 1 / grid.rows, 1 / grid.columns)
        return Thumbnail(image, box, (name, f"{network.name} · layer {int(place.layer)}", where))
