"""Whether the files of a result hold what was written to them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["ARRAYS", "chunk_of", "fault_of"]

ARRAYS = "arrays"
"""Attribute of a result: for each of its arrays the length and the sha256 of its chunk, both as they were written."""

_known: dict[str, tuple[tuple[int, int, int], str]] = {}
_MOST_KNOWN = 4096


def chunk_of(folder: Path, n_dimensions: int) -> Path:
    """The file of an array that is one uncompressed chunk."""
    return folder / "c" / "/".join(["0"] * n_dimensions)


def fault_of(folder: Path, entry: Mapping[str, Any], *, largest: int | None = None) -> str | None:
    """What is wrong with an array on disk, in the words that follow "is"; None where nothing is.

    Parameters
    ----------
    folder
        Of the array.
    entry
        ``shape``, ``bytes`` and ``sha256``, as they were written.
    largest
        Bytes up to which the content is read and compared; None compares any. What was compared once is not read again
        by this process until the file changes.
    """
    if not (folder / "zarr.json").is_file():
        return "missing"
    n_bytes = int(entry["bytes"])
    if not n_bytes:
        return None
    chunk = chunk_of(folder, len(entry["shape"]))
    try:
        status = chunk.stat()
        if status.st_size != n_bytes:
            return f"{status.st_size} bytes long instead of {n_bytes}"
        if largest is not None and n_bytes > largest:
            return None
        state = (status.st_mtime_ns, status.st_size, status.st_ino)
        known = _known.get(str(chunk))
        if known is None or known[0] != state:
            with chunk.open("rb") as file:
                known = (state, hashlib.file_digest(file, "sha256").hexdigest())
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[str(chunk)] = known
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable ({error.strerror or error})"
    return None if known[1] == entry["sha256"] else "not what was written (its checksum differs)"
