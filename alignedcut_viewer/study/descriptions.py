"""What the JSON of a study must look like: a study that was edited by hand is refused with a sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import AlignedCutError, StorageError, StudyError
from ..places import shown

__all__ = ["check_array", "check_feature_set", "check_picture", "reading", "require"]

_FAULTS = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a description is read into one sentence.

    Raises
    ------
    StudyError
        If the description is not what this program writes.
    """
    try:
        yield
    except AlignedCutError as error:
        if isinstance(error, StudyError | StorageError):  # damaged, or out of reach
            raise
        raise StudyError(
            f"{shown(path)} was edited or damaged ({error}); restore it, or make the study anew."
        ) from error
    except _FAULTS as error:
        what = f"{type(error).__name__}: {error}"
        raise StudyError(
            f"{shown(path)} was edited or damaged ({what}); restore it, or make the study anew."
        ) from error


def require(condition: bool, what: str) -> None:
    """Raise a ValueError, for :func:`reading`, unless a condition holds."""
    if not condition:
        raise ValueError(what)


def _is_whole(value: Any, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**63


def check_picture(record: Any) -> dict[str, Any]:
    """One record of the picture table, as it is in JSON."""
    require(isinstance(record, dict), "a picture is not described")
    for name in ("name", "path"):
        require(isinstance(record[name], str), f"{name} of a picture is no text")
    for name in ("relative", "digest", "reason"):
        require(isinstance(record.get(name), str | None), f"{name} of a picture is no text")
    for name in ("n_bytes", "mtime_ns"):
        require(isinstance(record[name], int), f"{name} of a picture is no number")
    for name in ("height", "width"):
        require(record.get(name) is None or _is_whole(record[name], 1), f"{name} of a picture is no size")
    found: dict[str, Any] = record
    return found


def check_feature_set(attributes: Any) -> dict[str, Any]:
    """The attributes of a feature set."""
    key = attributes["key"]
    for name in ("network", "tap", "precision", "weights"):
        require(isinstance(key[name], str), f"{name} is no text")
    require(key["storage"] in ("float16", "float32"), f"storage is {key['storage']!r}")
    require(len(key["input_size"]) == 2 and all(map(_is_whole, key["input_size"])), "input_size is no size")
    for name in ("rows", "columns", "batch"):
        require(_is_whole(attributes[name], 1), f"{name} is {attributes[name]!r}")
    require(_is_whole(attributes["number"]), "number is no number")
    require(isinstance(attributes["class_token"], bool), "class_token is neither true nor false")
    require(isinstance(attributes["note"], dict), "note is no description")
    for layer, grid in attributes.get("grids", {}).items():
        require(int(layer) >= 0 and len(grid) == 2 and all(_is_whole(side, 1) for side in grid), "a grid is no size")
    for layer, ranges in attributes["complete"].items():
        require(int(layer) >= 0, f"there is no layer {layer}")
        for start, stop in ranges:
            require(_is_whole(start) and _is_whole(stop) and start <= stop < 2**40, "what is complete is no range")
    found: dict[str, Any] = attributes
    return found


def check_array(array: Any, batch: int, n_rows: int, storage: str) -> None:
    """The zarr array of a layer: (image, row, channel)."""
    require(array.ndim == 3 and array.shape[1] == n_rows, f"its shape is {array.shape}")
    require(array.chunks == (batch, *array.shape[1:]), f"its chunks are {array.chunks}")
    require(str(array.dtype) == storage, f"its type is {array.dtype}")
