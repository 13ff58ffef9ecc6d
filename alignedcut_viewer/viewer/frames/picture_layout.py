"""Where pictures of different sizes lie on one common canvas: the only place that maps canvas, picture and token.

napari shows a stack as one array, so every picture needs the same number of pixels. Each picture keeps its aspect
ratio: it is scaled to fit the canvas, centred, and surrounded by transparent pixels. The token grid of a network always
covers the whole picture (pictures are squashed to a network's input), so tokens are mapped through fractions of the
picture's height and width.

Points are in napari's data coordinates: pixel ``i`` covers ``[i - 0.5, i + 0.5)``.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import InputError

__all__ = ["Box", "PictureLayout", "Place"]

LONGEST_SIDE = 1024
SHORTEST_SIDE = 256
SAMPLED_SIZES = 256


class Place(NamedTuple):
    """A point on the canvas of the pictures, in its pixels."""

    y: float
    x: float


class Box(NamedTuple):
    """The rectangle of canvas pixels that a picture covers."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the box."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


class PictureLayout:
    """One canvas for a list of pictures.

    Parameters
    ----------
    sizes
        (height, width) of each picture in pixels, or a function from a picture's position to it, which is then asked
        only for pictures that are looked at.
    count
        Number of pictures; needed where `sizes` is a function.
    longest_side
        Upper bound of the canvas's longer side in pixels. Larger pictures are shown smaller.

    Attributes
    ----------
    height, width
        Size of the canvas in pixels.

    Notes
    -----
    The canvas is the smallest one that holds all pictures when each is scaled to the same longer side. With more than
    256 pictures, 256 of them spread over the list decide its shape; any other picture still fits, as it is scaled to
    what there is.
    """

    def __init__(
        self,
        sizes: Sequence[tuple[int, int]] | Callable[[int], tuple[int, int]],
        count: int | None = None,
        *,
        longest_side: int = LONGEST_SIDE,
    ) -> None:
        if callable(sizes):
            if count is None:
                raise InputError("A canvas that asks for sizes must be told the number of pictures.")
            self._size_of = sizes
            self._count = count
        else:
            known = [(int(h), int(w)) for h, w in sizes]
            self._size_of = known.__getitem__
            self._count = len(known)
        if self._count < 1:
            raise InputError("There is no picture to show.")
        self._sizes: dict[int, tuple[int, int]] = {}
        positions = range(self._count)
        if self._count > SAMPLED_SIZES:
            positions = np.linspace(0, self._count - 1, SAMPLED_SIZES).astype(int).tolist()
        sampled = np.array([self.size(i) for i in positions], dtype=float)
        longer = sampled.max(axis=1)
        side = float(np.clip(longer.max(), SHORTEST_SIDE, longest_side))
        self.height = max(1, round(side * float((sampled[:, 0] / longer).max())))
        self.width = max(1, round(side * float((sampled[:, 1] / longer).max())))

    def __len__(self) -> int:
        return self._count

    def size(self, image: int) -> tuple[int, int]:
        """(height, width) of the original picture at position `image`; 1 × 1 where it cannot be told."""
        size = self._sizes.get(image)
        if size is None:
            height, width = self._size_of(image)
            size = (max(int(height), 1), max(int(width), 1))
            self._sizes[image] = size
        return size

    def box(self, image: int) -> Box:
        """Where the picture at position `image` lies on the canvas."""
        height, width = self.size(image)
        scale = min(self.height / height, self.width / width)
        box_height = min(max(round(height * scale), 1), self.height)
        box_width = min(max(round(width * scale), 1), self.width)
        return Box((self.height - box_height) // 2, (self.width - box_width) // 2, box_height, box_width)

    def fraction(self, image: int, y: float, x: float) -> tuple[float, float] | None:
        """The point as fractions of the picture's height and width, in [0, 1); None outside the picture."""
        box = self.box(image)
        across = (y + 0.5 - box.top) / box.height
        along = (x + 0.5 - box.left) / box.width
        return (across, along) if 0 <= across < 1 and 0 <= along < 1 else None

    def pixel(self, image: int, y: float, x: float) -> tuple[int, int] | None:
        """The pixel (row, column) of the original picture under the point; None outside the picture."""
        fraction = self.fraction(image, y, x)
        if fraction is None:
            return None
        height, width = self.size(image)
        return int(fraction[0] * height), int(fraction[1] * width)

    def token(self, image: int, y: float, x: float, rows: int, columns: int) -> tuple[int, int] | None:
        """The token (row, column) of a `rows` × `columns` grid under the point; None outside the picture."""
        fraction = self.fraction(image, y, x)
        return None if fraction is None else (int(fraction[0] * rows), int(fraction[1] * columns))

    def tokens_between(
        self, image: int, one: tuple[float, float], other: tuple[float, float], rows: int, columns: int
    ) -> tuple[slice, slice]:
        """Rows and columns of the tokens that a rectangle touches; empty where it lies outside the picture."""
        box = self.box(image)
        result = []
        for first, second, start, length, n in (
            (one[0], other[0], box.top, box.height, rows),
            (one[1], other[1], box.left, box.width, columns),
        ):
            low, high = ((value + 0.5 - start) / length * n for value in sorted((first, second)))
            result.append(slice(int(min(max(np.floor(low), 0), n)), int(min(max(np.floor(high) + 1, 0), n))))
        return result[0], result[1]

    def token_centre(self, image: int, row: int, column: int, rows: int, columns: int) -> tuple[float, float]:
        """The point (y, x) on the canvas in the middle of a token."""
        box = self.box(image)
        y = box.top + (row + 0.5) / rows * box.height - 0.5
        x = box.left + (column + 0.5) / columns * box.width - 0.5
        return y, x

    def place_picture(self, image: int, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture on the canvas.

        Parameters
        ----------
        image
            Position of the picture.
        picture
            uint8 (h, w, 3), any size.

        Returns
        -------
        NDArray
            uint8 (height, width, 4), transparent outside the picture.
        """
        return self._place(image, picture, Image.Resampling.BILINEAR)

    def place_tokens(self, image: int, tokens: NDArray[np.uint8], *, smooth: bool) -> NDArray[np.uint8]:
        """Colours of a token grid on the canvas, where the picture lies.

        Parameters
        ----------
        image
            Position of the picture.
        tokens
            uint8 (rows, columns, 3), RGB of each token.
        smooth
            Interpolate between token centres (cubic), instead of one colour per token.

        Returns
        -------
        NDArray
            uint8 (height, width, 4), transparent outside the picture.
        """
        if smooth:
            return self._place(image, tokens, Image.Resampling.BICUBIC)
        box = self.box(image)
        row, column = self._tokens_of(box, *tokens.shape[:2])
        return self._frame(box, tokens[row[:, None], column[None, :]])

    def place_values(self, image: int, values: NDArray[np.floating], *, smooth: bool) -> NDArray[np.float32]:
        """Numbers of a token grid on the canvas, where the picture lies.

        Parameters
        ----------
        image
            Position of the picture.
        values
            (rows, columns), one number per token; NaN where there is none.
        smooth
            Interpolate between token centres (linearly), instead of one number per token.

        Returns
        -------
        NDArray
            float32 (height, width), NaN outside the picture.
        """
        box = self.box(image)
        frame = np.full((self.height, self.width), np.nan, dtype=np.float32)
        grid = np.ascontiguousarray(values, dtype=np.float32)
        if smooth:
            resized = Image.fromarray(grid).resize((box.width, box.height), Image.Resampling.BILINEAR)
            frame[box.slices] = np.asarray(resized)
        else:
            row, column = self._tokens_of(box, *grid.shape)
            frame[box.slices] = grid[row].take(column, axis=1)
        return frame

    def spread_tokens(self, image: int, tokens: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bytes (rows, columns) of a token grid, spread over the box of a picture: (box height, box width)."""
        row, column = self._tokens_of(self.box(image), *tokens.shape)
        return tokens[row].take(column, axis=1)

    @staticmethod
    def _tokens_of(box: Box, rows: int, columns: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row and column of the token of each pixel row and column of a box."""
        # The same rounding as `token`, so that what is read under the cursor is what is seen there.
        row = ((np.arange(box.height) + 0.5) / box.height * rows).astype(np.intp)
        column = ((np.arange(box.width) + 0.5) / box.width * columns).astype(np.intp)
        return row, column

    def crop_labels(self, image: int, labels: NDArray[np.integer]) -> NDArray[np.integer]:
        """Labels drawn on the canvas, at the size of the original picture.

        Parameters
        ----------
        image
            Position of the picture.
        labels
            Integers (height, width) on the canvas.

        Returns
        -------
        NDArray
            (h, w) of the original picture, the same type; every pixel takes the label at its centre.
        """
        box = self.box(image)
        height, width = self.size(image)
        row = ((np.arange(height) + 0.5) / height * box.height).astype(int) + box.top
        column = ((np.arange(width) + 0.5) / width * box.width).astype(int) + box.left
        return labels[row[:, None], column[None, :]]

    def place_labels(self, image: int, labels: NDArray[np.integer]) -> NDArray[np.integer]:
        """Labels of a picture's pixels on the canvas; the opposite of :meth:`crop_labels`.

        Parameters
        ----------
        image
            Position of the picture.
        labels
            Integers (h, w), any size.

        Returns
        -------
        NDArray
            (height, width), the same type; 0 outside the picture.
        """
        box = self.box(image)
        frame = np.zeros((self.height, self.width), dtype=labels.dtype)
        row, column = self._tokens_of(box, *labels.shape)
        frame[box.slices] = labels[row].take(column, axis=1)
        return frame

    def _place(self, image: int, colours: NDArray[np.uint8], resampling: Image.Resampling) -> NDArray[np.uint8]:
        box = self.box(image)
        resized = Image.fromarray(np.ascontiguousarray(colours)).resize(
            (box.width, box.height), resampling, reducing_gap=2.0
        )
        return self._frame(box, np.asarray(resized))

    def _frame(self, box: Box, colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
        frame = np.zeros((self.height, self.width, 4), dtype=np.uint8)
        frame[(*box.slices, slice(0, 3))] = colours
        frame[(*box.slices, 3)] = 255
        return frame
