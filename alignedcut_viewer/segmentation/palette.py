"""Colours of segments."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

__all__ = ["segment_colours"]

# Saturated and light enough on black and on white, neighbours far apart in hue; dark ones and pale ones alternate.
_FIRST = (
    (230, 75, 53),
    (60, 130, 220),
    (250, 190, 40),
    (40, 160, 100),
    (150, 90, 200),
    (240, 130, 190),
    (90, 200, 220),
    (160, 100, 50),
    (170, 210, 60),
    (110, 110, 120),
    (250, 140, 90),
    (30, 80, 130),
)


def segment_colours(n_segments: int, colours: ArrayLike | None = None) -> NDArray[np.uint8]:
    """Colour table of masks in which 0 means no segment.

    Parameters
    ----------
    n_segments
        Number of segments; the table has one entry more.
    colours
        RGB of the segments, uint8 ``(n_segments, 3)``, for example their mean AlignedCut colour; by default 12 colours
        that are easy to tell apart, then ever new hues.

    Returns
    -------
    ndarray of uint8, shape (n_segments + 1, 3)
        RGB; entry 0 is black.

    Raises
    ------
    InputError
        If `colours` has another shape.
    """
    table = np.zeros((n_segments + 1, 3), dtype=np.uint8)
    if colours is not None:
        given = np.asarray(colours)
        if given.shape != (n_segments, 3):
            raise InputError(f"{n_segments} segments need colours of shape ({n_segments}, 3); got {given.shape}.")
        table[1:] = given
        return table
    for i in range(n_segments):
        table[i + 1] = _FIRST[i] if i < len(_FIRST) else _hue(i)
    return table


def _hue(i: int) -> tuple[int, int, int]:
    """A colour whose hue advances by the golden angle, at one of three lightnesses and two saturations."""
    import colorsys

    lightness, saturation = (0.45, 0.62, 0.75)[i % 3], (0.85, 0.55)[i % 2]
    red, green, blue = colorsys.hls_to_rgb((i * 0.6180339887498949) % 1.0, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)
