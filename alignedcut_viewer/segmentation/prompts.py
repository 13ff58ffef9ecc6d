"""Prompts: what a person clicks, boxes or scribbles on pictures, and the tokens that it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

__all__ = ["PicturePrompt", "prompted_tokens"]


@dataclass(frozen=True)
class PicturePrompt:
    """What was said about one picture; places are ``(row, column)`` in pixels of the picture.

    Attributes
    ----------
    image
        Number of the picture.
    inside, outside
        Points on the thing, and points that are not on it.
    boxes
        Boxes around the thing, ``(top, left, bottom, right)``: their middle is inside, what lies just around them is
        outside.
    scribbles
        Painted map ``(H, W)``: 1 is inside, 2 outside, 0 says nothing; None where nothing was painted.
    """

    image: int
    inside: Sequence[tuple[float, float]] = ()
    outside: Sequence[tuple[float, float]] = ()
    boxes: Sequence[tuple[float, float, float, float]] = field(default=())
    scribbles: ArrayLike | None = None


def prompted_tokens(
    prompt: PicturePrompt, size: tuple[int, int], grid: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tokens that a prompt says are inside, and those that it says are outside.

    A token that is said to be both, by a scribble that crosses it, is inside; points go before scribbles and boxes.

    Parameters
    ----------
    prompt
        What was said.
    size
        Height and width of the picture.
    grid
        Rows and columns of its tokens.

    Returns
    -------
    inside, outside : ndarray of int64
        Numbers of tokens, row by row, ascending; no token is in both.

    Raises
    ------
    InputError
        If a place lies outside the picture, a box is empty, or the painted map has another size.
    """
    said = np.zeros(grid, dtype=np.int8)
    for box in prompt.boxes:
        _mark_box(said, box, size)
    if prompt.scribbles is not None:
        painted = np.asarray(prompt.scribbles)
        if painted.shape != tuple(size):
            raise InputError(f"What was painted is {painted.shape}, its picture {size[0]} × {size[1]}.")
        for value, sign in ((2, -1), (1, 1)):
            rows, columns = np.nonzero(painted == value)
            said[rows * grid[0] // size[0], columns * grid[1] // size[1]] = sign
    for points, sign in ((prompt.outside, -1), (prompt.inside, 1)):
        for row, column in points:
            if not (0 <= row < size[0] and 0 <= column < size[1]):
                raise InputError(f"The point ({row:g}, {column:g}) lies outside the picture of {size[0]} × {size[1]}.")
            said[int(row * grid[0] / size[0]), int(column * grid[1] / size[1])] = sign
    flat = said.ravel()
    return np.flatnonzero(flat == 1), np.flatnonzero(flat == -1)


def _mark_box(said: NDArray[np.int8], box: tuple[float, float, float, float], size: tuple[int, int]) -> None:
    top, left, bottom, right = box
    if not (0 <= top < bottom <= size[0] and 0 <= left < right <= size[1]):
        raise InputError(f"The box {tuple(box)} is empty or reaches beyond the picture of {size[0]} × {size[1]}.")
    y = (np.arange(said.shape[0]) + 0.5) * size[0] / said.shape[0]
    x = (np.arange(said.shape[1]) + 0.5) * size[1] / said.shape[1]
    # A ring of about one token around the box is ground; the middle half of the box is the thing.
    reach_y, reach_x = 1.5 * size[0] / said.shape[0], 1.5 * size[1] / said.shape[1]
    around = _within(y, top - reach_y, bottom + reach_y)[:, None] & _within(x, left - reach_x, right + reach_x)[None]
    in_box = _within(y, top, bottom)[:, None] & _within(x, left, right)[None]
    height, width = bottom - top, right - left
    middle = _within(y, top + height / 4, bottom - height / 4)[:, None]
    middle = middle & _within(x, left + width / 4, right - width / 4)[None]
    said[around & ~in_box] = -1
    said[middle] = 1
    centre = int((top + bottom) / 2 * said.shape[0] / size[0]), int((left + right) / 2 * said.shape[1] / size[1])
    said[centre] = 1


def _within(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.bool_]:
    return (values >= low) & (values < high)
