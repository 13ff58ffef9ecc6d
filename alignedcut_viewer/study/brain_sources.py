"""Whose features lead from the nodes of a cut to the brain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..nodes import NodeIndex, Slot
from .feature_set import FeatureSet

__all__ = ["BrainSources", "SourceBlocks"]

_BLOCK = 8192


class SourceBlocks(NamedTuple):
    """What one source says of some of the nodes of one slot.

    Attributes
    ----------
    slot
        Number of the slot in the index.
    low, high
        Where its nodes are among those asked for.
    share
        Of the source in what these nodes do.
    source
        Its number.
    blocks
        Its features of these nodes, float32 arrays (n, D).
    """

    slot: int
    low: int
    high: int
    share: float
    source: int
    blocks: Iterator[NDArray[np.float32]]


class BrainSources:
    """For each slot of an index the layers whose aligned features its nodes take the mean of.

    Those of an AlignedCut take their own. Those of a joint cut, which is made of queries, keys and values, take what
    the alignment was trained on, of the same layer; those of the joint solution, of all layers with its token grid.

    Parameters
    ----------
    slots
        The sources: (feature set, layer).
    parts
        For each slot of the index the numbers of its sources.
    """

    def __init__(self, slots: Sequence[Slot], parts: Sequence[Sequence[int]]) -> None:
        self.slots = tuple(slots)
        self.parts = tuple(tuple(part) for part in parts)

    @classmethod
    def own(cls, index: NodeIndex) -> BrainSources:
        """Every slot by itself."""
        return cls(index.slots, [[number] for number in range(len(index.slots))])

    @classmethod
    def from_dict(cls, description: Mapping[str, Any] | None, index: NodeIndex) -> BrainSources:
        """What :meth:`as_dict` described; every slot by itself, where nothing was."""
        if description is None:
            return cls.own(index)
        slots = [Slot(str(network), int(layer)) for network, layer in description["slots"]]
        return cls(slots, [[int(source) for source in part] for part in description["parts"]])

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready description."""
        return {"slots": [[*slot] for slot in self.slots], "parts": [[*part] for part in self.parts]}

    def blocks(
        self, index: NodeIndex, features: Mapping[str, FeatureSet], nodes: NDArray[np.int64]
    ) -> Iterator[SourceBlocks]:
        """Features of some nodes of an index, which ascend, source by source."""
        images = np.asarray(index.images, dtype=np.int64)
        for number, (slot, part) in enumerate(index.iter_slots()):
            low, high = (int(end) for end in np.searchsorted(nodes, [part.start, part.stop]))
            if low == high:
                continue
            position, place = np.divmod(nodes[low:high] - part.start, index.grid(*slot).n_tokens)
            for source in self.parts[number]:
                network, layer = self.slots[source]
                token = place + (features[network].class_token and not index.network(slot.network).class_token)
                blocks = _blocks(features[network], layer, images[position], token)
                yield SourceBlocks(number, low, high, 1 / len(self.parts[number]), source, blocks)


def _blocks(
    features: FeatureSet, layer: int, images: NDArray[np.int64], token: NDArray[np.int64]
) -> Iterator[NDArray[np.float32]]:
    tokens = features.tokens(layer)
    for start in range(0, len(images), _BLOCK):
        part = slice(start, start + _BLOCK)
        yield np.asarray(tokens.gather(images[part], token[part]), dtype=np.float32)
