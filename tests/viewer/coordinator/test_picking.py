"""Places over the pictures become nodes, without a window."""

import pytest

from alignedcut_viewer.viewer.coordinator.picking import Picking
from alignedcut_viewer.viewer.frames.picture_layout import Place
from alignedcut_viewer.viewer.state.view_state import ViewState

pytestmark = pytest.mark.quick


@pytest.fixture
def view():
    return ViewState(position=("b", 1, 2))


@pytest.fixture
def picking(shown, selection, view):
    return Picking(shown, selection, view)


def place_of(shown, row, column):
    return Place(*shown.pictures.layout.token_centre(2, row, column, 4, 4))


def test_a_click_chooses_what_lies_there(shown, selection, picking):
    node = shown.index.node("b", 1, 2, row=3, column=1)
    picking.click(place_of(shown, 3, 1))
    assert selection.of().nodes.tolist() == [node]
    picking.click(place_of(shown, 0, 0), "add")
    picking.click(place_of(shown, 3, 1), "remove")
    assert selection.of().nodes.tolist() == [shown.index.node("b", 1, 2, row=0, column=0)]
    picking.click(Place(-5.0, 3.0))
    assert len(selection.of()) == 1


def test_the_mouse_points_and_leaves(shown, selection, picking, heard):
    reached = heard(picking.reached)
    picking.hover(place_of(shown, 2, 2))
    assert picking.under_mouse == selection.hovered == shown.index.node("b", 1, 2, row=2, column=2)
    picking.hover(None)
    assert (picking.under_mouse, selection.hovered) == (None, None)
    assert len(reached) == 1


def test_a_drag_shows_what_it_would_choose_and_chooses_it(shown, selection, picking, heard):
    dragged = heard(picking.dragged)
    corners = place_of(shown, 1, 1), place_of(shown, 2, 3)
    expected = [shown.index.node("b", 1, 2, row=r, column=c) for r in (1, 2) for c in (1, 2, 3)]
    picking.drag(*corners, "replace", False)
    assert dragged[0].tolist() == expected
    assert len(selection.of()) == 0
    picking.drag(*corners, "replace", True)
    assert dragged[1] is None
    assert selection.of().nodes.tolist() == expected


def test_keys_walk_over_the_tokens_and_stop_at_the_edge(shown, selection, picking, view):
    picking.step(0, 1)
    assert selection.hovered == shown.index.node("b", 1, 2, row=2, column=2)
    for _ in range(5):
        picking.step(0, 1)
    assert selection.hovered == shown.index.node("b", 1, 2, row=2, column=3)
    view.position = ("b", 2, 0)
    picking.step(-1, 0)
    picking.pick_hovered()
    assert selection.of().nodes.tolist() == [shown.index.node("b", 2, 0, row=1, column=3)]


@pytest.mark.parametrize("position", [None, ("b", 9, 0)])
def test_nothing_lies_where_no_layer_is_shown(shown, selection, picking, view, position):
    view.position = position
    picking.hover(place_of(shown, 0, 0))
    picking.click(place_of(shown, 0, 0))
    picking.drag(place_of(shown, 0, 0), place_of(shown, 3, 3), "replace", True)
    picking.step(1, 0)
    assert selection.hovered is None
    assert len(selection.of()) == 0
