"""The Brain panel in a real window, on a tiny simulated subject whose readout is known."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QCloseEvent

from alignedcut_viewer.brain import paper_rois
from alignedcut_viewer.study import Study
from alignedcut_viewer.viewer.state.session_file import read_session
from tests.gui.event_loop import go_round
from tests.gui.test_window import n_listeners

OFFLINE = "dinov2-vit-s14-saliency"
NETWORK = f"{OFFLINE}@70x70"
LAYERS = (2, 7, 8)


@pytest.fixture
def brain_panel(viewer):
    _, panel = viewer.window.add_plugin_dock_widget("alignedcut-viewer", "Brain")
    viewer.window._qt_window.resizeDocks([panel.parentWidget()], [420], Qt.Orientation.Horizontal)
    return panel


@pytest.fixture
def own_study(brain_study, tmp_path):
    """A copy, as a study that is opened again is shown as it was last looked at."""
    return shutil.copytree(brain_study, tmp_path / "own.zarr")


@pytest.fixture
def shown(qtbot, coordinator, own_study, brain_panel, wait_idle):
    coordinator.open_study(own_study)
    wait_idle()
    qtbot.waitUntil(lambda: brain_panel.board.cortex.scene is not None)
    return coordinator.shown.study.cut


def nodes_of(cut, image, layer, rows, columns):
    return np.array([cut.index.node(NETWORK, layer, image, row=r, column=c) for r in rows for c in columns])


def click(qtbot, widget, place):
    point = QPoint(round(place.x()), round(place.y()))
    qtbot.mouseMove(widget, point)
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=point)


def test_bars_are_the_means_of_figure_and_ground(qtbot, coordinator, shown, brain_panel):
    board, bars = brain_panel.board, brain_panel.board.bars
    assert bars.names[:12] == paper_rois()
    assert not bars.series
    assert board.stamp.isVisible()
    figure, ground = nodes_of(shown, 0, 8, (1, 2), (1, 2, 3)), nodes_of(shown, 1, 8, (0,), range(5))
    coordinator.selection.select(figure, which="figure")
    coordinator.selection.select(ground, which="ground")
    table = np.asarray(shown.brain_activation.table, dtype=np.float64)
    (layer,) = (table[part] for slot, part in shown.index.iter_slots() if slot.layer == 8)
    for key, mean in ((Qt.Key.Key_End, layer.mean(axis=0)), (Qt.Key.Key_Up, table.mean(axis=0)), (Qt.Key.Key_Home, 0)):
        board.about.setFocus()
        qtbot.keyClick(board.about, key)
        assert board.caution.isVisible() is (key != Qt.Key.Key_Home)
        assert not board.caution.isVisible() or "forces" in board.caution.text()
        assert [(one.label, one.counts) for one in bars.series] == [("figure", (6,)), ("ground", (5,))]
        for one, nodes in zip(bars.series, (figure, ground), strict=True):
            np.testing.assert_allclose(one.means, table[nodes].mean(axis=0) - mean, atol=2e-3)
            np.testing.assert_allclose(one.spreads, table[nodes].std(axis=0), atol=2e-3)
    # what is painted is what was computed: the bar reaches as far as its mean, in its colour
    one, region = bars.series[0], int(np.abs(bars.series[0].means).argmax())
    box, frame = bars.bar(0, region), bars.frame()
    assert abs(box.height() - abs(one.means[region]) / bars.limit * (frame.bottom - frame.top) / 2) < 1
    shot = bars.grab().toImage()
    ratio = shot.devicePixelRatio()
    # beside the line of the spread, which runs through the middle
    found = shot.pixelColor(int((box.left() + 0.2 * box.width()) * ratio), int(box.center().y() * ratio))
    assert found.name().upper() == "#E69F00"
    coordinator.selection.select([], which="figure")
    assert [one.label for one in bars.series] == ["ground"]


def test_clicking_a_bar_shows_what_drives_the_region(
    qtbot, coordinator, shown, brain_panel, viewer, tmp_path, wait_idle
):
    board, bars = brain_panel.board, brain_panel.board.bars
    coordinator.selection.select(nodes_of(shown, 0, 8, (1,), (1, 2)))
    region = bars.names.index("FFA")
    click(qtbot, bars, bars.column(region).center())
    table = np.asarray(shown.brain_activation.table, dtype=np.float32)
    np.testing.assert_allclose(
        coordinator.heat_map.values.values, shown.brain_activation.values("FFA", about="layer"), atol=1e-3
    )
    assert coordinator.heat_map.values.signed
    assert coordinator.heat_map.values.limits[0] == -coordinator.heat_map.values.limits[1]
    assert "FFA" in coordinator.heat_map.values.title
    assert "simulated" in coordinator.heat_map.values.title
    assert any("FFA" in layer.name for layer in viewer.layers)
    assert bars.driving == board.cortex.driving == region
    qtbot.keyClick(board.about, Qt.Key.Key_Home)
    np.testing.assert_allclose(coordinator.heat_map.values.values, table[:, region], atol=1e-6)
    # a session brings the region back, not the similarity to what is selected, though the selection comes first
    coordinator.sessions.save(tmp_path / "mine.session.json")
    coordinator.clear()
    assert coordinator.heat_map.values is None
    coordinator.sessions.restore(read_session(tmp_path / "mine.session.json"))
    qtbot.waitUntil(lambda: not coordinator.similarity.busy)
    go_round()
    assert len(coordinator.selection.of().nodes) == 2
    np.testing.assert_allclose(coordinator.heat_map.values.values, table[:, region], atol=1e-6)
    assert coordinator.canvas.current == "region"
    qtbot.mouseClick(board.clear, Qt.MouseButton.LeftButton)
    assert coordinator.heat_map.values is None
    assert bars.driving == -1


def test_the_pictures_that_drive_a_region_most(qtbot, coordinator, shown, brain_panel):
    board, strip = brain_panel.board, brain_panel.board.where_else.strip
    assert not board.where_else.isVisible()
    region = board.bars.names.index("PPA")
    click(qtbot, board.bars, board.bars.column(region).center())
    assert board.where_else.isVisible()
    values = shown.brain_activation.values("PPA", about="layer")
    network, layer, _ = coordinator.view.position
    best = {image: float(values[shown.index.patch_slice(network, layer, image)].max()) for image in shown.index.images}
    qtbot.waitUntil(lambda: len(strip.nodes) == len(best))
    order = [int(shown.index.locate(node).image) for node in strip.nodes]
    assert order == sorted(best, key=lambda image: -best[image])
    qtbot.waitUntil(lambda: strip.isVisible() and strip.viewport().height() > 60)
    qtbot.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=strip.box(1).center().toPoint())
    assert coordinator.view.position[2] == order[1]


def test_regions_by_the_keys(qtbot, coordinator, shown, brain_panel):
    board = brain_panel.board
    for view in (board.bars, board.cortex):
        view.setFocus()
        qtbot.keyClick(view, Qt.Key.Key_Home)
        qtbot.keyClick(view, Qt.Key.Key_Right)
        qtbot.keyClick(view, Qt.Key.Key_Right)
        assert board.bars.current == board.cortex.current == 2
        qtbot.keyClick(view, Qt.Key.Key_Return)
        assert "V3" in coordinator.heat_map.values.title
        qtbot.keyClick(view, Qt.Key.Key_Escape)
        assert coordinator.heat_map.values is None
    board.kind.setCurrentIndex(board.kind.findData("layers"))
    coordinator.selection.select(nodes_of(shown, 0, 8, (1,), (1, 2)))
    board.curves.setFocus()
    qtbot.keyClick(board.curves, Qt.Key.Key_Home)
    qtbot.keyClick(board.curves, Qt.Key.Key_Down)
    assert board.curves.current == board.curves.below() > 1


def test_curves_follow_the_same_places_through_the_layers(qtbot, coordinator, shown, brain_panel, viewer):
    board, curves = brain_panel.board, brain_panel.board.curves
    coordinator.selection.select(nodes_of(shown, 1, 2, (3, 4), (0, 1)), which="figure")
    qtbot.keyClick(board.about, Qt.Key.Key_Home)
    board.kind.setCurrentIndex(board.kind.findData("layers"))
    assert curves.isVisible()
    (one,) = curves.series
    assert one.layers == LAYERS
    table = np.asarray(shown.brain_activation.table, dtype=np.float64)
    for position, layer in enumerate(LAYERS):
        there = nodes_of(shown, 1, layer, (3, 4), (0, 1))
        np.testing.assert_allclose(one.means[position], table[there].mean(axis=0), atol=2e-3)
    assert curves.layer == coordinator.view.position[1]
    cell = curves.cell(4)
    assert "EBA" in curves.words_at(cell.center())
    assert f"layer {curves.layer_at(cell.center())}" in curves.words_at(cell.center())
    click(qtbot, curves, cell.center())
    assert "EBA" in coordinator.heat_map.values.title


def test_one_bar_a_network(coordinator, shown, brain_panel):
    board = brain_panel.board
    nodes = nodes_of(shown, 1, 7, (3,), (0, 1))
    coordinator.selection.select(nodes, which="ground")
    board.kind.setCurrentIndex(board.kind.findData("networks"))
    (one,) = board.bars.series
    assert (one.label, one.selection, one.counts) == (NETWORK, "ground", (2,))
    expected = shown.brain_activation.summarise(nodes, about="layer").mean
    np.testing.assert_allclose(one.means, expected, atol=1e-6)


def test_the_cortex_has_the_colours_of_the_selection(qtbot, coordinator, shown, brain_panel):
    board, cortex = brain_panel.board, brain_panel.board.cortex
    qtbot.keyClick(board.about, Qt.Key.Key_Home)
    go_round()  # the line of caution goes, and the cortex is drawn anew in the room that it leaves
    qtbot.waitUntil(lambda: board.lower.settled)
    nodes = nodes_of(shown, 0, 8, (1, 2), (1, 2, 3))
    coordinator.selection.select(nodes, which="figure")
    qtbot.waitUntil(lambda: cortex.values is not None)
    values = shown.brain_activation.cortex_values(nodes)
    for side in ("lh", "rh"):
        np.testing.assert_allclose(cortex.values[side], values[side], rtol=1e-3, atol=1e-3)
    region = cortex.names.index("PPA")
    place = cortex.place_of(region)
    assert cortex.region_at(place) == region
    assert "PPA" in cortex.words_at(place)
    click(qtbot, cortex, place)
    assert "PPA" in coordinator.heat_map.values.title
    coordinator.selection.select(nodes_of(shown, 1, 8, (0,), range(5)), which="ground")
    board.lower.kind.setCurrentIndex(board.lower.kind.findData("difference"))
    qtbot.waitUntil(lambda: cortex.title == "figure − ground about zero")
    other = shown.brain_activation.cortex_values(nodes_of(shown, 1, 8, (0,), range(5)))
    np.testing.assert_allclose(cortex.values["lh"], values["lh"] - other["lh"], rtol=1e-3, atol=2e-3)
    assert cortex.scale.low == -cortex.scale.high


def test_the_cortex_in_three_dimensions(qtbot, coordinator, shown, brain_panel):
    board = brain_panel.board
    coordinator.selection.select(nodes_of(shown, 0, 8, (1, 2), (1, 2, 3)))
    qtbot.waitUntil(lambda: board.cortex.values is not None)
    qtbot.mouseClick(board.lower.open_3d, Qt.MouseButton.LeftButton)
    window = board.lower.window_3d
    qtbot.waitUntil(lambda: window.is_open)
    assert window.legend.bar.limits == (board.cortex.scale.low, board.cortex.scale.high)
    before = np.array(window.layer.vertex_colors)
    assert before.shape == (2 * 163_842, 4)
    known = np.isfinite(np.concatenate([board.cortex.values["lh"], board.cortex.values["rh"]]))
    layer = window.layer
    coordinator.selection.select(nodes_of(shown, 1, 2, (0,), (0,)))
    qtbot.waitUntil(lambda: not np.array_equal(window.layer.vertex_colors, before))
    assert window.layer is layer
    np.testing.assert_array_equal(np.array(window.layer.vertex_colors)[~known], before[~known])
    tones = before[~known & ~window.surface.outlined][:, :3]
    assert (tones == tones[:, :1]).all()  # sulci darker, gyri lighter
    assert np.ptp(tones[:, 0]) > 0.15
    assert 0 < window.surface.outlined.mean() < 0.1
    window.close()
    go_round()
    assert not window.is_open
    coordinator.selection.select(nodes_of(shown, 1, 2, (1,), (1,)))  # nothing happens to a window that is gone
    go_round()


def test_the_second_window_closes_without_asking(qtbot, coordinator, shown, brain_panel):
    class ByTheUser(QCloseEvent):
        def spontaneous(self):
            return True

    board = brain_panel.board
    coordinator.selection.select(nodes_of(shown, 0, 8, (1,), (1, 2)))
    qtbot.waitUntil(lambda: board.lower.open_3d.isEnabled())
    qtbot.mouseClick(board.lower.open_3d, Qt.MouseButton.LeftButton)
    window = board.lower.window_3d
    qtbot.waitUntil(lambda: window.is_open)
    event = ByTheUser()
    assert window._manner.eventFilter(window.viewer.window._qt_window, event)
    assert not event.isAccepted()  # napari's own question is not reached
    qtbot.waitUntil(lambda: not window.is_open)


def score(path, **scores):
    """Let the alignment of a study say how well it predicts held-out responses."""
    with Study.open(path, writable=True) as study:
        group = f"alignments/{study.cut().recipe['cut']['alignment']}"
        rois = {name: {"r2": value} for name, value in {**scores, "all": 0.2}.items()}
        study.store.set_attributes(group, {**study.store.attributes(group), "scores": {"rois": rois}})


def test_weak_regions_are_pale_on_the_cortex_flat_and_in_three_dimensions(
    qtbot, coordinator, own_study, brain_panel, wait_idle
):
    score(own_study, V1=0.31, PPA=0.012)
    coordinator.open_study(own_study)
    wait_idle()
    lower, cortex = brain_panel.board.lower, brain_panel.board.cortex
    qtbot.waitUntil(lambda: cortex.scene is not None)
    coordinator.selection.select(nodes_of(coordinator.shown.cut, 0, 8, (1, 2), (1, 2, 3)))
    qtbot.waitUntil(lambda: cortex.values is not None)
    v1, ppa = (cortex.names.index(name) for name in ("V1", "PPA"))
    scene, back = cortex.scene, (0, 0, 0)
    assert cortex.weak == [ppa]
    full, seen, bare = (
        scene.picture(values, cortex.scale, back, faded)[..., :3].astype(float)
        for values, faded in ((cortex.values, ()), (cortex.values, cortex.weak), (None, ()))
    )
    weak = scene.regions == ppa
    np.testing.assert_allclose(seen[weak], 0.35 * full[weak] + 0.65 * bare[weak], atol=0.51)
    assert np.abs(seen - full)[weak].max() > 20
    np.testing.assert_array_equal(seen[~weak], full[~weak])
    assert cortex.label_of(v1) == "V1 .31"
    if cortex._labels is not None and cortex._labels:
        assert {words for _, _, words in cortex._labels} <= {cortex.label_of(r) for r in range(len(cortex.names))}
    # what the window shows is that picture
    place = cortex.place_of(ppa)
    row, column = cortex._pixel(place)
    qtbot.mouseClick(lower.open_3d, Qt.MouseButton.LeftButton)
    window = lower.window_3d
    qtbot.waitUntil(lambda: window.is_open)
    assert "V1 .31, PPA .01" in window.legend.notes
    assert "Pale" in window.legend.notes
    surface = window.surface
    side, vertex = scene.raster.vertex_at(row, column)
    at = vertex + 163_842 * (side == "rh")
    assert surface.faded[at]
    assert not surface.faded[np.concatenate([scene.masks[one].mask("V1") for one in ("lh", "rh")])].any()
    strong = cortex.scale.rgb(np.array([cortex.values[side][vertex]])) / 255
    if not surface.outlined[at]:
        np.testing.assert_allclose(
            np.array(window.layer.vertex_colors)[at, :3], (0.35 * strong + 0.65 * surface.tone[at])[0], atol=0.01
        )
    window.close()


def test_held_out_scores_stand_beside_regions_and_weak_ones_are_faded(
    qtbot, coordinator, own_study, brain_panel, wait_idle
):
    score(own_study, V1=0.31, FFA=0.012)
    coordinator.open_study(own_study)
    wait_idle()
    board, bars = brain_panel.board, brain_panel.board.bars
    qtbot.waitUntil(lambda: bool(bars.names))
    v1, ffa, eba = (bars.names.index(name) for name in ("V1", "FFA", "EBA"))
    assert [bars.label_of(region) for region in (v1, ffa, eba)] == ["V1 .31", "FFA .01", "EBA"]
    assert [bars.is_weak(region) for region in (v1, ffa, eba)] == [False, True, False]
    assert "held-out R² 0.012: hardly predicted" in bars.words_at(bars.column(ffa).center())
    assert "units of the responses" in bars.unit or not bars.series
    coordinator.selection.select(nodes_of(coordinator.shown.cut, 0, 8, (1, 2), (1, 2, 3)))
    assert bars.unit == "activation about the layer's mean, in units of the responses"
    shot = bars.grab().toImage()
    ratio = shot.devicePixelRatio()

    def colour(region):
        box = bars.bar(0, region)
        return shot.pixelColor(int((box.left() + 0.2 * box.width()) * ratio), int(box.center().y() * ratio))

    high = [region for region in (v1, ffa) if bars.bar(0, region).height() > 4]
    assert high
    for region in high:
        assert (colour(region).name().upper() == "#E69F00") is (region == v1)
    assert board.cortex.minimumHeight() >= 220


def test_without_brain_data_it_says_how_to_get_some(qtbot, coordinator, small_study, tmp_path, brain_panel, wait_idle):
    assert brain_panel.pages.currentIndex() == 0
    assert "Study panel" in brain_panel.note.text()
    coordinator.open_study(shutil.copytree(small_study, tmp_path / "own.zarr"))
    wait_idle()
    assert brain_panel.pages.currentIndex() == 0
    assert "simulate-brain" in brain_panel.note.text()
    qtbot.mouseClick(brain_panel.study, Qt.MouseButton.LeftButton)
    assert any("Study" in name for name in coordinator.viewer.window.dock_widgets)


def test_what_is_missing_is_computed_once(qtbot, coordinator, brain_study, tmp_path, brain_panel, wait_idle):
    path = tmp_path / "bare.zarr"
    shutil.copytree(brain_study, path)
    (table,) = path.glob("cuts/*/brain_activation")
    shutil.rmtree(table)
    coordinator.open_study(path)
    qtbot.waitUntil(lambda: brain_panel.pages.currentIndex() == 1)
    wait_idle()
    assert table.is_dir()
    assert brain_panel.board.activation.simulated


def test_a_panel_opened_again_is_as_it_was(qtbot, viewer, coordinator, shown, brain_panel):
    board = brain_panel.board
    board.kind.setCurrentIndex(board.kind.findData("layers"))
    qtbot.keyClick(board.about, Qt.Key.Key_Home)
    coordinator.selection.select(nodes_of(shown, 0, 8, (1,), (1, 2)))
    viewer.window.remove_dock_widget(brain_panel)
    go_round()
    assert n_listeners(coordinator) == 0
    _, again = viewer.window.add_plugin_dock_widget("alignedcut-viewer", "Brain")
    qtbot.waitUntil(lambda: bool(again.board.curves.series))
    assert again is not brain_panel
    assert again.board.kind.currentData() == "layers"
    assert again.board.about.currentData() == "zero"


def test_it_follows_the_theme(viewer, shown, brain_panel):
    before = brain_panel.board.bars.colours
    theme = viewer.theme
    viewer.theme = "light"
    try:
        assert brain_panel.board.bars.colours.back.lightness() > before.back.lightness()
        assert not brain_panel.board.cortex.colours.dark
    finally:
        viewer.theme = theme


def test_export_says_that_the_data_are_simulated(qtbot, coordinator, shown, brain_panel, tmp_path):
    from alignedcut_viewer.viewer.widgets.panel_export import save_panel

    board = brain_panel.board
    assert not board.export.isEnabled()
    nodes = nodes_of(shown, 0, 8, (1,), (1, 2))
    coordinator.selection.select(nodes)
    qtbot.waitUntil(lambda: board.cortex.values is not None)
    assert board.export.isEnabled()
    for kind in ("selections", "layers"):
        board.kind.setCurrentIndex(board.kind.findData(kind))
        for ending in ("svg", "csv"):
            save_panel(tmp_path / f"{kind}.{ending}", board.figure, board.table)(lambda done, total, text: None)
        drawing = (tmp_path / f"{kind}.svg").read_text(encoding="utf-8")
        assert "simulated brain data" in drawing
        assert "FFA" in drawing
    with open(tmp_path / "selections.csv", encoding="utf-8", newline="") as file:
        rows = {row["region"]: row for row in csv.DictReader(file)}
    found = board.activation.summarise(nodes, about="layer").mean
    assert np.float32(rows["V1"]["mean"]) == found[0]
    assert {row["simulated"] for row in rows.values()} == {"true"}
    with open(tmp_path / "layers.csv", encoding="utf-8", newline="") as file:
        assert {row["layer"] for row in csv.DictReader(file)} == {"2", "7", "8"}
    board.grab().save(str(tmp_path / "seen.png"))
    with Image.open(tmp_path / "seen.png") as picture:
        assert min(picture.size) > 200


def test_names_and_tooltips_are_where_the_bars_are(shown, brain_panel):
    bars = brain_panel.board.bars
    for region, name in enumerate(bars.names):
        words = bars.words_at(bars.column(region).center())
        assert f"<b>{name}</b>" in words
        assert bars.functions[region] in words
    assert bars.region_at(QPointF(1, 1)) == -1
