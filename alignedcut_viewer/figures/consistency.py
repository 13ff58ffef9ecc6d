"""How consistent concepts are: the mean of their channels' activation against its spread (figure 8, below)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .. import parameters
from ..errors import InputError
from .concept_gallery import concepts_of
from .page import COLUMN_WIDTH, SERIES_COLOURS, SMALL, Page
from .provenance import brief_provenance
from .text import text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["consistency", "consistency_from_arrays"]

_MOST_POINTS = 20_000


def consistency(study: Study, cut: Cut, *, width: float = COLUMN_WIDTH) -> Figure:
    """Draw mean against standard deviation of the aligned channels over each concept's members, with a fit.

    Parameters
    ----------
    study, cut
        The study and one of its cuts, whose concepts were discovered with statistics of their channels.
    width
        In inches.

    Raises
    ------
    StudyError
        If no concepts were discovered, or without statistics.
    """
    from ..concepts import channel_consistency

    held = concepts_of(cut)
    pairs = [held.channel_statistics(concept.id) for concept in held]
    means, stds = np.stack([mean for mean, _ in pairs]), np.stack([std for _, std in pairs])
    fit = channel_consistency(means, stds)
    single = [channel_consistency(mean, std).reverse_u for mean, std in pairs] if means.shape[1] >= 20 else []
    low, high = (float(end) for end in np.quantile(means, [0.001, 0.999]))
    line = np.linspace(low, high, 200)
    verdict = "a reverse U" if fit.reverse_u else "no reverse U"
    note = [f"All concepts together: {verdict} (quadratic fit, held-out R² = {fit.held_out_r2:.2f})."]
    if single:
        note.append(f"One by one: a reverse U in {sum(single)} of {len(single)} concepts.")
    return consistency_from_arrays(
        means,
        stds,
        curve=(line, fit.curve(line)),
        fit_words="quadratic fit",
        title="Are strongly driven channels steadier? Mean and spread over concepts",
        note=" ".join(note) + "\n" + brief_provenance(study, cut),
        width=width,
    )


def consistency_from_arrays(
    means: ArrayLike,
    stds: ArrayLike,
    *,
    curve: tuple[ArrayLike, ArrayLike] | None = None,
    fit_words: str = "",
    what: str = "channel",
    title: str = "",
    note: str = "",
    simulated: bool = False,
    seed: int = 0,
    width: float = COLUMN_WIDTH,
) -> Figure:
    """Draw mean against standard deviation of activation, a point a concept and channel, with a fit.

    Parameters
    ----------
    means, stds
        Of the same shape, such as (concepts, channels).
    curve
        (x, y) of the fitted line, or None.
    fit_words
        What the fit found, below the plot.
    what
        What a point is, beside the concept: ``"channel"``, ``"voxel"``, ``"ROI"``.
    title, note, simulated, width
        See :class:`~alignedcut_viewer.figures.page.Page`.
    seed
        Of the choice of points where there are more than 20,000.

    Raises
    ------
    InputError
        If shapes differ, or no value is finite.
    """
    x, y = np.asarray(means, dtype=np.float64).ravel(), np.asarray(stds, dtype=np.float64).ravel()
    if x.shape != y.shape:
        raise InputError(f"Means and standard deviations differ in number: {x.size} and {y.size}.")
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if not x.size:
        raise InputError("There is nothing to draw: no mean and standard deviation is finite.")
    shown = np.arange(x.size)
    if x.size > _MOST_POINTS:
        shown = np.random.default_rng(parameters.seed(seed)).choice(x.size, _MOST_POINTS, replace=False)
    page = Page(2.35, width=width, title=title, note=note, simulated=simulated)
    axes = page.axes(0.5, 0.05, page.width - 0.58, 1.75, label="consistency")
    size = 1.0 if shown.size > 2000 else 4.0
    axes.scatter(x[shown], y[shown], s=size, c=SERIES_COLOURS[0], alpha=0.25, linewidths=0, rasterized=True)
    if curve is not None:
        line_x, line_y = (np.asarray(part, dtype=np.float64) for part in curve)
        axes.plot(line_x, line_y, color="white", linewidth=2.6)
        axes.plot(line_x, line_y, color=SERIES_COLOURS[1], linewidth=1.4)
    reach = 1.05 * float(np.quantile(np.abs(x), 0.9995))
    axes.set_xlim(-reach, reach)
    axes.set_ylim(0, 1.08 * float(np.quantile(y, 0.9995)))
    axes.set_xlabel(f"mean activation of a {what} over a concept's members")
    axes.set_ylabel("standard deviation")
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    entries = [(f"a {what} of a concept", SERIES_COLOURS[0])]
    if curve is not None:
        words = fit_words or "fit"
        # a long sentence goes on a line of its own
        entries.append((words if text_width(words, SMALL) < page.width - 0.7 else "fit", SERIES_COLOURS[1]))
    page.legend(entries, 0.1, 2.11)
    return page.finished()
