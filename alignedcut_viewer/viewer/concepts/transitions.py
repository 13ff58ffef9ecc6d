"""What becomes of the concepts of one layer in the next, as numbers. Knows neither Qt nor napari."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ...nodes import NodeIndex
    from ...study.concept_set import ConceptSet

__all__ = ["NONE", "Transitions", "transitions_between"]

NONE = -1
"""In the place of an id: pixels that are in no concept."""
MOST_CONCEPTS = 16

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Transitions:
    """What becomes of the concepts of one layer in the next.

    Attributes
    ----------
    network, layers
        Where: name of the network, and the two layer numbers.
    nearest
        For either layer whether pixels were given to the nearest concept, because it was not searched for concepts.
    rows
        Ids of the concepts, those with most pixels first.
    columns
        The same in the same order, and :data:`NONE`.
    probabilities
        (rows, columns) ``P(A → B)``; NaN in rows without a pixel.
    counts
        (rows,) pixels in each concept of the one layer.
    n_pixels
        Pixels that were followed.
    n_left_out
        Concepts that have too few pixels to be shown.
    pixels, begin, end
        The nodes of the one layer that were followed, and the id of the concept of each there and in the next.
    """

    network: str
    layers: tuple[int, int]
    nearest: tuple[bool, bool]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    probabilities: NDArray[np.float64]
    counts: IntArray
    n_pixels: int
    n_left_out: int
    pixels: IntArray
    begin: IntArray
    end: IntArray

    def pixels_from_to(self, a: int, b: int) -> IntArray:
        """Nodes of the one layer that are in one concept there and in the other in the next."""
        chosen: IntArray = self.pixels[(self.begin == a) & (self.end == b)]
        return chosen


def transitions_between(
    concepts: "ConceptSet",
    labels: NDArray[np.int32],
    eigenvectors: Any,
    network: str,
    layer: int,
    nodes: IntArray | None = None,
) -> Transitions | None:
    """Transitions from a layer to the next one that the cut has.

    Pixels of a layer that was searched are in the concepts that were found there; those of another layer are given to
    the concept that they are nearest to, by the eigenvectors.

    Parameters
    ----------
    concepts
        The concepts.
    labels
        Of every node, ``concepts.labels``.
    eigenvectors
        (N, k) of the cut.
    network, layer
        Where they begin.
    nodes
        Only the places of these nodes; None follows all pixels.

    Returns
    -------
    Transitions or None
        None where there is no next layer, or none of the pixels is in a concept.
    """
    from ...concepts.transitions import transition_counts

    index = concepts.index
    held = index.network(network).layers
    if layer not in held or held.index(layer) + 1 >= len(held):
        return None
    following = held[held.index(layer) + 1]
    here, there = _pixels_of(index, network, layer, following, nodes)
    ids = np.array([*(concept.id for concept in concepts.concepts), NONE], dtype=np.int64)
    found, nearest = [], []
    for number, part in ((layer, here), (following, there)):
        searched = concepts.was_searched(network, number)
        found.append(labels[part] if searched else _nearest(eigenvectors, labels, len(ids) - 1, part))
        nearest.append(not searched)
    a, b = found
    counts = transition_counts(a, b, len(ids) - 1, len(ids) - 1)
    sizes = counts.sum(axis=1)
    both = np.maximum(sizes, counts[:, :-1].sum(axis=0))
    chosen = np.argsort(-both, kind="stable")
    chosen = chosen[both[chosen] > 0]
    if not len(chosen) or not sizes.any():
        return None
    kept = chosen[:MOST_CONCEPTS]
    table = counts[np.ix_(kept, [*kept, len(ids) - 1])]
    totals = sizes[kept, None]
    return Transitions(
        network,
        (layer, following),
        (nearest[0], nearest[1]),
        tuple(ids[kept].tolist()),
        (*ids[kept].tolist(), NONE),
        np.divide(table, totals, out=np.full_like(table, np.nan), where=totals > 0),
        sizes[kept].astype(np.int64),
        len(here),
        len(chosen) - len(kept),
        here,
        ids[a],
        ids[b],
    )


def _nearest(eigenvectors: Any, labels: NDArray[np.int32], n_concepts: int, nodes: IntArray) -> NDArray[np.int32]:
    from ...concepts.nearest import nearest_concepts

    own, position = np.unique(nodes, return_inverse=True)
    return nearest_concepts(eigenvectors, labels, n_concepts, own)[position]


def _pixels_of(
    index: "NodeIndex", network: str, layer: int, following: int, nodes: IntArray | None
) -> tuple[IntArray, IntArray]:
    """Patch nodes of a layer, and the nodes at their places in another layer of the network."""
    if nodes is None:
        here = index.select(networks=[network], layers=[layer], patches_only=True)
    else:
        patches = nodes[index.locate(nodes).row >= 0]
        here = np.unique(index.same_places(patches, network, layer))
    return here, index.same_places(here, network, following)
