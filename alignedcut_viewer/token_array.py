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
    """Features of a layer, (image, token, channel), of which single tokens are read without their neighbours.

    Parameters
    ----------
    array
        The zarr array.
    folder
        Where it lies on disk.
    """

    def __init__(self, array: zarr.Array[Any], folder: Path) -> None:
        self._array = array
        self._folder = folder / "c"
        self.shape: tuple[int, ...] = array.shape
        self.chunks: tuple[int, ...] = array.chunks
        self.dtype = np.dtype(array.dtype)

    def __getitem__(self, images: slice) -> NDArray[Any]:
        return np.asarray(self._array[images])

    def gather(self, images: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[Any]:
        """Single tokens.

        Parameters
        ----------
        images, tokens
            Image and token numbers, both (n,).

        Returns
        -------
        array
            (n, D).
        """
        result = np.empty((len(images), self.shape[2]), dtype=self.dtype)
        size = int(np.prod(self.chunks, dtype=np.int64)) * self.dtype.itemsize
        chunks = images // self.chunks[0]
        for chunk in np.unique(chunks):
            here = np.flatnonzero(chunks == chunk)
            file = self._folder / str(chunk) / "0" / "0"
            first = int(chunk) * self.chunks[0]
            # A chunk is a plain file (no compression), so that only the pages of the tokens asked for are read.
            block: NDArray[Any]
            if file.is_file() and file.stat().st_size == size:
                block = np.memmap(file, dtype=self.dtype.newbyteorder("<"), mode="r", shape=self.chunks)
            else:
                block = self[first : min(first + self.chunks[0], self.shape[0])]
            result[here] = block[images[here] - first, tokens[here]]
        return result
