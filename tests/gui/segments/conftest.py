"""A small study with segments whose places are known."""

import shutil

import numpy as np
import pytest

from alignedcut_viewer.study import Study
from tests.gui.event_loop import go_round


def quarters(height, width):
    """1 and 2 above, 3 and 4 below."""
    labels = np.ones((height, width), dtype=np.int32)
    labels[:, width // 2 :] += 1
    labels[height // 2 :] += 2
    return labels


@pytest.fixture(scope="session")
def segment_study(small_study, tmp_path_factory):
    """The small study with the segments "quarters", confident from .4 to .7, and "halves" of all pictures together."""
    from alignedcut_viewer.study.segment_set import SegmentWriter

    path = tmp_path_factory.mktemp("segments") / "segments.zarr"
    shutil.copytree(small_study, path)
    recipe = {"layers": {}, "settings": {}}
    with Study.open(path, writable=True) as study:
        own, joint = SegmentWriter(False, recipe), SegmentWriter(True, recipe)
        for image in study.cut().index.images:
            labels = quarters(*study.picture_size(image))
            own.add(image, labels, {n: 0.3 + 0.1 * n for n in (1, 2, 3, 4)}, "4 segments as asked for")
            joint.add(image, (labels + 1) // 2, {1: 0.5}, "2 segments of all")
        own.publish(study.store, "quarters")
        joint.publish(study.store, "halves")
    return path


@pytest.fixture
def own_study(segment_study, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(segment_study, tmp_path / "own.zarr")


@pytest.fixture
def segments_panel(viewer):
    return viewer.window.add_plugin_dock_widget("alignedcut-viewer", "Segments")[1]


@pytest.fixture
def opened(qtbot, viewer, coordinator, own_study, segments_panel, wait_idle):
    """The study with its quarters in the Segments panel, the second picture in view."""
    coordinator.panel_state["segments"] = {"open": "quarters"}
    coordinator.open_study(own_study)
    wait_idle()
    qtbot.waitUntil(lambda: coordinator.segments.edits is not None)
    coordinator.display.move_to(0, 1, 1)
    go_round()
    viewer.reset_view()
    qtbot.waitUntil(lambda: len(segments_panel.list.model_.details) == 4)
    return coordinator.segments


@pytest.fixture
def middle(coordinator):
    """The place on the canvas at shares of the height and width of the picture in view."""

    def place(down, right):
        box = coordinator.shown.pictures.layout.box(coordinator.view.picture)
        return box.top + down * box.height, box.left + right * box.width

    return place
