"""Where cells stand and what colour they have, pixel by pixel."""

from __future__ import annotations

import io
import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.figures.grid import DPI, Columns, draw_grid, kept_aspect

pytestmark = pytest.mark.quick


def rendered(figure: Figure) -> np.ndarray:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    buffer.seek(0)
    return np.asarray(Image.open(buffer).convert("RGB"))


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (2, 2)) -> np.ndarray:
    return np.full((*size, 3), colour, dtype=np.uint8)


def inside(figure: Figure, group: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a group of columns in pixels."""
    box = figure.axes[group].get_position()
    height, width = figure.get_figheight() * DPI, figure.get_figwidth() * DPI
    return tuple(round(v) for v in ((1 - box.y1) * height, (1 - box.y0) * height, box.x0 * width, box.x1 * width))


def test_every_cell_has_its_colour_at_its_place() -> None:
    colours = [[(250, 0, 0), (0, 250, 0), (0, 0, 250)], [(10, 20, 30), (200, 100, 0), (90, 90, 90)]]
    cells = [[plain(colour) for colour in row] for row in colours]
    group = Columns("net", ("0", "1", "2"), cells, "blocky")
    figure = draw_grid([Columns("", ("layer",), [[plain((7, 7, 7))]] * 2, "picture"), group], [1.0, 0.5])
    image = rendered(figure)
    top, bottom, left, right = inside(figure, 1)
    cell = (right - left) // 3
    for row, (start, end) in enumerate([(top, top + cell), (top + cell, bottom)]):
        for column in range(3):
            y, x = (start + end) // 2, left + column * cell + cell // 2
            assert tuple(image[y, x]) == colours[row][column]
    assert (bottom - top) / cell == pytest.approx(1.5, abs=0.05)
    assert (image[top:bottom, left - 3] == 255).all()


def test_tokens_have_hard_edges_and_the_right_orientation() -> None:
    tokens = np.zeros((2, 2, 3), dtype=np.uint8)
    tokens[0, 1] = 255, 0, 0
    tokens[1, 0] = 0, 0, 255
    figure = draw_grid([Columns("", ("",), [[tokens]], "blocky")], [1.0])
    image = rendered(figure)
    top, bottom, left, right = inside(figure, 0)
    cell = image[top + 1 : bottom - 1, left + 1 : right - 1]  # the rim belongs to nobody where pixels are cut
    half = len(cell) // 2
    assert {tuple(colour) for colour in cell.reshape(-1, 3)} == {(0, 0, 0), (255, 0, 0), (0, 0, 255)}
    assert (cell[: half - 1, half + 1 :] == (255, 0, 0)).all()
    assert (cell[half + 1 :, : half - 1] == (0, 0, 255)).all()


def test_smooth_tokens_pass_through_the_colours_between() -> None:
    tokens = np.array([[[0, 0, 0], [255, 255, 255]]], dtype=np.uint8)
    figure = draw_grid([Columns("", ("",), [[tokens]], "smooth")], [1.0])
    image = rendered(figure)
    top, bottom, left, right = inside(figure, 0)
    line = image[(top + bottom) // 2, left:right, 0].astype(int)
    assert (np.diff(line) >= 0).all()
    assert line[len(line) // 2] == pytest.approx(128, abs=3)


def test_missing_cells_are_grey_and_pictures_are_reduced_cleanly() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (600, 600, 3)).astype(np.uint8)
    figure = draw_grid([Columns("", ("", ""), [[None, noise]], "picture")], [1.0])
    image = rendered(figure)
    top, bottom, left, right = inside(figure, 0)
    assert (image[(top + bottom) // 2, left + 5] == 238).all()
    assert image[top + 5 : bottom - 5, right - 100 : right - 5].std() < 60  # averaged, not picked


def test_grids_finer_than_their_cell_are_averaged() -> None:
    board = (np.indices((400, 400)).sum(0) % 2 * 255).astype(np.uint8)
    figure = draw_grid([Columns("", ("",), [[np.repeat(board[..., None], 3, -1)]], "blocky")], [1.0], width=1.0)
    top, bottom, left, right = inside(figure, 0)
    values = rendered(figure)[top + 2 : bottom - 2, left + 2 : right - 2]
    assert values.mean() == pytest.approx(127.5, abs=4)
    assert values.std() < 60


@settings(max_examples=40)
@given(
    layers=st.lists(st.integers(1, 30), min_size=1, max_size=3),
    n_rows=st.integers(1, 5),
    named=st.booleans(),
)
def test_nothing_leaves_the_figure_or_overlaps(layers: list[int], n_rows: int, named: bool) -> None:
    groups = [Columns("", ("layer",), [[None]] * n_rows, "picture")]
    groups += [
        Columns(f"dinov2-vit-s14-saliency-{i}", tuple(map(str, range(n))), [[None] * n] * n_rows, "blocky")
        for i, n in enumerate(layers)
    ]
    figure = draw_grid(groups, [1.0] * n_rows, row_labels=["a name"] * n_rows if named else None, note="a note " * 30)
    renderer = figure.canvas.get_renderer()
    whole = figure.bbox
    boxes = [text.get_window_extent(renderer) for text in figure.texts]
    assert all(box.x0 >= -1 and box.x1 <= whole.x1 + 1 and box.y0 >= -1 and box.y1 <= whole.y1 + 1 for box in boxes)
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            overlap = min(one.x1, other.x1) - max(one.x0, other.x0), min(one.y1, other.y1) - max(one.y0, other.y0)
            assert min(overlap) <= 2, (figure.texts[i].get_text(), overlap)
    places = [axes.get_position() for axes in figure.axes]
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(places))
    cell = places[0].width * figure.get_figwidth()
    assert 0.16 <= cell <= 1.0
    if sum(layers) <= 34 and not named:
        assert figure.get_figwidth() <= 7.01


def test_own_width_is_kept() -> None:
    groups = [Columns("", ("a", "b"), [[None, None]], "blocky")]
    assert draw_grid(groups, [1.0], width=5.0).get_figwidth() == pytest.approx(5.0, abs=0.02)
    with pytest.raises(InputError, match="do not fit"):
        draw_grid([Columns("", ("a",) * 100, [[None] * 100], "blocky")], [1.0], width=1.0)


def test_legend_and_names_are_there() -> None:
    groups = [Columns("", ("a",), [[None], [None]], "blocky")]
    legend = [(f"segment {i}", (i, 0, 0)) for i in range(9)]
    figure = draw_grid(groups, [1.0, 1.0], row_labels=["cat", "x" * 60], legend=legend)
    words = [text.get_text() for text in figure.texts]
    assert {"cat", *(name for name, _ in legend)} <= set(words)
    assert any("…" in word and len(word) < 30 for word in words)


def test_panoramas_and_columns_stay_visible() -> None:
    assert kept_aspect(0.01) == 0.5
    assert kept_aspect(100) == 1.6
    assert kept_aspect(0.75) == 0.75


@pytest.mark.parametrize(
    ("groups", "aspects", "options", "words"),
    [
        ([], [1.0], {}, "nothing to draw"),
        ([Columns("", ("a",), [], "blocky")], [], {}, "nothing to draw"),
        ([Columns("net", ("a",), [[None]], "blocky")], [1.0, 1.0], {}, "2 rows of 1 cells"),
        ([Columns("net", ("a", "b"), [[None]], "blocky")], [1.0], {}, "1 rows of 2 cells"),
        ([Columns("", ("a",), [[None]], "blocky")], [1.0], {"row_labels": []}, "as many labels"),
        ([Columns("", ("a",), [[np.zeros((2, 2, 3))]], "blocky")], [1.0], {}, "8 bits"),
    ],
)
def test_parts_that_do_not_fit_are_refused(groups: list, aspects: list, options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        draw_grid(groups, aspects, **options)


def test_pyplot_is_never_loaded() -> None:
    code = (
        "import sys, numpy as np; from alignedcut_viewer.figures import mosaic_from_arrays, save_figure; "
        "print('matplotlib' in sys.modules); p = np.zeros((4, 4, 3), np.uint8); "
        "mosaic_from_arrays([p], [[[p]]], titles=['t'], column_labels=[['0']]); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
