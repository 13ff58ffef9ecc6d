"""Tokens of one picture as pixels and lines, for panels that paint them. Knows neither Qt nor napari."""

import numpy as np
from numpy.typing import NDArray

from ..state.node_values import NodeValues
from .value_colours import colour_table, opacities

__all__ = ["colours_of", "token_edges"]

OPACITY = 190


def colours_of(numbers: NDArray[np.float32], values: NodeValues) -> NDArray[np.uint8]:
    """RGBA (n, 4) of numbers, in the colours of the heat map; transparent where there is none."""
    low, high = values.limits
    known = np.isfinite(numbers)
    share = np.clip((np.where(known, numbers, low) - low) / (high - low), 0, 1)
    colours = np.empty((numbers.size, 4), dtype=np.uint8)
    step = (share * 255).astype(np.uint8)
    colours[:, :3] = colour_table(values.signed)[step]
    colours[:, 3] = np.where(known, np.rint(OPACITY * opacities(values.signed)[step]), 0)
    return colours


def token_edges(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Borders between chosen and other tokens, as lines (n, 4): x and y of both ends, as shares of the picture."""
    rows, columns = chosen.shape
    padded = np.pad(chosen, 1)
    down, right = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
    level = np.column_stack([right / columns, down / rows, (right + 1) / columns, down / rows])
    down, right = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    upright = np.column_stack([right / columns, down / rows, right / columns, (down + 1) / rows])
    return np.concatenate([level, upright])
