"""The Trajectories panel: the planar map of all tokens, and their paths from layer to layer."""

import weakref
from typing import TYPE_CHECKING, Any

import napari.viewer
import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import QLabel, QPushButton, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from ..coordinator.coordinator import Coordinator
from ..widgets.keys import bind_keys
from ..widgets.panel_base import Panel
from ..work.latest_task import LatestTask
from .board import TrajectoriesBoard
from .source import PreparedMap, map_work, prepare

if TYPE_CHECKING:
    from ..frames.loading import LoadedStudy

__all__ = ["TrajectoriesPanel"]

NO_RESULT = (
    "<b>No result yet.</b> Run a study in the Study panel, or open one. Then this panel shows all of its tokens on one "
    "map, and how they travel from layer to layer."
)
NO_MAP = (
    "<b>This study has no map yet.</b> The map is a plane on which tokens lie together that are alike to the networks "
    "(2-D spectral t-SNE). It is computed once for all layers and networks together, and kept with the study."
)
PREPARING = "<b>Preparing the map…</b>"
COMPUTING = "<b>Computing the map…</b> It appears here as soon as it takes shape."

# Maps of studies that may not be written, for as long as the window lives.
_UNKEPT: "weakref.WeakKeyDictionary[Coordinator, tuple[Any, NDArray[np.float32]]]" = weakref.WeakKeyDictionary()


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


class TrajectoriesPanel(Panel):
    """The map with its controls; without a map, how to get one.

    Parameters
    ----------
    viewer
        The viewer that the panel is docked in; napari gives it.
    """

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(Coordinator.of(viewer), parent)
        # napari fills docks of less eager widgets with emptiness.
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.board = TrajectoriesBoard(self.coordinator)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.RichText)
        self.note.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.compute = QPushButton("Compute the map")
        self.compute.setToolTip("Compute it now, in the background; a minute for a million tokens")
        self.study = QPushButton("Open the Study panel")
        self.study.setToolTip("Choose pictures and networks there, and run")
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(12, 12, 12, 12)
        for widget in (self.note, self.compute, self.study):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignTop)
        column.addStretch(1)
        self.pages = QStackedWidget()
        self.pages.addWidget(page)
        self.pages.addWidget(self.board)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pages)
        self._preparing = LatestTask("Preparing the map", self._on_prepared)
        self._courier = _Courier()
        self._courier.arrived.connect(self._on_early)
        self._identity: Any = None
        self._computing = False
        self.compute.clicked.connect(self.compute_map)
        self.study.clicked.connect(self._open_study_panel)
        bind_keys(viewer)
        self.start()

    @property
    def parts(self) -> tuple[TrajectoriesBoard]:
        """The board."""
        return (self.board,)

    def sizeHint(self) -> QSize:
        """Room for the map."""
        return QSize(460, 640)

    @property
    def settled(self) -> bool:
        """Whether nothing is being prepared."""
        return not self._preparing.busy and self.board.settled

    def listen(self) -> None:
        """Follow what is shown and what is at work."""
        super().listen()
        self.coordinator.shown.changed.connect(self._on_shown)
        self.coordinator.tasks.changed.connect(self._on_task)

    def deafen(self) -> None:
        """Follow them no longer."""
        super().deafen()
        self.coordinator.shown.changed.disconnect(self._on_shown)
        self.coordinator.tasks.changed.disconnect(self._on_task)
        self._preparing.stop()

    def redraw(self) -> None:
        """Show the map, or what is missing for it."""
        self._identity = None
        self._on_shown()

    def _on_shown(self) -> None:
        study = self.coordinator.shown.study
        if study is None or study.cut is None:
            self._identity = None
            self._say(NO_RESULT, study=True)
            return
        places = study.cut.map2d
        if places is None:
            places = self._unkept(study)
        if places is None:
            self._identity = None
            if not self._computing:  # else it is seen while it settles
                self._say(NO_MAP, compute=True)
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
            self.pages.setCurrentWidget(self.board)
            self.board.show_map(prepared)

    def _say(self, words: str, *, compute: bool = False, study: bool = False) -> None:
        self.board.show_map(None)
        self.note.setText(words)
        self.compute.setVisible(compute)
        self.study.setVisible(study)
        self.pages.setCurrentIndex(0)

    # -- computing -----------------------------------------------------------------------------------------------

    def compute_map(self) -> None:
        """Compute the map of the cut that is shown, in the background."""
        study = self.coordinator.shown.study
        if study is None or study.cut is None:
            return
        device = self.coordinator.settings.device.strip() or "auto"
        work = map_work(study.study, study.cut.name, device, self._courier.bring)
        own, identity = weakref.ref(self.coordinator), study.identity

        def then(places: NDArray[np.float32]) -> None:
            coordinator = own()
            if coordinator is not None:
                _UNKEPT[coordinator] = (identity, places)
                coordinator.shown.changed.emit()

        self._computing = True
        if self.coordinator.tasks.start("The map", work, then):
            self._say(COMPUTING)
        else:
            self._computing = False

    def _unkept(self, study: "LoadedStudy") -> NDArray[np.float32] | None:
        identity, places = _UNKEPT.get(self.coordinator, (None, None))
        return places if identity == study.identity else None

    def _on_early(self) -> None:
        early, self._courier.latest = self._courier.latest, None
        study = self.coordinator.shown.study
        if early is None or not self._computing or not self._listening or study is None or study.cut is None:
            return
        landmarks, places = early
        if landmarks.max() < len(study.cut.index):
            self.pages.setCurrentWidget(self.board)
            self.board.show_early(prepare(places), landmarks)

    def _on_task(self, task: Any) -> None:
        if self._computing and not task.busy:
            self._computing = False
            # Not in this turn: what the work gave is shown first. After an error or a cancellation there is no map.
            QTimer.singleShot(0, self._look_again)

    def _look_again(self) -> None:
        if self._listening:
            self._on_shown()

    def _open_study_panel(self) -> None:
        from ..widgets.commands import show_study_panel

        viewer = self.coordinator.viewer
        if viewer is not None:
            show_study_panel(viewer)
