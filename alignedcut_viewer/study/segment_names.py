"""Names of the segments of a study: what there is, renaming, taking away and bringing back."""

from __future__ import annotations

from typing import Any

from ..errors import InputError, StudyError
from ..store import Store

__all__ = [
    "SEGMENTATIONS",
    "empty_segments_aside",
    "remove_unused",
    "rename_segments",
    "restore_segments",
    "segment_group",
    "segment_names",
    "segments_aside",
    "set_segments_aside",
]

SEGMENTATIONS = "segmentations"
"""The group that holds them."""
_ASIDE = "aside"


def _current(store: Store) -> dict[str, str]:
    held: dict[str, str] = store.attributes(SEGMENTATIONS)["current"] if store.exists(SEGMENTATIONS) else {}
    return held


def segment_names(store: Store) -> tuple[str, ...]:
    """Names of the segments of a study."""
    return tuple(sorted(_current(store)))


def segment_group(store: Store, name: str) -> str:
    """The group of the segments of a name; a StudyError if there are none."""
    known = _current(store)
    if name not in known:
        raise StudyError(
            f"The study {store.root} holds no segments {name!r}; it holds: {', '.join(sorted(known)) or 'none'}. Make "
            "some with `alignedcut segment`."
        )
    return f"{SEGMENTATIONS}/{known[name]}"


def _keep(store: Store, current: dict[str, str], aside: list[dict[str, Any]] | None = None) -> None:
    attributes = store.attributes(SEGMENTATIONS)
    gone = attributes.get(_ASIDE, []) if aside is None else aside
    store.set_attributes(SEGMENTATIONS, {**attributes, "current": current, _ASIDE: gone})


def rename_segments(store: Store, old: str, new: str) -> None:
    """Call segments otherwise; an InputError if the name is taken or empty."""
    segment_group(store, old)
    current, chosen = _current(store), " ".join(new.split())
    if not chosen:
        raise InputError("Segments need a name.")
    if chosen != old and chosen in current:
        raise InputError(f"The name {chosen!r} is taken; choose another.")
    _keep(store, {chosen if name == old else name: group for name, group in current.items()})


def segments_aside(store: Store) -> list[str]:
    """Names of the segments that were taken away and can be brought back, the latest last."""
    records = store.attributes(SEGMENTATIONS).get(_ASIDE, []) if store.exists(SEGMENTATIONS) else []
    return [str(record["name"]) for record in records]


def set_segments_aside(store: Store, name: str) -> None:
    """Take segments away in such a way that :func:`restore_segments` brings them back."""
    segment_group(store, name)
    current = _current(store)
    record = {"name": name, "group": current.pop(name)}
    _keep(store, current, [*store.attributes(SEGMENTATIONS).get(_ASIDE, []), record])


def restore_segments(store: Store) -> str:
    """Bring back what was taken away last, under its name, or with a number where that is taken meanwhile.

    Returns
    -------
    str
        Their name.

    Raises
    ------
    StudyError
        If nothing was taken away.
    """
    if not segments_aside(store):
        raise StudyError("No segments were deleted that could be brought back.")
    current, (*left, record) = _current(store), store.attributes(SEGMENTATIONS)[_ASIDE]
    name, number = str(record["name"]), 2
    while name in current:
        name, number = f"{record['name']} {number}", number + 1
    _keep(store, {**current, name: str(record["group"])}, left)
    return name


def empty_segments_aside(store: Store) -> None:
    """Remove for good what was taken away."""
    if not segments_aside(store):
        return
    groups = {str(record["group"]) for record in store.attributes(SEGMENTATIONS)[_ASIDE]}
    _keep(store, _current(store), [])
    remove_unused(store, groups)


def remove_unused(store: Store, groups: set[str]) -> None:
    """Remove those of some groups that no segments lie in any more, be they taken away or not.

    Segments that were renamed stay in their group, which the same segments made anew share.
    """
    aside = {str(record["group"]) for record in store.attributes(SEGMENTATIONS).get(_ASIDE, [])}
    for group in groups - aside - set(_current(store).values()):
        store.remove(f"{SEGMENTATIONS}/{group}")
