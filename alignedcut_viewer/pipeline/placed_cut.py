"""The groups of a cut with some pictures more or fewer: rows are copied, those of new pictures put among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..array_files import ARRAYS
from ..atomic_files import digest_of
from ..node_ranges import counterparts
from ..nodes import NodeIndex
from ..study.brain_activation import BRAIN_ACTIVATION
from ..study.concept_set import COPY, ConceptSet, searched_nodes
from ..study.cut import Cut
from ..study.cut_names import COLOUR, CONCEPTS, CUTS, MAP, current_cuts, regroup_cut
from ..study.placed_pictures import PLACED, PlacedPictures
from ..study.study import Study
from ..versions import software_version

if TYPE_CHECKING:
    from ..store import Store
    from .cut_placer import PlacedRows

__all__ = ["Regrouped", "publish", "regroup", "write_rows_again"]


@dataclass(frozen=True)
class Regrouped:
    """Groups that are complete, and that no name refers to yet.

    Attributes
    ----------
    entry
        Groups of eigenvectors, colours, map and of the concepts that are shown.
    sets
        Groups of all concepts by name.
    """

    entry: dict[str, str]
    sets: dict[str, str]


def publish(study: Study, name: str, groups: Regrouped) -> Cut:
    """Make groups the cut of a name in one step, and remove those that no name refers to any more."""
    regroup_cut(study.store, name, groups.entry, groups.sets)
    return study.cut(name)


def regroup(
    study: Study,
    name: str,
    images: Sequence[int],
    rows: Sequence[PlacedRows] = (),
    coverage: Mapping[int, float | None] | None = None,
    digests: Mapping[int, str] | None = None,
    brought: Sequence[int] = (),
) -> Regrouped:
    """Write the groups of a cut with other pictures placed in it.

    Parameters
    ----------
    study
        Open for writing.
    name
        Name of the cut.
    images
        Numbers of the pictures it is to have: those of the cut that was made, then those that are placed, first those
        that are already, then the new ones.
    rows
        What the new ones add, in their order.
    coverage
        Of each new one.
    digests
        sha256 of the files of new ones, which the study may not know yet.
    brought
        Those of the new ones that the study does not know yet.
    """
    cut, store = study.cut(name), study.store
    old = dict(current_cuts(store)[name])
    placed = cut.placed or PlacedPictures(old)
    shares = {**placed.coverage, **(coverage or {})}
    made_of = dict(placed.of)
    made = NodeIndex.from_dict(store.attributes(f"{CUTS}/{made_of['cut']}")["index"])
    index = NodeIndex(cut.index.networks, images)
    if index == made:
        carried = _Carried(store, cut, index, made_of)
        sets = carried.concepts()
        return Regrouped(_with_shown(made_of, old, carried, sets), sets)
    attributes = store.attributes(f"{CUTS}/{old['cut']}")
    known = [image for image in images if image not in (digests or {})]
    contents = dict(zip(known, study.picture_digests(known), strict=True)) | dict(digests or {})
    recipe = {
        **attributes["recipe"],
        "index": digest_of(index.as_dict()),
        "pictures": digest_of([contents[image] for image in images]),
        PLACED: [image for image in images if image not in made.images],
    }
    group = f"{PLACED}-{digest_of([made_of, recipe, software_version()])[:16]}"
    entry = {**{kind: old[kind] for kind in (COLOUR, MAP) if kind in old}, "cut": group}
    path = f"{CUTS}/{group}"
    left = store.attributes(path)[PLACED] if store.exists(path) else None
    if left is not None:  # by a run that was stopped, perhaps when the study knew its pictures already
        brought = [*brought, *PlacedPictures.from_dict(left).brought]
    carried = _Carried(store, cut, index, entry, rows)
    now = {image: shares[image] for image in recipe[PLACED]}
    by_placing = {*placed.brought, *brought}
    new = PlacedPictures(made_of, now, tuple(image for image in now if image in by_placing))
    kept = {key: value for key, value in attributes.items() if key not in (ARRAYS, PLACED)}
    with store.building(path, {**kept, "recipe": recipe, "index": index.as_dict(), PLACED: new.as_dict()}):
        carried.save("eigenvectors", "eigenvectors")
        store.save_array(f"{path}/eigenvalues", np.asarray(cut.eigenvalues))
    carried.parts_of_rows(entry)
    sets = carried.concepts()
    return Regrouped(_with_shown(entry, old, carried, sets), sets)


def write_rows_again(study: Study, name: str, rows: Sequence[PlacedRows]) -> None:
    """Write the arrays of a cut with placed pictures in their places again; concepts stay as they are.

    Parameters
    ----------
    study
        Open for writing.
    name
        Name of the cut.
    rows
        Of the pictures that were placed, in their order; those of the others are taken from the cut that was made.
    """
    cut, store = study.cut(name), study.store
    if cut.placed is None:
        return
    entry = current_cuts(store)[name]
    made = Cut(store, name, f"{CUTS}/{cut.placed.of['cut']}", cut.placed.of[COLOUR])
    carried = _Carried(store, made, cut.index, entry, rows)
    path = f"{CUTS}/{cut.group}"
    with store.building(path, dict(store.attributes(path))):
        carried.save("eigenvectors", "eigenvectors")
        store.save_array(f"{path}/eigenvalues", np.asarray(made.eigenvalues))
    carried.parts_of_rows(entry)


def _with_shown(entry: dict[str, str], old: dict[str, str], carried: _Carried, sets: dict[str, str]) -> dict[str, str]:
    """An entry with the concepts that are shown, which are the same as before."""
    entry = {kind: part for kind, part in entry.items() if kind != CONCEPTS}
    shown = next((name for name, part in carried.former.items() if part == old.get(CONCEPTS)), None)
    return entry if shown not in sets else {**entry, CONCEPTS: sets[str(shown)]}


class _Carried:
    """What goes over from the groups of a cut to those with other pictures."""

    def __init__(
        self, store: Store, cut: Cut, index: NodeIndex, entry: Mapping[str, str], rows: Sequence[PlacedRows] = ()
    ) -> None:
        self._store, self._cut, self._index, self._rows = store, cut, index, rows
        self._from, self._to = f"{CUTS}/{cut.group}", f"{CUTS}/{entry['cut']}"
        self._colour = entry[COLOUR]
        there = {image: position for position, image in enumerate(cut.index.images)}
        self._kept = [there[image] for image in index.images if image in there]
        self._new = [image for image in index.images if image not in there]
        parts = {name: cut.concept_set(name).identity.rpartition("/")[2] for name in cut.concept_sets}
        self.former: dict[str, str] = parts

    def save(self, name: str, of_rows: str) -> None:
        """Write an array with one row a node."""
        values = self._store.view(f"{self._from}/{name}")
        shape = (len(self._index), *values.shape[1:])
        self._store.save_rows(f"{self._to}/{name}", shape, values.dtype, self._merged(values, of_rows))

    def _merged(self, values: NDArray[Any], of_rows: str) -> Iterator[NDArray[Any]]:
        every = self._kept == list(range(len(self._cut.index.images)))
        for slot, nodes in self._cut.index.iter_slots():
            block = values[nodes]
            if not every:
                tokens = self._cut.index.grid(*slot).n_tokens
                block = block.reshape(-1, tokens, *values.shape[1:])[self._kept].reshape(-1, *values.shape[1:])
            yield np.asarray(block)
            for rows in self._rows:
                new = getattr(rows, of_rows)[rows.index.slot_slice(*slot)]
                yield np.asarray(new, dtype=values.dtype)

    def parts_of_rows(self, entry: Mapping[str, str]) -> None:
        """Write colours, the map and brain activation, as far as the cut has them."""
        self.part(entry[COLOUR], {"embedding": "embedding", "rgb": "rgb"})
        if MAP in entry:
            self.part(entry[MAP], {"places": "places"})
        self.brain()

    def part(self, part: str, arrays: Mapping[str, str]) -> None:
        """Write a part of the group whose arrays all have one row a node."""
        attributes = self._store.attributes(f"{self._from}/{part}")
        kept = {key: value for key, value in attributes.items() if key != ARRAYS}
        with self._store.building(f"{self._to}/{part}", kept):
            for name, of_rows in arrays.items():
                self.save(f"{part}/{name}", of_rows)

    def brain(self) -> None:
        """Write the activation of brain regions, where the cut has it; the rest of it stays with the cut that was made.

        Means that activation is told about stay those of the cut that was made.
        """
        group, name = f"{self._from}/{BRAIN_ACTIVATION}", BRAIN_ACTIVATION
        if not self._store.exists(group) or any(rows.regions is None for rows in self._rows):
            return
        attributes = self._store.attributes(group)
        if "of" in attributes:
            means = {each: self._store.view(f"{group}/{each}") for each in ("slot_means", "slot_shares")}
        elif (activation := self._cut.brain_activation) is not None:
            means = activation.slot_means
        else:
            return  # of an earlier version, which kept less
        kept = {key: value for key, value in attributes.items() if key != ARRAYS}
        with self._store.building(f"{self._to}/{name}", {**kept, "of": kept.get("of", group)}):
            self.save(f"{name}/table", "regions")
            for each, values in means.items():
                self._store.save_array(f"{self._to}/{name}/{each}", np.asarray(values))

    # -- concepts ------------------------------------------------------------------------------------------------

    def concepts(self) -> dict[str, str]:
        """Write all concepts of the cut, new tokens among their members; the new groups by name."""
        found = {}
        for name in self.former:
            part = self._concepts(self._cut.concept_set(name))
            if part is not None:
                found[name] = part
        return found

    def _concepts(self, concepts: ConceptSet) -> str | None:
        old = self._cut.index
        embedding = self._store.view(f"{self._to}/{self._colour}/embedding")
        numbers = counterparts(np.arange(len(old), dtype=np.int64), old, self._index)
        spheres = [numbers[members] for members in concepts.spheres]
        spheres = [np.sort(members[members >= 0]) for members in spheres]
        entries = [dict(entry) for entry in concepts.edits]
        for entry in entries:
            entry["centre"] = int(numbers[entry["centre"]])
            entry["parts"] = [part for part in entry["parts"] if len(spheres[part])]
            if entry["centre"] < 0 and entry["parts"]:  # it lay in a picture that is taken out
                members = np.concatenate([spheres[part] for part in entry["parts"]])
                places = np.asarray(embedding[members], dtype=np.float64)
                entry["centre"] = int(members[np.square(places - places.mean(axis=0)).sum(axis=1).argmin()])
        entries = [entry for entry in entries if entry["parts"]]
        if not entries:
            return None
        if self._new:
            self._join(spheres, embedding, concepts.recipe.get("settings", {}))
        recipe = concepts.recipe
        part = f"{CONCEPTS}-{digest_of([recipe, entries, self._to])[:16]}"
        path = f"{self._to}/{part}"
        if self._store.exists(path):
            return part
        attributes = self._store.attributes(concepts.identity)
        kept = {key: value for key, value in attributes.items() if key != ARRAYS}
        with self._store.building(path, {**kept, "concepts": entries}):
            for ending in ("", COPY):
                self._store.save_array(f"{path}/order{ending}", np.concatenate(spheres))
                starts = np.cumsum([0, *(len(members) for members in spheres)])
                self._store.save_array(f"{path}/starts{ending}", starts.astype(np.int64))
            for name in ("means", "stds", "counts"):  # of the pictures that they were discovered in
                if self._store.exists(f"{concepts.identity}/{name}"):
                    self._store.save_array(
                        f"{path}/{name}", np.asarray(self._store.view(f"{concepts.identity}/{name}"))
                    )
        return part

    def _join(
        self, spheres: list[NDArray[np.int64]], embedding: NDArray[np.float32], settings: Mapping[str, Any]
    ) -> None:
        """Put each new token into the sphere of the nearest token among those that concepts were sought in."""
        from scipy.spatial import KDTree

        searched = searched_nodes(self._index, settings)
        is_new = np.isin(self._index.locate(searched).image, self._new)
        nodes, known = searched[is_new], searched[~is_new]
        if not len(nodes) or not len(known):
            return
        sphere = np.full(len(self._index), -1, dtype=np.int32)
        for number, members in enumerate(spheres):
            sphere[members] = number
        tree = KDTree(embedding[known], compact_nodes=False, balanced_tree=False)
        joined = sphere[known[tree.query(embedding[nodes])[1]]]
        for number in np.unique(joined[joined >= 0]):
            spheres[number] = np.sort(np.concatenate([spheres[number], nodes[joined == number]]))
