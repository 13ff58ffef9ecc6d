"""Tables as CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .atomic_files import replace_file, writing

__all__ = ["plain_cell", "write_table"]

_STARTS = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")


def plain_cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula.

    Spreadsheets run text that begins with ``=``, ``+``, ``-`` or ``@``, and names of pictures or concepts may begin so.
    Such text, unless it is a number, gets an apostrophe in front. Numbers stay as they are.
    """
    if not isinstance(value, str):
        return value
    value = value.replace("\r", " ")  # which the csv module does not quote
    if not value.lstrip(" ").startswith(_STARTS):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def write_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write a table with a header in one step; all rows have the columns of the first.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    listed = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, [plain_cell(name) for name in listed[0]] if listed else [], lineterminator="\n")
    writer.writeheader()
    for row in listed:
        writer.writerow({plain_cell(name): plain_cell(value) for name, value in row.items()})
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.getvalue().encode(errors="backslashreplace"))
    return path
