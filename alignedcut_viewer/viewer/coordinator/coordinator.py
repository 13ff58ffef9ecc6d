"""One coordinator a viewer: it holds what is shown and selected, and runs what takes long.

Panels are views. They draw from the coordinator, write to it, listen to its signals, and never speak to one another; a
panel that is closed and opened again is a new widget and finds everything here. Signals are emitted in the window's
thread.
"""

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info, show_warning
from psygnal import Signal

from ...backbones import list_networks
from ...errors import AlignedCutError, InputError
from ..frames.loading import LoadedPictures, LoadedStudy, load_pictures, load_study
from ..frames.runs import run_work
from ..frames.stacks import PictureStack
from ..layers.display import Display
from ..layers.overlays import Overlays
from ..layers.pointer import Pointer
from ..state.history import SELECTION_COLOURS, SELECTIONS
from ..state.node_values import NodeValues
from ..state.session_file import read_session, write_session
from ..state.settings import SAMPLES, StudySettings
from ..state.training_log import TrainingLog
from ..work.dialogs import is_open
from ..work.similarity_stream import SimilarityStream
from ..work.task_runner import TaskRunner, TaskState, tell_error
from .mouse_picking import MousePicking
from .session_keeper import Sessions

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["Coordinator", "TaskState", "tell_error"]

_COORDINATORS: "weakref.WeakKeyDictionary[ViewerModel, Coordinator]" = weakref.WeakKeyDictionary()


class Coordinator(MousePicking, TaskRunner):
    """State and actions of AlignedCut in one viewer; get it with :meth:`of`.

    Attributes
    ----------
    settings
        What the Study panel is set to.
    display
        The layers of pictures and colours in the viewer.
    overlays
        The layers above them: heat map, mask, outlines of the selections.
    pointer
        The mouse over the canvas.
    sessions
        Keeps how the study is looked at.
    history
        Both selections and their past.
    pictures
        Pictures that are shown, or None.
    study
        The study that is shown, or None.
    training
        What the latest training on brain data said of its epochs.
    panel_state
        What each panel, by its name, wants to find again when it is opened anew or in another session; JSON-ready.
    shown_changed
        Signal: another study, another cut, or other pictures are shown.
    """

    settings_changed = Signal(StudySettings)
    shown_changed = Signal()
    smooth_changed = Signal(bool)

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = weakref.ref(viewer)
        self.settings = StudySettings()
        self.pictures: LoadedPictures | None = None
        self.study: LoadedStudy | None = None
        self.training = TrainingLog()
        self.smooth = False
        self.panel_state: dict[str, dict[str, Any]] = {}
        self._position: tuple[str, int, int] | None = None
        MousePicking.__init__(self)
        TaskRunner.__init__(self)
        # What the viewer calls must not keep the coordinator, which the viewer keeps.
        self.display = Display(viewer, _weakly(self._tell_position))
        self.overlays = Overlays(self.display)
        self.pointer = Pointer(viewer, _weakly(self._on_hover), _weakly(self._on_click), _weakly(self._on_drag))
        self._similar = SimilarityStream(_weakly(self._tell_stream), tell_error)
        self.sessions = Sessions(self)
        for signal in (
            self.selection_changed,
            self.active_changed,
            self.position_changed,
            self.similarity_changed,
            self.smooth_changed,
            self.drag_changed,
        ):
            signal.connect(self.sessions.touch)

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

    # -- settings ------------------------------------------------------------------------------------------------

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
            self.overlays.set_smooth(smooth)
            self._tell(self.smooth_changed, smooth)

    # -- what the sliders show -----------------------------------------------------------------------------------

    @property
    def position(self) -> tuple[str, int, int] | None:
        """Network, layer and image that the sliders show, as the cut's index counts them; None without a cut.

        The network need not have the layer: see :meth:`shown_slot`.
        """
        stack = self.display.stack
        if self.study is None or self.study.cut is None or stack is None:
            return None
        network, layer, picture = self.display.position()
        if not (network < len(stack.networks) and layer < len(stack.layers) and picture < len(stack.index.images)):
            return None
        return stack.networks[network], stack.layers[layer], stack.index.images[picture]

    def _tell_position(self) -> None:
        position = self.position
        if position is not None and position != self._position:
            self._tell(self.position_changed, *position)
        self._position = position

    def go_to(self, node: int) -> None:
        """Move the sliders to the network, layer and picture of a node.

        Raises
        ------
        InputError
            If no cut is shown, or the node is not in it.
        """
        stack, index = self.display.stack, self._index()
        place = index.locate(int(node))
        if stack is not None:
            picture = index.images.index(int(place.image))
            self.display.move_to(int(place.network), stack.layers.index(int(place.layer)), picture)

    # -- layers over the pictures --------------------------------------------------------------------------------

    def _forget_nodes(self) -> None:
        super()._forget_nodes()
        self.overlays.clear()

    def _draw_values(self, values: NodeValues | None) -> None:
        if values is None or self.study is None:
            self.overlays.hide_values()
        else:
            _, cut = self.shown_cut()
            self.overlays.show_values(values, cut.index, self.study.pictures.layout, smooth=self.smooth)

    def _draw_mask(self) -> None:
        values, settings = self.values, self.similarity
        if values is None or not settings.mask or self.study is None:
            self.overlays.hide_mask()
            return
        colour, place = SELECTION_COLOURS[self.active], (self._index(), self.study.pictures.layout)
        self.overlays.show_mask(values, settings.threshold, colour, *place, smooth=self.smooth)

    def _draw_selections(self) -> None:
        if self.study is not None and self.study.cut is not None:
            selections = {which: self.selection(which).nodes for which in SELECTIONS}
            self.overlays.mark(selections, self.study.cut.index, self.study.pictures.layout)

    def hover(self, node: int | None) -> None:
        """Point at a node, or at none; where the mouse is not on it already, the picture shows which one."""
        super().hover(node)
        if self.study is not None and self.study.cut is not None:
            marked = None if self.hovered == self._under_mouse else self.hovered
            self.overlays.point(marked, self.study.cut.index, self.study.pictures.layout)

    # -- comparison in the background ----------------------------------------------------------------------------

    def _tell_stream(self, text: str) -> None:
        self._tell(self.stream_changed, text)

    def _stream(self, work: Any, on_part: Any, then: Any) -> None:
        def while_open(show: Callable[..., None]) -> Callable[..., None]:
            return lambda *found: show(*found) if is_open(self.viewer) else None

        self._similar.start(work, while_open(on_part), while_open(then))

    def _stop_stream(self) -> None:
        self._similar.stop()

    def _tell_error(self, error: BaseException) -> None:
        tell_error(error)

    # -- opening -------------------------------------------------------------------------------------------------

    def open_pictures(self, source: str | Path) -> None:
        """Show a folder of pictures (or the sample pictures) and set the Study panel to it."""
        source = str(source)
        self.start("Opening pictures", lambda report: load_pictures(source, report), self.show_pictures)

    def adopt_pictures(self, loaded: LoadedPictures) -> PictureStack:
        """Pictures for a layer that napari itself is about to add; it becomes the layer of pictures."""
        self.sessions.flush()
        stack = loaded.stack(self._tell_unreadable)
        self.display.expect(stack, loaded.names, lambda: self._show_pictures(loaded))
        return stack

    def show_pictures(self, loaded: LoadedPictures) -> None:
        """Show pictures without a study."""
        self.sessions.flush()
        self.display.show(loaded.stack(self._tell_unreadable), loaded.names)
        self._show_pictures(loaded)

    def _show_pictures(self, loaded: LoadedPictures) -> None:
        self._forget_nodes()
        self.study = None
        self.pictures = loaded
        self.load_named()
        self.change_settings(source=loaded.source, study=str(loaded.suggested_study))
        self._tell(self.shown_changed)

    def open_study(self, path: str | Path, cut: str | None = None) -> None:
        """Show a study as it was last looked at; `cut` is the name of the cut to show, by default the same as then."""
        path = Path(path)
        self.start("Opening the study", lambda report: load_study(path, cut, report), self.show_opened_study)

    def open_session(self, path: str | Path) -> None:
        """Show the study of a saved session, as it was then."""
        path = Path(path)

        def work(report: Any) -> LoadedStudy:
            session = read_session(path)
            study = Path(session.study)
            if not study.is_dir() and (path.parent / study.name).is_dir():
                study = path.parent / study.name  # both were moved together
            return replace(load_study(study, session.cut or None, report), session=session)

        self.start("Opening the session", work, self._show_session)

    def save_session(self, path: str | Path) -> None:
        """Write how the study is looked at now.

        Raises
        ------
        StorageError
            If no study is shown, or the file cannot be written.
        """
        write_session(Path(path), self.sessions.capture())

    def _show_session(self, loaded: LoadedStudy) -> None:
        self.show_opened_study(replace(loaded, session=None))
        if loaded.session is not None:
            self.sessions.restore(loaded.session)

    def show_opened_study(self, loaded: LoadedStudy) -> None:
        """Show a study that was computed before, and set the Study panel to its pictures and networks."""
        another = self.study is None or loaded.identity != self.study.identity
        self.show_study(loaded)
        cut = "" if loaded.cut is None else loaded.cut.name
        if another and loaded.session is not None and loaded.session.cut == cut:
            self.sessions.restore(loaded.session)
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
        self.sessions.flush()
        if self.study is None or loaded.identity != self.study.identity:
            self._forget_nodes()
        self.study = loaded
        self.pictures = loaded.pictures
        self.display.show(
            loaded.pictures.stack(self._tell_unreadable),
            loaded.pictures.names,
            loaded.colours(smooth=self.smooth),
            name=loaded.layer_name,
            metadata=loaded.metadata,
        )
        self.load_named()
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

    # -- work in the background ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Compute the study that the settings describe, and show it."""
        try:
            pictures = None if self.study is None else self.study.study.picture_set()
            work = run_work(self.settings, pictures, self.training.add)
        except AlignedCutError as error:
            tell_error(error)
            return
        if not self.task.busy:
            self.training.clear()
        self.start("AlignedCut", work, self.show_study)

    def run_demo(self) -> None:
        """Compute the sample pictures with the settings that need no download."""

        def then(loaded: LoadedPictures) -> None:
            self.settings = StudySettings()
            self.show_pictures(loaded)
            self.run()

        self.start("Opening pictures", lambda report: load_pictures(SAMPLES, report), then)

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


def _weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that is called as long as its object is there."""
    reference = weakref.WeakMethod(method)

    def call(*arguments: Any) -> Any:
        alive = reference()
        return None if alive is None else alive(*arguments)

    return call
