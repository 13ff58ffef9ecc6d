"""Blocks of rows in worker threads, each on one core.

Torch's own parallelism splits every operation over all cores and waits for the slowest at its end. Here every core
works through whole blocks that stay in its cache, and nobody waits, so that a busy machine costs its share and no more.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

__all__ = ["in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 2
"""Blocks that wait for each worker, so that none stands idle while the next is read."""

_pools: dict[int, ThreadPoolExecutor] = {}
_lock = threading.Lock()


def _pool(n_workers: int) -> ThreadPoolExecutor:
    """A pool of single-threaded workers; kept, because threads that come and go leave their buffers behind."""
    import torch

    with _lock:
        if n_workers not in _pools:
            pool = ThreadPoolExecutor(n_workers, thread_name_prefix="alignedcut-block")
            everyone = threading.Barrier(n_workers)

            def begin() -> None:
                torch.set_num_threads(1)  # of the calling thread, and the default of threads that start later
                torch.get_num_threads()  # a thread takes up the default when first asked: now, before it changes back
                everyone.wait()

            for started in [pool.submit(begin) for _ in range(n_workers)]:
                started.result()
            torch.set_num_threads(n_workers)  # later threads get the old default again
            _pools[n_workers] = pool
        return _pools[n_workers]


def in_order(work: Callable[[Item], Result], items: Iterable[Item], device: torch.device) -> Iterator[Result]:
    """Results of ``work(item)`` in the order of the items, computed by as many workers as torch has threads.

    Items are taken from the iterable in the calling thread, a few ahead of the results. On other devices than the CPU,
    and where there is one thread, all is done in the calling thread.

    Parameters
    ----------
    work
        Should spend its time in torch operations, which let other threads run.
    items
        What to work on.
    device
        Where the work is done.
    """
    import torch  # takes more than a second, which drawing figures would spend on nothing

    n_workers = torch.get_num_threads()
    if device.type != "cpu" or n_workers == 1:
        yield from map(work, items)
        return
    pool = _pool(n_workers)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= (1 + _AHEAD) * n_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
