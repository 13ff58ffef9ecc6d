"""Frames that show prompts on the pictures: points, boxes, scribbles, painted places. Knows neither Qt nor napari."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..state.prompt_marks import SCRIBBLE_WIDTH, PromptMark
from .picture_layout import PictureLayout
from .stacks import FrameStack

__all__ = ["INSIDE", "OUTSIDE", "PromptStack"]

INSIDE = (60, 200, 90)
OUTSIDE = (225, 60, 60)
EDGE = (16, 16, 16, 255)
RIM = (255, 255, 255, 255)
STRENGTH = 170


class PromptStack(FrameStack):
    """Marks in green for the thing and in red for what is not; uint8 (pictures, height, width, 4).

    Parameters
    ----------
    marks
        Gives the marks of a picture, by its number.
    images
        Numbers of the pictures, in slider order.
    layout
        Where they lie.
    """

    def __init__(
        self, marks: Callable[[int], Sequence[PromptMark]], images: Sequence[int], layout: PictureLayout
    ) -> None:
        super().__init__((len(images),), layout)
        self._marks = marks
        self.images = tuple(images)

    def make_frame(self, *position: int) -> NDArray[np.uint8]:
        """The marks of one picture."""
        frame = np.zeros((self.layout.height, self.layout.width, 4), dtype=np.uint8)
        marks = self._marks(self.images[position[0]])
        if not marks:
            return frame
        box = self.layout.box(position[0])
        inner = Image.fromarray(np.zeros((box.height, box.width, 4), dtype=np.uint8))
        draw = ImageDraw.Draw(inner)
        for mark in sorted(marks, key=lambda mark: mark.kind == "point"):
            if mark.painted is not None:
                inner.alpha_composite(_painted(mark.painted, (box.height, box.width)))
            else:
                _draw(draw, mark, box.height, box.width)
        frame[box.slices] = np.asarray(inner)
        return frame


def _painted(painted: NDArray[np.uint8], size: tuple[int, int]) -> Any:
    rows = np.arange(size[0]) * painted.shape[0] // size[0]
    columns = np.arange(size[1]) * painted.shape[1] // size[1]
    labels = painted[rows[:, None], columns[None, :]]
    table = np.array([(0, 0, 0, 0), (*INSIDE, STRENGTH), (*OUTSIDE, STRENGTH)], dtype=np.uint8)
    return Image.fromarray(table[np.minimum(labels, 2)])


def _draw(draw: ImageDraw.ImageDraw, mark: PromptMark, height: int, width: int) -> None:
    colour = INSIDE if mark.inside else OUTSIDE
    unit = max(max(height, width) / 160, 1.5)
    spots = [(x * width, y * height) for y, x in mark.places]
    if mark.kind == "point":
        x, y = spots[0]
        for reach, fill in ((3.2 * unit, RIM), (2.6 * unit, EDGE), (2.2 * unit, (*colour, 255))):
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=fill)
        # The sign is seen by those, too, who do not tell green from red.
        draw.line((x - 1.3 * unit, y, x + 1.3 * unit, y), fill=RIM, width=max(round(0.7 * unit), 1))
        if mark.inside:
            draw.line((x, y - 1.3 * unit, x, y + 1.3 * unit), fill=RIM, width=max(round(0.7 * unit), 1))
    elif mark.kind == "box":
        top, left, bottom, right = mark.box((height, width))
        line = max(round(unit), 2)
        draw.rectangle((left, top, right, bottom), outline=EDGE, width=line + 2)
        draw.rectangle((left + 1, top + 1, right - 1, bottom - 1), outline=(*colour, 255), width=line)
        if not mark.inside:
            draw.line((left, top, right, bottom), fill=(*colour, 255), width=line)
    else:
        thick = max(round(SCRIBBLE_WIDTH * max(height, width)), 2)
        if len(spots) > 1:
            draw.line(spots, fill=(*colour, STRENGTH), width=thick, joint="curve")
        for x, y in (spots[0], spots[-1]):
            draw.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=(*colour, STRENGTH))
