"""Where in a network "what" and "where" live: agreement of every layer and head with a joint solution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .page import PAGE_WIDTH, SERIES_COLOURS, SMALL, TEXT, Page, layer_colours, shortened, thinned
from .provenance import brief_provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.layered_record import GraphRecord
    from ..study.study import Study

__all__ = ["agreement", "agreement_from_graphs"]

_CURVES = 1.55
_ROW = 0.13
_PATHWAYS = {"what": "what (value, value)", "where": "where (query, key)"}


def agreement(study: Study, cut: Cut, *, width: float = PAGE_WIDTH) -> Figure:
    """Draw how well every layer, and every head where that is known, keeps the joint solution of a cut.

    Parameters
    ----------
    study, cut
        The study and one of its joint cuts.
    width
        In inches.

    Raises
    ------
    InputError
        If the cut is an AlignedCut.
    """
    record = cut.agreement
    if record is None:
        raise InputError(
            "Agreement is asked of joint cuts of many layers, and this is an AlignedCut; make one with: "
            "alignedcut cut STUDY --pathway what"
        )
    return agreement_from_graphs(
        record.graphs,
        title=f'Where the joint solution "{record.pathway}" lives: agreement of layers with it',
        note="Agreement is the mean eigenvalue that a layer's graph would give the joint solution: 1 where parts of "
        "the joint solution are parts of the layer, 0 where they have nothing to do with it. Discs: weight of the "
        f"layer in the joint solution. {brief_provenance(study, cut)}",
        width=width,
    )


def agreement_from_graphs(
    graphs: Sequence[GraphRecord], *, title: str = "", note: str = "", width: float = PAGE_WIDTH
) -> Figure:
    """Draw agreement by layer as curves, and by head as tables.

    Parameters
    ----------
    graphs
        One a layer, or one a head.
    title, note, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is no graph.
    """
    if not graphs:
        raise InputError("There is nothing to draw: agreement of at least one graph is needed.")
    networks = list(dict.fromkeys(graph.network for graph in graphs))
    pathways = [p for p in _PATHWAYS if any(graph.pathway == p for graph in graphs)]
    tables = [
        (network, pathway, [g for g in graphs if (g.network, g.pathway) == (network, pathway)])
        for pathway in pathways
        for network in networks
    ]
    tables = [table for table in tables if len({g.head for g in table[2]}) > 1]
    heads = [1 + max(g.head for g in table[2]) for table in tables]
    rows = [max(heads[i : i + len(networks)], default=0) for i in range(0, len(heads), max(len(networks), 1))]
    below = sum(0.42 + _ROW * count for count in rows)
    page = Page(0.35 + _CURVES + 0.4 + below, width=width, title=title, note=note)
    entries = [(_PATHWAYS[p], SERIES_COLOURS[i]) for i, p in enumerate(pathways)]
    top = page.legend(entries, 0.42, 0.0) + 0.18
    gap = 0.5
    each = (page.width - 0.42 - gap * (len(networks) - 1)) / len(networks)
    highest = max(graph.agreement for graph in graphs)
    largest = max((graph.weight for graph in graphs), default=0.0)
    for column, network in enumerate(networks):
        left = 0.42 + column * (each + gap)
        page.text(left, top - 0.15, shortened(network, TEXT, each), TEXT)
        axes = page.axes(left, top, each, _CURVES - 0.25, label=f"agreement {network}")
        layers = sorted({g.layer for g in graphs if g.network == network})
        for (_, colour), pathway in zip(entries, pathways, strict=True):
            own = [g for g in graphs if (g.network, g.pathway) == (network, pathway)]
            if not own:
                continue
            at = sorted({g.layer for g in own})
            mean = [np.mean([g.agreement for g in own if g.layer == layer]) for layer in at]
            axes.plot(at, mean, color=colour, linewidth=1.2, marker="o", markersize=1.8)
            if len({g.head for g in own}) > 1:
                axes.plot(
                    [g.layer for g in own], [g.agreement for g in own], ".", color=colour, markersize=2, alpha=0.4
                )
            size = [90 * sum(g.weight for g in own if g.layer == layer) / max(largest, 1e-12) for layer in at]
            axes.scatter(at, mean, s=size, color=colour, alpha=0.25, linewidths=0)
        axes.set_ylim(min(0.0, 1.1 * min(g.agreement for g in graphs)), 1.1 * highest)
        axes.set_xticks(layers, labels=thinned([str(n) for n in layers], each / max(len(layers), 1)))
        axes.set_xlabel("layer")
        if column == 0:
            axes.set_ylabel("agreement")
    y = top + _CURVES + 0.25
    for number, (network, pathway, own) in enumerate(tables):
        column = networks.index(network)
        if number and column == 0:
            y += 0.42 + _ROW * rows[number // len(networks) - 1]
        left = 0.42 + column * (each + gap)
        _table(page, own, left, y, each, _ROW * heads[number], f"{_PATHWAYS[pathway]}, by head", highest)
    return page.finished()


def _table(
    page: Page,
    graphs: Sequence[GraphRecord],
    left: float,
    top: float,
    width: float,
    height: float,
    title: str,
    most: float,
) -> None:
    """Agreement by layer (column) and head (row), with the number of the group of those that act alike."""
    layers = sorted({g.layer for g in graphs})
    n_heads = 1 + max(g.head for g in graphs)
    values: NDArray[Any] = np.full((n_heads, len(layers)), np.nan)
    axes = page.axes(left, top + 0.14, width, height, label=title)
    page.text(left, top, title, SMALL)
    for graph in graphs:
        values[graph.head, layers.index(graph.layer)] = graph.agreement
    axes.imshow(values, aspect="auto", cmap=layer_colours(), vmin=min(0.0, float(np.nanmin(values))), vmax=most)
    for graph in graphs:
        if graph.group is not None:
            light = graph.agreement > 0.6 * most
            axes.text(
                layers.index(graph.layer),
                graph.head,
                "ABCDEFGH"[graph.group % 8],
                fontsize=SMALL,
                ha="center",
                va="center_baseline",
                color="black" if light else "white",
            )
    axes.set_xticks(range(len(layers)), labels=thinned([str(n) for n in layers], width / len(layers)))
    axes.set_yticks(range(n_heads), labels=[str(n) for n in range(n_heads)])
