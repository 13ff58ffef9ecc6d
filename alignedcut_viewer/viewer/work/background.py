"""Work in a background thread that can be watched and stopped, beside a window that stays fluid.

Long functions of the rooms below report progress and are cancelled by an exception out of that report. A
:class:`BackgroundTask` joins this contract with napari's: ``quit()`` makes the next report raise
:class:`~alignedcut_viewer.errors.Cancelled`, and ``await_workers`` waits until the function has really ended.
"""

import atexit
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from napari import current_viewer
from napari.qt.threading import WorkerBase, WorkerBaseSignals, create_worker
from qtpy.QtCore import QThreadPool, Signal

from ...errors import Cancelled
from ...progress import ProgressCallback
from .loader_conflict import keep_triton_apart
from .outcome import Outcome, Work
from .task_warnings import warnings_told

__all__ = ["BackgroundTask"]

REPORT_INTERVAL = 0.04
SWITCH_INTERVAL = 0.001
NICENESS = 10


@dataclass
class _Titled:
    """A function with a name for people; napari keeps it as long as its window, which must not keep the function."""

    work: Work | None
    title: str

    def __call__(self, progress: ProgressCallback) -> Any:
        work, self.work = self.work, None
        if work is None:
            raise Cancelled
        return work(progress)

    def __str__(self) -> str:
        return self.title


class _TaskSignals(WorkerBaseSignals):
    progressed = Signal(int, int, str)


class BackgroundTask(WorkerBase):
    """One function in a thread of its own.

    Parameters
    ----------
    work
        Called as ``work(progress)`` in the thread. It must touch neither the viewer nor a layer.

    Attributes
    ----------
    progressed
        Signal (done, total, text) in the window's thread, at most 25 times a second.
    finished
        Signal in the window's thread when the function has ended; from then on there is an `outcome`.
    outcome
        How it ended.
    """

    def __init__(self, work: Work) -> None:
        super().__init__(SignalsClass=_TaskSignals)
        self.outcome: Outcome | None = None
        self._function: Work | None = work
        self._last_report = 0.0
        self._last_text = ""

    @classmethod
    def of(cls, work: Work, title: str) -> "BackgroundTask":
        """A task that napari knows by its title: it asks before it closes a window during work, and ends the work."""
        task = create_worker(_Titled(work, title), _worker_class=cls, _start_thread=False)
        tasks = _tasks_of_window()
        for key in [key for key, item in tasks.items() if _cancelled_by(item) is task]:
            # napari would keep it as long as its window, in which pointing at things starts thousands.
            task.finished.connect(partial(tasks.pop, key, None))
        return task

    def start(self) -> None:
        """Begin, and leave room for others in Qt's thread pool, as this task only waits there.

        Qt converts and scales pictures in the same pool while the window's thread waits, with Python's lock held: were
        all threads of the pool taken (two, on two cores), neither the window nor the tasks would ever go on.
        """
        pool = QThreadPool.globalInstance()
        pool.releaseThread()
        try:
            super().start()
        except BaseException:
            pool.reserveThread()
            raise

    def run(self) -> None:
        """Do the work and tell how it goes; called by Qt's thread pool.

        Not as the base class does it: see :func:`~alignedcut_viewer.viewer.work.task_warnings.warnings_told`.
        """
        self.started.emit()
        self._running = True
        try:
            self.work()
            if not self.abort_requested:
                self.returned.emit(None)
        except Exception as error:
            self.errored.emit(error)
        self._running = False
        self.finished.emit()
        self._finished.emit(self)

    def work(self) -> None:
        """Run the function in a thread of lower priority and wait for it; called by Qt's thread pool."""
        # A thread of its own, because threads of the pool are shared with other plugins and must keep their priority.
        thread = threading.Thread(target=self._run_function, name="alignedcut-task", daemon=True)
        try:
            with _quick_thread_switches():
                thread.start()
                thread.join()
        finally:
            QThreadPool.globalInstance().reserveThread()

    def take_outcome(self) -> Outcome | None:
        """How it ended, once; napari keeps every task as long as its window, which must not keep every result."""
        outcome, self.outcome = self.outcome, None
        return outcome

    def _run_function(self) -> None:
        _lower_priority()
        function, self._function = self._function, None
        try:
            if function is None or self.abort_requested:
                if isinstance(function, _Titled):
                    function.work = None
                raise Cancelled
            keep_triton_apart()
            with warnings_told(self.warned.emit):
                self.outcome = Outcome(value=function(self._report))
        except Cancelled:
            self.outcome = Outcome(cancelled=True)
        except BaseException as error:
            self.outcome = Outcome(error=error)

    def _report(self, done: int, total: int, text: str) -> None:
        if self.abort_requested:
            raise Cancelled
        now = time.monotonic()
        # A queued event for each of a million reports would choke the very window they inform.
        if text != self._last_text or now - self._last_report >= REPORT_INTERVAL:
            self._last_report, self._last_text = now, text
            self.progressed.emit(int(done), int(total), str(text))


def _tasks_of_window() -> dict[Any, Any]:
    """What napari has noted of tasks of the window that is in front."""
    viewer = current_viewer()
    manager = None if viewer is None else getattr(viewer.window, "_task_status_manager", None)
    return getattr(manager, "_tasks", {})


def _cancelled_by(item: Any) -> object:
    return getattr(getattr(item, "_cancel_callback", None), "__self__", None)


# A program may end without an event loop that did; Qt must not be taken down under a task that still reports to it.
atexit.register(WorkerBase.await_workers)


def _lower_priority() -> None:
    """Let the window's thread go first where both want a core; threads started by this one inherit it."""
    # Linux counts niceness by thread; elsewhere it would be that of the whole process.
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        except OSError:
            return


_switches = threading.Lock()
_running = 0
_usual_interval = sys.getswitchinterval()


@contextmanager
def _quick_thread_switches() -> Iterator[None]:
    """Let the window's thread have Python's lock back sooner while any task runs."""
    global _running, _usual_interval
    with _switches:
        if _running == 0:
            _usual_interval = sys.getswitchinterval()
            sys.setswitchinterval(min(SWITCH_INTERVAL, _usual_interval))
        _running += 1
    try:
        yield
    finally:
        with _switches:
            _running -= 1
            if _running == 0:
                sys.setswitchinterval(_usual_interval)
