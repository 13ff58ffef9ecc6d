"""Measured text is as wide as drawn text, and wrapped lines lose nothing."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from alignedcut_viewer.figures.text import line_height, text_width, wrapped

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("text", ["dinov2-vit-s14-saliency", "layer 11", "γ = 0.3, Straße ✓"])
@pytest.mark.parametrize("size", [4.6, 6.5, 12.0])
def test_width_is_that_of_the_drawn_text(text: str, size: float) -> None:
    figure = Figure(dpi=300)
    canvas = FigureCanvasAgg(figure)
    drawn = figure.text(0, 0, text, fontsize=size).get_window_extent(canvas.get_renderer()).width / 300
    assert text_width(text, size) == pytest.approx(drawn, rel=0.06)
    assert line_height(size) > size / 72


@given(st.text(alphabet="ab -c", max_size=60), st.floats(0.1, 2))
def test_wrapping_keeps_all_words(text: str, width: float) -> None:
    lines = wrapped(text, 6.0, width, at="- ")
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(text_width(line, 6.0) <= width + 1e-6 or len(line) == 1 for line in lines)


def test_lines_end_after_whole_words_where_they_can() -> None:
    assert wrapped("dinov2-vit-s14", 6.0, text_width("dinov2-vit-", 6.0), at="- ") == ["dinov2-vit-", "s14"]
    assert wrapped("one two", 6.0, text_width("one", 6.0)) == ["one", "two"]


@given(st.text(alphabet="AVTo. iW", max_size=80), st.floats(0.2, 2))
def test_lines_are_as_long_as_they_can_be(text: str, width: float) -> None:
    """The next word never fits, measured with the whole line, letters that give way to one another included."""
    lines = wrapped(text, 6.0, width)
    for line, following in itertools.pairwise(lines):
        word = following.split(" ")[0]
        assert not line or text_width(f"{line} {word}", 6.0) > width or text_width(word, 6.0) > 0.9 * width


def test_lines_are_kept_apart() -> None:
    assert wrapped("one\ntwo three", 6.0, 10.0) == ["one", "two three"]
    assert wrapped("", 6.0, 1.0) == []
