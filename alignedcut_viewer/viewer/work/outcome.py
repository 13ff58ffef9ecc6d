"""What work in the background is, and how it ends. Knows neither Qt nor napari."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ...progress import ProgressCallback

__all__ = ["Outcome", "Task", "Work"]

Work = Callable[[ProgressCallback], Any]


@dataclass(frozen=True)
class Outcome:
    """How a task ended: with a value, an error, or neither because it was cancelled."""

    value: Any = None
    error: BaseException | None = None
    cancelled: bool = False


class Task(Protocol):
    """One function at work.

    Attributes
    ----------
    progressed
        Signal (done, total, text).
    warned
        Signal (message, category, file name, line) of Python warnings of the work.
    finished
        Signal when the function has ended; from then on it has an outcome.
    """

    progressed: Any
    warned: Any
    finished: Any

    def start(self) -> None:
        """Begin."""

    def take_outcome(self) -> Outcome | None:
        """How it ended, once: the task lets go of it."""

    def quit(self) -> None:
        """Stop at the next report."""
