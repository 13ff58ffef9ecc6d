"""Paths of pixels over the layers on the map, what of it is shown, and points on their way. Knows no Qt."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ...concepts.places import path_nodes
from ...errors import InputError
from ...nodes import NetworkNodes, NodeIndex
from .colours import COLOUR_BY, ColourBy
from .strands import Strand, strands_of

if TYPE_CHECKING:
    from ...study.cut import Cut

__all__ = ["MapChoice", "PathBundle", "all_paths", "moving_points", "paths_of_selections", "shown_nodes"]

MOST_PATHS = 4000
"""Paths of a selection, or of the whole map, that are drawn at most; more are drawn from evenly."""


@dataclass(frozen=True)
class MapChoice:
    """What of the map is shown, and how; plain data that a session keeps.

    Attributes
    ----------
    colour_by
        One of ``COLOUR_BY``.
    hidden
        Names of networks that are left out.
    first_layer, last_layer
        Layer numbers outside these are left out; a last of -1 means no limit.
    paths
        Whether paths of the selections are drawn.
    flow
        Whether paths of all pixels are drawn.
    all_layers
        Whether all of these layers are shown at once, not the one that the sliders of the pictures show.
    contours
        Whether lines of equal density are drawn.
    names
        Whether concepts are named where they lie, beside a crop of each.
    atlas
        Whether cells of the map show the mean of what their tokens show.
    """

    colour_by: ColourBy = "alignedcut"
    hidden: tuple[str, ...] = ()
    first_layer: int = 0
    last_layer: int = -1
    paths: bool = True
    flow: bool = False
    all_layers: bool = False
    contours: bool = False
    names: bool = True
    atlas: bool = False

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready description."""
        return {**asdict(self), "hidden": list(self.hidden)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The choice that was described; what is unknown or does not fit is passed over."""
        made = cls()
        for field in fields(cls):
            value = values.get(field.name)
            if field.name == "hidden" and isinstance(value, list | tuple):
                made = replace(made, hidden=tuple(map(str, value)))
            elif type(value) is type(getattr(made, field.name)) and (field.name != "colour_by" or value in COLOUR_BY):
                changed: dict[str, Any] = {field.name: value}
                made = replace(made, **changed)
        return made

    def networks(self, index: NodeIndex) -> list[NetworkNodes]:
        """The networks of a cut that are shown."""
        return [n for n in index.networks if n.name not in self.hidden and self.layers(n)]

    def layers(self, network: NetworkNodes) -> tuple[int, ...]:
        """The layers of a network that are shown."""
        last = self.last_layer if self.last_layer >= 0 else max(network.layers)
        return tuple(layer for layer in network.layers if self.first_layer <= layer <= last)


def shown_nodes(index: NodeIndex, choice: MapChoice) -> NDArray[np.bool_] | None:
    """Which nodes are shown, bool (N,); None for all."""
    kept = {network.name: choice.layers(network) for network in choice.networks(index)}
    if sum(len(layers) for layers in kept.values()) == len(index.slots):
        return None
    shown = np.zeros(len(index), dtype=bool)
    for slot, nodes in index.iter_slots():
        if slot.layer in kept.get(slot.network, ()):
            shown[nodes] = True
    return shown


@dataclass(frozen=True, eq=False)
class PathBundle:
    """Paths of the chosen places in one network.

    Attributes
    ----------
    which
        The selection: ``figure`` or ``ground``.
    network
        Name of the network.
    layers
        Layer numbers, L of them.
    nodes
        int64 (P, L).
    places
        float32 (P, L, 2).
    strands
        A few of the paths that stand for all, the largest share first; none for the flow of all pixels.
    count
        Number of all paths, P or more.
    """

    which: str
    network: str
    layers: tuple[int, ...]
    nodes: NDArray[np.int64]
    places: NDArray[np.float32]
    strands: Sequence[Strand]
    count: int


def paths_of_selections(
    cut: "Cut", map2d: NDArray[np.float32], selections: Mapping[str, NDArray[np.int64]], choice: MapChoice
) -> list[PathBundle]:
    """Paths of all chosen pixels over the layers that are shown, in the networks they were chosen in.

    Parameters
    ----------
    cut
        The nodes.
    map2d
        (N, 2) their places.
    selections
        Chosen nodes by name of the selection.
    choice
        Networks and layers that are shown.
    """
    bundles = []
    for which, chosen in selections.items():
        if not len(chosen):
            continue
        own = {int(position) for position in np.unique(cut.index.locate(chosen).network)}
        for position, network in enumerate(cut.index.networks):
            layers = choice.layers(network)
            if position not in own or network.name in choice.hidden or len(layers) < 2:
                continue
            in_network = chosen[cut.index.locate(chosen).network == position]
            try:
                nodes = path_nodes(cut.index, network.name, in_network, layers)
            except InputError:
                continue  # class tokens alone lie at no place of a picture
            places = np.asarray(map2d[nodes], dtype=np.float32)
            drawn = _evenly(len(nodes), MOST_PATHS)
            kept = places[drawn]
            bundles.append(PathBundle(which, network.name, layers, nodes[drawn], kept, strands_of(kept), len(nodes)))
    return bundles


def all_paths(cut: "Cut", map2d: NDArray[np.float32], choice: MapChoice) -> list[PathBundle]:
    """Paths of all pixels in each network that is shown, drawn from evenly."""
    bundles = []
    networks = [network for network in choice.networks(cut.index) if len(choice.layers(network)) > 1]
    for network in networks:
        layers = choice.layers(network)
        everywhere = path_nodes(cut.index, network.name, None, layers)
        nodes = everywhere[_evenly(len(everywhere), MOST_PATHS // len(networks))]
        places = np.asarray(map2d[nodes], dtype=np.float32)
        bundles.append(PathBundle("", network.name, layers, nodes, places, (), len(everywhere)))
    return bundles


def _evenly(n: int, most: int) -> NDArray[np.int64]:
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)


def moving_points(
    index: NodeIndex, map2d: NDArray[np.float32], choice: MapChoice, layer: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Where all pixels are on their way through the layers.

    Parameters
    ----------
    index, map2d
        The nodes and their places.
    choice
        Networks and layers that are shown.
    layer
        Layer number; between two layers of a network, its pixels are on the straight line between their places there.
        Networks that do not reach this layer are left out.

    Returns
    -------
    nodes
        int64 (M,), the nodes of the layer at or before.
    places
        float32 (M, 2).
    """
    nodes, places = [np.empty(0, dtype=np.int64)], [np.empty((0, 2), dtype=np.float32)]
    for network in choice.networks(index):
        layers = np.array(choice.layers(network))
        if not layers[0] <= layer <= layers[-1]:
            continue
        before = int(np.searchsorted(layers, layer, side="right")) - 1
        here = index.slot_slice(network.name, int(layers[before]))
        at = np.asarray(map2d[here], dtype=np.float32)
        if before + 1 < len(layers):
            there = np.asarray(map2d[index.slot_slice(network.name, int(layers[before + 1]))])
            share = np.float32((layer - layers[before]) / (layers[before + 1] - layers[before]))
            at = at + share * (there - at)
        nodes.append(np.arange(here.start, here.stop))
        places.append(at)
    return np.concatenate(nodes), np.concatenate(places)
