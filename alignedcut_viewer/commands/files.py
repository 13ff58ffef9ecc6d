"""Names and tables of the files that commands write."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..atomic_files import replace_file
from ..errors import InputError

__all__ = ["check_ending", "write_csv"]


def check_ending(out: str | None, *endings: str) -> None:
    """Raise InputError unless the name of a file, where one is given, has one of these endings."""
    if out is not None and not out.endswith(endings):
        raise InputError(f"{out} must end in {' or '.join(endings)}.")


def write_csv(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """A table with a header, written in one step; all rows have the columns of the first."""
    listed = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(listed[0]) if listed else [], lineterminator="\n")
    writer.writeheader()
    for row in listed:
        writer.writerow(row)
    replace_file(path, text.getvalue().encode())
