"""What a joint cut of many layers' graphs found out about each of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["AGREEMENT", "GraphRecord", "LayeredRecord"]


AGREEMENT = "agreement"
"""What the study calls the agreement of every head and pathway where it keeps it with a cut."""


@dataclass(frozen=True)
class GraphRecord:
    """One layer's (or head's) graph under the joint solution.

    Attributes
    ----------
    network
        Name of the network.
    layer
        Its layer, from 0.
    head
        The attention head, from 0; -1 where heads are joined.
    pathway
        ``"what"`` or ``"where"``.
    agreement
        How well the graph keeps the joint solution, the mean eigenvalue that it would give it; at most 1.
    weight
        How much it counted in the joint solution; all weights sum to 1, and a graph that took no part has 0.
    eigen, orthogonality
        Both terms of the paper's objective; None where they were not computed.
    rows, columns
        Its token grid.
    group
        Which graphs act alike on the joint solution, from 0; None where it was not asked.
    """

    network: str
    layer: int
    head: int
    pathway: str
    agreement: float
    weight: float
    eigen: float | None
    orthogonality: float | None
    rows: int
    columns: int
    group: int | None = None


@dataclass(frozen=True)
class LayeredRecord:
    """A joint cut of many layers' graphs.

    Attributes
    ----------
    pathway
        ``"what"``, ``"where"`` or ``"both"``.
    joint
        Name of the feature set of the joint solution in the cut's index; the others are its layers'.
    sources
        For each feature set of layers, the network it belongs to.
    graphs
        All graphs.
    """

    pathway: str
    joint: str
    sources: Mapping[str, str]
    graphs: Sequence[GraphRecord]

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready description, for :meth:`from_dict`."""
        return {
            "pathway": self.pathway,
            "joint": self.joint,
            "sources": dict(self.sources),
            "graphs": [dataclasses.asdict(graph) for graph in self.graphs],
        }

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> LayeredRecord:
        """The record that :meth:`as_dict` described."""
        graphs = tuple(GraphRecord(**graph) for graph in description["graphs"])
        return cls(description["pathway"], description["joint"], description["sources"], graphs)
