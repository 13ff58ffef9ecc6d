"""The Trajectories panel with mouse and keys: both ways with the pictures, paths, layers over time, docks, themes."""

import csv
import itertools
import shutil

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication

from alignedcut_viewer.pipeline.concept_stage import ConceptSettings, discover_concepts
from alignedcut_viewer.study import Study
from alignedcut_viewer.viewer.concepts.edits import edit_concepts
from alignedcut_viewer.viewer.frames.brain_regions import region_labels
from alignedcut_viewer.viewer.widgets import panel_export
from tests.gui.event_loop import go_round

NETWORK = "dinov2-vit-s14-saliency@70x70"
NONE, SHIFT, ALT, CTRL = (getattr(Qt.KeyboardModifier, f"{name}Modifier") for name in ("No", "Shift", "Alt", "Control"))
FIGURE, GROUND = (230, 159, 0), (86, 180, 233)


def open_panel(viewer):
    return viewer.window.add_plugin_dock_widget("alignedcut-viewer", "Trajectories")[1]


@pytest.fixture
def settle(qtbot):
    """Wait until the panel has prepared what it shows, and has painted it."""

    def wait(panel):
        go_round()  # what a click or a key began may wait in the queue
        qtbot.waitUntil(lambda: panel.settled and panel.pages.currentIndex() == 1)
        go_round()

    return wait


@pytest.fixture
def trajectories(viewer, coordinator, small_study, wait_idle, settle):
    """The panel, with all layers at once."""
    coordinator.open_study(small_study)
    wait_idle()
    panel = open_panel(viewer)
    settle(panel)
    panel.board.player.off.click()
    return panel


@pytest.fixture
def map_widget(trajectories):
    return trajectories.board.map


@pytest.fixture
def drag(qtbot, map_widget):
    """Drag over the map through logical pixels of the canvas, and let go."""

    def through(points, modifier=NONE):
        places = [QPoint(round(x), round(y)) for x, y in points]
        qtbot.mousePress(map_widget, Qt.MouseButton.LeftButton, modifier, places[0])
        for place in places[1:]:
            map_widget.mouseMoveEvent(_moved(map_widget, place, modifier))
        qtbot.mouseRelease(map_widget, Qt.MouseButton.LeftButton, modifier, places[-1])
        return np.array([(place.x(), place.y()) for place in places], dtype=float)

    return through


def _moved(map_widget, place, modifier):
    """A move with the button down: simulated cursors of some platforms lose moves."""
    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QMouseEvent

    left = Qt.MouseButton.LeftButton
    return QMouseEvent(
        QEvent.Type.MouseMove, QPointF(place), QPointF(map_widget.mapToGlobal(place)), left, left, modifier
    )


def pixels_of(map_widget):
    """Places of all nodes on the canvas, logical pixels."""
    return map_widget.view.to_pixels(map_widget._places)


def seen(map_widget):
    """What the widget really shows, RGB, at its own resolution."""
    image = map_widget.grab().toImage().convertToFormat(map_widget.grab().toImage().Format.Format_RGB888)
    bits = image.constBits()
    if hasattr(bits, "setsize"):
        bits.setsize(image.height() * image.bytesPerLine())
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def n_like(map_widget, colour, within=12):
    return int((np.abs(seen(map_widget) - colour).max(axis=2) <= within).sum())


def corners_around(points, margin=9):
    """A square around some pixels, with many corners, ending where it began."""
    low, high = np.min(points, axis=0) - margin, np.max(points, axis=0) + margin
    square = np.array([low, (high[0], low[1]), high, (low[0], high[1]), low])
    return np.concatenate([a + (b - a) * np.linspace(0, 1, 9)[:, None] for a, b in itertools.pairwise(square)])


# -- the map and the pictures --------------------------------------------------------------------------------------


def test_all_tokens_of_the_cut_are_on_the_map(trajectories, map_widget, coordinator):
    cut = coordinator.shown.study.cut
    np.testing.assert_array_equal(map_widget._places, cut.map2d)
    assert f"{len(cut.index)} tokens" in trajectories.board.status.text()
    pixels = pixels_of(map_widget)
    assert (pixels > 0).all()
    assert (pixels < (map_widget.width(), map_widget.height())).all()
    image = map_widget.draw_points()
    ratio = map_widget.devicePixelRatioF()
    columns, rows = (pixels * ratio).astype(int).T
    assert (image[rows, columns, 3] > 0).all()


def test_a_lasso_chooses_what_it_holds_and_tints_the_pictures(qtbot, trajectories, map_widget, coordinator, drag):
    trajectories.board.controls.tools["lasso"].click()
    pixels = pixels_of(map_widget)
    target = pixels[np.argsort(pixels[:, 0])[: len(pixels) // 4]]
    corners = drag(corners_around(target))
    inside = np.flatnonzero(Outline(corners).contains_points(pixels))
    assert len(inside) >= len(target)
    np.testing.assert_array_equal(coordinator.selection.of("figure").nodes, inside)
    coordinator.go_to(inside[0])
    frame = coordinator.overlays.selection.data.frame(*coordinator.display.position())
    marked = frame[frame[..., 3] > 0][:, :3]
    assert len(marked)
    assert (np.abs(marked.astype(int) - FIGURE).max(axis=1) < 5).any()
    assert n_like(map_widget, FIGURE) > 50
    # Shift adds, Alt removes, and undo walks back.
    other = pixels[np.argsort(pixels[:, 0])[-20:]]
    more = np.flatnonzero(Outline(drag(corners_around(other), SHIFT)).contains_points(pixels))
    np.testing.assert_array_equal(coordinator.selection.of("figure").nodes, np.union1d(inside, more))
    drag(corners_around(other), ALT)
    np.testing.assert_array_equal(coordinator.selection.of("figure").nodes, np.setdiff1d(inside, more))
    coordinator.selection.history.undo()
    np.testing.assert_array_equal(coordinator.selection.of("figure").nodes, np.union1d(inside, more))


def test_a_drag_moves_and_with_ctrl_it_is_a_lasso(map_widget, coordinator, drag):
    before = pixels_of(map_widget)
    drag([(100, 100), (110, 100), (130, 115)])
    np.testing.assert_allclose(pixels_of(map_widget) - before, np.broadcast_to((30, 15), before.shape), atol=1e-3)
    assert not len(coordinator.selection.of("figure"))
    pixels = pixels_of(map_widget)
    corners = drag(corners_around(pixels[:10]), CTRL)
    np.testing.assert_array_equal(
        coordinator.selection.of("figure").nodes, np.flatnonzero(Outline(corners).contains_points(pixels))
    )


def test_the_brush_chooses_what_it_passes(trajectories, map_widget, coordinator, drag):
    trajectories.board.controls.tools["brush"].click()
    map_widget.set_radius(15)
    pixels = pixels_of(map_widget)
    centre = pixels[len(pixels) // 2]
    way = drag([(centre[0] - 60, centre[1]), (centre[0], centre[1]), (centre[0] + 60, centre[1])])
    across = np.abs(pixels[:, 1] - way[0, 1])
    along = np.clip(pixels[:, 0], way[0, 0], way[-1, 0]) - pixels[:, 0]
    distance = np.hypot(across, along)
    chosen = np.zeros(len(pixels), dtype=bool)
    chosen[coordinator.selection.of("figure").nodes] = True
    assert chosen.any()
    assert chosen[distance < 13.5].all()  # dabs are a third of the radius apart
    assert not chosen[distance > 15.01].any()


def test_a_click_picks_and_shows_the_picture(qtbot, map_widget, coordinator):
    node = coordinator.shown.study.cut.index.node(NETWORK, 2, 2, row=4, column=0)
    map_widget.zoom(2000, map_widget.place_of(node))
    place = map_widget.place_of(node).toPoint()
    same = np.flatnonzero(np.hypot(*(pixels_of(map_widget) - (place.x(), place.y())).T) < 2)
    qtbot.mouseClick(map_widget, Qt.MouseButton.LeftButton, NONE, place)
    assert coordinator.selection.of("figure").nodes.tolist() == [min(same)]
    picked = coordinator.shown.study.cut.index.locate(min(same))
    assert coordinator.view.position == (NETWORK, int(picked.layer), int(picked.image))
    coordinator.selection.set_active("ground")
    qtbot.mouseClick(map_widget, Qt.MouseButton.LeftButton, NONE, place)
    assert coordinator.selection.of("ground").nodes.tolist() == [min(same)]


def test_what_is_chosen_in_the_pictures_stands_out_on_the_map(map_widget, trajectories, coordinator, settle):
    index = coordinator.shown.study.cut.index
    assert n_like(map_widget, FIGURE) == n_like(map_widget, GROUND) == 0
    coordinator.selection.select([index.node(NETWORK, 7, 0, row=1, column=1)], which="figure")
    coordinator.selection.select([index.node(NETWORK, 7, 1, row=3, column=3)], which="ground")
    settle(trajectories)
    assert n_like(map_widget, FIGURE) > 30
    assert n_like(map_widget, GROUND) > 30
    for which in ("figure", "ground"):
        coordinator.selection.select([], which=which)
    settle(trajectories)
    assert n_like(map_widget, FIGURE) == n_like(map_widget, GROUND) == 0


def test_hover_goes_both_ways_with_a_thumbnail(qtbot, trajectories, map_widget, coordinator, settle):
    index = coordinator.shown.study.cut.index
    node = index.node(NETWORK, 8, 1, row=2, column=3)
    map_widget.zoom(2000, map_widget.place_of(node))
    place = map_widget.place_of(node).toPoint()
    map_widget.mouseMoveEvent(_hover(map_widget, place))
    same = int(np.flatnonzero(np.hypot(*(pixels_of(map_widget) - (place.x(), place.y())).T) < 2).min())
    assert coordinator.selection.hovered == same
    map_widget.crosshair = QPointF(place)  # the simulated cursor may be anywhere
    coordinator.selection.hover(None)
    coordinator.selection.hover(same)
    qtbot.waitUntil(lambda: map_widget.thumbnail is not None)
    found = index.locate(same)
    assert map_widget.thumbnail.lines[0] == coordinator.shown.study.pictures.names[index.images.index(int(found.image))]
    assert map_widget.thumbnail.box == pytest.approx((int(found.row) / 5, int(found.column) / 5, 0.2, 0.2))
    assert max(map_widget.thumbnail.image.shape) == 132
    coordinator.selection.hover(None)
    assert map_widget.hovered is None


def _hover(map_widget, place):
    from qtpy.QtCore import QEvent
    from qtpy.QtGui import QMouseEvent

    none = Qt.MouseButton.NoButton
    return QMouseEvent(QEvent.Type.MouseMove, QPointF(place), QPointF(map_widget.mapToGlobal(place)), none, none, NONE)


# -- view ----------------------------------------------------------------------------------------------------------


def test_wheel_and_keys_zoom_and_move(qtbot, map_widget):
    before = pixels_of(map_widget)
    at = QPointF(120, 90)
    wheel = QWheelEvent(
        at, QPointF(map_widget.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton, NONE,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(map_widget, wheel)
    np.testing.assert_allclose(pixels_of(map_widget), (before - (120, 90)) * 1.25 + (120, 90), atol=1e-3)
    before = pixels_of(map_widget)
    for key, shift in ((Qt.Key.Key_Left, (40, 0)), (Qt.Key.Key_Down, (0, -40))):
        qtbot.keyClick(map_widget, key)
        np.testing.assert_allclose(pixels_of(map_widget) - before, np.broadcast_to(shift, before.shape), atol=1e-3)
        before = pixels_of(map_widget)
    qtbot.keyClick(map_widget, Qt.Key.Key_Plus)
    middle = (map_widget.width() / 2, map_widget.height() / 2)
    np.testing.assert_allclose(pixels_of(map_widget) - middle, (before - middle) * 1.25, atol=1e-3)
    qtbot.keyClick(map_widget, Qt.Key.Key_Home)
    assert (pixels_of(map_widget) > 0).all()


def test_everything_can_be_chosen_by_keys(qtbot, trajectories, map_widget, coordinator):
    pixels = pixels_of(map_widget)
    qtbot.keyClick(map_widget, Qt.Key.Key_L)
    assert trajectories.board.controls.tools["lasso"].isChecked()
    corners = [pixels.min(axis=0) - 5, (pixels[:, 0].max() + 5, pixels[:, 1].min() - 5), pixels.max(axis=0) + 5]
    for corner in corners:
        map_widget.crosshair = QPointF(*corner)
        qtbot.keyClick(map_widget, Qt.Key.Key_Return)
    qtbot.keyClick(map_widget, Qt.Key.Key_C)
    inside = np.flatnonzero(Outline([*corners, corners[0]]).contains_points(pixels))
    np.testing.assert_array_equal(coordinator.selection.of("figure").nodes, inside)
    qtbot.keyClick(map_widget, Qt.Key.Key_B)
    map_widget.crosshair = QPointF(*pixels[0])
    qtbot.keyClick(map_widget, Qt.Key.Key_Right, CTRL)
    qtbot.keyClick(map_widget, Qt.Key.Key_Left, CTRL)
    qtbot.keyClick(map_widget, Qt.Key.Key_Return)
    near = np.hypot(*(pixels - pixels[0]).T)
    chosen = set(coordinator.selection.of("figure").nodes.tolist())
    assert set(np.flatnonzero(near < map_widget.radius - 0.1).tolist()) <= chosen
    assert chosen <= set(np.flatnonzero(near < map_widget.radius + 0.1).tolist())
    qtbot.keyClick(map_widget, Qt.Key.Key_M)
    qtbot.keyClick(map_widget, Qt.Key.Key_Return)
    assert coordinator.selection.of("figure").nodes.tolist() == [int(near.argmin())]
    qtbot.keyClick(map_widget, Qt.Key.Key_Escape)
    assert map_widget.crosshair is None


# -- paths and layers ----------------------------------------------------------------------------------------------


def test_paths_lead_through_the_layers_of_the_pixel(trajectories, map_widget, coordinator, settle):
    index = coordinator.shown.study.cut.index
    chosen = [index.node(NETWORK, 7, image, row=1, column=4) for image in (0, 1)]
    coordinator.selection.select(chosen, which="figure")
    coordinator.selection.select([index.node(NETWORK, 2, 2, row=0, column=0)], which="ground")
    settle(trajectories)
    figure, ground = map_widget._bundles
    assert (figure.which, ground.which) == ("figure", "ground")
    assert figure.layers == (2, 7, 8)
    expected = [[index.node(NETWORK, layer, image, row=1, column=4) for layer in (2, 7, 8)] for image in (0, 1)]
    np.testing.assert_array_equal(figure.nodes, expected)
    np.testing.assert_array_equal(figure.places, coordinator.shown.study.cut.map2d[np.array(expected)])
    assert len(figure.strands) in (1, 2)
    trajectories.board.controls.paths.click()
    settle(trajectories)
    assert map_widget._bundles == ()


def test_filters_leave_out_layers(trajectories, map_widget, coordinator, settle, drag):
    controls = trajectories.board.controls
    controls.first_layer.setValue(3)
    settle(trajectories)
    index = coordinator.shown.study.cut.index
    assert f"{2 * len(range(index.slot_slice(NETWORK, 2).stop))} tokens" in trajectories.board.status.text()
    controls.tools["lasso"].click()
    pixels = pixels_of(map_widget)
    drag(corners_around(pixels))
    assert sorted(set(index.locate(coordinator.selection.of("figure").nodes).layer.tolist())) == [7, 8]
    assert trajectories.board.player._layers == (7, 8)
    assert coordinator.panel_state["trajectories"]["first_layer"] == 3


def test_layers_go_by_and_every_token_moves(qtbot, trajectories, map_widget, coordinator, settle):
    player, index = trajectories.board.player, coordinator.shown.study.cut.index
    map2d = np.asarray(coordinator.shown.study.cut.map2d)
    coordinator.go_to_layer(2)
    assert player.layer is None, "all layers stay all layers"
    qtbot.keyClick(map_widget, Qt.Key.Key_PageUp)
    assert player.layer == 2, "that of the pictures"
    layers = [index.slot_slice(NETWORK, layer) for layer in (2, 7, 8)]
    np.testing.assert_array_equal(map_widget._cloud.x, map2d[layers[0], 0])
    player.slider.setValue(player.slider.value() + 10)
    assert player.layer == 4.5
    np.testing.assert_allclose(map_widget._cloud.y, (map2d[layers[0], 1] + map2d[layers[1], 1]) / 2, atol=1e-4)
    qtbot.keyClick(map_widget, Qt.Key.Key_PageUp)
    qtbot.keyClick(map_widget, Qt.Key.Key_PageUp)
    assert player.layer == 8
    assert player.label.text() == "layer 8"
    qtbot.keyClick(map_widget, Qt.Key.Key_Space)
    assert player.playing
    qtbot.waitUntil(lambda: player.slider.value() > 3)
    qtbot.keyClick(map_widget, Qt.Key.Key_Space)
    assert not player.playing
    player.off.click()
    assert map_widget._cloud is None


def test_it_opens_on_the_layer_of_the_pictures_and_both_sliders_are_one(
    qtbot, viewer, coordinator, small_study, wait_idle, settle
):
    coordinator.open_study(small_study)
    wait_idle()
    index, position = coordinator.shown.index, coordinator.view.position
    coordinator.go_to(index.node(NETWORK, 7, position[2], row=0, column=0))
    panel = open_panel(viewer)
    settle(panel)
    board, map_widget = panel.board, panel.board.map
    assert board.choice.colour_by == "alignedcut"
    assert board.player.layer == 7
    n_here = len(index.select(layers=[7]))
    assert f"{n_here} of {len(index)} tokens" in board.status.text()
    cloud = map_widget._cloud
    np.testing.assert_array_equal(cloud.colours[:, :3], coordinator.shown.cut.rgb[index.select(layers=[7])])
    # The slider of the pictures moves that of the map, and the other way round.
    coordinator.go_to_layer(8)
    assert board.player.layer == 8
    qtbot.keyClick(map_widget, Qt.Key.Key_PageDown)
    assert coordinator.view.position[1] == 7
    # Only what is bright is touched.
    board.controls.tools["lasso"].click()
    pixels = pixels_of(map_widget)
    for layer in (7, 2):
        coordinator.go_to_layer(layer)
        qtbot.keyClick(map_widget, Qt.Key.Key_L)
        map_widget.lasso = [QPointF(*corner) for corner in corners_around(pixels)]
        map_widget.dragging = "lasso"
        map_widget.end_drag()
        chosen = coordinator.selection.of("figure").nodes
        assert np.unique(index.locate(chosen).layer).tolist() == [layer]
    dim = int(index.select(layers=[8])[0])
    found = map_widget.point_at(map_widget.place_of(dim))
    assert found is None or int(index.locate(found).layer) == 2
    # All layers stay all layers, wherever the pictures are; the choice is kept.
    board.player.off.click()
    coordinator.go_to_layer(8)
    assert board.player.layer is None
    assert map_widget.raster.grid.within_reach.all()
    assert coordinator.panel_state["trajectories"]["all_layers"] is True


def test_the_atlas_shows_pictures_and_finer_cells_when_zoomed_in(qtbot, trajectories, map_widget, settle):
    board = trajectories.board
    board.controls.atlas.trigger()
    settle(trajectories)
    tiles = map_widget._tiles
    assert tiles
    tile = tiles[0]
    corner = map_widget.view.to_pixels((tile.left + tile.side / 2, tile.top - tile.side / 2)).round().astype(int)
    middle = tile.image[14:18, 14:18].reshape(-1, 3).mean(axis=0)
    if (corner > 0).all() and corner[0] < map_widget.width() and corner[1] < map_widget.height():
        assert np.abs(seen(map_widget)[corner[1], corner[0]] - middle).max() < 60
    qtbot.keyClick(map_widget, Qt.Key.Key_Plus)
    settle(trajectories)
    assert map_widget._tiles[0].side < tile.side
    board.controls.atlas.trigger()
    settle(trajectories)
    assert map_widget._tiles == ()


def test_contours_are_drawn(qtbot, trajectories, map_widget, coordinator, settle):
    before = seen(map_widget)
    trajectories.board.controls.contours.trigger()
    settle(trajectories)
    lines = map_widget.contours
    assert lines
    changed = (np.abs(seen(map_widget) - before).max(axis=2) > 20).sum()
    assert changed > 100
    trajectories.board.controls.contours.trigger()
    settle(trajectories)
    assert not len(map_widget.contours)


def discovered(study_path, path):
    """A copy of a study with concepts of its cut."""
    shutil.copytree(study_path, path)
    with Study.open(path, writable=True) as study:
        discover_concepts(study, settings=ConceptSettings(n_concepts=6, min_size=5))
    return path


def test_concepts_are_named_where_they_lie_beside_a_crop(
    qtbot, viewer, coordinator, small_study, tmp_path, wait_idle, settle
):
    coordinator.open_study(discovered(small_study, tmp_path / "own.zarr"))
    wait_idle()
    panel = open_panel(viewer)
    settle(panel)
    board, map_widget, cut = panel.board, panel.board.map, coordinator.shown.cut
    board.player.off.click()
    settle(panel)
    concepts = {concept.name: concept for concept in cut.concepts}
    assert {label.name for label in map_widget.labels} == set(concepts)
    for label in map_widget.labels:
        assert label.node in concepts[label.name].members
    first = map_widget.labels[0]
    assert first in map_widget.seen_labels()
    # The crop is really painted, in a rim of the concept's colour.
    x, y = map_widget.view.to_pixels(map_widget._places[first.node]).round().astype(int)
    shown = seen(map_widget)[y - 10 : y + 10, x - 10 : x + 10].mean(axis=(0, 1))
    assert np.abs(shown - first.crop[21:107, 21:107].mean(axis=(0, 1))).max() < 25
    assert np.abs(seen(map_widget)[y, x - 18 : x - 14] - first.colour).max(axis=1).min() <= 3
    # More of them the further one zooms in: what lies alone is never hidden.
    map_widget.zoom(2000, map_widget.place_of(map_widget.labels[-1].node))
    settle(panel)
    assert map_widget.labels[-1] in map_widget.seen_labels()
    # Of one layer, only what that layer holds.
    board.controls.all.click()
    coordinator.go_to_layer(7)
    qtbot.keyClick(map_widget, Qt.Key.Key_PageUp)
    settle(panel)
    assert map_widget.labels
    assert {int(cut.index.locate(label.node).layer) for label in map_widget.labels} == {board.player.layer}
    here = concepts[map_widget.labels[0].name].id
    edit_concepts(coordinator, cut.concepts, lambda all: all.rename(here, "whiskers"))
    settle(panel)
    assert map_widget.labels[0].name == "whiskers"
    board.controls.names.trigger()
    settle(panel)
    assert map_widget.labels == ()


def test_tokens_in_the_colour_of_the_region_that_they_drive_most(
    viewer, coordinator, brain_study, tmp_path, wait_idle, settle
):
    coordinator.open_study(shutil.copytree(brain_study, tmp_path / "own.zarr"))
    wait_idle()
    panel = open_panel(viewer)
    settle(panel)
    controls, map_widget = panel.board.controls, panel.board.map
    controls.colour_by.setCurrentIndex(controls.colour_by.findData("region"))
    settle(panel)
    cut, raster = coordinator.shown.cut, map_widget.raster
    regions = region_labels(cut.brain_activation, {})
    expected = np.append(regions.colours, [(128, 128, 128)], axis=0)[regions.labels]
    np.testing.assert_array_equal(raster._colours[:, :3], expected[raster.grid.order])
    assert any("V1 · V2" in row.title for row in map_widget.legend)
    coordinator.selection.select([3])
    settle(panel)
    panel.board.player.off.click()
    assert not map_widget.dimmed


def test_a_heat_map_stays_bright_behind_a_selection(trajectories, map_widget, coordinator, settle):
    controls = trajectories.board.controls
    coordinator.selection.select([3], which="figure")
    settle(trajectories)
    assert map_widget.dimmed
    coordinator.heat_map.show(np.linspace(0, 1, len(coordinator.shown.index)), "a ramp")
    controls.colour_by.setCurrentIndex(controls.colour_by.findData("values"))
    settle(trajectories)
    assert not map_widget.dimmed


def test_colours_follow_the_choice(trajectories, map_widget, coordinator, settle):
    cut, controls = coordinator.shown.study.cut, trajectories.board.controls
    raster = map_widget.raster
    drawn = {}
    for by in ("layer", "alignedcut", "network", "values", "density"):
        controls.colour_by.setCurrentIndex(controls.colour_by.findData(by))
        settle(trajectories)
        drawn[by] = raster._colours[:, :3].copy()
    np.testing.assert_array_equal(drawn["alignedcut"], cut.rgb[raster.grid.order])
    luminance = drawn["layer"].astype(int).sum(axis=1)
    layers = cut.index.locate(raster.grid.order).layer
    steps = [np.unique(luminance[layers == layer]) for layer in (2, 7, 8)]
    assert all(len(step) == 1 for step in steps)
    assert steps[0] < steps[1] < steps[2]
    assert len(np.unique(drawn["network"], axis=0)) == 1
    coordinator.heat_map.show(np.linspace(0, 1, len(cut.index)), "a ramp")
    controls.colour_by.setCurrentIndex(controls.colour_by.findData("values"))
    settle(trajectories)
    assert map_widget.legend[0].title == "a ramp"
    first, last = raster._colours[raster.grid.order.argmin(), :3], raster._colours[raster.grid.order.argmax(), :3]
    np.testing.assert_array_equal(first, (68, 1, 84))  # viridis
    np.testing.assert_array_equal(last, (253, 231, 37))


# -- life of the panel ---------------------------------------------------------------------------------------------


def test_floating_docking_and_themes_leave_it_as_it_was(qtbot, viewer, trajectories, map_widget, coordinator, settle):
    dock = next(d for d in viewer.window._wrapped_dock_widgets.values() if d.inner_widget() is trajectories)
    node = coordinator.shown.study.cut.index.node(NETWORK, 8, 0, row=2, column=2)
    coordinator.selection.select([node])
    settle(trajectories)
    try:
        for floating in (True, False, True, False):
            dock.setFloating(floating)
            go_round()
            assert n_like(map_widget, FIGURE) > 20
            assert (pixels_of(map_widget) < (map_widget.width(), map_widget.height())).all()
        dark = seen(map_widget)[5, 5]
        viewer.theme = "light"
        settle(trajectories)
        assert (seen(map_widget)[5, 5] > dark + 100).all()
        assert n_like(map_widget, FIGURE) > 20
    finally:
        viewer.theme = "dark"
    coordinator.selection.select([])
    settle(trajectories)
    assert n_like(map_widget, FIGURE) == 0


def test_a_panel_opened_again_finds_its_state(qtbot, viewer, trajectories, settle):
    controls = trajectories.board.controls
    controls.colour_by.setCurrentIndex(controls.colour_by.findData("density"))
    dock = next(d for d in viewer.window._wrapped_dock_widgets.values() if d.inner_widget() is trajectories)
    dock.title.close_button.click()
    go_round()
    again = open_panel(viewer)
    settle(again)
    assert again is not trajectories
    assert again.board.choice.colour_by == "density"


def test_a_study_without_a_map_gets_one(qtbot, viewer, coordinator, small_study, tmp_path, wait_idle, settle):
    panel = open_panel(viewer)
    assert "No result yet" in panel.note.text()
    assert not panel.compute.isVisible()
    path = without_map(small_study, tmp_path / "old.zarr")
    coordinator.open_study(path)
    wait_idle()
    assert "has no map yet" in panel.note.text()
    early = []
    panel.board.map.show_points = _counting(panel.board.map.show_points, early)
    qtbot.mouseClick(panel.compute, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: coordinator.tasks.state.busy)
    wait_idle()
    settle(panel)
    assert len(early) > 1, "the map is seen while it settles"
    np.testing.assert_array_equal(panel.board.map._places, Study.open(path).cut().map2d)
    assert panel.board.map.interactive


def without_map(study_path, path):
    """A copy of a study as versions before the map wrote it."""
    shutil.copytree(study_path, path)
    with Study.open(path, writable=True) as study:
        cuts = study.store.attributes("cuts")
        entry = dict(cuts["current"]["default"])
        part = entry.pop("map")
        study.store.set_attributes("cuts", {**cuts, "current": {"default": entry}})
        study.store.remove(f"cuts/{entry['cut']}/{part}")
    return path


def _counting(show, calls):
    def counted(raster, *more):
        if raster is not None:
            calls.append(raster)
        show(raster, *more)

    return counted


def test_a_map_that_is_cancelled_leaves_the_offer(qtbot, viewer, coordinator, small_study, tmp_path, wait_idle):
    path = without_map(small_study, tmp_path / "old.zarr")
    coordinator.open_study(path)
    wait_idle()
    panel = open_panel(viewer)
    panel.compute_now()
    coordinator.tasks.cancel()
    wait_idle()
    qtbot.waitUntil(lambda: panel.compute.isVisible())
    assert Study.open(path).cut().map2d is None


def test_exports_what_is_seen(qtbot, trajectories, coordinator, tmp_path, monkeypatch, wait_idle, settle):
    index = coordinator.shown.study.cut.index
    node = index.node(NETWORK, 8, 1, row=2, column=3)
    coordinator.selection.select([node], which="ground")
    settle(trajectories)
    for name in ("map.png", "map.svg", "map.csv"):
        monkeypatch.setattr(panel_export, "ask_new_file", lambda *a, name=name, **k: tmp_path / name)
        qtbot.mouseClick(trajectories.findChild(object, "export_panel"), Qt.MouseButton.LeftButton)
        wait_idle()
        assert (tmp_path / name).stat().st_size > 1000
    assert "layer 2" in (tmp_path / "map.svg").read_text() or "<image" in (tmp_path / "map.svg").read_text()
    with open(tmp_path / "map.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(index)
    row = rows[node]
    assert (row["layer"], row["image"], row["row"], row["column"], row["selection"]) == ("8", "1", "2", "3", "ground")
    np.testing.assert_allclose((float(row["x"]), float(row["y"])), coordinator.shown.study.cut.map2d[node])
