"""What the Brain panel shows, as numbers: bars and curves of selections by region. Knows neither Qt nor napari."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...brain.centring import Centring
from ...errors import InputError
from ...nodes import NodeIndex

if TYPE_CHECKING:
    from ...study.brain_activation import BrainActivation

__all__ = ["RoiSeries", "layer_series", "layer_table", "network_series", "selection_series", "series_table"]

MOST_PLACES = 4_000
"""Places whose way through the layers is followed; of more, so many are taken at even steps."""
MOST_BANDS = 2
"""Curves that are drawn with their spread; more would hide one another."""
MOST_COMPARED = 20_000
"""The same for places that are looked up in other networks."""

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RoiSeries:
    """Means of all regions for one set of nodes, or for one at each layer.

    Attributes
    ----------
    label, colour
        Its name in the legend, and its colour as ``#RRGGBB``.
    means, spreads
        (n_rois,), or (n_layers, n_rois) for a curve: mean over the nodes, and their standard deviation.
    counts
        Number of nodes of each row: one number, or one a layer.
    layers
        Layer numbers of a curve.
    dashed
        Whether a curve is drawn with gaps, to tell networks apart.
    selection
        Which selection it is of.
    network
        Which network it is of, an empty text for that of the nodes.
    """

    label: str
    colour: str
    means: FloatArray
    spreads: FloatArray
    counts: tuple[int, ...]
    layers: tuple[int, ...] = ()
    dashed: bool = False
    selection: str = ""
    network: str = ""


def selection_series(
    activation: "BrainActivation",
    selections: Mapping[str, IntArray],
    colours: Mapping[str, str],
    *,
    about: Centring = "zero",
) -> list[RoiSeries]:
    """One series a selection that is not empty, in their order.

    Parameters
    ----------
    activation
        What each node does to each region.
    selections
        Name (``"figure"``) to nodes.
    colours
        Name to ``#RRGGBB``.
    about
        What activation is measured from.
    """
    return [
        _series(activation, nodes, name, colours[name], about, selection=name)
        for name, nodes in selections.items()
        if len(nodes)
    ]


def network_series(
    activation: "BrainActivation",
    selection: str,
    nodes: IntArray,
    colours: Sequence[str],
    *,
    about: Centring = "zero",
) -> list[RoiSeries]:
    """One series a network: what the selected places do in each of them, at the layers that correspond.

    A layer corresponds to the one that lies equally deep; where all networks have the same layers, it is the same. Of
    more than 20,000 places, so many are looked up, at even steps.
    """
    found = []
    nodes = nodes[:: -(-len(nodes) // MOST_COMPARED) or 1]
    for position, network in enumerate(activation.index.networks):
        there = corresponding_nodes(activation.index, nodes, network.name)
        if len(there):
            found.append(
                _series(
                    activation,
                    there,
                    network.name,
                    colours[position % len(colours)],
                    about,
                    selection=selection,
                    network=network.name,
                )
            )
    return found


def layer_series(
    activation: "BrainActivation",
    selections: Mapping[str, IntArray],
    colours: Mapping[str, str],
    *,
    about: Centring = "zero",
) -> list[RoiSeries]:
    """One curve a selection and network: the selected places followed through all layers of the network.

    Of more than 4,000 places, so many are followed, at even steps through the selection.
    """
    index, found = activation.index, []
    for position, network in enumerate(index.networks):
        for name, nodes in selections.items():
            if not len(nodes):
                continue
            rows = [
                activation.summarise(there, about=about)
                for there in (_places(index, nodes, network.name, layer) for layer in network.layers)
                if len(there)
            ]
            if len(rows) < len(network.layers):  # class tokens alone, in a network that has none
                continue
            found.append(
                RoiSeries(
                    f"{name} · {network.name}" if len(index.networks) > 1 else name,
                    colours[name],
                    np.stack([row.mean for row in rows]),
                    np.stack([row.node_spread for row in rows]),
                    tuple(row.n_nodes for row in rows),
                    layers=network.layers,
                    dashed=position > 0,
                    selection=name,
                    network=network.name,
                )
            )
    return found


def corresponding_nodes(index: NodeIndex, nodes: IntArray, network: str) -> IntArray:
    """The nodes of a network at the places of `nodes`, at layers as deep as theirs; unique, ascending."""
    place = index.locate(nodes)
    held = np.asarray(index.network(network).layers, dtype=np.int64)
    parts = []
    for position, layer in np.unique(np.stack([place.network, place.layer]), axis=1).T:
        own = index.networks[position].layers
        if layer in held:
            twin = int(layer)
        else:
            depth = own.index(int(layer)) / max(len(own) - 1, 1)
            twin = int(held[round(depth * (len(held) - 1))])
        chosen = nodes[(place.network == position) & (place.layer == layer)]
        parts.append(index.same_places(chosen, network, twin))
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)


def _places(index: NodeIndex, nodes: IntArray, network: str, layer: int) -> IntArray:
    step = -(-len(nodes) // MOST_PLACES)
    return np.unique(index.same_places(nodes[::step], network, layer))


def _series(
    activation: "BrainActivation", nodes: IntArray, label: str, colour: str, about: Centring, **which: Any
) -> RoiSeries:
    found = activation.summarise(nodes, about=about)
    return RoiSeries(label, colour, found.mean, found.node_spread, (found.n_nodes,), **which)


# -- the numbers as tables ---------------------------------------------------------------------------------------------

Rows = tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]


def series_table(activation: "BrainActivation", series: Sequence[RoiSeries], unit: str) -> Rows:
    """Header and rows of bars for a CSV file, one row per region and series."""
    header = ("selection", "network", "region", "group", "mean", "spread", "nodes", "unit", "brain data", "simulated")

    def rows() -> Iterator[tuple[Any, ...]]:
        for one in series:
            for r, (name, group) in enumerate(zip(activation.names, activation.groups, strict=True)):
                yield (
                    one.selection,
                    one.network,
                    name,
                    group,
                    one.means[r],
                    one.spreads[r],
                    one.counts[0],
                    unit,
                    activation.source,
                    str(activation.simulated).lower(),
                )

    return header, rows()


def layer_table(activation: "BrainActivation", series: Sequence[RoiSeries], unit: str) -> Rows:
    """Header and rows of curves over layers, one row per layer, region and series."""
    header = (
        *("selection", "network", "layer", "region", "group", "mean", "spread", "nodes", "unit"),
        *("brain data", "simulated"),
    )

    def rows() -> Iterator[tuple[Any, ...]]:
        for one in series:
            for position, layer in enumerate(one.layers):
                for r, (name, group) in enumerate(zip(activation.names, activation.groups, strict=True)):
                    yield (
                        *(one.selection, one.network, layer, name, group),
                        *(one.means[position, r], one.spreads[position, r], one.counts[position], unit),
                        *(activation.source, str(activation.simulated).lower()),
                    )

    return header, rows()


def spans(series: Sequence[RoiSeries]) -> float:
    """The largest absolute value that bars or curves reach, with their spread where it is drawn; 0 without any.

    Raises
    ------
    InputError
        If a series has no region.
    """
    if any(not one.means.size for one in series):
        raise InputError("The brain data have no regions.")
    drawn = not (series and series[0].layers and len(series) > MOST_BANDS)
    return max((float(np.nanmax(np.abs(one.means) + drawn * one.spreads)) for one in series), default=0.0)
