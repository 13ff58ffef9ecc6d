"""Nodes: the one place that knows how a flat node number maps to a place in a picture.

A *node* is one token of one picture at one layer of one network. Flat node order is **network, layer, image, token**;
the tokens of a picture are the class token first (where it is kept), then the patches row by row. No other module
computes an offset.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError
from .network_nodes import NetworkNodes, TokenGrid
from .parameters import whole, wholes

__all__ = ["NetworkNodes", "NodeIndex", "NodeLocation", "Slot", "TokenGrid"]

IntArray = NDArray[np.int64]


class Slot(NamedTuple):
    """One layer of one network; layers count from 0."""

    network: str
    layer: int

    def __str__(self) -> str:
        return f"{self.network}/{self.layer}"


class NodeLocation(NamedTuple):
    """Where nodes lie; five integer arrays of one shape.

    Attributes
    ----------
    network
        Position of the network in :attr:`NodeIndex.networks`.
    layer
        Layer number as the network counts it (from 0), not a position.
    image
        Image number in the study, not a position.
    row, column
        Place on the network's token grid; -1 and -1 for the class token.
    """

    network: IntArray
    layer: IntArray
    image: IntArray
    row: IntArray
    column: IntArray


class NodeIndex:
    """Two-way map between flat node numbers and (network, layer, image, row, column).

    Parameters
    ----------
    networks
        What each network contributes, in the order of the nodes; names must differ.
    images
        Image numbers in the order of the nodes, or their count (then 0, 1, …).

    Examples
    --------
    >>> index = NodeIndex([NetworkNodes("vit", (0, 1), 2, 3)], 2)
    >>> len(index)
    28
    >>> index.node("vit", 1, 0, row=1, column=2)
    20
    """

    def __init__(self, networks: Sequence[NetworkNodes], images: int | Iterable[int]) -> None:
        self.networks: tuple[NetworkNodes, ...] = tuple(networks)
        self.images: tuple[int, ...] = (
            tuple(range(whole("images", images, 0)))
            if isinstance(images, bool | Integral)
            else wholes("images", images)
        )
        names = [network.name for network in self.networks]
        if len(set(names)) != len(names):
            raise InputError(f"Networks of a node index must have different names; got {names}.")
        if len(set(self.images)) != len(self.images):
            raise InputError("Images of a node index must differ from one another.")
        self._network_position = {name: position for position, name in enumerate(names)}
        self._image_numbers: IntArray = np.asarray(self.images, dtype=np.int64)
        self._image_position = {image: i for i, image in enumerate(self.images)}
        # One entry a slot: layers of one network may have different grids.
        places = [
            (i, layer, network.grid(layer)) for i, network in enumerate(self.networks) for layer in network.layers
        ]
        self._slot_position = {(i, layer): number for number, (i, layer, _) in enumerate(places)}
        self._grids = [grid for _, _, grid in places]
        self._slot_network: IntArray = np.array([i for i, _, _ in places], dtype=np.int64)
        self._slot_layer: IntArray = np.array([layer for _, layer, _ in places], dtype=np.int64)
        self._rows: IntArray = np.array([grid.rows for grid in self._grids], dtype=np.int64)
        self._columns: IntArray = np.array([grid.columns for grid in self._grids], dtype=np.int64)
        self._class_tokens: IntArray = np.array([int(grid.class_token) for grid in self._grids], dtype=np.int64)
        self._tokens: IntArray = self._rows * self._columns + self._class_tokens
        self._starts: IntArray = np.concatenate([[0], np.cumsum(self._tokens * len(self.images))]).astype(np.int64)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NodeIndex) and self.networks == other.networks and self.images == other.images

    def __hash__(self) -> int:
        return hash((self.networks, self.images))

    def __repr__(self) -> str:
        return f"NodeIndex({len(self)} nodes: {len(self.slots)} slots × {len(self.images)} images)"

    @property
    def slots(self) -> list[Slot]:
        """All (network, layer) pairs in node order."""
        return [Slot(network.name, layer) for network in self.networks for layer in network.layers]

    def network(self, name: str) -> NetworkNodes:
        """What the network called `name` contributes.

        Raises
        ------
        InputError
            If no such network is in the index.
        """
        return self.networks[self._position_of_network(name)]

    def _position_of_network(self, name: str) -> int:
        try:
            return self._network_position[name]
        except (KeyError, TypeError):
            known = ", ".join(self._network_position) or "none"
            raise InputError(f"Network {name!r} is not part of this graph; it holds: {known}.") from None

    def _position_of_slot(self, name: str, layer: int) -> int:
        position = self._position_of_network(name)
        try:
            return self._slot_position[position, operator.index(layer)]
        except (KeyError, TypeError):
            network = self.networks[position]
            raise InputError(
                f"Layer {layer} of {network.name} is not part of this graph; it holds layers {list(network.layers)}."
            ) from None

    def grid(self, network: str, layer: int) -> TokenGrid:
        """The tokens of one picture at one layer of one network.

        Raises
        ------
        InputError
            If no such network or layer is in the index.
        """
        return self._grids[self._position_of_slot(network, layer)]

    def grids_of(self, nodes: ArrayLike) -> tuple[IntArray, IntArray]:
        """Rows and columns of the token grids that nodes lie on, each of the shape of `nodes`."""
        slot = self._slot_of(_numbers(nodes))
        return self._rows[slot], self._columns[slot]

    def _slot_of(self, flat: IntArray) -> IntArray:
        if flat.size and (flat.min() < 0 or flat.max() >= len(self)):
            raise InputError(f"Node numbers must lie between 0 and {len(self) - 1}.")
        found: IntArray = np.searchsorted(self._starts, flat, side="right") - 1
        return found

    def _position_of_image(self, image: int) -> int:
        try:
            return self._image_position[operator.index(image)]
        except (KeyError, TypeError):
            raise InputError(
                f"Image {image} is not part of this graph, which holds {len(self.images)} images."
            ) from None

    def slot_slice(self, network: str, layer: int) -> slice:
        """Nodes of one slot: all images of one layer of one network."""
        slot = self._position_of_slot(network, layer)
        return slice(int(self._starts[slot]), int(self._starts[slot + 1]))

    def image_slice(self, network: str, layer: int, image: int) -> slice:
        """Nodes of one image at one layer of one network, the class token first where it is kept."""
        n_tokens = self.grid(network, layer).n_tokens
        start = self.slot_slice(network, layer).start + self._position_of_image(image) * n_tokens
        return slice(start, start + n_tokens)

    def patch_slice(self, network: str, layer: int, image: int) -> slice:
        """Patch nodes of one image at one layer of one network, ``rows × columns`` of them, row by row."""
        tokens = self.image_slice(network, layer, image)
        return slice(tokens.start + int(self.network(network).class_token), tokens.stop)

    def iter_slots(self) -> Iterator[tuple[Slot, slice]]:
        """Each slot with its nodes, in node order."""
        for slot in self.slots:
            yield slot, self.slot_slice(*slot)

    def node(self, network: str, layer: int, image: int, *, row: int, column: int) -> int:
        """Flat number of one patch node.

        Parameters
        ----------
        network, layer, image
            Name of the network, number of the layer, number of the image.
        row, column
            Place on the token grid.

        Raises
        ------
        InputError
            If any of them is outside the index.
        """
        grid = self.grid(network, layer)
        row, column = wholes("row and column", (row, column))
        if not (0 <= row < grid.rows and 0 <= column < grid.columns):
            raise InputError(
                f"Row {row}, column {column} is outside the {grid.rows} × {grid.columns} token grid of {network}, "
                f"layer {layer}."
            )
        return int(self.patch_slice(network, layer, image).start + row * grid.columns + column)

    def node_at(self, network: str, layer: int, image: int, *, y: float, x: float) -> int:
        """Flat number of the patch node under a point given as fractions of height and width, each in [0, 1]."""
        grid = self.grid(network, layer)
        row = min(max(int(y * grid.rows), 0), grid.rows - 1)
        column = min(max(int(x * grid.columns), 0), grid.columns - 1)
        return self.node(network, layer, image, row=row, column=column)

    def class_token_node(self, network: str, layer: int, image: int) -> int:
        """Flat number of the class token of one image.

        Raises
        ------
        InputError
            If the class tokens of that network are not part of the index.
        """
        if not self.network(network).class_token:
            raise InputError(f"The graph holds no class tokens of {network}.")
        return int(self.image_slice(network, layer, image).start)

    def locate(self, nodes: ArrayLike) -> NodeLocation:
        """Where nodes lie.

        Parameters
        ----------
        nodes
            Flat node numbers, any shape.

        Returns
        -------
        NodeLocation
            Integer arrays of that shape.

        Raises
        ------
        InputError
            If a number is outside ``[0, len(self))``.
        """
        flat: IntArray = _numbers(nodes)
        slot = self._slot_of(flat)
        rest, token = np.divmod(flat - self._starts[slot], self._tokens[slot])
        patch = token - self._class_tokens[slot]
        row, column = np.divmod(patch, self._columns[slot])
        is_class = patch < 0
        row = np.where(is_class, -1, row)
        column = np.where(is_class, -1, column)
        return NodeLocation(self._slot_network[slot], self._slot_layer[slot], self._image_numbers[rest], row, column)

    def same_places(
        self, nodes: ArrayLike, network: str, layer: int, *, numbered_by: NodeIndex | None = None
    ) -> IntArray:
        """The nodes at the same places of the same pictures at one layer of one network.

        Parameters
        ----------
        nodes
            Flat node numbers of any slots, (n,).
        network, layer
            Where to look. On another token grid, a place is the token that holds the centre of the given one.
        numbered_by
            The index that the given nodes belong to, such as that of another cut of the same study; None is this one.

        Returns
        -------
        ndarray
            Flat node numbers of this index in the order of `nodes`; fewer where class tokens are given and the network
            has none, or pictures that this index lacks.

        Raises
        ------
        InputError
            If a number is outside its index, or network or layer are.
        """
        source = self if numbered_by is None else numbered_by
        flat: IntArray = _numbers(nodes).reshape(-1)
        place = source.locate(flat)
        grid, start = self.grid(network, layer), self.slot_slice(network, layer).start
        rows, columns = source.grids_of(flat)
        # whole numbers, so that a place never slips into the neighbouring token by rounding
        row = (2 * place.row + 1) * grid.rows // (2 * rows)
        column = (2 * place.column + 1) * grid.columns // (2 * columns)
        is_class = place.row < 0
        token = np.where(is_class, 0, row * grid.columns + column + int(grid.class_token))
        if not self.images:
            return np.empty(0, dtype=np.int64)
        order = np.argsort(self._image_numbers, kind="stable")
        found_at = np.searchsorted(self._image_numbers, place.image, sorter=order)
        image = order[np.minimum(found_at, len(order) - 1)]
        there = self._image_numbers[image] == place.image
        if not grid.class_token:
            there &= ~is_class
        found: IntArray = (start + image * grid.n_tokens + token)[there]
        return found

    def select(
        self,
        *,
        networks: Iterable[str] | None = None,
        layers: Iterable[int] | None = None,
        images: Iterable[int] | None = None,
        patches_only: bool = False,
    ) -> IntArray:
        """Flat numbers of all nodes that fit, ascending.

        Parameters
        ----------
        networks, layers, images
            What to keep; None keeps all. Layers that a network does not have are passed over.
        patches_only
            Leave class tokens out.
        """
        keep_networks = {n.name for n in self.networks} if networks is None else set(networks)
        keep_layers = None if layers is None else set(layers)
        positions = (
            np.arange(len(self.images), dtype=np.int64)
            if images is None
            else np.array(sorted(self._position_of_image(image) for image in images), dtype=np.int64)
        )
        parts: list[IntArray] = []
        for network in self.networks:
            if network.name not in keep_networks:
                continue
            first = int(network.class_token) if patches_only else 0
            for layer in network.layers:
                if keep_layers is None or layer in keep_layers:
                    n_tokens = network.grid(layer).n_tokens
                    tokens = np.arange(first, n_tokens, dtype=np.int64)
                    of_image = (positions[:, None] * n_tokens + tokens[None, :]).ravel()
                    parts.append(self.slot_slice(network.name, layer).start + of_image)
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def subset(
        self,
        *,
        networks: Iterable[str] | None = None,
        layers: Iterable[int] | None = None,
        images: Iterable[int] | None = None,
        class_token: bool | None = None,
    ) -> NodeIndex:
        """A smaller index, in the same order; its nodes are numbered anew.

        Parameters
        ----------
        networks, layers, images
            What to keep; None keeps all. Networks left without a layer are dropped.
        class_token
            False leaves the class tokens out; None and True keep what there is.
        """
        keep_networks = {n.name for n in self.networks} if networks is None else set(networks)
        keep_layers = None if layers is None else set(layers)
        kept: list[NetworkNodes] = []
        for network in self.networks:
            remaining = tuple(n for n in network.layers if keep_layers is None or n in keep_layers)
            if network.name in keep_networks and remaining:
                with_class = network.class_token and class_token is not False
                kept.append(network.keeping(remaining, with_class))
        keep_images = None if images is None else set(images)
        return NodeIndex(kept, [i for i in self.images if keep_images is None or i in keep_images])

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready description, for :meth:`from_dict`."""
        return {"networks": [network.as_dict() for network in self.networks], "images": list(self.images)}

    @classmethod
    def from_dict(cls, description: dict[str, Any]) -> NodeIndex:
        """The index that :meth:`as_dict` described."""
        return cls([NetworkNodes.from_dict(network) for network in description["networks"]], description["images"])


def _numbers(nodes: ArrayLike) -> IntArray:
    """Node numbers as int64; what would have to be rounded is refused."""
    given = np.asarray(nodes)
    if given.size and given.dtype.kind not in "iu":
        raise InputError(f"Node numbers must be whole numbers; got {given.dtype}.")
    return given.astype(np.int64, copy=False)
