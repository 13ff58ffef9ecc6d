"""A study's files on a file system elsewhere, read and written through a working copy on this machine.

What the study holds there is the truth. A file is brought when it is first read, and again when its version there has
changed. What is written goes there in an order that leaves nothing half there: chunks first, then the descriptions of
arrays, then those of the groups they belong to, each in one step; what is removed goes the other way round.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_files import writing
from ..errors import StorageError, StudyError
from ..places import Url
from .connection import Connection, Entry
from .lease import Lease
from .local_files import DESCRIPTION, HOLDER, RESULTS, LocalFiles
from .working_copy import WorkingCopy, copy_folder, limit, machine_name, trim

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

__all__ = ["RemoteFiles"]

_FRESH = 1.0
"""Seconds for which a reader believes what it learnt of a description."""
_LISTED = 30.0
"""Seconds for which a reader believes a list of chunks, if no description around them changes."""
_PATIENT = 5.0
"""Seconds for which a reader asks no more when the study is out of reach, and goes on with what it has."""
_SHARE_BETWEEN_TRIMS = 20

_changes: dict[str, int] = {}
"""How often each study was changed by this process, so that its readers in it see that at once."""


class RemoteFiles(LocalFiles):
    """The files of a study at a URL.

    Parameters
    ----------
    url
        Its folder.

    Raises
    ------
    InputError
        If no package is installed for URLs of its kind.
    """

    def __init__(self, url: Url) -> None:
        self.place = self._url = url
        self._connection = Connection(url)
        self._reading, self._writing = WorkingCopy(url, "read"), WorkingCopy(url, "write")
        self._lease: Lease | None = None
        self._mutex = threading.RLock()
        self._publishing = threading.RLock()
        self._changed: dict[str, int] = {}
        self._moved = 0
        self._use(self._reading)

    def _use(self, copy: WorkingCopy) -> None:
        """Read and write there, and forget what was known of the study."""
        with self._mutex:
            self._copy, self.folder = copy, copy.folder
            self._known: dict[str, Entry | None] = {}
            self._asked: dict[str, float] = {}
            self._listed: dict[str, int] = {}
            self._turned: dict[str, int] = {}
            self._clock = 0
            self._seen = _changes.get(str(self._url), 0)
            self._quiet_until = 0.0

    def _name(self, path: Path) -> str:
        for copy in (self._copy, self._reading, self._writing):  # what was opened before the lock was given back
            with contextlib.suppress(ValueError):
                name = path.relative_to(copy.folder).as_posix()
                return "" if name == "." else name
        raise ValueError(f"{path} is no file of {self._url}")

    # -- the study as a whole ------------------------------------------------------------------------------------

    @property
    def there(self) -> bool:
        """Whether anything is at the study's place."""
        return bool(self._connection.folders(""))

    def is_vacant(self, groups: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether a new study can be made: nothing is there, or at most some of these groups."""
        if self._connection.entry(DESCRIPTION) is not None:
            return False
        begun = {f"{name}/{DESCRIPTION}" for name in groups}
        return all(name in begun or name.startswith(HOLDER) for name in self._connection.entries(""))

    def begin(self, groups: Mapping[str, Mapping[str, Any]]) -> None:
        """Take the lock of a study that is not there yet."""
        self.lock()
        if not self.is_vacant(groups):
            self.release()
            raise StudyError(f"{self._url} is a study already; choose another folder for the new study.")

    def discard(self) -> None:
        """Remove the study with all it holds, if this is who writes to it."""
        if self._lease is not None:
            self.remove(self.folder)
            self._changed.clear()

    # -- one writer ----------------------------------------------------------------------------------------------

    def lock(self) -> None:
        """Become the one who writes; raises as :class:`.Lease` does."""
        if self._lease is None:
            local = copy_folder(self._url) / "writer.lock"
            self._lease = Lease(self._connection, HOLDER, local, machine_name())
            self._changed.clear()
            self._use(self._writing)
            with writing(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)

    def release(self) -> None:
        """Let others write; from now on this is a reader."""
        with self._publishing:  # what another thread is publishing is read from the folder that it was written to
            if self._lease is not None:
                self._changed.clear()
                self._use(self._reading)
                self._lease.release()
                self._lease = None

    def sweep(self) -> None:
        """Remove what a killed run left unfinished."""
        found: dict[str, Entry] = {}
        for kind in dict.fromkeys(kind.partition("/")[0] for kind in RESULTS):
            found |= self._connection.entries(kind)
        leaving = {name for name in found if name.endswith(".partial") or name.startswith(f"{HOLDER}.")}
        for kind in RESULTS:
            depth = kind.count("/") + 2
            of_kind = [n for n in found if n.startswith(kind.split("/")[0] + "/") and n.count("/") >= depth]
            groups = {"/".join(name.split("/")[:depth]) for name in of_kind}
            unfinished = tuple(f"{group}/" for group in groups if f"{group}/{DESCRIPTION}" not in found)
            leaving |= {name for name in of_kind if name.startswith(unfinished)} if unfinished else set()
        with contextlib.suppress(StorageError):  # who may write but not remove
            self._connection.remove(sorted(leaving))
        self._connection.abort_uploads()
        with self._mutex:
            now = time.monotonic()
            for name in found.keys() - leaving:
                self._known[name], self._asked[name] = found[name], now
                if "/c/" in name:
                    self._listed[name.partition("/c/")[0]] = self._clock

    # -- what the study has now ----------------------------------------------------------------------------------

    def _entry(self, name: str) -> Entry | None:
        """A file as the study has it; None where it has none."""
        with self._mutex:
            if self._lease is None and self._seen != _changes.get(str(self._url), 0):
                self._seen = _changes.get(str(self._url), 0)
                self._asked.clear()
        array, inside, _ = name.partition("/c/")
        if inside:
            if not self._is_listed(array):
                self._ask(array, lambda: self._list(array))
        elif not self._is_fresh(name):
            self._ask(name, lambda: self._look(name))
        with self._mutex:  # not in the moment in which a list takes the place of another
            return self._known.get(name)

    def _ask(self, name: str, look: Callable[[], None]) -> None:
        known = name in self._known or name in self._listed
        if known and time.monotonic() < self._quiet_until:
            return
        try:
            look()
        except StorageError:
            if not known or self._lease is not None:
                raise
            self._quiet_until = time.monotonic() + _PATIENT  # what was seen a moment ago still serves who looks

    def _is_fresh(self, name: str) -> bool:
        asked = self._asked.get(name)
        return asked is not None and (self._lease is not None or time.monotonic() - asked < _FRESH)

    def _is_listed(self, array: str) -> bool:
        """Whether the chunks of an array are known, not for long, and no description around it has changed since."""
        listed = self._listed.get(array)
        if listed is None or (self._lease is None and time.monotonic() - self._asked.get(array, 0.0) > _LISTED):
            return False
        parts = array.split("/")
        around = ("/".join(parts[:n]) for n in range(len(parts) + 1))
        return self._lease is not None or listed >= max(self._turned.get(group, 0) for group in around)

    def _look(self, name: str) -> None:
        entry = self._connection.entry(name)
        with self._mutex:
            if name in self._known and self._known[name] != entry:
                self._clock += 1
                self._turned[name.rpartition("/")[0]] = self._clock
            self._known[name], self._asked[name] = entry, time.monotonic()

    def _list(self, array: str) -> None:
        clock = self._clock
        found = self._connection.entries(array)
        with self._mutex:
            for name in [n for n in self._known if n.startswith(f"{array}/c/") and n not in self._changed]:
                del self._known[name]
            self._known.update({name: entry for name, entry in found.items() if "/c/" in name})
            self._listed[array], self._asked[array] = clock, time.monotonic()

    # -- reading -------------------------------------------------------------------------------------------------

    def bring(self, path: Path) -> Path:
        """See to it that a file is what it is in the study now, or is absent here where it is absent there."""
        name = self._name(path)
        self._bring([name])
        return self.folder / name

    def bring_all(self, paths: Iterable[Path]) -> None:
        """The same for several files, at the same time."""
        self._bring([self._name(path) for path in paths])

    def bring_folder(self, folder: Path) -> None:
        """The same for all that lies in a folder."""
        self._bring(list(self._connection.entries(self._name(folder))))

    def _bring(self, names: list[str]) -> None:
        wanted: dict[str, Entry] = {}
        for name in dict.fromkeys(names):
            if name in self._changed:
                continue
            entry = self._entry(name)
            if entry is None:
                if (self.folder / name).exists():
                    self._copy.drop(name)
            elif not self._copy.holds(name, entry.version):
                wanted[name] = entry
        if wanted:
            self._make_room(sum(entry.size for entry in wanted.values()))
            self._connection.each(lambda name: self._fetch(name, wanted[name]), wanted)

    def _fetch(self, name: str, entry: Entry) -> None:
        found = self._copy.bring(name, entry.version, lambda target: self._get(name, target, entry.size))
        with self._mutex:
            if not found:  # removed since it was seen
                self._known[name] = None
            if self._known.get(name) != entry:
                self._asked.pop(name, None)

    def _get(self, name: str, target: Path, size: int) -> bool:
        for _ in range(3):
            if not self._connection.get(name, target):
                return False
            if target.stat().st_size == size:
                return True
            entry = self._connection.entry(name)  # another has taken its place meanwhile
            if entry is None:
                return False
            size = entry.size
        raise StorageError(f"{self._url}/{name} arrives in another length than it has; run the same command again.")

    def _make_room(self, n_bytes: int) -> None:
        """Keep within the limit, by looking now and then."""
        self._moved += n_bytes
        if self._moved > limit() // _SHARE_BETWEEN_TRIMS:
            trim(n_bytes)
            self._moved = 0

    def bring_groups(self, folder: Path) -> None:
        """Bring the descriptions of all groups in a group."""
        parent = self._name(folder)
        listing = f"{parent}/"
        if not self._is_fresh(listing):
            found: list[str] = []
            looked: list[str] = []

            def look() -> None:
                found.extend(self._connection.folders(parent))
                with self._mutex:
                    self._known[listing], self._asked[listing] = None, time.monotonic()
                looked.append(listing)

            self._ask(listing, look)
            if listing in looked:
                held = [path.name for path in self.folder.joinpath(parent).glob("*/")]
                start = f"{parent}/" if parent else ""
                self._connection.each(
                    lambda group: self._bring([f"{start}{group}/{DESCRIPTION}"]), dict.fromkeys((*found, *held))
                )

    def size(self, path: Path) -> int | None:
        """Bytes of a file of the study, without reading it; None where there is none."""
        name = self._name(path)
        if name in self._changed:
            return super().size(self.folder / name)
        entry = self._entry(name)
        return None if entry is None else entry.size

    def read_anew(self) -> None:
        """Trust no copy of a file that was made before."""
        self._use(self._copy)
        self._copy.read_anew()

    def zarr_store(self, folder: Path) -> ZarrStore:
        """What zarr reads an array from: chunks are brought when they are read."""
        from .brought_store import BroughtStore

        return BroughtStore(self.folder / self._name(folder), self)

    # -- writing -------------------------------------------------------------------------------------------------

    def changed(self, *paths: Path) -> None:
        """Say that files were written."""
        if self._lease is None:
            raise StudyError(f"The study {self._url} was opened for reading; open it with writable=True to change it.")
        with self._mutex:
            for path in paths:
                name = self._name(path)
                self._changed[name] = self._changed.get(name, 0) + 1

    def publish(self) -> None:
        """See to it that the study holds what was changed, descriptions after what they describe."""
        if self._lease is None or not self._changed:
            return
        with self._publishing:
            with self._mutex:
                batch = dict(self._changed)
            self._lease.check()
            for rank in sorted({_rank(name) for name in batch}):
                self._connection.each(lambda name: self._put(name, batch[name]), [n for n in batch if _rank(n) == rank])
            self._tell()

    def _put(self, name: str, number: int) -> None:
        path = self.folder / name
        if not path.is_file():  # what is removed is removed with its group, and is not waiting here any more
            raise StorageError(
                f"{path} is gone, though {self._url} was to get it: leave the folder of working copies alone while a "
                "run writes. What is finished is kept; run the same command again."
            )
        self._connection.put(path, name)
        entry = self._connection.entry(name)
        with self._mutex:
            self._known[name], self._asked[name] = entry, time.monotonic()
            if self._changed.get(name) != number:
                return  # written again meanwhile
            if entry is not None:
                self._copy.note(name, entry.version)
            del self._changed[name]
        if entry is not None:
            self._make_room(entry.size)

    def _tell(self) -> None:
        _changes[str(self._url)] = _changes.get(str(self._url), 0) + 1

    def remove(self, folder: Path) -> None:
        """Remove a group with all it holds, its description first."""
        group = self._name(folder)
        start = f"{group}/" if group else ""
        with self._publishing:
            with contextlib.suppress(StorageError, StudyError):  # what is left is swept by the next who writes
                if self._lease is not None:
                    self._lease.check()
                    self._connection.remove([f"{start}{DESCRIPTION}"])
                    left = [name for name in self._connection.entries(group) if name != HOLDER]
                    self._connection.each(lambda name: self._connection.remove([name]), left)
            with self._mutex:
                for kept in (self._known, self._asked, self._listed, self._changed):
                    for name in [n for n in kept if n == group or n.startswith(start)]:
                        kept.pop(name, None)
            self._copy.drop_folder(group)
            self._tell()

    def free_bytes(self) -> int:
        """Bytes for which there is room: nobody says."""
        return sys.maxsize

    # -- beside the results --------------------------------------------------------------------------------------

    def own(self, name: str) -> Path:
        """A file of this machine's own about the study, which is not published."""
        folder = copy_folder(self._url) / "own"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def read(self, name: str) -> bytes | None:
        """A small file beside the results; None where there is none."""
        return self._connection.read(name)

    def write(self, name: str, data: bytes) -> None:
        """Replace a small file beside the results in one step, with or without the lock."""
        self._connection.write(name, data)

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteFiles, (self._url,)


def _rank(name: str) -> tuple[int, int]:
    """What is published before what: chunks, then what is noted of them, then descriptions from the inside out."""
    if "/c/" in name:
        return 0, 0
    return (2, -name.count("/")) if name.rpartition("/")[2] == DESCRIPTION else (1, 0)
