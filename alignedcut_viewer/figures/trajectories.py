"""Where nodes go from layer to layer in the 2-D spectral t-SNE (figure 9)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import parameters
from ..errors import InputError, StudyError
from .page import FIGURE_COLOUR, GROUND_COLOUR, PAGE_WIDTH, SMALL, TEXT, Page, layer_colours, shortened
from .provenance import brief_provenance
from .text import line_height

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..nodes import NetworkNodes, NodeIndex
    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = [
    "NetworkPaths",
    "map_of",
    "networks_with_paths",
    "path_labels",
    "path_tokens",
    "trajectories",
    "trajectories_from_arrays",
]

_MOST_POINTS = 12_000
_MOST_PATHS = 60


@dataclass(frozen=True, eq=False)
class NetworkPaths:
    """What one network's row shows.

    Attributes
    ----------
    name
        Of the network.
    layers
        Its layer numbers, L of them.
    places
        (P, L, 2) places of P tokens over the layers.
    figure
        (P,) 1 where a token belongs to the figure, 0 to the ground, -1 unknown.
    """

    name: str
    layers: Sequence[int]
    places: NDArray[np.floating]
    figure: NDArray[np.integer]


def trajectories(
    study: Study,
    cut: Cut,
    *,
    figure_ground: FigureGround | None = None,
    networks: Iterable[str] | None = None,
    n_paths: int = 12,
    seed: int = 0,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw the 2-D spectral t-SNE of a cut, from dark to bright over the layers, and paths of tokens (figure 9).

    Parameters
    ----------
    study, cut
        The study and one of its cuts, whose map was computed.
    figure_ground
        Which nodes are figure and which ground; without it, paths of all tokens are drawn.
    networks
        One a row; by default those with at least two layers.
    n_paths, seed, width
        See :func:`trajectories_from_arrays`.

    Raises
    ------
    StudyError
        If the cut has no map.
    InputError
        If no network has two layers.
    """
    from ..concepts.trajectories import paths

    places = map_of(cut)
    index = cut.index
    if networks is None:
        networks = [network.name for network in networks_with_paths(index, "A figure of paths")]
    names = list(networks)
    labels = path_labels(cut, figure_ground)
    rows = [NetworkPaths(n, index.network(n).layers, paths(places, index, n), labels[n]) for n in names]
    note = [] if figure_ground is None else [figure_ground.source]
    return trajectories_from_arrays(
        rows, n_paths=n_paths, note="\n".join([*note, brief_provenance(study, cut)]), seed=seed, width=width
    )


def networks_with_paths(index: NodeIndex, what: str, name: str | None = None) -> list[NetworkNodes]:
    """Networks of at least two layers, or the one of a name.

    Raises
    ------
    InputError
        If there is none; the sentence begins with `what` needs it.
    """
    found = [network for network in index.networks if len(network.layers) > 1 and name in (None, network.name)]
    if not found:
        raise InputError(f"{what} needs a network with at least two layers.")
    return found


def path_tokens(
    cut: Cut, figure_ground: FigureGround | None, network: NetworkNodes
) -> tuple[NDArray[np.int8], dict[int, NDArray[np.int64]], bool]:
    """Of the tokens of a network: figure or ground, node numbers by layer, and whether both groups are there."""
    from ..concepts import path_nodes

    groups = path_labels(cut, figure_ground)[network.name]
    nodes = dict(zip(network.layers, path_nodes(cut.index, network.name).T, strict=True))
    return groups, nodes, bool((groups == 1).any() and (groups == 0).any())


def map_of(cut: Cut) -> NDArray[np.float32]:
    """2-D spectral t-SNE of a cut, float32 (N, 2).

    Raises
    ------
    StudyError
        If it was not computed; the sentence says how to get it.
    """
    found = cut.map2d
    if found is None:
        raise StudyError(
            f"The cut {cut.name!r} holds no 2-D map; `alignedcut figures STUDY --all` computes it, and so does "
            "`alignedcut cut STUDY`."
        )
    return found


def path_labels(cut: Cut, figure_ground: FigureGround | None) -> dict[str, NDArray[np.int8]]:
    """For each network figure (1), ground (0) or unknown (-1) of its places, in the order of their paths."""
    from ..concepts.places import finest_nodes, path_nodes

    result = {}
    for network in cut.index.networks:
        nodes = finest_nodes(cut.index, path_nodes(cut.index, network.name))
        unknown = np.full(len(nodes), -1, dtype=np.int8)
        result[network.name] = unknown if figure_ground is None else figure_ground.labels[nodes]
    return result


def trajectories_from_arrays(
    networks: Sequence[NetworkPaths],
    *,
    n_paths: int = 12,
    note: str = "",
    seed: int = 0,
    width: float = PAGE_WIDTH,
) -> Figure:
    """Draw for each network its nodes from dark (first layer) to bright (last), figure and ground, and paths.

    Parameters
    ----------
    networks
        One a row. All share one map, so the axes have one scale.
    n_paths
        How many single paths of figure and of ground are drawn; their mean paths are drawn besides, of all.
    note, width
        See :class:`~alignedcut_viewer.figures.page.Page`.
    seed
        Of the choice of points and paths.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    if not networks or n_paths < 1:
        raise InputError("There is nothing to draw: a figure of trajectories needs a network and at least one path.")
    for row in networks:
        if row.places.ndim != 3 or row.places.shape[1:] != (len(row.layers), 2) or len(row.figure) != len(row.places):
            raise InputError(
                f"Paths of {row.name} must be tokens × {len(row.layers)} layers × 2, with a label a token; got "
                f"{row.places.shape} and {len(row.figure)} labels."
            )
    labelled = any((row.figure >= 0).any() for row in networks)
    panels = 3 if labelled else 2
    gap = 0.12
    heads = line_height(TEXT) + 0.06
    names = line_height(TEXT) + 0.08
    legend = 0.42
    side = (width - 0.14 - gap * (panels - 1)) / panels
    page = Page(
        heads + len(networks) * (side + names) + legend,
        width=width,
        title="Tokens in 2-D spectral t-SNE: dark = early layers, bright = late layers",
        note=note,
    )
    titles = ["all tokens, by layer", "figure and ground", "paths over the layers"]
    if not labelled:
        titles = ["all tokens, by layer", "paths over the layers"]
    for column, words in enumerate(titles):
        page.text(column * (side + gap) + side / 2, 0, words, TEXT, ha="center", weight="bold")
    rng = np.random.default_rng(parameters.seed(seed))
    everything = np.concatenate([row.places.reshape(-1, 2) for row in networks])
    low, high = np.quantile(everything, 0.001, axis=0), np.quantile(everything, 0.999, axis=0)
    centre, reach = (low + high) / 2, 0.54 * float((high - low).max())
    for number, row in enumerate(networks):
        y = heads + number * (side + names)
        page.text(0, y + 0.05, shortened(row.name, TEXT, page.width), TEXT)
        boxes = []
        for column in range(panels):
            axes = page.axes(column * (side + gap), y + names, side, side, label=f"{row.name} {titles[column]}")
            axes.set_xlim(centre[0] - reach, centre[0] + reach)
            axes.set_ylim(centre[1] - reach, centre[1] + reach)
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set(visible=True, edgecolor="0.7")
            boxes.append(axes)
        _draw_points(boxes[0], row, rng, by_layer=True)
        if labelled:
            _draw_points(boxes[1], row, rng, by_layer=False)
        times = _enlarge(boxes[-1], row, 2 * reach)
        _draw_paths(boxes[-1], row, n_paths if times == 1 else 0, rng)
        if times > 1:
            x = (panels - 1) * (side + gap) + side
            page.text(x, y + 0.05, f"mean paths, enlarged {times:.0f} times", SMALL, ha="right")
    y = heads + len(networks) * (side + names) + 0.08
    first = layer_colours()(np.linspace(0, 1, 128))
    count = max(len(row.layers) for row in networks)
    longest = next(row for row in networks if len(row.layers) == count)
    ticks = [(0.0, f"layer {longest.layers[0]}"), (1.0, f"layer {longest.layers[-1]}")]
    page.colour_bar(0.25, y, side - 0.5, 0.07, first, ticks)
    if labelled:
        page.legend([("figure", FIGURE_COLOUR), ("ground", GROUND_COLOUR)], side + gap + 0.25, y - 0.03)
    keys = ("thick: mean of all tokens; ring: first layer", "thin: single tokens, where not enlarged")
    for line, text in enumerate(keys):
        page.text((panels - 1) * (side + gap) + 0.05, y - 0.04 + line * line_height(SMALL), text, SMALL)
    return page.finished()


def _enlarge(axes: Axes, row: NetworkPaths, whole: float) -> float:
    """Look closer where mean paths take up little of the map; how many times."""
    means = [row.places[row.figure == label].mean(0) for label in (1, 0, -1) if (row.figure == label).any()]
    if (row.figure >= 0).any():
        means = means[: int((row.figure == 1).any()) + int((row.figure == 0).any())]
    points = np.concatenate(means)
    low, high = points.min(0), points.max(0)
    extent = float((high - low).max())
    times = float(np.floor(whole / (1.5 * extent))) if extent > 0 else 1.0
    if times >= 2:
        centre, reach = (low + high) / 2, whole / times / 2
        axes.set_xlim(centre[0] - reach, centre[0] + reach)
        axes.set_ylim(centre[1] - reach, centre[1] + reach)
        return times
    return 1.0


def _draw_points(axes: Axes, row: NetworkPaths, rng: np.random.Generator, *, by_layer: bool) -> None:
    n_tokens, n_layers = row.places.shape[:2]
    # early layers below late ones would hide nothing if all layers are drawn at once, in any order
    nodes = rng.permutation(n_tokens * n_layers)
    if not by_layer:
        nodes = nodes[row.figure[nodes // n_layers] >= 0]
    nodes = nodes[:_MOST_POINTS]
    places = row.places.reshape(-1, 2)[nodes]
    layer = nodes % n_layers
    size = 1.2 if len(nodes) > 3000 else 4.0
    if by_layer:
        colours = layer_colours()(layer / max(n_layers - 1, 1))
    else:
        from matplotlib.colors import to_rgb

        pair = np.array([to_rgb(GROUND_COLOUR), to_rgb(FIGURE_COLOUR)])
        colours = pair[row.figure[nodes // n_layers]]
        # paler for late layers would hide them, so early ones are darker, as in the first panel
        colours = colours * (0.45 + 0.55 * layer / max(n_layers - 1, 1))[:, None]
    axes.scatter(places[:, 0], places[:, 1], s=size, c=colours, linewidths=0, rasterized=True)


def _draw_paths(axes: Axes, row: NetworkPaths, n_paths: int, rng: np.random.Generator) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.patches import FancyArrowPatch

    groups = [(1, FIGURE_COLOUR), (0, GROUND_COLOUR)]
    if not (row.figure >= 0).any():
        groups = [(-1, "#444444")]
    for label, colour in groups:
        members = np.flatnonzero(row.figure == label)
        if not len(members):
            continue
        some = rng.choice(members, min(n_paths, len(members), _MOST_PATHS), replace=False)
        axes.add_collection(LineCollection(list(row.places[some]), colors=colour, linewidths=0.35, alpha=0.6))
    for label, colour in groups:
        members = np.flatnonzero(row.figure == label)
        if not len(members):
            continue
        mean = row.places[members].mean(0)
        axes.plot(*mean.T, color="white", linewidth=2.6, solid_capstyle="round")
        axes.plot(*mean.T, color=colour, linewidth=1.5, solid_capstyle="round")
        axes.plot(*mean[0], "o", ms=3.4, mfc="white", mec=colour, mew=1.0)
        for start, end in itertools.pairwise(mean):
            if np.hypot(*(end - start)) > 1e-9:
                arrow = FancyArrowPatch(
                    tuple(start + 0.45 * (end - start)),
                    tuple(start + 0.62 * (end - start)),
                    arrowstyle="-|>,head_length=0.7,head_width=0.38",
                    mutation_scale=9,
                    color=colour,
                    linewidth=0.5,
                    shrinkA=0,
                    shrinkB=0,
                )
                axes.add_patch(arrow)
