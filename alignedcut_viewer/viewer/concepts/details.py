"""What the Concepts panel shows beyond names, computed away from the window. Knows neither Qt nor napari."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...progress import ProgressCallback, report

if TYPE_CHECKING:
    from ...study.concept_set import Concept, ConceptSet
    from ...study.cut import Cut
    from ...study.study import Study

__all__ = ["ConceptDetails", "concept_details", "detail_key", "ordered", "spelled_layers", "spelled_search"]

N_CROPS = 6
CROP_SIZE = 128
SORTS = {"size": "largest first", "name": "by name", "layer": "earliest layer first", "pinned": "pinned first"}

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ConceptDetails:
    """What takes a look at all members, or at pictures.

    Attributes
    ----------
    pictures
        Number of pictures that hold members.
    layers
        Layer numbers of members, ascending.
    networks
        Names of the networks of members.
    nodes
        Members that show the concept best, one a picture, best first.
    crops
        Pictures around them, uint8 (size, size, 3).
    """

    pictures: int
    layers: tuple[int, ...]
    networks: tuple[str, ...]
    nodes: IntArray
    crops: tuple[NDArray[np.uint8], ...]


def detail_key(cut: "Cut", concept: "Concept") -> tuple[Any, ...]:
    """Names what :func:`concept_details` would give: it stays the same when a concept is renamed or pinned."""
    return cut.identity, concept.centre, concept.size, concept.parts


def concept_details(
    study: "Study", cut: "Cut", concepts: "Sequence[Concept]", progress: ProgressCallback | None = None
) -> dict[tuple[Any, ...], ConceptDetails]:
    """Details of some concepts; pictures that cannot be read are left out."""
    from ...errors import AlignedCutError
    from ...pipeline.concept_stage import concept_crops, representative_nodes

    names = [network.name for network in cut.index.networks]
    found = {}
    for number, concept in enumerate(concepts):
        report(progress, number, len(concepts), f"looking at {concept.name}")
        place = cut.index.locate(concept.members)
        nodes, crops = [], []
        for node in representative_nodes(cut, concept, N_CROPS):
            try:
                crops += concept_crops(study, cut, np.array([node]), CROP_SIZE)
                nodes.append(int(node))
            except (AlignedCutError, OSError):
                continue
        found[detail_key(cut, concept)] = ConceptDetails(
            pictures=len(np.unique(place.image)),
            layers=tuple(int(layer) for layer in np.unique(place.layer)),
            networks=tuple(names[n] for n in np.unique(place.network)),
            nodes=np.array(nodes, dtype=np.int64),
            crops=tuple(crops),
        )
    return found


def spelled_layers(layers: Sequence[int]) -> str:
    """Layers in words: "layer 3", "layers 3–8, 11"."""
    runs: list[list[int]] = []
    for layer in layers:
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    parts = [str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]
    return f"layer{'s' * (len(layers) != 1)} {', '.join(parts)}"


def ordered(
    concepts: "Iterable[Concept]", sort: str, words: str, first_layers: "dict[int, int] | None" = None
) -> "list[Concept]":
    """Concepts whose name holds all the words, in an order.

    Parameters
    ----------
    concepts
        All of them.
    sort
        A key of ``SORTS``.
    words
        What names must hold, in any case.
    first_layers
        First layer of each concept by id, as far as known.
    """
    wanted = words.lower().split()
    kept = [concept for concept in concepts if all(word in concept.name.lower() for word in wanted)]
    known = first_layers or {}
    keys: dict[str, Any] = {
        "size": lambda c: (-c.size, c.id),
        "name": lambda c: (c.name.lower(), c.id),
        "layer": lambda c: (known.get(c.id, 10**6), -c.size),
        "pinned": lambda c: (not c.pinned, -c.size),
    }
    return sorted(kept, key=keys[sort])


def spelled_search(concepts: "ConceptSet") -> str:
    """Where concepts were sought, in words: "vit, layer 8"."""
    index = concepts.index
    parts = []
    for network in index.networks:
        layers = [layer for layer in network.layers if concepts.was_searched(network.name, layer)]
        if layers:
            parts.append(network.name + (f", {spelled_layers(layers)}" if len(layers) < len(network.layers) else ""))
    return "; ".join(parts) if len(parts) < 3 else f"{len(parts)} networks"
