"""Many small tasks, on the workers of a cluster or here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from functools import partial
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
        A function of a module without side effects. Linear algebra of NumPy and SciPy has one thread in it: the last
        bits of an eigenvector depend on how many there are.
    shared
        What all tasks need; can be pickled, where there is a cluster.
    items
        Taken as they are needed.

    Yields
    ------
    object
        What the task returned.
    """
    cluster, alone = current_cluster(), partial(_with_one_thread, task)
    if cluster is not None:
        yield from cluster.in_order(alone, shared, items)
    else:
        for item in items:
            yield alone(shared, item)


def _with_one_thread(task: Callable[[Shared, Item], Result], shared: Shared, item: Item) -> Result:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        return task(shared, item)
