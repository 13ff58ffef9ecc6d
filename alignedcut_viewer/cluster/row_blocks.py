"""One function over all rows of a matrix, block by block: in threads here, or by workers who read the rows themselves.

Both ways go through the same blocks, each computed by one thread, and give them back in the same order. What is made of
the results is therefore the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .engine import Cluster, current_cluster
from .threads import in_order

if TYPE_CHECKING:
    import torch

__all__ = ["chosen_rows_in_order", "row_blocks_in_order", "tasks_in_order"]

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST_READS = 4
"""Stretches of rows that a task of a worker reads one after the other, at most…"""
_TASKS_OF_A_WORKER = 8
"""…and fewer where each worker would have fewer tasks than this."""


def tasks_in_order(
    task: Callable[[Shared, Item], Result],
    shared: Shared,
    items: Iterable[Item],
    *,
    device: torch.device,
    on_disk: bool,
) -> Iterator[Result]:
    """Results of ``task(shared, item)`` in the order of the items.

    Parameters
    ----------
    task
        A function of a module, without side effects.
    shared
        What all tasks need.
    items
        What each task is given.
    device
        Where it computes; only work of the CPU leaves this process.
    on_disk
        Whether `shared` names what is read rather than holding it. If it does not, all is computed in threads here.
    """
    cluster = _cluster(device) if on_disk else None
    if cluster is None:
        return in_order(partial(task, shared), items, device)
    return cluster.in_order(task, shared, items)


def row_blocks_in_order(
    task: Callable[[Shared, tuple[int, Any]], Result],
    shared: Shared,
    features: Any,
    here: Iterable[tuple[int, Any]],
    *,
    block: int,
    read: int,
    convert: Callable[[Any], Any],
    device: torch.device,
) -> Iterator[Result]:
    """Results of ``task(shared, (start, rows))`` for all rows, in order.

    Parameters
    ----------
    task
        A function of a module, without side effects.
    shared
        What it needs beside the rows.
    features
        Where workers read rows: by ``features.between(start, stop)``, if ``features.on_disk``.
    here
        The same blocks as they are read in this process.
    block, read
        Rows of a block, and rows that are read at once.
    convert
        Makes a block of what was read; a function of a module.
    device
        Where it computes.
    """
    cluster = _cluster(device) if getattr(features, "on_disk", False) else None
    if cluster is None:
        yield from in_order(partial(task, shared), here, device)
        return
    n_rows = int(features.shape[0])
    # Several reads a task, as every task costs some hundredths of a second to send, unless workers would stand idle.
    reads = max(1, min(_MOST_READS, n_rows // read // (_TASKS_OF_A_WORKER * cluster.n_workers)))
    bounds = ((start, min(start + reads * read, n_rows)) for start in range(0, n_rows, reads * read))
    for results in cluster.in_order(_stretch, (task, shared, features, block, read, convert), bounds):
        yield from results


def _stretch(shared: tuple[Any, Any, Any, int, int, Callable[[Any], Any]], bounds: tuple[int, int]) -> list[Any]:
    """All blocks of a stretch of rows, in a worker."""
    task, own, features, block, read, convert = shared
    results = []
    for start in range(*bounds, read):
        rows = convert(features.between(start, min(start + read, bounds[1])))
        results += [task(own, (start + first, rows[first : first + block])) for first in range(0, len(rows), block)]
    return results


def chosen_rows_in_order(
    task: Callable[[Shared, Any], Result],
    shared: Shared,
    features: Any,
    parts: Sequence[Any],
    *,
    gather: Callable[[Any, Any], Any],
    device: torch.device,
) -> Iterator[Result]:
    """Results of ``task(shared, rows)`` for some parts of some rows, in order.

    Parameters
    ----------
    task, shared, features, device
        As for :func:`row_blocks_in_order`.
    parts
        Numbers of the rows of each part, ascending.
    gather
        ``gather(features, part)`` reads them; a function of a module.
    """
    cluster = _cluster(device) if getattr(features, "on_disk", False) else None
    if cluster is None:
        return in_order(partial(task, shared), (gather(features, part).to(device) for part in parts), device)
    return cluster.in_order(_chosen, (task, shared, features, gather), parts)


def _chosen(shared: tuple[Any, Any, Any, Callable[[Any, Any], Any]], part: Any) -> Any:
    task, own, features, gather = shared
    return task(own, gather(features, part))


def _cluster(device: torch.device) -> Cluster | None:
    return current_cluster() if device.type == "cpu" else None
