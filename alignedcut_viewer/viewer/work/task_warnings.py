"""Warnings that arise in tasks, each told to the task in whose thread it arises."""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

__all__ = ["warnings_told"]

_lock = threading.Lock()
_tellers: dict[int, Callable[[Any], None]] = {}
_before: list[Any] = []
"""How warnings were shown before the first of the tasks that are at work now."""


@contextmanager
def warnings_told(tell: Callable[[Any], None]) -> Iterator[None]:
    """Tell the warnings of this thread, as long as the block lasts.

    Python has one way of showing warnings for all threads. If each of two tasks that overlap put its own there and then
    what it had found, the first would stay for ever, and be told whatever anybody is warned of.

    Parameters
    ----------
    tell
        Called with the arguments of :func:`warnings.showwarning`, as a tuple.
    """
    thread = threading.get_ident()
    with _lock:
        if not _tellers:
            _before.append(warnings.catch_warnings())
            _before[-1].__enter__()
            warnings.simplefilter("always")
            warnings.showwarning = _show
        _tellers[thread] = tell
    try:
        yield
    finally:
        with _lock:
            del _tellers[thread]
            if not _tellers:
                _before.pop().__exit__(None, None, None)


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Tell the task of this thread, or, in a thread that a task has started, the task that began last."""
    with _lock:
        tell = _tellers.get(threading.get_ident(), next(reversed(_tellers.values()), None))
    if tell is not None:
        tell((message, category, filename, lineno, file, line))
