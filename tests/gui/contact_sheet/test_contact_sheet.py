"""The contact sheet: many pictures × all layers, only what is in sight, in step with everything else."""

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QDockWidget

from alignedcut_viewer.viewer.contact_sheet.layout import Cell
from alignedcut_viewer.viewer.coordinator.docks import show_panel
from tests.benchmarks.planted_study import write_planted_study
from tests.gui.event_loop import go_round

N_PICTURES = 1000


@pytest.fixture(scope="module")
def large_study(tmp_path_factory):
    """A thousand pictures × 12 layers × 2 networks of 2 × 2 tokens."""
    return write_planted_study(
        tmp_path_factory.mktemp("thousand"), N_PICTURES, side=2, pixels=16, networks=("one", "two")
    )


@pytest.fixture
def board(viewer, coordinator, large_study, wait_idle, qtbot):
    for name in ("session.json", "selections.json"):
        (large_study / name).unlink(missing_ok=True)
    coordinator.open_study(large_study)
    wait_idle()
    board = show_panel(viewer, "Contact sheet").board
    qtbot.waitExposed(viewer.window._qt_window)
    go_round()
    return board


def place_of(sheet, cell, down=0.25, right=0.25):
    box = sheet.layout_.box(cell, sheet.tiles.aspect(cell.row))
    x = box.left + right * box.width - sheet.horizontalScrollBar().value()
    y = box.top + down * box.height - sheet.verticalScrollBar().value() + sheet.header
    return QPoint(round(x), round(y))


def test_only_what_is_in_sight_is_made(qtbot, board):
    sheet = board.sheet
    assert sheet.layout_.n_rows == N_PICTURES
    rows = sheet.visible_rows()
    qtbot.waitUntil(lambda: not sheet.tiles.missing(rows))
    assert len(sheet.tiles._small) <= len(rows) + 24
    assert len(sheet.tiles._tiles) <= (len(rows) + 1) * 13
    sheet.verticalScrollBar().setValue(sheet.verticalScrollBar().maximum())
    qtbot.waitUntil(lambda: not sheet.tiles.missing([N_PICTURES - 1]))
    assert N_PICTURES - 1 in sheet.visible_rows()
    assert len(sheet.tiles._small) < 100


def test_it_shows_the_colours_of_the_cut(qtbot, board, coordinator):
    sheet = board.sheet
    sheet.reveal(Cell(500, 5))
    go_round()
    shot = sheet.viewport().grab().toImage()
    ratio = shot.devicePixelRatio()
    expected = coordinator.shown.study.cut.colour_map("one", 4, 500)
    for row in (0, 1):
        for column in (0, 1):
            place = place_of(sheet, Cell(500, 5), 0.25 + row / 2, 0.25 + column / 2)
            seen = shot.pixelColor(round(place.x() * ratio), round(place.y() * ratio))
            assert np.abs(np.array(seen.getRgb()[:3]) - expected[row, column]).max() <= 2


def test_a_click_picks_and_goes_there(qtbot, viewer, board, coordinator):
    sheet = board.sheet
    sheet.reveal(Cell(700, 3))
    index = coordinator.shown.study.cut.index
    place = place_of(sheet, Cell(700, 3), 0.75, 0.25)
    qtbot.mouseClick(sheet.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    node = index.node("one", 2, 700, row=1, column=0)
    assert coordinator.selection.of().nodes.tolist() == [node]
    assert coordinator.view.position == ("one", 2, 700)
    assert sheet.shown == Cell(700, 3)
    assert sheet.tiles.values is coordinator.heat_map.values
    place = place_of(sheet, Cell(700, 4), 0.25, 0.75)
    qtbot.mouseClick(sheet.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, place)
    assert coordinator.selection.of().nodes.tolist() == [node, index.node("one", 3, 700, row=0, column=1)]
    sheet.reveal(Cell(700, 2))
    place, none = place_of(sheet, Cell(700, 2), 0.25, 0.25), Qt.MouseButton.NoButton
    where = (QPointF(place), QPointF(sheet.viewport().mapToGlobal(place)))
    moved = QMouseEvent(QEvent.Type.MouseMove, *where, none, none, Qt.KeyboardModifier.NoModifier)
    QCoreApplication.sendEvent(sheet.viewport(), moved)  # simulated cursors lose moves
    assert coordinator.selection.hovered == index.node("one", 1, 700, row=0, column=0)
    coordinator.selection.history.undo()
    coordinator.selection.history.undo()
    assert sheet.tiles.values is None


def test_it_follows_the_sliders_and_the_network(qtbot, viewer, board, coordinator, wait_idle):
    viewer.dims.set_current_step((0, 1, 2), (0, 7, 900))
    assert board.sheet.shown == Cell(900, 8)
    assert 900 in board.sheet.visible_rows()
    viewer.dims.set_current_step(0, 1)
    assert board.network.value == "two"
    assert board.sheet.shown == Cell(900, 8)
    viewer.dims.set_current_step(2, 400)
    board.network.native.setFocus()
    qtbot.keyClick(board.network.native, Qt.Key.Key_Up)  # what is chosen by hand stays, and shows the picture at least
    assert board.sheet.networks[0] == "one"
    assert board.sheet.shown is None
    assert 400 in board.sheet.visible_rows()
    viewer.dims.set_current_step(2, 900)
    assert board.network.value == "one"
    assert 900 in board.sheet.visible_rows()
    coordinator.open_pictures(coordinator.shown.study.study.picture_path(0))
    wait_idle()
    assert board.sheet.tiles is None


def test_pictures_by_similarity_and_those_of_the_selection(qtbot, board, coordinator):
    sheet, index = board.sheet, coordinator.shown.study.cut.index
    coordinator.go_to(index.node("one", 4, 300, row=0, column=0))
    nodes = [index.node("one", 4, image, row=1, column=1) for image in (300, 17, 4)]
    coordinator.selection.select(nodes)
    board.order.native.setFocus()
    qtbot.keyClick(board.order.native, Qt.Key.Key_Down)
    ranked = coordinator.where_else
    qtbot.waitUntil(lambda: ranked.ranking is not None and sheet.pictures == ranked.ranking.positions.tolist())
    assert (np.diff(ranked.ranking.values) <= 0).all()
    names = coordinator.shown.study.pictures.names
    assert sheet.words[0].startswith(f"{names[sheet.pictures[0]]} · ")
    assert sheet.pictures[sheet.shown.row] == 300
    sheet.reveal(Cell(0, 2))
    node = sheet.node_at(QPointF(place_of(sheet, Cell(0, 2))))
    assert (index.locate(node).image, index.locate(node).layer) == (sheet.pictures[0], 1)
    board.kept.native.setFocus()
    qtbot.keyClick(board.kept.native, Qt.Key.Key_Down)
    assert sorted(sheet.pictures) == [4, 17, 300]
    qtbot.keyClick(board.kept.native, Qt.Key.Key_Down)
    assert set(sheet.pictures) == set(ranked.ranking.found_pictures.tolist())
    qtbot.mouseClick(board.names.native, Qt.MouseButton.LeftButton, pos=QPoint(8, board.names.native.height() // 2))
    assert not sheet.words
    assert sheet.layout_.caption == 0
    coordinator.selection.select([])
    qtbot.waitUntil(lambda: not sheet.pictures)
    assert "Select something" in sheet.hint


def test_two_networks_side_by_side_fill_the_width(qtbot, viewer, board, coordinator):
    sheet = board.sheet
    board.beside.native.setFocus()
    qtbot.keyClick(board.beside.native, Qt.Key.Key_Down)
    assert sheet.slots == tuple((name, layer) for name in ("one", "two") for layer in range(12))
    viewer.dims.set_current_step((0, 1, 2), (1, 7, 3))
    assert sheet.shown == Cell(3, 20)
    place = place_of(sheet, Cell(3, 20), 0.75, 0.25)
    assert sheet.viewport().rect().contains(place)
    qtbot.mouseClick(sheet.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    index = coordinator.shown.study.cut.index
    assert coordinator.selection.of().nodes.tolist() == [index.node("two", 7, 3, row=1, column=0)]
    qtbot.keyClick(board.beside.native, Qt.Key.Key_Up)
    assert sheet.networks == ("one",)  # though what is in view is of the other
    dock = board.parentWidget()
    while not isinstance(dock, QDockWidget):
        dock = dock.parentWidget()
    dock.setFloating(True)
    dock.resize(1880, 500)
    qtbot.waitUntil(lambda: sheet.layout_.blocks == 1 and sheet.viewport().width() - sheet.layout_.width < 14)
    sheet.set_side(48)
    assert sheet.layout_.blocks == 2
    assert sheet.viewport().width() - sheet.layout_.width < 2 * 13
    sheet.setFocus()
    qtbot.keyClick(sheet, Qt.Key.Key_Down)
    assert sheet.current.row == 2
    sheet.reveal(Cell(1, 5))
    node = sheet.node_at(QPointF(place_of(sheet, Cell(1, 5))))
    assert (index.locate(node).image, index.locate(node).layer) == (1, 4)


def test_keys_walk_and_zoom(qtbot, board, coordinator):
    sheet = board.sheet
    sheet.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_End, Qt.Key.Key_Up):
        qtbot.keyClick(sheet, key)
    assert sheet.current == Cell(N_PICTURES - 2, 2)
    assert N_PICTURES - 2 in sheet.visible_rows()
    qtbot.keyClick(sheet, Qt.Key.Key_Return)
    assert coordinator.view.position == ("one", 1, N_PICTURES - 2)
    side = sheet.layout_.side
    qtbot.keyClick(sheet, Qt.Key.Key_Plus)
    assert sheet.layout_.side > side
    assert board.side.value == sheet.layout_.side
    index, place = coordinator.shown.study.cut.index, QPointF(place_of(sheet, Cell(N_PICTURES - 2, 3), 0.5, 0.5))
    before = index.locate(sheet.node_at(place))
    sheet.set_side(round(sheet.layout_.side * 1.5), place)
    after = index.locate(sheet.node_at(place))
    assert (after.image, after.layer) == (before.image, before.layer)  # what is there stays there


def test_what_is_seen_is_exported(qtbot, board, coordinator, tmp_path, wait_idle):
    from alignedcut_viewer.viewer.widgets.panel_export import save_panel

    qtbot.waitUntil(lambda: not board.sheet.tiles.missing(board.sheet.visible_rows()))
    coordinator.selection.select([5])
    for name in ("sheet.png", "sheet.csv"):
        coordinator.tasks.start("Exporting", save_panel(tmp_path / name, board.figure, board.table))
        wait_idle()
    with Image.open(tmp_path / "sheet.png") as written:
        assert written.width > 300
    lines = (tmp_path / "sheet.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("picture,network,layer,mean of Similarity")
    assert len(lines) == 1 + 12 * len(board.sheet.visible_rows())
