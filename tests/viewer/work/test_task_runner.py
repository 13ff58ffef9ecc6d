"""Work of one viewer at a time, told to the user, without a window."""

import subprocess
import sys
from contextlib import contextmanager

import pytest
from napari.utils.notifications import notification_manager
from psygnal import Signal

from alignedcut_viewer.errors import Cancelled, InputError
from alignedcut_viewer.viewer.work.outcome import Outcome
from alignedcut_viewer.viewer.work.task_runner import TaskRunner

pytestmark = pytest.mark.quick


class ByHand:
    """A task that works when the test says so, up to its end."""

    progressed = Signal(int, int, str)
    warned = Signal(object)
    finished = Signal()

    def __init__(self, work, title):
        self.work, self.title, self.outcome = work, title, None
        self.begun = self.told_to_stop = False

    def start(self):
        self.begun = True

    def quit(self):
        self.told_to_stop = True

    def report(self, done, total, text):
        if self.told_to_stop:
            raise Cancelled
        self.progressed.emit(done, total, text)

    def take_outcome(self):
        outcome, self.outcome = self.outcome, None
        return outcome

    def run(self):
        try:
            self.outcome = Outcome(value=self.work(self.report))
        except Cancelled:
            self.outcome = Outcome(cancelled=True)
        except Exception as error:
            self.outcome = Outcome(error=error)
        self.finished.emit()


@pytest.fixture
def tasks():
    return []


@pytest.fixture
def runner(tasks):
    def task_of(work, title):
        tasks.append(ByHand(work, title))
        return tasks[-1]

    return TaskRunner(task_of=task_of)


@pytest.fixture
def said():
    """Severity and words of what the user is told."""
    told = []

    def hear(notification):
        told.append((str(notification.severity), notification.message))

    notification_manager.notification_ready.connect(hear)
    yield told
    notification_manager.notification_ready.disconnect(hear)


def test_a_value_goes_on_and_progress_is_told(runner, tasks, said):
    states, values = [], []
    runner.changed.connect(states.append)

    def work(progress):
        progress(1, 4, "one of four")
        progress(4, 4, "all")
        return 42

    assert runner.start("Counting", work, values.append)
    assert tasks[0].begun
    assert runner.state.busy
    tasks[0].run()
    assert values == [42]
    assert not runner.state.busy
    assert [(state.title, state.done, state.total) for state in states] == [
        ("Counting", 0, 0),
        ("Counting", 1, 4),
        ("Counting", 4, 4),
        ("", 0, 0),
    ]
    assert said == []


def test_one_thing_at_a_time(runner, tasks, said):
    assert runner.start("Counting", lambda progress: 1)
    assert not runner.start("Drawing", lambda progress: 2)
    assert len(tasks) == 1
    assert said == [("warning", "Please wait, or cancel first: Counting is still running.")]
    tasks[0].run()
    assert runner.start("Drawing", lambda progress: 2)


def test_cancel_stops_at_the_next_report_and_no_value_goes_on(runner, tasks, said):
    values = []

    def work(progress):
        progress(0, 2, "first")
        runner.cancel()
        assert runner.state.stopping
        progress(1, 2, "second")
        raise AssertionError("went on")

    runner.start("Counting", work, values.append)
    tasks[0].run()
    assert values == []
    assert said == [("info", "Counting: cancelled. Finished steps are kept; run again to continue.")]
    assert not runner.state.busy
    runner.cancel()  # of nothing


def test_an_error_is_a_sentence_and_the_next_work_may_begin(runner, tasks, said):
    def work(progress):
        raise InputError("There is no such layer.")

    runner.start("Counting", work)
    tasks[0].run()
    assert said == [("error", "There is no such layer.")]
    values = []
    runner.start("Counting", lambda progress: 1, values.append)
    tasks[1].run()
    assert values == [1]


def test_work_that_spreads_is_done_where_the_settings_say(tasks, said):
    where = []

    @contextmanager
    def computers(place):
        if place == "nowhere":
            raise InputError("Nobody answers at nowhere.")
        where.append(place)
        yield
        where.pop()

    def task_of(work, title):
        tasks.append(ByHand(work, title))
        return tasks[-1]

    place = "here"
    runner, seen = TaskRunner(task_of=task_of, computers=lambda: computers(place)), []
    runner.start("Counting", lambda progress: list(where), seen.append, spreads=True)
    place = "nowhere"  # too late for the work that was begun
    tasks[0].run()
    runner.start("Drawing", lambda progress: list(where), seen.append)
    tasks[1].run()
    assert seen == [["here"], []]
    assert where == []
    runner.start("Counting", lambda progress: list(where), seen.append, spreads=True)
    tasks[2].run()
    assert said == [("error", "Nobody answers at nowhere.")]


def test_what_follows_may_fail_too(runner, tasks, said):
    def then(value):
        raise InputError(f"{value} cannot be shown.")

    runner.start("Counting", lambda progress: 1, then)
    tasks[0].run()
    assert said == [("error", "1 cannot be shown.")]


def test_warnings_of_the_package_are_told_those_of_others_are_not(runner, tasks, said):
    from alignedcut_viewer.spectral import normalized_cut

    runner.start("Counting", lambda progress: 1)
    tasks[0].warned.emit((UserWarning("All nodes look alike."), UserWarning, normalized_cut.__file__, 1))
    tasks[0].warned.emit((UserWarning("Something else."), UserWarning, "/somewhere/else.py", 1))
    assert said == [("warning", "All nodes look alike.")]


def test_a_closed_window_is_told_nothing(tasks, said):
    is_open = [True]

    def task_of(work, title):
        tasks.append(ByHand(work, title))
        return tasks[-1]

    runner, values, states = TaskRunner(lambda: is_open[0], task_of), [], []
    runner.start("Counting", lambda progress: 1, values.append)
    runner.changed.connect(states.append)
    is_open[0] = False
    tasks[0].run()
    assert (values, states, said) == ([], [], [])


def test_it_needs_no_qt():
    code = (
        "import sys; from alignedcut_viewer.viewer.work.task_runner import TaskRunner; TaskRunner(); "
        "print([m for m in sys.modules if m.split('.')[0] in ('PyQt5', 'PyQt6', 'PySide6', 'qtpy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
