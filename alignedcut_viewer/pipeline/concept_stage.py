"""Concepts of a study: discovered in the embedding of a cut, kept with it, shown as crops of its pictures."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import digest_of
from ..errors import InputError, StudyError
from ..images.crops import token_crop
from ..parameters import real, seed, whole
from ..progress import ProgressCallback, report, span
from ..study.concept_set import COPY, Concept, ConceptSet, searched_nodes, writing_store
from ..study.cut import Cut
from ..study.cut_names import CONCEPTS, CUTS, attach_concepts
from ..study.study import Study
from ..versions import software_version
from .setting_values import Settings, numbers, set_nodes, set_value

if TYPE_CHECKING:
    from ..concepts import Concepts
    from ..store import Store
    from ..study.node_features import NodeFeatures

__all__ = [
    "ConceptSettings",
    "aligned_features",
    "concept_crops",
    "cut_map",
    "discover_concepts",
    "representative_nodes",
    "save_concepts",
]


@dataclass(frozen=True)
class ConceptSettings(Settings):
    """Which concepts are looked for, and how; see :func:`alignedcut_viewer.concepts.discover`.

    Parameters
    ----------
    networks, layers, images
        Nodes that take part: names of feature sets of the cut, layer numbers (for all or by network), image numbers;
        None takes all. The paper's category concepts are those of one layer.
    class_token
        Whether class tokens take part, which lie nowhere in a picture.
    radius
        Of the spheres in units of the embedding, or ``"auto"``.
    n_concepts
        How many, at most; None chooses by the data.
    climb
        Whether centres climb to where nodes are densest.
    min_size
        Members that a concept has at least.
    statistics_nodes
        Members of each concept whose channels are averaged, at most; None takes all, 0 leaves statistics out.
    seed
        Of all draws.
    """

    networks: tuple[str, ...] | None = None
    layers: tuple[int, ...] | Mapping[str, tuple[int, ...]] | None = None
    images: tuple[int, ...] | None = None
    class_token: bool = False
    radius: float | str = "auto"
    n_concepts: int | None = None
    climb: bool = True
    min_size: int = 10
    statistics_nodes: int | None = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        set_nodes(self, self.networks, self.layers)
        set_value(self, "images", numbers("images", self.images))
        real("radius", self.radius, above=0, unless="auto")
        whole("n_concepts", self.n_concepts, 1, unless=None)
        whole("min_size", self.min_size, 1)
        whole("statistics_nodes", self.statistics_nodes, 0, unless=None)
        seed(self.seed)


def discover_concepts(
    study: Study,
    cut_name: str = "default",
    settings: ConceptSettings | None = None,
    progress: ProgressCallback | None = None,
    *,
    name: str | None = None,
) -> ConceptSet:
    """Discover the concepts of a cut and keep them with it, beside those that were discovered before.

    Concepts that the user pinned stay with all their members; of the others those that overlap by more than half with
    an earlier one keep its id, and its name where the user gave one. The same settings again, without a pin in between,
    give back what is there, names and merges included.

    Parameters
    ----------
    study
        The study; where it is opened for reading, it is locked for the moment of storing.
    cut_name
        Which cut.
    settings
        What to look for, and how.
    progress
        Called all along.
    name
        What they are called; None takes a name that is free: ``concepts``, ``concepts 2``, …

    Returns
    -------
    ConceptSet
        The concepts, now those of the cut.

    Raises
    ------
    InputError
        If a setting does not fit, no concept has members enough, or the name is taken.
    StudyError
        If there is no such cut, or the study cannot be written.
    """
    from ..concepts import channel_statistics, discover

    settings = settings or ConceptSettings()
    cut = study.cut(cut_name)
    before = cut.concepts
    pinned = [] if before is None else [concept for concept in before.concepts if concept.pinned]
    recipe = {
        "embedding": cut.identity.rsplit("/", 1)[1],
        "settings": settings.as_dict(),
        "software": software_version(),
        "pinned": [digest_of(concept.members.tolist())[:16] for concept in pinned],
    }
    part = f"{CONCEPTS}-{digest_of(recipe)[:16]}"
    known = _known(cut, before, part, recipe)
    if known is not None:
        report(progress, 1, 1, "Concepts are there")
        with contextlib.suppress(StudyError), writing_store(study.store) as store:
            attach_concepts(store, cut_name, known.identity.rpartition("/")[2])
        return known
    if name is not None and name in cut.concept_sets:
        raise InputError(f"There are concepts {name!r} already; choose another name.")
    nodes = _chosen(cut, settings)
    found = discover(
        cut.embedding,
        radius="auto" if settings.radius == "auto" else float(settings.radius),
        n_concepts=settings.n_concepts,
        nodes=nodes,
        climb=settings.climb,
        min_size=settings.min_size,
        seed=settings.seed,
        progress=span(progress, 0.0, 0.3),
    )
    all_parts = _with_pinned(found, pinned)
    if not len(all_parts):
        raise InputError(
            f"No sphere of radius {found.radius:.3g} holds {settings.min_size} nodes; choose a larger radius, or "
            "concepts of fewer nodes."
        )
    entries, next_id = _entries(cut, all_parts, pinned, before)
    statistics = None
    if settings.statistics_nodes != 0:
        features = aligned_features(study, cut)
        statistics = channel_statistics(
            features,
            all_parts,
            most=settings.statistics_nodes,
            seed=settings.seed,
            progress=span(progress, 0.3, 0.95),
        )
    group = f"{CUTS}/{cut.group}/{part}"
    attributes = {"recipe": recipe, "concepts": entries, "next_id": next_id, "radius": found.radius}
    with writing_store(study.store) as store:
        if store.exists(group):
            store.remove(group)
        with store.building(group, attributes):
            save_concepts(store, group, all_parts, statistics)
        attach_concepts(store, cut_name, part, name)
    report(progress, 1, 1, "Finished")
    result = study.cut(cut_name).concepts
    assert result is not None
    return result


def _known(cut: Cut, before: ConceptSet | None, part: str, recipe: Mapping[str, Any]) -> ConceptSet | None:
    """Concepts of the cut that were discovered in this very way, those that are shown first."""
    sets = [] if before is None else [before, *(cut.concept_set(each) for each in cut.concept_sets)]
    return next((one for one in sets if one.identity.endswith(part) or _same(one, recipe)), None)


def save_concepts(
    store: Store, group: str, parts: Concepts, statistics: tuple[NDArray[np.float32], NDArray[np.float32]] | None
) -> None:
    """Write the arrays of concepts into a group that is being built, as :class:`ConceptSet` reads them."""
    for ending in ("", COPY):
        store.save_array(f"{group}/order{ending}", parts.order)
        store.save_array(f"{group}/starts{ending}", parts.starts)
    if statistics is not None:
        store.save_array(f"{group}/means", statistics[0])
        store.save_array(f"{group}/stds", statistics[1])
        store.save_array(f"{group}/counts", parts.sizes)


def _same(old: ConceptSet, new: Mapping[str, Any]) -> bool:
    """Whether concepts were discovered under these settings, and hold what is pinned themselves."""
    recipe = old.recipe
    if "carried_from" in recipe or any(recipe.get(key) != new[key] for key in ("embedding", "settings", "software")):
        return False
    return set(new["pinned"]) <= {digest_of(concept.members.tolist())[:16] for concept in old.concepts}


def _chosen(cut: Cut, settings: ConceptSettings) -> NDArray[np.int64]:
    for network in settings.networks or ():
        cut.index.network(network)  # says which there are
    nodes = searched_nodes(cut.index, settings.as_dict())
    if not len(nodes):
        raise InputError("No node of the cut fits this choice of networks, layers and pictures.")
    return nodes


def _with_pinned(found: Concepts, pinned: list[Concept]) -> Concepts:
    """The pinned concepts first, then those discovered, of which none takes a pinned node."""
    from ..concepts import Concepts

    if not pinned:
        return found
    labels = np.where(found.labels >= 0, found.labels + len(pinned), -1).astype(np.int32)
    taken = np.zeros(len(found), dtype=np.int64)
    for position, concept in enumerate(pinned):
        under = found.labels[concept.members]
        taken += np.bincount(under[under >= 0], minlength=len(found))
        labels[concept.members] = position
    # What is more than half pinned already is no concept of its own.
    kept = np.flatnonzero(2 * taken <= found.sizes)
    rank = np.full(len(pinned) + len(found) + 1, -1, dtype=np.int32)
    rank[: len(pinned)] = np.arange(len(pinned))
    rank[kept + len(pinned)] = len(pinned) + np.arange(len(kept), dtype=np.int32)
    return Concepts(
        np.arange(1, len(pinned) + len(kept) + 1, dtype=np.int64),
        np.concatenate([[concept.centre for concept in pinned], found.centres[kept]]).astype(np.int64),
        found.places[kept],
        found.radius,
        rank[labels],
    )


def _entries(
    cut: Cut, found: Concepts, pinned: list[Concept], before: ConceptSet | None
) -> tuple[list[dict[str, Any]], int]:
    """What is kept of each concept: ids and names go over from earlier ones, and the first id that is free."""
    from ..concepts import match_ids

    next_id, old_names = 1, dict[int, str]()
    ids = found.ids.copy()
    if before is not None:
        next_id, old_names = before.next_id, before.names
        ids = match_ids(found.labels, before.labels, [c.id for c in before.concepts], next_id=next_id)
        for position, concept in enumerate(pinned):
            ids[position] = concept.id
    kept_names = {concept.id: concept.name for concept in pinned}
    entries = []
    for position in range(len(found)):
        id, members = int(ids[position]), found.members(position)
        is_pinned = position < len(pinned)
        name = kept_names.get(id) or old_names.get(id)
        entries.append(
            {
                "id": id,
                "name": name or f"Concept {id}",
                "named": name is not None,
                "centre": int(found.centres[position]),
                "colour": [round(float(v)) for v in np.asarray(cut.rgb[members], dtype=np.float64).mean(axis=0)],
                "radius": pinned[position].radius if is_pinned else float(found.radius),
                "pinned": is_pinned,
                "parts": [position],
            }
        )
    return entries, max(next_id, int(ids.max(initial=0)) + 1)


def aligned_features(study: Study, cut: Cut) -> NodeFeatures:
    """Features of a cut's nodes in its common channel space, as a stream.

    Parameters
    ----------
    study
        The study.
    cut
        One of its cuts; the alignment that it was made with is applied.
    """
    name = cut.recipe["cut"]["alignment"]
    if name is None:
        return study.node_features(cut.index)
    from .alignment_stage import load_alignment  # brings torch

    return study.node_features(cut.index, load_alignment(study, name))


def cut_map(study: Study, cut_name: str, progress: ProgressCallback | None = None) -> NDArray[np.float32]:
    """The plane of a cut, (N, 2): the one that is kept with it, else computed now, and kept."""
    from .map_stage import spectral_map

    kept = study.cut(cut_name).map2d
    if kept is not None:
        report(progress, 1, 1, "The map is there")
        return kept
    plane: NDArray[np.float32]
    if study.writable:
        plane = spectral_map(study, cut_name, None, progress)
        return plane
    # A study that may not be written now, for whatever reason, still has a map; it is only not kept.
    with contextlib.suppress(StudyError), Study.open(study.path, writable=True) as own:
        plane = spectral_map(own, cut_name, None, progress)
        return plane
    plane = spectral_map(study, cut_name, None, progress)
    return plane


def representative_nodes(cut: Cut, concept: Concept, count: int = 9) -> NDArray[np.int64]:
    """The members that show a concept best: nearest in direction to its mean eigenvector row, one a picture.

    Parameters
    ----------
    cut
        The cut that the concept belongs to.
    concept
        The concept.
    count
        How many, at most.

    Returns
    -------
    array
        int64 node numbers, best first; patches only.
    """
    from ..concepts import representatives

    location = cut.index.locate(concept.members)
    patches = location.row >= 0
    members = np.asarray(concept.members, dtype=np.int64)
    shown: NDArray[np.int64] = representatives(cut.eigenvectors, members[patches], location.image[patches], count)
    return shown


def concept_crops(
    study: Study,
    cut: Cut,
    nodes: NDArray[np.int64],
    size: int = 96,
    context: float = 5.0,
    progress: ProgressCallback | None = None,
) -> list[NDArray[np.uint8]]:
    """A square crop of the picture around each of some nodes.

    Parameters
    ----------
    study
        The study.
    cut
        One of its cuts.
    nodes
        Node numbers of patches, such as :func:`representative_nodes` gives.
    size
        Side of the crops in pixels.
    context
        Side of what is shown, in patches; the node's own patch is in the middle as far as the picture reaches.
    progress
        Called after every crop.

    Returns
    -------
    list of array
        uint8 (size, size, 3), in the order of the nodes.

    Raises
    ------
    InputError
        If a node is a class token.
    PictureError
        If a picture is gone.
    """
    location = cut.index.locate(nodes)
    if (location.row < 0).any():
        raise InputError("A class token lies nowhere in its picture and cannot be cropped.")
    crops = []
    for i in range(len(location.image)):
        grid = cut.index.grid(cut.index.networks[int(location.network[i])].name, int(location.layer[i]))
        picture = study.picture(int(location.image[i]))
        crops.append(token_crop(picture, grid, int(location.row[i]), int(location.column[i]), size, context)[0])
        report(progress, i + 1, len(location.image), "Crops")
    return crops
