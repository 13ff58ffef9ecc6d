"""Label maps as runs of equal numbers, row by row: a hundredth of the memory of their pixels."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

__all__ = ["LabelRuns", "RecentMaps"]


@dataclass(frozen=True, eq=False)
class LabelRuns:
    """A label map that is not spread out; two are the same only if they are one object.

    Attributes
    ----------
    shape
        Rows and columns.
    lengths
        Pixels of each run, whole numbers ``(n,)``; runs go on from row to row.
    values
        The number of each run, ``(n,)``; 0 is no segment.
    """

    shape: tuple[int, int]
    lengths: NDArray[np.integer[Any]]
    values: NDArray[np.integer[Any]]

    @classmethod
    def of(cls, labels: ArrayLike) -> LabelRuns:
        """Runs of a label map ``(rows, columns)`` of whole numbers from 0; an InputError if it is none."""
        given = np.asarray(labels)
        if given.ndim != 2 or given.dtype.kind not in "iub" or (given.size and given.min() < 0):
            raise InputError(
                f"A label map is (rows, columns) of whole numbers from 0; got {given.shape} {given.dtype}."
            )
        flat = given.ravel()
        starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]])) if flat.size else np.zeros(0, int)
        lengths = np.diff(np.append(starts, flat.size)).astype(np.uint32)
        return cls((given.shape[0], given.shape[1]), lengths, flat[starts].astype(np.int32))

    def labels(self) -> NDArray[np.int32]:
        """The label map, int32 ``(rows, columns)``."""
        return np.repeat(self.values.astype(np.int32), self.lengths).reshape(self.shape)

    def counts(self) -> dict[int, int]:
        """Pixels of each number that occurs, in ascending order, 0 among them."""
        numbers, place = np.unique(self.values, return_inverse=True)
        pixels = np.bincount(place, weights=self.lengths, minlength=len(numbers)).astype(np.int64)
        return dict(zip(numbers.tolist(), pixels.tolist(), strict=True))

    def renumbered(self, numbers: Collection[int], to: int) -> LabelRuns:
        """The map with other numbers made one; itself where it holds none of them."""
        touched = np.isin(self.values, list(numbers))
        if not touched.any():
            return self
        values = np.where(touched, np.int32(to), self.values.astype(np.int32))
        starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
        return LabelRuns(self.shape, np.add.reduceat(self.lengths, starts, dtype=np.uint32), values[starts])


class RecentMaps:
    """Spreads out label maps, and keeps the few that were asked for last; safe to ask from several threads.

    Parameters
    ----------
    most
        Maps that are kept.
    """

    def __init__(self, most: int = 6) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[LabelRuns, NDArray[np.int32]] = OrderedDict()

    def of(self, runs: LabelRuns) -> NDArray[np.int32]:
        """Its label map; not to be written to."""
        with self._lock:
            found = self._kept.pop(runs, None)
            if found is None:
                found = runs.labels()
            self._kept[runs] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return found

    def __len__(self) -> int:
        return len(self._kept)
