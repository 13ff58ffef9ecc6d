"""A window that is closed and opened again finds everything as it was."""

import json
import shutil

import numpy as np
import pytest

from alignedcut_viewer.viewer.coordinator.docks import open_panels, show_panel
from tests.gui.event_loop import go_round

NETWORK = "dinov2-vit-s14-saliency@70x70"


@pytest.fixture
def own_study(small_study, tmp_path):
    path = tmp_path / "own.zarr"
    shutil.copytree(small_study, path)
    return path


@pytest.fixture
def shown(viewer, panel, coordinator, own_study, wait_idle):
    coordinator.open_study(own_study)
    wait_idle()
    return coordinator.shown.study


def look_around(viewer, coordinator):
    show_panel(viewer, "Selection")
    coordinator.view.smooth = True
    coordinator.similarity.settings.update(scope="layer", threshold=0.4, mask=True)
    coordinator.selection.select([20, 21])
    coordinator.selection.set_active("ground")
    coordinator.selection.select([7])
    viewer.dims.set_current_step((1, 2), (1, 2))
    coordinator.overlays.values.opacity = 0.5
    viewer.scene.camera.zoom = 3.5
    viewer.scene.camera.center = (0, 60.0, 70.0)
    coordinator.panel_state["somebody"] = {"tab": 2}


def check(viewer, coordinator):
    assert coordinator.selection.of("figure").nodes.tolist() == [20, 21]
    assert coordinator.selection.of("ground").nodes.tolist() == [7]
    assert coordinator.selection.active == "ground"
    assert coordinator.view.smooth
    assert (coordinator.similarity.settings.scope, coordinator.similarity.settings.threshold) == ("layer", 0.4)
    assert coordinator.view.position == (NETWORK, 7, 2)
    assert coordinator.overlays.mask.visible
    assert coordinator.overlays.values.opacity == 0.5
    assert not coordinator.display.colours.visible
    assert viewer.scene.camera.zoom == pytest.approx(3.5)
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (60, 70))
    assert coordinator.panel_state["somebody"] == {"tab": 2}
    assert {"Study", "Selection"} <= set(open_panels(viewer))


def look_away(qtbot, viewer, coordinator, wait_idle):
    """Other pictures, as a new window would begin."""
    coordinator.open_pictures("sample pictures")
    wait_idle()
    viewer.window.remove_dock_widget("all")
    go_round()
    coordinator.view.smooth = False
    coordinator.selection.set_active("figure")
    coordinator.similarity.settings.update(scope="all", threshold=0.9, mask=False)
    coordinator.panel_state.clear()
    viewer.reset_view()


def test_a_study_opens_as_it_was_left(qtbot, viewer, shown, coordinator, own_study, wait_idle):
    look_around(viewer, coordinator)
    look_away(qtbot, viewer, coordinator, wait_idle)
    assert (own_study / "session.json").is_file()
    viewer.open(str(own_study), plugin="alignedcut-viewer")  # as by dropping it on the window
    wait_idle()
    check(viewer, coordinator)


def test_a_session_in_a_file_moves_with_its_study(
    qtbot, viewer, shown, coordinator, own_study, tmp_path, wait_idle, notifications
):
    look_around(viewer, coordinator)
    coordinator.sessions.save(tmp_path / "mine.session.json")
    look_away(qtbot, viewer, coordinator, wait_idle)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(own_study, elsewhere / own_study.name)
    (elsewhere / own_study.name / "session.json").unlink()
    shutil.move(tmp_path / "mine.session.json", elsewhere)
    viewer.open(str(elsewhere / "mine.session.json"), plugin="alignedcut-viewer")
    wait_idle()
    check(viewer, coordinator)
    assert not [message for severity, message in notifications if severity == "error"]


def test_a_damaged_session_is_told_and_the_study_opens(viewer, coordinator, own_study, wait_idle, notifications):
    (own_study / "session.json").write_text("{}")
    (own_study / "selections.json").write_text("{}")
    coordinator.open_study(own_study)
    wait_idle()
    assert coordinator.shown.study.path == own_study
    told = " ".join(message for _, message in notifications)
    assert "session.json is damaged or not a session" in told
    assert "selections.json is damaged or not a file of named selections" in told
    assert (own_study / "selections.json").read_text() == "{}"


def test_a_session_of_a_cut_that_lost_pictures_keeps_what_is_left(
    viewer, shown, coordinator, own_study, wait_idle, notifications
):
    coordinator.selection.select(
        [shown.cut.index.node(NETWORK, 8, image, row=1, column=1) for image in shown.cut.index.images]
    )
    coordinator.sessions.flush()
    coordinator.sessions.stop()
    state = json.loads((own_study / "session.json").read_text())
    state["index"]["images"][0] = 999
    (own_study / "session.json").write_text(json.dumps(state))
    coordinator.open_pictures("sample pictures")
    wait_idle()
    (own_study / "session.json").write_text(json.dumps(state))
    coordinator.open_study(own_study)
    wait_idle()
    assert len(coordinator.selection.of()) == 2
    assert any("1 nodes of the session" in message for _, message in notifications)


def test_a_study_that_cannot_be_written_is_looked_at_all_the_same(
    viewer, shown, coordinator, own_study, monkeypatch, notifications
):
    from alignedcut_viewer import atomic_files

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(atomic_files.os, "replace", refuse)
    coordinator.selection.select([3])
    coordinator.sessions.flush()
    assert not [message for _, message in notifications if "session" in message]
    coordinator.named.keep("a")
    coordinator.named.keep("b")
    refused = [message for _, message in notifications if "permission is denied" in message]
    assert len(refused) == 1
    assert list(coordinator.named.sets) == ["a", "b"]


def test_the_state_is_saved_when_the_window_closes(qtbot, viewer, shown, coordinator, own_study):
    coordinator.selection.select([5])
    viewer.close()
    go_round()
    state = json.loads((own_study / "session.json").read_text())
    assert state["selections"]["figure"] == [[5, 5]]
