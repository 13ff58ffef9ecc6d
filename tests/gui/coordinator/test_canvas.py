"""The switch over the pictures and its legend, Escape, and one history of all that is done, by mouse and keys."""

import shutil

import numpy as np
import pytest
from qtpy.QtCore import Qt

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.pipeline import discover_concepts
from alignedcut_viewer.pipeline.concept_stage import ConceptSettings
from alignedcut_viewer.study import Study
from alignedcut_viewer.viewer.coordinator.canvas import VIEWS
from alignedcut_viewer.viewer.coordinator.docks import show_panel
from alignedcut_viewer.viewer.state.node_labels import NodeLabels
from alignedcut_viewer.viewer.widgets.canvas_corner import show_canvas_corner
from tests.gui.event_loop import go_round

NETWORK = "dinov2-vit-s14-saliency@70x70"


@pytest.fixture(scope="module")
def concept_study(small_study, tmp_path_factory):
    path = tmp_path_factory.mktemp("canvas") / "study.zarr"
    shutil.copytree(small_study, path)
    with Study.open(path, writable=True) as study:
        discover_concepts(study, settings=ConceptSettings(n_concepts=4, min_size=5))
    return path


@pytest.fixture
def corner(viewer, coordinator, concept_study, tmp_path, wait_idle):
    corner = show_canvas_corner(viewer)
    assert not corner.isVisible()
    coordinator.open_study(shutil.copytree(concept_study, tmp_path / "own.zarr"))
    wait_idle()
    show_panel(viewer, "Selection")
    go_round()
    viewer.reset_view()  # the panel took room from the pictures
    go_round()
    return corner


def press(qtbot, corner, name):
    qtbot.mouseClick(corner.buttons[name], Qt.MouseButton.LeftButton)


def key(qtbot, viewer, which, modifier=Qt.KeyboardModifier.NoModifier):
    native = viewer.window._qt_viewer.canvas.native
    native.setFocus()
    qtbot.keyClick(native, which, modifier)


def middle_of(cut, layout, node):
    """A point of the canvas inside a node's token."""
    place = cut.index.locate(node)
    box = layout.box(cut.index.images.index(int(place.image)))
    return box.top + (place.row + 0.5) / 5 * box.height, box.left + (place.column + 0.5) / 5 * box.width


def test_the_corner_never_covers_the_name_of_the_picture(viewer, corner):
    overlay, canvas = viewer.canvas.overlays.text, viewer.window._qt_viewer.canvas.native
    viewer.window.remove_dock_widget("all")  # room for a name beside the buttons, also on a small screen
    go_round()
    overlay.text = "a cat"
    assert corner.y() == 8
    overlay.text = "m" * 200
    assert corner.y() > 2 * 8
    # as long as just fits: nothing of what the canvas paints lies behind the buttons
    while corner.y() > 8:
        overlay.text = overlay.text[:-1]
    assert len(overlay.text) > 2
    go_round()
    painted = viewer.screenshot(canvas_only=True, flash=False)[:30, :, :3].max(axis=2) > 100
    scale = painted.shape[1] / canvas.width()
    assert np.flatnonzero(painted.any(axis=0))[-1] < corner.x() * scale


def test_one_switch_for_what_lies_over_the_pictures(qtbot, viewer, coordinator, corner, canvas_colour, notifications):
    cut = coordinator.shown.cut
    assert corner.isVisible()
    assert show_canvas_corner(viewer) is corner
    assert list(corner.buttons) == [view.name for view in VIEWS]
    assert corner.buttons["colours"].isChecked()
    press(qtbot, corner, "similarity")
    assert any("Click into a picture" in message for _, message in notifications)
    assert corner.buttons["colours"].isChecked()
    node = cut.index.node(NETWORK, coordinator.view.position[1], 0, row=2, column=2)
    coordinator.selection.select([node])
    assert corner.buttons["similarity"].isChecked()
    assert corner.legend.bar.title == coordinator.heat_map.values.title
    assert corner.legend.isVisible()
    press(qtbot, corner, "colours")
    assert coordinator.heat_map.values is None
    assert coordinator.display.colours.visible
    coordinator.selection.select([node + 1])  # colours stay until similarity is asked for
    assert corner.buttons["colours"].isChecked()
    press(qtbot, corner, "concepts")
    labels = cut.concepts.labels
    assert coordinator.overlays.labels.visible
    assert not coordinator.display.colours.visible
    assert [name for _, name in corner.legend.lines] == [concept.name for concept in cut.concepts]
    held = np.flatnonzero(labels[cut.index.patch_slice(*coordinator.view.position)] >= 0)
    chosen = cut.index.patch_slice(*coordinator.view.position).start + int(held[0])
    coordinator.selection.select([])
    coordinator.overlays.labels.opacity = 1.0
    point = middle_of(cut, coordinator.shown.pictures.layout, chosen)
    assert np.abs(canvas_colour(*point) - cut.concepts.concepts[labels[chosen]].colour).max() <= 3
    press(qtbot, corner, "similarity")
    assert not coordinator.overlays.labels.visible
    coordinator.heat_map.show(np.linspace(-1, 1, len(cut.index)), "drives V1", signed=True, kind="region")
    assert corner.buttons["region"].isChecked()
    press(qtbot, corner, "concepts")
    key(qtbot, viewer, Qt.Key.Key_5, Qt.KeyboardModifier.AltModifier)
    assert coordinator.heat_map.values.title == "drives V1"
    coordinator.selection.select([node])
    assert coordinator.canvas.current == "region"  # asked for by the switch, it stays
    key(qtbot, viewer, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert coordinator.canvas.current == "colours"


def test_what_is_near_zero_lets_the_picture_through(coordinator, corner, canvas_colour):
    cut = coordinator.shown.cut
    values = np.zeros(len(cut.index), dtype=np.float32)
    part = cut.index.patch_slice(*coordinator.view.position)
    node, strong = part.start + 12, part.start + 7
    layout = coordinator.shown.pictures.layout
    coordinator.display.colours.visible = False
    bare = canvas_colour(*middle_of(cut, layout, node))
    values[strong] = 1.0
    coordinator.heat_map.show(values, "drives V1", limits=(-1, 1), signed=True, kind="region")
    assert np.abs(canvas_colour(*middle_of(cut, layout, node)) - bare).max() < 24
    red, green, blue = canvas_colour(*middle_of(cut, layout, strong))
    assert red > green + 20
    assert red > blue + 20


def test_other_panels_give_their_groups_to_the_switch(qtbot, coordinator, corner, notifications):
    index = coordinator.shown.cut.index
    press(qtbot, corner, "segments")
    assert any("Segments panel" in message for _, message in notifications)
    coordinator.canvas.attach("segments", lambda: True, lambda: None)
    press(qtbot, corner, "segments")
    assert coordinator.canvas.current == "segments"
    press(qtbot, corner, "colours")
    assert corner.buttons["colours"].isChecked()
    labels = np.arange(len(index)) % 2
    segments = NodeLabels(labels, ["one", "two"], [(255, 0, 0), (0, 0, 255)], "Segments")
    coordinator.canvas.offer("segments", lambda: segments)
    press(qtbot, corner, "segments")
    assert coordinator.canvas.current == "segments"
    assert coordinator.overlays.labels.data.values is segments
    with pytest.raises(InputError, match="not by 'depth'"):
        coordinator.canvas.offer("depth", lambda: segments)
    with pytest.raises(InputError, match="no name"):
        NodeLabels([0, 3], ["one"], [(0, 0, 0)], "Segments")


def test_escape_clears_and_one_history_undoes_everything(qtbot, viewer, coordinator, corner, wait_idle):
    cut, history = coordinator.shown.cut, coordinator.timeline
    panel = show_panel(viewer, "Concepts")
    ctrl, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    nodes = [5, 9, 11]
    coordinator.selection.select(nodes)
    coordinator.named.keep("spots")
    first = cut.concepts.concepts[0]
    panel._rename(first.id, "fur")
    coordinator.canvas.show("concepts")
    assert corner.legend.lines[0][1] == "fur"
    key(qtbot, viewer, Qt.Key.Key_Escape)
    assert not len(coordinator.selection.of())
    assert coordinator.canvas.current == "colours"
    key(qtbot, viewer, Qt.Key.Key_Z, ctrl)
    assert coordinator.selection.of().nodes.tolist() == nodes
    key(qtbot, viewer, Qt.Key.Key_Z, ctrl)
    assert cut.concepts[first.id].name == first.name
    assert panel.list.rows[0].name == first.name
    key(qtbot, viewer, Qt.Key.Key_Z, ctrl)
    assert "spots" not in coordinator.named.sets
    key(qtbot, viewer, Qt.Key.Key_Z, ctrl)
    assert not history.can_undo
    for _ in range(4):
        key(qtbot, viewer, Qt.Key.Key_Z, ctrl | shift)
    assert coordinator.named.sets["spots"].tolist() == nodes
    assert cut.concepts[first.id].name == "fur"
    assert not len(coordinator.selection.of())


def test_showing_another_cut_is_undone(qtbot, viewer, coordinator, corner, wait_idle):
    from alignedcut_viewer import pipeline
    from alignedcut_viewer.pipeline.settings import AlignSettings, ColourSettings, CutSettings

    path, ctrl = coordinator.shown.study.path, Qt.KeyboardModifier.ControlModifier
    colour = ColourSettings(n_landmarks=60, perplexity=8, device="cpu")
    with Study.open(path, writable=True) as study:
        settings = CutSettings(n_components=4, colour=colour, map=None, device="cpu")
        pipeline.cut(study, settings, "other", align=AlignSettings("none"))
    coordinator.open_study(path)
    wait_idle()
    before = coordinator.shown.cut.name
    other = next(name for name in coordinator.shown.study.cuts if name != before)
    coordinator.show_cut(other)
    wait_idle()
    assert coordinator.shown.cut.name == other
    key(qtbot, viewer, Qt.Key.Key_Z, ctrl)
    wait_idle()
    assert coordinator.shown.cut.name == before
    key(qtbot, viewer, Qt.Key.Key_Z, ctrl | Qt.KeyboardModifier.ShiftModifier)
    wait_idle()
    assert coordinator.shown.cut.name == other
