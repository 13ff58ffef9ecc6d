"""The zarr layout on disk: versioned, locked while written, every step atomic.

A study is a zarr format 3 group that plain zarr opens. Nothing in it is ever half there:

- attributes (the picture table, what is complete, which cut is current) live in ``zarr.json`` files that are replaced
  in one step by :func:`os.replace`;
- a result (an alignment, a cut) is built in a folder of its own whose ``zarr.json`` is written last; a folder without
  one is unfinished, and swept away by the next writer. It holds the checksums of the result's arrays, which reach the
  disk before it does; an array that is not what was written is never read.

Where the files lie, on a disk or elsewhere, how they get there and who may write is the business of
:mod:`~alignedcut_viewer.study_files`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .array_files import ARRAYS, chunk_of, entry_of, fault_of, write_chunk
from .atomic_files import replace_file, replace_json, sync_file, writing
from .choices import DISTRIBUTION
from .errors import AlignedCutError, DamagedError, StudyError
from .places import shown
from .study_files import LocalFiles, files_at, group_description

if TYPE_CHECKING:
    import zarr

__all__ = ["ALIGNMENTS", "FORMAT_VERSION", "Store"]

FORMAT_VERSION = 1
ALIGNMENTS = "alignments"
_MARK = "alignedcut_study"
_GROUP = "zarr.json"
_ALWAYS_COMPARED = 64 * 2**20
"""Bytes up to which an array is compared with its checksum whenever it is first read; larger ones by the stages."""


class Store:
    """One study's folder; use :meth:`create` or :meth:`open`.

    Attributes
    ----------
    files, root : LocalFiles, Path or Url
        Its files, wherever they lie; and its folder as the user knows it.
    is_new : bool
        Whether this object made the study.
    """

    def __init__(self, files: LocalFiles) -> None:
        self.files = files
        self.root = files.place
        self.is_new = False
        self._writable = False
        self._cache: dict[str, tuple[tuple[int, int, int], dict[str, Any]]] = {}
        self._written: dict[str, dict[str, Any]] = {}

    # -- opening and closing -------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: str | os.PathLike[str], groups: dict[str, dict[str, Any]]) -> Store:
        """Make a new study and open it for writing.

        Parameters
        ----------
        path, groups
            A folder that does not exist, or is vacant; or its URL. And attributes of groups to begin with, by name.

        Raises
        ------
        StudyError
            If something is there already.
        StorageError
            If the folder cannot be written.
        """
        from . import __version__

        files = files_at(path)
        if not files.is_vacant(groups):
            what = "a study already" if files.bring(files.folder / _GROUP).exists() else "not empty"
            raise StudyError(f"{files.place} is {what}; choose another folder for the new study.")
        store = cls(files)
        try:
            files.begin(groups)
            for name, attributes in groups.items():
                store._write_group(name, attributes)
            now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            mark = {"format": FORMAT_VERSION, "software": __version__, "created": now}
            store._write_group("", {_MARK: mark})  # last: only now is it a study
        except BaseException:
            store.discard()
            raise
        store._take_lock()
        store.is_new = True
        return store

    @staticmethod
    def is_vacant(path: str | os.PathLike[str], groups: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether nothing is there but, at most, what :meth:`create` leaves when it is killed."""
        return files_at(path).is_vacant(groups)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, writable: bool = False) -> Store:
        """Open a study that is there.

        Parameters
        ----------
        path, writable
            The study's folder, or its URL; and whether to take its lock, to write to it.

        Raises
        ------
        StudyError
            If there is no study, if it is of a newer version, read-only, or being written by another run.
        """
        store = cls(files_at(path))
        root = store.root
        try:
            mark = store.attributes("")[_MARK]
            version = int(mark["format"])
        except (StudyError, KeyError, TypeError, ValueError):
            what = "is not a study" if store.files.there else "does not exist"
            raise StudyError(
                f"{root} {what}; name the folder of a study, or make one with `alignedcut extract`."
            ) from None
        if version > FORMAT_VERSION:
            raise StudyError(
                f"The study {root} was written by {DISTRIBUTION} {mark.get('software', '(unknown version)')} in "
                f"format {version}, and this version reads formats up to {FORMAT_VERSION}; upgrade with "
                f"`pip install -U {DISTRIBUTION}`."
            )
        if writable:
            store._take_lock()
        return store

    def _take_lock(self) -> None:
        self.files.lock()
        self._writable = True
        self.files.sweep()

    def close(self) -> None:
        """Give the lock back; the store then only reads."""
        self._writable = False
        self.files.release()

    @property
    def writable(self) -> bool:
        """Whether this store holds the study's lock."""
        return self._writable

    def require_writable(self) -> None:
        """Raise a StudyError unless this store may be written."""
        if not self.writable:
            raise StudyError(f"The study {self.root} was opened for reading; open it with writable=True to change it.")

    def discard(self) -> None:
        """Give the lock back, and remove the study with all it holds."""
        self._writable = False
        self.files.discard()
        self.files.release()

    # -- groups and their attributes -----------------------------------------------------------------------------

    def folder(self, group: str) -> Path:
        """Where a group or an array is read and written; what the user is told of it goes through `shown`."""
        if any(part in ("", ".", "..") or "\\" in part or ":" in part for part in group.split("/")) and group:
            raise StudyError(f"The study {self.root} names {group!r}, which is no place inside it; it was edited.")
        return self.files.folder / group if group else self.files.folder

    def make_folder(self, group: str) -> Path:
        """Make a folder of the study, and those between; never the study's own, which a share may have taken along.

        Raises
        ------
        StorageError
            If the study is gone, or the disk refuses.
        """
        folder = self.folder(group)
        with writing(folder):
            if self.writable and not self.exists(""):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            here = self.files.folder
            for part in folder.relative_to(here).parts:
                here = here / part
                here.mkdir(exist_ok=True)
        return folder

    def exists(self, group: str) -> bool:
        """Whether a complete group or array of that name is there."""
        return self.files.bring(self.folder(group) / _GROUP).exists()

    def groups(self, parent: str) -> list[str]:
        """Names of the complete groups in a group, in alphabetical order."""
        folder = self.folder(parent)
        self.files.bring_groups(folder)
        if not folder.is_dir():
            return []
        return sorted(p.name for p in folder.iterdir() if not p.name.startswith(".") and (p / _GROUP).exists())

    def description(self, path: str) -> dict[str, Any]:
        """All that the ``zarr.json`` of a group or an array says."""
        file = self.files.bring(self.folder(path) / _GROUP)
        try:
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise StudyError(f"{shown(file)} is missing or damaged ({error}).") from error
        return found

    def attributes(self, group: str) -> dict[str, Any]:
        """Attributes of a group as they are on disk now; do not change the dictionary.

        Raises
        ------
        StudyError
            If the group is not there, or its file is damaged.
        """
        path = self.files.bring(self.folder(group) / _GROUP)
        try:
            status = path.stat()
            state = (status.st_mtime_ns, status.st_size, status.st_ino)
            cached = self._cache.get(group)
            if cached is not None and cached[0] == state:
                return cached[1]
            attributes = json.loads(path.read_text(encoding="utf-8"))["attributes"]
            if not isinstance(attributes, dict):
                raise TypeError("its attributes are no description")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise StudyError(f"{shown(path)} is missing or damaged ({error}); the study cannot be read.") from error
        self._cache[group] = (state, attributes)
        result: dict[str, Any] = attributes
        return result

    def set_attributes(self, group: str, attributes: dict[str, Any]) -> None:
        """Replace the attributes of a group, or make the group, in one step."""
        self.require_writable()
        self._write_group(group, attributes)

    def _write_group(self, group: str, attributes: dict[str, Any]) -> None:
        folder = self.make_folder(group)
        replace_json(folder / _GROUP, group_description(attributes))
        self.files.changed(folder / _GROUP)
        self.files.publish()
        self._cache.pop(group, None)

    def remove(self, group: str) -> None:
        """Remove a group with all it holds; its ``zarr.json`` goes first, so that it is never half there."""
        self.require_writable()
        self.files.remove(self.folder(group))

    # -- arrays --------------------------------------------------------------------------------------------------

    def create_array(
        self, path: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: DTypeLike, fill_value: float
    ) -> None:
        """Describe a new, uncompressed zarr array; what is not written reads as `fill_value`."""
        import zarr

        self.require_writable()
        made: dict[str, Any] = {}  # in memory: zarr would make folders where a share has vanished
        zarr.create_array(
            store=zarr.storage.MemoryStore(made),
            shape=shape,
            chunks=chunks,
            dtype=np.dtype(dtype),
            compressors=None,
            fill_value=fill_value,
        )
        self.make_folder(path)
        # What is there already was found to be damaged, or left by a run that was killed.
        replace_file(self.folder(path) / _GROUP, made[_GROUP].to_bytes())
        self.files.changed(self.folder(path) / _GROUP)

    def copy_metadata(self, source: str, target: str) -> None:
        """An empty array of the shape and type of another; many times faster than through zarr."""
        self.require_writable()
        self.make_folder(target)
        with writing(self.folder(target)):
            metadata = self.files.bring(self.folder(source) / _GROUP).read_bytes()
        replace_file(self.folder(target) / _GROUP, metadata)
        self.files.changed(self.folder(target) / _GROUP)

    def copy_chunk(self, source: str, target: str) -> None:
        """Give an array the one chunk of another of the same shape and type."""
        self.copy_metadata(source, target)
        file, copy = self.chunk(source), self._chunk_path(target)
        self.make_folder(copy.parent.relative_to(self.files.folder).as_posix())
        replace_file(copy, file.read_bytes(), safe=True)
        self.files.changed(copy)
        self.files.publish()

    def chunk(self, path: str) -> Path:
        """The file of an array that is one uncompressed chunk, to be read."""
        return self.files.bring(self._chunk_path(path))

    def _chunk_path(self, path: str) -> Path:
        return chunk_of(self.folder(path), self.array(path).ndim)

    def array(self, path: str, *, writable: bool = False) -> zarr.Array[Any]:
        """A zarr array of the study.

        Raises
        ------
        StudyError
            If it is not there.
        """
        import zarr

        if not self.exists(path):
            raise StudyError(f"The study {self.root} holds no {path}.")
        if writable:
            self.require_writable()
        try:
            return zarr.open_array(self.files.zarr_store(self.folder(path)), mode="r+" if writable else "r")
        except AlignedCutError:
            raise
        except Exception as error:  # whatever the library makes of a description that is not one
            what = f"{type(error).__name__}: {error}"
            raise StudyError(f"{shown(self.folder(path) / _GROUP)} was edited or damaged ({what}).") from error

    def save_array(self, path: str, values: NDArray[Any]) -> None:
        """Write a whole array as one uncompressed chunk, so that :meth:`view` can map it."""
        self.save_rows(path, values.shape, values.dtype, [values])

    def save_rows(self, path: str, shape: tuple[int, ...], dtype: DTypeLike, blocks: Iterable[NDArray[Any]]) -> None:
        """Write an array that is too large to be held, as one uncompressed chunk, block by block of its rows.

        Raises
        ------
        ValueError
            If the blocks do not make up the array.
        """
        self.create_array(path, shape, tuple(max(n, 1) for n in shape), dtype, 0)
        chunk = chunk_of(self.folder(path), len(shape))
        self.make_folder(chunk.parent.relative_to(self.files.folder).as_posix())
        self._written[path] = write_chunk(self.folder(path), shape, dtype, blocks)
        self.files.changed(chunk)

    def note(self, path: str) -> None:
        """Take the checksum of an array as it is, for the result that is being built anew around it."""
        self.chunk(path)
        self._written[path] = entry_of(self.folder(path), self.array(path).shape)

    def view(self, path: str) -> NDArray[Any]:
        """An array as NumPy sees it: mapped from disk where it is one uncompressed chunk, else read; read-only.

        Raises
        ------
        StudyError
            If it is not there.
        DamagedError
            If it is not what was written.
        """
        group, _, name = path.rpartition("/")
        entry = self._manifest(group).get(name)
        if entry is not None:
            fault = self._fault(path, entry, largest=_ALWAYS_COMPARED)
            if fault is not None:
                raise self._damage(path, fault)
        array = self.array(path)
        if entry is not None and list(array.shape) != entry["shape"]:
            raise self._damage(path, f"described as of shape {array.shape} instead of {tuple(entry['shape'])}")
        chunk = self.files.bring(chunk_of(self.folder(path), array.ndim))
        size = int(np.prod(array.shape, dtype=np.int64)) * array.dtype.itemsize
        if array.shape == array.chunks and size > 0 and chunk.is_file() and chunk.stat().st_size == size:
            return np.memmap(chunk, dtype=array.dtype.newbyteorder("<"), mode="r", shape=array.shape)
        if size > _ALWAYS_COMPARED and array.shape == array.chunks:  # never all of the memory full of what is not there
            raise self._damage(path, "missing" if not chunk.is_file() else "not as long as its description says")
        values: NDArray[Any] = np.asarray(array[...])
        values.flags.writeable = False
        return values

    def _damage(self, path: str, fault: str) -> DamagedError:
        return DamagedError(
            f"{shown(self.folder(path))} is {fault}. `alignedcut check {self.root} --repair` computes it anew."
        )

    def _fault(self, path: str, entry: dict[str, Any], largest: int | None = None) -> str | None:
        folder = self.folder(path)
        self.files.bring_all([folder / _GROUP, chunk_of(folder, len(entry["shape"]))])
        return fault_of(folder, entry, largest=largest)

    def _manifest(self, group: str) -> dict[str, dict[str, Any]]:
        """Checksums of the arrays of a result; empty for one that is being built."""
        if not self.exists(group):
            return {}
        return dict(self.attributes(group).get(ARRAYS, {}))

    def faults(self, group: str) -> dict[str, str]:
        """Arrays of a result that are not what was written, all of them read and compared: name to what they are."""
        found = {name: self._fault(f"{group}/{name}", entry) for name, entry in self._manifest(group).items()}
        return {name: fault for name, fault in found.items() if fault is not None}

    def intact(self, group: str) -> bool:
        """Whether a result is there, and what was written."""
        try:
            return self.exists(group) and not self.faults(group)
        except StudyError:  # its description is damaged
            return False

    def require_intact(self, group: str) -> None:
        """Raise a DamagedError if an array of a result is not what was written; all of it is read."""
        for name, fault in self.faults(group).items():
            raise self._damage(f"{group}/{name}", fault)

    def checksum(self, path: str) -> str | None:
        """sha256 of an array as it was written; None where that was not recorded."""
        group, _, name = path.rpartition("/")
        entry = self._manifest(group).get(name)
        return None if entry is None else str(entry["sha256"])

    @contextlib.contextmanager
    def building(self, group: str, attributes: dict[str, Any]) -> Iterator[None]:
        """Build a result in `group`: complete when the block ends, gone when an exception ends it.

        Parameters
        ----------
        group
            Where the result goes; what a killed run left there is removed. Arrays of a result that is there already are
            replaced one by one, and results inside it stay.
        attributes
            Of the finished group; entries added inside the block are stored too.
        """
        self.require_writable()
        if not self.exists(group):
            self.files.remove(self.folder(group))
        try:
            self.make_folder(group)
            yield
            start = f"{group}/" if group else ""
            names = {path: path.removeprefix(start) for path in self._written if path.startswith(start)}
            arrays = {name: self._written.pop(path) for path, name in names.items()}
            for path in names:
                sync_file(self.folder(path) / _GROUP)
            self._write_group(group, {**attributes, ARRAYS: arrays})
        except BaseException:
            if not self.exists(group):
                self.files.remove(self.folder(group))
            raise
