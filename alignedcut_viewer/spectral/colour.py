"""Colours from a three-dimensional embedding: quantiles clipped to the colour cube."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FeatureError, InputError
from .threads import for_row_blocks

__all__ = ["rgb"]

_EXACT_UP_TO = 500_000
_CHUNK = 131_072

# Ottosson (2020), "A perceptual color space for image processing": OKLab to cone responses, and those to linear sRGB.
_OKLAB_TO_CONES = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ],
    dtype=np.float32,
)
_CONES_TO_SRGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ],
    dtype=np.float32,
)


def rgb(
    embedding: ArrayLike,
    *,
    quantile: float = 0.05,
    rotate: bool = False,
    space: Literal["srgb", "oklab"] = "srgb",
    like: ArrayLike | None = None,
) -> NDArray[np.uint8]:
    """Colours of nodes from their place in a three-dimensional embedding.

    Every axis is stretched so that its lower and upper quantile become 0 and 1, and clipped there (the AlignedCut
    authors' public code uses 5 % and 95 %). An axis on which the two quantiles coincide is stretched between its
    extremes, and one without any spread gets the middle of its range.

    Parameters
    ----------
    embedding
        (N, 3) finite numbers.
    quantile
        Share of nodes clipped at either end of each axis, at least 0 and less than 0.5. Beyond half a million nodes
        quantiles (and principal axes) are those of every k-th node, k the smallest that leaves at most half a million.
    rotate
        Turn the embedding to its principal axes first, the longest becoming the first colour, each with the sign that
        makes its skewness positive: embeddings that differ by a rotation or reflection then get the same colours.
    space
        ``"srgb"``: the axes are red, green and blue, as in the paper. ``"oklab"``: the axes are lightness, green-red
        and blue-yellow of the perceptual space OKLab, so that the first axis can be told by lightness alone, whatever
        the viewer's colour vision; best with `rotate`.
    like
        (M, 3) the embedding whose quantiles (and axes) count, of nodes that have their colours already; None takes
        those of the nodes themselves.

    Returns
    -------
    NDArray
        uint8 (N, 3), sRGB.

    Raises
    ------
    FeatureError
        If numbers are NaN or infinite.
    InputError
        If the shape or a parameter is wrong.
    """
    values = np.asarray(embedding)
    if values.ndim != 2 or values.shape[1] != 3:
        raise InputError(f"Colours need a three-dimensional embedding of shape (N, 3); this one has {values.shape}.")
    if not 0 <= quantile < 0.5:
        raise InputError(f"The quantile to clip must be at least 0 and less than 0.5; got {quantile}.")
    if space not in ("srgb", "oklab"):
        raise InputError(f"Unknown colour space {space!r}; use srgb or oklab.")
    values = values.astype(np.float32, copy=False)
    if len(values) == 0:
        return np.empty((0, 3), dtype=np.uint8)
    if not np.isfinite(values.sum(dtype=np.float64)):
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(bad):
            raise FeatureError(
                f"{len(bad)} of {len(values)} nodes have NaN or infinite positions in the embedding (the first is node "
                f"{bad[0]}); recompute the embedding."
            )
    those = values if like is None else np.asarray(like)
    sample = those[:: -(-len(those) // _EXACT_UP_TO)].astype(np.float32, copy=False)
    centre, axes = _principal(sample) if rotate else (None, None)
    low, scale = _stretch(_turned(sample, centre, axes), quantile)
    # An axis without spread has scale zero and sits in the middle.
    offset = np.where(scale > 0, -low * scale, np.float32(0.5))
    colours = np.empty(values.shape, dtype=np.uint8)

    def work(start: int, stop: int) -> None:
        unit = _turned(values[start:stop], centre, axes) * scale
        unit += offset
        np.clip(unit, 0.0, 1.0, out=unit)
        if space == "oklab":
            unit = _from_oklab(unit)
        unit *= 255.0
        unit += 0.5
        colours[start:stop] = unit.astype(np.uint8)

    for_row_blocks(work, len(values), _CHUNK)
    return colours


def _stretch(sample: NDArray[np.float32], quantile: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lower end and reciprocal length of the range of each axis; zero where it has no length."""
    low = np.empty(3, dtype=np.float32)
    scale = np.zeros(3, dtype=np.float32)
    for axis in range(3):
        column = np.ascontiguousarray(sample[:, axis])
        ends = np.quantile(column, [quantile, 1 - quantile])
        if not ends[1] > ends[0]:
            ends = np.array([column.min(), column.max()])
        low[axis] = ends[0]
        with np.errstate(over="ignore", divide="ignore"):
            length = np.float32(1.0) / np.float32(ends[1] - ends[0])
        scale[axis] = length if np.isfinite(length) else 0.0
    return low, scale


def _principal(sample: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centre and principal axes (3, 3) as columns, longest first, skewness along each not negative."""
    centre = sample.mean(axis=0, dtype=np.float64)
    centred = sample - centre
    ascending = np.linalg.eigh(centred.T @ centred)[1]
    axes = ascending[:, ::-1]
    skewness = np.power(centred @ axes, 3).mean(axis=0)
    return centre.astype(np.float32), (axes * np.where(skewness < 0, -1.0, 1.0)).astype(np.float32)


def _turned(
    values: NDArray[np.float32], centre: NDArray[np.float32] | None, axes: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Values along the axes, or as they are."""
    if centre is None or axes is None:
        return values
    turned: NDArray[np.float32] = np.matmul(values - centre, axes).astype(np.float32, copy=False)
    return turned


def _from_oklab(unit: NDArray[np.float32]) -> NDArray[np.float32]:
    """SRGB in [0, 1] from lightness, green-red and blue-yellow in [0, 1], cut off at the gamut's border."""
    lab = np.empty_like(unit)
    lab[:, 0] = 0.30 + 0.60 * unit[:, 0]
    lab[:, 1:] = 0.36 * (unit[:, 1:] - 0.5)
    cones = lab @ _OKLAB_TO_CONES.T
    linear = np.clip((cones * cones * cones) @ _CONES_TO_SRGB.T, 0.0, 1.0)
    encoded: NDArray[np.float32] = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, np.float32(1 / 2.4)) - 0.055
    ).astype(np.float32)
    return np.clip(encoded, 0.0, 1.0)
