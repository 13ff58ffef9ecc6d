"""The bilateral solver: the smoothest map, as smooth as the picture is, that stays near a given one where that is sure.

Barron and Poole, "The fast bilateral solver" (2016): ``minimise lambda/2 sum_ij W_ij (x_i - x_j)^2 + sum_i c_i (x_i -
t_i)^2`` with bistochastic bilateral weights W, solved in a grid over place, luma and chroma by conjugate gradients.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

__all__ = ["bilateral_solve"]

_BISTOCHASTIC_STEPS = 10
_ENOUGH = 1e-10
"""Conjugate gradients end where what is left is this share of what there was (squared)."""


def bilateral_solve(
    values: ArrayLike,
    picture: ArrayLike,
    *,
    confidence: ArrayLike | float = 0.999,
    sigma_place: float = 16.0,
    sigma_luma: float = 16.0,
    sigma_chroma: float = 8.0,
    weight: float = 256.0,
    steps: int = 25,
) -> NDArray[np.float32]:
    """Solve for maps that are smooth where the picture is.

    The defaults are those that TokenCut publishes for its masks.

    Parameters
    ----------
    values
        Targets ``(H, W)`` or ``(H, W, k)``.
    picture
        uint8 ``(H, W, 3)``.
    confidence
        How sure the targets are, above 0: one number or ``(H, W)``.
    sigma_place
        Pixels of a cell of the grid.
    sigma_luma, sigma_chroma
        Grey levels of a cell, out of 255.
    weight
        Of smoothness, lambda.
    steps
        Of conjugate gradients, at most.

    Returns
    -------
    ndarray of float32
        Of the shape of `values`.

    Raises
    ------
    InputError
        If shapes do not fit.
    """
    from scipy.sparse import diags_array

    targets = np.asarray(values, dtype=np.float64)
    pixels = np.asarray(picture)
    if targets.ndim not in (2, 3) or pixels.shape != (*targets.shape[:2], 3):
        raise InputError(f"Maps {targets.shape} and a picture of {pixels.shape} do not fit.")
    sure = np.broadcast_to(np.asarray(confidence, dtype=np.float64), targets.shape[:2]).ravel()
    cell, blur = _grid(pixels, sigma_place, sigma_luma, sigma_chroma)
    n = blur.shape[0]
    count = np.bincount(cell, minlength=n).astype(np.float64)
    scale = np.ones(n)
    for _ in range(_BISTOCHASTIC_STEPS):
        scale = np.sqrt(scale * count / np.maximum(blur @ scale, 1e-12))
    mass = scale * (blur @ scale)
    held = np.bincount(cell, sure, n)
    matrix = weight * (diags_array(mass) - diags_array(scale) @ blur @ diags_array(scale)) + diags_array(held)
    matrix = matrix.tocsr()
    flat = targets.reshape(len(cell), -1)
    right = np.zeros((n, flat.shape[1]))
    for i in range(flat.shape[1]):
        right[:, i] = np.bincount(cell, sure * flat[:, i], n)
    solved = _conjugate_gradients(matrix, right, right / np.maximum(held, 1e-12)[:, None], steps)
    result = solved.astype(np.float32)[cell]
    return result.reshape(targets.shape)


def _grid(
    pixels: NDArray[np.uint8], sigma_place: float, sigma_luma: float, sigma_chroma: float
) -> tuple[NDArray[np.int64], Any]:
    """Cell of each pixel, and the blur between neighbouring cells (1, 2, 1 along each of five axes)."""
    from scipy.sparse import csr_array, eye_array

    height, width = pixels.shape[:2]
    red, green, blue = (pixels[..., channel].astype(np.float64) for channel in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    rows, columns = np.mgrid[:height, :width]
    places = np.stack(
        [
            columns / sigma_place,
            rows / sigma_place,
            luma / sigma_luma,
            (0.564 * (blue - luma) + 128) / sigma_chroma,
            (0.713 * (red - luma) + 128) / sigma_chroma,
        ],
        axis=-1,
    )
    cells = np.floor(places.reshape(-1, 5)).astype(np.int64) + 1
    extent = cells.max(0) + 2
    strides = np.concatenate([np.cumprod(extent[::-1])[::-1][1:], [1]])
    keys, cell = np.unique(cells @ strides, return_inverse=True)
    n = len(keys)
    blur = 10.0 * eye_array(n, format="csr")
    for stride in strides:
        for shift in (-stride, stride):
            at = np.minimum(np.searchsorted(keys, keys + shift), n - 1)
            there = np.flatnonzero(keys[at] == keys + shift)
            blur = blur + csr_array((np.ones(len(there)), (there, at[there])), shape=(n, n))
    return cell.ravel(), blur


def _conjugate_gradients(
    matrix: Any, right: NDArray[np.float64], start: NDArray[np.float64], steps: int
) -> NDArray[np.float64]:
    """Conjugate gradients with the diagonal as preconditioner, every column by itself."""
    inverse = 1 / np.maximum(matrix.diagonal(), 1e-12)[:, None]
    solution = start.copy()
    residual = right - matrix @ solution
    direction = inverse * residual
    energy = _dots(residual, direction)
    enough = _ENOUGH * energy.max(initial=0.0)
    for _ in range(steps):
        if (energy <= enough).all():
            break
        moved = matrix @ direction
        curvature = _dots(direction, moved)
        length = np.divide(energy, curvature, out=np.zeros_like(energy), where=curvature > 0)
        solution += length * direction
        moved *= length
        residual -= moved
        pre = np.multiply(inverse, residual, out=moved)
        after = _dots(residual, pre)
        direction *= np.divide(after, energy, out=np.zeros_like(energy), where=energy > 0)
        direction += pre
        energy = after
    return solution


def _dots(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products of columns."""
    result: NDArray[np.float64] = np.einsum("ij,ij->j", one, other)
    return result
