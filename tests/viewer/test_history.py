import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.viewer.history import History, Selection

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


def test_an_unknown_mode_is_an_error():
    with pytest.raises(InputError, match="replace, add"):
        Selection().combined([1], "maybe")


@given(st.lists(nodes, max_size=12))
def test_undo_walks_back_through_all_states_and_redo_forward(steps):
    seen = []
    history = History(on_change=lambda selection: seen.append(selection.nodes.tolist()))
    states = [[]]
    for step in steps:
        history.select(step)
        if sorted(set(step)) != states[-1]:
            states.append(sorted(set(step)))
    assert seen == states[1:]
    for state in reversed(states[:-1]):
        assert history.undo().nodes.tolist() == state
    assert not history.can_undo
    for state in states[1:]:
        assert history.redo().nodes.tolist() == state
    assert not history.can_redo


def test_a_new_selection_ends_what_could_be_redone():
    history = History()
    history.select([1])
    history.undo()
    history.select([2])
    assert not history.can_redo
    assert history.undo().nodes.tolist() == []


def test_the_oldest_states_are_forgotten():
    history = History(limit=3)
    for node in range(10):
        history.select([node])
    for _ in range(10):
        history.undo()
    assert history.present.nodes.tolist() == [6]


def test_clearing_tells_of_the_empty_selection_once():
    seen = []
    history = History(on_change=seen.append)
    history.select([3])
    history.clear()
    history.clear()
    assert seen == [Selection(np.array([3])), Selection()]
    assert not history.can_undo
