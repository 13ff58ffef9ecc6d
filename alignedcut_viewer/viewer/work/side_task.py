"""Small work beside the coordinator's: what a panel prepares for itself, without a place in the task bar."""

import weakref
from collections.abc import Callable
from typing import Any

from qtpy.compat import isalive
from qtpy.QtWidgets import QWidget

from .background import BackgroundTask, Work
from .task_runner import tell_error

__all__ = ["SideTask"]


class SideTask:
    """Runs the latest of some requests in the background; what earlier ones give is dropped.

    Parameters
    ----------
    title
        Its name for the user, should napari ask before it closes.
    then
        Called in the window's thread with what the latest work returned. A bound method is not kept alive, nor is the
        widget it belongs to.
    """

    def __init__(self, title: str, then: Callable[[Any], None]) -> None:
        self._title = title
        self._then = weakref.WeakMethod(then)
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
        self._task.finished.connect(self._on_finished)
        self._task.start()

    def stop(self) -> None:
        """Drop what is at work and what waits."""
        self._next, self._dropped = None, True
        if self._task is not None:
            self._task.quit()

    def _on_finished(self) -> None:
        task, self._task = self._task, None
        work, self._next = self._next, None
        if work is not None:
            self.start(work)
            return
        then = self._then()
        if task is None or task.outcome is None or self._dropped or then is None:
            return
        if isinstance(then.__self__, QWidget) and not isalive(then.__self__):  # its window was closed meanwhile
            return
        if task.outcome.error is not None:
            tell_error(task.outcome.error)
        elif not task.outcome.cancelled:
            then(task.outcome.value)
