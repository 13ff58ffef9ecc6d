import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.viewer.state import history as history_module
from alignedcut_viewer.viewer.state.history import SELECTIONS, History, Selection

pytestmark = pytest.mark.quick
nodes = st.lists(st.integers(0, 30), max_size=8)


def test_a_selection_is_sorted_unique_and_read_only():
    selection = Selection(np.array([5, 1, 5]))
    assert selection.nodes.tolist() == [1, 5]
    with pytest.raises(ValueError, match="read-only"):
        selection.nodes[0] = 3


@given(nodes, nodes)
def test_modes_are_the_set_operations(before, new):
    start = Selection(np.array(before, dtype=int))
    assert set(start.combined(new, "replace").nodes) == set(new)
    assert set(start.combined(new, "add").nodes) == set(before) | set(new)
    assert set(start.combined(new, "remove").nodes) == set(before) - set(new)
    assert set(start.combined(new, "toggle").nodes) == set(before) ^ set(new)
    assert set(start.combined(new, "intersect").nodes) == set(before) & set(new)


def test_an_unknown_mode_is_an_error():
    with pytest.raises(InputError, match="replace, add"):
        Selection().combined([1], "maybe")


steps = st.lists(st.tuples(st.sampled_from(SELECTIONS), nodes), max_size=12)


def now(history):
    return {name: history.selection(name).nodes.tolist() for name in SELECTIONS}


@given(steps)
def test_undo_walks_back_through_all_states_of_both_selections_and_redo_forward(steps):
    seen = []
    history = History(on_change=lambda which, selection: seen.append((which, selection.nodes.tolist())))
    states, changes = [now(history)], []
    for which, step in steps:
        history.select(step, which=which)
        state = {**states[-1], which: sorted(set(step))}
        if state != states[-1]:
            states.append(state)
            changes.append((which, state[which]))
    assert seen == changes
    assert now(history) == states[-1]
    for state in reversed(states[:-1]):
        assert history.undo()
        assert now(history) == state
    assert not history.can_undo
    assert not history.undo()
    for state in states[1:]:
        assert history.redo()
        assert now(history) == state
    assert not history.can_redo


def test_several_selections_change_in_one_step():
    history = History()
    history.assign({"figure": Selection(np.array([1])), "ground": Selection(np.array([2, 3]))})
    assert now(history) == {"figure": [1], "ground": [2, 3]}
    history.undo()
    assert now(history) == {"figure": [], "ground": []}
    assert not history.can_undo


def test_an_unknown_selection_is_an_error():
    with pytest.raises(InputError, match="figure and ground"):
        History().select([1], which="middle")


def test_a_new_selection_ends_what_could_be_redone():
    history = History()
    history.select([1])
    history.undo()
    history.select([2])
    assert not history.can_redo
    history.undo()
    assert now(history)["figure"] == []


def test_the_oldest_states_are_forgotten():
    history = History(limit=3)
    for node in range(10):
        history.select([node])
    while history.undo():
        pass
    assert history.selection().nodes.tolist() == [6]


def test_states_that_take_too_much_memory_are_forgotten(monkeypatch):
    monkeypatch.setattr(history_module, "MOST_MEMORY", 8 * 2500)
    history = History()
    history.select(range(1000), which="ground")
    for first in range(10):
        history.select(range(first, first + 700))
    undone = 0
    while history.undo():
        undone += 1
    assert undone == 2  # each holds 700 nodes of its own, and all of them the same 1000


def test_clearing_tells_of_the_empty_selection_once():
    seen = []
    history = History(on_change=lambda *change: seen.append(change))
    history.select([3])
    history.clear()
    history.clear()
    assert seen == [("figure", Selection(np.array([3]))), ("figure", Selection())]
    assert not history.can_undo
