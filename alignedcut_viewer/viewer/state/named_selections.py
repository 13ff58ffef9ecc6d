"""Selections under names of the user's choice, kept in the study. Knows neither Qt nor napari."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, StorageError
from ...foreign_files import reading_foreign
from ...node_ranges import as_ranges, from_ranges, translate
from ...nodes import NodeIndex
from ...study_files import LocalFiles

__all__ = ["NamedSelections"]

FILE = "selections.json"
FORMAT = 1


class NamedSelections:
    """Named sets of nodes of one cut, saved whenever they change.

    The file ``selections.json`` in the study holds those of all its cuts, each with the numbering of its nodes: where a
    cut was made anew from other pictures or layers, its selections find their places again.

    Parameters
    ----------
    files
        The study's files; None keeps nothing.
    cut
        Name of the cut.
    index
        Its nodes.
    """

    def __init__(self, files: LocalFiles | None = None, cut: str = "", index: NodeIndex | None = None) -> None:
        self._files = files
        self._cut, self._index = cut, index
        self._sets: dict[str, NDArray[np.int64]] = {}
        entry = self._read().get(cut)
        if entry is not None and index is not None:
            with reading_foreign(self._place, "a file of named selections", StorageError):
                numbered = NodeIndex.from_dict(entry["index"])
                for name, ranges in entry["selections"].items():
                    nodes = from_ranges(ranges, len(numbered))
                    self._sets[str(name)] = translate(nodes, numbered, index)

    def __len__(self) -> int:
        return len(self._sets)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sets)

    def __contains__(self, name: object) -> bool:
        return name in self._sets

    def get(self, name: str) -> NDArray[np.int64] | None:
        """The nodes of a name, None where there is none."""
        return self._sets.get(name)

    def __getitem__(self, name: str) -> NDArray[np.int64]:
        if name not in self._sets:
            raise InputError(f"There is no selection called {name!r}.")
        return self._sets[name]

    def put(self, name: str, nodes: NDArray[np.int64]) -> None:
        """Keep nodes under a name, in the place of those it had.

        Raises
        ------
        InputError
            If there is no name, or there are no nodes.
        StorageError
            If the study cannot be written; the selection is kept as long as the window is open.
        """
        name = name.strip()
        if not name:
            raise InputError("Enter a name for the selection.")
        if not len(nodes):
            raise InputError("The selection is empty; pick something first.")
        self._sets[name] = np.asarray(nodes, dtype=np.int64)
        self._write()

    def remove(self, name: str) -> None:
        """Forget a name; errors as for :meth:`put`."""
        self[name]
        del self._sets[name]
        self._write()

    def free_name(self, stem: str) -> str:
        """`stem` with the first number that is not taken."""
        number = 1
        while f"{stem} {number}" in self._sets:
            number += 1
        return f"{stem} {number}"

    @property
    def _place(self) -> Path:
        return Path(FILE) if self._files is None else self._files.folder / FILE

    def _read(self) -> dict[str, Any]:
        """Entries of all cuts; none where there is no file."""
        data = None if self._files is None else self._files.read(FILE)
        if data is None:
            return {}
        with reading_foreign(self._place, "a file of named selections", StorageError):
            content = json.loads(data)
            version, cuts = int(content["format"]), dict(content["cuts"])
        if version > FORMAT:
            raise StorageError(f"{self._place} was written by a newer version; named selections cannot be read.")
        return cuts

    def _write(self) -> None:
        if self._files is None or self._index is None:
            return
        selections = {name: as_ranges(nodes) for name, nodes in self._sets.items()}
        entry = {"index": self._index.as_dict(), "selections": selections}
        content = {"format": FORMAT, "cuts": {**self._read(), self._cut: entry}}
        if not self._files.there:
            raise StorageError(f"The study {self._files.place} is gone; the selection is kept only in this window.")
        self._files.write(FILE, json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())
