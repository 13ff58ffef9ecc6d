"""One line of undo over several pasts."""

import pytest

from alignedcut_viewer.viewer.state.history import History
from alignedcut_viewer.viewer.state.timeline import Step, Timeline

pytestmark = pytest.mark.quick


@pytest.fixture
def timeline():
    return Timeline()


def history(timeline, limit=200):
    made = History(limit=limit, on_step=lambda: timeline.add(made))
    return made


def test_steps_of_two_pasts_are_taken_back_in_the_order_in_which_they_were_made(timeline):
    one, other = history(timeline), history(timeline)
    one.select([1])
    other.select([5])
    one.select([2])
    assert timeline.undo()
    assert one.selection().nodes.tolist() == [1]
    assert other.selection().nodes.tolist() == [5]
    assert timeline.undo()
    assert other.selection().nodes.tolist() == []
    assert timeline.redo()
    assert other.selection().nodes.tolist() == [5]
    assert timeline.redo()
    assert one.selection().nodes.tolist() == [2]
    assert not timeline.can_redo
    assert not timeline.redo()


def test_one_past_alone_can_be_walked_through(timeline):
    one, other = history(timeline), history(timeline)
    one.select([1])
    other.select([5])
    assert timeline.undo(one)
    assert not timeline.undo(one)
    assert other.selection().nodes.tolist() == [5]
    assert timeline.redo(one)
    assert one.selection().nodes.tolist() == [1]
    # What was undone and made again is now the latest step.
    assert timeline.undo()
    assert one.selection().nodes.tolist() == []


def test_a_new_step_ends_what_could_be_redone(timeline):
    one, other = history(timeline), history(timeline)
    one.select([1])
    timeline.undo()
    other.select([5])
    assert not timeline.can_redo
    assert not timeline.redo()


def test_what_a_past_has_forgotten_is_passed_over(timeline):
    one, other = history(timeline, limit=1), history(timeline)
    other.select([7])
    one.select([1])
    one.select([2])
    assert timeline.undo()
    assert one.selection().nodes.tolist() == [1]
    assert timeline.undo()
    assert other.selection().nodes.tolist() == []
    assert not timeline.undo()
    other.select([7])
    timeline.forget(other)
    assert not timeline.can_undo


def test_single_steps_stand_in_the_same_line_and_only_lasting_ones_outlive_another_numbering(timeline):
    done, one = [], history(timeline)
    one.select([1])
    timeline.add(Step(lambda: done.append("no name"), lambda: done.append("name")))
    timeline.add(Step(lambda: done.append("old cut"), lambda: done.append("new cut"), lasting=True))
    one.select([2])
    for _ in range(3):
        assert timeline.undo()
    assert done == ["old cut", "no name"]
    assert one.selection().nodes.tolist() == [1]
    for _ in range(3):
        assert timeline.redo()
    assert done[2:] == ["name", "new cut"]
    assert one.selection().nodes.tolist() == [2]
    timeline.forget(one)
    timeline.forget_passing()
    done.clear()
    assert timeline.undo()
    assert not timeline.undo()
    assert done == ["old cut"]
