"""One sitting: pick, heat map, trajectories, bars, lasso, mask, export, undo, save, open again. Mouse and keys only."""

import itertools
import shutil

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent

from alignedcut_viewer.viewer.coordinator.docks import show_panel
from alignedcut_viewer.viewer.widgets.commands import open_session, save_session
from tests.gui.event_loop import go_round
from tests.gui.frames.test_result import answer_dialog
from tests.gui.segments.test_segments_panel import in_mask_dialog

NETWORK = "dinov2-vit-s14-saliency@70x70"
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def own_study(brain_study, tmp_path):
    return shutil.copytree(brain_study, tmp_path / "own.zarr")


def lasso(qtbot, map_widget, points):
    """Draw a square around points of the map."""
    low, high = points.min(axis=0) - 6, points.max(axis=0) + 6
    square = np.array([low, (high[0], low[1]), high, (low[0], high[1]), low])
    path = np.concatenate([a + (b - a) * np.linspace(0, 1, 7)[:, None] for a, b in itertools.pairwise(square)])
    places = [QPoint(round(x), round(y)) for x, y in path]
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(map_widget, left, NONE, places[0])
    for place in places[1:]:
        at = QPointF(place)
        map_widget.mouseMoveEvent(
            QMouseEvent(QEvent.Type.MouseMove, at, QPointF(map_widget.mapToGlobal(place)), left, left, NONE)
        )
    qtbot.mouseRelease(map_widget, left, NONE, places[-1])


def test_a_whole_sitting(
    qtbot, viewer, panel, coordinator, own_study, wait_idle, click_canvas, tmp_path, notifications, picture_folder
):
    coordinator.open_study(own_study)
    wait_idle()
    native = viewer.window._qt_viewer.canvas.native
    window, plugin = viewer.window, "alignedcut-viewer"
    brain = window.add_plugin_dock_widget(plugin, "Brain")[1]
    trajectories = window.add_plugin_dock_widget(plugin, "Trajectories", tabify=True)[1]
    qtbot.waitUntil(lambda: trajectories.settled)
    qtbot.waitUntil(lambda: brain.board.cortex.scene is not None)
    cut = coordinator.shown.study.cut

    # Pick: the picture, the map and the bars answer.
    before = (trajectories.board.map.grab().toImage(), len(brain.board.bars.series))
    click_canvas(coordinator.shown.study.pictures.layout.token_centre(0, 1, 3, 5, 5))
    node = cut.index.node(NETWORK, 8, 0, row=1, column=3)
    assert coordinator.selection.of().nodes.tolist() == [node]
    rows = cut.eigenvectors.astype(float)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(coordinator.heat_map.values.values, units @ units[node], atol=1e-5)
    go_round()
    assert trajectories.board.map.grab().toImage() != before[0]
    qtbot.waitUntil(lambda: len(brain.board.bars.series) > before[1])

    # Lasso a quarter of the map: pictures and bars follow.
    map_widget = trajectories.board.map
    for dock in window._wrapped_dock_widgets.values():
        if dock.isAncestorOf(trajectories):
            dock.raise_()
    go_round()
    trajectories.board.player.off.click()  # all layers
    trajectories.board.controls.tools["lasso"].click()
    pixels = map_widget.view.to_pixels(map_widget._places)
    target = np.argsort(pixels[:, 0])[: len(pixels) // 4]
    lasso(qtbot, map_widget, pixels[target])
    chosen = coordinator.selection.of().nodes
    assert len(chosen) >= len(target)
    assert set(target.tolist()) <= set(chosen.tolist())
    assert not coordinator.overlays.selection.data.is_empty
    inside = cut.brain_activation.summarise(chosen)
    qtbot.waitUntil(lambda: len(brain.board.bars.series) > 0)
    assert np.isfinite(inside.mean).all()

    # Mask above a threshold, and its export by the button.
    selection = show_panel(viewer, "Selection")
    selection.similar.threshold.value = 0.3
    expected = coordinator.heat_map.values.values >= np.float32(0.3)
    assert coordinator.overlays.mask.visible
    folder = tmp_path / "masks"
    folder.mkdir()
    in_mask_dialog(lambda dialog: None, ("png",))
    answer_dialog(qtbot, folder)
    selection.similar.export.native.click()
    wait_idle()
    patches = cut.index.patch_slice(NETWORK, 8, cut.index.images[0])
    mask = np.asarray(Image.open(folder / "png" / f"{coordinator.shown.study.pictures.names[0]}.png"))
    assert mask.shape == (140, 200)
    np.testing.assert_array_equal(mask[14::28, 20::40], expected[patches].reshape(5, 5))

    # Undo by key: back to the click.
    qtbot.keyClick(native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert coordinator.selection.of().nodes.tolist() == [node]
    qtbot.keyClick(native, Qt.Key.Key_Y, Qt.KeyboardModifier.AltModifier)

    # Save, look at something else, open again.
    answer_dialog(qtbot, tmp_path / "sitting.session.json")
    save_session(viewer)
    assert (tmp_path / "sitting.session.json").is_file()
    coordinator.open_pictures(picture_folder)
    wait_idle()
    assert len(coordinator.selection.of()) == 0
    answer_dialog(qtbot, tmp_path / "sitting.session.json")
    open_session(viewer)
    wait_idle()
    np.testing.assert_array_equal(coordinator.selection.of().nodes, chosen)
    assert coordinator.overlays.mask.visible
    assert coordinator.similarity.settings.threshold == pytest.approx(0.3)
    assert not [message for severity, message in notifications if severity == "error"]
