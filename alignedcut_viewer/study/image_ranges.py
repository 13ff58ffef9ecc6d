"""Which images are complete, as ranges of their numbers; and whether values can be kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["all_finite", "changed_ranges", "ranges_of", "why_not_kept"]


def changed_ranges(ranges: Sequence[Sequence[int]], images: Sequence[int], value: bool) -> list[list[int]]:
    """Ranges [start, stop] after some images were added or taken away."""
    size = max([stop for _, stop in ranges] + [image + 1 for image in images], default=0)
    done = np.zeros(size, dtype=bool)
    for start, stop in ranges:
        done[start:stop] = True
    done[list(images)] = value
    return ranges_of(done)


def all_finite(values: NDArray[np.floating[Any]]) -> bool:
    """Whether no value is NaN or infinite."""
    if values.dtype == np.float16:  # by the bits of the exponent: many times faster than isfinite
        return not bool(((values.view(np.uint16) & 0x7C00) == 0x7C00).any())
    return bool(np.isfinite(values).all())


def why_not_kept(values: NDArray[np.floating[Any]], images: Sequence[int]) -> str:
    """What keeps features (image, token, channel) from being stored in half precision, in the words of a sentence."""
    finite = np.isfinite(values).all(axis=(1, 2))
    if finite.all():
        return f"reach {np.abs(values).max():.3g}, beyond half precision"
    return f"of image {images[int(np.argmin(finite))]} hold NaN, infinite or values beyond half precision"


def ranges_of(done: NDArray[np.bool_]) -> list[list[int]]:
    """Runs of True as [start, stop] pairs."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], done, [False]]).astype(np.int8)))
    return [[int(start), int(stop)] for start, stop in edges.reshape(-1, 2)]
