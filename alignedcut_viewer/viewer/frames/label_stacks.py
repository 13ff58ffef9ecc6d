"""Frames that show each node in the colour of its group. No Qt."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..state.node_labels import NodeLabels
from .stacks import NodeStack

__all__ = ["LabelStack"]


class LabelStack(NodeStack[NodeLabels]):
    """Groups over the pictures; uint8 (networks, layers, pictures, height, width, 4), transparent elsewhere."""

    def frame_of(self, slot: tuple[str, int], picture: int) -> NDArray[Any]:
        """The tokens' colours in the box of the picture."""
        nodes, shape = self.tokens(slot, picture)
        tokens = self.values.rgba(nodes).reshape(*shape, 4)
        frame = self.layout.place_tokens(picture, tokens[..., :3], smooth=False)
        known = self.layout.place_values(picture, (tokens[..., 3] > 0).astype(np.float32), smooth=False)
        return np.where((known > 0)[..., None], frame, 0).astype(np.uint8)
