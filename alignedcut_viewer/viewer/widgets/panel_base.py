"""What all panels have in common: a page for "nothing here yet", a state that survives, and an end with their dock."""

import contextlib
import weakref
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDockWidget, QLabel, QPushButton, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from ..coordinator.coordinator import Coordinator
from ..coordinator.docks import settle
from ..work.task_runner import TaskState
from .canvas_corner import show_canvas_corner
from .commands import show_study_panel
from .forms import guard_from_wheel, in_scroll_area
from .keys import bind_keys
from .panel_export import Table, export_button
from .picture_drop import take_dropped_pictures
from .progress_strip import ProgressStrip
from .view import View
from .window_bar import install_window_bar

if TYPE_CHECKING:
    import napari.viewer
    from matplotlib.figure import Figure

__all__ = ["NO_RESULT", "Panel"]

NO_RESULT = "<b>No result yet.</b> Run a study in the Study panel, or open one."
MARGIN = 12
WIDEST = 400
"""Pixels of width that a panel asks for at most."""
ENOUGH = 340
"""Pixels of width that do for every panel where there is no room: the rest is scrolled sideways."""


class Panel(View):
    """A view that fills a dock and is deleted with it.

    A subclass makes its contents in :meth:`build`, shows them by :meth:`show_contents`, and says by :meth:`say` what is
    missing for them. It is registered in ``napari.yaml``, under its title.

    Parameters
    ----------
    viewer
        The viewer that the panel is docked in; napari gives it.
    """

    title: ClassVar[str]
    """Name in the menu, on the dock, and of its part of a session."""
    purpose: ClassVar[str] = ""
    """What it will show, for who has no result yet."""
    asks: ClassVar[tuple[str, ...]] = ()
    """Titles of the work that it begins; its progress is shown at its foot."""
    keys: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Keys while the panel has the focus, and what they do, for the help."""
    minimum_width: ClassVar[int] = 300
    minimum_height: ClassVar[int] = 160
    """Contents that need more are scrolled."""
    usual_size: ClassVar[tuple[int, int]] = (360, 640)
    margin: ClassVar[int] = 0
    exported: ClassVar[str] = ""
    """Name of the file that is suggested for what it shows; "" for a panel that has nothing to export."""

    def __init__(self, viewer: "napari.viewer.Viewer", parent: QWidget | None = None) -> None:
        super().__init__(Coordinator.of(viewer), parent)
        # Else napari puts empty space below what could be larger.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.RichText)
        self.note.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.compute = QPushButton("Compute")
        self.compute.setToolTip("Compute it now, in the background")
        self.study = QPushButton("Open the Study panel")
        self.study.setToolTip("Choose pictures, networks and the alignment there, and run")
        self.pages = QStackedWidget()
        self.pages.addWidget(self._page(self.note, self.compute, self.study))
        self.contents = self.build()
        self._scrolling = in_scroll_area(self.contents, shrinking=True)
        self._scrolling.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.pages.addWidget(self._scrolling)
        self.pages.setCurrentWidget(self._scrolling)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(self.margin, self.margin, self.margin, self.margin)
        layout.addWidget(self.pages, 1)
        self.strip = ProgressStrip(self.coordinator, self.asks, self)
        layout.addWidget(self.strip)
        self.compute.clicked.connect(self.compute_now)
        self.study.clicked.connect(self._open_study_panel)
        bind_keys(viewer)
        show_canvas_corner(viewer)
        install_window_bar(self.coordinator)
        take_dropped_pictures(viewer)
        self.start()

    def start(self) -> None:
        """Listen, and show progress."""
        super().start()
        self.strip.start()

    def stop(self) -> None:
        """Listen no longer."""
        super().stop()
        self.strip.stop()

    def build(self) -> QWidget:
        """Make the contents."""
        raise NotImplementedError

    @property
    def state(self) -> dict[str, Any]:
        """What the panel finds again when it is opened anew, or in another session; JSON-ready."""
        return self.coordinator.panel_state.setdefault(self.title.lower(), {})

    # -- export --------------------------------------------------------------------------------------------------

    @cached_property
    def export(self) -> QPushButton:
        """The button that exports what is seen; :meth:`build` puts it where it fits."""
        return export_button(self, self.figure, self.table, self.exported)

    def figure(self) -> "Figure | Callable[[], Figure]":
        """What is seen, as a matplotlib figure, or a function that draws it; see :func:`.export_panel`."""
        raise NotImplementedError

    def table(self) -> Table:
        """The numbers under it."""
        raise NotImplementedError

    # -- nothing here yet ----------------------------------------------------------------------------------------

    @staticmethod
    def _page(*widgets: QWidget) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        for widget in widgets:
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignTop)
        column.addStretch(1)
        return page

    def say(self, words: str, *, compute: str = "", study: bool = False) -> None:
        """Say what is missing in the place of the contents.

        Parameters
        ----------
        words
            Rich text.
        compute
            Words on the button that computes it, which calls :meth:`compute_now`; "" for no such button.
        study
            Whether there is a button that opens the Study panel.
        """
        self.note.setText(words)
        self.compute.setText(compute)
        self.compute.setVisible(bool(compute))
        self.study.setVisible(study)
        self.pages.setCurrentIndex(0)

    def say_no_result(self) -> None:
        """Say that there is nothing to show without a result, and what for."""
        self.say(f"{NO_RESULT} {self.purpose}".strip(), study=True)

    def show_contents(self) -> None:
        """Show what :meth:`build` made."""
        self.pages.setCurrentWidget(self._scrolling)

    @property
    def waits(self) -> bool:
        """Whether the panel says what is missing, and can be told when it is there."""
        return self._listening and self.pages.currentIndex() == 0

    def compute_now(self) -> None:
        """Compute what is missing, in the background; overridden by panels whose page has the button."""

    def look_again_after(self, task: TaskState) -> None:
        """Draw anew when work in the background has ended while something was missing.

        For ``follow(coordinator.tasks.changed, self.look_again_after)``.
        """
        if self.waits and not task.busy:
            # Not in this turn: what the work gave is shown first. After an error or a cancellation nothing is.
            QTimer.singleShot(0, partial(_look_again, weakref.ref(self)))

    def _open_study_panel(self) -> None:
        if self.coordinator.viewer is not None:
            show_study_panel(self.coordinator.viewer)

    # -- the dock ------------------------------------------------------------------------------------------------

    def leave(self) -> None:
        """The panel is taken out of its dock; overridden by panels with windows of their own."""

    def event(self, event: QEvent) -> bool:
        """Go when the dock goes: Qt takes a panel down in order, Python's garbage collector would not."""
        done = super().event(event)
        if event.type() != QEvent.Type.ParentChange:  # after others the widget may be gone
            return done
        parent = self.parent()
        if isinstance(parent, QDockWidget):
            # While napari adds the dock: before a window that is too small for it grows.
            parent.dockLocationChanged.connect(partial(_settle, weakref.ref(self), weakref.ref(parent)))
        elif parent is None:
            self.leave()
            QTimer.singleShot(0, partial(_delete_if_alone, weakref.ref(self)))
        return done

    def showEvent(self, event: QShowEvent) -> None:
        """Let the wheel change no field that was not clicked into, those included that were made since."""
        guard_from_wheel(self)
        super().showEvent(event)

    def minimumSizeHint(self) -> QSize:
        """As narrow as its texts are, within reason: what needs more room than that is scrolled."""
        hint = super().minimumSizeHint()
        return QSize(min(self._wanted_width, ENOUGH), min(hint.height(), self.minimum_height))

    @property
    def _wanted_width(self) -> int:
        return min(max(self.minimum_width, super().minimumSizeHint().width()), WIDEST)

    def sizeHint(self) -> QSize:
        """Wide enough that no label is cut off."""
        width, height = self.usual_size
        return QSize(max(width, self._wanted_width), height)


def _settle(panel: "weakref.ref[Panel]", dock: "weakref.ref[QDockWidget]", *_: Any) -> None:
    """Give a dock its place when it is added, and never again: where the user moves it, it stays."""
    found, its_dock = panel(), dock()
    if found is None or its_dock is None or its_dock.property("settled"):
        return
    its_dock.setProperty("settled", True)
    settle(found.coordinator.viewer, its_dock, found.title)


def _look_again(reference: "weakref.ref[Panel]") -> None:
    panel = reference()
    with contextlib.suppress(RuntimeError):  # deleted meanwhile
        if panel is not None and panel.waits and not panel.coordinator.tasks.state.busy:
            panel.redraw()


def _delete_if_alone(reference: "weakref.ref[Panel]") -> None:
    """Delete a panel that is in no window; it may have been put into another dock meanwhile."""
    panel = reference()
    with contextlib.suppress(RuntimeError):  # deleted already
        if panel is not None and panel.parent() is None:
            panel.deleteLater()
