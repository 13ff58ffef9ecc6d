"""How nodes pass from concept to concept: probabilities as matrices, and all layers as a flow (figure 10)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .concept_gallery import concepts_of
from .page import FIGURE_COLOUR, GROUND_COLOUR, PAGE_WIDTH, SMALL, TEXT, Page, shortened, thinned
from .provenance import brief_provenance
from .text import line_height, text_width
from .trajectories import map_of, path_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..concepts import Concepts
    from ..concepts.transitions import TransitionComparison
    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = ["ConceptPlaces", "flow", "flow_from_arrays", "transitions", "transitions_from_arrays"]

Colour = tuple[float, float, float] | str
_MOST_POINTS = 6000


@dataclass(frozen=True, eq=False)
class ConceptPlaces:
    """Where the concepts of one layer lie on the map.

    Attributes
    ----------
    title
        Stands above.
    points
        (n, 2) places of the layer's tokens.
    figure
        (n,) 1 figure, 0 ground, -1 unknown.
    centres
        (K, 2) centres of the circles.
    radius
        Of the circles.
    names
        K names.
    """

    title: str
    points: NDArray[np.floating]
    figure: NDArray[np.integer]
    centres: NDArray[np.floating]
    radius: float
    names: Sequence[str]


def transitions(
    study: Study,
    cut: Cut,
    figure_ground: FigureGround | None = None,
    *,
    network: str | None = None,
    layer: int | None = None,
    n_concepts: int = 5,
    seed: int = 0,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw the transitions of tokens from concepts of one layer to those of the next, of figure and ground (figure 10).

    Concepts are circles on the 2-D map, found in each layer by itself.

    Parameters
    ----------
    study, cut
        The study and one of its cuts, whose map was computed.
    figure_ground
        Which nodes are figure and which ground; without it, all tokens are drawn together.
    network
        Whose layers; by default the first with two.
    layer
        The earlier of both layers; by default that from which figure and ground differ most in their transitions, or
        one third up.
    n_concepts
        How many a layer.
    seed
        Of the draws.
    width
        In inches.

    Raises
    ------
    StudyError
        If the cut has no map.
    InputError
        If no network has two layers, or the layer has no next one.
    """
    from ..concepts.transitions import compare_transitions, transition_matrix

    places, index = map_of(cut), cut.index
    named = [n for n in index.networks if len(n.layers) > 1 and network in (None, n.name)]
    if not named:
        raise InputError("Transitions need a network with at least two layers.")
    held = named[0]
    groups = path_labels(cut, figure_ground)[held.name]
    nodes = {n: index.select(networks=[held.name], layers=[n], patches_only=True) for n in held.layers}
    images = index.locate(nodes[held.layers[0]]).image
    known = bool((groups == 1).any() and (groups == 0).any())
    steps = list(itertools.pairwise(held.layers))
    if layer is not None:
        steps = [step for step in steps if step[0] == layer]
        if not steps:
            raise InputError(f"Layer {layer} of {held.name} has no next layer in this cut.")
    elif not known:
        steps = [steps[len(steps) // 3]]
    found = {}
    for step in steps:
        for n in step:
            if n not in found:
                found[n] = _concepts_of_layer(places, nodes[n], n_concepts, seed)
    compared = {}
    if known:
        for a, b in steps:
            one, other = found[a], found[b]
            labels = one.labels[nodes[a]], other.labels[nodes[b]]
            compared[a, b] = compare_transitions(*labels, len(one), len(other), groups, images, seed=seed)
    first, second = max(steps, key=lambda s: _total_difference(compared[s])) if known else steps[0]
    one, other = found[first], found[second]
    labels = one.labels[nodes[first]], other.labels[nodes[second]]
    tables = {"all tokens": transition_matrix(*labels, len(one), len(other))}
    counts = {"all tokens": int((labels[0] >= 0).sum())}
    note = []
    if known:
        best = compared[first, second]
        tables |= {"figure": best.first, "ground": best.second}
        counts |= {name: int(best.counts[k].sum()) for k, name in enumerate(("figure", "ground"))}
        note.append(_said(best))
    shown = [
        ConceptPlaces(
            f"layer {n}",
            np.asarray(places[nodes[n]]),
            groups,
            concepts.places,
            concepts.radius,
            [f"{letter}{i}" for i in range(len(concepts))],
        )
        for n, concepts, letter in ((first, one, "A"), (second, other, "B"))
    ]
    if figure_ground is not None:
        note.append(figure_ground.source)
    return transitions_from_arrays(
        tables,
        from_names=shown[0].names,
        to_names=shown[1].names,
        from_title=f"layer {first}",
        to_title=f"layer {second}",
        counts=counts,
        title_colours={"figure": FIGURE_COLOUR, "ground": GROUND_COLOUR},
        places=shown,
        title=f"From concept to concept: layers {first} and {second} of {held.name}",
        note="\n".join([*note, brief_provenance(study, cut)]),
        width=width,
    )


def _concepts_of_layer(places: NDArray[np.float32], nodes: NDArray[np.int64], count: int, seed: int) -> Concepts:
    from ..concepts import discover

    return discover(places, n_concepts=count, nodes=nodes, seed=seed)


def _total_difference(compared: TransitionComparison) -> float:
    """How much figure and ground differ in the places where that is sure, weighted by how many tokens go there."""
    weights = compared.counts.sum(0)
    sure = np.where(compared.differs, np.abs(compared.difference), 0.0)
    return float(np.nansum(sure * weights[:, None]) / max(float(weights.sum()), 1.0))


def _said(compared: TransitionComparison) -> str:
    sure = np.where(compared.differs, compared.difference, np.nan)
    if np.isnan(sure).all():
        return "No transition differs between figure and ground (95 % intervals, pictures drawn anew)."
    parts = []
    for way, flat in (("more often", np.nanargmax(sure)), ("less often", np.nanargmin(sure))):
        a, b = np.unravel_index(int(flat), sure.shape)
        if (sure[a, b] > 0) == (way == "more often"):
            parts.append(
                f"Figure goes {way} than ground from A{a} to B{b}: {compared.first[a, b]:.2f} against "
                f"{compared.second[a, b]:.2f} (95 % interval of the difference {compared.low[a, b]:+.2f} to "
                f"{compared.high[a, b]:+.2f})."
            )
    return " ".join(parts).replace("-", "−")


def flow(
    study: Study,
    cut: Cut,
    figure_ground: FigureGround | None = None,
    *,
    network: str | None = None,
    max_concepts: int = 8,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw how the tokens of a network flow between the concepts of a cut over all layers, of figure and ground.

    Parameters
    ----------
    study, cut
        The study and one of its cuts, whose concepts were discovered.
    figure_ground
        Which nodes are figure and which ground; without it, all tokens are drawn together.
    network
        Whose layers; by default the first with two.
    max_concepts
        How many concepts of that network are told apart; the others are drawn as one.
    width
        In inches.

    Raises
    ------
    StudyError
        If no concepts were discovered.
    InputError
        If no network has two layers.
    """
    from ..concepts import path_nodes

    held = concepts_of(cut)
    named = [n for n in cut.index.networks if len(n.layers) > 1 and network in (None, n.name)]
    if not named:
        raise InputError("A flow needs a network with at least two layers.")
    chosen = named[0]
    along = path_nodes(cut.index, chosen.name)
    labels = held.labels[along]
    sizes = np.bincount(labels[labels >= 0], minlength=len(held))
    # from those of early layers to those of late ones, so that most bands run on a level
    kept = np.sort(np.argsort(-sizes, kind="stable")[: min(max_concepts, int((sizes > 0).sum()))])
    depth = [np.mean(np.nonzero(labels == k)[1]) for k in kept]
    kept = kept[np.argsort(depth, kind="stable")]
    position = np.full(len(held) + 1, len(kept), dtype=np.int64)
    position[kept] = np.arange(len(kept))
    position[-1] = len(kept) + 1  # no concept
    numbered = position[labels]
    concepts = held.concepts
    names = [concepts[k].name for k in kept] + ["another concept", "none"]
    colours: list[Colour] = [tuple(c / 255 for c in concepts[k].colour) for k in kept]  # type: ignore[misc]
    colours += ["#9A9A9A", "#E3E3E3"]
    groups = path_labels(cut, figure_ground)[chosen.name]
    parts = {"all tokens": np.ones(len(along), dtype=bool)}
    if (groups == 1).any() and (groups == 0).any():
        parts = {"figure": groups == 1, "ground": groups == 0}
    count = len(names)
    flows = {
        name: [
            np.bincount(numbered[rows, i] * count + numbered[rows, i + 1], minlength=count**2).reshape(count, count)
            for i in range(len(chosen.layers) - 1)
        ]
        for name, rows in parts.items()
    }
    note = [] if figure_ground is None else [figure_ground.source]
    return flow_from_arrays(
        flows,
        stages=[f"layer {n}" for n in chosen.layers],
        names=[names] * len(chosen.layers),
        colours=[colours] * len(chosen.layers),
        title_colours={"figure": FIGURE_COLOUR, "ground": GROUND_COLOUR},
        title=f"From concept to concept over all layers of {chosen.name}",
        note="\n".join(["Colours are the concepts' AlignedCut colours.", *note, brief_provenance(study, cut)]),
        width=width,
    )


def transitions_from_arrays(
    probabilities: Mapping[str, ArrayLike],
    *,
    from_names: Sequence[str],
    to_names: Sequence[str],
    from_title: str,
    to_title: str,
    counts: Mapping[str, int] | None = None,
    title_colours: Mapping[str, str] | None = None,
    places: Sequence[ConceptPlaces] = (),
    title: str = "",
    note: str = "",
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw matrices of transition probabilities side by side, on one scale from 0 to 1.

    Parameters
    ----------
    probabilities
        Title (``"all"``, ``"figure"``, ``"ground"``) to (A, B) probabilities ``P(A → B)``; rows of NaN where nothing
        starts there.
    from_names, to_names
        A and B names of concepts.
    from_title, to_title
        What they are, such as ``"layer 3"`` and ``"layer 4"``.
    counts
        How many tokens each matrix is made from.
    title_colours
        Colour of a title.
    places
        Where the concepts lie, drawn above the matrices.
    title, note, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    tables = {name: np.asarray(values, dtype=np.float64) for name, values in probabilities.items()}
    shape = (len(from_names), len(to_names))
    if not tables or min(shape) == 0:
        raise InputError("There is nothing to draw: transitions need at least one matrix with rows and columns.")
    for name, table in tables.items():
        if table.shape != shape:
            raise InputError(f"The matrix {name!r} must be {shape[0]} × {shape[1]}; its shape is {table.shape}.")
        if np.nanmin(table, initial=0.0) < -1e-9 or np.nanmax(table, initial=0.0) > 1 + 1e-9:
            raise InputError(f"The matrix {name!r} holds numbers that are no probabilities.")
    left = min(max(text_width(name, SMALL) for name in from_names), 0.8) + 0.28
    gap, right = 0.16, 0.42
    room = (width - 0.14 - left - right - gap * (len(tables) - 1)) / len(tables)
    cell = min(room / shape[1], 0.42)
    wide, tall = cell * shape[1], cell * shape[0]
    upright = max(text_width(name, SMALL) for name in to_names) > cell - 0.03
    below = (min(max(text_width(n, SMALL) for n in to_names), 0.8) if upright else line_height(SMALL)) + 0.22
    heads = (2 if counts else 1) * line_height(TEXT) + 0.06
    maps = 2.1 + line_height(TEXT) + 0.2 if places else 0.0
    page = Page(maps + heads + tall + below, width=width, title=title, note=note)
    _draw_places(page, places, 2.1)
    size = SMALL
    written = text_width(".00", size) < cell - 0.03
    for number, (name, table) in enumerate(tables.items()):
        x = left + number * (room + gap)
        colour = (title_colours or {}).get(name, "black")
        page.text(x, maps, name, TEXT, weight="bold", color=colour)
        if counts:
            words = f"{counts[name]:,} tokens"
            page.text(x, maps + line_height(TEXT), words, SMALL)
        axes = page.axes(x, maps + heads, wide, tall, label=name)
        axes.imshow(table, cmap="Greys", vmin=0, vmax=1, aspect="auto")
        axes.set_facecolor("#F4ECD8")
        axes.set_yticks(range(shape[0]), labels=_fitting(from_names, 0.8) if number == 0 else [""] * shape[0])
        axes.set_xticks(range(shape[1]), labels=_fitting(to_names, 0.8), rotation=90 if upright else 0)
        axes.tick_params(length=0)
        axes.set_xlabel(f"to: {to_title}")
        if number == 0:
            axes.set_ylabel(f"from: {from_title}")
        if written:
            for row, column in np.argwhere(np.isfinite(table)):
                value = table[row, column]
                words = "1" if value >= 0.995 else f"{value:.2f}".lstrip("0")
                axes.text(
                    column,
                    row,
                    words,
                    fontsize=size,
                    ha="center",
                    va="center",
                    color="white" if value > 0.55 else "black",
                )
    from matplotlib import colormaps

    bar = left + (len(tables) - 1) * (room + gap) + wide + 0.12
    page.colour_bar(
        bar,
        maps + heads,
        0.08,
        min(tall, 1.3),
        colormaps["Greys"](np.linspace(0, 1, 128)),
        [(0, "0"), (0.5, ".5"), (1, "1")],
        title="P",
    )
    return page.finished()


def _draw_places(page: Page, places: Sequence[ConceptPlaces], side: float) -> None:
    """The map of each layer with its concepts as circles, on one scale."""
    if not places:
        return
    from matplotlib.patches import Circle

    every = np.concatenate([place.points for place in places])
    low, high = np.quantile(every, 0.002, axis=0), np.quantile(every, 0.998, axis=0)
    centre, reach = (low + high) / 2, 0.56 * float(max((high - low).max(), 1e-9))
    gap = 0.3
    left = (page.width - len(places) * side - (len(places) - 1) * gap) / 2
    rng = np.random.default_rng(0)
    known = any((place.figure >= 0).any() for place in places)
    for number, place in enumerate(places):
        x = left + number * (side + gap)
        page.text(x, 0, place.title, TEXT, weight="bold")
        axes = page.axes(x, line_height(TEXT) + 0.04, side, side, label=f"places {place.title}")
        order = rng.permutation(len(place.points))[:_MOST_POINTS]
        table = np.array(["#B0B0B0", GROUND_COLOUR, FIGURE_COLOUR])
        colours = list(table[np.asarray(place.figure)[order] + 1])
        size = 1.2 if len(order) > 2000 else 4.0
        axes.scatter(*place.points[order].T, s=size, c=colours, linewidths=0, rasterized=True)
        axes.set_xlim(centre[0] - reach, centre[0] + reach)
        axes.set_ylim(centre[1] - reach, centre[1] + reach)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set(visible=True, edgecolor="0.7")
        for name, at in zip(place.names, place.centres, strict=True):
            axes.add_patch(Circle((float(at[0]), float(at[1])), place.radius, fill=False, color="black", linewidth=0.8))
            box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
            axes.text(*at, name, fontsize=SMALL, ha="center", va="center", weight="bold", color="black", bbox=box)
    if known:
        page.legend([("figure", FIGURE_COLOUR)], left + len(places) * (side + gap), line_height(TEXT) + 0.04)
        page.legend([("ground", GROUND_COLOUR)], left + len(places) * (side + gap), line_height(TEXT) + 0.2)


def _fitting(names: Sequence[str], width: float) -> list[str]:
    return [shortened(name, SMALL, width) for name in names]


def flow_from_arrays(
    flows: Mapping[str, Sequence[ArrayLike]],
    *,
    stages: Sequence[str],
    names: Sequence[Sequence[str]],
    colours: Sequence[Sequence[Colour]],
    title_colours: Mapping[str, str] | None = None,
    least: float = 0.01,
    title: str = "",
    note: str = "",
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw the flow of tokens between concepts over successive layers, in the manner of Sankey.

    Parameters
    ----------
    flows
        Title to one matrix a step: (A_s, A_{s+1}) numbers of tokens that are in concept a at stage s and in b at the
        next. Each title is a picture of its own, under the others.
    stages
        Names of the S stages, such as layers.
    names, colours
        For each stage one a concept.
    title_colours
        Colour of a title.
    least
        Bands of a smaller share of all tokens are left out.
    title, note, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    tables = {name: [np.asarray(step, dtype=np.float64) for step in steps] for name, steps in flows.items()}
    if not tables or len(stages) < 2:
        raise InputError("There is nothing to draw: a flow needs at least two stages.")
    sizes = [len(stage) for stage in names]
    if len(sizes) != len(stages) or [len(stage) for stage in colours] != sizes:
        raise InputError(f"A flow of {len(stages)} stages needs names and colours of the concepts of each.")
    for name, steps in tables.items():
        expected = [(sizes[i], sizes[i + 1]) for i in range(len(stages) - 1)]
        if [step.shape for step in steps] != expected:
            raise InputError(f"The flow {name!r} needs matrices of {expected}; got {[step.shape for step in steps]}.")
        if any((step < 0).any() for step in steps):
            raise InputError(f"The flow {name!r} holds negative numbers.")
    paired = [pair for s, t in zip(names, colours, strict=True) for pair in zip(s, map(_hex, t), strict=True)]
    legend = list(dict.fromkeys(paired))
    tall, heads = 1.5, line_height(TEXT) + 0.05
    lines = _legend_lines(legend, width - 0.14)
    foot = 0.2
    body = len(tables) * (tall + heads + foot) + lines * 1.25 * line_height(TEXT) + 0.06
    page = Page(body, width=width, title=title, note=note)
    for number, (name, steps) in enumerate(tables.items()):
        y = number * (tall + heads + foot)
        page.text(0, y, name, TEXT, weight="bold", color=(title_colours or {}).get(name, "black"))
        axes = page.axes(0.16, y + heads, page.width - 0.32, tall, label=name)
        _draw_flow(axes, steps, colours, least)
        pitch = (page.width - 0.32) / (len(stages) - 1 + 0.06)
        for i, words in enumerate(thinned(stages, pitch)):
            page.text(0.16 + (i + 0.03) * pitch, y + heads + tall + 0.03, words, SMALL, ha="center")
    page.legend(legend, 0, len(tables) * (tall + heads + foot) + 0.03)
    return page.finished()


def _legend_lines(entries: Sequence[tuple[str, str]], room: float) -> int:
    offset, lines = 0.0, 1
    for name, _ in entries:
        needed = 0.11 + text_width(name, TEXT) + 0.14
        if offset and offset + needed > room + 0.14:
            offset, lines = 0.0, lines + 1
        offset += needed
    return lines


def _hex(colour: Colour) -> str:
    from matplotlib.colors import to_hex

    return str(to_hex(colour))


def _draw_flow(
    axes: Axes, steps: Sequence[NDArray[np.float64]], colours: Sequence[Sequence[Colour]], least: float
) -> None:
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.path import Path

    bar, space = 0.06, 0.015
    totals = [steps[0].sum(1)]
    totals += [step.sum(0) for step in steps]
    # where tokens appear or vanish between steps (nodes in no concept), a stage is as high as its larger side
    totals = [np.maximum(t, steps[i].sum(1)) if i < len(steps) else t for i, t in enumerate(totals)]
    whole = max(float(max(t.sum() for t in totals)), 1e-12)
    tops = []
    for stage, amounts in enumerate(totals):
        high = amounts / whole * (1 - space * max(len(amounts) - 1, 0))
        top = np.concatenate([[0.0], np.cumsum(high + space)])[:-1]
        tops.append(top)
        for y, h, colour in zip(top, high, colours[stage], strict=True):
            if h > 0:
                axes.add_patch(Rectangle((stage, y), bar, h, facecolor=colour, edgecolor="0.2", linewidth=0.3))
    scale = [(1 - space * max(len(t) - 1, 0)) / whole for t in totals]
    for stage, step in enumerate(steps):
        # a band has one height, though stages of more concepts have a little less room
        size = min(scale[stage], scale[stage + 1])
        leaving, arriving = tops[stage].copy(), tops[stage + 1].copy()
        for a in range(step.shape[0]):
            for b in range(step.shape[1]):
                high = step[a, b] * size
                if step[a, b] >= least * whole:
                    x0, x1 = stage + bar, stage + 1
                    half = (x0 + x1) / 2
                    y0, y1 = leaving[a], arriving[b]
                    corners = [
                        (x0, y0),
                        (half, y0),
                        (half, y1),
                        (x1, y1),
                        (x1, y1 + high),
                        (half, y1 + high),
                        (half, y0 + high),
                        (x0, y0 + high),
                        (x0, y0),
                    ]
                    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
                    axes.add_patch(
                        PathPatch(Path(corners, codes), facecolor=colours[stage][a], alpha=0.45, linewidth=0)
                    )
                leaving[a] += high
                arriving[b] += high
    axes.set_xlim(0, len(steps) + bar)
    axes.set_ylim(1, 0)
    axes.set_axis_off()
