"""How nodes pass from concept to concept between two layers: probabilities as matrices (figure 10)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .page import FIGURE_COLOUR, GROUND_COLOUR, PAGE_WIDTH, SMALL, TEXT, Page, shortened
from .provenance import brief_provenance
from .text import line_height, text_width
from .trajectories import map_of, networks_with_paths, path_tokens

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..concepts import Concepts
    from ..concepts.transitions import TransitionComparison
    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = ["ConceptPlaces", "concepts_of_layer", "transitions", "transitions_from_arrays"]

_MOST_POINTS = 6000
_APART = 2.5
"""How many times smaller than the distance between layers what they have on the map is, if it is enlarged."""


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
    held = networks_with_paths(index, "A figure of transitions", network)[0]
    groups, nodes, known = path_tokens(cut, figure_ground, held)
    images = index.locate(nodes[held.layers[0]]).image
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
                found[n] = concepts_of_layer(places[nodes[n]], n_concepts, seed)
    compared = {}
    if known:
        for a, b in steps:
            one, other = found[a], found[b]
            labels = one.labels, other.labels
            compared[a, b] = compare_transitions(*labels, len(one), len(other), groups, images, seed=seed)
    first, second = max(steps, key=lambda s: _total_difference(compared[s])) if known else steps[0]
    one, other = found[first], found[second]
    labels = one.labels, other.labels
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


def concepts_of_layer(places: NDArray[np.float32], count: int, seed: int) -> Concepts:
    """Concepts of one layer: circles on its part of a map, centred where nodes are densest, `count` at most."""
    from ..concepts import discover

    return discover(places, n_concepts=count, seed=seed)


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


def _frame(places: Sequence[ConceptPlaces]) -> tuple[NDArray[np.floating], float]:
    """Middle and half the side of the square around what layers have on the map."""
    every = np.concatenate([place.points for place in places])
    low, high = np.quantile(every, 0.01, axis=0), np.quantile(every, 0.99, axis=0)
    for place in places:
        if len(place.centres):
            low = np.minimum(low, place.centres.min(0) - place.radius)
            high = np.maximum(high, place.centres.max(0) + place.radius)
    return (low + high) / 2, 0.53 * float(max((high - low).max(), 1e-9))


def _draw_places(page: Page, places: Sequence[ConceptPlaces], side: float) -> None:
    """The map of each layer with its concepts as circles: on one scale, or each enlarged where they lie far apart."""
    if not places:
        return
    from matplotlib.patches import Circle

    together, own = _frame(places), [_frame([place]) for place in places]
    times = together[1] / max(reach for _, reach in own)
    frames = [(middle, together[1] / times) for middle, _ in own] if times >= _APART else [together] * len(places)
    gap = 0.3
    left = (page.width - len(places) * side - (len(places) - 1) * gap) / 2
    rng = np.random.default_rng(0)
    known = any((place.figure >= 0).any() for place in places)
    for number, place in enumerate(places):
        x = left + number * (side + gap)
        page.text(x, 0, place.title, TEXT, weight="bold")
        if times >= _APART:
            page.text(x + side, 0, "enlarged: far from the other layer", SMALL, ha="right")
        centre, reach = frames[number]
        axes = page.axes(x, line_height(TEXT) + 0.04, side, side, label=f"places {place.title}")
        order = rng.permutation(len(place.points))[:_MOST_POINTS]
        table = np.array(["#B0B0B0", GROUND_COLOUR, FIGURE_COLOUR])
        colours = list(table[np.asarray(place.figure)[order] + 1])
        size = 1.2 if len(order) > 2000 else 4.0
        axes.scatter(place.points[order, 0], place.points[order, 1], s=size, c=colours, linewidths=0, rasterized=True)
        axes.set_xlim(centre[0] - reach, centre[0] + reach)
        axes.set_ylim(centre[1] - reach, centre[1] + reach)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set(visible=True, edgecolor="0.7")
        for name, at in zip(place.names, place.centres, strict=True):
            axes.add_patch(Circle((float(at[0]), float(at[1])), place.radius, fill=False, color="black", linewidth=0.8))
            box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
            axes.text(
                float(at[0]),
                float(at[1]),
                name,
                fontsize=SMALL,
                ha="center",
                va="center",
                weight="bold",
                color="black",
                bbox=box,
            )
    if known:
        page.legend([("figure", FIGURE_COLOUR)], left + len(places) * (side + gap), line_height(TEXT) + 0.04)
        page.legend([("ground", GROUND_COLOUR)], left + len(places) * (side + gap), line_height(TEXT) + 0.2)


def _fitting(names: Sequence[str], width: float) -> list[str]:
    return [shortened(name, SMALL, width) for name in names]
