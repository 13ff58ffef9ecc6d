"""Writing without half-written files, and saying in one sentence why a disk refuses."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from .errors import AlignedCutError, StorageError

__all__ = ["digest_of", "lock_file", "replace_file", "replace_json", "replacing", "safe_name", "writing"]

_NUMBERS = itertools.count()
"""Tells the partial files of one process apart; its steps are atomic."""


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
        full = (errno.ENOSPC, getattr(errno, "EDQUOT", None))
        refused = (errno.EACCES, errno.EPERM, errno.EROFS)
        if error.errno in full:
            text = f"No space is left on the disk while writing {path}; free some space and run again: "
            text += "what is finished is kept."
        elif error.errno == errno.EFBIG:
            text = f"{path} grew beyond the largest file that is allowed here; choose another disk or raise the limit."
        elif error.errno in refused:
            text = f"{path} cannot be written: permission is denied; choose a folder that you may write to."
        else:
            text = f"Writing {path} failed: {error.strerror or error}."
        raise StorageError(text) from error


def digest_of(value: Any) -> str:
    """The sha256 of a JSON-ready value, in hexadecimal; equal values have equal digests."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def safe_name(name: str) -> str:
    """A name that every file system takes, recognisably the given one."""
    cleaned = re.sub(r"[^A-Za-z0-9._@+-]+", "-", name).strip("-.")
    if cleaned == name:
        return name
    return f"{cleaned[-80:] or 'unnamed'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


@contextlib.contextmanager
def replacing(path: Path, *, safe: bool = True) -> Iterator[Path]:
    """Write a file in one step: readers see the old content or the new, never a part.

    Several writers of one file, in one process or in many, do not disturb one another: each has a partial file of its
    own, and the last to end wins.

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
    partial = path.with_name(f".{path.name}.{os.getpid()}-{next(_NUMBERS)}.partial")
    try:
        with writing(path):
            yield partial
            if safe:
                with open(partial, "rb+") as file:
                    os.fsync(file.fileno())
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


def replace_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file in one step: readers see the old content or the new, never a part.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    replace_file(path, text.encode(), safe=True)


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
