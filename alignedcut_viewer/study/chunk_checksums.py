"""Checksums of the chunks of one layer of features, eight bytes a chunk in one file."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from ..atomic_files import writing
from ..study_files import LocalFiles

__all__ = ["ChunkChecksums"]

_KNOWN = 1 << 32
_ENTRY = struct.Struct("<Q")


class ChunkChecksums:
    """CRC-32 of chunks by number. Where a run is killed between a chunk and its checksum, the chunk counts as damaged.

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

    def put(self, number: int, data: bytes | memoryview) -> None:
        """Note the checksum of a chunk that is on disk."""
        with writing(self._path):
            self._path.touch()
            with self._path.open("r+b") as file:
                file.seek(number * _ENTRY.size)
                file.write(_ENTRY.pack(_KNOWN | zlib.crc32(data)))
        self._files.changed(self._path)

    def fits(self, number: int, data: bytes | memoryview) -> bool:
        """Whether a chunk is what was written; True where that was not noted, as version 0.1.0 did not."""
        try:
            with self._path.open("rb") as file:
                file.seek(number * _ENTRY.size)
                entry = file.read(_ENTRY.size)
        except FileNotFoundError:
            return True
        noted = _ENTRY.unpack(entry)[0] if len(entry) == _ENTRY.size else 0
        return not noted & _KNOWN or noted == _KNOWN | zlib.crc32(data)
