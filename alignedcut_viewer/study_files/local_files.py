"""A study's files on a disk, and what a store asks of files anywhere."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_files import holds_no_more_than, remove_abandoned, replace_file, writing
from ..places import Location
from .writer_lock import WriterLock

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

__all__ = ["DESCRIPTION", "HOLDER", "RESULTS", "LocalFiles", "group_description"]

DESCRIPTION = "zarr.json"
"""What makes a folder a group or an array; a result is there when it is."""

HOLDER = "alignments/writer.json"  # not in the study's own folder, where plain zarr wonders at what is not its own
"""Who writes to the study."""

RESULTS = ("alignments", "cuts", "cuts/*", "segmentations")
"""Where results are built, each in a folder of its own that is nothing before it has a description."""


def group_description(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What the ``zarr.json`` of a group holds."""
    return {"zarr_format": 3, "node_type": "group", "attributes": attributes}


class LocalFiles:
    """The files of a study in a folder of this machine.

    A study is read and written through paths below :attr:`folder`. For a study elsewhere these are the paths of its
    working copy, so that whoever reads first has the file brought, and whoever wrote says so; on a disk of this machine
    that is nothing to do.

    Parameters
    ----------
    place
        The study's folder.

    Attributes
    ----------
    place : Path or Url
        The study as the user knows it.
    folder : Path
        Where its files are read and written.
    """

    place: Location
    folder: Path

    def __init__(self, place: Path) -> None:
        self.place = self.folder = place
        self._existed = False
        self._lock: WriterLock | None = None

    # -- the study as a whole ------------------------------------------------------------------------------------

    @property
    def there(self) -> bool:
        """Whether anything is at the study's place."""
        return os.path.exists(self.folder)

    def is_vacant(self, groups: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether a new study can be made: nothing is there, or at most some of these groups with these attributes."""
        with writing(self.folder):  # a name that is too long, a folder that may not be looked into
            if not self.folder.exists():
                return True
            known = {self.folder / name / DESCRIPTION: group_description(own) for name, own in groups.items()}
            return self.folder.is_dir() and holds_no_more_than(self.folder, known)

    def begin(self, groups: Mapping[str, Mapping[str, Any]]) -> None:
        """Make room for a new study that begins with these groups; a StorageError where that is refused."""
        self._existed = self.folder.exists()
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)

    def discard(self) -> None:
        """Remove the study with all it holds, as far as that can be."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._existed:
            with contextlib.suppress(OSError):
                self.folder.mkdir(exist_ok=True)

    # -- one writer ----------------------------------------------------------------------------------------------

    def lock(self) -> None:
        """Become the one who writes; raises as :class:`.WriterLock` does."""
        if self._lock is None:
            self._lock = WriterLock(self.folder, self.folder / DESCRIPTION, self.folder / HOLDER)

    def release(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def sweep(self) -> None:
        """Remove what a killed run left unfinished."""
        for depth in range(5):  # not the chunks of features: they are swept as they are written again
            for folder in self.folder.glob("*/" * depth) if depth else [self.folder]:
                remove_abandoned(folder)  # not of those alive: a window keeps its session here without the lock
                with contextlib.suppress(OSError):
                    (folder / f".{DESCRIPTION}.partial").unlink()  # as version 0.1.0 called them
        for kind in dict.fromkeys(kind.partition("/")[0] for kind in RESULTS):
            for path, _, files in os.walk(self.folder / kind):  # arrays of results are replaced where they lie
                if any(name.endswith(".partial") for name in files):
                    remove_abandoned(Path(path))
        for kind in RESULTS:
            for folder in self.folder.glob(f"{kind}/*/"):
                if not (folder / DESCRIPTION).exists():
                    shutil.rmtree(folder, ignore_errors=True)

    # -- reading -------------------------------------------------------------------------------------------------

    def bring(self, path: Path) -> Path:
        """See to it that a file is what it is in the study now, or is absent here where it is absent there.

        Raises
        ------
        StorageError
            If the study is out of reach.
        """
        return path

    def bring_all(self, paths: Iterable[Path]) -> None:
        """The same for several files, which is faster than one by one."""

    def bring_folder(self, folder: Path) -> None:
        """The same for all that lies in a folder."""

    def bring_groups(self, folder: Path) -> None:
        """The same for the descriptions of all groups in a group."""

    def size(self, path: Path) -> int | None:
        """Bytes of a file of the study, without reading it; None where there is none."""
        return path.stat().st_size if path.is_file() else None

    def read_anew(self) -> None:
        """Trust no copy of a file that was made before: whatever is read next comes from the study itself."""

    def zarr_store(self, folder: Path) -> str | ZarrStore:
        """What zarr reads an array from."""
        return str(folder)

    # -- writing -------------------------------------------------------------------------------------------------

    def changed(self, *paths: Path) -> None:
        """Say that files were written; :meth:`publish` carries them to the study."""

    def publish(self) -> None:
        """See to it that the study holds what was changed, descriptions after what they describe.

        Raises
        ------
        StorageError
            If the study is out of reach; what it held is whole, and the same command goes on from there.
        """

    def remove(self, folder: Path) -> None:
        """Remove a group with all it holds; its description goes first, so that it is never half there."""
        with contextlib.suppress(OSError):
            (folder / DESCRIPTION).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def free_bytes(self) -> int:
        """Bytes for which there is room."""
        return shutil.disk_usage(self.folder).free

    # -- beside the results: kept without the lock ---------------------------------------------------------------

    def own(self, name: str) -> Path:
        """A file that belongs to this machine rather than to the study, where the study is elsewhere."""
        return self.folder / name

    def read(self, name: str) -> bytes | None:
        """A small file beside the results; None where there is none."""
        path = self.folder / name
        return path.read_bytes() if path.is_file() else None

    def write(self, name: str, data: bytes) -> None:
        """Replace a small file beside the results in one step, with or without the lock.

        Raises
        ------
        StorageError
            If that is refused.
        """
        replace_file(self.folder / name, data, safe=True)

    def __reduce__(self) -> tuple[Any, ...]:
        from . import files_at

        return files_at, (self.place,)
