"""Two selections of nodes, figure and ground, with one line of undo and redo. Knows neither Qt nor napari."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

__all__ = ["SELECTIONS", "SELECTION_COLOURS", "History", "Selection", "SelectionMode"]

SelectionMode = Literal["replace", "add", "remove", "toggle", "intersect"]
SELECTIONS = ("figure", "ground")
"""Names of the selections."""

SELECTION_COLOURS = {"figure": "#E69F00", "ground": "#56B4E9"}
"""Colour of each selection wherever it is shown; told apart by colour-blind eyes too (Okabe and Ito)."""

NO_NODES: NDArray[np.int64] = np.empty(0, dtype=np.int64)
NO_NODES.flags.writeable = False
MOST_MEMORY = 256 * 2**20


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
        nodes = np.array(self.nodes, dtype=np.int64).reshape(-1)
        if not (nodes[1:] > nodes[:-1]).all():  # many nodes of a lasso are in order already
            nodes = np.unique(nodes)
        nodes.flags.writeable = False
        object.__setattr__(self, "nodes", nodes)

    def __len__(self) -> int:
        return int(self.nodes.size)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selection) and np.array_equal(self.nodes, other.nodes)

    def __hash__(self) -> int:
        return hash(self.nodes.tobytes())

    def combined(self, nodes: Iterable[int] | NDArray[np.int64], mode: SelectionMode = "replace") -> "Selection":
        """The selection after `nodes` were selected instead, in addition, or less; or what both have in common.

        Raises
        ------
        InputError
            If `mode` is not one of replace, add, remove, toggle, intersect.
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
        if mode == "intersect":
            return Selection(np.intersect1d(self.nodes, new))
        raise InputError(f"Unknown way to select {mode!r}; use replace, add, remove, toggle or intersect.")


State = dict[str, Selection]


class History:
    """One line of states of all selections, with a present moment.

    Parameters
    ----------
    limit
        How many states are remembered; the oldest are forgotten first, and so they are where all of them together
        would take more than 256 MiB.
    on_change
        Called with the name and the present nodes of a selection whenever it becomes another one.
    names
        Names of the selections; the first is meant where none is named.
    on_step
        Called after each step that can be undone.
    """

    def __init__(
        self,
        limit: int = 200,
        on_change: Callable[[str, Selection], None] | None = None,
        names: Iterable[str] = SELECTIONS,
        on_step: Callable[[], None] | None = None,
    ) -> None:
        if limit < 1:
            raise InputError(f"A history must remember at least one selection; got a limit of {limit}.")
        self._limit = limit
        self._on_change, self._on_step = on_change, on_step
        self._past: list[State] = []
        self._future: list[State] = []
        self._present: State = {name: Selection() for name in names}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the selections."""
        return tuple(self._present)

    @property
    def can_undo(self) -> bool:
        """Whether there is a state to go back to."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether an undone state can be had again."""
        return bool(self._future)

    def selection(self, which: str | None = None) -> Selection:
        """The present nodes of a selection.

        Raises
        ------
        InputError
            If there is no selection of that name.
        """
        name = self.names[0] if which is None else which
        if name not in self._present:
            raise InputError(f"There is no selection {name!r}; there are {' and '.join(self.names)}.")
        return self._present[name]

    def select(
        self, nodes: Iterable[int] | NDArray[np.int64], mode: SelectionMode = "replace", which: str | None = None
    ) -> Selection:
        """Change one selection; choosing what is already chosen is not a step."""
        name = self.names[0] if which is None else which
        return self.assign({name: self.selection(name).combined(nodes, mode)})[name]

    def assign(self, selections: Mapping[str, Selection]) -> State:
        """Replace several selections in one step; those not named stay as they are."""
        for name in selections:
            self.selection(name)
        new = {**self._present, **selections}
        if new != self._present:
            self._past.append(self._present)
            self._future.clear()
            self._trim()
            self._become(new)
            if self._on_step is not None:
                self._on_step()
        return dict(self._present)

    def undo(self) -> bool:
        """Go back one step; False, and nothing changes, without a past."""
        if not self._past:
            return False
        self._future.append(self._present)
        self._become(self._past.pop())
        return True

    def redo(self) -> bool:
        """Take back one undo; False, and nothing changes, without one."""
        if not self._future:
            return False
        self._past.append(self._present)
        self._become(self._future.pop())
        return True

    def clear(self) -> None:
        """Forget everything, because the nodes are numbered anew."""
        self._past.clear()
        self._future.clear()
        self._become({name: Selection() for name in self._present})

    def _trim(self) -> None:
        """Forget the oldest states: too many, or too large together."""
        del self._past[: -self._limit]
        seen: set[int] = set()
        room = MOST_MEMORY
        for position in range(len(self._past) - 1, -1, -1):
            for selection in self._past[position].values():
                # Neighbouring states share the selection that did not change.
                if id(selection) not in seen:
                    seen.add(id(selection))
                    room -= selection.nodes.nbytes
            if room < 0:
                del self._past[: position + 1]
                return

    def _become(self, state: State) -> None:
        old, self._present = self._present, state
        if self._on_change is not None:
            for name, selection in state.items():
                if selection != old[name]:
                    self._on_change(name, selection)
