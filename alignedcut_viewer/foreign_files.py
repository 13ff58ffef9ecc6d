"""Files that somebody else wrote: whatever is in them, a result or one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from .errors import AlignedCutError, Cancelled, InputError
from .places import shown

__all__ = ["MOST_PIXELS", "checked_name", "checked_size", "reading_foreign"]

MOST_PIXELS = 2**28
"""Pixels of the largest picture or mask that is read; a file that claims more would take all of the memory."""


@contextlib.contextmanager
def reading_foreign(path: Path, what: str, raising: type[AlignedCutError] = InputError) -> Iterator[None]:
    """Turn whatever a parser makes of a file that is not what it claims into one sentence.

    Parameters
    ----------
    path
        The file, to be named.
    what
        What it should be, with its article: "a ground truth of BSDS500".
    raising
        Type of the error.

    Raises
    ------
    AlignedCutError
        Of type `raising`; an AlignedCutError raised inside keeps its own, with the file's name before it.
    """
    name = shown(path)
    try:
        yield
    except Cancelled:
        raise
    except AlignedCutError as error:
        if name in str(error):
            raise
        raise type(error)(f"{name}: {error}") from error
    except Exception as error:  # of a hostile file a parser may raise anything, MemoryError and RecursionError included
        reason = " ".join(str(error).split())[:200]
        raise raising(f"{name} is damaged or not {what} ({type(error).__name__}: {reason}).") from error


def checked_name(name: object) -> str:
    """A file's name, perhaps in folders, as a file states it: never one that leads out of the folder it is in.

    Raises
    ------
    InputError
        If it is no text, absolute, or goes up.
    """
    if not isinstance(name, str) or not name or "\x00" in name:
        raise InputError(f"{name!r} is no name of a file.")
    windows = PureWindowsPath(name)
    if windows.drive or windows.root or PurePosixPath(name).is_absolute() or ".." in windows.parts:
        raise InputError(f"The file name {name!r} leads out of its folder; it was not followed.")
    return name


def checked_size(height: object, width: object) -> tuple[int, int]:
    """Height and width as a file states them.

    Raises
    ------
    InputError
        If they are no whole numbers from 1 on, or more pixels than are read.
    """
    try:
        size = int(height), int(width)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{height!r} × {width!r} is no size of a picture.") from None
    if min(size) < 1 or size[0] * size[1] > MOST_PIXELS:
        raise InputError(f"A picture of {size[0]:,} × {size[1]:,} pixels is not read; {MOST_PIXELS:,} are the limit.")
    return size
