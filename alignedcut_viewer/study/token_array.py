"""Tokens of one layer on disk, read by chunks or one by one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..study_files import LocalFiles

if TYPE_CHECKING:
    import zarr

__all__ = ["TokenArray"]

_AHEAD = 8
"""Chunks that are brought at a time from a study that is elsewhere."""


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
    files
        The files of the study; where they are elsewhere, chunks are brought when they are first read.
    """

    on_disk = True

    def __init__(self, array: zarr.Array[Any], folder: Path, files: LocalFiles) -> None:
        self._files = files
        self._last = -1
        self._inside = (folder / "c").relative_to(files.folder)  # another machine has its copy in another folder
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
        file = self._files.bring(self._path(number))
        size = int(np.prod(self.chunks, dtype=np.int64)) * self.dtype.itemsize
        return file if file.is_file() and file.stat().st_size == size else None

    def _path(self, number: int) -> Path:
        return self._files.folder / self._inside / str(number) / "0" / "0"

    def _bring(self, numbers: Iterable[int]) -> None:
        self._files.bring_all([self._path(int(number)) for number in numbers])

    def _images(self, number: int, place: int, n: int) -> NDArray[Any] | float:
        if number == self._last + 1:  # who reads in order wants the next ones, too
            self._bring(range(number, min(number + _AHEAD, -(-self.shape[0] // self.chunks[0]))))
        self._last = number
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
        numbers = np.unique(chunks)
        for place, number in enumerate(numbers):
            if place % _AHEAD == 0:
                self._bring(numbers[place : place + _AHEAD])
            here = np.flatnonzero(chunks == number)
            file = self._file(int(number))
            if file is None:
                result[here] = np.nan
                continue
            # Only the pages of the tokens asked for are read.
            block = np.memmap(file, dtype=self._stored, mode="r", shape=self.chunks)
            result[here] = block[images[here] - int(number) * self.chunks[0], tokens[here]]
        return result
