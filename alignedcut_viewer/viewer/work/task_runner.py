"""Work in the background of one viewer: one thing at a time, with progress, Cancel, and its end told to the user."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari.utils import progress as activity
from napari.utils.notifications import notification_manager, show_error, show_info, show_warning
from psygnal import Signal

from ...errors import AlignedCutError
from ...progress import ProgressCallback
from .outcome import Outcome, Task, Work

__all__ = ["TaskRunner", "TaskState", "tell_error"]


@dataclass(frozen=True)
class TaskState:
    """What the background does.

    Attributes
    ----------
    title
        Name of the work, "" when there is none.
    done, total
        Steps; a total of 0 means that it is not known yet.
    text
        What it is doing.
    stopping
        Whether it was told to stop and has not yet.
    """

    title: str = ""
    done: int = 0
    total: int = 0
    text: str = ""
    stopping: bool = False

    @property
    def busy(self) -> bool:
        """Whether there is work."""
        return bool(self.title)


class TaskRunner:
    """Runs what takes long.

    Parameters
    ----------
    is_open
        Whether there is still a window to tell; after it is closed nothing is told and no result is shown.
    task_of
        Makes a task of work and its title; by default one in a thread beside Qt's event loop.
    computers
        A context in which work that spreads is done: the processes and machines that take part; None for this process.

    Attributes
    ----------
    changed
        Signal (TaskState): what the background does now.
    ended
        Signal (title, how): work has ended, ``"done"`` and shown, ``"cancelled"`` or ``"failed"``.
    """

    changed = Signal(TaskState)
    ended = Signal(str, str)

    def __init__(
        self,
        is_open: Callable[[], bool] = lambda: True,
        task_of: Callable[[Work, str], Task] | None = None,
        computers: Callable[[], AbstractContextManager[Any]] | None = None,
    ) -> None:
        self._is_open = is_open
        self._computers = computers
        self._task_of = task_of or _in_background
        self._state = TaskState()
        self._task: Task | None = None
        self._then: Callable[[Any], None] | None = None
        self._bar: Any = None
        self._in_bar = False

    @property
    def state(self) -> TaskState:
        """What the background does now."""
        return self._state

    def start(
        self, title: str, work: Work, then: Callable[[Any], None] | None = None, *, spreads: bool = False
    ) -> bool:
        """Do something in the background.

        Parameters
        ----------
        title
            Its name for the user.
        work
            Called with a progress callback, in another thread; must not touch the viewer.
        then
            Called with what `work` returned, in the window's thread; not called after an error or a cancellation.
        spreads
            Whether its long passes can go to other processes and machines.

        Returns
        -------
        bool
            False where something else is still at work; the user is told.
        """
        if self._task is not None:
            show_warning(f"Please wait, or cancel first: {self._state.title} is still running.")
            return False
        if spreads and self._computers is not None:
            work = _on_computers(work, self._computers())
        task = self._task_of(work, title)
        self._task, self._then = task, then
        self._bar = activity(total=1000, desc=title)
        task.progressed.connect(self._on_progress)
        task.finished.connect(self._on_finished)
        task.warned.connect(self._on_warning)
        self._set_state(TaskState(title=title, text="starting"))
        task.start()
        return True

    def cancel(self) -> None:
        """Tell the work in the background to stop at its next step; what it finished stays on disk."""
        if self._task is not None and not self._state.stopping:
            self._task.quit()
            self._set_state(replace(self._state, stopping=True))

    def _set_state(self, state: TaskState) -> None:
        self._state = state
        if self._is_open():
            self.changed.emit(state)

    def _on_progress(self, done: int, total: int, text: str) -> None:
        if self._task is None:
            return
        self._set_state(replace(self._state, done=done, total=total, text=text))
        bar = self._bar
        if bar is not None and total > 0 and not self._in_bar:
            # napari's progress bar lets other events through: the task may have ended when it returns.
            self._in_bar = True
            try:
                bar.update(1000 * done // total - bar.n)
            finally:
                self._in_bar = False

    def _on_warning(self, details: tuple[Any, ...]) -> None:
        message, _, filename = details[:3]
        if Path(filename).is_relative_to(Path(__file__).parent.parent.parent):
            show_warning(str(message))

    def _on_finished(self) -> None:
        task, then, title = self._task, self._then, self._state.title
        if task is None:
            return
        self._task = self._then = None
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        outcome = task.take_outcome() or Outcome(cancelled=True)
        if not self._is_open():
            return
        self._set_state(TaskState())
        if outcome.error is not None:
            tell_error(outcome.error)
            self.ended.emit(title, "failed")
        elif outcome.cancelled:
            show_info(f"{title}: cancelled. Finished steps are kept; run again to continue.")
            self.ended.emit(title, "cancelled")
        else:
            self._finish(title, then, outcome.value)

    def _finish(self, title: str, then: Callable[[Any], None] | None, value: Any) -> None:
        try:
            if then is not None:
                then(value)
        except Exception as error:
            tell_error(error)
            self.ended.emit(title, "failed")
            return
        if self._task is None:  # else one thing led to another
            self.ended.emit(title, "done")


def _on_computers(work: Work, computers: AbstractContextManager[Any]) -> Work:
    """The work, done where the settings of this moment say."""

    def placed(progress: ProgressCallback) -> Any:
        progress(0, 0, "looking for those who compute")
        with computers:
            return work(progress)

    return placed


def _in_background(work: Work, title: str) -> Task:
    from .background import BackgroundTask

    return BackgroundTask.of(work, title)


def tell_error(error: BaseException) -> None:
    """Notify the user: of an :class:`AlignedCutError` by its sentence, of any other error with its trace."""
    if isinstance(error, AlignedCutError):
        show_error(str(error))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
