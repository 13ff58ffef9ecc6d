"""Writing without half-written files, and saying in one sentence why a disk refuses."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from .errors import AlignedCutError, StorageError
from .places import shown

__all__ = [
    "abandoned",
    "holds_no_more_than",
    "digest_of",
    "json_bytes",
    "lock_file",
    "partial_path",
    "remove_abandoned",
    "replace_file",
    "replace_json",
    "replacing",
    "safe_name",
    "sync_file",
    "writing",
]

_NUMBERS = itertools.count()
"""Tells the partial files of one process apart; its steps are atomic."""

_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:6]
_PARTIAL = re.compile(r"\..*\.([0-9a-f]{6})-(\d+)-\d+\.partial", re.DOTALL)
_ABANDONED = 86_400.0
"""Seconds after which a partial file that nobody writes to belongs to nobody, whichever machine began it."""
_swept: set[Path] = set()
_begun: set[str] = set()
_MOST_SWEPT = 4096
_LONGEST_NAME = 160


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Turn the operating system's refusal to write `path` into one sentence.

    Raises
    ------
    StorageError
        If the disk is full, the quota is used up, or writing is not permitted.
    """
    try:
        yield
    except AlignedCutError:
        raise
    except OSError as error:
        name = shown(path)
        full = (errno.ENOSPC, getattr(errno, "EDQUOT", None))
        refused = (errno.EACCES, errno.EPERM, errno.EROFS)
        if error.errno in full:
            text = f"No space is left on the disk while writing {name}; free some space and run again: "
            text += "what is finished is kept."
            if name != str(path):  # its working copy is what fills the disk
                text += f" Its working copy is in {path}; ALIGNEDCUT_CACHE names a folder on another disk."
        elif error.errno == errno.EFBIG:
            text = f"{name} grew beyond the largest file that is allowed here; choose another disk or raise the limit."
        elif error.errno in refused:
            text = f"{name} cannot be written: permission is denied; choose a folder that you may write to."
        elif error.errno in (errno.ENOENT, errno.ENOTDIR, getattr(errno, "ESTALE", None)):
            text = f"Writing {name} failed: {error.strerror}; make its folder or bring it back, and run again: "
            text += "what is finished is kept."
        else:
            text = f"Writing {name} failed: {error.strerror or error}."
        raise StorageError(text) from error


def digest_of(value: Any) -> str:
    """The sha256 of a JSON-ready value, in hexadecimal; equal values have equal digests."""
    return hashlib.sha256(json_bytes(value, sort_keys=True)).hexdigest()


def json_bytes(value: Any, **options: Any) -> bytes:
    """JSON in UTF-8, compact unless told otherwise.

    File names that are not UTF-8, which Python spells with lone surrogates, are written as escapes.
    """
    options = {"separators": (",", ":"), **options}
    try:
        return json.dumps(value, ensure_ascii=False, **options).encode()
    except UnicodeEncodeError:
        return json.dumps(value, **options).encode()


def safe_name(name: str) -> str:
    """A name that every file system takes, recognisably the given one."""
    cleaned = re.sub(r"[^A-Za-z0-9._@+-]+", "-", name).strip("-.")
    if cleaned == name and len(name) <= 100:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{cleaned[-80:].strip('-.') or 'unnamed'}-{digest[:6]}"


@contextlib.contextmanager
def replacing(path: Path, *, safe: bool = True) -> Iterator[Path]:
    """Write a file in one step: readers see the old content or the new, never a part.

    Several writers of one file, in one process or in many, do not disturb one another: each has a partial file of its
    own, and the last to end wins. What a killed process left half-written in the folder is removed by the next one that
    writes there.

    Parameters
    ----------
    path
        The file; an older one is replaced.
    safe
        Wait until the disk holds the content, so that not even a loss of power leaves half a file.

    Yields
    ------
    Path
        A file in the same folder to write to. It takes the place of `path` when the block ends, and is gone when an
        exception ends it.

    Raises
    ------
    StorageError
        If the disk is full, the quota is used up, or writing is not permitted; an older file then stays as it was.
    """
    _sweep_once(path.parent)
    partial = partial_path(path)
    try:
        with writing(path):
            yield partial
            if safe:
                sync_file(partial)
        for attempt in range(20):
            try:
                with writing(path):
                    os.replace(partial, path)
                return
            except StorageError:
                # Windows refuses to replace a file in the very moment in which another process reads it.
                if os.name != "nt" or attempt == 19:
                    raise
                time.sleep(0.05)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        _begun.discard(str(partial))


def partial_path(path: Path) -> Path:
    """Where something is prepared that is to become `path`: beside it, hidden, and known to be this process's."""
    name = path.name if len(os.fsencode(path.name)) <= _LONGEST_NAME else digest_of(path.name)[:_LONGEST_NAME]
    partial = path.with_name(f".{name}.{_HOST}-{os.getpid()}-{next(_NUMBERS)}.partial")
    _begun.add(str(partial))
    return partial


def sync_file(path: Path) -> None:
    """Wait until the disk holds a file."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _sweep_once(folder: Path) -> None:
    if folder in _swept:
        return
    if len(_swept) >= _MOST_SWEPT:
        _swept.clear()
    _swept.add(folder)
    remove_abandoned(folder)


def remove_abandoned(folder: Path) -> None:
    """Remove the partial files and folders in a folder whose writers were killed."""
    for partial in abandoned(folder):
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):  # on Windows, what is still written to cannot be removed
                partial.unlink()


def abandoned(folder: Path) -> list[Path]:
    """The partial files and folders in a folder whose writers were killed."""
    left = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            found = _PARTIAL.fullmatch(entry.name)
            if found is not None and _is_abandoned(entry, found[1], int(found[2])):
                left.append(Path(entry.path))
    return left


def holds_no_more_than(folder: Path, known: Mapping[Path, Any]) -> bool:
    """Whether a folder holds known JSON files at most, in folders of their own, and what killed writers prepared."""
    places = {folder, *(path.parent for path in known)}
    for place, _, names in os.walk(folder):
        if Path(place) not in places:
            return False
        left = {partial.name for partial in abandoned(Path(place))}
        for path in (Path(place, name) for name in names if name not in left):
            try:
                if path not in known or json.loads(path.read_text(encoding="utf-8")) != known[path]:
                    return False
            except (OSError, ValueError):
                return False
    return True


def _is_abandoned(partial: os.DirEntry[str], host: str, process: int) -> bool:
    with contextlib.suppress(OSError):
        if time.time() - partial.stat().st_mtime > _ABANDONED:
            return True
    if host != _HOST:
        return False
    if process == os.getpid():  # numbers come again, in containers above all
        return partial.path not in _begun
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # somebody else's
    return False


def replace_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file in one step: readers see the old content or the new, never a part.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    replace_file(path, json_bytes(content, allow_nan=False), safe=True)


def replace_file(path: Path, data: bytes | memoryview, *, safe: bool = False) -> None:
    """Write a file in one step.

    Parameters
    ----------
    path
        The file; an older one is replaced.
    data
        Its bytes.
    safe
        Wait until the disk holds them, so that not even a loss of power leaves half a file.

    Raises
    ------
    StorageError
        If it cannot be written; an older file then stays as it was.
    """
    with replacing(path, safe=safe) as partial, open(partial, "wb", buffering=0) as file:
        view = memoryview(data).cast("B")
        while len(view):  # one call may write only a part
            view = view[file.write(view) :]


def lock_file(file: IO[bytes]) -> bool:
    """Take the lock that only one open file may hold; True where this file system knows no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(1 << 30)  # far behind the content, which stays readable for everybody
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True
