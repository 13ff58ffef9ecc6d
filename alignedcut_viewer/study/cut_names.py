"""Which names the cuts of a study and their concepts have, and what is moved aside until it is let go for good.

All of it is in the attributes of the group of cuts, which are replaced in one step: a killed program leaves either the
old names or the new. Groups that no name refers to are removed after that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ..errors import InputError, StudyError
from ..store import ALIGNMENTS, Store
from .descriptions import reading, require
from .feature_set import FEATURES, FeatureSet
from .placed_pictures import PLACED

__all__ = [
    "COLOUR",
    "CONCEPTS",
    "CUTS",
    "MAP",
    "NOTES",
    "attach_concepts",
    "attach_to_cut",
    "concept_sets",
    "current_cuts",
    "empty_aside",
    "free_name",
    "moved_aside",
    "name_of_cut",
    "newest_cut",
    "publish_cut",
    "regroup_cut",
    "rename_concepts",
    "rename_cut",
    "restore_last",
    "set_concepts_aside",
    "set_cut_aside",
    "show_concepts",
]

CUTS = "cuts"
COLOUR = "colour"
MAP = "map"
CONCEPTS = "concepts"
"""What concepts are called among that which is attached to a cut."""

NOTES = "notes"
_NEWEST = "newest"
_ASIDE = "aside"
_SETS = "concept_sets"
FIRST_NAMES = {"cut": "default", CONCEPTS: CONCEPTS}


def current_cuts(store: Store) -> dict[str, dict[str, str]]:
    """What each name of a cut stands for: the groups of its eigenvectors and colours, and of what was added later."""
    with reading(store.folder(CUTS) / "zarr.json"):
        current = dict(store.attributes(CUTS)["current"])
        for name, entry in current.items():
            require(all(isinstance(entry[what], str) for what in ("cut", COLOUR)), f"of the cut {name!r}")
    return current


def newest_cut(store: Store) -> str | None:
    """Name of the cut that was published last, where it is still there."""
    name = store.attributes(CUTS).get(_NEWEST)
    return str(name) if name in current_cuts(store) else None


def free_name(kind: str, taken: Collection[str]) -> str:
    """A name that is not taken: ``default``, ``cut 2``, … of cuts, ``concepts``, ``concepts 2``, … of concepts."""
    if not taken:
        return FIRST_NAMES[kind]
    number = len(taken) + 1
    while f"{kind} {number}" in taken:
        number += 1
    return f"{kind} {number}"


def name_of_cut(store: Store, cut: str, colour: str) -> str:
    """The name of a result: the one that it has, else one that is free.

    Parameters
    ----------
    store
        The study's store.
    cut, colour
        Groups of its eigenvectors and, inside it, its colours.
    """
    current = current_cuts(store)
    same = (name for name, entry in current.items() if entry["cut"] == cut and entry[COLOUR] == colour)
    return next(same, free_name("cut", current))


def attach_to_cut(store: Store, name: str, kind: str, part: str) -> None:
    """Make a complete part of a cut's group the one of its kind in one step, in the place of an earlier one.

    Parameters
    ----------
    store
        The study's store, open for writing.
    name
        Name of the cut.
    kind
        What the part is, such as ``MAP``.
    part
        Name of the part inside the cut's group; begins with the kind and a hyphen.
    """
    attributes = store.attributes(CUTS)
    current = attributes["current"]
    store.set_attributes(CUTS, {**attributes, "current": {**current, name: {**current[name], kind: part}}})
    _remove_unused(store)


def publish_cut(
    store: Store,
    name: str,
    cut: str | None,
    colour: str | None,
    places: str | None = None,
    *,
    concepts: str | None = None,
    earlier: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Make a result the cut of a name in one step, then remove what no name refers to any more.

    What was attached to the cut of that name stays attached where the eigenvectors and the colours stay the same.

    Parameters
    ----------
    store
        The study's store, open for writing.
    name
        Name of the cut.
    cut, colour
        Groups that hold the eigenvectors and, inside it, the colours, both complete; None takes the name away.
    places
        Group inside `cut` that holds the map; None keeps the one that is there, if there is one.
    concepts
        Group inside `cut` that holds concepts; None as for `places`.
    earlier
        Name under which the cut stays that had this name; None lets it go.
    notes
        What the user should know of the new cut. Those of a cut that stays the same stay, too.
    """
    attributes = store.attributes(CUTS)
    told = dict(attributes.get(NOTES, {}))
    old = attributes["current"].get(name, {})
    current = {key: value for key, value in attributes["current"].items() if key != name}
    newest = attributes.get(_NEWEST)
    if cut is not None and colour is not None:
        same = {key for key in old if old["cut"] == cut and (old[COLOUR] == colour or key == MAP)}
        entry = {**{key: old[key] for key in old if key in same}, "cut": cut, COLOUR: colour}
        given = {MAP: places, CONCEPTS: concepts}
        current[name] = {**entry, **{kind: part for kind, part in given.items() if part is not None}}
        newest = name
    if old and earlier is not None:
        current[earlier] = old
        told[earlier] = told.get(name, [])
    if not old or current.get(name, {}).get(COLOUR) != old[COLOUR] or current[name]["cut"] != old["cut"]:
        told.pop(name, None)
    if notes:
        told[name] = list(notes)
    kept_notes = {k: v for k, v in told.items() if v}
    store.set_attributes(CUTS, {**attributes, "current": current, NOTES: kept_notes, _NEWEST: newest})
    _remove_unused(store)


def regroup_cut(store: Store, name: str, entry: dict[str, str], sets: dict[str, str]) -> None:
    """Let the name of a cut stand for groups with more or fewer pictures in one step, with all its concepts.

    Parameters
    ----------
    store
        The study's store, open for writing.
    name
        Name of the cut.
    entry
        Groups of its eigenvectors and, inside it, colours, map and the concepts that are shown.
    sets
        Groups of all its concepts by their names.
    """
    attributes = store.attributes(CUTS)
    identity = f"{entry['cut']}/{entry[COLOUR]}"
    every = {key: value for key, value in attributes.get(_SETS, {}).items() if key != identity}
    current = {**attributes["current"], name: entry}
    every |= {identity: sets} if sets else {}
    store.set_attributes(CUTS, {**attributes, "current": current, _SETS: every, _NEWEST: name})
    _remove_unused(store)


# -- concepts side by side ---------------------------------------------------------------------------------------


def concept_sets(store: Store, identity: str, shown: str | None) -> dict[str, str]:
    """Groups of the concepts of a cut by their names, in the order in which they were made.

    Parameters
    ----------
    store
        The study's store.
    identity
        Group of the eigenvectors and group of the colours, with a slash between.
    shown
        Where the concepts lie that are attached to the cut: those of earlier versions have no name yet.
    """
    sets: dict[str, str] = dict(store.attributes(CUTS).get(_SETS, {}).get(identity, {}))
    part = None if shown is None else shown.rpartition("/")[2]
    if part is not None and part not in sets.values():
        sets = {free_name(CONCEPTS, sets): part, **sets}
    return sets


def _sets_of(store: Store, cut: str) -> tuple[dict[str, str], str, dict[str, str]]:
    """The entry of a cut, its identity, and its sets of concepts."""
    entry = _entry(store, cut)
    identity = f"{entry['cut']}/{entry[COLOUR]}"
    return entry, identity, concept_sets(store, identity, entry.get(CONCEPTS))


def _entry(store: Store, cut: str) -> dict[str, str]:
    current = current_cuts(store)
    if cut not in current:
        raise StudyError(f"There is no cut {cut!r}; there are: {', '.join(sorted(current)) or 'none'}.")
    return current[cut]


def _keep_sets(store: Store, cut: str, identity: str, sets: dict[str, str], shown: str | None, **more: Any) -> None:
    """Replace the sets of a cut, and which of them is shown, in one step."""
    attributes = store.attributes(CUTS)
    entry = {key: value for key, value in attributes["current"][cut].items() if key != CONCEPTS}
    if shown is not None:
        entry[CONCEPTS] = shown
    others = {key: value for key, value in attributes.get(_SETS, {}).items() if key != identity}
    every = {**others, identity: sets} if sets else others
    store.set_attributes(CUTS, {**attributes, "current": {**attributes["current"], cut: entry}, _SETS: every, **more})
    _remove_unused(store)


def attach_concepts(store: Store, cut: str, part: str, name: str | None = None) -> str:
    """Make a complete group of concepts those that are shown of a cut, beside the earlier ones.

    Parameters
    ----------
    store
        The study's store, open for writing.
    cut
        Name of the cut.
    part
        Name of the group inside the cut's.
    name
        What they are called; None takes the name that they have, else one that is free.

    Returns
    -------
    str
        Their name.
    """
    _, identity, sets = _sets_of(store, cut)
    known = next((key for key, value in sets.items() if value == part), None)
    chosen = known or (free_name(CONCEPTS, sets) if name is None else _checked(name, sets))
    _keep_sets(store, cut, identity, {**sets, chosen: part}, part)
    return chosen


def show_concepts(store: Store, cut: str, name: str) -> None:
    """Let the concepts of a name be those that are shown of a cut; a StudyError if there are none."""
    _, identity, sets = _sets_of(store, cut)
    _keep_sets(store, cut, identity, sets, _part(sets, name))


def rename_concepts(store: Store, cut: str, old: str, new: str) -> None:
    """Call concepts of a cut otherwise; an InputError if the name is taken or empty."""
    entry, identity, sets = _sets_of(store, cut)
    _part(sets, old)
    chosen = old if new.strip() == old else _checked(new, sets)
    _keep_sets(store, cut, identity, {chosen if k == old else k: v for k, v in sets.items()}, entry.get(CONCEPTS))


def set_concepts_aside(store: Store, cut: str, name: str) -> None:
    """Take concepts of a cut away in such a way that :func:`restore_last` brings them back."""
    entry, identity, sets = _sets_of(store, cut)
    part = _part(sets, name)
    left = {key: value for key, value in sets.items() if key != name}
    shown = entry.get(CONCEPTS)
    if shown == part:
        shown = next(reversed(left.values()), None)
    record = {"kind": CONCEPTS, "name": name, "of": cut, "entry": {"cut": entry["cut"], CONCEPTS: part}}
    record["identity"] = identity
    _keep_sets(store, cut, identity, left, shown, **{_ASIDE: [*_aside(store), record]})


def _part(sets: dict[str, str], name: str) -> str:
    if name not in sets:
        raise StudyError(f"There are no concepts {name!r}; there are: {', '.join(sets) or 'none'}.")
    return sets[name]


def _checked(name: str, taken: Collection[str]) -> str:
    chosen = " ".join(name.split())
    if not chosen:
        raise InputError("A name must not be empty.")
    if chosen in taken:
        raise InputError(f"The name {chosen!r} is taken; choose another.")
    return chosen


# -- cuts: names, and moved aside --------------------------------------------------------------------------------


def rename_cut(store: Store, old: str, new: str) -> None:
    """Call a cut otherwise; an InputError if the name is taken or empty."""
    _entry(store, old)
    if new.strip() == old:
        return
    attributes = store.attributes(CUTS)
    chosen = _checked(new, attributes["current"])
    names = {key: chosen if key == old else key for key in attributes["current"]}
    changed = {
        "current": {names[key]: value for key, value in attributes["current"].items()},
        NOTES: {names.get(key, key): value for key, value in attributes.get(NOTES, {}).items()},
        _NEWEST: names.get(attributes.get(_NEWEST, ""), attributes.get(_NEWEST)),
    }
    store.set_attributes(CUTS, {**attributes, **changed})


def set_cut_aside(store: Store, name: str) -> None:
    """Take a cut away in such a way that :func:`restore_last` brings it back, with all that belongs to it."""
    entry = _entry(store, name)
    attributes = store.attributes(CUTS)
    notes = dict(attributes.get(NOTES, {}))
    record = {"kind": "cut", "name": name, "entry": entry, NOTES: notes.pop(name, [])}
    current = {key: value for key, value in attributes["current"].items() if key != name}
    store.set_attributes(CUTS, {**attributes, "current": current, NOTES: notes, _ASIDE: [*_aside(store), record]})


def _aside(store: Store) -> list[dict[str, Any]]:
    return list(store.attributes(CUTS).get(_ASIDE, []))


def moved_aside(store: Store) -> list[str]:
    """What was taken away and can be brought back, in words, the latest last."""
    words = {"cut": "the cut", CONCEPTS: CONCEPTS}
    return [f"{words[record['kind']]} {record['name']!r}" for record in _aside(store)]


def restore_last(store: Store) -> tuple[str, str]:
    """Bring back what was taken away last, under its name, or a free one where that is taken meanwhile.

    Returns
    -------
    kind, name : str
        ``"cut"`` or ``"concepts"``, and its name.

    Raises
    ------
    StudyError
        If there is nothing to bring back.
    """
    aside = _aside(store)
    if not aside:
        raise StudyError("Nothing was deleted that could be brought back.")
    record, left = aside[-1], aside[:-1]
    attributes = store.attributes(CUTS)
    name, current = str(record["name"]), attributes["current"]
    if record["kind"] == "cut":
        name = name if name not in current else free_name("cut", current)
        notes = {**attributes.get(NOTES, {}), **({name: record[NOTES]} if record.get(NOTES) else {})}
        changed = {"current": {**current, name: record["entry"]}, NOTES: notes}
    else:
        every = attributes.get(_SETS, {})
        sets = every.get(record["identity"], {})
        name = name if name not in sets else free_name(CONCEPTS, sets)
        part = record["entry"][CONCEPTS]
        changed = {_SETS: {**every, record["identity"]: {**sets, name: part}}}
        of = current.get(record["of"])
        if of is not None and f"{of['cut']}/{of[COLOUR]}" == record["identity"]:
            changed["current"] = {**current, record["of"]: {**of, CONCEPTS: part}}
    store.set_attributes(CUTS, {**attributes, **changed, _ASIDE: left})
    return str(record["kind"]), name


def empty_aside(store: Store) -> None:
    """Remove for good what was taken away."""
    attributes = store.attributes(CUTS)
    if attributes.get(_ASIDE):
        store.set_attributes(CUTS, {**attributes, _ASIDE: []})
        _remove_unused(store)


# -- what nobody refers to ---------------------------------------------------------------------------------------


def _in_use(store: Store, attributes: dict[str, Any]) -> Iterator[dict[str, str]]:
    """All that refers to groups: a group of eigenvectors under ``cut``, and parts inside it."""
    aside = (record["entry"] for record in attributes.get(_ASIDE, []))
    for entry in (*attributes["current"].values(), *aside):
        yield entry
        group = f"{CUTS}/{entry['cut']}"
        if store.exists(group) and PLACED in (found := store.attributes(group)):
            yield found[PLACED]["of"]  # the cut that its other pictures were placed in
    for identity, sets in attributes.get(_SETS, {}).items():
        cut = identity.partition("/")[0]
        yield from ({"cut": cut, CONCEPTS: part} for part in sets.values())


def _remove_unused(store: Store) -> None:
    """Remove the groups of cuts, their parts, derived features, and alignments that no name refers to."""
    attributes = store.attributes(CUTS)
    identities = {f"{entry['cut']}/{entry[COLOUR]}" for entry in _in_use(store, attributes) if COLOUR in entry}
    sets = {identity: value for identity, value in attributes.get(_SETS, {}).items() if identity in identities}
    aside = [r for r in attributes.get(_ASIDE, []) if r.get("identity") is None or r["identity"] in identities]
    if len(sets) < len(attributes.get(_SETS, {})) or len(aside) < len(attributes.get(_ASIDE, [])):
        attributes = {**attributes, _SETS: sets, _ASIDE: aside}
        store.set_attributes(CUTS, attributes)
    entries = list(_in_use(store, attributes))
    kept = {entry["cut"] for entry in entries}
    kinds = {COLOUR, MAP, CONCEPTS}.union(*(entry.keys() - {"cut"} for entry in entries))
    for group in store.groups(CUTS):
        if group not in kept:
            store.remove(f"{CUTS}/{group}")
            continue
        used = {part for entry in entries if entry["cut"] == group for part in entry.values()}
        for part in store.groups(f"{CUTS}/{group}"):
            if part.split("-")[0] in kinds and part not in used:
                store.remove(f"{CUTS}/{group}/{part}")
    derived = {name for group in kept for name in store.attributes(f"{CUTS}/{group}").get("derived", ())}
    for name, features in FeatureSet.all_of(store).items():
        if features.derived and name not in derived:
            store.remove(f"{FEATURES}/{name}")
    alignments = {store.attributes(f"{CUTS}/{group}").get("alignment") for group in kept}
    for group in store.groups(ALIGNMENTS):
        if group not in alignments:
            store.remove(f"{ALIGNMENTS}/{group}")
