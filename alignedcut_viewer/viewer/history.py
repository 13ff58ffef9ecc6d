"""Undo and redo for the selection. Knows neither Qt nor napari."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

__all__ = ["History", "Selection", "SelectionMode"]

SelectionMode = Literal["replace", "add", "remove", "toggle"]
NO_NODES: NDArray[np.int64] = np.empty(0, dtype=np.int64)
NO_NODES.flags.writeable = False


@dataclass(frozen=True, eq=False)
class Selection:
    """A set of nodes.

    Parameters
    ----------
    nodes
        Flat node numbers; any order, repetitions allowed. Kept sorted, unique and read-only, int64.
    """

    nodes: NDArray[np.int64] = field(default_factory=lambda: NO_NODES)

    def __post_init__(self) -> None:
        nodes = np.unique(np.asarray(self.nodes, dtype=np.int64))
        nodes.flags.writeable = False
        object.__setattr__(self, "nodes", nodes)

    def __len__(self) -> int:
        return int(self.nodes.size)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selection) and np.array_equal(self.nodes, other.nodes)

    def __hash__(self) -> int:
        return hash(self.nodes.tobytes())

    def combined(self, nodes: Iterable[int] | NDArray[np.int64], mode: SelectionMode = "replace") -> "Selection":
        """The selection after `nodes` were selected in addition, instead, or less.

        Raises
        ------
        InputError
            If `mode` is not one of replace, add, remove, toggle.
        """
        new = np.asarray(nodes if isinstance(nodes, np.ndarray) else list(nodes), dtype=np.int64)
        if mode == "replace":
            return Selection(new)
        if mode == "add":
            return Selection(np.union1d(self.nodes, new))
        if mode == "remove":
            return Selection(np.setdiff1d(self.nodes, new))
        if mode == "toggle":
            return Selection(np.setxor1d(self.nodes, np.unique(new)))
        raise InputError(f"Unknown way to select {mode!r}; use replace, add, remove or toggle.")


class History:
    """A line of selections with a present moment.

    Parameters
    ----------
    limit
        How many selections are remembered; the oldest are forgotten first.
    on_change
        Called with the present selection whenever it becomes another one.
    """

    def __init__(self, limit: int = 200, on_change: Callable[[Selection], None] | None = None) -> None:
        if limit < 1:
            raise InputError(f"A history must remember at least one selection; got a limit of {limit}.")
        self._limit = limit
        self._on_change = on_change
        self._past: list[Selection] = []
        self._future: list[Selection] = []
        self._present = Selection()

    @property
    def present(self) -> Selection:
        """The selection now."""
        return self._present

    @property
    def can_undo(self) -> bool:
        """Whether there is a selection to go back to."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether an undone selection can be had again."""
        return bool(self._future)

    def select(self, nodes: Iterable[int] | NDArray[np.int64], mode: SelectionMode = "replace") -> Selection:
        """Change the selection; choosing what is already chosen is not a step."""
        new = self._present.combined(nodes, mode)
        if new != self._present:
            self._past.append(self._present)
            del self._past[: -self._limit]
            self._future.clear()
            self._become(new)
        return self._present

    def undo(self) -> Selection:
        """Go back one step; without a past, stay."""
        if self._past:
            self._future.append(self._present)
            self._become(self._past.pop())
        return self._present

    def redo(self) -> Selection:
        """Take back one undo; without one, stay."""
        if self._future:
            self._past.append(self._present)
            self._become(self._future.pop())
        return self._present

    def clear(self) -> None:
        """Forget everything, because the nodes are numbered anew."""
        self._past.clear()
        self._future.clear()
        if len(self._present):
            self._become(Selection())

    def _become(self, selection: Selection) -> None:
        self._present = selection
        if self._on_change is not None:
            self._on_change(selection)
