"""Comparison of features in the background: the last one asked for, beside whatever else is computed."""

from collections.abc import Callable
from typing import Any

from .background import BackgroundTask, Outcome, Work

__all__ = ["SimilarityStream"]


class SimilarityStream:
    """One background task at a time; a new one takes the place of the old.

    Parameters
    ----------
    on_state
        Called with what it does, "" when it rests.
    on_error
        Called with an exception that ended it.
    """

    def __init__(self, on_state: Callable[[str], None], on_error: Callable[[BaseException], None]) -> None:
        self._on_state, self._on_error = on_state, on_error
        self._task: BackgroundTask | None = None

    @property
    def busy(self) -> bool:
        """Whether anything is compared."""
        return self._task is not None

    def start(self, work: Work, on_part: Callable[[], None], then: Callable[[Any], None]) -> None:
        """Compare; `on_part` is called while values arrive, `then` with all of them, both in the window's thread."""
        self.stop()
        task = BackgroundTask.of(work, "Comparing features")
        self._task = task

        def progressed(done: int, total: int, text: str) -> None:
            if self._task is task:
                self._on_state(f"Comparing features: {100 * done // max(total, 1)} %")
                on_part()

        def finished() -> None:
            if self._task is not task:
                return
            self._task = None
            self._on_state("")
            outcome = task.outcome or Outcome(cancelled=True)
            if outcome.error is not None:
                self._on_error(outcome.error)
            elif not outcome.cancelled:
                then(outcome.value)

        task.progressed.connect(progressed)
        task.finished.connect(finished)
        self._on_state("Comparing features…")
        task.start()

    def stop(self) -> None:
        """Give up what is compared."""
        task, self._task = self._task, None
        if task is not None:
            task.quit()
            self._on_state("")
