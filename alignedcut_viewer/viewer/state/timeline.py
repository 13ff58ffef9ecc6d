"""One line of undo over everything that can be undone in a window. Knows neither Qt nor napari."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from psygnal import Signal

__all__ = ["Step", "Timeline", "Undoable"]

MOST_STEPS = 1000


class Undoable(Protocol):
    """Something with a past of its own, such as the selections, the segments or the prompts."""

    def undo(self) -> bool:
        """Go back one step; False without a past."""

    def redo(self) -> bool:
        """Take back one undo; False without one."""


@dataclass(frozen=True, eq=False)
class Step:
    """One step that is its own past: a name given, concepts merged, another cut shown.

    Attributes
    ----------
    back, again
        Take it back, and do it again.
    lasting
        Whether it can be undone after the nodes are numbered anew, too.
    """

    back: Callable[[], object]
    again: Callable[[], object]
    lasting: bool = False

    def undo(self) -> bool:
        """Take it back."""
        self.back()
        return True

    def redo(self) -> bool:
        """Do it again."""
        self.again()
        return True


class Timeline:
    """Remembers in which order steps were made, whoever made them; each keeps its own past.

    Attributes
    ----------
    changed
        Signal: a step was made, undone or redone.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._done: list[Undoable] = []
        self._undone: list[Undoable] = []

    def add(self, source: Undoable) -> None:
        """A step was made; what was undone before cannot be had again."""
        self._done.append(source)
        del self._done[:-MOST_STEPS]
        self._undone.clear()
        self.changed.emit()

    def forget(self, source: Undoable) -> None:
        """All steps of a source are void."""
        self._done = [step for step in self._done if step is not source]
        self._undone = [step for step in self._undone if step is not source]
        self.changed.emit()

    def forget_all(self) -> None:
        """Another study is shown: nothing that was done in the one before can be undone here."""
        self._done.clear()
        self._undone.clear()
        self.changed.emit()

    def forget_passing(self) -> None:
        """The nodes are numbered anew: steps that do not outlast that are void."""
        for line in (self._done, self._undone):
            line[:] = [step for step in line if not isinstance(step, Step) or step.lasting]
        self.changed.emit()

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to make again."""
        return bool(self._undone)

    def undo(self, source: Undoable | None = None) -> bool:
        """Take back the latest step, or the latest of one source; False where there is none."""
        step = self._take(self._done, source, "undo")
        if step is not None:
            self._undone.append(step)
            self.changed.emit()
        return step is not None

    def redo(self, source: Undoable | None = None) -> bool:
        """Make again what was undone last, or last of one source; False where there is nothing."""
        step = self._take(self._undone, source, "redo")
        if step is not None:
            self._done.append(step)
            self.changed.emit()
        return step is not None

    @staticmethod
    def _take(steps: list[Undoable], source: Undoable | None, what: str) -> Undoable | None:
        for at in range(len(steps) - 1, -1, -1):
            if source is None or steps[at] is source:
                step = steps.pop(at)
                # A source may have forgotten its oldest steps.
                if step.undo() if what == "undo" else step.redo():
                    return step
                return Timeline._take(steps, source, what)
        return None
