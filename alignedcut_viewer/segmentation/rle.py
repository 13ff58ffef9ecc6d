"""Run-length encoding of binary masks, as COCO defines it.

The pixels are run through column by column; `counts` are the lengths of the runs, that of zeros first (it may be 0).
The compressed form gives each count as groups of five bits, the lowest first, in characters from ``"0"`` (48) on: bit 5
says that more follow, bit 4 of the last group is the sign. From the fourth count on, the difference to the count two
before is written instead of the count.
"""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

__all__ = ["CompressedMask", "area_and_box", "compress_counts", "decode_mask", "encode_mask", "expand_counts"]


class CompressedMask(TypedDict):
    """A mask as COCO stores it: ``size`` is [height, width]."""

    size: list[int]
    counts: str


def encode_mask(mask: ArrayLike) -> CompressedMask:
    """Encode a binary mask.

    Parameters
    ----------
    mask
        ``(H, W)``; what is not 0 belongs to the mask.

    Raises
    ------
    InputError
        If the mask has not two axes.
    """
    pixels = np.asarray(mask, dtype=bool)
    if pixels.ndim != 2:
        raise InputError(f"A mask has two axes; got shape {pixels.shape}.")
    return {"size": [int(n) for n in pixels.shape], "counts": compress_counts(_run_lengths(pixels))}


def decode_mask(encoded: CompressedMask | dict[str, Any]) -> NDArray[np.bool_]:
    """Decode a mask in COCO's compressed form, or in its plain form where `counts` is a list of numbers.

    Returns
    -------
    ndarray of bool, shape (H, W)

    Raises
    ------
    InputError
        If the counts do not add up to the size.
    """
    height, width = (int(n) for n in encoded["size"])
    counts: Any = encoded["counts"]
    runs = expand_counts(counts) if isinstance(counts, str | bytes) else np.asarray(counts, dtype=np.int64)
    if (runs < 0).any() or runs.sum() != height * width:
        raise InputError(f"The runs of this mask do not add up to {height} × {width} pixels.")
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.ascontiguousarray(values.reshape(width, height).T)


def area_and_box(mask: ArrayLike) -> tuple[int, list[float]]:
    """Number of pixels of a mask, and its bounding box [x, y, width, height]; all 0 where it is empty."""
    pixels = np.asarray(mask, dtype=bool)
    area = int(np.count_nonzero(pixels))
    if not area:
        return 0, [0.0, 0.0, 0.0, 0.0]
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    width, height = columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
    return area, [float(columns[0]), float(rows[0]), float(width), float(height)]


def _run_lengths(pixels: NDArray[np.bool_]) -> NDArray[np.int64]:
    flat = pixels.T.ravel()
    if not flat.size:
        return np.zeros(0, dtype=np.int64)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = np.concatenate([[0], changes, [flat.size]])
    lengths = np.diff(ends)
    return np.concatenate([[0], lengths]) if flat[0] else lengths


def compress_counts(counts: ArrayLike) -> str:
    """Write run lengths in COCO's compressed form."""
    values = np.asarray(counts, dtype=np.int64).copy()
    values[3:] -= np.asarray(counts, dtype=np.int64)[1:-2]
    groups: list[NDArray[np.int64]] = []
    written: list[NDArray[np.bool_]] = []
    active = np.ones(len(values), dtype=bool)
    while active.any():
        group = values & 31
        values = values >> 5
        # The rest may be left out where it only repeats the sign bit.
        more = np.where(group & 16, values != -1, values != 0) & active
        groups.append(group + 32 * more + 48)
        written.append(active)
        active = more
    if not groups:
        return ""
    characters = np.stack(groups, axis=1)[np.stack(written, axis=1)]
    return characters.astype(np.uint8).tobytes().decode("ascii")


def expand_counts(text: str | bytes) -> NDArray[np.int64]:
    """Read run lengths from COCO's compressed form.

    Raises
    ------
    InputError
        If the text is cut off or holds characters that do not occur there.
    """
    codes = np.frombuffer(text.encode("latin-1", "replace") if isinstance(text, str) else text, dtype=np.uint8)
    groups = codes.astype(np.int64) - 48
    if not groups.size:
        return np.zeros(0, dtype=np.int64)
    last = (groups & 32) == 0
    if groups.min() < 0 or groups.max() > 63 or not last[-1]:
        raise InputError("This is no compressed run-length code of COCO, or it is cut off.")
    starts = np.concatenate([[0], np.flatnonzero(last)[:-1] + 1])
    number = np.cumsum(last) - last
    place = np.arange(len(groups)) - starts[number]
    if place.max() > 12:
        raise InputError("This is no compressed run-length code of COCO: a run is longer than any picture.")
    values = np.add.reduceat((groups & 31) << (5 * place), starts)
    negative = (groups[last] & 16) != 0
    values = values - np.where(negative, np.int64(1) << (5 * (place[last] + 1)), 0)
    # From the fourth on, each is the difference to the one two before: two interleaved running sums.
    if len(values) > 3:
        values[1::2] = np.cumsum(values[1::2])
        values[2::2] = np.cumsum(values[2::2])
    return np.asarray(values, dtype=np.int64)
