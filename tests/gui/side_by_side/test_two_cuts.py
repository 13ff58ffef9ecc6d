"""Two cuts of a study side by side, one click answering in both; the agreement of layers; kinds of cut in the form."""

import shutil

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent

from alignedcut_viewer.study import Study
from alignedcut_viewer.viewer.coordinator.docks import show_panel
from alignedcut_viewer.viewer.frames.runs import layered_settings, run_work
from alignedcut_viewer.viewer.state.settings import StudySettings

from ..conftest import OFFLINE, QUICK


@pytest.fixture(scope="module")
def two_pathways(small_study, picture_folder, tmp_path_factory):
    """The small study with two more cuts: what and where."""
    path = tmp_path_factory.mktemp("pathways") / "pathways.zarr"
    shutil.copytree(small_study, path)
    for kind in ("what", "where"):
        settings = StudySettings(
            source=str(picture_folder), study=str(path), cut_name=kind, kind=kind, neighbours=8, **QUICK
        )
        run_work(settings)(lambda done, total, text: None)
    return path


@pytest.fixture
def board(viewer, coordinator, two_pathways, wait_idle, qtbot):
    for name in ("session.json", "selections.json"):
        (two_pathways / name).unlink(missing_ok=True)
    coordinator.open_study(two_pathways, "what")
    wait_idle()
    board = show_panel(viewer, "Side by side").board
    qtbot.waitUntil(lambda: board.other is not None and board.pane.tile is not None)
    return board


def click(qtbot, pane, row, column, modifier=Qt.KeyboardModifier.NoModifier):
    place = pane.place_of(row, column)
    qtbot.mouseClick(pane, Qt.MouseButton.LeftButton, modifier, QPoint(round(place.x()), round(place.y())))


def choose(qtbot, board, name):
    board.cut.value = name
    qtbot.waitUntil(lambda: board.other is not None and board.other.cut.name == name)


def test_the_form_computes_both_pathways(two_pathways):
    study = Study.open(two_pathways)
    assert {"default", "what", "where"} <= set(study.cuts)
    for kind in ("what", "where"):
        record = study.cut(kind).layered
        assert record.pathway == kind
        assert [graph.layer for graph in record.graphs] == [2, 7, 8]
    assert study.cut("default").layered is None


def test_the_other_cut_follows_picture_and_layer(qtbot, board, coordinator):
    choose(qtbot, board, "where")
    index = coordinator.shown.cut.index
    own = next(iter(coordinator.shown.cut.layered.sources))
    coordinator.go_to(int(index.patch_slice(own, 8, index.images[1]).start))
    assert board.slot.layer == 8
    expected = board.other.cut.colour_map(*board.slot, index.images[1])
    np.testing.assert_array_equal(board.pane.tile[..., :3], expected)
    qtbot.waitUntil(lambda: board.pane.picture is not None)
    # and the other way round: one slider for both
    board.layer.value = 2
    assert coordinator.view.position[1] == 2
    # a layer of its own
    board.linked.value = False
    board.layer.value = 7
    assert (coordinator.view.position[1], board.slot.layer) == (2, 7)


def test_a_click_in_either_answers_in_both(qtbot, board, coordinator):
    choose(qtbot, board, "where")
    index = coordinator.shown.cut.index
    own = next(iter(coordinator.shown.cut.layered.sources))
    coordinator.go_to(int(index.patch_slice(own, 7, index.images[0]).start))
    click(qtbot, board.pane, 1, 3)
    node = index.node(own, 7, index.images[0], row=1, column=3)
    assert coordinator.selection.of().nodes.tolist() == [node]
    assert coordinator.heat_map.values is not None
    there = board.other.cut.index
    same = there.node(*board.slot, index.images[0], row=1, column=3)
    vectors = board.other.cut.eigenvectors / np.linalg.norm(board.other.cut.eigenvectors, axis=1, keepdims=True)
    part = there.patch_slice(*board.slot, index.images[0])
    np.testing.assert_allclose(board.other.values.part(part), vectors[part] @ vectors[same], atol=1e-5)
    assert np.argwhere(board.pane.marks["figure"]).tolist() == [[1, 3]]
    # from the picture itself, a second token
    coordinator.selection.select([index.node(own, 7, index.images[0], row=4, column=0)], "add")
    assert np.argwhere(board.pane.marks["figure"]).tolist() == [[1, 3], [4, 0]]
    click(qtbot, board.pane, 1, 3, Qt.KeyboardModifier.AltModifier)
    assert np.argwhere(board.pane.marks["figure"]).tolist() == [[4, 0]]
    coordinator.selection.select([])
    assert board.other.values is None


def test_pointing_is_shared(qtbot, board, coordinator):
    choose(qtbot, board, "default")
    assert board.other.networks[board.slot.network].startswith(OFFLINE)
    place = board.pane.place_of(2, 2)
    moved = QMouseEvent(
        QEvent.Type.MouseMove,
        place,
        QPointF(board.pane.mapToGlobal(place.toPoint())),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QCoreApplication.sendEvent(board.pane, moved)
    found = coordinator.shown.index.locate(coordinator.selection.hovered)
    assert (int(found.row), int(found.column)) == (2, 2)
    assert board.pane.pointed_at == (2, 2)


def test_agreement_is_shown_and_leads_to_the_layer(qtbot, viewer, coordinator, two_pathways, wait_idle, tmp_path):
    coordinator.open_study(two_pathways, "where")
    wait_idle()
    panel = show_panel(viewer, "Agreement")
    record = coordinator.shown.cut.layered
    assert [panel.chart.graphs[0, i].agreement for i in range(3)] == [graph.agreement for graph in record.graphs]
    best = max(record.graphs, key=lambda graph: graph.agreement)
    assert f"layer {best.layer} " in panel.summary.text()
    cell = panel.chart.cell(0, 1).center()
    place = QPoint(round(cell.x()), round(cell.y()))
    qtbot.mouseClick(panel.chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert coordinator.view.position[1] == 7
    assert panel.chart.shown == (OFFLINE, 7)
    names, rows = panel.table()
    assert len(list(rows)) == 3
    assert names[4] == "agreement"
    coordinator.show_cut("default")
    wait_idle()
    assert "AlignedCut" in panel.note.text()


def test_another_cut_is_opened_while_two_stand_side_by_side(qtbot, coordinator, board, wait_idle, two_pathways, caplog):
    """The sliders move to a network of the new cut before the panel has another one beside it."""
    for name in ("where", "default", "what"):
        coordinator.open_study(two_pathways, name)
        wait_idle()
        shown = coordinator.shown.cut
        assert shown.name == name
        qtbot.waitUntil(lambda: board.other is not None and board.slot is not None)
        assert board.slot.network in {network.name for network in board.other.cut.index.networks}
    assert "KeyError" not in caplog.text


def test_the_brain_panel_says_what_a_joint_cut_needs_for_bars(viewer, coordinator, two_pathways, wait_idle):
    coordinator.open_study(two_pathways, "what")
    wait_idle()
    panel = show_panel(viewer, "Brain")
    assert panel.pages.currentIndex() == 0
    assert "No way from this cut to the brain yet" in panel.note.text()
    coordinator.show_cut("default")
    wait_idle()
    assert "simulate-brain" in panel.note.text()


def test_the_form_shows_what_the_kind_needs(qtbot, viewer, coordinator):
    panel = show_panel(viewer, "Study")
    form = panel.compute_tab
    assert form.alignment.native.isVisibleTo(form)
    form.kind.value = "where"
    assert coordinator.settings.kind == "where"
    assert not form.alignment.native.isVisibleTo(form)
    assert form.neighbours.native.isVisibleTo(form)
    form.joint_scope.value = "picture"
    form.joint_solver.value = "paper"  # sets weights and neighbours, too
    assert (coordinator.settings.joint_scope, coordinator.settings.joint_solver) == ("picture", "paper")
    assert not form.neighbours.native.isVisibleTo(form)
    assert not form.weights_of_layers.native.isVisibleTo(form)
    made = layered_settings(coordinator.settings)
    assert (made.scope, made.solver, made.affinity, made.heads) == ("picture", "gradient", "softmax", "apart")
