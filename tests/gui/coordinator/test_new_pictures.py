"""Pictures dropped on a window that shows a cut are placed in it, and undo takes them out again."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QCoreApplication, QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest

from alignedcut_viewer.study import Study
from tests.gui.event_loop import go_round


@pytest.fixture
def study(small_study, tmp_path):
    """A study of one's own, which a test may write."""
    path = tmp_path / "own.zarr"
    shutil.copytree(small_study, path)
    return path


@pytest.fixture
def drop(viewer):
    """Drop files on the canvas, as a file manager does."""

    def drop(*paths, modifiers=Qt.KeyboardModifier.NoModifier):
        target = viewer.window._qt_viewer
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        place, button = QPoint(200, 200), Qt.MouseButton.LeftButton
        # Qt remembers the keys that were held in the last click of an earlier test, until the next.
        QTest.mouseClick(viewer.window._qt_window.statusBar(), button)
        entered = QDragEnterEvent(place, Qt.DropAction.CopyAction, data, button, modifiers)
        QCoreApplication.sendEvent(target, entered)
        assert entered.isAccepted()
        dropped = QDropEvent(QPointF(place), Qt.DropAction.CopyAction, data, button, modifiers)
        QCoreApplication.sendEvent(target, dropped)
        return dropped

    return drop


def test_a_dropped_picture_joins_the_cut(
    study, picture_folder, tmp_path, qtbot, viewer, panel, coordinator, drop, wait_idle, click_canvas
):
    twin = tmp_path / "twin.png"
    Image.open(picture_folder / "1-astronaut.png").save(twin, compress_level=1)
    coordinator.open_study(study)
    wait_idle()
    before = coordinator.shown.cut
    layers = len(viewer.layers)
    drop(twin)
    go_round()
    wait_idle()
    cut = coordinator.shown.cut
    assert cut.index.images == (0, 1, 2, 4)  # number 3 cannot be read
    assert coordinator.view.position[2] == 4
    assert len(viewer.layers) == layers
    assert coordinator.status.line.startswith("twin is placed: ")
    slot = ("dinov2-vit-s14-saliency@70x70", 7)
    np.testing.assert_allclose(cut.colour_map(*slot, 4).astype(int), cut.colour_map(*slot, 1).astype(int), atol=3)
    # a click on it, and similarity everywhere
    box = coordinator.shown.pictures.layout.box(3)
    click_canvas((box.top + box.height / 2, box.left + box.width / 2))
    wait_idle()
    qtbot.waitUntil(lambda: coordinator.heat_map.values is not None)
    assert set(cut.index.locate(coordinator.selection.of().nodes).image) == {4}
    assert any("Placed afterwards: twin" in fact for fact in coordinator.shown.study.facts)
    # undo takes it out, redo places it again; the first step is the click
    coordinator.timeline.undo()
    coordinator.timeline.undo()
    wait_idle()
    assert coordinator.shown.cut.identity == before.identity
    assert len(Study.open(study).pictures) == 4
    coordinator.timeline.redo()
    wait_idle()
    assert coordinator.shown.cut.index.images == (0, 1, 2, 4)
    # the same again is none more
    drop(twin)
    go_round()
    wait_idle()
    assert coordinator.shown.cut.index.images == (0, 1, 2, 4)
    assert "twin is in the cut already." in coordinator.status.line


def test_a_study_that_cannot_be_written_shows_it_all_the_same(
    study, tmp_path, viewer, panel, coordinator, drop, wait_idle
):
    new = tmp_path / "new.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(new)
    coordinator.open_study(study)
    wait_idle()
    kept = {file: file.read_bytes() for file in study.rglob("zarr.json")}
    mode = os.stat(study).st_mode
    os.chmod(study, mode & ~0o222)
    try:
        drop(new)
        go_round()
        wait_idle()
    finally:
        os.chmod(study, mode)
    assert coordinator.shown.cut.index.images == (0, 1, 2, 4)
    assert "is read-only: what is added is shown in a copy" in coordinator.status.line
    assert all(file.read_bytes() == content for file, content in kept.items())
    assert coordinator.shown.study.study.picture(0).shape == Study.open(study).picture(0).shape


def test_what_is_no_picture_goes_to_napari(study, tmp_path, viewer, panel, coordinator, drop, wait_idle):
    coordinator.open_study(study)
    wait_idle()
    cut = coordinator.shown.cut
    points = tmp_path / "points.csv"
    points.write_text("index,axis-0,axis-1\n0,1,2\n")
    assert drop(points) is not None
    go_round()
    wait_idle()
    assert any(layer.name == "points" for layer in viewer.layers)
    assert coordinator.shown.cut.identity == cut.identity
