"""How well each layer separates what masks separate, before and after alignment: mIoU by layer (figure 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from .page import COLUMN_WIDTH, PAGE_WIDTH, SERIES_COLOURS, SMALL, TEXT, Page, thinned
from .provenance import brief_provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..segmentation import LayerScore
    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["Curves", "layer_scores", "layer_scores_from_arrays"]

Curves = Mapping[str, tuple[ArrayLike, ArrayLike]]
"""Name of a network to (layers, scores), of equal length."""
_RAW = (0, (3, 1.5))
_CHANCE = "#888888"


def layer_scores(
    study: Study, cut: Cut, oracle: Sequence[LayerScore], *, source: str = "", width: float | None = None
) -> Figure:
    """Draw how well each layer tells apart what masks tell apart, by the paper's oracle protocol (figure 5).

    Parameters
    ----------
    study, cut
        The study and one of its cuts.
    oracle
        Scores of its layers, see :func:`alignedcut_viewer.pipeline.oracle_scores`; one panel per task.
    source
        Where the masks are from, as the end of a sentence.
    width
        In inches; by default a column for one task and a page for more.

    Raises
    ------
    InputError
        If there is no score.
    """
    panels: dict[str, dict[str, tuple[list[int], list[float]]]] = {}
    before: dict[str, dict[str, tuple[list[int], list[float]]]] = {}
    floor: dict[str, list[float]] = {}
    classes: dict[str, int] = {}
    both = {score.aligned for score in oracle} == {True, False}
    for score in oracle:
        target = before if both and not score.aligned else panels
        layers, values = target.setdefault(score.task, {}).setdefault(score.network, ([], []))
        layers.append(score.layer)
        values.append(score.score.mean_iou)
        floor.setdefault(score.task, []).append(score.score.chance)
        classes[score.task] = len(score.score.classes)
    told = ", ".join(f"{task} ({number} classes)" if number > 2 else task for task, number in classes.items())
    note = (
        f"{told}{f': {source}' if source else ''}. Oracle protocol (appendix C.4): of each layer's own graph over the "
        "patches of all pictures, the ten leading eigenvectors (or as many as were asked for); class centres and the "
        "best of ten thresholds come from the masks themselves, so this says what a layer holds, not what a "
        "segmentation would reach."
    )
    return layer_scores_from_arrays(
        panels,
        before=before,
        chance={task: float(np.mean(values)) for task, values in floor.items()},
        title="How well each layer tells apart what the masks tell apart",
        note=f"{note[:1].upper()}{note[1:]}\n{brief_provenance(study, cut)}",
        width=width,
    )


def layer_scores_from_arrays(
    panels: Mapping[str, Curves],
    *,
    before: Mapping[str, Curves] | None = None,
    chance: Mapping[str, float] | None = None,
    measure: str = "mIoU",
    title: str = "How well a layer's eigenvectors tell what the masks tell",
    note: str = "",
    width: float | None = None,
) -> Figure:
    """Draw scores by layer, one panel per task, one line per network.

    Parameters
    ----------
    panels
        Name of a task to its curves.
    before
        The same before alignment, dashed.
    chance
        For each task what a guess would reach, dotted.
    measure
        Name of the score.
    title, note
        See :class:`~alignedcut_viewer.figures.page.Page`.
    width
        In inches; by default a column for one panel and a page for more.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    if not panels or not all(panels.values()):
        raise InputError("There is nothing to draw: scores of at least one network are needed.")
    raw = before or {}
    page = Page(2.35, width=width or (COLUMN_WIDTH if len(panels) == 1 else PAGE_WIDTH), title=title, note=note)
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    colours = {name: SERIES_COLOURS[i % len(SERIES_COLOURS)] for i, name in enumerate(names)}
    high = page.legend([(name, colours[name]) for name in names], 0.42, 0.0)
    styles = ["solid: aligned", "dashed: raw"] if any(raw.values()) else []
    styles += ["dotted: all one class"] if chance else []
    if styles:
        page.text(0.42, high, ", ".join(styles), SMALL)
        high += 0.13
    each = (page.width - 0.08) / len(panels)
    for number, (task, curves) in enumerate(panels.items()):
        left = number * each
        page.text(left + 0.42, high + 0.02, task, TEXT, weight="bold")
        axes = page.axes(left + 0.42, high + 0.18, each - 0.5, 2.35 - high - 0.52, label=task)
        _draw_curves(axes, curves, colours, "-")
        _draw_curves(axes, raw.get(task, {}), colours, _RAW)
        floor = (chance or {}).get(task)
        if floor is not None:
            axes.axhline(floor, color=_CHANCE, linewidth=0.8, linestyle=(0, (1, 1.5)))
        highest = max(float(np.nanmax(line.get_ydata())) for line in axes.lines)
        axes.set_ylim(0, min(1.0, 1.12 * highest))
        shown = sorted({int(x) for layers, _ in curves.values() for x in np.asarray(layers)})
        axes.set_xticks(shown, labels=thinned([str(n) for n in shown], (each - 0.5) / len(shown)))
        axes.set_xlabel("layer", fontsize=TEXT)
        if not number:
            axes.set_ylabel(measure)
        from matplotlib.ticker import MaxNLocator

        axes.yaxis.set_major_locator(MaxNLocator(5))
    return page.finished()


def _draw_curves(axes: Axes, curves: Curves, colours: Mapping[str, str], style: object) -> None:
    for name, (layers, values) in curves.items():
        at, reached = np.asarray(layers), np.asarray(values, dtype=np.float64)
        if at.shape != reached.shape or at.ndim != 1 or not at.size:
            raise InputError(f"{name} has {at.size} layers and {reached.size} scores.")
        marker = "osD^v<>"[list(colours).index(name) % 7] if name in colours else "o"
        filled = colours.get(name, "black") if style == "-" else "white"
        line = axes.plot(at, reached, color=colours.get(name, "black"), linewidth=1.2, marker=marker, markersize=2.6)[0]
        line.set_linestyle(style)  # type: ignore[arg-type]
        line.set_markerfacecolor(filled)
