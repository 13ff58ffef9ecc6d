"""The part of a coordinator that keeps selections under names. Knows neither Qt nor napari."""

from collections.abc import Callable

from psygnal import Signal

from ...errors import StorageError
from ..state.history import SelectionMode
from ..state.named_selections import NamedSelections
from .picking import Picking

__all__ = ["Naming"]


class Naming(Picking):
    """Named selections of the cut that is shown.

    Attributes
    ----------
    named
        The names and their nodes.
    named_changed
        Signal: there is another name, or one less.
    """

    named_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.named = NamedSelections()
        self._told_unwritable = False

    def load_named(self) -> None:
        """Read those of the cut that is shown."""
        study = self.study
        self._told_unwritable = False
        try:
            if study is None or study.cut is None:
                self.named = NamedSelections()
            else:
                self.named = NamedSelections(study.path, study.cut.name, study.cut.index)
        except StorageError as error:
            # Without a file: what is damaged is not written over.
            self.named = NamedSelections()
            self._tell_error(error)
        self._tell(self.named_changed)

    def name_selection(self, name: str, which: str | None = None) -> None:
        """Keep a selection, by default the active one, under a name; saved at once.

        Raises
        ------
        InputError
            If the name or the selection is empty.
        """
        self._save(lambda: self.named.put(name, self.selection(which).nodes))

    def recall(self, name: str, mode: SelectionMode = "replace") -> None:
        """Make a named selection the active one, or combine the active one with it.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        self.select(self.named[name], mode)

    def forget_named(self, name: str) -> None:
        """Delete a named selection."""
        self._save(lambda: self.named.remove(name))

    def _save(self, change: Callable[[], None]) -> None:
        try:
            change()
        except StorageError as error:
            if not self._told_unwritable:
                self._told_unwritable = True
                self._tell_error(error)
        self._tell(self.named_changed)
