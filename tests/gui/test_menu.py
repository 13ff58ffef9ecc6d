"""Plugins ▸ AlignedCut opens and exports by itself, in napari as it is, and leaves no dock behind."""

import pytest
from qtpy.QtWidgets import QDockWidget

from alignedcut_viewer.viewer.coordinator.docks import docks_of, panel_names
from alignedcut_viewer.viewer.widgets import commands
from tests.gui.event_loop import go_round
from tests.gui.study.test_study_panel import answer_dialog


def plugin_menu(viewer):
    """The lines of Plugins ▸ AlignedCut."""
    viewer.window.plugins_menu.aboutToShow.emit()
    menu = next(action.menu() for action in viewer.window.plugins_menu.actions() if action.text() == "AlignedCut")
    menu.aboutToShow.emit()
    return {action.text().replace(" (AlignedCut)", ""): action for action in menu.actions() if action.text()}


def test_the_menu_has_commands_and_panels(viewer):
    lines = plugin_menu(viewer)
    assert set(panel_names()) <= set(lines)
    for command in ("Open image folder…", "Open study…", "Export figure…", "Export masks…", "Demo study"):
        assert command in lines


def test_the_menu_opens_a_folder_and_a_study(qtbot, viewer, coordinator, picture_folder, small_study, wait_idle):
    docks = viewer.window._qt_window.findChildren(QDockWidget)
    answer_dialog(qtbot, picture_folder)
    plugin_menu(viewer)["Open image folder…"].trigger()
    qtbot.waitUntil(lambda: coordinator.shown.pictures is not None)
    wait_idle()
    assert coordinator.workspaces.current == "Compute"
    assert coordinator.settings.source == str(picture_folder)
    answer_dialog(qtbot, small_study)
    plugin_menu(viewer)["Open study…"].trigger()
    qtbot.waitUntil(lambda: coordinator.shown.study is not None)
    wait_idle()
    assert coordinator.workspaces.current == "Look"
    go_round()
    ours = set(docks_of(viewer).values())
    left = [dock for dock in viewer.window._qt_window.findChildren(QDockWidget) if dock not in (*docks, *ours)]
    assert left == []
    assert not any("…" in str(name) for name in viewer.window._wrapped_dock_widgets)


@pytest.mark.parametrize(("line", "name"), [("Export figure…", "export_figure"), ("Export masks…", "export_masks")])
def test_the_menu_says_what_is_missing_for_an_export(qtbot, viewer, coordinator, notifications, line, name):
    assert callable(getattr(commands, name))
    plugin_menu(viewer)[line].trigger()
    missing = ("There is no result yet", "There are no segments to write yet")
    qtbot.waitUntil(lambda: any(message.startswith(missing) for _, message in notifications))
