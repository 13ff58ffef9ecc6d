"""Tokens of one layer on disk, read by chunks or one by one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import zarr

__all__ = ["TokenArray"]


class TokenArray:
    """Features of a layer, (image, token, channel), for reading only.

    The zarr array is not compressed, so that a chunk on disk is a plain file of numbers. It is read as such: several
    times faster than through zarr, and single tokens without their neighbours.

    Parameters
    ----------
    array
        The zarr array.
    folder
        Where it lies on disk.
    """

    on_disk = True

    def __init__(self, array: zarr.Array[Any], folder: Path) -> None:
        self._folder = folder / "c"
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.chunks: tuple[int, ...] = tuple(array.chunks)
        self.dtype: np.dtype[Any] = np.dtype(array.dtype)
        self._stored = self.dtype.newbyteorder("<")

    def __getitem__(self, images: int | slice) -> NDArray[Any]:
        """All tokens of one image, (token, channel), or of some neighbours; NaN where they are not computed."""
        if not isinstance(images, slice):
            image = range(self.shape[0])[images]
            one: NDArray[Any] = self[image : image + 1][0]
            return one
        first, last, step = images.indices(self.shape[0])
        if step != 1:
            raise IndexError("Images are read in steps of one.")
        block = np.empty((max(last - first, 0), *self.shape[1:]), dtype=self.dtype)
        image = first
        while image < last:
            number, place = divmod(image, self.chunks[0])
            n = min(self.chunks[0] - place, last - image)
            block[image - first : image - first + n] = self._images(number, place, n)
            image += n
        return block

    def _file(self, number: int) -> Path | None:
        """The file of a chunk, where it is whole."""
        file = self._folder / str(number) / "0" / "0"
        size = int(np.prod(self.chunks, dtype=np.int64)) * self.dtype.itemsize
        return file if file.is_file() and file.stat().st_size == size else None

    def _images(self, number: int, place: int, n: int) -> NDArray[Any] | float:
        file = self._file(number)
        if file is None:
            return float("nan")
        values = int(np.prod(self.chunks[1:], dtype=np.int64))
        read = np.fromfile(file, dtype=self._stored, count=n * values, offset=place * values * self.dtype.itemsize)
        return read.reshape(n, *self.chunks[1:])

    def gather(self, images: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[Any]:
        """Single tokens.

        Parameters
        ----------
        images, tokens
            Image and token numbers, both (n,).

        Returns
        -------
        array
            (n, D); NaN where they are not computed.
        """
        result = np.empty((len(images), self.shape[2]), dtype=self.dtype)
        chunks = images // self.chunks[0]
        for number in np.unique(chunks):
            here = np.flatnonzero(chunks == number)
            file = self._file(int(number))
            if file is None:
                result[here] = np.nan
                continue
            # Only the pages of the tokens asked for are read.
            block = np.memmap(file, dtype=self._stored, mode="r", shape=self.chunks)
            result[here] = block[images[here] - int(number) * self.chunks[0], tokens[here]]
        return result
