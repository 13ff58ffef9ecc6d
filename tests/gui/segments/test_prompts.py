"""Prompts drawn on the pictures of a real window: answered, taken back, kept as segments."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from alignedcut_viewer.segmentation import SegmentKey
from alignedcut_viewer.viewer.coordinator.prompting import TITLE
from tests.gui.event_loop import go_round
from tests.gui.segments.test_segments_panel import click

ALT = Qt.KeyboardModifier.AltModifier
CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def prompts(opened, segments_panel):
    segments_panel.tabs.setCurrentIndex(1)
    return segments_panel.prompts


@pytest.fixture
def answered(qtbot, coordinator):
    def wait():
        qtbot.waitUntil(
            lambda: (
                coordinator.heat_map.values is not None
                and coordinator.heat_map.values.title == TITLE
                and coordinator.heat_map.values is coordinator.prompting.values
            )
        )
        return coordinator.heat_map.values.values

    return wait


def test_points_are_answered_by_all_pictures_and_taken_back(
    qtbot, viewer, coordinator, prompts, answered, click_canvas, middle
):
    from alignedcut_viewer.spectral.live_prompt import LivePrompt

    click(qtbot, prompts.tools["point"])
    assert coordinator.view.tool == "point"
    click_canvas(middle(0.5, 0.5))
    first = answered()
    cut, index = coordinator.shown.cut, coordinator.shown.index
    inside = index.node_at(*coordinator.view.position, y=0.5, x=0.5)
    live = LivePrompt(cut.eigenvectors, eigenvalues=cut.eigenvalues)
    np.testing.assert_allclose(first, live.score([inside]), atol=1e-5)
    assert prompts.level.value() == 0
    assert coordinator.overlays.mask.visible
    click_canvas(middle(0.1, 0.1), ALT)
    second = answered()
    outside = index.node_at(*coordinator.view.position, y=0.1, x=0.1)
    np.testing.assert_allclose(second, live.score([inside], [outside]), atol=1e-5)
    assert prompts.level.value() == 0
    assert "2 prompts on 1 picture" in prompts.status.text()
    assert coordinator.segment_layers.prompts.data.frame(1).any()
    click(qtbot, prompts.undo)
    np.testing.assert_allclose(answered(), first, atol=1e-6)
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_Z, CONTROL)
    go_round()
    assert coordinator.heat_map.values is None
    assert not len(coordinator.prompting.marks)
    assert not coordinator.segment_layers.prompts.visible


def test_boxes_and_scribbles_with_either_sign(qtbot, viewer, coordinator, prompts, answered, drag_canvas, middle):
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_B, ALT)
    go_round()
    assert prompts.tools["box"].isChecked()
    drag_canvas(middle(0.2, 0.2), middle(0.8, 0.8))
    answered()
    inside, outside = coordinator.prompting.nodes()
    assert len(inside)
    assert len(outside)
    click(qtbot, prompts.clear)
    assert coordinator.heat_map.values is None
    click(qtbot, prompts.tools["scribble"])
    drag_canvas(middle(0.1, 0.1), middle(0.1, 0.9))
    answered()
    places = coordinator.shown.index.locate(coordinator.prompting.nodes()[0])
    assert set(places.row) == {0}
    assert len(places.row) == 5
    click(qtbot, prompts.outside)
    drag_canvas(middle(0.9, 0.1), middle(0.9, 0.9))
    answered()
    places = coordinator.shown.index.locate(coordinator.prompting.nodes()[1])
    assert set(places.row) == {4}
    scores = coordinator.prompting.values.values
    inside, outside = coordinator.prompting.nodes()
    assert scores[inside].min() > 0 > scores[outside].max()


def test_painted_labels_are_a_prompt(qtbot, viewer, coordinator, prompts, answered, middle):
    click(qtbot, prompts.labels)
    layer = viewer.layers[-1]
    assert str(layer.mode) == "paint"
    rows, columns = (slice(int(a), int(b)) for a, b in zip(middle(0.0, 0.0), middle(0.2, 1.0), strict=True))
    layer.data[1, rows, columns] = 1
    layer.data[0] = 2  # of another picture
    click(qtbot, prompts.labels)
    answered()
    places = coordinator.shown.index.locate(coordinator.prompting.nodes()[0])
    assert set(places.row) == {0}
    assert not len(coordinator.prompting.nodes()[1])
    assert not layer.visible


def test_a_prompt_is_kept_as_a_segment_of_the_whole_folder(
    qtbot, coordinator, opened, prompts, answered, click_canvas, middle, wait_idle
):
    click(qtbot, prompts.tools["point"])
    click_canvas(middle(0.5, 0.5))
    answered()
    prompts.name.setText("thing")
    click(qtbot, prompts.keep)
    wait_idle()
    made = [segment for segment in opened.edits.segments if segment.name == "thing"]
    assert {segment.key.number for segment in made} == {5}
    assert 1 in {segment.key.image for segment in made}
    labels = opened.edits.map_of(1)
    assert labels[labels.shape[0] // 2, labels.shape[1] // 2] == 5
    assert not len(coordinator.prompting.marks)
    assert opened.chosen == (SegmentKey(5, 1),)
    assert opened.unsaved
    coordinator.timeline.undo(opened)
    assert not [segment for segment in opened.edits.segments if segment.name == "thing"]
