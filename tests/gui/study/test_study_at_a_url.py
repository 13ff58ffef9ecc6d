"""A study at a URL in the window: opened by typing it, computed in, and looked at again as it was."""

import fsspec
import numpy as np
import pytest
from qtpy.QtCore import Qt

from alignedcut_viewer.places import Url
from alignedcut_viewer.study import Study

PLACE = "memory://window/study"


@pytest.fixture
def memory(small_study, tmp_path, monkeypatch):
    """The small study on fsspec's file system in memory."""
    monkeypatch.setenv("ALIGNEDCUT_CACHE", str(tmp_path / "cache"))
    fs = fsspec.filesystem("memory")
    for path in small_study.rglob("*"):
        if path.is_file() and path.name != "session.json":
            fs.pipe_file(f"/window/study/{path.relative_to(small_study).as_posix()}", path.read_bytes())
    yield fs
    fs.rm("/window", recursive=True)


def test_a_url_is_typed_opened_computed_in_and_remembered(
    qtbot, panel, coordinator, memory, small_study, wait_idle, notifications, tmp_path
):
    field = panel.compute_tab.study.line.native
    field.selectAll()
    qtbot.keyClicks(field, PLACE)
    qtbot.mouseClick(panel.compute_tab.open_study.native, Qt.MouseButton.LeftButton)
    wait_idle()
    shown = coordinator.shown.study
    assert shown.path == Url(PLACE)
    np.testing.assert_array_equal(shown.cut.rgb, Study.open(small_study).cut().rgb)
    assert coordinator.settings.study == PLACE
    assert not [message for severity, message in notifications if severity == "error"]

    coordinator.settings.update(n_components=4, cut_name="another", alignment="none", layers="7-8", input_size=70)
    qtbot.mouseClick(panel.task_bar.run.native, Qt.MouseButton.LeftButton)
    wait_idle()
    assert not [message for severity, message in notifications if severity == "error"]
    assert coordinator.shown.study.cut.name == "another"
    assert f"/window/study/cuts/{coordinator.shown.study.cut.group}/zarr.json" in memory.find("/window/study")
    assert str(tmp_path) not in " ".join([*coordinator.shown.study.facts, *(message for _, message in notifications)])

    coordinator.selection.of("figure")
    coordinator.sessions.flush(always=True)
    assert not memory.exists("/window/study/session.json")  # how it is looked at here is this machine's own
    node = int(coordinator.shown.study.cut.index.images[0])
    coordinator.named.sets.put("eye", np.array([node]))
    assert memory.exists("/window/study/selections.json")  # what has a name is the study's
    coordinator.open_study(PLACE)
    wait_idle()
    assert coordinator.shown.study.cut.name == "another"
    assert coordinator.shown.study.session is not None
    assert list(coordinator.named.sets) == ["eye"]


def test_a_url_that_is_none_is_told(qtbot, panel, coordinator, notifications):
    field = panel.compute_tab.study.line.native
    field.selectAll()
    qtbot.keyClicks(field, "s3://")
    qtbot.mouseClick(panel.compute_tab.open_study.native, Qt.MouseButton.LeftButton)
    assert "names no folder" in notifications[-1][1]
