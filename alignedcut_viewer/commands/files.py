"""Names and tables of the files that commands write."""

from __future__ import annotations

from ..errors import InputError

__all__ = ["check_ending"]


def check_ending(out: str | None, *endings: str) -> None:
    """Raise InputError unless the name of a file, where one is given, has one of these endings."""
    if out is not None and not out.endswith(endings):
        raise InputError(f"{out} must end in {' or '.join(endings)}.")
