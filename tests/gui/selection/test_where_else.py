"""Where else is this? The strip of crops, by mouse and keys."""

import shutil

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QScrollArea

from alignedcut_viewer.viewer.coordinator.docks import show_panel
from alignedcut_viewer.viewer.coordinator.where_else import PLACES

NETWORK = "dinov2-vit-s14-saliency@70x70"


@pytest.fixture
def where(viewer, coordinator, small_study, tmp_path, wait_idle):
    coordinator.open_study(shutil.copytree(small_study, tmp_path / "own.zarr"))
    wait_idle()
    return show_panel(viewer, "Selection").where_else


def click(qtbot, strip, number, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, modifier, strip.box(number).center().toPoint())


def test_a_pick_ranks_the_pictures_and_a_click_goes_there(qtbot, coordinator, where):
    strip, index = where.strip, coordinator.shown.study.cut.index
    assert not strip.nodes
    assert "Click into a picture" in strip.hint
    network, layer, _ = coordinator.view.position
    node = index.node(NETWORK, layer, index.images[1], row=2, column=2)
    coordinator.selection.select([node])
    qtbot.waitUntil(lambda: len(strip.nodes) == 3)
    assert strip.nodes[0] == node  # the place itself is the most similar
    eigenvectors = np.asarray(coordinator.shown.study.cut.eigenvectors, dtype=np.float64)
    units = eigenvectors / np.linalg.norm(eigenvectors, axis=1, keepdims=True)
    cosines = units @ units[node]
    for chosen in strip.nodes:
        place = index.locate(chosen)
        own = index.patch_slice(network, layer, int(place.image))
        assert cosines[chosen] == pytest.approx(cosines[own].max(), abs=1e-5)
    assert "Selected: 1 token in 1 picture, 1 layer" in where.sentence.text()
    n_above = int((cosines >= coordinator.similarity.settings.threshold).sum())
    assert f"At least 0.8: {n_above:,} token" in where.sentence.text()
    # crops are read in the background, and marked
    qtbot.waitUntil(lambda: all(strip.crops.known(one) is not None for one in strip.nodes))
    click(qtbot, strip, 2)
    place = index.locate(strip.nodes[2])
    assert coordinator.view.position == (network, layer, int(place.image))
    assert coordinator.selection.hovered == strip.nodes[2]
    assert coordinator.selection.of().nodes.tolist() == [node]  # the question stays
    click(qtbot, strip, 2, Qt.KeyboardModifier.ShiftModifier)
    assert coordinator.selection.of().nodes.tolist() == sorted([node, strip.nodes[2]])


def test_the_strip_by_the_keys_and_in_all_layers(qtbot, coordinator, where):
    strip, index = where.strip, coordinator.shown.study.cut.index
    coordinator.selection.select([index.node(NETWORK, 2, index.images[0], row=1, column=1)])
    where.place.setFocus()
    qtbot.keyClick(where.place, Qt.Key.Key_Down)
    assert coordinator.where_else.place == list(PLACES)[1]
    qtbot.waitUntil(lambda: len(strip.nodes) == 3 and int(index.locate(strip.nodes[0]).layer) == 2)
    strip.setFocus()
    qtbot.keyClick(strip, Qt.Key.Key_End)
    qtbot.keyClick(strip, Qt.Key.Key_Left)
    assert strip.current == 1
    qtbot.keyClick(strip, Qt.Key.Key_Return)
    place = index.locate(strip.nodes[1])
    assert coordinator.view.position == (NETWORK, int(place.layer), int(place.image))
    coordinator.selection.select([])
    qtbot.waitUntil(lambda: not strip.nodes)
    coordinator.similarity.settings.update(show=False)
    coordinator.selection.select([index.node(NETWORK, 2, index.images[2], row=0, column=c) for c in range(2)])
    qtbot.waitUntil(lambda: strip.words == ["2"])  # without a heat map: tokens that are selected


def test_the_latest_of_many_picks_is_what_is_shown(qtbot, coordinator, where):
    index = coordinator.shown.study.cut.index
    layer = coordinator.view.position[1]
    nodes = [index.node(NETWORK, layer, index.images[0], row=r, column=c) for r in range(4) for c in range(4)]
    for node in nodes:
        coordinator.selection.select([node])
    qtbot.waitUntil(lambda: where.strip.nodes[:1] == [nodes[-1]])
    assert where.strip.nodes[0] == nodes[-1]


def test_the_selection_panel_fits_into_the_narrowest_dock(qtbot, viewer, where):
    panel = show_panel(viewer, "Selection")
    panel.resize(panel.minimumSizeHint())
    for area in panel.findChildren(QScrollArea):
        assert area.widget().minimumSizeHint().width() <= panel.minimumSizeHint().width()
