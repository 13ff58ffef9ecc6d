"""Files of a study elsewhere that are held on this machine, each with the version that it is a copy of.

Nothing here counts by itself. A file is believed only while its size and time are those that were noted when it was
brought or published, and the version noted with them is the one that the study has now.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..atomic_files import digest_of, replace_file, replacing, safe_name, writing
from ..device import parse_memory
from ..places import Url, name_copy

__all__ = ["WorkingCopy", "cache_folder", "copy_folder", "limit", "machine_name", "trim"]

_LIMIT = "20GiB"
_IN_USE = 10.0
"""Seconds after its last use for which a file stays, whatever the limit."""
_NOTED_AGAIN = 5.0


def cache_folder() -> Path:
    """Where working copies lie: the folder that ALIGNEDCUT_CACHE names, or the user's own for such things."""
    named = os.environ.get("ALIGNEDCUT_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "alignedcut"


def copy_folder(url: Url) -> Path:
    """Where the working copies of one study lie; the same URL at two servers is two studies."""
    server = {name: os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")}
    return cache_folder() / f"{safe_name(url.name)[:60]}-{digest_of([str(url), server])[:12]}"


def machine_name() -> str:
    """What tells the working copies of this machine and user from all others."""
    file = cache_folder() / "name"
    with writing(file):
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file, secrets.token_hex(8).encode())
        return file.read_text()


def limit() -> int:
    """Bytes that working copies may take: ALIGNEDCUT_CACHE_SIZE."""
    return parse_memory(os.environ.get("ALIGNEDCUT_CACHE_SIZE") or _LIMIT)


class _Note(NamedTuple):
    """What is known of a file that is held: the version it is a copy of, its time and size, and when that was noted."""

    version: str
    mtime_ns: int
    size: int
    when: float


class _GoneError(Exception):
    """A file is no longer there."""


class WorkingCopy:
    """One folder with copies of a study's files.

    Readers have one, and who writes has another, so that what is written and not published yet is in nobody's way.

    Parameters
    ----------
    url
        The study.
    kind
        ``read`` or ``write``.
    """

    def __init__(self, url: Url, kind: str) -> None:
        self._base = copy_folder(url)
        self._other = "write" if kind == "read" else "read"
        self.folder = self._base / kind
        self._notes_in = self._base / f"{kind}-notes"
        self._notes: dict[str, _Note] = {}
        self._since = 0.0
        name_copy(self.folder, url)

    def read_anew(self) -> None:
        """Believe nothing that was brought before now."""
        self._since = time.time()

    def holds(self, name: str, version: str) -> bool:
        """Whether a file is held in that version."""
        note = self._notes.get(name)
        if note is None or not self._fits(name, note, version):
            note = _read_note(self._notes_in / name)
            if note is None or not self._fits(name, note, version):
                return False
        now = time.time()
        if now - note.when > _NOTED_AGAIN:  # used now: it is not the first that has to go
            with contextlib.suppress(OSError):
                os.utime(self._notes_in / name)
            note = note._replace(when=now) if note.when >= self._since else note
        self._notes[name] = note
        return True

    def _fits(self, name: str, note: _Note, version: str) -> bool:
        try:
            status = (self.folder / name).stat()
        except OSError:
            return False
        known = (note.version, note.mtime_ns, note.size)
        return known == (version, status.st_mtime_ns, status.st_size) and note.when >= self._since

    def note(self, name: str, version: str) -> None:
        """Say that a file is, as it is here, a copy of a version."""
        status = (self.folder / name).stat()
        note = _Note(version, status.st_mtime_ns, status.st_size, time.time())
        file = self._notes_in / name
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, "\n".join(map(str, note)).encode())
        self._notes[name] = note

    def bring(self, name: str, version: str, fetch: Callable[[Path], bool]) -> bool:
        """Hold a file in a version, from the other copy of this machine or by fetching it; False where it is gone."""
        path = self.folder / name
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with replacing(path, safe=False) as partial:
                if not self._link(name, version, partial) and not fetch(partial):
                    raise _GoneError
        except _GoneError:
            self.drop(name)
            return False
        self.note(name, version)
        return True

    def _link(self, name: str, version: str, target: Path) -> bool:
        """Take a chunk from the other copy without moving its bytes; chunks are replaced, and never changed."""
        note = _read_note(self._base / f"{self._other}-notes" / name)
        source = self._base / self._other / name
        if "/c/" not in name or note is None or note.version != version or note.when < self._since:
            return False
        try:
            status = source.stat()
            if (status.st_mtime_ns, status.st_size) != (note.mtime_ns, note.size):
                return False
            os.link(source, target)
            return True
        except OSError:  # removed meanwhile, or a disk without links
            return False

    def drop(self, name: str) -> None:
        """Hold a file no longer."""
        self._notes.pop(name, None)
        for path in (self.folder / name, self._notes_in / name):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def drop_folder(self, name: str) -> None:
        """Hold nothing in a folder any longer."""
        for path in (self.folder, self._notes_in):
            shutil.rmtree(path / name if name else path, ignore_errors=True)
        self._notes = {n: note for n, note in self._notes.items() if name and not n.startswith(f"{name}/")}


def trim(needed: int = 0) -> None:
    """Let go of chunks that were not used for longest, as far as ALIGNEDCUT_CACHE_SIZE asks for that.

    Only copies go of what the study has; what was written and not published yet stays, and so do descriptions.
    """
    most = limit()
    held = sorted(_held(), key=lambda found: found[0])
    total = sum(size for _, size, _, _ in held) + needed
    newest = time.time() - _IN_USE
    for used, size, path, note_path in held:
        if total <= most or used > newest:
            return
        note = _read_note(note_path)
        with contextlib.suppress(OSError):  # on Windows, a file that somebody reads stays
            status = path.stat()
            if note is not None and (status.st_mtime_ns, status.st_size) == (note.mtime_ns, note.size):
                path.unlink()
                note_path.unlink()
                total -= size


def _held() -> Iterator[tuple[float, int, Path, Path]]:
    """All chunks in all working copies: when each was used last, its bytes, and the files of chunk and note."""
    for base in cache_folder().glob("*/*-notes"):
        folder = base.with_name(base.name.removesuffix("-notes"))
        for root, _, files in os.walk(base):
            if "c" not in Path(root).relative_to(base).parts:
                continue
            for name in files:
                note_path = Path(root) / name
                path = folder / note_path.relative_to(base)
                with contextlib.suppress(OSError):
                    yield note_path.stat().st_mtime, path.stat().st_size, path, note_path


def _read_note(file: Path) -> _Note | None:
    try:
        version, mtime_ns, size, when = file.read_text(encoding="utf-8").split("\n")
        return _Note(version, int(mtime_ns), int(size), float(when))
    except (OSError, ValueError):
        return None
