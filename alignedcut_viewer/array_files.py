"""The files of a result's arrays: how they are written, and whether they hold what was written to them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .atomic_files import replacing

__all__ = ["ARRAYS", "chunk_of", "entry_of", "fault_of", "write_chunk"]

ARRAYS = "arrays"
"""Attribute of a result: for each of its arrays the length and the sha256 of its chunk, both as they were written."""

_known: dict[str, tuple[tuple[int, int, int], str]] = {}
_MOST_KNOWN = 4096


def chunk_of(folder: Path, n_dimensions: int) -> Path:
    """The file of an array that is one uncompressed chunk."""
    return folder / "c" / "/".join(["0"] * n_dimensions)


def entry_of(folder: Path, shape: tuple[int, ...]) -> dict[str, Any]:
    """Shape, length and sha256 of an array as it is on disk, for :func:`fault_of`."""
    chunk = chunk_of(folder, len(shape))
    data = chunk.read_bytes() if chunk.is_file() else b""
    told = _description(folder) or {}
    return {"shape": list(shape), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} | _type(
        told.get("data_type")
    )


def write_chunk(
    folder: Path, shape: tuple[int, ...], dtype: DTypeLike, blocks: Iterable[NDArray[Any]]
) -> dict[str, Any]:
    """Write the one uncompressed chunk of an array, block by block of its rows; gives what :func:`entry_of` would.

    Raises
    ------
    ValueError
        If the blocks do not make up the array.
    """
    stored = np.dtype(dtype).newbyteorder("<")
    n_bytes = int(np.prod(shape, dtype=np.int64)) * stored.itemsize
    chunk = chunk_of(folder, len(shape))
    digest, length = hashlib.sha256(), 0
    with replacing(chunk) as partial, partial.open("wb") as file:  # not mapped: a full disk must raise, not kill
        for block in blocks:
            data = np.ascontiguousarray(block, dtype=stored).reshape(-1).view(np.uint8).data
            digest.update(data)
            length += file.write(data)
        if length != n_bytes:
            raise ValueError(f"The blocks do not make up an array of shape {shape}.")
    if not n_bytes:
        chunk.unlink()
    return {"shape": list(shape), "bytes": n_bytes, "sha256": digest.hexdigest()} | _type(stored.name)


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
    if not _describes(_description(folder), entry):
        return "no longer described as it was written (its zarr.json was edited or damaged)"
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


_NUMBERS = {np.dtype(kind).name for kind in ("?", *"bBhHiIlLqQefd")}


def _type(name: Any) -> dict[str, str]:
    """The type of an array's numbers, as a part of its entry; texts have other names in their description."""
    return {"type": name} if isinstance(name, str) and name in _NUMBERS else {}


def _description(folder: Path) -> dict[str, Any] | None:
    """What a ``zarr.json`` says, or None where that cannot be read."""
    try:
        told = json.loads((folder / "zarr.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _describes(told: dict[str, Any] | None, entry: Mapping[str, Any]) -> bool:
    """Whether a description is that of the array: of its shape and type, in one plain chunk."""
    if told is None or told.get("node_type") != "array" or told.get("shape") != list(entry["shape"]):
        return False
    shape, name = told["shape"], told.get("data_type")
    if told.get("chunk_grid") != {"name": "regular", "configuration": {"chunk_shape": [max(n, 1) for n in shape]}}:
        return False
    if not isinstance(name, str) or name not in _NUMBERS:
        return "type" not in entry
    n_bytes = np.dtype(name).itemsize * int(np.prod(shape, dtype=np.int64))
    plain = told.get("codecs") in ([{"name": "bytes", "configuration": {"endian": "little"}}], [{"name": "bytes"}])
    return plain and n_bytes == entry["bytes"] and entry.get("type", name) == name
