"""Many small tasks, on the workers of a cluster or here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

from ..cluster import current_cluster

__all__ = ["in_order"]

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(task: Callable[[Shared, Item], Result], shared: Shared, items: Iterable[Item]) -> Generator[Result]:
    """Results of ``task(shared, item)`` in the order of the items, the same to the bit wherever they are computed.

    Parameters
    ----------
    task
        A function of a module without side effects.
    shared
        What all tasks need; can be pickled, where there is a cluster.
    items
        Taken as they are needed.

    Yields
    ------
    object
        What the task returned.
    """
    cluster = current_cluster()
    if cluster is not None:
        yield from cluster.in_order(task, shared, items)
    else:
        for item in items:
            yield task(shared, item)
