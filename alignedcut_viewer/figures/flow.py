"""All layers at once: how nodes flow from concept to concept, in the manner of Sankey (figure 10)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .page import FIGURE_COLOUR, GROUND_COLOUR, PAGE_WIDTH, SMALL, TEXT, Page, thinned
from .provenance import brief_provenance
from .text import line_height, text_width
from .trajectories import map_of, networks_with_paths, path_tokens
from .transitions import concepts_of_layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = ["flow", "flow_from_arrays"]

Colour = tuple[float, float, float] | str
_NONE = "#EFEFEF"


def flow(
    study: Study,
    cut: Cut,
    figure_ground: FigureGround | None = None,
    *,
    network: str | None = None,
    n_concepts: int = 4,
    seed: int = 0,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw how the tokens of a network flow between the concepts of its layers, of figure and ground (figure 10).

    Concepts are circles on the 2-D map, found in each layer by itself. They stand in the order of their share of figure
    tokens, which is their colour too.

    Parameters
    ----------
    study, cut
        The study and one of its cuts, whose map was computed.
    figure_ground
        Which nodes are figure and which ground; without it, all tokens are drawn together, in AlignedCut colours.
    network
        Whose layers; by default the first with two.
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
        If no network has two layers.
    """
    places, index = map_of(cut), cut.index
    held = networks_with_paths(index, "A flow", network)[0]
    groups, along, known = path_tokens(cut, figure_ground, held)
    labels, names, colours = [], [], []
    for layer in held.layers:
        nodes = along[layer]
        found = concepts_of_layer(places[nodes], n_concepts, seed)
        own, count = found.labels, len(found)
        tints: list[Colour]
        if known:
            share = np.array([(groups[(own == k) & (groups >= 0)] == 1).mean() for k in range(count)])
            order = np.argsort(-share, kind="stable")
            tints = [_figure_tint(float(value), float((groups[groups >= 0] == 1).mean())) for value in share[order]]
        else:
            order = np.arange(count)
            tints = [_rgb(np.asarray(cut.rgb[nodes[own == k]], dtype=np.float64).mean(0) / 255) for k in range(count)]
        rank = np.append(np.argsort(order), count)  # the last is that of tokens in no circle
        labels.append(rank[own])
        names.append([f"{i}" for i in range(count)] + ["none"])
        colours.append([*tints, _NONE])
    parts = {"figure": groups == 1, "ground": groups == 0} if known else {"all tokens": groups == groups}
    flows = {}
    for name, rows in parts.items():
        steps = []
        for (one, other), (first, second) in zip(itertools.pairwise(labels), itertools.pairwise(names), strict=True):
            code = one[rows] * len(second) + other[rows]
            steps.append(np.bincount(code, minlength=len(first) * len(second)).reshape(len(first), len(second)))
        flows[name] = steps
    note = ["Boxes: concepts of a layer, circles on the 2-D map found in each layer by itself; bands: tokens."]
    if figure_ground is not None:
        note.append(figure_ground.source)
    legend = [("tokens in no concept", _NONE)]
    if known:
        shades = [
            ("concept of figure", FIGURE_COLOUR),
            ("of both", _hex(_figure_tint(0.5, 0.5))),
            ("of ground", GROUND_COLOUR),
        ]
        legend = [*shades, *legend]
    return flow_from_arrays(
        flows,
        stages=[f"layer {n}" for n in held.layers],
        names=names,
        colours=colours,
        legend=legend,
        title_colours={"figure": FIGURE_COLOUR, "ground": GROUND_COLOUR},
        title=f"From concept to concept over all layers of {held.name}",
        note="\n".join([*note, brief_provenance(study, cut)]),
        width=width,
    )


def _figure_tint(share: float, usual: float) -> Colour:
    """From ground's blue by way of a light grey, where a concept has the usual share of figure, to figure's orange."""
    from matplotlib.colors import to_rgb

    ends = np.array([to_rgb(GROUND_COLOUR), (0.82, 0.82, 0.80), to_rgb(FIGURE_COLOUR)])
    # what the share would be were figure and ground equally frequent; three to one is nearly full colour
    odds = share * (1 - usual) / max(share * (1 - usual) + (1 - share) * usual, 1e-12)
    at = float(np.clip(0.5 + 1.7 * (odds - 0.5), 0, 1)) * 2
    low = min(int(at), 1)
    return _rgb(ends[low] + (at - low) * (ends[low + 1] - ends[low]))


def _rgb(values: NDArray[np.float64]) -> Colour:
    return float(values[0]), float(values[1]), float(values[2])


def flow_from_arrays(
    flows: Mapping[str, Sequence[ArrayLike]],
    *,
    stages: Sequence[str],
    names: Sequence[Sequence[str]],
    colours: Sequence[Sequence[Colour]],
    legend: Sequence[tuple[str, str]] | None = None,
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
    legend
        Names and colours to explain below; by default those of all concepts.
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
    explained = list(dict.fromkeys(paired)) if legend is None else list(legend)
    tall, heads = 1.5, line_height(TEXT) + 0.05
    lines = _legend_lines(explained, width - 0.14)
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
    page.legend(explained, 0, len(tables) * (tall + heads + foot) + 0.03)
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
                    axes.add_patch(PathPatch(Path(corners, codes), facecolor=colours[stage][a], alpha=0.6, linewidth=0))
                leaving[a] += high
                arriving[b] += high
    axes.set_xlim(0, len(steps) + bar + 0.01)
    axes.set_ylim(1, 0)
    axes.set_axis_off()
