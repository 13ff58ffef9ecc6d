"""Figures on disk: three formats, in one step, the same bytes each time."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from alignedcut_viewer import atomic_files
from alignedcut_viewer.errors import InputError, StorageError
from alignedcut_viewer.figures import FIGURE_SUFFIXES, mosaic_from_arrays, save_figure
from alignedcut_viewer.figures.pdf_parts import quick_parts
from alignedcut_viewer.figures.save import figure_pixels

pytestmark = pytest.mark.quick


@pytest.fixture
def figure() -> Figure:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    return mosaic_from_arrays([picture], [[[picture]]], titles=["network"], column_labels=[["0"]], note="a note")


@pytest.mark.parametrize("suffix", FIGURE_SUFFIXES)
def test_each_format_is_what_its_name_says(figure: Figure, suffix: str, tmp_path: Path) -> None:
    settings = dict(matplotlib.rcParams)
    path = save_figure(figure, tmp_path / "new folder" / f"figure{suffix.upper()}")
    data = path.read_bytes()
    assert data.startswith({".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix])
    if suffix == ".svg":
        assert b"a note" in data  # text stays text
        assert data.count(b"<image") == 2
    if suffix == ".png":
        with Image.open(path) as image:
            assert image.size == (round(figure.get_figwidth() * 300), round(figure.get_figheight() * 300))
    again = save_figure(figure, tmp_path / f"again{suffix}")
    assert again.read_bytes() == data
    assert dict(matplotlib.rcParams) == settings
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_png_in_another_resolution(figure: Figure, tmp_path: Path) -> None:
    path = save_figure(figure, tmp_path / "figure.png", dpi=100)
    with Image.open(path) as image:
        assert image.width == pytest.approx(figure.get_figwidth() * 100, abs=1)


def test_unknown_endings_are_refused(figure: Figure, tmp_path: Path) -> None:
    for name in ("figure.gif", "figure"):
        with pytest.raises(InputError, match=r"must end in \.png, \.svg, \.pdf"):
            save_figure(figure, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_figure(figure: Figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_figure(figure, tmp_path / "figure.png")
    before = path.read_bytes()

    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            super().write(memoryview(data)[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic_files, "open", lambda file, mode, **_: Full(file, mode), raising=False)
    with pytest.raises(StorageError, match="No space is left"):
        save_figure(figure, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made(figure: Figure, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        save_figure(figure, tmp_path / "file" / "figure.png")


def test_fonts_of_pdf_files_have_the_letters_that_matplotlib_gives_them(figure: Figure, tmp_path: Path) -> None:
    from matplotlib import font_manager
    from matplotlib.backends import _backend_pdf_ps as module

    if not hasattr(module, "SubsetResults"):
        pytest.skip("this matplotlib makes its subsets in another way, and goes on doing so; 3.11 has the newer one")
    own = module.get_glyphs_subset
    path = font_manager.findfont("DejaVu Sans")
    face = font_manager.get_font(path)
    glyphs = {face.get_char_index(ord(letter)) for letter in "fi Ångström −0.5"}
    with own(path, glyphs) as theirs, quick_parts():
        assert module.get_glyphs_subset is not own, "matplotlib makes its subsets in another way now; see pdf_parts.py"
        with module.get_glyphs_subset(path, glyphs) as ours:
            assert "GPOS" in theirs.font
            assert "GPOS" not in ours.font
            assert set(ours.glyph_index_map) >= glyphs
            for glyph in glyphs:
                here, there = (
                    subset.font["glyf"][subset.font.getGlyphName(subset.glyph_index_map[glyph])]
                    for subset in (ours, theirs)
                )
                assert here == there
                widths = [
                    subset.font["hmtx"][subset.font.getGlyphName(subset.glyph_index_map[glyph])]
                    for subset in (ours, theirs)
                ]
                assert widths[0] == widths[1]
    assert module.get_glyphs_subset is own
    assert save_figure(figure, tmp_path / "figure.pdf").read_bytes().count(b"/FontFile2") >= 1


def test_an_earlier_matplotlib_makes_its_subsets_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.backends import _backend_pdf_ps as module

    monkeypatch.delattr(module, "SubsetResults", raising=False)
    own = module.get_glyphs_subset
    with quick_parts():
        assert module.get_glyphs_subset is own


def test_pixels_are_those_of_matplotlib_and_the_figure_stays_as_it_was(figure: Figure) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, facecolor="white")
    before = figure.dpi, figure.canvas, figure.get_facecolor()
    pixels = figure_pixels(figure, dpi=120)
    assert (figure.dpi, figure.canvas, figure.get_facecolor()) == before
    with Image.open(buffer) as image:
        np.testing.assert_array_equal(pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("suffix", FIGURE_SUFFIXES)
@pytest.mark.parametrize("dpi", [0, -1, float("nan"), float("inf"), 1e-320, 1e300, 10**30, "fine", True])
def test_dots_that_no_figure_can_have(figure: Figure, tmp_path: Path, suffix: str, dpi: Any) -> None:
    with pytest.raises(InputError, match="dpi"):
        save_figure(figure, tmp_path / f"m{suffix}", dpi=dpi)
    assert not list(tmp_path.iterdir())


def test_a_picture_of_more_pixels_than_fit_is_refused(figure: Figure) -> None:
    with pytest.raises(InputError, match=r"cannot have 50000 dots an inch; use a dpi from 50 to \d+"):
        figure_pixels(figure, dpi=50_000)
