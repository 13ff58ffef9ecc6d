"""New pictures join the cut that is shown, and leave it again when that is undone."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import AlignedCutError
from ..frames.loading import LoadedStudy
from ..frames.new_pictures import Adding, Joined
from ..state.settings import StudySettings
from ..state.timeline import Step, Timeline
from ..work.task_runner import TaskRunner, tell_error
from .shown import Shown
from .status import Status

__all__ = ["NewPictures"]

_ADDING = "Adding pictures"
_TAKING_OUT = "Taking pictures out"
_FEW = 8


class NewPictures:
    """Adds pictures to the cut of one window.

    Parameters
    ----------
    shown, settings
        The cut, and where to compute and which checkpoint the networks have.
    timeline, tasks, status
        Learns of what was added, does the work, and says how it ended.
    show_study, go_to_picture
        Show the study with the pictures, and one of these.
    """

    def __init__(
        self,
        shown: Shown,
        settings: StudySettings,
        timeline: Timeline,
        tasks: TaskRunner,
        status: Status,
        show_study: Callable[[LoadedStudy], None],
        go_to_picture: Callable[[int], None],
    ) -> None:
        self._shown, self._settings, self._timeline, self._tasks = shown, settings, timeline, tasks
        self._show_study, self._go_to_picture = show_study, go_to_picture
        self._adding = Adding()
        self._told: tuple[str, ...] = ()
        self._status = status
        tasks.ended.connect(self._say)

    def add(self, sources: Sequence[str]) -> None:
        """Place pictures in the cut that is shown and show the first of them; it can be undone.

        Parameters
        ----------
        sources
            Files and folders.
        """
        self._start(sources, [])

    def _start(self, sources: Sequence[str], images: list[int]) -> None:
        """Add pictures; `images` holds the numbers of those that were placed, for the step that is undone."""
        try:
            study, cut = self._shown.study_and_cut()
        except AlignedCutError as error:
            tell_error(error)
            return
        again = bool(images)
        settings = self._settings.snapshot()
        checkpoint, networks = settings.weights.strip(), settings.all_networks
        weights = {networks[0]: checkpoint} if checkpoint and len(networks) == 1 else {}
        device = settings.device.strip() or "auto"
        work = self._adding.add(study.path, cut.name, tuple(sources), weights, device)

        def then(joined: Joined) -> None:
            self._show(joined)
            images[:] = joined.placed
            if joined.placed and not again:
                step = Step(partial(self._take_out, images), partial(self._start, sources, images), lasting=True)
                self._timeline.add(step)

        # A picture or two are placed before the first worker has started.
        many = len(sources) > _FEW or any(Path(source).is_dir() for source in sources)
        self._tasks.start(_ADDING, work, then, spreads=many)

    def _take_out(self, images: list[int]) -> None:
        try:
            study, cut = self._shown.study_and_cut()
        except AlignedCutError as error:
            tell_error(error)
            return
        self._tasks.start(_TAKING_OUT, self._adding.take_out(study.path, cut.name, tuple(images)), self._show)

    def _show(self, joined: Joined) -> None:
        self._told = joined.sentences
        self._show_study(joined.study)
        if joined.show is not None:
            self._go_to_picture(joined.show)

    def _say(self, title: str, how: str) -> Any:
        if title in (_ADDING, _TAKING_OUT) and how == "done":
            more = f" … and {len(self._told) - 3} more" if len(self._told) > 3 else ""
            self._status.say(" ".join(self._told[:3]) + more)
