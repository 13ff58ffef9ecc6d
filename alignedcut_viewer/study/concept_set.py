"""The concepts of a cut, kept with it: what was discovered, and what the user made of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DamagedError, InputError, StudyError
from ..nodes import NodeIndex
from ..store import Store

__all__ = ["COPY", "Concept", "ConceptSet", "searched_nodes", "writing_store"]

COPY = "-copy"
"""Ending of the name of an array that is kept a second time."""

_Change = list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Concept:
    """One concept.

    Attributes
    ----------
    id
        Its number, which stays the same when others are merged, renamed or discovered anew.
    name
        What the user calls it; "Concept" and the number at first.
    centre
        Node number of the centre.
    members
        int64, node numbers, ascending.
    colour
        Mean AlignedCut colour of the members, red, green, blue from 0 to 255.
    radius
        Radius of the sphere in units of the embedding; of merged concepts the largest.
    pinned
        Whether it stays when concepts are discovered anew.
    parts
        Positions of the discovered spheres that it was merged of.
    """

    id: int
    name: str
    centre: int
    members: NDArray[np.int64]
    colour: tuple[int, int, int]
    radius: float
    pinned: bool
    parts: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of members."""
        return len(self.members)


class ConceptSet:
    """Concepts of one cut. Obtained from :attr:`alignedcut_viewer.study.Cut.concepts`.

    What was discovered never changes; names, merges and pins are kept beside it and replaced in one step, so that a
    killed program leaves either the old or the new. A study opened for reading is locked for the moment of the change.

    Parameters
    ----------
    store
        The study's store.
    group
        The group that holds them.
    index
        The nodes of the cut.
    """

    def __init__(self, store: Store, group: str, index: NodeIndex) -> None:
        self._store = store
        self._group = group
        self.index = index
        self._order: NDArray[np.integer[Any]] = self._either("order")
        self._starts: NDArray[np.int64] = np.asarray(self._either("starts"), dtype=np.int64)
        self._attributes = store.attributes(group)

    def _either(self, name: str) -> NDArray[Any]:
        """An array that is kept twice, because what a user pinned cannot be computed again."""
        copy = f"{self._group}/{name}{COPY}"
        try:
            return self._store.view(f"{self._group}/{name}")
        except DamagedError:
            if not self._store.exists(copy):
                raise
            return self._store.view(copy)

    def __repr__(self) -> str:
        return f"ConceptSet({len(self)} concepts, {int(self._starts[-1])} of {len(self.index)} nodes)"

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Concept]:
        return iter(self.concepts)

    def __getitem__(self, id: int) -> Concept:
        """The concept of that id (not position)."""
        for concept in self.concepts:
            if concept.id == id:
                return concept
        raise InputError(f"There is no concept {id}; there are: {', '.join(str(c.id) for c in self.concepts)}.")

    @property
    def identity(self) -> str:
        """Names what was discovered; it does not change by edits."""
        return self._group

    @property
    def recipe(self) -> dict[str, Any]:
        """How they were discovered: every setting, versions, the embedding they lie in."""
        recipe: dict[str, Any] = self._attributes["recipe"]
        return recipe

    @property
    def searched(self) -> NDArray[np.int64]:
        """Nodes among which they were sought, ascending."""
        return searched_nodes(self.index, self.recipe.get("settings", {}))

    def was_searched(self, network: str, layer: int) -> bool:
        """Whether they were sought in a layer of a network, too."""
        settings = self.recipe.get("settings", {})
        networks, layers = settings.get("networks"), settings.get("layers")
        if isinstance(layers, Mapping):
            layers = layers.get(network)
        return (networks is None or network in networks) and (layers is None or layer in layers)

    @property
    def next_id(self) -> int:
        """First id that no concept of this cut ever had."""
        return int(self._attributes["next_id"])

    @property
    def names(self) -> dict[int, str]:
        """Names that the user gave, by id."""
        return {int(e["id"]): str(e["name"]) for e in self._entries if e.get("named")}

    @property
    def _entries(self) -> _Change:
        # What was replaced by a new discovery stays readable as it last was.
        if self._store.exists(self._group):
            self._attributes = self._store.attributes(self._group)
        entries: _Change = self._attributes["concepts"]
        return entries

    @property
    def concepts(self) -> list[Concept]:
        """All concepts as they are now, the largest discovered first."""
        state = self._entries
        if self._known is None or self._known[0] is not state:
            self._known = (state, [self._concept(entry) for entry in state])
        return list(self._known[1])

    _known: tuple[_Change, list[Concept]] | None = None

    def _concept(self, entry: Mapping[str, Any]) -> Concept:
        red, green, blue = (int(value) for value in entry["colour"])
        return Concept(
            int(entry["id"]),
            str(entry["name"]),
            int(entry["centre"]),
            self._members(entry["parts"]),
            (red, green, blue),
            float(entry["radius"]),
            bool(entry["pinned"]),
            tuple(int(part) for part in entry["parts"]),
        )

    def _members(self, parts: Iterable[int]) -> NDArray[np.int64]:
        found = [np.asarray(self._order[self._starts[p] : self._starts[p + 1]], dtype=np.int64) for p in parts]
        return found[0] if len(found) == 1 else np.sort(np.concatenate(found))

    @property
    def spheres(self) -> list[NDArray[np.int64]]:
        """Members of each sphere that was discovered, as the concepts' ``parts`` count them, whatever was merged."""
        return [self._members([part]) for part in range(len(self._starts) - 1)]

    @property
    def labels(self) -> NDArray[np.int32]:
        """Position in :attr:`concepts` of each node's concept, int32 (N,), -1 where it has none."""
        concepts = self.concepts
        labels = np.full(len(self.index), -1, dtype=np.int32)
        for position, concept in enumerate(concepts):
            labels[concept.members] = position
        return labels

    # -- channels ------------------------------------------------------------------------------------------------

    @cached_property
    def _statistics(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]] | None:
        if not self._store.exists(f"{self._group}/means"):
            return None
        view = self._store.view
        counts = np.asarray(view(f"{self._group}/counts"), dtype=np.int64)
        return view(f"{self._group}/means"), view(f"{self._group}/stds"), counts

    @property
    def has_statistics(self) -> bool:
        """Whether the channels' means and standard deviations were computed."""
        return self._statistics is not None

    def channel_statistics(self, id: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation of each aligned channel over the members of a concept.

        Parameters
        ----------
        id
            Of the concept; of a merged one the spheres are pooled by their number of members.

        Returns
        -------
        mean, std
            float32 (D,).

        Raises
        ------
        StudyError
            If they were not computed with the concepts.
        """
        statistics = self._statistics
        if statistics is None:
            raise StudyError("These concepts were discovered without statistics of their channels; discover them anew.")
        parts = list(self[id].parts)
        means, stds = (np.asarray(values[parts], dtype=np.float64) for values in statistics[:2])
        weights = statistics[2][parts].astype(np.float64)
        weights /= weights.sum()
        mean = weights @ means
        variance = weights @ (stds**2 + (means - mean) ** 2)
        return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)

    # -- what the user makes of it -------------------------------------------------------------------------------

    def rename(self, id: int, name: str) -> None:
        """Give a concept a name, and with it a pin.

        Raises
        ------
        InputError
            If there is no such concept, or the name is empty.
        StudyError
            If the study cannot be written, or another run writes it.
        """
        chosen = " ".join(name.split())
        if not chosen:
            raise InputError("The name of a concept must not be empty.")
        self[id]
        given = {"name": chosen, "named": True, "pinned": True}
        self._change([{**e, **given} if e["id"] == id else e for e in self._entries])

    def pin(self, id: int, pinned: bool = True) -> None:
        """Keep a concept when concepts are discovered anew, or no longer; errors as of :meth:`rename`."""
        self[id]
        self._change([{**e, "pinned": bool(pinned)} if e["id"] == id else e for e in self._entries])

    def merge(self, ids: Iterable[int]) -> int:
        """Make one concept of several.

        Parameters
        ----------
        ids
            At least two. The merged concept keeps the id, name and centre of the first.

        Returns
        -------
        int
            Its id.

        Raises
        ------
        InputError
            If there are fewer than two, or one of them is not there.
        StudyError
            If the study cannot be written, or another run writes it.
        """
        wanted = list(dict.fromkeys(int(id) for id in ids))
        if len(wanted) < 2:
            raise InputError("Choose at least two concepts to merge.")
        concepts = [self[id] for id in wanted]
        sizes = np.array([concept.size for concept in concepts], dtype=np.float64)
        colour = sizes @ np.array([concept.colour for concept in concepts]) / sizes.sum()
        merged = {
            "colour": [round(float(value)) for value in colour],
            "radius": max(concept.radius for concept in concepts),
            "parts": sorted(part for concept in concepts for part in concept.parts),
            "pinned": any(concept.pinned for concept in concepts),
        }
        self._change(
            [
                {**entry, **merged} if entry["id"] == wanted[0] else entry
                for entry in self._entries
                if entry["id"] == wanted[0] or entry["id"] not in wanted
            ]
        )
        return wanted[0]

    @property
    def edits(self) -> list[dict[str, Any]]:
        """What the user made of them, for :meth:`restore`."""
        return [dict(entry) for entry in self._entries]

    def restore(self, edits: list[dict[str, Any]]) -> None:
        """Go back to earlier names, merges and pins of these concepts, as :attr:`edits` gave them.

        Raises
        ------
        StudyError
            If the study cannot be written, another run writes it, or the concepts were replaced by newer ones.
        """
        self._change([dict(entry) for entry in edits])

    def _change(self, entries: _Change) -> None:
        with writing_store(self._store) as store:
            if not store.exists(self._group):
                raise StudyError("These concepts were replaced by newer ones; change the newer ones.")
            store.set_attributes(self._group, {**store.attributes(self._group), "concepts": entries})

    def as_rows(self) -> list[dict[str, Any]]:
        """One JSON-ready row a concept: id, name, size, where its centre lies, pictures, networks and layers."""
        rows = []
        for concept in self.concepts:
            location = self.index.locate(concept.members)
            centre = self.index.locate([concept.centre])
            names = [network.name for network in self.index.networks]
            found = np.unique(np.stack([location.network, location.layer]), axis=1).T
            rows.append(
                {
                    "id": concept.id,
                    "name": concept.name,
                    "nodes": concept.size,
                    "pictures": len(np.unique(location.image)),
                    "radius": concept.radius,
                    "colour": "#{:02x}{:02x}{:02x}".format(*concept.colour),
                    "pinned": concept.pinned,
                    "centre": {
                        "node": concept.centre,
                        "network": names[int(centre.network[0])],
                        "layer": int(centre.layer[0]),
                        "image": int(centre.image[0]),
                        "row": int(centre.row[0]),
                        "column": int(centre.column[0]),
                    },
                    "layers": {
                        name: [int(layer) for n, layer in found if n == number]
                        for number, name in enumerate(names)
                        if (found[:, 0] == number).any()
                    },
                }
            )
        return rows


def searched_nodes(index: NodeIndex, settings: Mapping[str, Any]) -> NDArray[np.int64]:
    """Nodes that fit ``networks``, ``layers`` (for all, or by network), ``images`` and ``class_token``, ascending."""
    networks, layers, images = (settings.get(name) for name in ("networks", "layers", "images"))
    wanted = [n.name for n in index.networks if networks is None or n.name in networks]
    parts = [
        index.select(
            networks=[name],
            layers=layers.get(name) if isinstance(layers, Mapping) else layers,
            images=images,
            patches_only=not settings.get("class_token"),
        )
        for name in wanted
    ]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


@contextlib.contextmanager
def writing_store(store: Store) -> Iterator[Store]:
    """The store itself where it may be written, else the same study opened for writing for a moment.

    Raises
    ------
    StudyError
        If the study is read-only, or being written by another run.
    """
    if store.writable:
        yield store
        return
    own = Store.open(store.root, writable=True)
    try:
        yield own
    finally:
        own.close()
