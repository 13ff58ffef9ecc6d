"""The zarr layout on disk: versioned, locked while written, every step atomic.

A study is a zarr format 3 group that plain zarr opens. Nothing in it is ever half there:

- attributes (the picture table, what is complete, which cut is current) live in ``zarr.json`` files that are replaced
  in one step by :func:`os.replace`;
- a result (an alignment, a cut) is built in a folder of its own whose ``zarr.json`` is written last, so that a
  folder without one is an unfinished result and is swept away by the next writer. It holds the checksums of the
  result's arrays, which reach the disk before it does; an array that is not what was written is never read.

The lock is the operating system's own, on the study's root ``zarr.json``: it vanishes with the process that held it,
so a killed run never leaves a study locked.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .array_files import ARRAYS, chunk_of, entry_of, fault_of, write_chunk
from .atomic_files import holds_no_more_than, remove_abandoned, replace_file, replace_json, sync_file, writing
from .choices import DISTRIBUTION
from .errors import DamagedError, StudyError
from .writer_lock import WriterLock

if TYPE_CHECKING:
    import zarr

__all__ = ["ALIGNMENTS", "FORMAT_VERSION", "Store"]

FORMAT_VERSION = 1
ALIGNMENTS = "alignments"
_MARK = "alignedcut_study"
_GROUP = "zarr.json"
_GROUP_HEAD = {"zarr_format": 3, "node_type": "group"}
_HOLDER = f"{ALIGNMENTS}/writer.json"  # not in the study's own folder, where plain zarr wonders at what is not its own
_ALWAYS_COMPARED = 64 * 2**20
"""Bytes up to which an array is compared with its checksum whenever it is first read; larger ones by the stages."""


class Store:
    """One study's folder on disk.

    Use :meth:`create` or :meth:`open`.

    Attributes
    ----------
    root : Path
        The study's folder.
    is_new : bool
        Whether this very object made the study.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.is_new = False
        self._lock: WriterLock | None = None
        self._cache: dict[str, tuple[tuple[int, int, int], dict[str, Any]]] = {}
        self._written: dict[str, dict[str, Any]] = {}

    # -- opening and closing -------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: str | Path, groups: dict[str, dict[str, Any]]) -> Store:
        """Make a new study and open it for writing.

        Parameters
        ----------
        path
            A folder that does not exist, or that is vacant.
        groups
            Attributes of the groups to begin with, by name.

        Raises
        ------
        StudyError
            If something is there already.
        StorageError
            If the folder cannot be written.
        """
        from . import __version__

        root = Path(path).expanduser().absolute()
        with writing(root):  # a name that is too long, a folder that may not be looked into
            existed = root.exists()
        if not cls.is_vacant(root, groups):
            what = "a study already" if (root / _GROUP).exists() else "not empty"
            raise StudyError(f"{root} is {what}; choose another folder for the new study.")
        try:
            with writing(root):
                root.mkdir(parents=True, exist_ok=True)
            store = cls(root)
            for name, attributes in groups.items():
                store._write_group(name, attributes)
            mark = {"format": FORMAT_VERSION, "software": __version__, "created": _now()}
            store._write_group("", {_MARK: mark})  # last: only now is it a study
        except BaseException:
            shutil.rmtree(root, ignore_errors=True)
            if existed:
                root.mkdir(exist_ok=True)
            raise
        store = cls.open(root, writable=True)
        store.is_new = True
        return store

    @staticmethod
    def is_vacant(path: Path, groups: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether nothing is there but, at most, what :meth:`create` leaves when it is killed."""
        with writing(path):
            if not path.exists():
                return True
            begun = {path / name / _GROUP: {**_GROUP_HEAD, "attributes": own} for name, own in groups.items()}
            return path.is_dir() and holds_no_more_than(path, begun)

    @classmethod
    def open(cls, path: str | Path, *, writable: bool = False) -> Store:
        """Open a study that is there.

        Parameters
        ----------
        path
            The study's folder.
        writable
            Take the study's lock, so that it may be written; reading needs none.

        Raises
        ------
        StudyError
            If there is no study, if it is of a newer version, read-only, or being written by another run.
        """
        root = Path(path).expanduser().absolute()
        store = cls(root)
        try:
            mark = store.attributes("")[_MARK]
            version = int(mark["format"])
        except (StudyError, KeyError, TypeError, ValueError):
            what = "is not a study" if os.path.exists(root) else "does not exist"
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
            store._lock = WriterLock(root, root / _GROUP, root / _HOLDER)
            store._sweep()
        return store

    def close(self) -> None:
        """Give the lock back; the store then only reads."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def writable(self) -> bool:
        """Whether this store holds the study's lock."""
        return self._lock is not None

    def require_writable(self) -> None:
        """Raise a StudyError unless this store may be written."""
        if not self.writable:
            raise StudyError(f"The study {self.root} was opened for reading; open it with writable=True to change it.")

    def _sweep(self) -> None:
        """Remove what a killed run left unfinished."""
        for depth in range(5):  # not the chunks of features: they are swept as they are written again
            for folder in self.root.glob("*/" * depth) if depth else [self.root]:
                remove_abandoned(folder)  # not of those alive: a window keeps its session here without the lock
                with contextlib.suppress(OSError):
                    (folder / f".{_GROUP}.partial").unlink()  # as version 0.1.0 called them
        for kind in (ALIGNMENTS, "cuts", "cuts/*", "segmentations"):
            for folder in self.root.glob(f"{kind}/*/"):
                if not (folder / _GROUP).exists():
                    shutil.rmtree(folder, ignore_errors=True)

    # -- groups and their attributes -----------------------------------------------------------------------------

    def folder(self, group: str) -> Path:
        """Where a group or an array lies on disk."""
        if any(part in ("", ".", "..") or "\\" in part or ":" in part for part in group.split("/")) and group:
            raise StudyError(f"The study {self.root} names {group!r}, which is no place inside it; it was edited.")
        return self.root / group if group else self.root

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
            here = self.root
            for part in folder.relative_to(self.root).parts:
                here = here / part
                here.mkdir(exist_ok=True)
        return folder

    def exists(self, group: str) -> bool:
        """Whether a complete group or array of that name is there."""
        return (self.folder(group) / _GROUP).exists()

    def groups(self, parent: str) -> list[str]:
        """Names of the complete groups in a group, in alphabetical order."""
        folder = self.folder(parent)
        if not folder.is_dir():
            return []
        return sorted(p.name for p in folder.iterdir() if not p.name.startswith(".") and (p / _GROUP).exists())

    def description(self, path: str) -> dict[str, Any]:
        """All that the ``zarr.json`` of a group or an array says."""
        try:
            found: dict[str, Any] = json.loads((self.folder(path) / _GROUP).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise StudyError(f"{self.folder(path) / _GROUP} is missing or damaged ({error}).") from error
        return found

    def attributes(self, group: str) -> dict[str, Any]:
        """Attributes of a group as they are on disk now; do not change the dictionary.

        Raises
        ------
        StudyError
            If the group is not there, or its file is damaged.
        """
        path = self.folder(group) / _GROUP
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
            raise StudyError(f"{path} is missing or damaged ({error}); the study cannot be read.") from error
        self._cache[group] = (state, attributes)
        result: dict[str, Any] = attributes
        return result

    def set_attributes(self, group: str, attributes: dict[str, Any]) -> None:
        """Replace the attributes of a group, or make the group, in one step."""
        self.require_writable()
        self._write_group(group, attributes)

    def _write_group(self, group: str, attributes: dict[str, Any]) -> None:
        folder = self.make_folder(group)
        replace_json(folder / _GROUP, {**_GROUP_HEAD, "attributes": attributes})
        self._cache.pop(group, None)

    def remove(self, group: str) -> None:
        """Remove a group with all it holds; its ``zarr.json`` goes first, so that it is never half there."""
        self.require_writable()
        folder = self.folder(group)
        with contextlib.suppress(OSError):
            (folder / _GROUP).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    # -- arrays --------------------------------------------------------------------------------------------------

    def create_array(
        self, path: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: DTypeLike, fill_value: float
    ) -> zarr.Array[Any]:
        """A new, uncompressed zarr array; what is not written reads as `fill_value`."""
        import zarr

        self.require_writable()
        self.make_folder(path)
        with writing(self.folder(path)):
            # What is there already was found to be damaged, or left by a run that was killed.
            (self.folder(path) / _GROUP).unlink(missing_ok=True)
            return zarr.create_array(
                store=str(self.folder(path)),
                shape=shape,
                chunks=chunks,
                dtype=np.dtype(dtype),
                compressors=None,
                fill_value=fill_value,
            )

    def copy_metadata(self, source: str, target: str) -> None:
        """An empty array of the shape and type of another; many times faster than through zarr."""
        self.require_writable()
        self.make_folder(target)
        with writing(self.folder(target)):
            metadata = (self.folder(source) / _GROUP).read_bytes()
        replace_file(self.folder(target) / _GROUP, metadata)

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
            return zarr.open_array(str(self.folder(path)), mode="r+" if writable else "r")
        except Exception as error:  # whatever the library makes of a description that is not one
            what = f"{type(error).__name__}: {error}"
            raise StudyError(f"{self.folder(path) / _GROUP} was edited or damaged ({what}).") from error

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
        folder = self.folder(path)
        self.make_folder(chunk_of(folder, len(shape)).parent.relative_to(self.root).as_posix())
        self._written[path] = write_chunk(folder, shape, dtype, blocks)

    def note(self, path: str) -> None:
        """Take the checksum of an array as it is, for the result that is being built anew around it."""
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
            fault = fault_of(self.folder(path), entry, largest=_ALWAYS_COMPARED)
            if fault is not None:
                raise self._damage(path, fault)
        array = self.array(path)
        if entry is not None and list(array.shape) != entry["shape"]:
            raise self._damage(path, f"described as of shape {array.shape} instead of {tuple(entry['shape'])}")
        chunk = chunk_of(self.folder(path), array.ndim)
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
            f"{self.folder(path)} is {fault}. `alignedcut check {self.root} --repair` computes it anew."
        )

    def _manifest(self, group: str) -> dict[str, dict[str, Any]]:
        """Checksums of the arrays of a result; empty for one that is being built."""
        if not self.exists(group):
            return {}
        found: dict[str, dict[str, Any]] = self.attributes(group).get(ARRAYS, {})
        return found

    def faults(self, group: str) -> dict[str, str]:
        """Arrays of a result that are not what was written, all of them read and compared: name to what they are."""
        found = {name: fault_of(self.folder(f"{group}/{name}"), e) for name, e in self._manifest(group).items()}
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
            Where the result goes; what an earlier, killed run left there is removed. Arrays of a result that is
            there already are replaced one by one, and results inside it stay.
        attributes
            Attributes of the finished group; entries added inside the block are stored too.
        """
        self.require_writable()
        if not self.exists(group):
            shutil.rmtree(self.folder(group), ignore_errors=True)
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
                shutil.rmtree(self.folder(group), ignore_errors=True)
            raise

    def free_bytes(self) -> int:
        """Bytes that are free on the study's disk."""
        return shutil.disk_usage(self.root).free


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
