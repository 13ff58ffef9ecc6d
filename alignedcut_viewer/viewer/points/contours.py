"""Lines of equal density of many points of a plane. Knows no Qt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHARES", "density_contours"]

SHARES = (0.25, 0.5, 0.75, 0.95)
"""Parts of all points that lie within each contour."""
_BINS = 192
_SMOOTH = 3.0  # bins
_MARGIN = 8  # bins around the outermost points, so that lines close


def density_contours(places: NDArray[np.float32], shares: Sequence[float] = SHARES) -> list[NDArray[np.float32]]:
    """Lines around the densest regions that hold given shares of the points.

    Parameters
    ----------
    places
        (N, 2).
    shares
        Parts of the points, each between 0 and 1; one or more lines for each.

    Returns
    -------
    list
        Polylines float32 (K, 2), K at least 3; none where the points have no extent.
    """
    from contourpy import contour_generator
    from scipy.ndimage import gaussian_filter

    if not len(places):
        return []
    low, high = places.min(axis=0).astype(float), places.max(axis=0).astype(float)
    step = float((high - low).max()) / (_BINS - 2 * _MARGIN)
    if not step > 0:
        return []
    edges = [middle + step * (np.arange(_BINS + 1) - _BINS / 2) for middle in (low + high) / 2]
    counts = np.histogram2d(places[:, 0], places[:, 1], edges)[0]
    density = gaussian_filter(counts, _SMOOTH)
    falling = np.sort(density.ravel())[::-1]
    held = np.cumsum(falling) / falling.sum()
    centres = [(axis[:-1] + axis[1:]) / 2 for axis in edges]
    lines = contour_generator(centres[0], centres[1], density.T)
    found = []
    for share in shares:
        level = float(falling[min(int(np.searchsorted(held, share)), len(falling) - 1)])
        found += [np.asarray(line, dtype=np.float32) for line in lines.lines(level) if len(line) > 2]
    return found
