"""What a user made of a cut's concepts goes over to the cut that takes its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import digest_of
from ..errors import StudyError
from ..node_ranges import translate
from ..nodes import NodeIndex
from ..progress import ProgressCallback
from ..study.concept_set import Concept, ConceptSet
from ..study.cut import Cut
from ..study.cut_names import CONCEPTS, CUTS
from ..study.study import Study
from ..versions import software_version
from .alignment_stage import load_alignment
from .concept_stage import save_concepts

__all__ = ["Carried", "carry_concepts"]


@dataclass(frozen=True)
class Carried:
    """What publishing a cut needs to know of the concepts of the one before.

    Attributes
    ----------
    part
        Name of the complete part of the new cut's group that holds them; None where there is nothing to carry.
    earlier
        Name under which the earlier cut must stay, because concepts reach nodes that the new one does not have; None
        where it need not.
    notes
        What the user should know, one sentence each.
    """

    part: str | None = None
    earlier: str | None = None
    notes: tuple[str, ...] = ()


def carry_concepts(study: Study, name: str, group: str, colour: str, progress: ProgressCallback | None) -> Carried:
    """Bring the concepts that a user named, pinned or merged over to the nodes of a new cut.

    Parameters
    ----------
    study
        Open for writing; the cut of that name is still the earlier one.
    name
        Name of the cut.
    group, colour
        Groups that hold the new eigenvectors and, inside it, colours; both complete.
    progress
        Called while statistics of their channels are computed.

    Returns
    -------
    Carried
        What to publish with the new cut.
    """
    if name not in study.cuts:
        return Carried()
    try:
        old = study.cut(name)
        if old.identity == f"{CUTS}/{group}/{colour}":
            return Carried()  # it stays as it is, concepts and all
        concepts = old.concepts
    except StudyError as error:
        if CONCEPTS not in study.store.attributes(CUTS)["current"][name]:
            return Carried()
        earlier = _free_name(study, name)
        return Carried(
            None, earlier, (f"The concepts of the earlier cut, now called {earlier!r}, are damaged: {error}",)
        )
    if concepts is None:
        return Carried()
    kept = [concept for concept in concepts.concepts if _is_the_users(concept, concepts.names)]
    others = [n for n in old.concept_sets if n != old.concept_set_name and _is_edited(old.concept_set(n))]
    if not kept and not others:
        return Carried()
    index = NodeIndex.from_dict(study.store.attributes(f"{CUTS}/{group}")["index"])
    members = [translate(concept.members, old.index, index) for concept in kept]
    part = None
    if any(len(nodes) for nodes in members):
        part = _store(study, old, group, colour, index, kept, members, progress)
    lost = [concept.name for concept, nodes in zip(kept, members, strict=True) if len(nodes) < concept.size]
    if not lost and not others:
        return Carried(part)
    earlier = _free_name(study, name)
    if not lost:
        also = ", ".join(map(repr, others))
        return Carried(part, earlier, (f"The concepts {also} stay with the earlier cut, now called {earlier!r}.",))
    named = ", ".join(f"“{each}”" for each in lost[:5]) + (" …" if len(lost) > 5 else "")
    what = "1 concept reaches" if len(lost) == 1 else f"{len(lost)} concepts reach"
    note = (
        f"{what} nodes that this cut does not have ({named}); whole, they stay with the earlier cut, which is now "
        f"called {earlier!r}."
    )
    return Carried(part, earlier, (note,))


def _is_the_users(concept: Concept, names: dict[int, str]) -> bool:
    return concept.pinned or concept.id in names or len(concept.parts) > 1


def _is_edited(concepts: ConceptSet) -> bool:
    return any(_is_the_users(concept, concepts.names) for concept in concepts.concepts)


def _free_name(study: Study, name: str) -> str:
    earlier, number = f"{name}-before", 1
    while earlier in study.cuts:
        number += 1
        earlier = f"{name}-before-{number}"
    return earlier


def _store(
    study: Study,
    old: Cut,
    group: str,
    colour: str,
    index: NodeIndex,
    kept: list[Concept],
    members: list[NDArray[np.int64]],
    progress: ProgressCallback | None,
) -> str:
    """Keep concepts with the new cut, one part each; the name of the part that holds them."""
    from ..concepts import Concepts, channel_statistics

    before = old.concepts
    assert before is not None
    store, path = study.store, f"{CUTS}/{group}"
    embedding = store.view(f"{path}/{colour}/embedding")
    rgb = store.view(f"{path}/{colour}/rgb")
    found = [(concept, nodes) for concept, nodes in zip(kept, members, strict=True) if len(nodes)]
    labels = np.full(len(index), -1, dtype=np.int32)
    entries: list[dict[str, Any]] = []
    for position, (concept, nodes) in enumerate(found):
        labels[nodes] = position
        entries.append(
            {
                "id": concept.id,
                "name": concept.name,
                "named": concept.id in before.names,
                "centre": _centre(embedding, nodes, translate(np.array([concept.centre]), old.index, index)),
                "colour": [round(float(v)) for v in np.asarray(rgb[nodes], dtype=np.float64).mean(axis=0)],
                "radius": concept.radius,
                "pinned": concept.pinned,
                "parts": [position],
            }
        )
    centres = np.array([entry["centre"] for entry in entries], dtype=np.int64)
    together = Concepts(
        np.array([entry["id"] for entry in entries], dtype=np.int64),
        centres,
        np.asarray(embedding[centres], dtype=np.float32),
        max(concept.radius for concept, _ in found),
        labels,
    )
    recipe = {
        "embedding": colour,
        "settings": before.recipe["settings"],
        "software": software_version(),
        "pinned": [digest_of(nodes.tolist())[:16] for _, nodes in found],
        "carried_from": before.identity,
    }
    part = f"{CONCEPTS}-{digest_of([recipe, entries])[:16]}"
    most = before.recipe["settings"].get("statistics_nodes", 0)
    statistics = None
    if before.has_statistics and most != 0:
        alignment = store.attributes(path).get("alignment")
        features = study.node_features(index, None if alignment is None else load_alignment(study, alignment))
        statistics = channel_statistics(
            features, together, most=most, seed=int(before.recipe["settings"].get("seed", 0)), progress=progress
        )
    attributes = {"recipe": recipe, "concepts": entries, "next_id": before.next_id, "radius": together.radius}
    with store.building(f"{path}/{part}", attributes):
        save_concepts(store, f"{path}/{part}", together, statistics)
    return part


def _centre(embedding: NDArray[np.float32], nodes: NDArray[np.int64], old: NDArray[np.int64]) -> int:
    """The centre as it was, or the member nearest to the middle of those that are left."""
    if len(old):
        return int(old[0])
    places = np.asarray(embedding[nodes], dtype=np.float64)
    return int(nodes[np.square(places - places.mean(axis=0)).sum(axis=1).argmin()])
