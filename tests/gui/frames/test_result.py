"""A study that is shown: sliders, keys, colours, status bar, exports."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QLineEdit

OFFLINE = "dinov2-vit-s14-saliency"
NETWORK = f"{OFFLINE}@70x70"


def click(qtbot, button):
    # Only the left part of a wide check box takes clicks.
    place = QPoint(10, button.native.height() // 2)
    qtbot.mouseClick(button.native, Qt.MouseButton.LeftButton, pos=place)


def answer_dialog(qtbot, path):
    """Type a path into the file dialog that is about to open, and accept it."""

    def answer():
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QFileDialog):
            QTimer.singleShot(50, answer)
            return
        dialog.findChild(QLineEdit).setText(str(path))
        box = dialog.findChild(QDialogButtonBox)
        button = box.button(QDialogButtonBox.StandardButton.Open) or box.button(QDialogButtonBox.StandardButton.Save)
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    QTimer.singleShot(50, answer)


def press(qtbot, viewer, key, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.keyClick(viewer.window._qt_viewer.canvas.native, key, modifier)


@pytest.fixture
def shown(viewer, panel, coordinator, small_study, wait_idle):
    coordinator.open_study(small_study)
    wait_idle()
    return coordinator.shown.study


def test_opening_sets_the_panel_to_the_study(shown, panel, coordinator, small_study):
    assert coordinator.settings.study == str(small_study)
    assert coordinator.settings.networks == (OFFLINE,)
    assert panel.compute_tab.study.text == str(small_study)
    assert tuple(panel.compute_tab.networks.value) == (OFFLINE,)
    assert panel.view_tab.runs.chosen == "default"
    assert panel.export_tab.export_figure.enabled


def test_keys_move_the_sliders(qtbot, viewer, shown, canvas_colour):
    viewer.layers[1].opacity = 1.0
    assert viewer.dims.current_step[:3] == (0, 2, 0)
    press(qtbot, viewer, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    press(qtbot, viewer, Qt.Key.Key_PageDown, Qt.KeyboardModifier.AltModifier)
    assert viewer.dims.current_step[:3] == (0, 1, 1)
    assert viewer.canvas.overlays.text.text == f"1-astronaut · {NETWORK} · layer 7"
    expected = shown.cut.colour_map(NETWORK, 7, 1)[3, 1].astype(int)
    point = shown.pictures.layout.token_centre(1, 3, 1, 5, 5)
    assert np.abs(canvas_colour(*point) - expected).max() <= 2
    for _ in range(5):
        press(qtbot, viewer, Qt.Key.Key_PageUp, Qt.KeyboardModifier.AltModifier)
    assert viewer.dims.current_step[1] == 2


def test_smooth_and_blocky(qtbot, viewer, shown, panel, canvas_colour):
    viewer.layers[1].opacity = 1.0
    layout, image = shown.pictures.layout, 0
    tokens = shown.cut.colour_map(NETWORK, 8, image).astype(int)
    steps = np.abs(np.diff(tokens, axis=1)).max(-1)
    row, column = np.unravel_index(steps.argmax(), steps.shape)  # the two neighbours that differ most
    left = np.array(layout.token_centre(image, row, column, 5, 5))
    right = np.array(layout.token_centre(image, row, column + 1, 5, 5))
    between = left + 0.45 * (right - left)
    blocky = tokens[row, column]
    assert np.abs(canvas_colour(*between) - blocky).max() <= 2
    panel.tabs.setCurrentWidget(panel.view_tab)
    click(qtbot, panel.view_tab.smooth)
    smooth = shown.colours(smooth=True).frame(0, 2, image)[round(between[0]), round(between[1]), :3].astype(int)
    assert np.abs(smooth - blocky).max() > 20
    assert np.abs(canvas_colour(*between) - smooth).max() <= 10
    press(qtbot, viewer, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
    assert not panel.view_tab.smooth.value
    assert np.abs(canvas_colour(*between) - blocky).max() <= 2


def test_opacity_and_visibility_are_those_of_the_layer(qtbot, viewer, shown, panel):
    colours = viewer.layers[1]
    panel.view_tab.opacity.value = 0.25
    assert colours.opacity == 0.25
    colours.opacity = 0.5
    assert panel.view_tab.opacity.value == 0.5
    press(qtbot, viewer, Qt.Key.Key_C, Qt.KeyboardModifier.ShiftModifier)
    assert not colours.visible
    assert not panel.view_tab.visible.value
    panel.tabs.setCurrentWidget(panel.view_tab)
    click(qtbot, panel.view_tab.visible)
    assert colours.visible


def test_layers_are_changed_in_place(viewer, shown, coordinator, picture_folder, wait_idle, small_study):
    pictures, colours = viewer.layers
    coordinator.open_study(small_study)
    wait_idle()
    assert list(viewer.layers) == [pictures, colours]
    coordinator.open_pictures(picture_folder)
    wait_idle()
    assert list(viewer.layers) == [pictures]
    assert coordinator.shown.study is None


def test_layers_deleted_by_hand_come_back(viewer, shown, coordinator, wait_idle, small_study):
    viewer.layers.clear()
    assert not viewer.canvas.overlays.text.visible
    coordinator.open_study(small_study)
    wait_idle()
    assert len(viewer.layers) == 2
    assert viewer.canvas.overlays.text.visible


def test_the_status_bar_names_the_node_under_the_cursor(viewer, shown):
    layout, index = shown.pictures.layout, shown.cut.index
    viewer.dims.set_current_step(2, 1)

    def says(place):
        # napari asks the layer from a thread that begins only when the mouse comes into the window.
        point = (*viewer.dims.point[:-2], *place)
        status = viewer.layers[-1].get_status(
            point, view_direction=None, dims_displayed=list(viewer.dims.displayed), world=True
        )
        return status["coordinates"]

    place = layout.token_centre(1, 4, 0, 5, 5)
    node = index.node(NETWORK, 8, 1, row=4, column=0)
    assert says(place).endswith(f"1-astronaut · {NETWORK} · layer 8 · row 4, column 0 · node {node}")
    assert says((10, 2)).endswith("outside the picture")


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_figure_is_exported(qtbot, shown, panel, tmp_path, wait_idle, notifications, kind):
    target = tmp_path / f"figure.{kind}"
    panel.tabs.setCurrentWidget(panel.export_tab)
    answer_dialog(qtbot, target)
    click(qtbot, panel.export_tab.export_figure)
    wait_idle()
    assert target.stat().st_size > 2000
    assert any(str(target) in message for _, message in notifications)


def test_a_figure_of_another_kind_is_refused(qtbot, shown, panel, tmp_path, notifications):
    panel.tabs.setCurrentWidget(panel.export_tab)
    answer_dialog(qtbot, tmp_path / "figure.bmp")
    click(qtbot, panel.export_tab.export_figure)
    assert "must end in .png, .svg or .pdf" in notifications[-1][1]


def test_nothing_to_export_is_said(viewer, panel, notifications):
    from alignedcut_viewer.viewer.widgets.commands import export_figure, export_masks

    assert not panel.export_tab.export_figure.enabled
    export_figure(viewer)
    export_masks(viewer)
    assert [message[:22] for _, message in notifications[-2:]] == ["There is no result yet", "There are no segments "]


def test_the_three_dimensional_view_of_many_pictures_is_refused_with_a_sentence(viewer, shown, monkeypatch):
    from alignedcut_viewer.errors import InputError
    from alignedcut_viewer.viewer.frames import stacks

    monkeypatch.setattr(stacks, "MOST_FRAMES", 2)
    with pytest.raises(InputError, match="one at a time"):
        viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    viewer.dims.set_current_step(2, 1)
    assert viewer.canvas.overlays.text.text.startswith("1-astronaut")


def test_labels_over_the_pictures_become_masks(viewer, shown, tmp_path, qtbot):
    from alignedcut_viewer.viewer.widgets.commands import new_labels

    new_labels(viewer)
    labels = viewer.layers[-1]
    box = shown.pictures.layout.box(1)
    labels.data[1, box.top : box.top + box.height // 2, box.left : box.left + box.width] = 7
    written = viewer.layers.save(str(tmp_path / "drawn.npz"), selected=True, plugin="alignedcut-viewer")
    assert written == [str(tmp_path / "drawn.npz")]
    mask = np.load(tmp_path / "drawn.npz")["1-astronaut"]
    assert mask.shape == (180, 120)
    assert (mask[:88] == 7).all()
    assert not mask[92:].any()
