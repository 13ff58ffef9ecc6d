"""Parts that other packages add, found by their entry points."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Protocol, TypeVar

__all__ = ["contributed"]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Part = TypeVar("Part", bound=_Named)


def contributed(group: str, kind: type[Part], taken: Iterable[str] = ()) -> tuple[Part, ...]:
    """Parts of one kind from all installed packages.

    A part that cannot be loaded, is of another kind or takes a name that is taken already is left out with a warning,
    so that no package can break ours.

    Parameters
    ----------
    group
        Group of entry points.
    kind
        What every entry point must name: an object of this class, with a `name`.
    taken
        Names of our own parts.

    Returns
    -------
    tuple
        The parts, by the names of their entry points.
    """
    names = set(taken)
    found: list[Part] = []
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
        origin = f"{entry.name} = {entry.value} (of {entry.dist.name if entry.dist else 'an unknown package'})"
        try:
            part = entry.load()
        except Exception as error:  # anything may happen in another package
            warnings.warn(f"{origin} cannot be loaded and is left out: {type(error).__name__}: {error}", stacklevel=2)
            continue
        if not isinstance(part, kind):
            warnings.warn(f"{origin} is no {kind.__name__} and is left out.", stacklevel=2)
        elif part.name in names:
            warnings.warn(f"{origin} is left out: the name {part.name!r} is taken.", stacklevel=2)
        else:
            names.add(part.name)
            found.append(part)
    return tuple(found)
