"""One line that says what is going on, how the last thing ended, and what to do next."""

import time

from psygnal import Signal

from ..state.settings import shown_path
from ..work.task_runner import TaskState
from .node_selection import NodeSelection
from .shown import Shown

__all__ = ["Status"]


class Status:
    """What the window says of itself; it stays until there is something else to say.

    Parameters
    ----------
    shown, selection
        What is shown and selected.

    Attributes
    ----------
    changed
        Signal: another line, or other progress.
    task
        What the background does.
    """

    changed = Signal()

    def __init__(self, shown: Shown, selection: NodeSelection) -> None:
        self._shown, self._selection = shown, selection
        self.task = TaskState()
        self._message = ""
        self._begun = 0.0
        shown.changed.connect(self.changed.emit)
        selection.changed.connect(self._on_selection)

    @property
    def line(self) -> str:
        """What is so now; while nothing is at work, how the last thing ended and what comes next."""
        task = self.task
        if task.stopping:
            return f"{task.title}: stopping after this step…"
        if task.busy:
            share = f" · {100 * task.done // task.total} %" if task.total > 0 else ""
            return f"{task.title}: {task.text}{share}"
        return "  ·  ".join(part for part in (self._message, self.next_step) if part)

    @property
    def next_step(self) -> str:
        """What the user may do now."""
        shown = self._shown
        if shown.pictures is None:
            return "Open pictures or a study: drop a folder here, or Plugins ▸ AlignedCut"
        if shown.study is None:
            return f"{len(shown.pictures.names):,} pictures; choose networks in Compute, and press Run"
        if shown.cut is None:
            return "This study has no result yet; press Run in Compute"
        n_chosen = len(self._selection.of().nodes)
        if not n_chosen:
            return "Click anything in a picture: what is similar lights up everywhere"
        tokens = "1 token is selected" if n_chosen == 1 else f"{n_chosen:,} tokens are selected"
        return f"{tokens} ({self._selection.active}); Shift-click adds, Alt-click removes"

    def follow_task(self, task: TaskState) -> None:
        """Take over what the background does."""
        if task.busy and not self.task.busy:
            self._begun, self._message = time.monotonic(), ""
        self.task = task
        self.changed.emit()

    def task_ended(self, title: str, how: str) -> None:
        """Say how work in the background ended: ``"done"``, ``"cancelled"`` or ``"failed"``."""
        seconds = time.monotonic() - self._begun
        if how == "cancelled":
            self.say(f"{title}: cancelled; finished steps are kept, and Run resumes from there")
        elif how == "done":
            self.say(f"{title}: done in {seconds:.0f} s{self._numbers() if title == 'AlignedCut' else ''}")

    def say(self, sentence: str) -> None:
        """Say something that stays until something else happens."""
        self._message = " ".join(sentence.split())
        self.changed.emit()

    def _numbers(self) -> str:
        study, cut = self._shown.study, self._shown.cut
        if study is None or cut is None:
            return ""
        index = cut.index
        networks = "1 network" if len(index.networks) == 1 else f"{len(index.networks)} networks"
        return f": {len(index):,} tokens of {len(index.images):,} pictures, {networks}, in {shown_path(study.path)}"

    def _on_selection(self, *_: object) -> None:
        self._message = ""
        self.changed.emit()
