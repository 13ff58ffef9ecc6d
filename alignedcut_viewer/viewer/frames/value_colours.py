"""The colours of values: one perceptually uniform scale, and one that parts at 0, both for colour-blind eyes too."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["COLOURMAPS", "colour_table", "opacities"]

COLOURMAPS = {False: "viridis", True: "RdBu_r"}
"""Name of the scale of plain and of signed values, as napari and matplotlib call it."""


@cache
def opacities(signed: bool) -> NDArray[np.float32]:
    """Opacity of each step, (256,) from 0 to 1: of signed values what is near 0 lets the picture through."""
    share = np.abs(np.linspace(-1, 1, 256, dtype=np.float32)) if signed else np.ones(256, dtype=np.float32)
    found: NDArray[np.float32] = np.sqrt(share)
    found.flags.writeable = False
    return found


@cache
def colour_table(signed: bool) -> NDArray[np.uint8]:
    """The scale in 256 steps, uint8 (256, 3)."""
    from matplotlib import colormaps

    table = (colormaps[COLOURMAPS[signed]](np.linspace(0, 1, 256))[:, :3] * 255).round().astype(np.uint8)
    table.flags.writeable = False
    return table
