"""Pick in the pictures with mouse and keys: similarity over all of them, threshold, mask, export."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt

from alignedcut_viewer.viewer.coordinator.docks import show_panel

NETWORK = "dinov2-vit-s14-saliency@70x70"
SHIFT, ALT, CTRL = (getattr(Qt.KeyboardModifier, f"{name}Modifier") for name in ("Shift", "Alt", "Control"))


@pytest.fixture
def shown(viewer, coordinator, small_study, wait_idle):
    coordinator.open_study(small_study)
    wait_idle()
    return coordinator.shown.study


@pytest.fixture
def node(shown):
    def number(row, column, image=0, layer=8):
        return shown.cut.index.node(NETWORK, layer, image, row=row, column=column)

    return number


@pytest.fixture
def centre(shown):
    def point(row, column, image=0):
        return shown.pictures.layout.token_centre(image, row, column, 5, 5)

    return point


@pytest.fixture
def press(viewer, qtbot):
    def key(name, modifier=Qt.KeyboardModifier.NoModifier):
        qtbot.keyClick(viewer.window._qt_viewer.canvas.native, getattr(Qt.Key, f"Key_{name}"), modifier)

    return key


def cosine(rows, query):
    rows, query = np.asarray(rows, dtype=float), np.asarray(query, dtype=float)
    query = query / np.linalg.norm(query, axis=1, keepdims=True)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)) @ query.T


def test_a_click_shows_where_else_it_is(viewer, shown, coordinator, node, centre, click_canvas, canvas_colour):
    click_canvas(centre(1, 3))
    assert coordinator.selection.of("figure").nodes.tolist() == [node(1, 3)]
    eigenvectors = shown.cut.eigenvectors
    expected = cosine(eigenvectors, eigenvectors[[node(1, 3)]])[:, 0]
    np.testing.assert_allclose(coordinator.heat_map.values.values, expected, atol=1e-5)
    layer = coordinator.overlays.values
    assert tuple(layer.contrast_limits) == (0, 1)
    viewer.dims.set_current_step(2, 2)
    y, x = (round(v) for v in centre(4, 0, 2))
    assert layer.data[0, 2, 2, y, x] == pytest.approx(expected[node(4, 0, 2)], abs=1e-5)
    assert coordinator.display.colours.visible is False
    orange = np.array([0xE6, 0x9F, 0x00])
    viewer.dims.set_current_step(2, 0)
    layer.visible = False
    top, left = (a + (b - a) * 0.45 for a, b in zip(centre(1, 3), centre(0, 3), strict=True))
    assert np.abs(canvas_colour(top, left) - orange).max() <= 3  # the outline


def test_a_drag_that_moves_the_picture_picks_nothing(viewer, shown, coordinator, centre, drag_canvas):
    before = np.array(viewer.scene.camera.center)
    drag_canvas(centre(1, 1), centre(3, 3))
    assert len(coordinator.selection.of()) == 0
    assert np.abs(np.array(viewer.scene.camera.center) - before).max() > 10


def test_modifiers_add_and_remove(shown, coordinator, node, centre, click_canvas):
    click_canvas(centre(1, 3))
    click_canvas(centre(2, 2), SHIFT)
    click_canvas(centre(4, 0), SHIFT)
    click_canvas(centre(1, 3), ALT)
    assert coordinator.selection.of().nodes.tolist() == [node(2, 2), node(4, 0)]
    click_canvas(centre(0, 0))
    assert coordinator.selection.of().nodes.tolist() == [node(0, 0)]
    click_canvas((2, 2))  # outside the picture
    assert coordinator.selection.of().nodes.tolist() == [node(0, 0)]


def test_regions(viewer, shown, coordinator, node, centre, drag_canvas):
    before = np.array(viewer.scene.camera.center)
    drag_canvas(centre(1, 1), centre(2, 3), CTRL)
    assert coordinator.selection.of().nodes.tolist() == [node(r, c) for r in (1, 2) for c in (1, 2, 3)]
    eigenvectors = shown.cut.eigenvectors
    expected = cosine(eigenvectors, eigenvectors[coordinator.selection.of().nodes]).mean(axis=1)
    np.testing.assert_allclose(coordinator.heat_map.values.values, expected, atol=1e-5)
    drag_canvas(centre(2, 0), centre(2, 1), ALT)
    assert node(2, 1) not in coordinator.selection.of().nodes
    drag_canvas(centre(4, 4), centre(4, 3), SHIFT)
    assert {node(4, 3), node(4, 4)} < set(coordinator.selection.of().nodes)
    coordinator.view.drag_selects = True
    drag_canvas(centre(0, 0), centre(0, 1))
    assert coordinator.selection.of().nodes.tolist() == [node(0, 0), node(0, 1)]
    np.testing.assert_array_equal(viewer.scene.camera.center, before)


def test_figure_and_ground_by_keys(panel, shown, coordinator, node, press):
    press("Up", SHIFT)
    press("Enter", SHIFT)
    press("G", SHIFT)
    press("Right", SHIFT)
    press("Enter", SHIFT)
    press("Right", SHIFT)
    press("Enter", CTRL)
    assert coordinator.selection.of("figure").nodes.tolist() == [node(2, 2)]
    assert coordinator.selection.of("ground").nodes.tolist() == [node(2, 3), node(2, 4)]
    press("Enter", ALT)
    assert coordinator.selection.of().nodes.tolist() == [node(2, 3)]
    for _ in range(3):
        press("Z", CTRL)
    assert len(coordinator.selection.of("ground")) == 0
    press("Z", CTRL)
    assert len(coordinator.selection.of("figure")) == 0
    press("Y", ALT)
    assert coordinator.selection.of("figure").nodes.tolist() == [node(2, 2)]


def test_the_heat_map_follows_the_active_selection(shown, coordinator, node):
    coordinator.selection.select([node(0, 0)])
    coordinator.selection.select([node(4, 4)], which="ground")
    assert coordinator.heat_map.values.values[node(0, 0)] == pytest.approx(1, abs=1e-5)
    coordinator.selection.set_active("ground")
    assert coordinator.heat_map.values.values[node(4, 4)] == pytest.approx(1, abs=1e-5)
    coordinator.selection.history.undo()
    assert coordinator.heat_map.values is None
    assert coordinator.display.colours.visible


@pytest.mark.parametrize(("scope", "inside"), [("layer", {8}), ("network", {2, 7, 8}), ("all", {2, 7, 8})])
def test_only_the_scope_has_values(shown, coordinator, node, scope, inside):
    coordinator.similarity.settings.update(scope=scope)
    coordinator.selection.select([node(0, 0)])
    index = shown.cut.index
    for layer in (2, 7, 8):
        part = coordinator.heat_map.values.part(index.slot_slice(NETWORK, layer))
        assert np.isfinite(part).all() if layer in inside else np.isnan(part).all()
    for layer in (2, 7, 8):
        whole = coordinator.heat_map.values.values[index.slot_slice(NETWORK, layer)]
        assert np.isfinite(whole).all() if layer in inside else np.isnan(whole).all()


def test_own_features_are_compared_in_the_background(qtbot, shown, coordinator, node):
    said = []
    coordinator.similarity.progressed.connect(said.append)
    coordinator.similarity.settings.update(space="raw")
    coordinator.selection.select([node(0, 0)])
    coordinator.selection.select([node(1, 3), node(2, 3)])  # takes the place of the first
    qtbot.waitUntil(lambda: coordinator.heat_map.values is not None)
    features = shown.study.node_features(shown.cut.index)
    expected = cosine(features.rows(np.arange(len(features))), features.rows(coordinator.selection.of().nodes)).mean(
        axis=1
    )
    np.testing.assert_allclose(coordinator.heat_map.values.values, expected, atol=2e-3)
    assert said[0].startswith("Comparing")
    assert said[-1] == ""


def test_aligned_features_are_compared_in_the_background(qtbot, coordinator, brain_study, tmp_path, wait_idle):
    from alignedcut_viewer.pipeline import load_alignment

    coordinator.open_study(shutil.copytree(brain_study, tmp_path / "own.zarr"))
    wait_idle()
    coordinator.similarity.settings.update(space="aligned", scope="layer")
    study, cut = coordinator.shown.study_and_cut()
    layer = cut.index.slot_slice(NETWORK, 7)
    chosen = np.array([layer.start + 3, layer.start + 40])
    coordinator.selection.select(chosen)
    qtbot.waitUntil(lambda: coordinator.heat_map.values is not None)
    features = study.study.node_features(cut.index, load_alignment(study.study, cut.recipe["cut"]["alignment"]))
    expected = cosine(features.rows(np.arange(layer.start, layer.stop)), features.rows(chosen)).mean(axis=1)
    np.testing.assert_allclose(coordinator.heat_map.values.values[layer], expected, atol=2e-3)
    assert np.isnan(coordinator.heat_map.values.values[: layer.start]).all()


def test_a_space_that_is_not_there_is_told(shown, coordinator, node, notifications):
    coordinator.similarity.settings.update(space="aligned")
    coordinator.selection.select([node(0, 0)])
    assert "without an alignment" in notifications[-1][1]
    assert coordinator.heat_map.values is None


def test_threshold_and_mask(viewer, shown, coordinator, node, centre, press, canvas_colour):
    panel = show_panel(viewer, "Selection")
    coordinator.selection.select([node(1, 3)])
    panel.similar.threshold.value = 0.5
    mask = coordinator.overlays.mask
    assert mask.visible
    assert panel.similar.mask.value
    expected = coordinator.heat_map.values.values >= np.float32(0.5)
    for row, column, image in ((1, 3, 0), (0, 0, 1), (4, 2, 2)):
        y, x = (round(v) for v in centre(row, column, image))
        assert mask.data[0, 2, image, y, x] == expected[node(row, column, image)]
    before = coordinator.similarity.settings.threshold
    press("PageUp", SHIFT)
    assert coordinator.similarity.settings.threshold == pytest.approx(before + 0.01)
    assert panel.similar.threshold.value == pytest.approx(before + 0.01)
    above = coordinator.similarity.nodes_above()
    held = coordinator.heat_map.values
    press("A", ALT)
    np.testing.assert_array_equal(coordinator.selection.of().nodes, above)
    assert coordinator.heat_map.values is held
    press("M", SHIFT)
    assert not mask.visible
    press("H", SHIFT)
    assert coordinator.heat_map.values is None
    assert not panel.similar.shown.value


@pytest.mark.parametrize("smooth", [False, True])
def test_the_mask_is_exported_as_it_is_seen(viewer, shown, coordinator, node, tmp_path, wait_idle, smooth):
    from alignedcut_viewer.viewer.frames.exports import reaching_work
    from alignedcut_viewer.viewer.frames.mask_preview import SIDE, threshold_preview

    coordinator.view.smooth = smooth
    coordinator.selection.select([node(1, 3)])
    coordinator.similarity.settings.update(mask=True, threshold=0.6)
    coordinator.settings.update(mask_formats=("png", "coco"))
    network, layer = coordinator.shown_slot()
    work = reaching_work(
        shown,
        tmp_path,
        coordinator.settings,
        (coordinator.heat_map.values, 0.6),
        network=network,
        layer=layer,
        smooth=smooth,
    )
    coordinator.tasks.start("Exporting", work)
    values = coordinator.heat_map.values
    preview = threshold_preview(shown, values, 0.6, network=network, layer=layer, smooth=smooth)
    wait_idle()
    layout, stack = shown.pictures.layout, coordinator.overlays.mask.data
    for image, name in enumerate(shown.pictures.names):
        mask = np.asarray(Image.open(tmp_path / "png" / f"{name}.png"))
        seen = layout.crop_labels(image, stack.frame(0, 2, image))
        assert mask.shape == seen.shape
        assert (mask != seen).mean() < 0.03  # the canvas has another resolution
        assert 0 < mask.mean() < 1
        before, plain = preview(image, lambda *told: None), shown.pictures.small(image, SIDE)
        share = 100 * mask.mean()
        assert before.words == ("less than 1 %" if share < 1 else f"{share:.0f} %") + " of it inside"
        pale = (plain * 0.6).round()
        inside = np.abs(before.image - pale).max(axis=2) > 1
        rows, columns = (np.arange(n) * m // n for n, m in zip(plain.shape[:2], mask.shape, strict=True))
        assert (inside != (mask[rows[:, None], columns] > 0)).mean() < 0.03, "but for the rim"
    info = json.loads((tmp_path / "annotations.json").read_text())
    assert info["info"]["threshold"] == 0.6
    assert info["categories"][0]["name"].startswith("Similarity to 1 node")


def test_names_are_kept_in_the_study(viewer, shown, coordinator, node, small_study, wait_idle, press):
    panel = show_panel(viewer, "Selection")
    coordinator.selection.select([node(1, 3), node(1, 2)])
    panel.named.name.value = "eye"
    panel.named.keep.native.click()
    coordinator.selection.select([node(1, 2), node(4, 4)])
    press("K", ALT)
    assert list(coordinator.named.sets) == ["eye", "figure 1"]
    coordinator.open_pictures(shown.study.picture_path(0))
    wait_idle()
    assert panel.named.list.count() == 0
    coordinator.open_study(small_study)
    wait_idle()
    assert [panel.named.list.item(i).text() for i in range(2)] == ["eye (2)", "figure 1 (2)"]
    panel.named.list.setCurrentRow(0)
    panel.named.recall.native.click()
    assert coordinator.selection.of().nodes.tolist() == [node(1, 2), node(1, 3)]
    panel.named.list.setCurrentRow(1)
    panel.named.intersect.native.click()
    assert coordinator.selection.of().nodes.tolist() == [node(1, 2)]
    panel.named.add.native.click()
    assert coordinator.selection.of().nodes.tolist() == [node(1, 2), node(4, 4)]
    panel.named.delete.native.click()
    assert list(coordinator.named.sets) == ["eye"]
