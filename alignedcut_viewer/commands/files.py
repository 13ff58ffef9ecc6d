"""Names and tables of the files that commands write."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import InputError
from ..places import Url, as_place

__all__ = ["check_ending", "put_beside"]


def put_beside(study: str, what: str) -> Path:
    """Where files of a study go if nobody says: beside it, or in the present folder if it is elsewhere."""
    place = as_place(study)
    return Path(f"{place.name if isinstance(place, Url) else study.rstrip('/' + os.sep)}-{what}")


def check_ending(out: str | None, *endings: str) -> None:
    """Raise InputError unless the name of a file, where one is given, has one of these endings."""
    if out is not None and not out.endswith(endings):
        raise InputError(f"{out} must end in {' or '.join(endings)}.")
