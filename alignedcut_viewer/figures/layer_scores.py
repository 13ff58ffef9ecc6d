"""How well each layer separates what masks separate: mIoU by layer (figure 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from ..segmentation import oracle_score
from .page import COLUMN_WIDTH, SERIES_COLOURS, TEXT, Page, thinned
from .provenance import brief_provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = ["layer_scores", "layer_scores_from_arrays"]


def layer_scores(study: Study, cut: Cut, figure_ground: FigureGround, *, width: float = COLUMN_WIDTH) -> Figure:
    """Draw how well each layer tells figure from ground, by the paper's oracle protocol on tokens (figure 5).

    Parameters
    ----------
    study, cut
        The study and one of its cuts.
    figure_ground
        Figure and ground, from masks.
    width
        In inches.

    Raises
    ------
    InputError
        If figure or ground is not known of any token.
    """
    index = cut.index
    scores: dict[str, tuple[ArrayLike, ArrayLike]] = {}
    chance = []
    for network in index.networks:
        reached = []
        for layer in network.layers:
            nodes = index.select(networks=[network.name], layers=[layer], patches_only=True)
            nodes = nodes[figure_ground.labels[nodes] >= 0]
            labels = figure_ground.labels[nodes]
            score = oracle_score(cut.eigenvectors[nodes], labels)
            reached.append(score.mean_iou)
            chance.append(score.chance)
        scores[network.name] = (list(network.layers), reached)
    note = (
        f"{figure_ground.source} Oracle protocol (appendix C.4) on tokens, with the joint cut's "
        f"{cut.eigenvectors.shape[1]} eigenvectors; the threshold is the best of ten, so scores are optimistic."
    )
    return layer_scores_from_arrays(
        scores,
        chance=float(np.mean(chance)),
        title="How well each layer tells figure from ground",
        note=f"{note}\n{brief_provenance(study, cut)}",
        width=width,
    )


def layer_scores_from_arrays(
    scores: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    chance: float | None = None,
    measure: str = "mIoU",
    title: str = "How well a layer's eigenvectors tell what the masks tell",
    note: str = "",
    width: float = COLUMN_WIDTH,
) -> Figure:
    """Draw a score by layer, one line a network (or a variant, such as before and after alignment).

    Parameters
    ----------
    scores
        Name to (layers, scores), of equal length.
    chance
        What a guess would reach, drawn dashed.
    measure
        Name of the score.
    title, note, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    if not scores:
        raise InputError("There is nothing to draw: scores of at least one network are needed.")
    page = Page(2.2, width=width, title=title, note=note)
    entries = [(name, SERIES_COLOURS[i % len(SERIES_COLOURS)]) for i, name in enumerate(scores)]
    if chance is not None:
        entries.append(("all one class", "#888888"))
    high = page.legend(entries, 0.42, 0.0)
    axes = page.axes(0.42, high + 0.06, page.width - 0.5, 2.2 - high - 0.4, label=measure)
    highest, layers_shown = 0.0, set()
    for number, (name, (layers, values)) in enumerate(scores.items()):
        at, reached = np.asarray(layers), np.asarray(values, dtype=np.float64)
        if at.shape != reached.shape or at.ndim != 1 or not at.size:
            raise InputError(f"{name} has {at.size} layers and {reached.size} scores.")
        marker = "osD^v<>"[number % 7]
        axes.plot(at, reached, color=entries[number][1], linewidth=1.2, marker=marker, markersize=2.6)
        highest = max(highest, float(np.nanmax(reached)))
        layers_shown |= {int(n) for n in at}
    if chance is not None:
        axes.axhline(chance, color="#888888", linewidth=0.8, linestyle=(0, (3, 2)))
        highest = max(highest, chance)
    axes.set_ylim(0, min(1.0, 1.15 * highest))
    ordered = sorted(layers_shown)
    axes.set_xticks(ordered, labels=thinned([str(n) for n in ordered], (page.width - 0.5) / len(ordered)))
    axes.set_xlabel("layer", fontsize=TEXT)
    axes.set_ylabel(measure)
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(5))
    return page.finished()
