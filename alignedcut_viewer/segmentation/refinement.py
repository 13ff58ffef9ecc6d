"""Edges at pixels: class probabilities drawn to the edges of the picture, in a band around boundaries only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..choices import REFINEMENTS
from ..errors import InputError
from .bilateral import bilateral_solve
from .labels import upsample_scores

__all__ = ["REFINEMENTS", "RefineSettings", "class_probabilities", "clean_labels", "guided_filter", "refine"]


_SOLVED_SIDE = 320
"""About how many pixels the longer side of a picture has in the bilateral solver."""
_CELL = 16.0
_MOST_CELLS = 40
"""Cells of its grid are 16 pixels wide, as TokenCut has them, in pictures up to 640 pixels; of larger ones as many."""


@dataclass(frozen=True)
class RefineSettings:
    """How segments of tokens become masks of pixels.

    Attributes
    ----------
    filter
        ``"bilateral"`` (Barron and Poole 2016: quality), ``"guided"`` (He, Sun and Tang 2013: fast) or ``"none"``.
    band
        Share of the picture's longer side: only pixels that are nearer to a boundary may change their segment; 0 lets
        all.
    radius
        Share of the longer side, of the guided filter's window.
    smoothness
        Variance of colours, which run from 0 to 1, below which the guided filter takes a window to be even.
    smallest
        Share of the picture: connected parts and holes below it are given to what surrounds them; 0 keeps all.
    """

    filter: str = "bilateral"
    band: float = 0.05
    radius: float = 0.025
    smoothness: float = 1e-3
    smallest: float = 0.001

    def __post_init__(self) -> None:
        if self.filter not in REFINEMENTS:
            raise InputError(f"Unknown refinement {self.filter!r}; use {', '.join(REFINEMENTS)}.")
        if min(self.band, self.smallest) < 0 or self.radius <= 0 or self.smoothness <= 0:
            raise InputError("Band and smallest part must not be negative, radius and smoothness must be positive.")


def class_probabilities(scores: ArrayLike, size: tuple[int, int]) -> NDArray[np.float32]:
    """Probabilities of segments at every pixel, from scores at every token.

    The temperature is the mean over tokens of the distance to the own centre, so that a token that lies as the average
    one does is e times likelier in its own segment than in one twice as far.

    Parameters
    ----------
    scores
        ``(rows, columns, k)`` minus squared distances to the centres of segments.
    size
        Height and width of the picture.

    Returns
    -------
    ndarray of float32, shape (H, W, k)
        They sum to 1.

    Raises
    ------
    InputError
        If the scores have another shape.
    """
    grid = np.asarray(scores, dtype=np.float32)
    if grid.ndim != 3:
        raise InputError(f"Scores must be (rows, columns, k); got shape {grid.shape}.")
    grid = grid - grid.max(-1, keepdims=True) * np.float32(1)
    second = -np.sort(grid, axis=-1)[..., -2] if grid.shape[-1] > 1 else np.ones(1, dtype=np.float32)
    temperature = max(float(second.mean()) / 4, 1e-12)
    pixels = _enlarged(grid / np.float32(temperature), size)
    pixels -= pixels.max(-1, keepdims=True)
    np.exp(pixels, out=pixels)
    pixels /= pixels.sum(-1, keepdims=True)
    return pixels


def refine(
    probabilities: ArrayLike, picture: ArrayLike, settings: RefineSettings | None = None
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Segments at pixels whose boundaries follow the picture.

    Parameters
    ----------
    probabilities
        ``(H, W, k)``, see :func:`class_probabilities`.
    picture
        uint8 ``(H, W, 3)``.
    settings
        Each step can be switched off: the filter by ``"none"``, the clean-up by a smallest part of 0.

    Returns
    -------
    labels : ndarray of int32, shape (H, W)
        From 0 to k - 1.
    probabilities : ndarray of float32, shape (H, W, k)
        As they are after the filter.

    Raises
    ------
    InputError
        If shapes do not fit.
    """
    settings = settings or RefineSettings()
    given = np.asarray(probabilities, dtype=np.float32)
    pixels = np.asarray(picture)
    if given.ndim != 3 or pixels.shape != (*given.shape[:2], 3):
        raise InputError(f"Probabilities {given.shape} and a picture of {pixels.shape} do not fit.")
    side = max(given.shape[:2])
    result = given
    if settings.filter != "none" and given.shape[-1] > 1:
        if settings.filter == "guided":
            filtered = guided_filter(
                given, pixels, radius=max(1, round(settings.radius * side)), smoothness=settings.smoothness
            )
        else:
            filtered = _solved(given, pixels)
        if settings.band:
            near = _near_boundaries(given.argmax(-1), max(1, round(settings.band * side)))
            filtered = np.where(near[..., None], filtered, given)
        result = np.clip(filtered, 0, 1)
    labels = result.argmax(-1).astype(np.int32)
    if settings.smallest:
        labels = clean_labels(labels, round(settings.smallest * labels.size))
    return labels, result


def _solved(given: NDArray[np.float32], pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The bilateral solver on a picture of moderate size; what it finds is smooth, and is interpolated."""
    height, width = given.shape[:2]
    step = max(1, round(max(height, width) / _SOLVED_SIDE))
    small = np.rint(_reduced(pixels.astype(np.float32), step)).astype(np.uint8)
    cell = max(_CELL / step, max(small.shape[:2]) / _MOST_CELLS)
    solved = bilateral_solve(_reduced(given, step), small, sigma_place=cell)
    if step == 1:
        return solved
    return _enlarged(solved, (step * solved.shape[0], step * solved.shape[1]))[:height, :width]


def _enlarged(maps: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Maps ``(h, w, k)`` as :func:`.labels.upsample_scores` interpolates them, up to rounding, several times faster."""
    import torch

    channels_first = torch.from_numpy(np.ascontiguousarray(np.moveaxis(maps, -1, 0)))[None]
    large = torch.nn.functional.interpolate(channels_first, size, mode="bilinear", align_corners=False)
    return np.ascontiguousarray(np.moveaxis(large[0].numpy(), 0, -1))


def _near_boundaries(labels: NDArray[np.integer], band: int) -> NDArray[np.bool_]:
    from scipy.ndimage import maximum_filter

    edges = np.zeros(labels.shape, dtype=np.uint8)
    down, right = labels[:-1] != labels[1:], labels[:, :-1] != labels[:, 1:]
    edges[:-1] |= down
    edges[1:] |= down
    edges[:, :-1] |= right
    edges[:, 1:] |= right
    near: NDArray[np.bool_] = maximum_filter(edges, 2 * band + 1) > 0
    return near


def guided_filter(
    values: ArrayLike, picture: ArrayLike, *, radius: int, smoothness: float = 1e-3, step: int | None = None
) -> NDArray[np.float32]:
    """Draw maps to the edges of a picture: in every window they become a linear function of its colour.

    Parameters
    ----------
    values
        ``(H, W, k)``.
    picture
        uint8 ``(H, W, 3)``.
    radius
        Of the square window, in pixels.
    smoothness
        Ridge term, in squared units of colours from 0 to 1.
    step
        The functions are found on every so manieth pixel (He and Sun 2015); by default as many as leave four to a
        radius.

    Returns
    -------
    ndarray of float32, shape (H, W, k)
    """
    from scipy.ndimage import uniform_filter

    maps = np.asarray(values, dtype=np.float32)
    guide = np.asarray(picture, dtype=np.float32) / np.float32(255)
    step = max(1, radius // 4) if step is None else step
    few, small = _reduced(maps, step), _reduced(guide, step)
    window = 2 * max(1, round(radius / step)) + 1

    def box(array: NDArray[np.float32]) -> NDArray[np.float32]:
        mean: NDArray[np.float32] = uniform_filter(array, (window, window, *[0] * (array.ndim - 2)), mode="nearest")
        return mean

    mean_guide, mean_maps = box(small), box(few)
    products = box((small[..., :, None] * small[..., None, :]).reshape(*small.shape[:2], 9))
    covariance = products.reshape(*small.shape, 3) - mean_guide[..., :, None] * mean_guide[..., None, :]
    covariance += np.float32(smoothness) * np.eye(3, dtype=np.float32)
    crossed = box((small[..., :, None] * few[..., None, :]).reshape(*small.shape[:2], -1)).reshape(*small.shape, -1)
    crossed = crossed - mean_guide[..., :, None] * mean_maps[..., None, :]
    slope = np.linalg.solve(covariance, crossed)
    offset = mean_maps - np.einsum("hwc,hwck->hwk", mean_guide, slope)
    size = maps.shape[:2]
    offset = upsample_scores(box(offset), size)
    flat = box(slope.reshape(*slope.shape[:2], -1))
    for channel in range(3):
        own = flat.reshape(slope.shape)[..., channel, :]
        offset += guide[..., channel, None] * upsample_scores(own, size)
    return offset


def _reduced(values: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Means of blocks; blocks at the lower and right edge repeat what they lack."""
    if step == 1:
        return values
    height, width = values.shape[:2]
    padded = np.pad(values, ((0, -height % step), (0, -width % step), (0, 0)), mode="edge")
    rows, columns = padded.shape[0] // step, padded.shape[1] // step
    return np.asarray(padded.reshape(rows, step, columns, step, -1).mean((1, 3)), dtype=np.float32)


def clean_labels(labels: ArrayLike, smallest: int) -> NDArray[np.int32]:
    """Give connected parts below a size, and with them small holes, to the nearest segment around them.

    Parameters
    ----------
    labels
        Whole numbers ``(H, W)``.
    smallest
        Pixels that a part must have. If no part has them, nothing changes.
    """
    from scipy.ndimage import distance_transform_edt
    from skimage.measure import label

    numbers = np.asarray(labels, dtype=np.int32)
    parts = label(numbers, background=-1, connectivity=1)
    sizes = np.bincount(parts.ravel())
    small = (sizes < smallest)[parts]
    if not small.any() or small.all():
        return numbers
    nearest = distance_transform_edt(small, return_distances=False, return_indices=True)
    return np.ascontiguousarray(numbers[tuple(nearest)])
