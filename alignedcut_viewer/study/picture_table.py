"""The picture table of a study: which file each image number stands for, and what became of it.

The table only grows: an image number never changes its meaning, because cuts refer to it. A file that moved keeps
its number (its content is known by its digest); a file whose content changed keeps its number too, and loses its
features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from ..errors import UnreachablePictureError
from ..regular_files import open_regular
from .descriptions import check_picture

__all__ = ["PictureRecord", "PictureTable", "file_digest"]


def file_digest(path: str | Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal.

    Raises
    ------
    UnreachablePictureError
        If the file cannot be read.
    """
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreachablePictureError(f"{path} cannot be read ({error.strerror or error}).") from error


@dataclass(frozen=True)
class PictureRecord:
    """What a study knows of one picture.

    Attributes
    ----------
    name
        Name for display, unique in the study.
    path
        The file, as an absolute path.
    relative
        The same, relative to the study's folder, so that study and pictures can move together; None across drives.
    n_bytes, mtime_ns
        Size and time of the last change of the file when it was last looked at.
    digest
        sha256 of the bytes that the features were computed from; None before that.
    height, width
        Size of the picture in pixels as it is shown (EXIF rotation applied); None before it was read.
    reason
        Why the picture is skipped; None where it is not.
    """

    name: str
    path: str
    relative: str | None
    n_bytes: int
    mtime_ns: int
    digest: str | None = None
    height: int | None = None
    width: int | None = None
    reason: str | None = None

    @property
    def skipped(self) -> bool:
        """Whether the picture could not be read and takes no part."""
        return self.reason is not None


class PictureTable(Sequence[PictureRecord]):
    """The pictures of a study in the order of their image numbers; immutable.

    Parameters
    ----------
    records
        One record a picture.
    """

    def __init__(self, records: Iterable[PictureRecord]) -> None:
        self._records = tuple(records)

    @overload
    def __getitem__(self, index: int) -> PictureRecord: ...
    @overload
    def __getitem__(self, index: slice) -> PictureTable: ...
    def __getitem__(self, index: int | slice) -> PictureRecord | PictureTable:
        if isinstance(index, slice):
            return PictureTable(self._records[index])
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[PictureRecord]:
        return iter(self._records)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Display names, unique."""
        return tuple(record.name for record in self._records)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return tuple(Path(record.path) for record in self._records)

    @cached_property
    def sizes(self) -> tuple[tuple[int, int] | None, ...]:
        """(height, width) of each picture in pixels; None where it was not read yet."""
        return tuple(
            None if record.height is None or record.width is None else (record.height, record.width)
            for record in self._records
        )

    @cached_property
    def skipped(self) -> dict[int, str]:
        """Image numbers of the pictures that could not be read, each with the reason."""
        return {i: record.reason for i, record in enumerate(self._records) if record.reason is not None}

    def changed(self, updates: dict[int, dict[str, Any]]) -> PictureTable:
        """The table with some fields of some records replaced."""
        records = list(self._records)
        for image, fields in updates.items():
            records[image] = replace(records[image], **fields)
        return PictureTable(records)

    def as_json(self) -> list[dict[str, Any]]:
        """A JSON-ready description, for :meth:`from_json`."""
        return [asdict(record) for record in self._records]

    @classmethod
    def from_json(cls, records: list[dict[str, Any]]) -> PictureTable:
        """The table that :meth:`as_json` described."""
        return cls(PictureRecord(**check_picture(record)) for record in records)
