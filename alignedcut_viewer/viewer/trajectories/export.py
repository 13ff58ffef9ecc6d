"""What the Trajectories panel shows, for print and as numbers. Knows neither Qt nor napari."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..frames.mark_stacks import rgb_of
from ..points.grid import Viewport
from ..points.raster import Marks, PointRaster, density_table
from ..state.history import SELECTION_COLOURS, SELECTIONS
from ..state.node_labels import NodeLabels
from ..state.node_values import NodeValues
from .colours import colours_of_nodes, legend_of
from .labels import Label
from .paths import MapChoice, PathBundle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...study.cut import Cut

__all__ = ["map_figure", "map_rows", "map_table"]

WIDTH = 5.5
POINT_DPI = 300
MOST_DRAWN_PATHS = 60
CROP = 30.0
"""Logical pixels a side of the crop of a concept, as on the screen."""
HEADER = ("node", "network", "layer", "image", "picture", "row", "column", "x", "y", "selection")
_ROWS_A_CHUNK = 50_000


def map_figure(
    raster: PointRaster,
    cut: "Cut",
    choice: MapChoice,
    view: Viewport,
    shape: tuple[int, int],
    selections: Mapping[str, NDArray[np.int64]],
    bundles: Sequence[PathBundle],
    values: NodeValues | None = None,
    *,
    regions: NodeLabels | None = None,
    contours: Sequence[NDArray[np.float32]] = (),
    labels: Sequence[Label] = (),
) -> "Figure":
    """Draw what is seen, on white: points as a picture in print resolution, paths and words as lines.

    Parameters
    ----------
    raster
        The points, shown or hidden as now.
    cut, choice, values, regions
        What colours them.
    view, shape
        What is seen, and its (height, width), in logical pixels.
    selections
        Chosen nodes by name.
    bundles
        Paths that are drawn.
    contours, labels
        Lines of equal density, and names of concepts, as they are seen.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = shape
    networks = [network.name for network in choice.networks(cut.index)]
    legend = legend_of(cut, choice.colour_by, networks, values=values, regions=regions, dark=False)
    colours = colours_of_nodes(cut, choice.colour_by, values=values, regions=regions, dark=False)
    foot = 0.22 * len(legend) + 0.25 + (0.22 if any(len(nodes) for nodes in selections.values()) else 0)
    tall = WIDTH * height / width
    figure = Figure(figsize=(WIDTH, tall + foot))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.005, foot / (tall + foot), 0.99, tall / (tall + foot) * 0.995))
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_edgecolor("0.7")
    axes.set_xlim(view.left, view.left + width / view.scale)
    axes.set_ylim(view.top - height / view.scale, view.top)
    axes.set_aspect("equal")
    axes.imshow(
        _points(raster, colours, choice, view, shape, selections, dim=bool(bundles)),
        extent=(view.left, view.left + width / view.scale, view.top - height / view.scale, view.top),
        interpolation="none",
    )
    for line in contours:
        axes.plot(line[:, 0], line[:, 1], color="0.3", linewidth=0.5, alpha=0.6)
    for bundle in bundles:
        _draw_bundle(axes, bundle, cut)
    for label in labels:
        x, y = raster.grid.places(np.array([label.node]))
        _draw_label(axes, label, (float(x[0]), float(y[0])), shape[1])
    _draw_legend(figure, legend, selections, tall + foot)
    return figure


def _points(
    raster: PointRaster,
    colours: NDArray[np.uint8],
    choice: MapChoice,
    view: Viewport,
    shape: tuple[int, int],
    selections: Mapping[str, NDArray[np.int64]],
    *,
    dim: bool,
) -> NDArray[np.uint8]:
    ratio = WIDTH * POINT_DPI / shape[1]
    on_white = PointRaster(raster.grid)
    on_white.set_colours(colours)
    chosen = {which: nodes for which, nodes in selections.items() if len(nodes)}
    marks = [Marks(*raster.grid.places(nodes), rgb_of(SELECTION_COLOURS[which])) for which, nodes in chosen.items()]
    return on_white.draw(
        view.resized(ratio),
        round(shape[1] * ratio),
        round(shape[0] * ratio),
        shading="density" if choice.colour_by == "density" else "colour",
        table=density_table(False),
        dim=0.4 if dim or marks else 1.0,
        marks=marks,
        halo=(255, 255, 255),
        pixel=ratio,
    )


def _draw_bundle(axes: "Axes", bundle: PathBundle, cut: "Cut") -> None:
    colour = SELECTION_COLOURS.get(bundle.which, "0.4")
    few = np.linspace(0, len(bundle.places) - 1, min(len(bundle.places), MOST_DRAWN_PATHS)).astype(int)
    strength = max(0.15, 0.8 / max(len(few), 1) ** 0.5)
    for path in bundle.places[few]:
        axes.plot(path[:, 0], path[:, 1], color=colour, alpha=strength, linewidth=0.6)
    if not bundle.which:
        return
    for strand in reversed(bundle.strands):
        _draw_strand(axes, bundle.places[strand.position], bundle, colour, strand.share)


def _draw_strand(axes: "Axes", path: NDArray[np.float32], bundle: PathBundle, colour: str, share: float) -> None:
    width, style = 0.8 + 1.2 * share**0.5, "--" if bundle.which == SELECTIONS[1] else "-"
    axes.plot(path[:, 0], path[:, 1], color="white", linewidth=width + 1.6, solid_joinstyle="round")
    axes.plot(
        path[:, 0], path[:, 1], style, color=colour, linewidth=width, marker="o", markersize=3, markeredgecolor="white"
    )
    steps = np.diff(path, axis=0)
    axes.quiver(
        *(path[:-1] + 0.35 * steps).T, *(0.3 * steps).T, angles="xy", scale_units="xy", scale=1, color=colour,
        width=0.005, headwidth=4, headlength=5, headaxislength=5, zorder=3,
    )  # fmt: skip
    for end in (0, -1):
        axes.annotate(
            f"{bundle.layers[end]}",
            path[end],
            (0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            color=colour,
        )


def _draw_label(axes: "Axes", label: Label, place: tuple[float, float], width: int) -> None:
    """A crop with a rim in the colour of its concept, and its name at the right, as large as on a screen."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    side = CROP * WIDTH * 72 / width  # points
    crop = OffsetImage(label.crop, zoom=side / label.crop.shape[1])
    rim = {"edgecolor": np.array(label.colour) / 255, "linewidth": 1.2}
    axes.add_artist(AnnotationBbox(crop, place, pad=0.05, bboxprops=rim))
    axes.annotate(
        label.name,
        place,
        (side / 2 + 3, 0),
        textcoords="offset points",
        va="center",
        fontsize=6,
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.8},
    )


def _draw_legend(
    figure: "Figure", legend: Sequence[Any], selections: Mapping[str, NDArray[np.int64]], tall: float
) -> None:
    y = 0.2 * len(legend)
    chosen = {which: nodes for which, nodes in selections.items() if len(nodes)}
    if chosen:
        y += 0.2
        words = "      ".join(
            f"{which}: {len(nodes):,} token{'' if len(nodes) == 1 else 's'}" for which, nodes in chosen.items()
        )
        figure.text(0.02, y / tall, words, fontsize=8, va="center")
        y -= 0.22
    for row in legend:
        figure.text(0.02, y / tall, row.title, fontsize=8, va="center")
        if len(row.colours):
            axes = figure.add_axes((0.62, (y - 0.06) / tall, 0.22 if len(row.colours) > 1 else 0.03, 0.12 / tall))
            axes.imshow(row.colours[None], aspect="auto", interpolation="none")
            axes.set_axis_off()
        figure.text(0.61, y / tall, row.low, fontsize=8, va="center", ha="right")
        figure.text(0.85, y / tall, row.high, fontsize=8, va="center")
        y -= 0.22


def map_table(
    cut: "Cut",
    names: Sequence[str],
    places: NDArray[np.float32],
    shown: NDArray[np.bool_] | None,
    selections: Mapping[str, NDArray[np.int64]],
) -> tuple[Sequence[str], Iterator[Sequence[Any]]]:
    """Header and rows of all nodes that are shown; parameters as for :func:`map_rows`."""
    return HEADER, map_rows(cut, names, places, shown, selections)


def map_rows(
    cut: "Cut",
    names: Sequence[str],
    places: NDArray[np.float32],
    shown: NDArray[np.bool_] | None,
    selections: Mapping[str, NDArray[np.int64]],
) -> Iterator[Sequence[Any]]:
    """One row per node: where it lies in the pictures and on the map, and in which selection.

    Parameters
    ----------
    cut
        The nodes.
    names
        Display names of the pictures, in the order of the cut's images.
    places
        (N, 2) on the map.
    shown
        bool (N,), rows to write; None for all.
    selections
        Chosen nodes by name.
    """
    nodes = np.arange(len(cut.index)) if shown is None else np.flatnonzero(shown)
    networks = [network.name for network in cut.index.networks]
    name_of = dict(zip(cut.index.images, names, strict=False))
    for start in range(0, len(nodes), _ROWS_A_CHUNK):
        part = nodes[start : start + _ROWS_A_CHUNK]
        at = cut.index.locate(part)
        inside = [(which, np.isin(part, chosen)) for which, chosen in selections.items()]
        for i, node in enumerate(part):
            image = int(at.image[i])
            token = (None, None) if at.row[i] < 0 else (int(at.row[i]), int(at.column[i]))
            within = " and ".join(which for which, held in inside if held[i])
            yield (
                int(node), networks[int(at.network[i])], int(at.layer[i]), image, name_of.get(image, ""), *token,
                float(places[node, 0]), float(places[node, 1]), within,
            )  # fmt: skip
