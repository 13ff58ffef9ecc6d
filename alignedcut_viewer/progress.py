"""The one contract for progress and cancellation.

A long function takes ``progress: ProgressCallback | None``. It calls it as ``progress(done, total, text)`` from the
thread it runs in, at least once a second or once a step, with ``0 <= done <= total``. To cancel, the callback raises
:class:`~alignedcut_viewer.errors.Cancelled`; the function lets it pass after leaving everything on disk consistent.
"""

from __future__ import annotations

from collections.abc import Callable

from .errors import Cancelled

__all__ = ["Cancelled", "ProgressCallback", "report", "span"]

ProgressCallback = Callable[[int, int, str], None]


def report(progress: ProgressCallback | None, done: int, total: int, text: str) -> None:
    """Tell `progress`, if there is one, that `done` of `total` steps of `text` are finished."""
    if progress is not None:
        progress(done, total, text)


def span(progress: ProgressCallback | None, start: float, stop: float, *, resolution: int = 1000) -> ProgressCallback:
    """Map the progress of one stage onto a part of the whole.

    Parameters
    ----------
    progress
        The callback of the whole, or None.
    start, stop
        Where the stage begins and ends in the whole, as fractions between 0 and 1.
    resolution
        The total that the outer callback is called with.

    Returns
    -------
    ProgressCallback
        A callback for the stage; exceptions of the outer callback (cancellation) pass through it.
    """

    def stage(done: int, total: int, text: str) -> None:
        if progress is not None:
            fraction = start + (stop - start) * (done / total if total else 1.0)
            progress(round(fraction * resolution), resolution, text)

    return stage
