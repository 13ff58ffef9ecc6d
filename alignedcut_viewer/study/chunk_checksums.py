"""Checksums of the chunks of one layer of features, eight bytes a chunk in one file."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from ..atomic_files import writing
from ..study_files import LocalFiles

__all__ = ["ChunkChecksums"]

_KNOWN = 1 << 32
_ANNOUNCED = 33
"""Where the checksum of contents begins that a chunk is about to get: 31 bits, its lowest left out; 0 for none."""
_ENTRY = struct.Struct("<Q")


class ChunkChecksums:
    """CRC-32 of chunks by number.

    A chunk that has a checksum and is to be written anew (a picture joins those that it holds) has two for a moment, of
    its old and its new contents: a run that is killed in between leaves a chunk that is sound either way.

    Parameters
    ----------
    folder
        Of the layer's array.
    files
        The files of the study.
    """

    def __init__(self, folder: Path, files: LocalFiles) -> None:
        self._files = files
        self._path = files.bring(folder / "checksums")

    def announce(self, number: int, data: bytes | memoryview) -> None:
        """Note the checksum of what a chunk is about to hold, beside that of what it holds."""
        noted = self._noted(number)
        if noted & _KNOWN:
            self._write(number, noted & (_KNOWN | _KNOWN - 1) | zlib.crc32(data) >> 1 << _ANNOUNCED)

    def put(self, number: int, data: bytes | memoryview) -> None:
        """Note the checksum of a chunk that is on disk."""
        self._write(number, _KNOWN | zlib.crc32(data))

    def _write(self, number: int, entry: int) -> None:
        with writing(self._path):
            self._path.touch()
            with self._path.open("r+b") as file:
                file.seek(number * _ENTRY.size)
                file.write(_ENTRY.pack(entry))
        self._files.changed(self._path)

    def _noted(self, number: int) -> int:
        try:
            with self._path.open("rb") as file:
                file.seek(number * _ENTRY.size)
                entry = file.read(_ENTRY.size)
        except FileNotFoundError:
            return 0
        return int(_ENTRY.unpack(entry)[0]) if len(entry) == _ENTRY.size else 0

    def fits(self, number: int, data: bytes | memoryview) -> bool:
        """Whether a chunk is what was written; True where that was not noted, as version 0.1.0 did not."""
        noted, found = self._noted(number), zlib.crc32(data)
        announced = noted >> _ANNOUNCED
        return not noted & _KNOWN or noted & _KNOWN - 1 == found or (announced != 0 and announced == found >> 1)
