"""Which nodes are chosen and pointed at. Knows neither Qt nor napari."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ..state.history import SELECTIONS, History, Selection, SelectionMode
from ..state.timeline import Timeline
from .shown import Shown

__all__ = ["NodeSelection"]


class NodeSelection:
    """Figure and ground, one of them active, and the node that is pointed at.

    Parameters
    ----------
    shown
        Whose nodes are chosen.
    timeline
        Learns of every step; None keeps them to this history.

    Attributes
    ----------
    history
        Both selections and their past; the timeline walks through it.
    changed
        Signal (which, selection): a selection became another one.
    active_changed
        Signal (which): the other selection is the one that is changed by picking.
    hovered_changed
        Signal (node or None): what is pointed at, in the pictures or in a panel.
    """

    changed = Signal(str, Selection)
    active_changed = Signal(str)
    hovered_changed = Signal(object)

    def __init__(self, shown: Shown, timeline: Timeline | None = None) -> None:
        self._shown, self._timeline = shown, timeline
        self.history = History(on_change=self.changed.emit, on_step=self._on_step)
        self._active = SELECTIONS[0]
        self._hovered: int | None = None

    def _on_step(self) -> None:
        if self._timeline is not None:
            self._timeline.add(self.history)

    # -- figure and ground ---------------------------------------------------------------------------------------

    def select(
        self, nodes: Iterable[int] | NDArray[np.int64], mode: SelectionMode = "replace", which: str | None = None
    ) -> None:
        """Change a selection.

        Parameters
        ----------
        nodes
            Flat node numbers.
        mode
            ``replace``, ``add``, ``remove``, ``toggle`` or ``intersect``.
        which
            ``figure`` or ``ground``; None means the active one.

        Raises
        ------
        InputError
            If no cut is shown, or a node is not in it.
        """
        chosen = np.asarray(nodes if isinstance(nodes, np.ndarray) else list(nodes), dtype=np.int64)
        self._shown.index.locate(chosen)
        self.history.select(chosen, mode, self._active if which is None else which)

    def clear(self) -> None:
        """Choose nothing, neither figure nor ground, in one step."""
        self.history.assign({which: Selection() for which in SELECTIONS})

    def of(self, which: str | None = None) -> Selection:
        """The nodes of ``figure`` or ``ground``; None means the active one."""
        return self.history.selection(self._active if which is None else which)

    @property
    def active(self) -> str:
        """The selection that picking changes: ``figure`` or ``ground``."""
        return self._active

    def set_active(self, which: str) -> None:
        """Let picking change that selection.

        Raises
        ------
        InputError
            If there is no such selection.
        """
        self.history.selection(which)
        if which != self._active:
            self._active = which
            self.active_changed.emit(which)

    # -- what is pointed at --------------------------------------------------------------------------------------

    @property
    def hovered(self) -> int | None:
        """The node that is pointed at."""
        return self._hovered

    def hover(self, node: int | None) -> None:
        """Point at a node, or at none.

        Raises
        ------
        InputError
            If no cut is shown, or the node is not in it.
        """
        if node is not None:
            node = int(node)
            self._shown.index.locate(node)
        if node != self._hovered:
            self._hovered = node
            self.hovered_changed.emit(node)

    def forget(self) -> None:
        """Nodes are numbered anew: nothing is chosen or pointed at, and there is no past."""
        self.history.clear()
        if self._timeline is not None:
            self._timeline.forget(self.history)
        self.hover(None)
