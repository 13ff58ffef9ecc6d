"""Pictures by how much a heat map finds in them: where else is this? Knows neither Qt nor napari."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...nodes import NodeIndex, Slot
from ...progress import ProgressCallback, report
from ..state.node_values import NodeValues

__all__ = ["Counts", "Ranking", "count_nodes", "rank_by_selection", "rank_pictures"]

IntArray = NDArray[np.int64]
NONE: IntArray = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Counts:
    """How much of a graph some nodes are.

    Attributes
    ----------
    tokens, pictures, layers
        Number of nodes, of pictures that hold some, and of layers (of all networks together) that do.
    """

    tokens: int
    pictures: int
    layers: int

    def __str__(self) -> str:
        parts = ((self.tokens, "token"), (self.pictures, "picture"), (self.layers, "layer"))
        tokens, pictures, layers = (f"{number:,} {word}{'s' * (number != 1)}" for number, word in parts)
        return f"{tokens} in {pictures}, {layers}"


@dataclass(frozen=True, eq=False)
class Ranking:
    """Pictures, those that hold most of something first, each with its best place.

    Attributes
    ----------
    title
        What they are ranked by.
    positions
        Positions of the pictures in ``index.images``, best first; those without any value are left out.
    nodes, values
        The best patch of each, and its value, descending.
    selected
        Counts of the selection.
    selected_pictures
        Positions of the pictures that hold some of it, ascending.
    threshold, found, found_pictures
        The same of all nodes that reach the threshold.
    """

    title: str
    positions: IntArray
    nodes: IntArray
    values: NDArray[np.float32]
    selected: Counts
    selected_pictures: IntArray
    threshold: float
    found: Counts
    found_pictures: IntArray


def count_nodes(index: NodeIndex, nodes: IntArray) -> tuple[Counts, IntArray]:
    """Tokens, pictures and layers of some nodes (ascending), and the positions of the pictures."""
    layers, held = 0, np.zeros(len(index.images), dtype=bool)
    for _, part in index.iter_slots():
        begin, end = np.searchsorted(nodes, (part.start, part.stop))
        if end > begin:
            layers += 1
            held[(nodes[begin:end] - part.start) // _tokens_per_picture(index, part)] = True
    return Counts(len(nodes), int(held.sum()), layers), np.flatnonzero(held).astype(np.int64)


def rank_pictures(
    index: NodeIndex,
    values: NodeValues,
    selection: IntArray,
    threshold: float,
    slots: Sequence[Slot] | None = None,
    progress: ProgressCallback | None = None,
) -> Ranking:
    """Rank pictures by the best patch in each.

    Parameters
    ----------
    index
        The nodes.
    values
        One value a node; NaN counts for nothing.
    selection
        What is selected, ascending.
    threshold
        Nodes at least as high are counted.
    slots
        Where the best patch is sought; None, or where none of them has a value, is everywhere.
    progress
        Called after each layer.
    """
    n = len(index.images)
    everywhere = _Best(n)
    wanted = None if slots is None else (_Best(n), {tuple(slot) for slot in slots})
    tokens = layers = 0
    held = np.zeros(n, dtype=bool)
    parts = list(index.iter_slots())
    for number, (slot, part) in enumerate(parts):
        per_picture = _tokens_per_picture(index, part)
        own = values.part(part).reshape(n, per_picture)
        reached = own >= np.float32(threshold)  # NaN does not
        tokens += int(reached.sum())
        layers += bool(reached.any())
        held |= reached.any(axis=1)
        patches = index.patch_slice(*slot, index.images[0])
        first = patches.start - part.start
        seen = own[:, first : first + patches.stop - patches.start]
        seen = np.where(np.isnan(seen), -np.inf, seen)
        best = seen.argmax(axis=1)
        nodes = part.start + np.arange(n, dtype=np.int64) * per_picture + first + best
        top = seen[np.arange(n), best]
        everywhere.take(top, nodes)
        if wanted is not None and tuple(slot) in wanted[1]:
            wanted[0].take(top, nodes)
        report(progress, number + 1, len(parts), "ranking pictures")
    chosen = everywhere if wanted is None or not np.isfinite(wanted[0].values).any() else wanted[0]
    order = np.lexsort((np.arange(n), -chosen.values))
    order = order[np.isfinite(chosen.values[order])]
    counts, pictures = count_nodes(index, selection)
    return Ranking(
        values.title,
        order.astype(np.int64),
        chosen.nodes[order],
        chosen.values[order].astype(np.float32),
        counts,
        pictures,
        float(threshold),
        Counts(tokens, int(held.sum()), layers),
        np.flatnonzero(held).astype(np.int64),
    )


def rank_by_selection(index: NodeIndex, selection: IntArray) -> Ranking:
    """Rank pictures by how many of their patches are selected, where no values are shown.

    Parameters
    ----------
    index
        The nodes.
    selection
        What is selected, ascending.
    """
    counts, pictures = count_nodes(index, selection)
    place = index.locate(selection)
    patches = np.asarray(place.row) >= 0
    nodes, images = selection[patches], np.asarray(place.image)[patches]
    found, first, sizes = np.unique(images, return_index=True, return_counts=True)
    positions = np.searchsorted(np.asarray(index.images), found)
    order = np.lexsort((positions, -sizes))
    return Ranking(
        "selected tokens",
        positions[order].astype(np.int64),
        nodes[first][order],
        sizes[order].astype(np.float32),
        counts,
        pictures,
        np.nan,
        Counts(0, 0, 0),
        NONE,
    )


class _Best:
    """The best value of each picture so far, and its node; of equal ones the first."""

    def __init__(self, n_pictures: int) -> None:
        self.values: NDArray[np.float32] = np.full(n_pictures, -np.inf, dtype=np.float32)
        self.nodes: IntArray = np.zeros(n_pictures, dtype=np.int64)

    def take(self, values: NDArray[np.float32], nodes: IntArray) -> None:
        better = values > self.values
        self.values[better], self.nodes[better] = values[better], nodes[better]


def _tokens_per_picture(index: NodeIndex, part: slice) -> int:
    return (part.stop - part.start) // len(index.images)
