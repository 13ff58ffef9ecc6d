"""How far tokens move from layer to layer, and where figure and ground part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import parameters
from ..errors import InputError
from ..progress import ProgressCallback, report, span
from .page import COLUMN_WIDTH, FIGURE_COLOUR, GROUND_COLOUR, SERIES_COLOURS, SMALL, TEXT, Page, shortened, thinned
from .provenance import brief_provenance
from .text import line_height
from .trajectories import map_of, networks_with_paths, path_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..study.cut import Cut
    from ..study.study import Study
    from .figure_ground import FigureGround

__all__ = ["Pace", "pace", "pace_from_arrays"]


@dataclass(frozen=True, eq=False)
class Pace:
    """How fast the tokens of one network move.

    Attributes
    ----------
    network
        Its name.
    layers
        Its layer numbers, L of them.
    groups
        ``"all"``, ``"figure"``, ``"ground"`` to (3, L - 1): mean distance from each layer to the next, and the low and
        high end of its interval.
    bifurcation
        Layer from which figure and ground can be told apart, with the low and high end of its interval, or None.
    """

    network: str
    layers: Sequence[int]
    groups: Mapping[str, NDArray[np.floating]]
    bifurcation: tuple[float, float, float] | None = None


def pace(
    study: Study,
    cut: Cut,
    *,
    figure_ground: FigureGround | None = None,
    max_images: int = 60,
    seed: int = 0,
    progress: ProgressCallback | None = None,
    width: float = COLUMN_WIDTH,
) -> Figure:
    """Draw how far tokens move from layer to layer on the 2-D map, and where figure and ground part.

    Parameters
    ----------
    study, cut
        The study and one of its cuts, whose map was computed.
    figure_ground
        Which nodes are figure and which ground; without it, all tokens are drawn together.
    max_images
        Pictures from which the layer of bifurcation is found, drawn from all.
    seed
        Of draws and permutations.
    progress
        Called all along.
    width
        In inches.

    Raises
    ------
    StudyError
        If the cut has no map.
    InputError
        If no network has two layers.
    """
    from ..concepts import bifurcation_layer, pace_curve, path_nodes, paths

    places, index = map_of(cut), cut.index
    names = [network.name for network in networks_with_paths(index, "Pace")]
    labels = path_labels(cut, figure_ground)
    some = np.random.default_rng(parameters.seed(seed)).permutation(index.images)[:max_images]
    found, words = [], []
    for number, name in enumerate(names):
        layers = index.network(name).layers
        images = index.locate(path_nodes(index, name)[:, 0]).image
        along = paths(places, index, name)
        groups: dict[str, NDArray[np.floating]] = {}
        parts = {"all": labels[name] >= -1, "figure": labels[name] == 1, "ground": labels[name] == 0}
        for kind, members in parts.items():
            if members.any():
                curve = pace_curve(along[members], images[members], seed=seed)
                groups[kind] = np.stack([curve.mean, curve.low, curve.high])
        split = None
        used = np.isin(images, some)
        stage = span(progress, number / len(names), (number + 1) / len(names))
        known = labels[name][used]
        if (known == 1).any() and (known == 0).any() and len(np.unique(images[used])) > 1:
            values = paths(cut.eigenvectors, index, name)[used]
            parting = bifurcation_layer(values, known, images[used], n_permutations=99, seed=seed, progress=stage)
            if parting.position is not None and parting.interval is not None:
                low, high = (layers[position] for position in parting.interval)
                split = (float(layers[parting.position]), float(low), float(high))
                words.append(f"{name}: layer {layers[parting.position]} (layers {low} to {high}).")
            else:
                words.append(f"{name}: nowhere.")
        found.append(Pace(name, layers, groups, split))
        report(stage, 1, 1, "Pace")
    note = ["Bands: 95 % intervals, pictures drawn anew."]
    if words:
        note.append(
            "Figure and ground can be told apart linearly by their eigenvectors, with balanced accuracy of at least "
            f"0.75 in other pictures, from: {' '.join(words)}"
        )
    if figure_ground is not None:
        note.append(figure_ground.source)
    return pace_from_arrays(
        found,
        unit="distance on the 2-D map",
        note="\n".join([*note, brief_provenance(study, cut)]),
        width=width,
    )


def pace_from_arrays(
    paces: Sequence[Pace],
    *,
    unit: str = "distance to the next layer",
    title: str = "Pace: how far tokens move from layer to layer",
    note: str = "",
    width: float = COLUMN_WIDTH,
) -> Figure:
    """Draw pace curves, networks under one another on one scale, with the layer of bifurcation.

    Parameters
    ----------
    paces
        One a network.
    unit
        What is drawn.
    title, note, width
        See :class:`~alignedcut_viewer.figures.page.Page`.

    Raises
    ------
    InputError
        If there is nothing to draw, or shapes do not fit.
    """
    if not paces or not any(pace.groups for pace in paces):
        raise InputError("There is nothing to draw: pace needs at least one network with two layers.")
    for pace in paces:
        for name, values in pace.groups.items():
            if np.shape(values) != (3, len(pace.layers) - 1):
                raise InputError(
                    f"The pace {name!r} of {pace.network} must be 3 × {len(pace.layers) - 1}; got {np.shape(values)}."
                )
    colour_of = {"all": "#000000", "figure": FIGURE_COLOUR, "ground": GROUND_COLOUR}
    found = list(dict.fromkeys(name for pace in paces for name in pace.groups))
    shown = {name: colour_of.get(name, SERIES_COLOURS[i % 6]) for i, name in enumerate(found)}
    top = 1.08 * max(float(np.nanmax(values)) for pace in paces for values in pace.groups.values())
    tall, step = 0.95, 0.95 + line_height(TEXT) + 0.38
    split = any(pace.bifurcation is not None for pace in paces)
    page = Page(len(paces) * step + (0.32 if split else 0.18), width=width, title=title, note=note)
    for number, pace in enumerate(paces):
        y = number * step
        page.text(0.42, y, shortened(pace.network, TEXT, page.width - 0.45), TEXT, weight="bold")
        axes = page.axes(0.42, y + line_height(TEXT) + 0.04, page.width - 0.5, tall, label=pace.network)
        at = (np.asarray(pace.layers[:-1]) + np.asarray(pace.layers[1:])) / 2
        if pace.bifurcation is not None:
            layer, low, high = pace.bifurcation
            axes.axvspan(low, high, color="0.88", linewidth=0, zorder=0)
            axes.axvline(layer, color="0.4", linewidth=0.8, linestyle=(0, (3, 2)))
        for name, values in pace.groups.items():
            axes.fill_between(at, values[1], values[2], color=shown[name], alpha=0.25, linewidth=0)
            axes.plot(at, values[0], color=shown[name], linewidth=1.2, marker="o", markersize=2)
        axes.set_xlim(pace.layers[0] - 0.3, pace.layers[-1] + 0.3)
        axes.set_ylim(0, top)
        from matplotlib.ticker import MaxNLocator

        axes.yaxis.set_major_locator(MaxNLocator(4))
        words = thinned([str(layer) for layer in pace.layers], (page.width - 0.5) / len(pace.layers))
        axes.set_xticks(list(pace.layers), labels=words)
        axes.set_xlabel("layer")
    page.text(0.0, (len(paces) * step) / 2, unit, TEXT, rotation=90, va="center")
    y = len(paces) * step + 0.02
    page.legend([(name, shown[name]) for name in found], 0.42, y)
    if split:
        page.text(0.42, y + 0.14, "dashed: figure and ground part; grey: 90 % interval", SMALL)
    return page.finished()
