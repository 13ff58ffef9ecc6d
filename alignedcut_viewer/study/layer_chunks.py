"""Chunks of one layer of features on disk: plain files of numbers, each with its checksum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import replace_file
from ..study_files import LocalFiles
from .chunk_checksums import ChunkChecksums

__all__ = ["LayerChunks"]


class LayerChunks:
    """Chunks of a zarr array (image, token, channel) that is not compressed, by number along its first axis.

    Plain files take a tenth of the time that writing through zarr takes, and are there wholly or not at all.

    Parameters
    ----------
    folder
        Of the array.
    files
        The files of the study.
    """

    def __init__(self, folder: Path, files: LocalFiles) -> None:
        self._folder, self._files = folder, files
        self._checksums = ChunkChecksums(folder, files)

    def _file(self, number: int) -> Path:
        return self._folder / "c" / str(number) / "0" / "0"

    def size(self, number: int) -> int | None:
        """Bytes of a chunk, None where it has not been written."""
        return self._files.size(self._file(number))

    def fits(self, number: int) -> bool:
        """Read a chunk that is there, and compare it with its checksum."""
        return self._checksums.fits(number, self._files.bring(self._file(number)).read_bytes())

    def kept(self, number: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any] | None:
        """Numbers of a chunk as they lie on disk; None where it is missing, too short or damaged."""
        file = self._files.bring(self._file(number))
        values = np.fromfile(file, dtype=dtype) if file.is_file() else np.empty(0, dtype=dtype)
        whole = values.size == np.prod(shape) and self._checksums.fits(number, values.data)
        return values.reshape(shape) if whole else None

    def announce(self, number: int, block: NDArray[Any]) -> None:
        """Say what :meth:`write` is about to make of a chunk: were it killed, either contents would be sound."""
        self._checksums.announce(number, block.data)

    def write(self, number: int, block: NDArray[Any]) -> None:
        """Put a chunk on disk, in one step, and note its checksum."""
        file = self._file(number)
        replace_file(file, block.data)
        self._files.changed(file)
        self._checksums.put(number, block.data)
