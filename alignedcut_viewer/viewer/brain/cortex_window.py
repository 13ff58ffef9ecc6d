"""The cortex in three dimensions: a napari Surface layer in a second viewer, recoloured in place."""

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QWidget

from ..widgets.legend import Bar, Legend
from ..widgets.painting import Colours
from ..work.dialogs import is_open
from .cortex_scene import CortexSurface

if TYPE_CHECKING:
    from ...brain import ColourScale

__all__ = ["CortexWindow"]

SIDE_VIEW = (0.0, 0.0, 90.0)
MARGIN = 8


class CortexWindow:
    """A second viewer with both hemispheres, opened when it is first shown.

    Attributes
    ----------
    notes
        Stands below the colour bar.
    """

    def __init__(self) -> None:
        self.notes = ""
        self.viewer: Any = None
        self.layer: Any = None
        self.surface: CortexSurface | None = None
        self.legend: Legend | None = None
        self._manner: _Manner | None = None

    @property
    def is_open(self) -> bool:
        """Whether the window is there."""
        return self.viewer is not None and is_open(self.viewer) and self.layer in self.viewer.layers

    def show(
        self, surface: CortexSurface, values: Mapping[str, NDArray[np.float32]], scale: "ColourScale", title: str
    ) -> None:
        """Open the window, or bring it to the front, with these values."""
        if self.is_open:
            self.recolour(values, scale, title)
            self.viewer.window.activate()
            return
        import napari

        self.surface = surface
        self.viewer = napari.Viewer(title="Cortex · AlignedCut", ndisplay=3)
        colours = surface.colours(values, scale)
        self.layer = self.viewer.add_surface(
            (surface.vertices, surface.faces), name=title, shading="smooth", vertex_colors=colours
        )
        self.viewer.reset_view()
        self.viewer.scene.camera.angles = SIDE_VIEW
        canvas = self.viewer.window._qt_viewer.canvas.native
        self.legend = Legend(Colours.of(self.viewer), canvas)
        self._manner = _Manner(self.close, self.viewer, canvas, self.legend)
        self._tell(scale, title)

    def recolour(self, values: Mapping[str, NDArray[np.float32]], scale: "ColourScale", title: str) -> None:
        """Show other values where the window is open."""
        if self.is_open and self.surface is not None:
            self.layer.vertex_colors = self.surface.colours(values, scale)
            self.layer.name = title
            self._tell(scale, title)

    def _tell(self, scale: "ColourScale", title: str) -> None:
        """Say what the colours mean."""
        if self.legend is not None and self._manner is not None:
            table = np.full((len(scale.table), 4), 255, dtype=np.uint8)
            table[:, :3] = scale.table
            self.legend.show_legend(None, Bar(title, (scale.low, scale.high), table), self.notes)
            self._manner.place()

    def close(self) -> None:
        """Close the window where it is open."""
        if self._manner is not None:
            self._manner.leave()
        if self.viewer is not None and is_open(self.viewer):
            self.viewer.close()
        self.viewer = self.layer = self.legend = self._manner = None


class _Manner(QObject):
    """How the second window behaves: its legend stays in the corner, and it closes without asking.

    It holds nothing that could be lost; napari asks before any window with layers is closed.
    """

    def __init__(self, close: Callable[[], None], viewer: Any, canvas: QWidget, legend: Legend) -> None:
        super().__init__()
        self._close, self._canvas, self._legend = close, canvas, legend
        window = viewer.window._qt_window
        self._window = window
        with contextlib.suppress(AttributeError, TypeError, KeyError):
            window._is_close_dialog[False] = False  # Ctrl-W
        window.installEventFilter(self)
        canvas.installEventFilter(self)

    def leave(self) -> None:
        """The window is about to go: look at nothing of it any more."""
        with contextlib.suppress(RuntimeError):  # gone already, with the window
            self._window.removeEventFilter(self)
            self._canvas.removeEventFilter(self)
            self._legend.setParent(None)
            self._legend.deleteLater()

    def place(self) -> None:
        """Keep the legend in the lower right corner."""
        self._legend.adjustSize()
        size = self._legend.size()
        self._legend.move(self._canvas.width() - size.width() - MARGIN, self._canvas.height() - size.height() - MARGIN)
        self._legend.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Close at once what the user closes."""
        if watched is self._canvas and event.type() == QEvent.Type.Resize:
            self.place()
        elif watched is self._window and event.type() == QEvent.Type.Close and event.spontaneous():
            event.ignore()
            QTimer.singleShot(0, self._close)
            return True
        return False
