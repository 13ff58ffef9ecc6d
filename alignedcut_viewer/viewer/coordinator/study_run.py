"""Computing the study that the settings describe, with a question where weights cannot be had."""

from collections.abc import Callable
from typing import Any

from napari.utils.notifications import show_warning
from qtpy.QtWidgets import QWidget

from ...backbones import OFFLINE_NETWORK
from ...errors import AlignedCutError
from ..frames.loading import LoadedStudy
from ..frames.runs import WeightsMissing, run_work
from ..state.settings import StudySettings
from ..state.training_log import TrainingLog
from ..work.dialogs import ask_choice
from ..work.task_runner import TaskRunner, tell_error
from .shown import Shown

__all__ = ["StudyRun"]


class StudyRun:
    """Runs the settings of one window.

    Parameters
    ----------
    settings, shown, training, tasks
        What to compute, of which pictures, what training says on the way, and who works.
    show
        Shows the result.
    window
        Gives the window that questions stand in front of.
    """

    def __init__(
        self,
        settings: StudySettings,
        shown: Shown,
        training: TrainingLog,
        tasks: TaskRunner,
        show: Callable[[LoadedStudy], None],
        window: Callable[[], QWidget | None],
    ) -> None:
        self._settings, self._shown, self._training, self._tasks = settings, shown, training, tasks
        self._show, self._window = show, window

    def start(self, *, stand_ins: bool = False, without: tuple[str, ...] = ()) -> None:
        """Compute the study that the settings describe, and show it.

        Parameters
        ----------
        stand_ins
            Whether the network that needs no download may stand in for those whose weights cannot be had; otherwise
            the user is asked before anything is computed.
        without
            Networks that are left out.
        """
        settings = self._settings.snapshot().without(without)
        try:
            pictures = None if self._shown.study is None else self._shown.study.study.picture_set()
            work = run_work(settings, pictures, self._training.add, stand_ins=stand_ins)
        except AlignedCutError as error:
            tell_error(error)
            return
        if not self._tasks.state.busy:
            self._training.clear()

        def guarded(report: Any) -> LoadedStudy | WeightsMissing:
            try:
                return work(report)
            except WeightsMissing as missing:
                return missing

        def then(result: LoadedStudy | WeightsMissing) -> None:
            if isinstance(result, WeightsMissing):
                self._ask_what_instead(result.missing, settings)
            else:
                self._settings.update(cut_name="")
                self._show(result)
                for sentence in result.stand_ins:
                    show_warning(sentence)

        self._tasks.start("AlignedCut", guarded, then, spreads=True)

    def _ask_what_instead(self, missing: dict[str, str], settings: StudySettings) -> None:
        """Weights are not available: ask for a stand-in, or to leave networks out."""
        left = [name for name in settings.all_networks if name not in missing]
        lines = "\n".join(f"• {name}: {why}" for name, why in missing.items())
        choices = ["Leave out"] if left else []
        if OFFLINE_NETWORK not in missing and OFFLINE_NETWORK not in left:
            choices.insert(0, f"Use {OFFLINE_NETWORK} instead")
        question = f"The weights of {' and '.join(missing)} are not available:\n{lines}"
        chosen = ask_choice(self._window(), "Networks out of reach", question, choices)
        if chosen == "Leave out":
            self.start(without=tuple(missing))
        elif chosen is not None:
            self.start(stand_ins=True)
