"""Prompts are answered by all nodes, without a window; in the background the latest request wins."""

import numpy as np
import pytest

from alignedcut_viewer.spectral.live_prompt import LivePrompt
from alignedcut_viewer.viewer.coordinator.picking import Picking
from alignedcut_viewer.viewer.coordinator.prompting import Prompting
from alignedcut_viewer.viewer.coordinator.similarity import Similarity
from alignedcut_viewer.viewer.frames.picture_layout import Place
from alignedcut_viewer.viewer.state.timeline import Timeline
from alignedcut_viewer.viewer.state.view_state import ViewState

pytestmark = pytest.mark.quick


class ByHand:
    """A worker whose work is done when the test says so."""

    def __init__(self, title, then, **hooks):
        self.then, self.work, self.busy = then, None, False

    def start(self, work):
        self.work = work

    def stop(self):
        self.work = None

    def finish(self):
        work, self.work = self.work, None
        self.then(work(lambda done, total, text: None))


@pytest.fixture
def view():
    return ViewState(position=("b", 1, 2), picture=2, tool="point")


@pytest.fixture
def workers():
    return []


@pytest.fixture
def timeline():
    return Timeline()


@pytest.fixture
def prompting(shown, selection, heat_map, view, timeline, workers):
    def worker(*arguments, **hooks):
        workers.append(ByHand(*arguments, **hooks))
        return workers[-1]

    similarity = Similarity(shown, selection, heat_map, view, worker)
    return Prompting(shown, heat_map, similarity, view, timeline, worker)


@pytest.fixture
def picking(shown, selection, view, prompting):
    picking = Picking(shown, selection, view)
    picking.tools = dict.fromkeys(("point", "box", "scribble"), prompting)
    return picking


def spot(shown, row, column):
    return Place(*shown.pictures.layout.token_centre(2, row, column, 4, 4))


def node(shown, row, column):
    return shown.index.node("b", 1, 2, row=row, column=column)


def test_clicks_with_a_tool_are_prompts_and_are_taken_back(
    shown, selection, heat_map, prompting, picking, workers, timeline, heard
):
    partial = heard(prompting.partial)
    picking.click(spot(shown, 1, 1))
    assert len(selection.of()) == 0
    assert [nodes.tolist() for nodes in prompting.nodes()] == [[node(shown, 1, 1)], []]
    assert not partial  # nothing is prepared yet
    workers[-1].finish()
    live = LivePrompt(shown.cut.eigenvectors, eigenvalues=shown.cut.eigenvalues)
    np.testing.assert_allclose(heat_map.values.values, live.score([node(shown, 1, 1)]), atol=1e-5)
    assert prompting.level == 0
    picking.click(spot(shown, 3, 3), "remove")
    # The part that is looked at is there at once, and is the same as all of it will be.
    expected = live.score([node(shown, 1, 1)], [node(shown, 3, 3)])
    np.testing.assert_allclose(partial[0].part(slice(10, 40)), expected[10:40], atol=1e-5)
    assert prompting.level == 0
    assert heat_map.values is not prompting.values
    workers[-1].finish()
    np.testing.assert_allclose(heat_map.values.values, expected, atol=1e-5)
    assert heat_map.values is prompting.values
    assert timeline.undo()
    assert [len(nodes) for nodes in prompting.nodes()] == [1, 0]
    assert timeline.undo()
    assert heat_map.values is None
    assert prompting.values is None
    assert workers[-1].work is None


def test_the_picture_in_view_does_not_wait_for_all_rows_to_be_prepared(shown, view, prompting, picking, workers, heard):
    partial = heard(prompting.partial)
    view.update(tool="")
    view.update(tool="point")
    assert workers[-1].work is not None  # taking the tool prepares
    prompting._prepared.kind = LivePrompt  # what the work does first
    picking.click(spot(shown, 1, 1))
    picking.click(spot(shown, 3, 3), "remove")
    live = LivePrompt(shown.cut.eigenvectors, eigenvalues=shown.cut.eigenvalues)
    expected = live.score([node(shown, 1, 1)], [node(shown, 3, 3)])
    np.testing.assert_allclose(partial[-1].part(slice(10, 40)), expected[10:40], atol=1e-5)
    assert prompting._prepared.live is None
    workers[-1].finish()
    assert prompting._prepared.live is not None
    np.testing.assert_allclose(prompting.values.values, expected, atol=1e-5)


def test_the_latest_request_wins(shown, heat_map, prompting, picking, workers):
    picking.click(spot(shown, 1, 1))
    first = workers[-1].work
    picking.click(spot(shown, 2, 2))
    assert workers[-1].work is not first
    workers[-1].finish()
    scores = heat_map.values.values
    assert scores[[node(shown, 1, 1), node(shown, 2, 2)]] == pytest.approx([1, 1], abs=0.05)


def test_a_stroke_that_grows_is_answered_in_view_and_by_all_when_it_has_ended(
    shown, view, prompting, picking, workers, heard
):
    picking.click(spot(shown, 3, 3))
    workers[-1].finish()
    partial = heard(prompting.partial)
    view.update(tool="scribble")
    for column in (1, 2):
        picking.drag(spot(shown, 0, 0), spot(shown, 0, column), "replace", False)
    assert len(partial) == 2
    assert workers[-1].work is None
    picking.drag(spot(shown, 0, 0), spot(shown, 0, 3), "replace", True)
    workers[-1].finish()
    assert prompting.values.is_complete()


def test_drags_grow_and_are_one_step(shown, view, prompting, picking, timeline):
    view.update(tool="scribble")
    begin = spot(shown, 0, 0)
    for column in (1, 2, 3):
        picking.drag(begin, spot(shown, 0, column), "replace", False)
        assert prompting.marks.is_sketching
    assert len(prompting.nodes()[0]) == 4
    assert not timeline.can_undo
    picking.drag(begin, spot(shown, 0, 3), "replace", True)
    assert len(prompting.marks) == 1
    assert timeline.undo()
    assert not len(prompting.marks)
    view.update(tool="box")
    picking.drag(spot(shown, 1, 1), Place(-500.0, 5000.0), "replace", True)
    (mark,) = prompting.marks.marks
    assert 0 <= min(min(place) for place in mark.places) <= max(max(place) for place in mark.places) < 1


def test_the_sign_the_level_and_pictures_that_are_not_hit(shown, prompting, picking, workers):
    prompting.set_outside(True)
    picking.click(spot(shown, 1, 1))
    assert [len(nodes) for nodes in prompting.nodes()] == [0, 1]
    assert prompting.values is None
    picking.click(spot(shown, 2, 1), "remove")
    assert [len(nodes) for nodes in prompting.nodes()] == [1, 1]
    prompting.automatic = False
    prompting._similarity.settings.update(threshold=0.5)
    picking.click(spot(shown, 3, 1))
    assert prompting.level == 0.5
    picking.click(Place(-400.0, 2.0))
    assert len(prompting.marks) == 3


def test_a_layer_that_the_network_lacks_is_said(shown, view, prompting, picking, heard):
    errors = heard(prompting.failed)
    view.update(position=("b", 77, 2))
    picking.click(spot(shown, 1, 1))
    assert "77" in str(errors[0])
