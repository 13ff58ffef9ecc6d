"""Concepts named where they lie on the map, each with a picture of what it is. Knows neither Qt nor napari."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...progress import ProgressCallback
from ..frames.node_crops import NodeCrops

if TYPE_CHECKING:
    from ...study.concept_set import Concept

__all__ = ["MOST_LABELS", "Label", "labels_of"]

MOST_LABELS = 60


@dataclass(frozen=True, eq=False)
class Label:
    """The name of a concept beside a crop.

    Attributes
    ----------
    name
        What the concept is called.
    colour
        Of the concept, red, green, blue from 0 to 255.
    node
        The token that it stands at.
    count
        How many of the tokens that are seen are its.
    crop
        uint8 (h, w, 3): the picture around that token.
    """

    name: str
    colour: tuple[int, int, int]
    node: int
    count: int
    crop: NDArray[np.uint8]


def labels_of(
    concepts: "Iterable[Concept]",
    places: NDArray[np.float32],
    seen: NDArray[np.bool_],
    crops: NodeCrops,
    progress: ProgressCallback | None = None,
) -> list[Label]:
    """Labels of the concepts that have tokens among those that are seen, those with most of them first.

    A label stands at a token of its concept, the one nearest to the median of all that are seen: never where nothing
    lies, and its crop is of that token.

    Parameters
    ----------
    concepts
        The concepts.
    places
        (N, 2) of all tokens on the map.
    seen
        (N,) which are shown, and within reach.
    crops
        Reads crops, and keeps them.
    progress
        Told of every crop that is read.
    """
    found = []
    for concept in concepts:
        members = concept.members[seen[concept.members]]
        if len(members):
            at = places[members]
            nearest = np.square(at - np.median(at, axis=0)).sum(axis=1).argmin()
            found.append((len(members), int(members[nearest]), concept))
    found.sort(key=lambda each: -each[0])
    del found[MOST_LABELS:]
    crops.keep(crops.read([node for _, node, _ in found if crops.known(node) is None], progress))
    held = [(count, node, concept, crops.known(node)) for count, node, concept in found]
    return [
        Label(concept.name, concept.colour, node, count, crop.image)
        for count, node, concept, crop in held
        if crop is not None
    ]
