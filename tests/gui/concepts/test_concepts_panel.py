"""The Concepts panel in a real window: discover, choose, name, merge, pin, and find it all again."""

import csv
import shutil

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QFocusEvent
from qtpy.QtWidgets import QApplication, QLineEdit

from alignedcut_viewer.study import Study
from tests.gui.event_loop import go_round
from tests.gui.test_window import n_listeners

NETWORK = "dinov2-vit-s14-saliency@70x70"


@pytest.fixture(scope="session")
def concept_study(small_study, tmp_path_factory):
    from alignedcut_viewer.pipeline import discover_concepts
    from alignedcut_viewer.pipeline.concept_stage import ConceptSettings

    path = tmp_path_factory.mktemp("concepts") / "concepts.zarr"
    shutil.copytree(small_study, path)
    with Study.open(path, writable=True) as study:
        discover_concepts(study, settings=ConceptSettings(n_concepts=4, min_size=5))
    return path


@pytest.fixture
def own_study(concept_study, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(concept_study, tmp_path / "own.zarr")


@pytest.fixture
def concepts_panel(viewer):
    return viewer.window.add_plugin_dock_widget("alignedcut-viewer", "Concepts")[1]


@pytest.fixture
def shown(qtbot, coordinator, own_study, concepts_panel, wait_idle):
    coordinator.open_study(own_study)
    wait_idle()
    qtbot.waitUntil(lambda: len(concepts_panel.list.model_.details) == len(concepts_panel.concepts) > 2)
    return coordinator.shown.study.cut


def click(qtbot, panel, box, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, modifier, box.center())


def names_on_disk(path):
    with Study.open(path) as study:
        return {concept.id: (concept.name, concept.size, concept.pinned) for concept in study.cut().concepts}


def test_discover_by_its_button(qtbot, coordinator, small_study, tmp_path, concepts_panel, wait_idle):
    panel = concepts_panel
    assert "Study panel" in panel.note.text()
    assert not panel.form.discover.isEnabled()
    path = shutil.copytree(small_study, tmp_path / "bare.zarr")
    coordinator.open_study(path)
    wait_idle()
    assert "Press Discover" in panel.summary.text()
    coordinator.go_to(coordinator.shown.study.cut.index.node(NETWORK, 7, 1, row=0, column=0))
    panel.form.count.setValue(3)
    panel.form.scope.setCurrentIndex(panel.form.scope.findData("layer"))
    qtbot.mouseClick(panel.form.discover, Qt.MouseButton.LeftButton)
    assert coordinator.tasks.state.busy
    wait_idle()
    assert 1 <= len(panel.list.rows) <= 3
    index = coordinator.shown.study.cut.index
    for concept in panel.concepts:
        assert set(index.locate(concept.members).layer) == {7}
    assert len(names_on_disk(path)) == len(panel.concepts)


def test_clicking_a_concept_chooses_its_pixels_and_goes_there(qtbot, coordinator, shown, concepts_panel):
    panel = concepts_panel
    sizes = [concept.size for concept in panel.list.rows]
    assert sizes == sorted(sizes, reverse=True)
    for concept in panel.list.rows[:2]:
        click(qtbot, panel, panel.list.parts_of(concept.id).facts)
        np.testing.assert_array_equal(coordinator.selection.of().nodes, concept.members)
        network, layer, image = coordinator.view.position
        here = shown.index.image_slice(network, layer, image)
        assert ((concept.members >= here.start) & (concept.members < here.stop)).any()
        assert panel.list.model_.details[concept.id].layers == tuple(
            np.unique(shown.index.locate(concept.members).layer)
        )
    first, second = panel.list.rows[:2]
    click(qtbot, panel, panel.list.parts_of(first.id).facts)
    click(qtbot, panel, panel.list.parts_of(second.id).facts, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(
        coordinator.selection.of().nodes, np.sort(np.concatenate([first.members, second.members]))
    )
    qtbot.keyClick(panel.list, Qt.Key.Key_Down)
    assert len(panel.list.chosen_keys) == 1


def test_clicking_a_picture_goes_to_it(qtbot, coordinator, shown, concepts_panel):
    panel = concepts_panel
    concept = panel.list.rows[0]
    details, row = panel.list.model_.details[concept.id], panel.list.parts_of(concept.id)
    assert len(details.crops) == len(details.nodes) >= 2
    for box, node in zip(row.pictures, details.nodes, strict=False):
        click(qtbot, panel, box)
        place = shown.index.locate(node)
        assert coordinator.view.position == (NETWORK, int(place.layer), int(place.image))
        assert panel.list.words_at(panel.list.indexAt(box.center()), box.center()).startswith("Click to go")
    assert set(details.nodes) <= set(concept.members)


def test_names_merges_and_pins_survive(qtbot, viewer, coordinator, shown, own_study, concepts_panel, wait_idle):
    panel = concepts_panel
    first, second, third = panel.list.rows[:3]
    click(qtbot, panel, panel.list.parts_of(second.id).facts)
    qtbot.keyClick(panel.list, Qt.Key.Key_F2)
    editor = panel.list.viewport().findChild(QLineEdit)
    editor.selectAll()
    qtbot.keyClicks(editor, "whis")
    # What changes meanwhile, and another window in front, leave a name that is being typed alone.
    panel.list.show_rows(panel.list.rows)
    QApplication.sendEvent(editor, QFocusEvent(QEvent.Type.FocusOut, Qt.FocusReason.ActiveWindowFocusReason))
    go_round()
    assert panel.list.viewport().findChild(QLineEdit) is editor
    qtbot.keyClicks(editor, "kers")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: names_on_disk(own_study)[second.id][0] == "whiskers")
    assert "whiskers" in [concept.name for concept in panel.list.rows]
    assert panel.list.chosen_keys == [second.id]
    click(qtbot, panel, panel.list.parts_of(third.id).sign)
    assert names_on_disk(own_study)[third.id][2]
    click(qtbot, panel, panel.list.parts_of(first.id).facts)
    click(qtbot, panel, panel.list.parts_of(second.id).facts, Qt.KeyboardModifier.ControlModifier)
    assert panel.merge.isEnabled()
    # In the active window its own shortcuts come before a widget's keys; napari has one of Ctrl-M.
    viewer.window._qt_window.activateWindow()
    qtbot.waitUntil(viewer.window._qt_window.isActiveWindow)
    qtbot.keyClick(panel.list, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier)
    found = names_on_disk(own_study)
    assert first.id not in found
    assert found[second.id][:2] == ("whiskers", first.size + second.size)
    assert len(coordinator.selection.of()) == first.size + second.size
    # a panel that is opened again, of a study that is opened again, finds them
    viewer.window.remove_dock_widget(panel)
    coordinator.open_study(own_study)
    wait_idle()
    again = viewer.window.add_plugin_dock_widget("alignedcut-viewer", "Concepts")[1]
    assert {c.id: (c.name, c.size, c.pinned) for c in again.list.rows} == found
    assert again is not panel
    again.words.setText("whis")
    assert [concept.id for concept in again.list.rows] == [second.id]
    again.words.setText("")
    again.sort.setCurrentIndex(again.sort.findData("pinned"))
    assert again.list.rows[0].pinned
    assert [c.pinned for c in again.list.rows[:3]] == [True, True, False]  # one by its name, one by hand


def test_a_name_that_cannot_be_kept_is_told(qtbot, shown, own_study, concepts_panel, notifications):
    panel = concepts_panel
    concept = panel.list.rows[0]
    with Study.open(own_study, writable=True):  # as another run would
        panel._rename(concept.id, "taken")
    assert notifications[-1][0] == "error"
    assert panel.list.rows[0].name == concept.name


def test_consistency_of_the_chosen_concept(qtbot, shown, concepts_panel):
    panel, plot = concepts_panel, concepts_panel.consistency.plot
    concept = panel.list.rows[1]
    click(qtbot, panel, panel.list.parts_of(concept.id).facts)
    panel.tabs.setCurrentIndex(1)
    mean, std = panel.concepts.channel_statistics(concept.id)
    np.testing.assert_array_equal(plot.points, np.stack([mean, std], axis=1))
    qtbot.waitUntil(lambda: plot.fit is not None)
    assert "reverse U" in plot.verdict
    middle = plot.place(plot.points[:1])[0]
    assert plot._box().adjusted(-1, -1, 1, 1).contains(*middle) or abs(plot.points[0, 0]) > plot._limits()[0]


def test_transitions_count_pixels(qtbot, coordinator, shown, concepts_panel):
    panel, plot = concepts_panel, concepts_panel.transitions.plot
    index, labels = shown.index, panel.concepts.labels
    coordinator.go_to(index.node(NETWORK, 7, 0, row=0, column=0))
    panel.tabs.setCurrentIndex(2)
    qtbot.waitUntil(lambda: plot.transitions is not None)
    here = index.select(layers=[7], patches_only=True)
    there = index.select(layers=[8], patches_only=True)
    ids = [concept.id for concept in panel.concepts]
    shown_table = plot.transitions
    assert shown_table.layers == (7, 8)
    for i, a in enumerate(shown_table.rows):
        inside = labels[here] == ids.index(a)
        assert shown_table.counts[i] == inside.sum()
        for j, b in enumerate(shown_table.columns if inside.any() else ()):
            expected = (labels[there][inside] == (-1 if b == -1 else ids.index(b))).mean()
            assert shown_table.probabilities[i, j] == pytest.approx(expected)
    i, j = np.unravel_index(np.nanargmax(shown_table.probabilities), shown_table.probabilities.shape)
    cell = plot.cell(int(i), int(j))
    assert f"{100 * shown_table.probabilities[i, j]:.1f} %" in plot.words_at(cell.center())
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=cell.center().toPoint())
    a, b = ids.index(shown_table.rows[i]), [*ids, -1].index(shown_table.columns[j])
    b = -1 if b == len(ids) else b
    np.testing.assert_array_equal(coordinator.selection.of().nodes, here[(labels[here] == a) & (labels[there] == b)])
    # rows and columns are in one order, and what is in no concept has a column of its own
    assert shown_table.columns == (*shown_table.rows, -1)
    assert plot.names[-1] == "none"
    held = shown_table.counts > 0
    np.testing.assert_allclose(shown_table.probabilities[held].sum(axis=1), 1, atol=1e-12)
    assert np.isnan(shown_table.probabilities[~held]).all()
    # the same as a flow
    panel.transitions.kind.setFocus()
    qtbot.keyClick(panel.transitions.kind, Qt.Key.Key_Down)
    flow = panel.transitions.flow
    assert flow.isVisible()
    ribbons = flow.ribbons()
    assert sum(ribbon.size for ribbon in ribbons) == pytest.approx(shown_table.counts.sum())
    widest = max(ribbons, key=lambda ribbon: ribbon.size)
    middle = widest.path.boundingRect().center().toPoint()
    number = flow.pair_at(QPointF(middle))
    assert number >= 0
    qtbot.mouseClick(flow, Qt.MouseButton.LeftButton, pos=middle)
    one = ribbons[number]
    expected = shown_table.pixels_from_to(one.begin, one.end)
    assert len(expected) == round(one.size)
    np.testing.assert_array_equal(coordinator.selection.of().nodes, expected)
    # of figure pixels only, at whichever layer they were chosen
    chosen = there[:7]
    coordinator.selection.select(chosen, which="figure")
    panel.transitions.group.setCurrentIndex(panel.transitions.group.findData("figure"))
    qtbot.waitUntil(lambda: plot.transitions is None or plot.transitions.n_pixels == 7)
    coordinator.go_to(index.node(NETWORK, 8, 0, row=0, column=0))  # the last layer leads nowhere
    qtbot.waitUntil(lambda: plot.transitions is None)


def test_transitions_after_discovery_in_one_layer(qtbot, coordinator, small_study, tmp_path, concepts_panel, wait_idle):
    coordinator.open_study(shutil.copytree(small_study, tmp_path / "one.zarr"))
    wait_idle()
    index = coordinator.shown.cut.index
    coordinator.go_to(index.node(NETWORK, 7, 0, row=0, column=0))
    panel = concepts_panel
    panel.form.count.setValue(3)
    qtbot.mouseClick(panel.form.discover, Qt.MouseButton.LeftButton)
    wait_idle()
    assert len(panel.concepts) > 1
    searched = len(index.select(layers=[7], patches_only=True))
    held = sum(concept.size for concept in panel.concepts)
    assert f"{100 * held / searched:.0f} % of the {searched} pixels" in panel.summary.text()
    assert "layer 7" in panel.summary.text()
    panel.tabs.setCurrentIndex(2)
    plot = panel.transitions.plot
    qtbot.waitUntil(lambda: plot.transitions is not None)
    assert plot.transitions.layers == (7, 8)
    assert plot.transitions.nearest == (False, True)
    assert plot.transitions.n_pixels == searched


def test_every_tab_is_exported(qtbot, coordinator, shown, concepts_panel, tmp_path):
    from alignedcut_viewer.viewer.widgets.panel_export import save_panel

    panel = concepts_panel
    coordinator.go_to(shown.index.node(NETWORK, 2, 0, row=0, column=0))
    for number, name in enumerate(("list", "consistency", "transitions")):
        panel.tabs.setCurrentIndex(number)
        qtbot.waitUntil(panel.export.isEnabled)
        for kind in ("png", "csv"):
            save_panel(tmp_path / f"{name}.{kind}", panel.figure, panel.table)(lambda done, total, text: None)
        assert (tmp_path / f"{name}.png").stat().st_size > 3000
    with open(tmp_path / "list.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["pixels"]) for row in rows] == [concept.size for concept in panel.list.rows]


def test_closed_panels_listen_no_longer(qtbot, viewer, coordinator, shown, concepts_panel):
    concepts_panel.tabs.setCurrentIndex(2)
    viewer.window.remove_dock_widget(concepts_panel)
    go_round()
    assert n_listeners(coordinator) == 0
