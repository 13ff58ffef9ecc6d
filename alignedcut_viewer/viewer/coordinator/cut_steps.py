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

    def expect(self, name: str) -> None:
        """A cut is about to be shown as part of a step that is remembered already."""
        self._going_to = name

    def remember(self, before: "LoadedStudy | None", now: "LoadedStudy") -> None:
        """Another cut is shown.

        Nothing is remembered where that is what was undone, or the cut before has gone or got another name. Of another
        study, nothing that was done before can be undone.
        """
        if before is None or before.path != now.path:
            self._timeline.forget_all()
        elif before.cut is not None and now.cut is not None:
            old, new = before.cut.name, now.cut.name
            if old != new and new != self._going_to and old in now.cuts:
                self._timeline.add(Step(partial(self._go_to, old), partial(self._go_to, new), lasting=True))
        self._going_to = ""

    def _go_to(self, name: str) -> None:
        self.expect(name)
        self._show_cut(name)
