"""Showing another cut of a study is a step that can be undone. Knows neither Qt nor napari."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..state.timeline import Step, Timeline

if TYPE_CHECKING:
    from ..frames.loading import LoadedStudy

__all__ = ["CutSteps"]


class CutSteps:
    """Remembers which cut was shown before.

    Parameters
    ----------
    timeline
        Learns of every change.
    show_cut
        Shows a cut of the study that is shown, by its name.
    """

    def __init__(self, timeline: Timeline, show_cut: Callable[[str], None]) -> None:
        self._timeline, self._show_cut = timeline, show_cut
        self._going_to = ""

    def remember(self, before: "LoadedStudy | None", now: "LoadedStudy") -> None:
        """Another cut is shown; nothing is remembered where that is what was undone, or the study is another one."""
        if before is None or before.cut is None or now.cut is None or before.path != now.path:
            return
        old, new = before.cut.name, now.cut.name
        if old != new and new != self._going_to:
            self._timeline.add(Step(partial(self._go_to, old), partial(self._go_to, new), lasting=True))
        self._going_to = ""

    def _go_to(self, name: str) -> None:
        self._going_to = name
        self._show_cut(name)
