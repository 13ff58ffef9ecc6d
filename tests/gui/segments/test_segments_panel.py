"""The Segments panel in a real window: list, names, locks, merges, painting, undo, saving, files."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QColorDialog, QLineEdit, QMessageBox

from alignedcut_viewer.segmentation import SegmentKey
from alignedcut_viewer.study import Study
from alignedcut_viewer.viewer.frames.mask_preview import SIDE, segments_preview
from alignedcut_viewer.viewer.widgets.commands import export_masks
from alignedcut_viewer.viewer.widgets.mask_dialog import MaskDialog
from tests.gui.event_loop import go_round
from tests.gui.frames.test_result import answer_dialog
from tests.gui.segments.conftest import quarters
from tests.gui.test_window import n_listeners

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def click(qtbot, widget, box=None, modifier=Qt.KeyboardModifier.NoModifier):
    if box is None:
        qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, modifier)
    else:
        qtbot.mouseClick(widget.viewport(), Qt.MouseButton.LeftButton, modifier, box.center())


def row(panel, number, image=1):
    return panel.list.parts_of(SegmentKey(number, image))


def listed(panel):
    return [(segment.key.number, segment.name) for segment in panel.list.rows]


def kept(path, name="quarters", image=1):
    with Study.open(path) as study:
        segments = study.segments(name)
        edits = segments.segmentation()
        return edits.map_of(image), {s.key.number: s for s in edits.of_image(image)}


def press_canvas(viewer, key, modifier=Qt.KeyboardModifier.NoModifier):
    from qtpy.QtTest import QTest

    native = viewer.window._qt_viewer.canvas.native
    QTest.keyClick(native, key, modifier)
    go_round()


def test_without_a_study_and_without_segments_the_panel_says_what_to_do(
    qtbot, coordinator, small_study, tmp_path, segments_panel, wait_idle
):
    assert "Study panel" in segments_panel.note.text()
    coordinator.open_study(shutil.copytree(small_study, tmp_path / "bare.zarr"))
    wait_idle()
    assert "No segments yet" in segments_panel.summary.text()
    assert not segments_panel.export_button.isEnabled()
    assert segments_panel.form.make.isEnabled()
    assert segments_panel.minimumSizeHint().height() < 320


def test_making_segments_by_the_form_under_a_name_of_their_own(
    qtbot, coordinator, own_study, opened, segments_panel, wait_idle
):
    panel = segments_panel
    panel.tabs.setCurrentIndex(2)
    panel.form.name.setText("quarters")
    panel.form.count.setValue(3)
    panel.form.edges.setCurrentIndex(panel.form.edges.findData("none"))
    click(qtbot, panel.form.make)
    assert coordinator.tasks.state.busy
    assert panel.cancel.isVisible()
    wait_idle()
    assert opened.name == "quarters 2"
    assert "3 segments as asked for" in panel.summary.text()
    assert len(panel.list.rows) == 3
    np.testing.assert_array_equal(kept(own_study)[0], quarters(180, 120))
    click(qtbot, panel.form.make)
    coordinator.tasks.cancel()
    wait_idle()
    assert Study.open(own_study).segmentations == ("halves", "quarters", "quarters 2")


def test_the_list_and_the_layer_show_the_same(
    qtbot, viewer, coordinator, opened, segments_panel, canvas_colour, middle
):
    panel = segments_panel
    assert listed(panel) == [(n, f"segment {n}") for n in (1, 2, 3, 4)]
    segment = panel.list.rows[2]
    assert panel.list.facts(segment, panel.list.model_.details[segment.key]) == "3 · 25.0 % · confidence 0.60"
    layer = coordinator.segment_layers.segments
    layer.opacity = 1.0
    for number, place in ((1, (0.25, 0.25)), (2, (0.25, 0.75)), (3, (0.75, 0.25)), (4, (0.75, 0.75))):
        colour = np.array(panel.list.rows[number - 1].colour)
        assert np.abs(canvas_colour(*middle(*place)) - colour).max() < 6
    thumbnail = panel.list.model_.details[SegmentKey(1, 1)].thumbnail
    assert thumbnail.shape == (48, 48, 3)
    assert thumbnail.std() > 5
    panel.list_page.which.setCurrentIndex(1)
    assert len(panel.list.rows) == 12
    qtbot.keyClicks(panel.list_page.words, "segment 2")
    assert len(panel.list.rows) == 3


def test_a_click_on_the_picture_chooses_the_row_and_the_tokens(
    qtbot, coordinator, opened, segments_panel, click_canvas, middle
):
    panel = segments_panel
    click(qtbot, panel.select)
    click_canvas(middle(0.75, 0.25))
    assert panel.list.chosen_keys == [SegmentKey(3, 1)]
    cut = coordinator.shown.cut
    places = cut.index.locate(coordinator.selection.of().nodes)
    assert set(places.image) == {1}
    # Tokens that the quarter fills by half; the one in the middle of the picture it fills by a quarter.
    assert {(int(r), int(c)) for r, c in zip(places.row, places.column, strict=True)} == {
        (r, c) for r in (2, 3, 4) for c in (0, 1, 2)
    } - {(2, 2)}
    assert coordinator.heat_map.values is None
    click_canvas(middle(0.25, 0.25), SHIFT)
    assert panel.list.chosen_keys == [SegmentKey(1, 1), SegmentKey(3, 1)]
    click(qtbot, panel.list, row(panel, 2).facts)
    assert opened.chosen == (SegmentKey(2, 1),)
    click(qtbot, panel.select)
    click_canvas(middle(0.75, 0.25))
    assert opened.chosen == (SegmentKey(2, 1),)
    assert coordinator.heat_map.values is not None


def test_rename_merge_split_lock_delete_and_undo_by_keys(qtbot, viewer, coordinator, own_study, opened, segments_panel):
    panel = segments_panel
    # In the active window its own shortcuts come before a widget's keys; napari has one of Ctrl-M.
    viewer.window._qt_window.activateWindow()
    qtbot.waitUntil(viewer.window._qt_window.isActiveWindow)
    click(qtbot, panel.list, row(panel, 1).facts)
    qtbot.keyClick(panel.list, Qt.Key.Key_F2)
    editor = panel.list.viewport().findChild(QLineEdit)
    editor.selectAll()
    qtbot.keyClicks(editor, "cat")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    go_round()
    assert listed(panel)[0] == (1, "cat")
    click(qtbot, panel.list, row(panel, 4).facts, CONTROL)
    qtbot.keyClick(panel.list, Qt.Key.Key_M, CONTROL)
    assert listed(panel) == [(1, "cat"), (2, "segment 2"), (3, "segment 3")]
    assert (opened.edits.map_of(1) == 1).mean() == pytest.approx(0.5)
    click(qtbot, panel.list_page.split)
    assert listed(panel) == [(1, "cat"), (2, "segment 2"), (3, "segment 3"), (4, "cat (2)")]
    click(qtbot, panel.list, row(panel, 2).sign)
    click(qtbot, panel.list, row(panel, 2).facts)
    qtbot.keyClick(panel.list, Qt.Key.Key_Delete)
    assert len(listed(panel)) == 4  # locked
    click(qtbot, panel.list, row(panel, 3).facts)
    qtbot.keyClick(panel.list, Qt.Key.Key_Delete)
    assert len(listed(panel)) == 3
    assert "Not saved" in panel.summary.text()
    while opened.unsaved and coordinator.timeline.can_undo and listed(panel)[0][1] == "cat":
        qtbot.keyClick(panel.list, Qt.Key.Key_Z, CONTROL)
    assert listed(panel) == [(n, f"segment {n}") for n in (1, 2, 3, 4)]
    np.testing.assert_array_equal(opened.edits.map_of(1), quarters(180, 120))
    while coordinator.timeline.can_redo:
        qtbot.keyClick(panel.list, Qt.Key.Key_Z, CONTROL | SHIFT)
    assert [number for number, _ in listed(panel)] == [1, 2, 4]


def test_a_colour_goes_to_the_list_the_layer_and_the_study(
    qtbot, coordinator, own_study, opened, segments_panel, wait_idle
):
    panel = segments_panel
    click(qtbot, panel.list, row(panel, 2).facts)

    def answer():
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QColorDialog):
            QTimer.singleShot(50, answer)
            return
        dialog.setCurrentColor(Qt.GlobalColor.green)
        dialog.accept()

    QTimer.singleShot(50, answer)
    click(qtbot, panel.list_page.colour)
    assert panel.list.rows[1].colour == (0, 255, 0)
    colormap = coordinator.segment_layers.segments.colormap
    np.testing.assert_allclose(colormap.map(2)[:3], (0, 1, 0), atol=0.01)
    click(qtbot, panel.save)
    wait_idle()
    assert not opened.unsaved
    assert kept(own_study)[1][2].colour == (0, 255, 0)


def test_painting_changes_the_segment_locked_ones_refuse_and_ctrl_z_takes_it_back(
    qtbot, viewer, coordinator, opened, segments_panel, drag_canvas, middle, notifications
):
    panel, layer = segments_panel, coordinator.segment_layers.segments
    before = opened.edits.map_of(1)
    click(qtbot, panel.list, row(panel, 1).facts)
    click(qtbot, panel.list_page.paint)
    assert str(layer.mode) == "paint"
    assert layer.selected_label == 1
    layer.brush_size = 12
    drag_canvas(middle(0.25, 0.7), middle(0.3, 0.8))
    go_round()
    after = opened.edits.map_of(1)
    assert set(np.unique(after[after != before])) == {1}
    assert 20 < (after != before).sum() < 2000
    assert panel.list.model_.details == {} or len(listed(panel)) == 4
    # Every picture of the window shows what the list holds.
    frame = coordinator.segment_layers.stack.frame(1)
    np.testing.assert_array_equal(coordinator.shown.pictures.layout.crop_labels(1, frame), after)
    press_canvas(viewer, Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(opened.edits.map_of(1), before)
    press_canvas(viewer, Qt.Key.Key_Z, CONTROL | SHIFT)
    np.testing.assert_array_equal(opened.edits.map_of(1), after)
    press_canvas(viewer, Qt.Key.Key_Z, CONTROL)
    opened.edit(lambda edits: edits.lock(SegmentKey(4, 1)))
    drag_canvas(middle(0.7, 0.7), middle(0.8, 0.8))
    go_round()
    np.testing.assert_array_equal(opened.edits.map_of(1), before)
    assert "segment 4 is locked" in notifications[-1][1]
    np.testing.assert_array_equal(
        coordinator.shown.pictures.layout.crop_labels(1, coordinator.segment_layers.stack.frame(1)), before
    )
    click(qtbot, panel.list_page.paint)
    assert str(layer.mode) == "pan_zoom"


def test_changes_survive_panel_study_and_moved_pictures(
    qtbot, viewer, coordinator, own_study, small_study, opened, segments_panel, wait_idle, picture_folder, tmp_path
):
    opened.edit(lambda edits: edits.rename(SegmentKey(2, 1), "cup"))
    viewer.window.remove_dock_widget(segments_panel)
    go_round()
    panel = viewer.window.add_plugin_dock_widget("alignedcut-viewer", "Segments")[1]
    go_round()
    assert (2, "cup") in listed(panel)
    assert opened.unsaved
    coordinator.open_study(small_study)  # saves before it shows another
    wait_idle()
    assert kept(own_study)[1][2].name == "cup"
    moved = shutil.move(own_study, tmp_path / "elsewhere.zarr")
    table = tmp_path / "elsewhere.zarr"
    assert table.is_dir()
    coordinator.open_study(moved)
    wait_idle()
    qtbot.waitUntil(lambda: opened.name == "quarters")
    coordinator.display.move_to(0, 1, 1)
    assert (2, "cup") in listed(panel)


def test_segments_of_all_pictures_together(qtbot, coordinator, own_study, opened, segments_panel, wait_idle):
    panel = segments_panel
    opened.edit(lambda edits: edits.rename(SegmentKey(1, 1), "changed"))
    panel.sets.setCurrentIndex(panel.sets.findText("halves"))
    panel.sets.activated.emit(panel.sets.currentIndex())
    qtbot.waitUntil(lambda: opened.name == "halves")
    wait_idle()
    assert kept(own_study)[1][1].name == "changed"  # saved before the others were opened
    qtbot.waitUntil(lambda: len(panel.list.model_.details) == 2)
    upper = panel.list.rows[0]
    assert panel.list.facts(upper, panel.list.model_.details[upper.key]) == "1 · 50.0 % · confidence 0.50 · 3 pictures"
    click(qtbot, panel.list, panel.list.parts_of(SegmentKey(1)).facts)
    assert set(coordinator.shown.index.locate(coordinator.selection.of().nodes).image) == {0, 1, 2}
    middle = opened.edits.map_of(1).shape[1] // 2
    cut = opened.edits.map_of(1).copy()
    cut[:, middle : middle + 4] = 2
    opened.edit(lambda edits: edits.paint(1, cut))
    click(qtbot, panel.list_page.split)
    assert opened.chosen == (SegmentKey(1), SegmentKey(3))
    assert (opened.edits.map_of(0) == 1).mean() == pytest.approx(0.5)


def test_a_panel_that_is_closed_listens_no_longer(qtbot, viewer, coordinator, opened, segments_panel):
    n = n_listeners(coordinator)
    another = viewer.window.add_plugin_dock_widget("alignedcut-viewer", "Concepts")[1]
    viewer.window.remove_dock_widget(another)
    viewer.window.remove_dock_widget(segments_panel)
    go_round()
    assert n_listeners(coordinator) < n
    opened.edit(lambda edits: edits.rename(SegmentKey(1, 1), "x"))


def test_export_all_formats_and_read_them_back(
    qtbot, coordinator, own_study, opened, segments_panel, tmp_path, wait_idle, notifications
):
    panel = segments_panel
    opened.edit(lambda edits: edits.merge([SegmentKey(1, 1), SegmentKey(2, 1)]))
    edited = opened.edits.map_of(1).copy()
    target = tmp_path / "masks"
    target.mkdir()

    looked = []
    formats = ("png", "coco", "csv", "npz")
    in_mask_dialog(lambda dialog: looked.append((dialog.shown.image.copy(), dialog.words.text())), formats)
    answer_dialog(qtbot, target)
    click(qtbot, panel.export_button)
    wait_idle()
    # What was shown before is the picture in view with what was written of it.
    (image, words), names = looked[0], coordinator.shown.pictures.names
    assert names[coordinator.view.picture] in words
    assert f"{len(np.unique(edited))} segments on 100 %" in words
    colours = {segment.key.number: segment.colour for segment in opened.edits.of_image(1)}
    plain = coordinator.shown.pictures.small(1, SIDE).astype(float)
    for at in (5, -5):
        expected = 0.55 * np.array(colours[int(edited[at, at])]) + 0.45 * plain[at, at]
        np.testing.assert_allclose(image[at, at], expected, atol=1)
    np.testing.assert_array_equal(np.load(target / "masks.npz")["1-astronaut"], edited)
    np.testing.assert_array_equal(np.asarray(Image.open(target / "png" / "1-astronaut.png")), edited)
    assert not opened.unsaved  # what is written is what is kept
    described = json.loads((target / "annotations.json").read_text())
    assert described["info"]["segments"] == "quarters"
    assert "segments.csv" in {file.name for file in target.iterdir()}
    answer_dialog(qtbot, target / "annotations.json")
    panel.import_action.trigger()
    wait_idle()
    assert opened.name == "annotations"
    np.testing.assert_array_equal(opened.edits.map_of(1), edited)
    assert opened.edits[SegmentKey(3, 1)].confidence == pytest.approx(0.6)


def in_mask_dialog(do, formats):
    """Wait for the dialog and its preview, do something, tick formats, and go on."""

    def act():
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, MaskDialog) or dialog.shown is None:
            QTimer.singleShot(20, act)
            return
        do(dialog)
        for name, box in dialog.boxes.items():
            box.setChecked(name in formats)
        dialog.ok.click()

    QTimer.singleShot(20, act)


def test_the_preview_of_masks_can_be_leafed_through(qtbot, viewer, coordinator, opened):
    preview = segments_preview(coordinator.shown.study, "halves", None)
    dialog = MaskDialog(("png",), "Halves", coordinator.shown.pictures.names, 1, preview)
    qtbot.addWidget(dialog)
    dialog.show()
    seen = []
    for key in (None, Qt.Key.Key_PageDown, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp, Qt.Key.Key_PageUp):
        if key is not None:
            qtbot.keyClick(dialog, key)
        qtbot.waitUntil(lambda: dialog.shown is not None)
        seen.append(dialog.position)
        assert "2 segments on 100 %" in dialog.words.text()
        assert not dialog.picture.pixmap().isNull()
    assert seen == [1, 2, 2, 1, 0]
    assert not dialog.earlier.isEnabled()
    for box in dialog.boxes.values():
        box.setChecked(False)
    assert not dialog.ok.isEnabled(), "without a format nothing can be written"


@pytest.mark.parametrize("agrees", [False, True])
def test_masks_are_replaced_only_when_the_user_says_so(qtbot, viewer, coordinator, opened, tmp_path, wait_idle, agrees):
    coordinator.settings.update(mask_formats=("png",))
    old = tmp_path / "masks" / "png" / "0-chelsea.png"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"the user's own")
    asked = []

    def answer():
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(50, answer)
            return
        asked.append(box.text())
        buttons = QMessageBox.StandardButton
        box.button(buttons.Yes if agrees else buttons.No).click()

    in_mask_dialog(lambda dialog: None, ("png",))
    answer_dialog(qtbot, tmp_path / "masks")
    QTimer.singleShot(300, answer)
    export_masks(viewer)
    wait_idle()
    assert "Replace them?" in asked[0]
    assert (old.read_bytes() == b"the user's own") is not agrees
    assert (old.parent / "1-astronaut.png").exists() is agrees


def test_whole_segments_are_renamed_deleted_and_brought_back(
    qtbot, viewer, coordinator, opened, own_study, segments_panel, wait_idle, monkeypatch
):
    panel, timeline = segments_panel, coordinator.timeline
    opened.edit(lambda edits: edits.rename(SegmentKey(1, 1), "sky"))
    monkeypatch.setattr("alignedcut_viewer.viewer.segments.panel.ask_text", lambda *_: " by  hand ")
    panel.rename_action.trigger()
    assert opened.names == ("by hand", "halves")
    assert (opened.name, panel.sets.currentText()) == ("by hand", "by hand")
    assert opened.edits[SegmentKey(1, 1)].name == "sky", "the changes stay, unsaved as they are"
    assert opened.unsaved
    timeline.undo()
    assert opened.names == ("halves", "quarters")
    timeline.undo()
    assert opened.edits[SegmentKey(1, 1)].name != "sky"
    timeline.redo()
    timeline.redo()
    panel.delete_action.trigger()
    qtbot.waitUntil(lambda: opened.name == "halves")
    assert panel.sets.count() == 1
    assert panel.restore_action.text() == "Undo: bring back by hand"
    qtbot.keyClick(panel, Qt.Key.Key_Z, CONTROL)
    qtbot.waitUntil(lambda: opened.name == "by hand")
    assert opened.edits[SegmentKey(1, 1)].name == "sky", "what was not saved yet was kept"
    qtbot.keyClick(panel, Qt.Key.Key_Z, CONTROL | SHIFT)
    qtbot.waitUntil(lambda: opened.name == "halves")
    panel.restore_action.trigger()
    qtbot.waitUntil(lambda: opened.name == "by hand")
    assert not panel.restore_action.isEnabled()
    panel.delete_action.trigger()
    qtbot.waitUntil(lambda: opened.name == "halves")
    opened.let_go()
    with Study.open(own_study) as study:
        assert study.segmentations == ("halves",)
        assert study.names.deleted_segments == []


def test_any_networks_can_be_segmented_together(segments_panel, coordinator, opened):
    form = segments_panel.form
    form.show_networks(["a", "b", "c"])
    actions = form.networks.menu().actions()
    assert form.settings()["networks"] is None
    assert form.networks.text() == "all networks"
    actions[0].trigger()
    actions[2].trigger()
    assert form.settings()["networks"] == ("a", "c")
    assert form.networks.text() == "2 of 3 networks"
    actions[0].trigger()
    assert (form.settings()["networks"], form.networks.text()) == (("c",), "c")
    assert coordinator.panel_state["segments"]["making"]["networks"] == ["c"]
    form.show_networks(["b", "c"])
    assert form.settings()["networks"] == ("c",)


def test_scored_by_masks_that_people_drew(qtbot, coordinator, opened, segments_panel, tmp_path):
    for image, name in enumerate(("0-chelsea", "1-astronaut", "2-coffee")):
        size = coordinator.shown.study.study.picture_size(image)
        truth = quarters(*size) if image != 1 else (quarters(*size) + 1) // 2
        Image.fromarray(truth.astype(np.uint8)).save(tmp_path / f"{name}.png")
    answer_dialog(qtbot, tmp_path)
    segments_panel.truth_action.trigger()
    qtbot.waitUntil(lambda: "mIoU of 3 pictures" in segments_panel.summary.text())
    # Of two halves, each gets one of its two quarters: half of it; many to one they fit.
    assert "IoU 0.50, many to one 1.00" in segments_panel.summary.text()
    assert "mIoU of 3 pictures 0.833, many to one 1.000" in segments_panel.summary.text()


def test_segments_that_were_opened_lie_over_the_pictures_alone_until_a_pick(qtbot, coordinator, opened, wait_idle):
    layers, display, canvas = coordinator.segment_layers, coordinator.display, coordinator.canvas
    assert canvas.current == "segments"
    assert layers.segments.visible
    assert not display.colours.visible
    cut = coordinator.shown.cut
    network, layer, image = coordinator.view.position
    coordinator.selection.select([cut.index.node(network, layer, image, row=2, column=2)])
    qtbot.waitUntil(lambda: canvas.current == "similarity")
    assert not layers.segments.visible
    assert coordinator.overlays.values.visible
    assert not display.colours.visible
    coordinator.selection.select([])
    qtbot.waitUntil(lambda: canvas.current == "segments")
    assert layers.segments.visible
    assert not coordinator.overlays.values.visible
    assert not display.colours.visible
    opened.close()
    assert canvas.current == "colours"
    assert not layers.segments.visible
    assert display.colours.visible
