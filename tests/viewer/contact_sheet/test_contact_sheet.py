import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.viewer.contact_sheet.layout import Cell, SheetLayout
from alignedcut_viewer.viewer.contact_sheet.tiles import SheetTiles
from alignedcut_viewer.viewer.frames.loading import load_study
from alignedcut_viewer.viewer.frames.token_painting import token_edges
from alignedcut_viewer.viewer.frames.value_colours import colour_table
from alignedcut_viewer.viewer.state.node_values import NodeValues
from tests.benchmarks.planted_study import write_planted_study

pytestmark = pytest.mark.quick


@given(
    st.integers(0, 2000),
    st.integers(0, 12),
    st.integers(10, 300),
    st.floats(0.2, 5),
    st.floats(0, 0.99),
    st.floats(0, 0.99),
)
def test_a_point_of_a_picture_is_found_again(row, column, side, aspect, down, right):
    layout = SheetLayout(2001, 12, side)
    box = layout.box(Cell(row, column), aspect)
    assert max(box.width, box.height) == pytest.approx(side)
    x, y = box.left + right * box.width, box.top + down * box.height
    assert layout.cell_at(x, y) == (row, column)
    assert layout.fraction(Cell(row, column), aspect, x, y) == pytest.approx((down, right), abs=1e-6)
    assert row in layout.visible_rows(y, 1)
    assert column in layout.visible_columns(x, 1)
    assert layout.fraction(Cell(row, column), aspect, box.left - 1, y) is None


@given(
    st.integers(1, 40),
    st.integers(1, 24),
    st.integers(24, 200),
    st.integers(160, 2600),
    st.integers(0, 20),
    st.floats(0, 0.99),
)
def test_rows_fill_the_width_and_are_found_again(n_rows, n_layers, side, width, caption, share):
    layout = SheetLayout.filling(n_rows, n_layers, side, width, caption)
    assert layout.side >= side
    least = SheetLayout(n_rows, n_layers, side, caption)
    assert layout.width <= max(width, least.width)
    if layout.blocks < n_rows and least.width <= width:
        assert SheetLayout(n_rows, n_layers, side, caption, layout.blocks + 1).width > width
        assert width - layout.width < layout.blocks * (n_layers + 1)  # what is left is less than a pixel a cell
    for row in range(n_rows):
        box = layout.box(Cell(row, n_layers), 1.0)
        assert layout.cell_at(box.left + share * box.width, box.top + share * box.height) == (row, n_layers)
        assert row in layout.visible_rows(box.top + share * box.height, 1)
    assert layout.cell_at(5, layout.height + 1) is None


def test_only_what_is_in_sight_is_asked_for():
    layout = SheetLayout(1000, 12, 97)
    assert list(layout.visible_rows(0, 400)) == [0, 1, 2, 3]
    assert list(layout.visible_rows(100 * 500 + 50, 100)) == [500, 501]
    assert list(layout.visible_rows(layout.height - 10, 400)) == [999]
    assert layout.cell_at(1, 1) is None  # the rim
    assert layout.cell_at(50, layout.height + 50) is None


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return load_study(write_planted_study(tmp_path_factory.mktemp("sheet"), 5, layers=3, side=4))


def test_tiles_hold_colours_or_values_of_their_tokens(loaded):
    tiles = SheetTiles(loaded.cut, loaded.pictures)
    tile = tiles.tile("planted", 1, 3)
    np.testing.assert_array_equal(tile[..., :3], loaded.cut.colour_map("planted", 1, 3))
    assert (tile[..., 3] == 255).all()
    numbers = np.linspace(0, 1, len(loaded.cut.index), dtype=np.float32)
    numbers[loaded.cut.index.node("planted", 1, 3, row=0, column=0)] = np.nan
    tiles.values = NodeValues(numbers, "numbers", limits=(0, 1))
    tile = tiles.tile("planted", 1, 3)
    part = numbers[loaded.cut.index.patch_slice("planted", 1, 3)].reshape(4, 4)
    assert tile[0, 0, 3] == 0
    np.testing.assert_array_equal(tile[2, 1, :3], colour_table(False)[int(part[2, 1] * 255)])
    tiles.values = None
    assert (tiles.tile("planted", 1, 3)[..., 3] == 255).all()


def test_pictures_are_read_small_and_kept(loaded):
    tiles = SheetTiles(loaded.cut, loaded.pictures)
    assert tiles.missing(range(3)) == [0, 1, 2]
    tiles.keep(tiles.read([0, 2], lambda *progress: None))
    assert tiles.missing(range(3)) == [1]
    assert tiles.small(1) is None
    assert max(tiles.small(2).shape) == 160


def test_edges_surround_chosen_tokens():
    chosen = np.zeros((2, 4), dtype=bool)
    chosen[0, 1:3] = True
    edges = {tuple(line) for line in token_edges(chosen).tolist()}
    assert edges == {
        (0.25, 0, 0.5, 0),
        (0.5, 0, 0.75, 0),
        (0.25, 0.5, 0.5, 0.5),
        (0.5, 0.5, 0.75, 0.5),
        (0.25, 0, 0.25, 0.5),
        (0.75, 0, 0.75, 0.5),
    }
