"""Opening files that may be something else: pipes and devices would keep a reader waiting for ever."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

__all__ = ["exists", "is_folder", "open_regular", "printable"]


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a file for reading, if it is a regular file.

    Raises
    ------
    OSError
        If it cannot be opened, or is a pipe, a socket, a device or a folder.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "it is a pipe, a device or a folder, not a file", os.fspath(path))
    return open(path, "rb")


def exists(path: Path) -> bool:
    """Whether anything is there; False for names that no file can have, and for links that lead in a circle."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder is there; False for names that none can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def printable(name: str) -> str:
    """A file name as text that can be shown and stored: bytes that are not UTF-8 become replacement characters."""
    return os.fsencode(name).decode("utf-8", "replace") if any("\udc80" <= c <= "\udcff" for c in name) else name
