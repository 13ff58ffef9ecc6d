"""Selections under names, kept in the study that is shown. Knows neither Qt nor napari."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...errors import StorageError
from ..state.history import SelectionMode
from ..state.named_selections import NamedSelections
from ..state.timeline import Step, Timeline
from .node_selection import NodeSelection
from .shown import Shown

__all__ = ["SelectionNames"]


class SelectionNames:
    """Named selections of the cut that is shown.

    Parameters
    ----------
    shown, selection
        Where they are kept, and what is named.
    timeline
        Learns of every change.

    Attributes
    ----------
    sets
        The names and their nodes.
    changed
        Signal: there is another name, or one less.
    failed
        Signal (error): they cannot be read, or not be kept.
    """

    changed = Signal()
    failed = Signal(Exception)

    def __init__(self, shown: Shown, selection: NodeSelection, timeline: Timeline | None = None) -> None:
        self._shown, self._selection, self._timeline = shown, selection, timeline
        self.sets = NamedSelections()
        self._told_unwritable = False

    def load(self) -> None:
        """Read those of the cut that is shown."""
        study = self._shown.study
        self._told_unwritable = False
        self.sets = NamedSelections()
        try:
            if study is not None and study.cut is not None:
                self.sets = NamedSelections(study.study.store.files, study.cut.name, study.cut.index)
        except StorageError as error:
            # They stay without a file: what is damaged is not written over.
            self.failed.emit(error)
        self.changed.emit()

    def keep(self, name: str, which: str | None = None) -> None:
        """Keep a selection, by default the active one, under a name; saved at once.

        Raises
        ------
        InputError
            If the name or the selection is empty.
        """
        name, sets, nodes = name.strip(), self.sets, self._selection.of(which).nodes
        before = sets.get(name)
        self._save(lambda: sets.put(name, nodes))
        self._remember(sets, name, before, nodes)

    def recall(self, name: str, mode: SelectionMode = "replace") -> None:
        """Make a named selection the active one, or combine the active one with it.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        self._selection.select(self.sets[name], mode)

    def forget(self, name: str) -> None:
        """Delete a named selection."""
        sets, before = self.sets, self.sets[name]
        self._save(lambda: sets.remove(name))
        self._remember(sets, name, before, None)

    def _remember(
        self, sets: NamedSelections, name: str, before: NDArray[np.int64] | None, after: NDArray[np.int64] | None
    ) -> None:
        """Let the change be undone."""

        def put(nodes: NDArray[np.int64] | None) -> None:
            self._save(lambda: sets.remove(name) if nodes is None else sets.put(name, nodes))

        if self._timeline is not None:
            self._timeline.add(Step(lambda: put(before), lambda: put(after)))

    def _save(self, change: Callable[[], None]) -> None:
        try:
            change()
        except StorageError as error:
            if not self._told_unwritable:
                self._told_unwritable = True
                self.failed.emit(error)
        self.changed.emit()
