"""What all panels have in common: parts that listen, a width, and an end when their dock is closed."""

import contextlib
import weakref
from collections.abc import Sequence
from functools import partial

from qtpy.QtCore import QEvent, QSize, QTimer
from qtpy.QtWidgets import QSizePolicy, QWidget

from ..coordinator.coordinator import Coordinator
from .forms import View

__all__ = ["Panel"]

MINIMUM_WIDTH = 300
USUAL_WIDTH = 360
USUAL_HEIGHT = 640


class Panel(View):
    """A view that fills a dock and is deleted with it.

    Subclasses build their widgets, then call :meth:`start`. Views inside follow by :attr:`parts`.
    """

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        super().__init__(coordinator, parent)
        # Else napari puts empty space below what could be larger.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    @property
    def parts(self) -> Sequence[View]:
        """Views inside that listen when the panel does."""
        return ()

    def listen(self) -> None:
        """Let all parts follow the coordinator."""
        for part in self.parts:
            part.start()

    def deafen(self) -> None:
        """Let none of them follow it any longer."""
        for part in self.parts:
            part.stop()

    def event(self, event: QEvent) -> bool:
        """Go when the dock goes: Qt takes a panel down in order, Python's garbage collector would not."""
        done = super().event(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            QTimer.singleShot(0, partial(_delete_if_alone, weakref.ref(self)))
        return done

    def minimumSizeHint(self) -> QSize:
        """Never narrower than its texts, whatever fonts and scales make of them."""
        hint = super().minimumSizeHint()
        return QSize(max(MINIMUM_WIDTH, hint.width()), hint.height())

    def sizeHint(self) -> QSize:
        """Wide enough that no label is cut off."""
        return QSize(max(USUAL_WIDTH, self.minimumSizeHint().width()), USUAL_HEIGHT)


def _delete_if_alone(reference: "weakref.ref[Panel]") -> None:
    """Delete a panel that is in no window; it may have been put into another dock meanwhile."""
    panel = reference()
    with contextlib.suppress(RuntimeError):  # deleted already
        if panel is not None and panel.parent() is None:
            panel.deleteLater()
