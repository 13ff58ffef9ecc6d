"""From the token grid to the picture: labels or scores of patches become a mask of the picture's own size.

A token grid of ``rows × columns`` patches covers the whole picture, whatever its shape. The centre of pixel ``(y, x)``
of an ``H × W`` picture lies at ``(y + 1/2) · rows / H`` from the upper edge of the grid; patch ``r`` reaches from ``r``
to ``r + 1`` and has its centre at ``r + 1/2``; likewise for columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

__all__ = ["upsample_colours", "upsample_labels", "upsample_scores"]

_BLOCK_ELEMENTS = 2**22
"""Interpolated scores held at a time; 16 MiB."""


def upsample_labels(labels_or_scores: ArrayLike, size: tuple[int, int], *, smooth: bool = False) -> NDArray[np.int32]:
    """Spread labels, or scores of labels, of a token grid over the pixels of a picture.

    Parameters
    ----------
    labels_or_scores
        Whole numbers ``(rows, columns)``, one label a patch; or numbers ``(rows, columns, k)``, the larger the more
        the patch belongs to label 0, 1, … k - 1.
    size
        Height and width of the picture in pixels.
    smooth
        False: every pixel takes the label of the patch that its centre lies in (blocky edges). True: scores are
        interpolated bilinearly between the centres of patches, held constant beyond the outermost ones, and the
        largest wins (the smallest label in a tie); labels are interpolated as one indicator a label.

    Returns
    -------
    ndarray of int32, shape (H, W)
        Values of the labels, or numbers from 0 to ``k - 1``.

    Raises
    ------
    InputError
        If the array has another shape, labels are no whole numbers, or scores are not finite.
    """
    height, width = _checked_size(size)
    grid = np.asarray(labels_or_scores)
    if grid.ndim not in (2, 3) or 0 in grid.shape:
        raise InputError(f"Labels must be (rows, columns) and scores (rows, columns, k); got shape {grid.shape}.")
    if grid.ndim == 3 and not np.isfinite(grid).all():
        raise InputError("Scores hold NaN or infinite values; they cannot be turned into a mask.")
    if grid.ndim == 2 and grid.dtype.kind not in "iub":
        raise InputError(
            f"Labels must be whole numbers; got {grid.dtype}. Scores need a third axis, one entry a label."
        )
    if not smooth:
        labels = grid if grid.ndim == 2 else grid.argmax(-1)
        rows = _patch_of_pixels(grid.shape[0], height)
        columns = _patch_of_pixels(grid.shape[1], width)
        return np.ascontiguousarray(labels[rows[:, None], columns[None, :]], dtype=np.int32)
    if grid.ndim == 3:
        return _largest(grid, height, width)
    values, positions = np.unique(grid, return_inverse=True)
    indicators = (positions.reshape(grid.shape)[..., None] == np.arange(len(values))).astype(np.float32)
    return values.astype(np.int32)[_largest(indicators, height, width)]


def upsample_scores(scores: ArrayLike, size: tuple[int, int]) -> NDArray[np.float32]:
    """Interpolate maps of a token grid bilinearly over the pixels of a picture.

    Parameters
    ----------
    scores
        ``(rows, columns)`` or ``(rows, columns, k)``, any number type.
    size
        Height and width of the picture in pixels.

    Returns
    -------
    ndarray of float32, shape (H, W) or (H, W, k)
        Equal to the patch's value at its centre, constant beyond the outermost centres.

    Raises
    ------
    InputError
        If the array has another shape.
    """
    height, width = _checked_size(size)
    grid = np.asarray(scores, dtype=np.float32)
    if grid.ndim not in (2, 3) or 0 in grid.shape:
        raise InputError(f"Scores must be (rows, columns) or (rows, columns, k); got shape {grid.shape}.")
    columns = _interpolate(np.moveaxis(grid, 1, 0), width)
    return np.ascontiguousarray(_interpolate(np.moveaxis(columns, 1, 0), height))


def upsample_colours(colours: ArrayLike, size: tuple[int, int], *, smooth: bool = False) -> NDArray[np.uint8]:
    """Spread the colours of a token grid over the pixels of a picture.

    Parameters
    ----------
    colours
        uint8 ``(rows, columns, 3)``.
    size
        Height and width of the picture in pixels.
    smooth
        Whether colours are interpolated bilinearly between the centres of patches.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)

    Raises
    ------
    InputError
        If the array has another shape.
    """
    height, width = _checked_size(size)
    grid = np.asarray(colours)
    if grid.ndim != 3 or 0 in grid.shape:
        raise InputError(f"Colours must be (rows, columns, 3); got shape {grid.shape}.")
    if smooth:
        return np.rint(upsample_scores(grid, size)).astype(np.uint8)
    rows, columns = _patch_of_pixels(grid.shape[0], height), _patch_of_pixels(grid.shape[1], width)
    return np.ascontiguousarray(grid[rows[:, None], columns[None, :]], dtype=np.uint8)


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    height, width = int(size[0]), int(size[1])
    if height < 1 or width < 1:
        raise InputError(f"A picture must be at least 1 × 1 pixels; got {height} × {width}.")
    return height, width


def _patch_of_pixels(n_patches: int, n_pixels: int) -> NDArray[np.int64]:
    """Patch that each pixel's centre lies in, in whole numbers so that no rounding can shift an edge."""
    return (2 * np.arange(n_pixels, dtype=np.int64) + 1) * n_patches // (2 * n_pixels)


def _interpolate(values: NDArray[Any], n_pixels: int, pixels: slice = slice(None)) -> NDArray[np.float32]:
    """Linear interpolation along the first axis at the centres of some pixels."""
    n_patches = len(values)
    centres = (np.arange(n_pixels, dtype=np.float64)[pixels] + 0.5) * (n_patches / n_pixels) - 0.5
    centres = np.clip(centres, 0, n_patches - 1)
    before = np.minimum(centres.astype(np.int64), max(n_patches - 2, 0))
    after = np.minimum(before + 1, n_patches - 1)
    share = (centres - before).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    # In this form a share of 0 or 1 gives the patch's own value without rounding.
    return np.asarray(values[before] * (1 - share) + values[after] * share, dtype=np.float32)


def _largest(scores: NDArray[Any], height: int, width: int) -> NDArray[np.int32]:
    """Number of the largest score at every pixel, some rows of pixels at a time."""
    columns = _interpolate(np.moveaxis(scores, 1, 0).astype(np.float32, copy=False), width)
    by_row = np.moveaxis(columns, 1, 0)
    mask = np.empty((height, width), dtype=np.int32)
    step = max(1, _BLOCK_ELEMENTS // (width * scores.shape[-1]))
    for start in range(0, height, step):
        pixels = slice(start, min(start + step, height))
        mask[pixels] = _interpolate(by_row, height, pixels).argmax(-1)
    return mask
