"""One coordinator a viewer: it puts together what is shown, selected and computed, and opens studies.

Panels are views. They draw from the coordinator's parts, write to them, listen to their signals, and never speak to one
another; a panel that is closed and opened again is a new widget and finds everything here. Signals are emitted in the
window's thread.
"""

import os
import weakref
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info, show_warning

from ...backbones import list_networks
from ...errors import InputError
from ...node_ranges import translate
from ...places import as_place
from ..frames.loading import LoadedPictures, LoadedStudy, load_pictures, load_study
from ..frames.stacks import PictureStack
from ..layers.display import Display
from ..layers.overlays import Overlays
from ..layers.pointer import Pointer
from ..layers.segment_layers import SegmentLayers
from ..state.history import SELECTIONS, Selection
from ..state.session_file import read_session
from ..state.settings import SAMPLES, StudySettings, shown_path
from ..state.timeline import Timeline
from ..state.training_log import TrainingLog
from ..state.view_state import Position, ViewState
from ..work.dialogs import is_open, window_of
from ..work.latest_task import LatestTask
from ..work.task_runner import TaskRunner, tell_error
from .canvas import Canvas
from .cut_steps import CutSteps
from .heat_map import HeatMap
from .new_pictures import NewPictures
from .node_selection import NodeSelection
from .overlay_binding import OverlayBinding
from .picking import Picking
from .prompting import PROMPT_TOOLS, Prompting
from .results import Results
from .segment_binding import SegmentBinding
from .segment_view import offer_segments
from .segments import Segments
from .selection_names import SelectionNames
from .session_window import Autosave, ViewerWindow
from .sessions import Sessions
from .shown import Shown
from .similarity import Similarity
from .status import Status
from .study_run import StudyRun
from .where_else import WhereElse
from .workspaces import Workspaces

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["Coordinator"]

_COORDINATORS: "weakref.WeakKeyDictionary[ViewerModel, Coordinator]" = weakref.WeakKeyDictionary()


class Coordinator:
    """State and actions of AlignedCut in one viewer; get it with :meth:`of`.

    Attributes
    ----------
    settings
        What the Study panel is set to.
    view
        What the sliders show, and how.
    shown
        Pictures and study that are shown.
    timeline
        Undo and redo of everything that can be undone, in the order in which it was done.
    selection
        Figure and ground, and what is pointed at.
    heat_map, similarity
        Values over the pictures; lets them follow the selection, with its threshold.
    canvas
        Which of colours, values and groups lies over the pictures.
    where_else
        Pictures ranked by what lies over them.
    named
        Selections under names.
    segments
        Segments of the study, as a person works with them.
    prompting
        Prompts on the pictures and their answer.
    segment_layers
        The layers of both.
    picking
        Turns places over the pictures into nodes.
    tasks, sessions
        Runs what takes long; keeps how the study is looked at.
    workspaces, status
        Arrangements of the panels; the line that says what is going on.
    results, new_pictures
        Names of cuts and concepts, and those that were deleted; pictures that join the cut that is shown.
    display
        The layers of pictures and colours in the viewer.
    overlays
        The layers above them: heat map, mask, outlines of the selections.
    training
        What the latest training on brain data said of its epochs.
    panel_state
        What each panel, by its name, wants to find again when it is opened anew or in another session; JSON-ready.
    """

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = weakref.ref(viewer)
        self.settings = StudySettings()
        self.view = ViewState()
        self.shown = Shown()
        self.training = TrainingLog()
        self.panel_state: dict[str, dict[str, Any]] = {}
        self.timeline = Timeline()
        self._cut_steps = CutSteps(self.timeline, _weakly(self.show_cut))
        self.selection = NodeSelection(self.shown, self.timeline)
        self.heat_map = HeatMap(self.shown)
        self.similarity = Similarity(self.shown, self.selection, self.heat_map, self.view, LatestTask)
        self.where_else = WhereElse(self.shown, self.selection, self.heat_map, self.similarity, self.view, LatestTask)
        self.canvas = Canvas(self.shown, self.heat_map, self.similarity)
        self.named = SelectionNames(self.shown, self.selection, self.timeline)
        self.picking = Picking(self.shown, self.selection, self.view)
        self.segments = Segments(self.shown, self.selection, self.similarity, self.view, self.timeline, LatestTask)
        self.prompting = Prompting(self.shown, self.heat_map, self.similarity, self.view, self.timeline, LatestTask)
        self.picking.tools = {"segment": self.segments, **dict.fromkeys(PROMPT_TOOLS, self.prompting)}
        # What the viewer calls must not keep the coordinator, which the viewer keeps.
        still_open = _weakly(self._is_open)
        self.tasks = TaskRunner(still_open, computers=self.settings.computers)
        self.display = Display(viewer, _weakly(self._on_move))
        self.overlays = Overlays(self.display)
        mouse = (_weakly(method) for method in (self.picking.hover, self.picking.click, self.picking.drag))
        self._pointer = Pointer(viewer, self.view, *mouse)
        self._binding = OverlayBinding(
            self.display,
            self.overlays,
            still_open,
            shown=self.shown,
            selection=self.selection,
            heat_map=self.heat_map,
            canvas=self.canvas,
            similarity=self.similarity,
            prompting=self.prompting,
            picking=self.picking,
            view=self.view,
        )
        timeline = self.timeline
        self.segment_layers = SegmentLayers(
            self.display, _weakly(self._on_painted), lambda: timeline.undo(), lambda: timeline.redo()
        )
        self._segment_binding = SegmentBinding(
            self.segment_layers,
            still_open,
            shown=self.shown,
            segments=self.segments,
            prompting=self.prompting,
            view=self.view,
            canvas=self.canvas,
            tell=tell_error,
        )
        offer_segments(self.canvas, self.segment_layers, self.overlays)
        self.shown.changed.connect(self._on_shown)
        self.workspaces = Workspaces(self._viewer)
        looks = ViewerWindow(self.display, self.workspaces)
        self.sessions = Sessions(
            self.shown, self.selection, self.similarity, self.view, self.canvas, self.panel_state, looks
        )
        self.status = Status(self.shown, self.selection)
        self.tasks.changed.connect(self.status.follow_task)
        self.tasks.ended.connect(self.status.task_ended)
        self._study_run = StudyRun(
            self.settings, self.shown, self.training, self.tasks, self.show_study, lambda: window_of(self._viewer())
        )
        self.results = Results(self.shown, self.open_study, self._cut_steps, self.timeline)
        self.new_pictures = NewPictures(
            self.shown, self.settings, self.timeline, self.tasks, self.status, self.show_study, self.go_to_picture
        )
        self._autosave = Autosave(self.sessions, viewer, _weakly(self._at_the_end))
        self.results.failed.connect(tell_error)
        self.results.deleted.connect(show_info)
        for part in (self.similarity, self.picking, self.segments, self.prompting, self.named):
            part.failed.connect(tell_error)
        self.segments.changed.connect(self.sessions.touch)
        self.sessions.warned.connect(show_warning)

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

    def _is_open(self) -> bool:
        return is_open(self._viewer())

    def close(self) -> None:
        """Let go of the window; the viewer can be given another coordinator."""
        self._autosave.close()
        self.display.close()

    def _at_the_end(self) -> None:
        self.segments.let_go()
        self.results.let_go()

    # -- segments ------------------------------------------------------------------------------------------------

    def _on_painted(self) -> None:
        self._segment_binding.take_over()

    def _on_shown(self) -> None:
        study = self.shown.study
        if study is None or study.path != self.segments.study_path:
            self.segments.close()
            self.view.update(tool="")
        self._segment_binding.draw_anew()
        if len(self.prompting.marks):
            self.prompting.answer()

    # -- what the sliders show -----------------------------------------------------------------------------------

    def _on_move(self) -> None:
        self.view.update(position=self._position(), picture=self.display.position()[2])

    def _position(self) -> Position | None:
        cut, stack = self.shown.cut, self.display.stack
        if cut is None or stack is None:
            return None
        network, layer, picture = self.display.position()
        if not (network < len(stack.networks) and layer < len(stack.layers) and picture < len(stack.index.images)):
            return None
        return stack.networks[network], stack.layers[layer], stack.index.images[picture]

    def go_to(self, node: int) -> None:
        """Move the sliders to the network, layer and picture of a node.

        Raises
        ------
        InputError
            If no cut is shown, or the node is not in it.
        """
        stack, index = self.display.stack, self.shown.index
        place = index.locate(int(node))
        if stack is not None:
            picture = index.images.index(int(place.image))
            self.display.move_to(int(place.network), stack.layers.index(int(place.layer)), picture)

    def go_to_picture(self, image: int) -> None:
        """Move the picture slider to an image of the study; it stays where the cut that is shown lacks it."""
        stack = self.display.stack
        if stack is not None and image in stack.index.images:
            self.display.move_to(*self.display.position()[:2], stack.index.images.index(image))

    def go_to_layer(self, layer: int) -> None:
        """Move the layer slider; it stays where no network has that layer, or it is there."""
        stack = self.display.stack
        if stack is not None and layer in stack.layers:
            network, now, picture = self.display.position()
            wanted = stack.layers.index(layer)
            if wanted != now:
                self.display.move_to(network, wanted, picture)

    def shown_slot(self) -> tuple[str, int]:
        """The network and the layer that the sliders show.

        Raises
        ------
        InputError
            If there is no cut, or the network has no such layer.
        """
        study, _ = self.shown.study_and_cut()
        stack = self.display.stack or study.colours(smooth=False)
        assert stack is not None
        network, layer, _ = self.display.position()
        slot = stack.slot(network, layer)
        if slot is None:
            raise InputError(f"{stack.networks[network]} has no layer {stack.layers[layer]}; move the layer slider.")
        return slot

    # -- opening -------------------------------------------------------------------------------------------------

    def _forget_nodes(self) -> None:
        """Nodes are numbered anew: what was said of them is void."""
        for part in (self.similarity, self.prompting, self.canvas, self.where_else, self.selection):
            part.forget()
        self.timeline.forget_passing()
        self.heat_map.clear()
        self.overlays.clear()

    def open_pictures(self, source: str | Path) -> None:
        """Show a folder of pictures (or the sample pictures) and set the Study panel to it."""
        source = str(source)
        self.tasks.start("Opening pictures", lambda report: load_pictures(source, report), self.show_pictures)

    def _leave(self, study: LoadedStudy | None = None) -> None:
        """Keep how the study that is shown was looked at, and its segments, before another takes its place."""
        self.sessions.flush()
        if self.shown.study is not None and (study is None or study.path != self.shown.study.path):
            self.segments.save_now()
            self.prompting.forget_marks()
            self.segment_layers.clear()

    def adopt_pictures(self, loaded: LoadedPictures) -> PictureStack:
        """Pictures for a layer that napari itself is about to add; it becomes the layer of pictures."""
        self._leave()
        stack = loaded.stack(self.shown.tell_unreadable)
        self.display.expect(stack, loaded.names, lambda: self._show_pictures(loaded))
        return stack

    def show_pictures(self, loaded: LoadedPictures) -> None:
        """Show pictures without a study."""
        self._leave()
        self.display.show(loaded.stack(self.shown.tell_unreadable), loaded.names)
        self._show_pictures(loaded)

    def _show_pictures(self, loaded: LoadedPictures) -> None:
        self._forget_nodes()
        self.shown.study = None
        self.shown.pictures = loaded
        self.named.load()
        self.settings.update(source=loaded.source, study=shown_path(loaded.suggested_study))
        self.shown.changed.emit()

    def open_study(self, path: str | os.PathLike[str], cut: str | None = None) -> None:
        """Show a study as it was last looked at; `cut` is the name of the cut to show, by default the same as then."""
        self.tasks.start("Opening the study", lambda report: load_study(path, cut, report), self.show_opened_study)

    def open_session(self, path: str | Path) -> None:
        """Show the study of a saved session, as it was then."""
        path = Path(path)

        def work(report: Any) -> LoadedStudy:
            session = read_session(path)
            study = as_place(session.study)
            if isinstance(study, Path) and not study.is_dir() and (path.parent / study.name).is_dir():
                study = path.parent / study.name  # both were moved together
            return replace(load_study(study, session.cut or None, report), session=session)

        self.tasks.start("Opening the session", work, self._show_session)

    def _show_session(self, loaded: LoadedStudy) -> None:
        self.show_opened_study(replace(loaded, session=None))
        if loaded.session is not None:
            self.sessions.restore(loaded.session)

    def show_opened_study(self, loaded: LoadedStudy) -> None:
        """Show a study that was computed before, and set the Study panel to its pictures and networks."""
        another = self.shown.study is None or loaded.path != self.shown.study.path
        self.show_study(loaded)
        cut = "" if loaded.cut is None else loaded.cut.name
        if another and loaded.session is not None and loaded.session.cut == cut:
            self.sessions.restore(loaded.session)
        built_in = {spec.name for spec in list_networks()}
        names = list(dict.fromkeys(features.network for features in loaded.study.networks.values()))
        if names:
            self.settings.update(
                networks=tuple(name for name in names if name in built_in),
                other_networks=", ".join(name for name in names if name not in built_in),
            )
        self.settings.update(source="", cut_name="")

    def show_study(self, loaded: LoadedStudy) -> None:
        """Show a study and, where it has one, a cut of it."""
        before = self.shown.study
        self._leave(loaded)
        kept: dict[str, Selection] = {}
        if self.shown.study is None or loaded.identity != self.shown.study.identity:
            kept = self._same_places(loaded)
            self._forget_nodes()
        self.shown.study = loaded
        self.shown.pictures = loaded.pictures
        self.display.show(
            loaded.pictures.stack(self.shown.tell_unreadable),
            loaded.pictures.names,
            loaded.colours(smooth=self.view.smooth),
            name=loaded.layer_name,
            metadata=loaded.metadata,
        )
        self.named.load()
        self._cut_steps.remember(before, loaded)
        self.settings.update(study=shown_path(loaded.path))
        self.shown.changed.emit()
        if any(len(selection) for selection in kept.values()):
            self.selection.history.assign(kept)
        if loaded.cut is not None and self.workspaces.current == "Compute":
            self.workspaces.show("Look")
            self.display.fit()
        for sentence in loaded.warnings:
            show_warning(sentence)
        if loaded.announcements:
            show_info("\n".join(loaded.announcements[:4]))

    def clear(self) -> None:
        """Nothing is selected, and the pictures show their colours; one step back brings the selections again."""
        self.selection.clear()
        self.canvas.clear()

    def _same_places(self, loaded: LoadedStudy) -> dict[str, Selection]:
        """The selections in another cut of the same study, as far as it has these places."""
        before = self.shown.study
        if before is None or before.path != loaded.path or before.cut is None or loaded.cut is None:
            return {}
        old, new = before.cut.index, loaded.cut.index
        return {which: Selection(translate(self.selection.of(which).nodes, old, new)) for which in SELECTIONS}

    def show_cut(self, name: str) -> None:
        """Show another cut of the study that is shown."""
        study, cut = self.shown.study, self.shown.cut
        if study is not None and (cut is None or name != cut.name):
            self.open_study(study.path, name)

    # -- work in the background ----------------------------------------------------------------------------------

    def run(self, *, stand_ins: bool = False) -> None:
        """Compute the study that the settings describe, and show it; see :meth:`.StudyRun.start`."""
        self._study_run.start(stand_ins=stand_ins)

    def run_demo(self) -> None:
        """Compute the sample pictures with the settings that need no download."""

        def then(loaded: LoadedPictures) -> None:
            self.settings.update(**asdict(StudySettings()))
            self.show_pictures(loaded)
            self.run()

        self.tasks.start("Opening pictures", lambda report: load_pictures(SAMPLES, report), then)


def _weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that is called as long as its object is there."""
    reference = weakref.WeakMethod(method)

    def call(*arguments: Any) -> Any:
        alive = reference()
        return None if alive is None else alive(*arguments)

    return call
