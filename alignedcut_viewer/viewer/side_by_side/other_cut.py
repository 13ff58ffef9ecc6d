"""Another cut of the study that is shown: the same places in it, its colours, what is similar there.

Two cuts of one study number their nodes differently, and a joint cut of many layers has networks of its own: its joint
solution, and each network's layers as the joint solution sees them. What they share are pictures and places in them.
Knows neither Qt nor napari.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...nodes import Slot
from ..frames.token_painting import colours_of
from ..state.node_values import NodeValues
from ..state.similarity import EigenvectorSimilarity
from ..state.view_state import Position

if TYPE_CHECKING:
    from ...study.cut import Cut
    from ...study.study import Study

__all__ = ["OtherCut"]


class OtherCut:
    """A cut beside the one that is shown.

    Parameters
    ----------
    study
        The study of both.
    shown
        The cut that is shown.
    cut
        The other one.

    Attributes
    ----------
    cut
        The other cut.
    values
        What is shown over the picture in the place of its colours, or None.
    """

    def __init__(self, study: "Study", shown: "Cut", cut: "Cut") -> None:
        self.cut = cut
        self.values: NodeValues | None = None
        self._shown = shown
        self._similarity = EigenvectorSimilarity(cut)
        self._own_names = {n.name: study.network(n.name).network for n in cut.index.networks}
        self._shown_names = {n.name: study.network(n.name).network for n in shown.index.networks}

    @property
    def networks(self) -> dict[str, str]:
        """For each network of the other cut, what it is called for the user."""
        joint = None if self.cut.layered is None else self.cut.layered.joint
        return {name: "joint solution" if name == joint else own for name, own in self._own_names.items()}

    def stands_beside(self, position: Position) -> bool:
        """Whether a position is one of the shown cut."""
        return position[0] in self._shown_names

    def matching_network(self, network: str) -> str:
        """The network of the other cut that stands for one of the shown cut.

        It is the same network where both cuts have it, else the joint solution of all layers, else the first.
        """
        wanted = self._shown_names[network]
        same = [name for name, own in self._own_names.items() if own == wanted]
        if same:
            return same[0]
        return next(iter(self._own_names)) if self.cut.layered is None else self.cut.layered.joint

    def matching_slot(self, position: Position, network: str | None = None) -> Slot:
        """What the other cut shows when the sliders are at a position.

        Parameters
        ----------
        position
            Network, layer and image of the shown cut.
        network
            A network of the other cut that is to be shown whatever the sliders say; None follows them.

        Returns
        -------
        Slot
            Network and layer of the other cut; where the network lacks the layer, the nearest that it has.
        """
        name = self.matching_network(position[0]) if network is None else network
        layers = self.cut.index.network(name).layers
        return Slot(name, min(layers, key=lambda layer: (abs(layer - position[1]), layer)))

    # -- places --------------------------------------------------------------------------------------------------

    def same_places(self, nodes: ArrayLike, slot: Slot) -> NDArray[np.int64]:
        """The nodes of the other cut at the places of some of the shown one, each once, ascending."""
        found = self.cut.index.same_places(nodes, slot.network, slot.layer, numbered_by=self._shown.index)
        return np.unique(found)

    def shown_places(self, nodes: ArrayLike, position: Position) -> NDArray[np.int64]:
        """The nodes of the shown cut, at a network and layer of it, at the places of some of the other one."""
        layers = self._shown.index.network(position[0]).layers
        if position[1] not in layers:
            return np.empty(0, dtype=np.int64)
        return np.unique(self._shown.index.same_places(nodes, position[0], position[1], numbered_by=self.cut.index))

    # -- colours and similarity ----------------------------------------------------------------------------------

    def compare(self, nodes: NDArray[np.int64], slot: Slot) -> None:
        """Show how alike all nodes of the other cut are to the places of some nodes of the shown one.

        Parameters
        ----------
        nodes
            Nodes of the shown cut; where there are none, or none of their pictures is in the other cut, colours are
            shown.
        slot
            Network and layer of the other cut whose tokens lie at these places.
        """
        places = self.same_places(nodes, slot) if len(nodes) else nodes
        self.values = self._similarity.values(places) if len(places) else None

    def tile(self, slot: Slot, image: int) -> NDArray[np.uint8]:
        """Colours or values of one picture's tokens at one layer: uint8 (rows, columns, 4)."""
        index = self.cut.index
        grid = index.grid(*slot)
        tile = np.empty((grid.rows, grid.columns, 4), dtype=np.uint8)
        if self.values is None:
            tile[..., :3] = self.cut.colour_map(slot.network, slot.layer, image)
            tile[..., 3] = 255
        else:
            numbers = self.values.part(index.patch_slice(slot.network, slot.layer, image))
            tile[...] = colours_of(numbers, self.values).reshape(tile.shape)
        return tile
