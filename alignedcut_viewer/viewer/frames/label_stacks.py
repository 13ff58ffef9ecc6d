"""Frames that show each node in the colour of its group. No Qt."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...nodes import NodeIndex
from ..state.node_labels import NodeLabels
from .picture_layout import PictureLayout
from .stacks import SlotStack

__all__ = ["LabelStack"]


class LabelStack(SlotStack):
    """Groups over the pictures; uint8 (networks, layers, pictures, height, width, 4), transparent elsewhere.

    Parameters
    ----------
    index
        The nodes.
    layout
        Where the pictures lie, in the order of ``index.images``.
    labels
        The groups; others may be put in their place.
    """

    def __init__(self, index: NodeIndex, layout: PictureLayout, labels: NodeLabels) -> None:
        super().__init__(index, layout)
        self._labels = labels

    @property
    def labels(self) -> NodeLabels:
        """What is shown."""
        return self._labels

    @labels.setter
    def labels(self, labels: NodeLabels) -> None:
        self._labels = labels
        self.forget()

    def frame_of(self, slot: tuple[str, int], picture: int) -> NDArray[Any]:
        """The tokens' colours in the box of the picture."""
        grid = self.index.grid(*slot)
        part = self.index.patch_slice(*slot, self.index.images[picture])
        tokens = self._labels.rgba(part).reshape(grid.rows, grid.columns, 4)
        frame = self.layout.place_tokens(picture, tokens[..., :3], smooth=False)
        known = self.layout.place_values(picture, (tokens[..., 3] > 0).astype(np.float32), smooth=False)
        return np.where((known > 0)[..., None], frame, 0).astype(np.uint8)
