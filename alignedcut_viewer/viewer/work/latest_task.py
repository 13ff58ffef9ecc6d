"""Small work beside the task runner's: what a panel prepares for itself, without a place in the task bar."""

import weakref
from collections.abc import Callable
from typing import Any

from qtpy.compat import isalive
from qtpy.QtWidgets import QWidget

from .background import BackgroundTask
from .outcome import Work
from .task_runner import tell_error

__all__ = ["LatestTask"]


class LatestTask:
    """Runs the latest of some requests in the background; what earlier ones give is dropped.

    Parameters
    ----------
    title
        Its name for the user, should napari ask before it closes.
    then
        Called in the window's thread with what the latest work returned. Bound methods, here and below, are not kept
        alive, nor is the widget they belong to.
    on_progress
        Called with (done, total, text) while the latest work goes on.
    on_rest
        Called when nothing is at work any more, before `then` and before an error is told.
    """

    def __init__(
        self,
        title: str,
        then: Callable[[Any], None],
        *,
        on_progress: Callable[[int, int, str], None] | None = None,
        on_rest: Callable[[], None] | None = None,
    ) -> None:
        self._title = title
        self._then = weakref.WeakMethod(then)
        self._on_progress = None if on_progress is None else weakref.WeakMethod(on_progress)
        self._on_rest = None if on_rest is None else weakref.WeakMethod(on_rest)
        self._task: BackgroundTask | None = None
        self._next: Work | None = None
        self._dropped = False

    @property
    def busy(self) -> bool:
        """Whether something is at work."""
        return self._task is not None

    def start(self, work: Work) -> None:
        """Do this, as soon as what is at work has ended; what was waiting is forgotten."""
        if self._task is not None:
            self._next = work
            self._task.quit()
            return
        self._dropped = False
        self._task = BackgroundTask.of(work, self._title)
        self._task.progressed.connect(self._progressed)
        self._task.finished.connect(self._finished)
        self._task.start()

    def stop(self) -> None:
        """Drop what is at work and what waits."""
        self._next, self._dropped = None, True
        if self._task is not None:
            self._task.quit()

    def _progressed(self, done: int, total: int, text: str) -> None:
        if self._task is not None and self._next is None and not self._dropped:
            tell = _alive(self._on_progress)
            if tell is not None:
                tell(done, total, text)

    def _finished(self) -> None:
        task, self._task = self._task, None
        outcome = None if task is None else task.take_outcome()
        work, self._next = self._next, None
        if work is not None:
            self.start(work)
            return
        then, rest = _alive(self._then), _alive(self._on_rest)
        if outcome is None or self._dropped or then is None:
            return
        if rest is not None:
            rest()
        if outcome.error is not None:
            tell_error(outcome.error)
        elif not outcome.cancelled:
            then(outcome.value)


def _alive(method: "weakref.WeakMethod[Callable[..., None]] | None") -> Callable[..., None] | None:
    """A method whose object is still there, with its window."""
    bound: Any = None if method is None else method()
    if bound is None or (isinstance(bound.__self__, QWidget) and not isalive(bound.__self__)):
        return None
    return bound
