"""Fonts and pictures of PDF files, made without the work that nobody sees."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

__all__ = ["quick_parts"]

_SETTING = ("GSUB", "GPOS", "GDEF", "BASE", "JSTF", "MATH", "kern", "DSIG")
"""Tables of ligatures, kerning and the like: text in a PDF stands letter by letter where it was set."""
_USUAL = frozenset([*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x370, 0x400), *range(0x2010, 0x2600)])
"""Letters that figures are made of: Latin, Greek, punctuation, arrows, signs of mathematics, geometric shapes."""
_COMPRESSION = 2
"""Of pictures: a third of the time of the usual 6, for a tenth more bytes."""


@contextlib.contextmanager
def quick_parts() -> Iterator[None]:
    """While a figure is written as PDF: let matplotlib embed fonts cut down quickly, and compress pictures quickly.

    To read and prune the tables for setting text takes most of the time of a PDF with little else in it, and no viewer
    of PDF files looks at them. Where matplotlib has its parts made in another way than is known here, it does as it is
    used to.
    """
    from matplotlib.backends import _backend_pdf_ps, backend_pdf

    replaced: list[tuple[Any, str, Any]] = []
    if hasattr(_backend_pdf_ps, "get_glyphs_subset") and "glyph_index_map" in getattr(
        getattr(_backend_pdf_ps, "SubsetResults", None), "_fields", ()
    ):
        replaced.append((_backend_pdf_ps, "get_glyphs_subset", _subset))
    write_png: Callable[..., Any] | None = getattr(backend_pdf.PdfFile, "_writePng", None)
    if write_png is not None:
        own: Callable[..., Any] = write_png
        replaced.append((backend_pdf.PdfFile, "_writePng", lambda file, image: own(file, _Quick(image))))
    before = [getattr(place, name) for place, name, _ in replaced]
    for place, name, function in replaced:
        setattr(place, name, function)
    try:
        yield
    finally:
        for (place, name, _), function in zip(replaced, before, strict=True):
            setattr(place, name, function)


class _Quick:
    """A picture that is compressed less when it is saved."""

    def __init__(self, image: Any) -> None:
        self._image = image

    def save(self, file: Any, **options: Any) -> None:
        self._image.save(file, **{"compress_level": _COMPRESSION, **options})


def _options(fontfile: Any) -> Any:
    from fontTools import subset

    options = subset.Options(glyph_names=True, recommended_glyphs=True)
    options.drop_tables += [*_SETTING, "FFTM", "PfEd", "BDF", "meta", "Zapf", "trak"]
    options.font_number = getattr(fontfile, "face_index", 0)
    return options


@contextlib.contextmanager
def _subset(fontfile: Any, glyphs: Iterable[int]) -> Iterator[Any]:
    """Stands in for matplotlib's own function of that use: a font of some glyphs, and where they went in it."""
    from fontTools import subset
    from matplotlib.backends import _backend_pdf_ps as module

    wanted = list(glyphs)
    usual, places = _usual_part(str(fontfile), getattr(fontfile, "face_index", 0))
    options = _options(fontfile)
    known = all(glyph in places for glyph in wanted)
    if known:  # the part was made from the first face of a collection, and has but one
        options.font_number = -1
    with subset.load_font(io.BytesIO(usual) if known else fontfile, options) as font:
        subsetter = subset.Subsetter(options=options)
        subsetter.populate(gids=[places[glyph] for glyph in wanted] if known else wanted)
        subsetter.subset(font)
        now = subsetter.glyph_index_map
        yield module.SubsetResults(font, {glyph: now[places[glyph]] for glyph in wanted} if known else now)


@lru_cache(maxsize=8)
def _usual_part(path: str, face: int) -> tuple[bytes, dict[int, int]]:
    """A font of the usual letters alone, which is read in a moment, and where each glyph of the whole went in it."""
    from fontTools import subset

    options = _options(None)
    options.font_number = face
    with subset.load_font(path, options) as font:
        subsetter = subset.Subsetter(options=options)
        subsetter.populate(unicodes=_USUAL)
        subsetter.subset(font)
        file = io.BytesIO()
        font.save(file, reorderTables=False)
        return file.getvalue(), dict(subsetter.glyph_index_map)
