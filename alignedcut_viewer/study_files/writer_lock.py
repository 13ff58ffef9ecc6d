"""One writer at a time, and who it is."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import weakref
from datetime import datetime
from pathlib import Path
from typing import IO

from ..atomic_files import lock_file, replace_json
from ..errors import ReadOnlyError, StorageError, StudyError

__all__ = ["WriterLock"]


class WriterLock:
    """The right to write a study.

    It is the operating system's own lock on a file of the study, which vanishes with the process that held it, so that
    a killed run never leaves a study locked. Beside it lies, for people, who holds it; nothing but a message depends on
    that.

    Parameters
    ----------
    root
        The study's folder.
    locked
        The file that is locked.
    holder
        The file that says who holds the lock.

    Raises
    ------
    ReadOnlyError
        If the study is read-only.
    StudyError
        If another run holds the lock.
    """

    def __init__(self, root: Path, locked: Path, holder: Path) -> None:
        self._holder = holder
        read_only = ReadOnlyError(
            f"The study {root} is read-only; make it writable, or copy it to a place you may write to."
        )
        # Write bits are asked for as well, because an administrator may open files that nobody should write.
        if not all(path.stat().st_mode & 0o222 for path in (root, locked)) or not os.access(root, os.W_OK):
            raise read_only
        try:
            self._file: IO[bytes] = open(locked, "r+b")  # noqa: SIM115 - held open as long as the study
        except OSError:
            raise read_only from None
        if not lock_file(self._file):
            self._file.close()
            raise StudyError(
                f"The study {root} is being written by another run{self._who()}; wait for it, or cancel it."
            )
        self._end = weakref.finalize(self, _release, self._file, holder)
        now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
        words = [Path(sys.argv[0] or "python").name, *sys.argv[1:2]]
        with contextlib.suppress(StorageError):  # of a disk that is full: the lock is held all the same
            replace_json(
                self._holder,
                {"process": os.getpid(), "machine": platform.node(), "command": " ".join(words), "since": now},
            )

    def _who(self) -> str:
        try:
            told = json.loads(self._holder.read_text(encoding="utf-8"))
            return f" (process {told['process']} on {told['machine']}: {told['command']}, since {told['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def release(self) -> None:
        """Give the lock back; a lock that is let go of does so, too."""
        self._end()


def _release(file: IO[bytes], holder: Path) -> None:
    with contextlib.suppress(OSError):
        holder.unlink()
    file.close()
