"""Sets of nodes as text, and from one numbering to another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .errors import StorageError
from .nodes import NodeIndex

__all__ = ["as_ranges", "counterparts", "from_ranges", "translate"]


def as_ranges(nodes: NDArray[np.int64]) -> list[list[int]]:
    """Ascending node numbers as ranges ``[first, last]``, for JSON; neighbours of a region share one."""
    if not nodes.size:
        return []
    breaks = np.flatnonzero(np.diff(nodes) != 1)
    first, last = nodes[np.r_[0, breaks + 1]], nodes[np.r_[breaks, nodes.size - 1]]
    return [[int(a), int(b)] for a, b in zip(first, last, strict=True)]


def from_ranges(ranges: Sequence[Sequence[int]], n_nodes: int) -> NDArray[np.int64]:
    """Node numbers of :func:`as_ranges`.

    Raises
    ------
    StorageError
        If they are not ranges of `n_nodes` nodes.
    """
    try:
        pairs = [(int(first), int(last)) for first, last in ranges]
    except (TypeError, ValueError):
        raise StorageError("A stored selection is damaged: it does not hold ranges of nodes.") from None
    if any(not 0 <= first <= last < n_nodes for first, last in pairs):
        raise StorageError(f"A stored selection is damaged: it names nodes beyond the {n_nodes} there are.")
    parts = [np.arange(first, last + 1, dtype=np.int64) for first, last in pairs]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)


def translate(nodes: NDArray[np.int64], old: NodeIndex, new: NodeIndex) -> NDArray[np.int64]:
    """The same places under another numbering; nodes that it does not have are left out.

    Parameters
    ----------
    nodes
        Flat numbers in `old`.
    old, new
        The numberings. Networks are matched by name, and where their token grids are the same.

    Returns
    -------
    NDArray
        Flat numbers in `new`, ascending.
    """
    if old == new:
        return nodes
    found = counterparts(nodes, old, new)
    return np.unique(found[found >= 0])


def counterparts(nodes: NDArray[np.int64], old: NodeIndex, new: NodeIndex) -> NDArray[np.int64]:
    """The number that each of some nodes has under another numbering; -1 where it has none.

    Parameters
    ----------
    nodes, old, new
        As of :func:`translate`.
    """
    if old == new:
        return nodes
    place = old.locate(nodes)
    position = {image: i for i, image in enumerate(new.images)}
    of_image = {image: position.get(image, -1) for image in old.images}
    numbers, which = np.unique(place.image, return_inverse=True)
    picture = np.array([of_image[int(image)] for image in numbers], dtype=np.int64)[which]
    known = {network.name: network for network in new.networks}
    found = np.full(len(nodes), -1, dtype=np.int64)
    for number, network in enumerate(old.networks):
        there = known.get(network.name)
        if there is None:
            continue
        for layer in set(network.layers) & set(there.layers):
            grid, before = there.grid(layer), network.grid(layer)
            if (grid.rows, grid.columns) != (before.rows, before.columns):
                continue
            kept = (place.network == number) & (place.layer == layer) & (picture >= 0)
            if not there.class_token:
                kept &= place.row >= 0
            token = np.where(place.row >= 0, place.row * grid.columns + place.column + int(grid.class_token), 0)
            start = new.slot_slice(network.name, layer).start
            found[kept] = start + picture[kept] * grid.n_tokens + token[kept]
    return found
