"""Segments of the pictures as labels that can be painted on, frame by frame. Knows neither Qt nor napari."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .picture_layout import PictureLayout
from .stacks import FrameStack

__all__ = ["SegmentStack", "repainted"]


class SegmentStack(FrameStack):
    """Label maps on the canvas; uint16 (pictures, height, width), 0 where no segment is.

    What is written to it stays in its frames until :meth:`forget`; :meth:`take_painted` tells what was.

    Parameters
    ----------
    labels
        Gives the label map of a picture, by its number, at any size; None where it has none.
    images
        Numbers of the pictures, in slider order.
    layout
        Where they lie.
    """

    dtype = np.dtype(np.uint16)
    channels = ()

    def __init__(
        self, labels: Callable[[int], NDArray[np.integer] | None], images: Sequence[int], layout: PictureLayout
    ) -> None:
        super().__init__((len(images),), layout)
        self._labels = labels
        self.images = tuple(images)
        self._painted: dict[int, NDArray[np.uint16]] = {}

    def make_frame(self, *position: int) -> NDArray[np.uint16]:
        """The labels of one picture in its box."""
        labels = self._labels(self.images[position[0]])
        if labels is None:
            return np.zeros((self.layout.height, self.layout.width), dtype=np.uint16)
        return np.asarray(self.layout.place_labels(position[0], labels), dtype=np.uint16)

    def frame(self, *position: int) -> NDArray[np.uint16]:
        """The frame, as it was painted on."""
        painted = self._painted.get(position[0])
        return super().frame(*position) if painted is None else painted

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """A copy, which may be written to."""
        return np.array(super().__getitem__(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        """Paint on one picture, or on several."""
        keys = key if isinstance(key, tuple) else (key,)
        chosen = np.unique(np.arange(self.shape[0])[keys[0]])
        for position in chosen.tolist():
            frame = self._painted.get(position)
            if frame is None:
                frame = self._painted[position] = np.array(self.frame(position))
            if isinstance(keys[0], slice):
                values = np.asarray(value)
                frame[keys[1:]] = values[0] if values.ndim == 3 else values
            elif isinstance(keys[0], np.ndarray):
                here = np.asarray(keys[0]) == position
                rest = tuple(np.asarray(k)[here] if isinstance(k, np.ndarray) else k for k in keys[1:])
                frame[rest] = np.broadcast_to(value, here.shape)[here]
            else:
                frame[keys[1:]] = value

    def take_painted(self) -> dict[int, NDArray[np.uint16]]:
        """Frames that were painted on since the last time, by the position of their picture."""
        painted, self._painted = self._painted, {}
        return painted

    def forget(self) -> None:
        """Make all frames anew."""
        self._painted.clear()
        super().forget()


def repainted(
    labels: NDArray[np.integer], frame: NDArray[np.integer], layout: PictureLayout, position: int
) -> NDArray[np.int32]:
    """The label map of a picture after its frame was painted on; pixels that were not painted keep their labels.

    Parameters
    ----------
    labels
        Whole numbers (h, w) before, at the picture's size.
    frame
        Whole numbers (height, width) of the canvas, painted on.
    layout
        Where the picture lies.
    position
        Position of the picture.
    """
    before = layout.place_labels(position, labels.astype(frame.dtype))
    box = layout.box(position)
    rows = ((np.arange(labels.shape[0]) + 0.5) / labels.shape[0] * box.height).astype(np.intp) + box.top
    columns = ((np.arange(labels.shape[1]) + 0.5) / labels.shape[1] * box.width).astype(np.intp) + box.left
    after = frame[rows[:, None], columns[None, :]]
    changed = (frame != before)[rows[:, None], columns[None, :]]
    return np.where(changed, after, labels).astype(np.int32)
