"""Networks beside one another: how alike their layers are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .. import parameters
from ..errors import InputError
from ..nodes import Slot
from ..progress import ProgressCallback, report, span
from .page import PAGE_WIDTH, SMALL, TEXT, Page, shortened, thinned
from .provenance import brief_provenance
from .text import line_height

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.study import Study

__all__ = ["comparison", "comparison_from_arrays"]


def comparison(
    study: Study,
    cut: Cut,
    *,
    n_places: int = 1000,
    k: int = 10,
    seed: int = 0,
    progress: ProgressCallback | None = None,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw how alike the layers of a cut are: linear CKA, mutual nearest neighbours, agreement of eigenvectors.

    Parameters
    ----------
    study, cut
        The study and one of its cuts.
    n_places
        Places in pictures, drawn from all; tokens of different grids are averaged over the coarsest.
    k
        Number of neighbours.
    seed
        Of the draw.
    progress
        Called all along.
    width
        In inches.

    Raises
    ------
    InputError
        If there are fewer than two layers, or too few pictures.
    """
    from ..concepts import layer_matrix
    from ..concepts.places import common_grid, on_grid

    index = cut.index
    if len(index.slots) < 2:
        raise InputError("A comparison needs at least two layers.")
    rows, columns = common_grid(index, tuple(network.name for network in index.networks))
    rng = np.random.default_rng(parameters.seed(seed))
    n_images = min(len(index.images), max(2, -(-n_places * 8 // (rows * columns))))
    images = sorted(int(i) for i in rng.choice(index.images, n_images, replace=False))
    total = n_images * rows * columns
    chosen = np.sort(rng.choice(total, min(n_places, total), replace=False))
    picture = chosen // (rows * columns)
    features, eigenvectors = [], []
    for number, slot in enumerate(index.slots):
        part = index.subset(networks=[slot.network], layers=[slot.layer], images=images)
        values = study.node_features(part)
        tokens = on_grid(np.asarray(values.rows(np.arange(len(part)))), part, *slot, rows, columns)
        features.append(tokens.reshape(total, -1)[chosen])
        nodes = index.select(networks=[slot.network], layers=[slot.layer], images=images)
        held = on_grid(np.asarray(cut.eigenvectors[nodes]), part, *slot, rows, columns)
        eigenvectors.append(held.reshape(total, -1)[chosen])
        report(progress, number + 1, 2 * len(index.slots), "Reading layers")
    stage = span(progress, 0.5, 1.0)
    k = max(1, min(k, len(chosen) - int(np.bincount(picture).max())))
    matrices = {
        "linear CKA of features": layer_matrix(features, features, "cka", progress=span(stage, 0.0, 0.3)),
        f"shared {k} nearest neighbours": layer_matrix(
            features, features, "mutual_knn", k=k, groups=picture, progress=span(stage, 0.3, 0.9)
        ),
        "agreement of eigenvectors": layer_matrix(
            eigenvectors, eigenvectors, "subspace", progress=span(stage, 0.9, 1.0)
        ),
    }
    note = [f"All measures are debiased: unrelated layers come to 0, equal ones to 1; {len(chosen):,} places"]
    note.append(f"of {n_images} pictures; features unaligned, neighbours in other pictures only.")
    return comparison_from_arrays(
        matrices, index.slots, note=f"{' '.join(note)}\n{brief_provenance(study, cut)}", width=width
    )


def comparison_from_arrays(
    matrices: Mapping[str, ArrayLike],
    slots: Sequence[Slot],
    *,
    chance: Mapping[str, float] | None = None,
    title: str = "How alike layers are, within and between networks",
    note: str = "",
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw layer × layer matrices of likeness, one a measure, with the networks side by side.

    Parameters
    ----------
    matrices
        Measure to (S, S) likeness from 0 to 1 of every two layers.
    slots
        (network, layer) of rows and columns, networks in blocks.
    chance
        Measure to the value that unrelated features would have, written below its name.
    title, note, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Notes
    -----
    In blocks of two networks a ring marks, in each row, the most alike layer of the other network.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    tables = {name: np.asarray(values, dtype=np.float64) for name, values in matrices.items()}
    if not tables or not slots:
        raise InputError("There is nothing to draw: a comparison needs at least one measure and one layer.")
    for name, table in tables.items():
        if table.shape != (len(slots), len(slots)):
            raise InputError(f"The matrix {name!r} must be {len(slots)} × {len(slots)}; its shape is {table.shape}.")
    networks = list(dict.fromkeys(slot.network for slot in slots))
    spans = {n: [i for i, slot in enumerate(slots) if slot.network == n] for n in networks}
    left, gap = 0.36, 0.42
    side = min((width - 0.14 - (left + gap) * len(tables) + 0.05) / len(tables), 2.6)
    heads = (2 if chance else 1) * line_height(TEXT) + 0.05
    names = {n: _initials(number) for number, n in enumerate(networks)}
    page = Page(heads + side + 0.36 + len(networks) * line_height(SMALL) + 0.08, width=width, title=title, note=note)
    for number, (name, table) in enumerate(tables.items()):
        x = left + number * (side + left + gap)
        page.text(x, 0, shortened(name, TEXT, side + gap), TEXT, weight="bold")
        if name in (chance or {}):
            page.text(x, line_height(TEXT), f"unrelated features: {(chance or {})[name]:.2g}", SMALL)
        axes = page.axes(x, heads, side, side, label=name)
        # a layer is wholly alike to itself, and need not pale the rest
        others = table[~np.eye(len(slots), dtype=bool)]
        high = float(np.nanmax(others, initial=1e-6)) if others.size else 1.0
        low = float(np.nanmin(table, initial=0.0))
        axes.imshow(table, cmap="cividis", vmin=low, vmax=high, aspect="auto")
        for spine in axes.spines.values():
            spine.set_visible(False)
        for row_network in networks:
            edge = spans[row_network][0] - 0.5
            if edge > 0:
                axes.axhline(edge, color="white", linewidth=1.2)
                axes.axvline(edge, color="white", linewidth=1.2)
            for column_network in networks:
                if column_network == row_network:
                    continue
                block = table[np.ix_(spans[row_network], spans[column_network])]
                if not np.isfinite(block).any():
                    continue
                best = np.where(np.isfinite(block), block, -np.inf).argmax(1)
                axes.plot(
                    [spans[column_network][b] for b in best],
                    spans[row_network],
                    "o",
                    ms=2.6,
                    mfc="none",
                    mec="#FF4040",
                    mew=0.7,
                    linestyle="none",
                )
        pitch = side / len(slots)
        across = [w for n in networks for w in thinned([str(slots[i].layer) for i in spans[n]], pitch)]
        axes.set_xticks(range(len(slots)), labels=across)
        every = max(1, math.ceil(1.1 * line_height(SMALL) / pitch))
        down = [str(slots[i].layer) if k % every == 0 else "" for n in networks for k, i in enumerate(spans[n])]
        axes.set_yticks(range(len(slots)), labels=down)
        axes.tick_params(length=0)
        for network in networks:
            middle = (spans[network][0] + spans[network][-1] + 1) / 2 * pitch
            page.text(x + middle, heads + side + 0.16, names[network], TEXT, ha="center", weight="bold")
            page.text(x - 0.24, heads + middle, names[network], TEXT, ha="right", va="center", weight="bold")
        from matplotlib import colormaps

        ticks = [(0.0, f"{low:.2g}".replace("-", "−")), (1.0, f"{high:.2g}")]
        strip = colormaps["cividis"](np.linspace(0, 1, 128))
        page.colour_bar(x + side + 0.07, heads, 0.07, side * 0.6, strip, ticks)
    y = heads + side + 0.36
    for number, network in enumerate(networks):
        page.text(left, y + number * line_height(SMALL), f"{names[network]}  {network}", SMALL)
    if len(networks) > 1:
        words = "○ per row: the most alike layer of the other network"
        page.text(page.width, y, words, SMALL, ha="right", color="#B02020")
    return page.finished()


def _initials(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else str(number + 1)
