"""The Trajectories panel: the planar map of all tokens, and their paths from layer to layer."""

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QSizePolicy, QWidget

from ..widgets.board_panel import BoardPanel
from ..work.task_runner import TaskState
from .board import TrajectoriesBoard
from .source import MAP, PreparedMap, map_work, prepare
from .tools import MAP_KEYS

__all__ = ["TrajectoriesPanel"]

NO_MAP = (
    "<b>This study has no map yet.</b> On the map, tokens that the networks represent similarly lie close together "
    "(2-D spectral t-SNE). It is computed once for all layers and networks together, and kept with the study."
)
PREPARING = "<b>Preparing the map…</b>"
COMPUTING = "<b>Computing the map…</b> It appears here as soon as it takes shape."


class _Courier(QObject):
    """Brings early maps from the thread that works to that of the window, the latest only."""

    arrived = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.latest: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None

    def bring(self, landmarks: NDArray[np.int64], places: NDArray[np.float32]) -> None:
        """Called by the work."""
        waiting, self.latest = self.latest is not None, (landmarks.copy(), places.copy())
        if not waiting:
            self.arrived.emit()


class TrajectoriesPanel(BoardPanel):
    """The map with its controls; without a map, how to get one."""

    title = "Trajectories"
    purpose = "This panel then shows all its tokens on one map, and how they move from layer to layer."
    keys = MAP_KEYS
    usual_size = (460, 640)
    asks = ("The map",)
    exported = "trajectories"
    kind = TrajectoriesBoard
    board: TrajectoriesBoard

    def build(self) -> QWidget:
        """The board."""
        # napari fills docks of less eager widgets with emptiness.
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._preparing = self.latest_task("Preparing the map", self._on_prepared)
        self._courier = _Courier()
        self._courier.arrived.connect(self._on_early)
        self._identity: Any = None
        self._computing = False
        return super().build()

    @property
    def settled(self) -> bool:
        """Whether nothing is being prepared."""
        return not self._preparing.busy and self.board.settled

    def listen(self) -> None:
        """Follow what is shown and what is at work."""
        super().listen()
        self.follow(self.coordinator.tasks.changed, self._on_task)

    def rest(self) -> None:
        """What was being prepared is given up."""
        self._identity = None

    def redraw(self) -> None:
        """Show the map, or what is missing for it."""
        study = self.coordinator.shown.study
        if study is None or study.cut is None:
            self._identity = None
            self.board.show_map(None)
            self.say_no_result()
            return
        places = MAP.known(study)
        if places is None:
            self._identity = None
            if not self._computing:  # else it is seen while it settles
                self._say(NO_MAP, compute="Compute the map")
            return
        identity = (*study.identity, id(study.cut), study.cut.attached("map"))
        if identity == self._identity:
            return
        self._identity = identity
        self._say(PREPARING)
        self._preparing.start(lambda progress: (identity, prepare(places)))

    def _on_prepared(self, found: tuple[Any, PreparedMap]) -> None:
        identity, prepared = found
        if identity == self._identity and self._listening:
            self.show_contents()
            self.board.show_map(prepared)

    def _say(self, words: str, *, compute: str = "") -> None:
        self.board.show_map(None)
        self.say(words, compute=compute)

    # -- computing -----------------------------------------------------------------------------------------------

    def compute_now(self) -> None:
        """Compute the map of the cut that is shown, in the background."""
        study, coordinator = self.coordinator.shown.study, weakref.ref(self.coordinator)
        if study is None or study.cut is None:
            return

        def then(places: NDArray[np.float32]) -> None:
            alive = coordinator()
            if alive is not None:
                alive.shown.changed.emit()

        self._computing = True
        work = map_work(study, self.coordinator.settings.device.strip() or "auto", self._courier.bring)
        if self.coordinator.tasks.start("The map", work, then):
            self._say(COMPUTING)
        else:
            self._computing = False

    def _on_early(self) -> None:
        early, self._courier.latest = self._courier.latest, None
        study = self.coordinator.shown.study
        if early is None or not self._computing or not self._listening or study is None or study.cut is None:
            return
        landmarks, places = early
        if landmarks.max() < len(study.cut.index):
            self.show_contents()
            self.board.show_early(prepare(places), landmarks)

    def _on_task(self, task: TaskState) -> None:
        if self._computing and not task.busy:
            self._computing = False
            if not self.waits:  # an early map is shown
                self.say(PREPARING)
            self.look_again_after(task)
