"""Workspaces fit the screen, whatever is opened; they come back with the session; own ones are kept."""

import gc
import shutil
import weakref

import pytest
from qtpy.QtCore import QRect, Qt
from qtpy.QtWidgets import QDockWidget, QTabBar

from alignedcut_viewer.viewer.coordinator.docks import AREAS, dock_named, docks_of, open_panels, show_panel
from alignedcut_viewer.viewer.state.workspaces import KINDS, NAPARI_PANELS, WORKSPACES, arrange, kind_of
from alignedcut_viewer.viewer.widgets.window_bar import install_window_bar
from tests.gui.event_loop import go_round
from tests.gui.test_window import PANELS

SCREENS = {
    "1920 x 1080": (1920, 1080),
    "1366 x 768": (1366, 768),
    "2560 x 1440 at 200 %": (1280, 720),
    "1920 x 1080 at 200 %": (960, 540),
}
NAMES = [workspace.name for workspace in WORKSPACES if workspace.main[0] in PANELS]


@pytest.fixture
def bar(viewer, coordinator):
    return install_window_bar(coordinator)


def resize(viewer, width, height):
    viewer.window._qt_window.showNormal()
    viewer.window._qt_window.resize(width, height)
    go_round()


def seen_docks(viewer):
    return {name: not dock.isHidden() for name, dock in docks_of(viewer).items() if not dock.isHidden()}


def assert_fits(viewer, width, height):
    """The window has the size it was given, and everything in it at least its own minimum."""
    window = viewer.window._qt_window
    if (window.width(), window.height()) != (width, height):  # it was larger before, with napari's own docks
        resize(viewer, width, height)
    assert (window.width(), window.height()) == (width, height)
    hint = window.minimumSizeHint()
    assert hint.width() <= width
    assert hint.height() <= height
    for name, dock in docks_of(viewer).items():
        if dock.isHidden() or dock.visibleRegion().isEmpty():
            continue  # hidden, or a tab behind another
        least = dock.widget().minimumSizeHint()
        assert dock.widget().height() >= least.height(), name
        assert dock.widget().width() >= least.width(), name
        assert window.rect().contains(dock.geometry()), name
    native = viewer.window._qt_viewer.canvas.native
    assert native.width() >= 240
    assert native.height() >= 150


@pytest.mark.parametrize("size", SCREENS.values(), ids=SCREENS)
def test_every_workspace_fits_every_screen(viewer, coordinator, bar, brain_study, wait_idle, size):
    coordinator.open_study(brain_study)
    wait_idle()
    resize(viewer, *size)
    for name in NAMES:
        bar.buttons[name].click()
        go_round()
        assert coordinator.workspaces.current == name
        assert_fits(viewer, *size)
        front = dock_named(viewer, next(w for w in WORKSPACES if w.name == name).main[0])
        assert not front.visibleRegion().isEmpty(), f"{name} has its panel in front"
    wait_idle()


@pytest.mark.parametrize("size", SCREENS.values(), ids=SCREENS)
def test_whatever_is_opened_from_the_menu_stays_on_the_screen(viewer, coordinator, size):
    from napari._app_model import get_app_model

    resize(viewer, *size)
    for name in PANELS:
        command = f"alignedcut-viewer.{name.lower().replace(' ', '_')}_panel"
        get_app_model().commands.execute_command(command).result()
        go_round()
        assert_fits(viewer, *size)
        dock = dock_named(viewer, name)
        assert not dock.visibleRegion().isEmpty(), f"{name} is in front"
        assert dock.windowTitle() == name
        assert viewer.window._qt_window.dockWidgetArea(dock) == AREAS[kind_of(name, *size)]


def test_the_cortex_has_room(qtbot, viewer, coordinator, bar, brain_study, wait_idle):
    coordinator.open_study(brain_study)
    wait_idle()
    resize(viewer, 1366, 768)
    bar.buttons["Brain"].click()
    go_round()
    panel = dock_named(viewer, "Brain").inner_widget()
    qtbot.waitUntil(lambda: panel.pages.currentIndex() == 1)
    go_round()
    assert panel.board.cortex.height() >= 220


def test_titles_are_short_on_tabs_and_bars_also_after_floating(viewer, coordinator, bar):
    resize(viewer, 1366, 768)
    bar.buttons["Look"].click()
    go_round()
    window = viewer.window._qt_window
    tabs = [bar.tabText(i) for bar in window.findChildren(QTabBar) for i in range(bar.count()) if bar.isVisible()]
    assert "Trajectories" in tabs
    assert not any("alignedcut" in tab.lower() for tab in tabs)
    dock = dock_named(viewer, "Selection")
    dock.setFloating(True)
    go_round()
    dock.setFloating(False)
    go_round()
    assert dock.title.title.text() == "Selection"


def test_an_arrangement_comes_back_with_the_session(qtbot, viewer, coordinator, bar, small_study, tmp_path, wait_idle):
    study = tmp_path / "own.zarr"
    shutil.copytree(small_study, study)
    coordinator.open_study(study)
    wait_idle()
    resize(viewer, 1400, 820)
    coordinator.workspaces.show("Map")
    go_round()
    window = viewer.window._qt_window
    dock = dock_named(viewer, "Trajectories")
    qtbot.waitUntil(lambda: abs(dock.width() - 700) <= 5)
    window.resizeDocks([dock], [555], Qt.Orientation.Horizontal)
    qtbot.waitUntil(lambda: abs(dock.width() - 555) <= 5)
    width = dock.width()
    coordinator.sessions.save(tmp_path / "s.session.json")
    coordinator.workspaces.show("Compute")
    resize(viewer, 1100, 700)
    coordinator.open_session(tmp_path / "s.session.json")
    wait_idle()
    assert coordinator.workspaces.current == "Map"
    assert bar.buttons["Map"].isChecked()
    assert (window.width(), window.height()) == (1400, 820)
    assert abs(dock_named(viewer, "Trajectories").width() - width) <= 2
    assert not dock_named(viewer, "Trajectories").visibleRegion().isEmpty()


def test_an_arrangement_of_a_larger_screen_is_made_anew_on_a_smaller_one(qtbot, viewer, coordinator, bar, monkeypatch):
    window = viewer.window._qt_window
    resize(viewer, 1920, 1080)
    coordinator.workspaces.show("Look")
    go_round()
    kept = coordinator.workspaces.capture()
    coordinator.workspaces.show("Compute")
    for module in ("docks", "workspaces"):
        name = f"alignedcut_viewer.viewer.coordinator.{module}.room_of"
        monkeypatch.setattr(name, lambda _: QRect(0, 0, 960, 540))
    assert coordinator.workspaces.restore({**kept, "size": [960, 540]})
    go_round()
    qtbot.waitUntil(lambda: (window.width(), window.height()) == (960, 540))
    assert coordinator.workspaces.current == "Look"
    assert_fits(viewer, 960, 540)


@pytest.mark.parametrize("name", ["Map", "Compute", "Segments"])
def test_on_the_smallest_screen_panels_shrink_before_they_scroll(
    qtbot, viewer, coordinator, bar, small_study, wait_idle, name
):
    coordinator.open_study(small_study)
    wait_idle()
    coordinator.workspaces.show(name)
    go_round()
    resize(viewer, 960, 540)
    panel = dock_named(viewer, next(w for w in WORKSPACES if w.name == name).main[0]).inner_widget()
    qtbot.waitUntil(lambda: panel.pages.currentIndex() == 1)
    go_round()
    area = panel.pages.currentWidget()
    assert area.verticalScrollBar().maximum() == 0, f"{area.widget().height()} in {area.viewport().height()}"
    assert area.horizontalScrollBar().maximum() == 0
    assert area.widget().size() == area.viewport().size()


def test_own_workspaces_are_saved_shown_and_deleted(viewer, coordinator, bar, tmp_path, monkeypatch):
    monkeypatch.setattr("alignedcut_viewer.viewer.coordinator.workspaces._own_file", lambda: tmp_path / "own.json")
    resize(viewer, 1366, 768)
    coordinator.workspaces.show("Compute")
    show_panel(viewer, "Help")
    go_round()
    coordinator.workspaces.save("  my   own ")
    assert coordinator.workspaces.current == "my own"
    coordinator.workspaces.show("Map")
    go_round()
    assert dock_named(viewer, "Help").isHidden()
    bar.fill_menu()
    action = next(action for action in bar.menu.actions() if action.text() == "my own")
    action.trigger()
    go_round()
    assert not dock_named(viewer, "Help").isHidden()
    bar.fill_menu()
    next(action for action in bar.menu.actions() if action.text() == "Reset layout").trigger()
    coordinator.workspaces.delete("my own")
    assert coordinator.workspaces.own == {}


def test_a_study_opened_in_compute_goes_to_look(viewer, coordinator, bar, small_study, wait_idle):
    resize(viewer, 1366, 768)
    coordinator.workspaces.show("Compute")
    coordinator.open_study(small_study)
    wait_idle()
    assert coordinator.workspaces.current == "Look"
    assert bar.buttons["Look"].isChecked()


def test_panels_of_a_workspace_exist_or_join_when_they_do():
    assert set(KINDS) <= set(PANELS)
    for workspace in WORKSPACES:
        for width, height in SCREENS.values():
            groups = arrange(workspace, width, height, (*PANELS, "Segments"))
            placed = [name for group in groups for name in group.panels if name not in NAPARI_PANELS]
            assert sorted(placed) == sorted(workspace.panels), "each panel has one place"


def test_nothing_of_naparis_is_lost(viewer, coordinator, bar):
    resize(viewer, 960, 540)
    coordinator.workspaces.show("Look")
    go_round()
    resize(viewer, 1920, 1080)
    coordinator.workspaces.reset()
    go_round()
    window = viewer.window._qt_window
    for name in NAPARI_PANELS:
        dock = next(dock for dock in window.findChildren(QDockWidget) if dock.objectName() == name)
        assert not dock.isHidden()


def test_panels_that_a_workspace_hides_keep_what_was_typed_into_them(viewer, coordinator, bar):
    shown = {}
    for name in (*NAMES, *NAMES):
        bar.buttons[name].click()
        go_round()
        gc.collect()
        for panel, dock in docks_of(viewer).items():
            assert shown.setdefault(panel, weakref.ref(dock))() is dock, f"{panel} was made anew"
        dock = None
        assert shown.keys() == docks_of(viewer).keys()


def test_what_comes_back_has_the_panels_it_had_and_no_others(viewer, coordinator, bar):
    workspaces, kept, seen = coordinator.workspaces, {}, {}
    for name in NAMES:
        bar.buttons[name].click()
        go_round()
        kept[name], seen[name] = workspaces.capture(), seen_docks(viewer)
    for name in reversed(NAMES):
        assert workspaces.restore(kept[name])
        go_round()
        gc.collect()
        assert seen_docks(viewer) == seen[name]
        assert open_panels(viewer) == kept[name]["panels"]
