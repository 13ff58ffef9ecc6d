"""What was pointed at, boxed, scribbled and painted as a prompt, with its own past. Knows neither Qt nor napari."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw
from psygnal import Signal

from ...errors import InputError
from ...segmentation.prompts import PicturePrompt

__all__ = ["KINDS", "PromptMark", "PromptMarks"]

KINDS = ("point", "box", "scribble", "painted")
SCRIBBLE_WIDTH = 0.02
"""Of a scribble's line, as a share of the picture's longer side."""


@dataclass(frozen=True, eq=False)
class PromptMark:
    """One prompt on one picture.

    Attributes
    ----------
    image
        Number of the picture.
    kind
        One of :data:`KINDS`.
    places
        (down, right) as shares of the picture's height and width: the point, two corners of the box, or what the
        scribble runs through.
    inside
        Whether the thing is there, or is not.
    painted
        Of kind ``painted``: whole numbers (rows, columns) over the picture, 1 inside, 2 outside, 0 says nothing.
    """

    image: int
    kind: str
    places: tuple[tuple[float, float], ...] = ()
    inside: bool = True
    painted: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"Unknown prompt {self.kind!r}; use {', '.join(KINDS)}.")

    @classmethod
    def of_labels(cls, image: int, labels: ArrayLike) -> "PromptMark":
        """A prompt out of painted labels: 1 is inside, 2 outside.

        Raises
        ------
        InputError
            If 1 is nowhere and 2 is nowhere, or there are other labels.
        """
        painted = np.asarray(labels)
        found = set(np.unique(painted).tolist()) - {0}
        if not found:
            raise InputError("Nothing is painted on this picture: paint label 1 on the thing, label 2 beside it.")
        if not found <= {1, 2}:
            raise InputError(f"A painted prompt holds 1 (the thing) and 2 (not the thing); found {max(found)} too.")
        return cls(image, "painted", painted=painted.astype(np.uint8))

    def box(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Top, left, bottom and right of a box, in pixels of a picture of that size."""
        rows, columns = zip(*self.places, strict=True)
        return (
            float(np.clip(min(rows), 0, 1)) * size[0],
            float(np.clip(min(columns), 0, 1)) * size[1],
            float(np.clip(max(rows), 0, 1)) * size[0],
            float(np.clip(max(columns), 0, 1)) * size[1],
        )

    def draw_on(self, painted: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The map (rows, columns) of a picture after a scribble, an outside box or painted labels were laid on it."""
        value = 1 if self.inside else 2
        if self.painted is not None:
            rows = (np.arange(painted.shape[0]) * self.painted.shape[0]) // painted.shape[0]
            columns = (np.arange(painted.shape[1]) * self.painted.shape[1]) // painted.shape[1]
            laid = self.painted[rows[:, None], columns[None, :]]
            return np.where(laid > 0, laid, painted).astype(np.uint8)
        height, width = painted.shape
        canvas = Image.fromarray(painted)
        draw = ImageDraw.Draw(canvas)
        if self.kind == "box":
            top, left, bottom, right = self.box((height, width))
            draw.rectangle((left, top, max(right - 1, left), max(bottom - 1, top)), fill=value)
        else:
            line = [(x * width, y * height) for y, x in self.places]
            thick = max(round(SCRIBBLE_WIDTH * max(height, width)), 1)
            if len(line) > 1:
                draw.line(line, fill=value, width=thick, joint="curve")
            for x, y in (line[0], line[-1]):
                draw.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=value)
        return np.asarray(canvas)


class PromptMarks:
    """All prompts of all pictures, and what is being drawn; each step can be undone.

    Attributes
    ----------
    changed
        Signal: there are other prompts, or what is being drawn has grown.
    stepped
        Signal: a step was made that can be undone.
    """

    changed = Signal()
    stepped = Signal()

    def __init__(self) -> None:
        self._marks: tuple[PromptMark, ...] = ()
        self._past: list[tuple[PromptMark, ...]] = []
        self._future: list[tuple[PromptMark, ...]] = []
        self._drawn: PromptMark | None = None

    @property
    def marks(self) -> tuple[PromptMark, ...]:
        """All of them, the latest last; with what is being drawn."""
        return self._marks if self._drawn is None else (*self._marks, self._drawn)

    def __len__(self) -> int:
        return len(self.marks)

    def of_image(self, image: int) -> tuple[PromptMark, ...]:
        """Those of one picture."""
        return tuple(mark for mark in self.marks if mark.image == image)

    @property
    def images(self) -> tuple[int, ...]:
        """Pictures that have prompts."""
        return tuple(dict.fromkeys(mark.image for mark in self.marks))

    @property
    def is_sketching(self) -> bool:
        """Whether something is being drawn, the last of the marks."""
        return self._drawn is not None

    def sketch(self, mark: PromptMark | None) -> None:
        """Show and answer what is being drawn, before it is a step; None for nothing any more."""
        if mark is not self._drawn:
            self._drawn = mark
            self.changed.emit()

    def add(self, mark: PromptMark) -> None:
        """Add a prompt."""
        self._step((*self._marks, mark))

    def clear(self) -> None:
        """Take all away; a step like any other."""
        if self._marks or self._drawn is not None:
            self._step(())

    def forget(self) -> None:
        """Take all away, with the past: other pictures are shown."""
        self._past.clear()
        self._future.clear()
        self._become(())

    def _step(self, marks: Iterable[PromptMark]) -> None:
        self._past.append(self._marks)
        self._future.clear()
        self._become(tuple(marks))
        self.stepped.emit()

    def _become(self, marks: tuple[PromptMark, ...]) -> None:
        self._drawn = None
        self._marks = marks
        self.changed.emit()

    def undo(self) -> bool:
        """Go back one step; False without a past."""
        if not self._past:
            return False
        self._future.append(self._marks)
        self._become(self._past.pop())
        return True

    def redo(self) -> bool:
        """Take back one undo; False without one."""
        if not self._future:
            return False
        self._past.append(self._marks)
        self._become(self._future.pop())
        return True

    def of_picture(self, image: int, size: tuple[int, int]) -> PicturePrompt:
        """What was said about one picture, in pixels of a picture of that size."""
        own = self.of_image(image)
        points = [(m.places[0][0] * size[0], m.places[0][1] * size[1], m.inside) for m in own if m.kind == "point"]
        boxes = [box for m in own if m.kind == "box" and m.inside and _is_area(box := m.box(size))]
        drawn = [m for m in own if m.kind in ("scribble", "painted") or (m.kind == "box" and not m.inside)]
        scribbles = None
        if drawn:
            scribbles = np.zeros(size, dtype=np.uint8)
            for mark in drawn:
                scribbles = mark.draw_on(scribbles)
        return PicturePrompt(
            image,
            [(y, x) for y, x, inside in points if inside],
            [(y, x) for y, x, inside in points if not inside],
            boxes,
            scribbles,
        )


def _is_area(box: tuple[float, float, float, float]) -> bool:
    return box[2] > box[0] and box[3] > box[1]
