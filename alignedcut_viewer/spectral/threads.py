"""Work on blocks of rows in plain threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ..progress import ProgressCallback, report

__all__ = ["for_row_blocks", "n_threads"]


def n_threads() -> int:
    """How many threads to compute with: as many as torch does, so that one setting rules all."""
    import torch

    return max(1, torch.get_num_threads())


def for_row_blocks(
    work: Callable[[int, int], None],
    n_rows: int,
    block: int,
    progress: ProgressCallback | None = None,
    text: str = "",
) -> None:
    """Call ``work(start, stop)`` for consecutive blocks of rows.

    Parameters
    ----------
    work
        Works on rows `start` to `stop`; should spend its time without the interpreter lock.
    n_rows
        Number of rows.
    block
        Rows a call.
    progress, text
        Called after every block, in the calling thread; if it raises, blocks that did not begin are dropped.
    """
    starts = range(0, n_rows, block)
    if len(starts) <= 1 or n_threads() == 1:
        for start in starts:
            stop = min(start + block, n_rows)
            work(start, stop)
            report(progress, stop, n_rows, text)
        return
    pool = ThreadPoolExecutor(n_threads())
    try:
        pending = [pool.submit(work, start, min(start + block, n_rows)) for start in starts]
        for start, result in zip(starts, pending, strict=True):
            result.result()
            report(progress, min(start + block, n_rows), n_rows, text)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
