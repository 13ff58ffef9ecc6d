"""One coordinator a viewer: it holds what is shown and selected, and runs what takes long.

Panels are views. They draw from the coordinator, write to it, listen to its signals, and never speak to one another; a
panel that is closed and opened again is a new widget and finds everything here. Signals are emitted in the window's
thread.
"""

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils import progress as activity
from napari.utils.notifications import notification_manager, show_error, show_info, show_warning
from numpy.typing import NDArray
from psygnal import Signal

from ..backbones import list_networks
from ..errors import AlignedCutError, InputError
from .background import BackgroundTask, Outcome, Work
from .dialogs import is_open
from .display import Display
from .history import History, Selection, SelectionMode
from .loading import LoadedPictures, LoadedStudy, load_pictures, load_study
from .runs import run_work
from .settings import SAMPLES, StudySettings
from .stacks import PictureStack

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from ..study.cut import Cut

__all__ = ["Coordinator", "TaskState"]

_COORDINATORS: "weakref.WeakKeyDictionary[ViewerModel, Coordinator]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class TaskState:
    """What the background does.

    Attributes
    ----------
    title
        Name of the work, "" when there is none.
    done, total
        Steps; a total of 0 means that it is not known yet.
    text
        What it is doing.
    stopping
        Whether it was told to stop and has not yet.
    """

    title: str = ""
    done: int = 0
    total: int = 0
    text: str = ""
    stopping: bool = False

    @property
    def busy(self) -> bool:
        """Whether there is work."""
        return bool(self.title)


class Coordinator:
    """State and actions of AlignedCut in one viewer; get it with :meth:`of`.

    Attributes
    ----------
    settings
        What the Study panel is set to.
    display
        The layers in the viewer.
    history
        The selection and its past.
    pictures
        Pictures that are shown, or None.
    study
        The study that is shown, or None.
    """

    settings_changed = Signal(StudySettings)
    shown_changed = Signal()
    selection_changed = Signal(Selection)
    task_changed = Signal(TaskState)
    smooth_changed = Signal(bool)

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = weakref.ref(viewer)
        self.display = Display(viewer)
        self.history = History(on_change=self._tell_selection)
        self.settings = StudySettings()
        self.pictures: LoadedPictures | None = None
        self.study: LoadedStudy | None = None
        self.smooth = False
        self._state = TaskState()
        self._task: BackgroundTask | None = None
        self._then: Callable[[Any], None] | None = None
        self._bar: Any = None
        self._in_bar = False

    @classmethod
    def of(cls, viewer: "ViewerModel") -> "Coordinator":
        """The coordinator of a viewer, made when it is first asked for."""
        # Plugins get proxies of the viewer; they must find the same coordinator.
        viewer = getattr(viewer, "__wrapped__", viewer)
        if viewer not in _COORDINATORS:
            _COORDINATORS[viewer] = cls(viewer)
        return _COORDINATORS[viewer]

    @property
    def viewer(self) -> "ViewerModel | None":
        """The viewer, or None after it is gone."""
        return self._viewer()

    @property
    def task(self) -> TaskState:
        """What the background does now."""
        return self._state

    # -- settings and selection ----------------------------------------------------------------------------------

    def change_settings(self, **fields: Any) -> None:
        """Replace some settings and tell the panels."""
        new = replace(self.settings, **fields)
        if new != self.settings:
            self.settings = new
            self._tell(self.settings_changed, new)

    def set_smooth(self, smooth: bool) -> None:
        """Interpolate colours between tokens, or not."""
        if smooth != self.smooth:
            self.smooth = smooth
            self.display.set_smooth(smooth)
            self._tell(self.smooth_changed, smooth)

    def select(self, nodes: Iterable[int] | NDArray[np.int64], mode: SelectionMode = "replace") -> None:
        """Change the selection.

        Raises
        ------
        InputError
            If no cut is shown, or a node is not in it.
        """
        cut = None if self.study is None else self.study.cut
        if cut is None:
            raise InputError("Nothing can be selected before a study with a cut is shown.")
        chosen = np.asarray(nodes if isinstance(nodes, np.ndarray) else list(nodes), dtype=np.int64)
        cut.index.locate(chosen)
        self.history.select(chosen, mode)

    def _tell_selection(self, selection: Selection) -> None:
        self._tell(self.selection_changed, selection)

    # -- opening -------------------------------------------------------------------------------------------------

    def open_pictures(self, source: str | Path) -> None:
        """Show a folder of pictures (or the sample pictures) and set the Study panel to it."""
        source = str(source)
        self.start("Opening pictures", lambda report: load_pictures(source, report), self.show_pictures)

    def adopt_pictures(self, loaded: LoadedPictures) -> PictureStack:
        """Pictures for a layer that napari itself is about to add; it becomes the layer of pictures."""
        stack = loaded.stack(self._tell_unreadable)
        self.display.expect(stack, loaded.names, lambda: self._show_pictures(loaded))
        return stack

    def show_pictures(self, loaded: LoadedPictures) -> None:
        """Show pictures without a study."""
        self.display.show(loaded.stack(self._tell_unreadable), loaded.names)
        self._show_pictures(loaded)

    def _show_pictures(self, loaded: LoadedPictures) -> None:
        self.study = None
        self.history.clear()
        self.pictures = loaded
        self.change_settings(source=loaded.source, study=str(loaded.suggested_study))
        self._tell(self.shown_changed)

    def open_study(self, path: str | Path, cut: str | None = None) -> None:
        """Show a study; `cut` is the name of the cut to show, by default the newest."""
        path = Path(path)
        self.start("Opening the study", lambda report: load_study(path, cut, report), self.show_opened_study)

    def show_opened_study(self, loaded: LoadedStudy) -> None:
        """Show a study that was computed before, and set the Study panel to its pictures and networks."""
        self.show_study(loaded)
        built_in = {spec.name for spec in list_networks()}
        names = list(dict.fromkeys(features.network for features in loaded.study.networks.values()))
        if names:
            self.change_settings(
                networks=tuple(name for name in names if name in built_in),
                other_networks=", ".join(name for name in names if name not in built_in),
            )
        self.change_settings(source="", cut_name="default" if loaded.cut is None else loaded.cut.name)

    def show_study(self, loaded: LoadedStudy) -> None:
        """Show a study and, where it has one, a cut of it."""
        if self.study is None or loaded.identity != self.study.identity:
            self.history.clear()
        self.study = loaded
        self.pictures = loaded.pictures
        self.display.show(
            loaded.pictures.stack(self._tell_unreadable),
            loaded.pictures.names,
            loaded.colours(smooth=self.smooth),
            name=loaded.layer_name,
            metadata=loaded.metadata,
        )
        self.change_settings(study=str(loaded.path))
        self._tell(self.shown_changed)
        for sentence in loaded.warnings:
            show_warning(sentence)
        if loaded.announcements:
            show_info("\n".join(loaded.announcements[:4]))

    def show_cut(self, name: str) -> None:
        """Show another cut of the study that is shown."""
        if self.study is not None and (self.study.cut is None or name != self.study.cut.name):
            self.open_study(self.study.path, name)

    def _tell_unreadable(self, image: int, reason: str) -> None:
        if self.pictures is not None:
            self.pictures.unreadable[image] = reason
            self._tell(self.shown_changed)

    def _tell(self, signal: Any, *values: Any) -> None:
        """Emit a signal while there is a window; one that closes takes its widgets along without a word to them."""
        if is_open(self.viewer):
            signal.emit(*values)

    # -- work in the background ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Compute the study that the settings describe, and show it."""
        try:
            work = run_work(self.settings, None if self.study is None else self.study.study.picture_set())
        except AlignedCutError as error:
            tell_error(error)
            return
        self.start("AlignedCut", work, self.show_study)

    def run_demo(self) -> None:
        """Compute the sample pictures with the settings that need no download."""

        def then(loaded: LoadedPictures) -> None:
            self.settings = StudySettings()
            self.show_pictures(loaded)
            self.run()

        self.start("Opening pictures", lambda report: load_pictures(SAMPLES, report), then)

    def shown_cut(self) -> "tuple[LoadedStudy, Cut]":
        """The study and the cut that are shown.

        Raises
        ------
        InputError
            If there is none.
        """
        if self.study is None or self.study.cut is None:
            raise InputError("There is no result yet; run the study in the Study panel, or open one.")
        return self.study, self.study.cut

    def shown_slot(self) -> tuple[str, int]:
        """The network and the layer that the sliders show.

        Raises
        ------
        InputError
            If there is no cut, or the network has no such layer.
        """
        study, _ = self.shown_cut()
        stack = self.display.stack or study.colours(smooth=False)
        network, layer, _ = self.display.position()
        slot = stack.slot(network, layer)
        if slot is None:
            raise InputError(f"{stack.networks[network]} has no layer {stack.layers[layer]}; move the layer slider.")
        return slot

    def start(self, title: str, work: Work, then: Callable[[Any], None] | None = None) -> bool:
        """Do something in the background.

        Parameters
        ----------
        title
            Its name for the user.
        work
            Called with a progress callback, in another thread; must not touch the viewer.
        then
            Called with what `work` returned, in the window's thread; not called after an error or a cancellation.

        Returns
        -------
        bool
            False where something else is still at work; the user is told.
        """
        if self._task is not None:
            show_warning(f"Please wait, or cancel first: {self._state.title} is still at work.")
            return False
        task = BackgroundTask.of(work, title)
        self._task, self._then = task, then
        self._bar = activity(total=1000, desc=title)
        task.progressed.connect(self._on_progress)
        task.finished.connect(self._on_finished)
        task.warned.connect(self._on_warning)
        self._set_state(TaskState(title=title, text="starting"))
        task.start()
        return True

    def cancel(self) -> None:
        """Tell the work in the background to stop at its next step; what it finished stays on disk."""
        if self._task is not None and not self._state.stopping:
            self._task.quit()
            self._set_state(replace(self._state, stopping=True))

    def _set_state(self, state: TaskState) -> None:
        self._state = state
        self._tell(self.task_changed, state)

    def _on_progress(self, done: int, total: int, text: str) -> None:
        if self._task is None:
            return
        self._set_state(replace(self._state, done=done, total=total, text=text))
        bar = self._bar
        if bar is not None and total > 0 and not self._in_bar:
            # napari's progress bar lets other events through: the task may have ended when it returns.
            self._in_bar = True
            try:
                bar.update(1000 * done // total - bar.n)
            finally:
                self._in_bar = False

    def _on_warning(self, details: tuple[Any, ...]) -> None:
        message, _, filename = details[:3]
        if Path(filename).is_relative_to(Path(__file__).parent.parent):
            show_warning(str(message))

    def _on_finished(self) -> None:
        task, then, title = self._task, self._then, self._state.title
        if task is None:
            return
        self._task = self._then = None
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        outcome = task.outcome or Outcome(cancelled=True)
        if not is_open(self.viewer):
            return
        self._set_state(TaskState())
        if outcome.error is not None:
            tell_error(outcome.error)
        elif outcome.cancelled:
            show_info(f"{title}: cancelled. What was finished is kept; run again to go on.")
        elif then is not None:
            try:
                then(outcome.value)
            except Exception as error:
                tell_error(error)


def tell_error(error: BaseException) -> None:
    """Notify the user: of an :class:`AlignedCutError` by its sentence, of any other error with its trace."""
    if isinstance(error, AlignedCutError):
        show_error(str(error))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
