"""Colours of all nodes on the map, and the legend that explains them. Knows neither Qt nor napari."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ...nodes import NodeIndex
from ..frames.brain_regions import by_group
from ..points.raster import density_table
from ..state.node_labels import NodeLabels
from ..state.node_values import NodeValues

if TYPE_CHECKING:
    from ...study.cut import Cut

__all__ = ["COLOUR_BY", "ColourBy", "LegendRow", "colours_of_nodes", "layer_ramp", "legend_of"]

ColourBy = Literal["alignedcut", "concept", "region", "layer", "network", "values", "density"]
RGB = NDArray[np.uint8]

COLOUR_BY: dict[ColourBy, str] = {
    "alignedcut": "AlignedCut colour",
    "concept": "concept",
    "region": "brain region driven most",
    "layer": "layer, dark to bright",
    "network": "network",
    "values": "heat map over the pictures",
    "density": "density",
}
"""Ways to colour, each in words."""

KEEP_THEIR_COLOURS: tuple[ColourBy, ...] = ("values", "concept", "region")
"""Ways whose colours stay strong when tokens are chosen: they are what is looked at."""
MOST_NAMED = 8
"""Concepts that a legend names."""

NETWORK_COLOURS = np.array(
    [(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (170, 150, 30), (110, 110, 190), (150, 100, 60)],
    dtype=np.float64,
)
"""One hue a network; the first five are told apart by colour-blind eyes (after Okabe and Ito)."""
NO_VALUE = (128, 128, 128)
_VALUE_TABLES = {False: "viridis", True: "RdBu_r"}
_RAMP_STEPS = 256


@dataclass(frozen=True, eq=False)
class LegendRow:
    """One line of a legend.

    Attributes
    ----------
    title
        What the colours stand for.
    colours
        uint8 (K, 3): one colour, or a scale from the first to the last.
    low, high
        What the ends of the scale are; empty for one colour.
    """

    title: str
    colours: RGB
    low: str = ""
    high: str = ""


def _network_colour(position: int) -> NDArray[np.float64]:
    return NETWORK_COLOURS[position % len(NETWORK_COLOURS)]


def layer_ramp(position: int, steps: int, dark: bool) -> RGB:
    """Colours of the layers of a network, uint8 (steps, 3): of one hue, the first dark, the last bright.

    Parameters
    ----------
    position
        Position of the network in the cut.
    steps
        How many.
    dark
        Whether they are seen on a dark ground: neither end may sink into the ground.
    """
    hue = _network_colour(position)
    ends = (0.42 * hue, 0.30 * hue + 0.70 * 255) if dark else (0.25 * hue, 0.55 * hue + 0.45 * 255)
    share = np.linspace(0, 1, steps)[:, None] if steps > 1 else np.array([[0.5]])
    first = ends[0] + (hue - ends[0]) * np.minimum(2 * share, 1)
    whole = first + (ends[1] - hue) * np.maximum(2 * share - 1, 0)
    return np.clip(whole.round(), 0, 255).astype(np.uint8)


def _value_table(signed: bool) -> RGB:
    from matplotlib import colormaps

    return (colormaps[_VALUE_TABLES[signed]](np.linspace(0, 1, _RAMP_STEPS))[:, :3] * 255).round().astype(np.uint8)


def _by_layer(index: NodeIndex, dark: bool) -> RGB:
    colours = np.empty((len(index), 3), dtype=np.uint8)
    for position, network in enumerate(index.networks):
        for layer, colour in zip(network.layers, layer_ramp(position, len(network.layers), dark), strict=True):
            colours[index.slot_slice(network.name, layer)] = colour
    return colours


def _by_network(index: NodeIndex) -> RGB:
    colours = np.empty((len(index), 3), dtype=np.uint8)
    for position, network in enumerate(index.networks):
        for layer in network.layers:
            colours[index.slot_slice(network.name, layer)] = _network_colour(position).astype(np.uint8)
    return colours


def _by_concept(cut: "Cut") -> RGB:
    colours = np.full((len(cut.index), 3), NO_VALUE, dtype=np.uint8)
    for concept in sorted(cut.concepts or (), key=lambda each: -each.size):  # small ones lie above large ones
        colours[concept.members] = concept.colour
    return colours


def _concept_rows(cut: "Cut") -> list[LegendRow]:
    none = LegendRow("none", np.array([NO_VALUE], dtype=np.uint8))
    concepts = sorted(cut.concepts or (), key=lambda each: -each.size)
    if not concepts:
        return [LegendRow("no concepts yet: discover them in the Concepts panel", none.colours)]
    rows = [LegendRow(each.name, np.array([each.colour], dtype=np.uint8)) for each in concepts[:MOST_NAMED]]
    more = len(concepts) - len(rows)
    return [*rows, none] if not more else [*rows, LegendRow(f"and {more} more; none", none.colours)]


def _by_region(regions: NodeLabels) -> RGB:
    colours: RGB = np.append(regions.colours, np.array([NO_VALUE], dtype=np.uint8), axis=0)[regions.labels]
    return colours


def _region_rows(regions: NodeLabels | None) -> list[LegendRow]:
    none = np.array([NO_VALUE], dtype=np.uint8)
    if regions is None:
        return [LegendRow("no brain regions yet: open the Brain panel", none)]
    rows, first = [], 0
    for names in by_group(regions.names):
        rows.append(LegendRow(" · ".join(names), regions.colours[first : first + len(names)]))
        first += len(names)
    return [*rows, LegendRow("none more than its layer does", none)]


def _by_value(values: NodeValues) -> RGB:
    low, high = values.limits
    held = values.values
    with np.errstate(invalid="ignore"):
        entry = np.clip((held - np.float32(low)) * np.float32((_RAMP_STEPS - 1) / (high - low)), 0, _RAMP_STEPS - 1)
    has_none = ~np.isfinite(held)
    entry[has_none] = 0
    colours = _value_table(values.signed)[entry.astype(np.uint8)]
    colours[has_none] = NO_VALUE
    return colours


def colours_of_nodes(
    cut: "Cut",
    by: ColourBy,
    *,
    values: NodeValues | None = None,
    regions: NodeLabels | None = None,
    dark: bool = True,
) -> RGB:
    """The colour of every node, uint8 (N, 3).

    Parameters
    ----------
    cut
        The nodes.
    by
        What decides; without `values`, ``"values"`` is grey, and so is ``"region"`` without `regions`. Density has no
        colours of nodes, and gets grey too.
    values
        The values that lie over the pictures.
    regions
        The region of the brain that each node drives most.
    dark
        Whether the ground is dark.
    """
    if by == "layer":
        return _by_layer(cut.index, dark)
    if by == "alignedcut":
        return np.asarray(cut.rgb)
    if by == "network":
        return _by_network(cut.index)
    if by == "concept":
        return _by_concept(cut)
    if by == "region" and regions is not None:
        return _by_region(regions)
    if by == "values" and values is not None:
        return _by_value(values)
    return np.full((len(cut.index), 3), NO_VALUE, dtype=np.uint8)


def legend_of(
    cut: "Cut",
    by: ColourBy,
    networks: Sequence[str],
    *,
    values: NodeValues | None = None,
    regions: NodeLabels | None = None,
    dark: bool = True,
) -> list[LegendRow]:
    """What the colours mean, a line each; for networks only those that are shown."""
    shown = [(position, network) for position, network in enumerate(cut.index.networks) if network.name in networks]
    if by == "concept":
        return _concept_rows(cut)
    if by == "region":
        return _region_rows(regions)
    if by == "layer":
        return [
            LegendRow(
                network.name, layer_ramp(position, 64, dark), f"layer {network.layers[0]}", f"{network.layers[-1]}"
            )
            for position, network in shown
        ]
    if by == "network":
        return [LegendRow(n.name, _network_colour(p).astype(np.uint8)[None]) for p, n in shown]
    if by == "density":
        return [LegendRow("points a pixel", density_table(dark), "few", "many")]
    if by == "values":
        if values is None:
            return [LegendRow("no heat map yet: pick a pixel in the pictures", np.array([NO_VALUE], dtype=np.uint8))]
        low, high = (f"{limit:.3g}".replace("-", "−") for limit in values.limits)
        return [LegendRow(values.title, _value_table(values.signed), low, high)]
    return [LegendRow("AlignedCut: similar colours mean similar features", np.empty((0, 3), dtype=np.uint8))]
