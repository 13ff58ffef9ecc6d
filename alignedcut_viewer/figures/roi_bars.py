"""Bars by region of the brain, drawn into axes; regions of one group stand together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .page import SMALL
from .text import text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_roi_bars", "roi_places", "symmetric_limit"]


def symmetric_limit(values: ArrayLike) -> float:
    """A round number that no absolute value exceeds, for scales about zero."""
    finite = np.abs(np.asarray(values, dtype=np.float64).ravel())
    finite = finite[np.isfinite(finite)]
    largest = float(finite.max()) if finite.size else 0.0
    if largest <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(largest))
    return float(next(step for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= largest * 0.999) * power)


def draw_roi_bars(
    axes: Axes,
    names: Sequence[str],
    means: ArrayLike,
    colours: Sequence[str | tuple[float, ...]],
    *,
    spreads: ArrayLike | None = None,
    intervals: tuple[ArrayLike, ArrayLike] | None = None,
    limit: float | None = None,
    named: bool = True,
) -> None:
    """Draw bars by region into axes; regions of one group stand together, as in the paper.

    Parameters
    ----------
    axes
        Where.
    names
        Regions in their order, R of them.
    means
        (S, R), one row a series.
    colours
        One a series.
    spreads
        (S, R) half lengths of error bars, or None.
    intervals
        Both ends (S, R) of error bars, instead; NaN draws none.
    limit
        Largest absolute value of the scale; by default what is needed.
    named
        Whether the regions' names stand below.
    """
    values = np.atleast_2d(np.asarray(means, dtype=np.float64))
    places = roi_places(names)
    width = 0.8 / len(values)
    errors = np.zeros((2, *values.shape))
    if intervals is not None:
        low, high = (np.atleast_2d(np.asarray(end, dtype=np.float64)) for end in intervals)
        errors = np.nan_to_num(np.stack([values - low, high - values])).clip(min=0.0)
    elif spreads is not None:
        errors = np.stack([np.atleast_2d(np.asarray(spreads, dtype=np.float64))] * 2)
    for number, (row, colour) in enumerate(zip(values, colours, strict=True)):
        at = places + (number - (len(values) - 1) / 2) * width
        axes.bar(at, row, width, color=colour, linewidth=0)
        if errors.any():
            axes.errorbar(at, row, yerr=errors[:, number], fmt="none", ecolor="0.25", elinewidth=0.5)
    axes.axhline(0, color="black", linewidth=0.5)
    for left, right in itertools.pairwise(places):
        if right - left > 1.2:
            axes.axvline((left + right) / 2, color="0.85", linewidth=0.5, zorder=0)
    axes.set_xlim(-0.7, float(places[-1]) + 0.7)
    reach = symmetric_limit(np.abs(values) + errors.max(axis=0)) if limit is None else limit
    axes.set_ylim(-reach, reach)
    axes.set_yticks([-reach, 0, reach], labels=[f"−{reach:g}", "0", f"{reach:g}"])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="x", length=0)
    inches = axes.get_window_extent().width / axes.figure.dpi
    upright = max(text_width(name, SMALL) for name in names) > 0.92 * inches / len(names)
    axes.set_xticks(places, labels=list(names) if named else [""] * len(names), rotation=90 if upright else 0)


def roi_places(names: Sequence[str]) -> NDArray[np.float64]:
    """Where regions stand on an axis: one apart, and a little more between groups."""
    from ..brain import roi_info

    groups = [roi_info(name).group for name in names]
    steps = [0.0] + [1.0 if a == b else 1.45 for a, b in itertools.pairwise(groups)]
    return np.cumsum(steps)
