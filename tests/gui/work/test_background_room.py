"""Tasks in the background leave room in Qt's thread pool, which Qt itself needs to convert pictures, and are let go."""

import gc
import threading
import warnings
import weakref

from qtpy.QtCore import QRunnable, QThreadPool
from qtpy.QtGui import QImage

from alignedcut_viewer.viewer.work.background import BackgroundTask


class Part(QRunnable):
    """What Qt gives the pool for a part of a picture."""

    def __init__(self):
        super().__init__()
        self.done = threading.Event()

    def run(self):
        self.done.set()


def test_the_pool_has_room_while_many_tasks_wait(qtbot):
    pool, go_on = QThreadPool.globalInstance(), threading.Event()
    pool.waitForDone(10_000)
    before = pool.maxThreadCount(), pool.activeThreadCount()
    n_tasks = pool.maxThreadCount() + 2
    begun = threading.Semaphore(0)

    def work(progress):
        begun.release()
        assert go_on.wait(60)

    tasks = [BackgroundTask.of(work, f"task {number}") for number in range(n_tasks)]
    try:
        for task in tasks:
            task.start()
        qtbot.waitUntil(lambda: begun._value == n_tasks)
        part = Part()
        part.setAutoDelete(False)
        assert pool.tryStart(part)
        assert part.done.wait(30)
        # With the pool full, this would wait for ever: it is divided among the pool's threads.
        picture = QImage(2000, 1500, QImage.Format.Format_RGB32)
        picture.fill(0xFF336699)
        assert picture.convertToFormat(QImage.Format.Format_RGBA8888).pixelColor(7, 7).name() == "#336699"
    finally:
        go_on.set()
    qtbot.waitUntil(lambda: all(task.outcome is not None for task in tasks))
    pool.waitForDone(10_000)
    assert (pool.maxThreadCount(), pool.activeThreadCount()) == before
    assert not [task.outcome.error for task in tasks if task.outcome.error]


def test_tasks_that_overlap_are_each_told_their_own_warnings_and_leave_nothing_behind(qtbot):
    shown = warnings.showwarning
    told, begun, go_on = {}, [], {name: threading.Event() for name in "ab"}

    def task(name):
        def work(progress):
            begun.append(name)
            assert go_on[name].wait(60)
            warnings.warn(f"of {name}", UserWarning, stacklevel=1)

        one = BackgroundTask(work)
        told[name] = []
        one.warned.connect(lambda details: told[name].append(str(details[0])))
        one.start()
        qtbot.waitUntil(lambda: name in begun)
        return one

    both = [task("a"), task("b")]
    for one, name in zip(both, "ab", strict=True):  # the first to begin is the first to end
        go_on[name].set()
        qtbot.waitUntil(lambda one=one: one.outcome is not None and not one.is_running)
    assert [one.outcome.error for one in both] == [None, None]
    qtbot.waitUntil(lambda: told == {"a": ["of a"], "b": ["of b"]})
    assert warnings.showwarning is shown


def test_a_window_keeps_no_task_that_has_ended(qtbot, viewer):
    manager, go_on = viewer.window._task_status_manager, threading.Event()

    def work(progress):
        assert go_on.wait(60)

    def run():
        tasks = [BackgroundTask.of(work, f"task {number}") for number in range(3)]
        for task in tasks:
            task.start()
        # napari asks before it closes a window in which something is at work
        qtbot.waitUntil(lambda: len(manager.get_status()) == 3)
        go_on.set()
        qtbot.waitUntil(lambda: all(task.outcome is not None for task in tasks))
        return [weakref.ref(task) for task in tasks]

    ended = run()

    def gone():
        gc.collect()
        return not any(task() for task in ended)

    qtbot.waitUntil(gone)
    assert not manager.is_busy()
