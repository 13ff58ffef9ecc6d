"""The pictures of a study on disk: adding files, finding them again, and noticing that they changed."""

from __future__ import annotations

import contextlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, PictureError
from ..parameters import whole
from ..regular_files import printable
from ..store import Store
from .descriptions import reading
from .picture_table import PictureRecord, PictureTable, file_digest

if TYPE_CHECKING:
    from ..images import PictureSet

__all__ = ["PICTURES", "StudyPictures"]

PICTURES = "pictures"


class StudyPictures:
    """The picture table of one study, and the files that it stands for.

    Parameters
    ----------
    store
        The study's store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: tuple[dict[str, Any], PictureTable] | None = None

    @property
    def table(self) -> PictureTable:
        """The table as it is on disk now."""
        attributes = self._store.attributes(PICTURES)
        # The store gives the same object until the file changes; tables of many pictures take a moment to read.
        if self._read is None or self._read[0] is not attributes:
            with reading(self._store.folder(PICTURES) / "zarr.json"):
                self._read = (attributes, PictureTable.from_json(attributes["pictures"]))
        return self._read[1]

    def path(self, image: int) -> Path:
        """The file of a picture; where it was moved together with the study, its new place.

        Raises
        ------
        InputError
            If there is no such image.
        """
        table = self.table
        if not 0 <= whole("image", image, 0) < len(table):
            raise InputError(f"There is no image {image}; the study holds {len(table)}, counted from 0.")
        return self._find(table[image])

    def _find(self, record: PictureRecord) -> Path:
        path = Path(record.path)
        root = self._store.root
        if record.relative is not None and isinstance(root, Path) and not path.exists():
            moved = Path(os.path.normpath(root / record.relative))
            if moved.exists():
                return moved
        return path

    def files(self) -> PictureSet:
        """All pictures in the order of their image numbers, read when asked for."""
        from ..images import PictureSet

        table = self.table
        return PictureSet([self._find(record) for record in table], table.names)

    def size(self, image: int) -> tuple[int, int]:
        """Height and width of a picture in pixels.

        Raises
        ------
        PictureError
            If it was not read before and cannot be now.
        """
        path = self.path(image)
        known = self.table.sizes[image]
        if known is not None:
            return known
        from ..images import PictureSet

        return PictureSet([path]).size(0)

    def add(self, pictures: PictureSet, forget: Callable[[Sequence[int]], None]) -> list[int]:
        """Add pictures; those that the study holds already are found again.

        Parameters
        ----------
        pictures
            The pictures.
        forget
            Called with the image numbers whose content changed.

        Returns
        -------
        list of int
            Image number of each picture given, in their order.
        """
        self._store.require_writable()
        self.check(forget)
        table = self.table
        records = list(table)
        found = [self._find(record) for record in records]
        by_path = {str(path): i for i, path in enumerate(found)}
        gone = _gone_by_size(records, found)
        uncertain: list[int] = []
        taken = Counter(record.name for record in records)
        numbers: list[int] = []
        for given, name in zip(pictures.paths, pictures.names, strict=True):
            path = Path(os.path.abspath(given))
            image = by_path.get(str(path))
            if image is None:
                try:
                    n_bytes, mtime_ns = _stat(path)
                except PictureError:
                    n_bytes, mtime_ns = 0, 0  # not fatal here: it will be skipped, and noticed when it comes
                where: dict[str, Any] = {
                    "path": str(path),
                    "relative": self._relative(path),
                    "n_bytes": n_bytes,
                    "mtime_ns": mtime_ns,
                }
                image = _moved_here(path, mtime_ns, gone.get(n_bytes, {}))
                if image is None:
                    image = len(records)
                    records.append(PictureRecord(name=_free_name(name, path, taken), **where))
                else:
                    before = gone[n_bytes].pop(image)
                    if before.digest is None and before.mtime_ns != mtime_ns:
                        uncertain.append(image)
                    records[image] = replace(before, **where, reason=None)
                by_path[str(path)] = image
            numbers.append(image)
        if uncertain:
            forget(uncertain)
        if records != list(table):
            self._save(PictureTable(records))
        return numbers

    def find(self, path: Path, digest: str) -> int | None:
        """Image number of the picture that is this file, or has the same content; None where there is none."""
        table, there = self.table, str(Path(os.path.abspath(path)))
        same_place = (image for image, record in enumerate(table) if record.path == there)
        same_content = (image for image, record in enumerate(table) if record.digest == digest)
        return next(same_place, next(same_content, None))

    def append(self, pictures: Sequence[tuple[Path, str, dict[str, Any]]]) -> list[int]:
        """Put pictures that were read already behind those that there are.

        Parameters
        ----------
        pictures
            Of each its file, the name that is wanted for it, and the fields of its record that are known by now.

        Returns
        -------
        list of int
            Their image numbers.
        """
        self._store.require_writable()
        records = list(self.table)
        taken = Counter(record.name for record in records)
        for file, name, fields in pictures:
            path = Path(os.path.abspath(file))
            n_bytes, mtime_ns = _stat(path)
            free = _free_name(name, path, taken)
            records.append(PictureRecord(free, str(path), self._relative(path), n_bytes, mtime_ns, **fields))
        self._save(PictureTable(records))
        return list(range(len(records) - len(pictures), len(records)))

    def drop_last(self, images: Iterable[int], forget: Callable[[Sequence[int]], None]) -> list[int]:
        """Let go of pictures as far as none comes after them, because image numbers count places in the table.

        Parameters
        ----------
        images
            Image numbers.
        forget
            Called with those that go, before they do.

        Returns
        -------
        list of int
            Those that went, descending.
        """
        self._store.require_writable()
        records, leaving = list(self.table), set(images)
        gone = []
        while len(records) - 1 in leaving:
            gone.append(len(records) - 1)
            records.pop()
        if gone:
            forget(gone)
            self._save(PictureTable(records))
        return gone

    def check(self, forget: Callable[[Sequence[int]], None]) -> list[int]:
        """Look whether files changed, and forget what was made of those that did.

        Parameters
        ----------
        forget
            Called with the image numbers whose content changed, before the table says so.

        Returns
        -------
        list of int
            These image numbers.
        """
        self._store.require_writable()
        table = self.table
        updates: dict[int, dict[str, Any]] = {}
        changed: list[int] = []
        for image, record in enumerate(table):
            path = self._find(record)
            try:
                n_bytes, mtime_ns = _stat(path)
            except PictureError:
                continue  # gone: its features stay; where there are none, extraction will skip it
            if (n_bytes, mtime_ns) == (record.n_bytes, record.mtime_ns):
                continue
            fields: dict[str, Any] = {"n_bytes": n_bytes, "mtime_ns": mtime_ns}
            if record.digest is None or n_bytes != record.n_bytes or file_digest(path) != record.digest:
                changed.append(image)
                fields |= {"digest": None, "height": None, "width": None, "reason": None}
            updates[image] = fields
        if changed:
            forget(changed)  # first: should we be stopped in between, the change is seen again
        self.update(updates)
        return changed

    def complete_records(self, images: Iterable[int]) -> None:
        """Digest pictures whose features are there but not their digest, and skip none of those given."""
        table = self.table
        updates: dict[int, dict[str, Any]] = {}
        for image in images:
            record = table[image]
            fields: dict[str, Any] = {} if record.reason is None else {"reason": None}
            if record.digest is None:
                path = self._find(record)
                with contextlib.suppress(PictureError):
                    if _stat(path) == (record.n_bytes, record.mtime_ns):
                        fields["digest"] = file_digest(path)
            if fields:
                updates[image] = fields
        self.update(updates)

    def update(self, updates: dict[int, dict[str, Any]]) -> None:
        """Replace fields of records, such as digest, size, or the reason why a picture is skipped."""
        if updates:
            self._save(self.table.changed(updates))

    def digests(self, images: Iterable[int]) -> list[str]:
        """sha256 of the content of some pictures; "" where a file was never read and is gone."""
        table = self.table
        digests: list[str] = []
        for image in images:
            if not 0 <= image < len(table):
                raise InputError(f"There is no image {image}; the study holds {len(table)}, counted from 0.")
            digest = table[image].digest
            if digest is None:
                with contextlib.suppress(PictureError):
                    digest = file_digest(self._find(table[image]))
            digests.append(digest or "")
        return digests

    def _save(self, table: PictureTable) -> None:
        self._store.set_attributes(PICTURES, {"pictures": table.as_json()})

    def _relative(self, path: Path) -> str | None:
        if not isinstance(self._store.root, Path):
            return None  # elsewhere
        try:
            return Path(os.path.relpath(path, self._store.root)).as_posix()
        except ValueError:  # another drive
            return None


def _stat(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise PictureError(f"{path} cannot be read ({error.strerror or error}).") from error
    if not stat.S_ISREG(status.st_mode):
        raise PictureError(f"{path} cannot be read (it is a pipe, a device or a folder, not a file).")
    return status.st_size, status.st_mtime_ns


def _gone_by_size(records: list[PictureRecord], paths: list[Path]) -> dict[int, dict[int, PictureRecord]]:
    """Pictures whose file is no longer there, by size in bytes and image number."""
    gone: dict[int, dict[int, PictureRecord]] = {}
    for image, (record, path) in enumerate(zip(records, paths, strict=True)):
        if not path.exists():
            gone.setdefault(record.n_bytes, {})[image] = record
    return gone


def _moved_here(path: Path, mtime_ns: int, candidates: dict[int, PictureRecord]) -> int | None:
    """Which of the pictures that are gone lies at `path` now.

    Content decides, where it is known. A picture that was never read is known by the name of its file.
    """
    if any(record.digest is not None for record in candidates.values()):
        digest = file_digest(path)
        for image, record in candidates.items():
            if record.digest == digest:
                return image
    namesakes = [i for i, r in candidates.items() if r.digest is None and Path(r.path).name == path.name]
    return min(namesakes, key=lambda image: (candidates[image].mtime_ns != mtime_ns, image), default=None)


def _free_name(name: str, path: Path, taken: Counter[str]) -> str:
    """A display name that no other picture has: with the folder's name, then with a number."""
    candidate, number = name, 1
    if taken[candidate]:
        candidate = f"{printable(path.parent.name)}/{name}"
    while taken[candidate]:
        number += 1
        candidate = f"{printable(path.parent.name)}/{name} ({number})"
    taken[candidate] += 1
    return candidate
