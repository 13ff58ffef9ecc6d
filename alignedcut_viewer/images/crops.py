"""Square crops of pictures around tokens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..nodes import TokenGrid

__all__ = ["token_crop"]


def token_crop(
    picture: NDArray[np.uint8], grid: TokenGrid, row: int, column: int, size: int = 96, context: float = 5.0
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """A square crop of a picture around one of its tokens.

    Parameters
    ----------
    picture
        uint8 (h, w, 3), of any size.
    grid
        The tokens over the picture.
    row, column
        Which token.
    size
        Side of the crop in pixels.
    context
        Side of what is shown, in tokens; the token is in the middle as far as the picture reaches.

    Returns
    -------
    crop
        uint8 (size, size, 3).
    box
        Left, top, width and height of the token as shares of the crop; parts of it may lie outside.
    """
    from PIL import Image

    height, width = picture.shape[:2]
    token = height / grid.rows, width / grid.columns
    y, x = (row + 0.5) * token[0], (column + 0.5) * token[1]
    side = min(context * max(token), height, width)
    top, left = (min(max(at - side / 2, 0), most - side) for at, most in ((y, height), (x, width)))
    crop = Image.fromarray(picture).resize(
        (size, size), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side)
    )
    box = ((x - token[1] / 2 - left) / side, (y - token[0] / 2 - top) / side, token[1] / side, token[0] / side)
    return np.asarray(crop), box
