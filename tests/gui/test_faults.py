"""Nothing that goes wrong may crash the window, hang it, or leave a bar standing: a notification says what happened."""

import shutil

import pytest

from alignedcut_viewer.viewer.coordinator.docks import show_panel
from tests.gui.event_loop import go_round

NETWORK = "dinov2-vit-s14-saliency@70x70"
QUICK = {
    "networks": ("dinov2-vit-s14-saliency",),
    "layers": "7-8",
    "input_size": 70,
    "n_components": 5,
    "alignment": "hyperalignment",
}


@pytest.fixture
def own_study(small_study, tmp_path):
    path = tmp_path / "own.zarr"
    shutil.copytree(small_study, path)
    return path


def test_a_run_may_be_cancelled_in_every_stage(
    qtbot, viewer, panel, coordinator, picture_folder, tmp_path, wait_idle, notifications
):
    """Cancel at the first word of each stage; every run goes on where the last one stopped."""
    path = tmp_path / "cancelled.zarr"
    coordinator.settings.update(source=str(picture_folder), study=str(path), **QUICK)
    passed, cancelled = set(), 0

    def cancel_at_something_new(task):
        nonlocal cancelled
        stage = task.text.split(":")[0].split(" of ")[0].strip("…. 0123456789%/")
        if task.busy and not task.stopping and stage not in ("starting", "") and stage not in passed:
            passed.add(stage)
            cancelled += 1
            coordinator.tasks.cancel()

    coordinator.tasks.changed.connect(cancel_at_something_new)
    for _ in range(30):
        coordinator.run()
        wait_idle()
        assert panel.task_bar.run.enabled
        if coordinator.shown.study is not None:
            break
    coordinator.tasks.changed.disconnect(cancel_at_something_new)
    assert coordinator.shown.study is not None
    assert cancelled >= 4
    assert sum("cancelled" in message for _, message in notifications) >= 4
    assert not [message for severity, message in notifications if severity == "error"]


def test_the_study_is_deleted_under_the_window(
    qtbot, viewer, panel, coordinator, own_study, wait_idle, notifications, tmp_path
):
    coordinator.open_study(own_study)
    wait_idle()
    show_panel(viewer, "Selection")
    show_panel(viewer, "Contact sheet")
    shutil.rmtree(own_study)
    coordinator.selection.select([20, 21])
    viewer.dims.set_current_step((1, 2), (0, 2))
    coordinator.similarity.settings.update(mask=True, threshold=0.3)
    assert coordinator.heat_map.values.values.size == len(coordinator.shown.study.cut.index)  # mapped, so still there
    coordinator.similarity.settings.update(space="raw")
    qtbot.waitUntil(lambda: not coordinator.similarity.busy)
    coordinator.named.keep("lost")
    coordinator.sessions.flush()
    from alignedcut_viewer.viewer.frames.exports import masks_work

    work = masks_work(own_study, "default", tmp_path / "masks", coordinator.settings)
    coordinator.tasks.start("Exporting masks", work)
    wait_idle()
    coordinator.open_study(own_study)
    wait_idle()
    errors = [message for severity, message in notifications if severity == "error"]
    assert any("is gone" in message for message in errors)
    assert any("does not exist" in message for message in errors)
    assert not own_study.exists()
    go_round()
    assert not coordinator.tasks.state.busy


def test_an_exception_in_a_comparison_is_told(
    qtbot, viewer, panel, coordinator, small_study, wait_idle, notifications, monkeypatch
):
    coordinator.open_study(small_study)
    wait_idle()

    def fail(*arguments, **options):
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("alignedcut_viewer.viewer.state.similarity.cosine_similarity", fail)
    coordinator.similarity.settings.update(space="raw")
    coordinator.selection.select([20])
    qtbot.waitUntil(lambda: not coordinator.similarity.busy)
    assert any("by nought" in message for _, message in notifications)
    monkeypatch.undo()
    coordinator.selection.select([21])
    qtbot.waitUntil(lambda: coordinator.heat_map.values is not None)


def test_the_window_closes_while_features_are_compared(qtbot, viewer, coordinator, small_study, wait_idle, monkeypatch):
    """The comparison is told to stop, and what it still says reaches nobody."""
    import time

    from alignedcut_viewer.viewer.state import similarity

    coordinator.open_study(small_study)
    wait_idle()
    started, stopped = [], []

    def slowly(features, query, progress=None, **options):
        started.append(True)
        try:
            while True:
                progress(0, 1, "slowly")
                time.sleep(0.01)
        finally:
            stopped.append(True)

    monkeypatch.setattr(similarity, "cosine_similarity", slowly)
    coordinator.similarity.settings.update(space="raw")
    coordinator.selection.select([20])
    qtbot.waitUntil(lambda: bool(started))
    viewer.close()
    qtbot.waitUntil(lambda: bool(stopped))
    go_round()
