"""Fonts of PDF files, cut down to their letters without what only the setting of text needs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

__all__ = ["plain_subsets"]

_SETTING = ("GSUB", "GPOS", "GDEF", "BASE", "JSTF", "MATH", "kern", "DSIG")
"""Tables of ligatures, kerning and the like: text in a PDF stands letter by letter where it was set."""


@contextlib.contextmanager
def plain_subsets() -> Iterator[None]:
    """While a figure is written as PDF: let matplotlib embed its fonts without the tables for setting text.

    To read and prune these tables takes most of the time of a PDF with little else in it, and no viewer of PDF files
    looks at them. Where matplotlib has its subsets made in another way than is known here, it makes them itself.
    """
    from matplotlib.backends import _backend_pdf_ps as module

    known: Callable[..., Any] | None = getattr(module, "get_glyphs_subset", None)
    results: Callable[..., Any] | None = getattr(module, "SubsetResults", None)
    if known is None or results is None or "glyph_index_map" not in getattr(results, "_fields", ()):
        yield
        return
    module.get_glyphs_subset = _subset
    try:
        yield
    finally:
        module.get_glyphs_subset = known


@contextlib.contextmanager
def _subset(fontfile: Any, glyphs: Iterable[int]) -> Iterator[Any]:
    """Stands in for matplotlib's own function of that use: a font of some glyphs, and where they went in it."""
    from fontTools import subset
    from matplotlib.backends import _backend_pdf_ps as module

    options = subset.Options(glyph_names=True, recommended_glyphs=True)
    options.drop_tables += [*_SETTING, "FFTM", "PfEd", "BDF", "meta", "Zapf", "trak"]
    options.font_number = getattr(fontfile, "face_index", 0)
    with subset.load_font(fontfile, options) as font:
        subsetter = subset.Subsetter(options=options)
        subsetter.populate(gids=list(glyphs))
        subsetter.subset(font)
        yield module.SubsetResults(font, subsetter.glyph_index_map)
