"""From whatever a file holds to 8-bit RGB: scaling of deep and floating-point pixels, grey, and transparency."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["on_white", "rgb_from_channels", "scale_to_8_bit"]

_DEPTHS = (8, 10, 12, 14, 16)
"""Bit depths that cameras and scanners store in 16-bit files."""


def scale_to_8_bit(pixels: NDArray[Any], bits: int | None = None) -> NDArray[np.uint8]:
    """Scale pixels of any number type to 8 bits.

    * Integers between 0 and 65,535: the smallest of 8, 10, 12, 14 and 16 bits that holds the largest value becomes
      white, so a 12-bit photograph in a 16-bit file is as bright as it was meant to be.
    * Floating-point numbers between 0 and 1: 1 becomes white. Between 0 and 255: 255 becomes white.
    * Anything else: the smallest value becomes black and the largest white. NaN and infinite values become black.

    Parameters
    ----------
    pixels
        Array of any shape.
    bits
        Depth of the data where the file states one below 8; otherwise None.

    Returns
    -------
    ndarray of uint8
        Same shape, rounded to the nearest level.
    """
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if bits is not None and bits < 8 and pixels.dtype.kind == "u":
        return _spread(pixels, 0.0, float(2**bits - 1))
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, dtype=np.uint8)
    finite = np.isfinite(pixels) if pixels.dtype.kind == "f" else None
    valid = pixels if finite is None else pixels[finite]
    if not valid.size:
        return np.zeros(pixels.shape, dtype=np.uint8)
    low, high = float(valid.min()), float(valid.max())
    if finite is not None:
        pixels = np.where(finite, pixels, low)
        if low >= 0 and high <= 255:
            return _spread(pixels, 0.0, 1.0 if high <= 1 else 255.0)
    elif low >= 0 and high <= 65535:
        depth = next(depth for depth in _DEPTHS if high < 2**depth)
        return _spread(pixels, 0.0, float(2**depth - 1))
    return _spread(pixels, low, high)


def _spread(pixels: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    if white <= black:
        return np.zeros(pixels.shape, dtype=np.uint8)
    # Double precision only where single could not tell neighbouring levels apart.
    values: NDArray[Any] = pixels.astype(np.float32 if pixels.dtype.itemsize <= 2 else np.float64)
    values -= black
    values *= 255.0 / (white - black)
    levels: NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels


def on_white(colour: NDArray[np.uint8], alpha: NDArray[np.uint8], *, premultiplied: bool = False) -> NDArray[np.uint8]:
    """Lay a partly transparent picture on white paper.

    Parameters
    ----------
    colour
        ``(H, W, 3)`` or ``(H, W, 1)``.
    alpha
        ``(H, W)``; 255 is opaque.
    premultiplied
        Whether `colour` was already multiplied by `alpha`.

    Returns
    -------
    ndarray of uint8
        Shape of `colour`.
    """
    opacity = alpha[..., None].astype(np.uint16)
    if premultiplied:
        laid: NDArray[Any] = np.minimum(colour + (255 - opacity), 255)
    else:  # 255 · 255 + 127 still fits 16 bits
        laid = (colour * opacity + 255 * (255 - opacity) + 127) // 255
    return np.asarray(laid, dtype=np.uint8)


def rgb_from_channels(
    pixels: NDArray[Any], *, bits: int | None = None, alpha: bool | None = None, premultiplied: bool = False
) -> NDArray[np.uint8]:
    """Turn grey, grey with alpha, RGB or RGBA pixels of any number type into 8-bit RGB on white.

    Parameters
    ----------
    pixels
        ``(H, W)`` or ``(H, W, channels)`` with 1 to 4 channels.
    bits
        Depth of the data where the file states one below 8.
    alpha
        Whether the channel after the colour is opacity; None takes the last of 2 or 4 channels as opacity.
        Channels after the colour that are no opacity (near infrared, say) are left out.
    premultiplied
        Whether the colour was multiplied by the opacity.

    Raises
    ------
    ValueError
        If the number of channels is none of these.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    channels = pixels.shape[-1]
    if pixels.ndim != 3 or not 1 <= channels <= 4:
        raise ValueError(
            f"it has {channels} channels, where 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA) are read"
        )
    n_colours = 1 if channels < 3 else 3
    colour = scale_to_8_bit(pixels[..., :n_colours], bits)
    if channels > n_colours and alpha is not False:
        opacity = pixels[..., n_colours]
        if opacity.dtype.kind == "u" and opacity.dtype.itemsize > 1:
            # Opacity is measured against the full range of its type, however dark the picture is.
            opacity = _spread(opacity, 0.0, float(np.iinfo(opacity.dtype).max))
        colour = on_white(colour, scale_to_8_bit(opacity, bits), premultiplied=premultiplied)
    return np.ascontiguousarray(np.broadcast_to(colour, (*colour.shape[:2], 3)))
