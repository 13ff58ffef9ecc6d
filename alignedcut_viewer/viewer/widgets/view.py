"""A widget that listens to the coordinator for as long as it is in a window."""

import inspect
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget

from ..coordinator.coordinator import Coordinator
from ..work.latest_task import LatestTask

__all__ = ["View"]


class View(QWidget):
    """A part of a panel.

    napari's docks are closed without a close event, by taking the widget out of its dock; callbacks would go on firing.
    Subclasses override :meth:`listen` and :meth:`redraw`; what they follow and what they compute ends by itself.

    Parameters
    ----------
    coordinator
        Holds what is shown.
    """

    def __init__(self, coordinator: Coordinator, parent: QWidget | None = None) -> None:
        self.coordinator = coordinator
        self._listening = False
        self._followed: list[tuple[Any, Callable[..., None]]] = []
        self._tasks: list[LatestTask] = []
        super().__init__(parent)

    @property
    def parts(self) -> Sequence["View"]:
        """Views inside, which listen when this one does."""
        return ()

    def event(self, event: QEvent) -> bool:
        """Follow being put into a window and taken out of it."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is None:
                self.stop()
            elif not self._listening and self.layout() is not None:
                self.start()
        return super().event(event)

    def start(self) -> None:
        """Draw the present state and listen for changes."""
        if not self._listening:
            self._listening = True
            for part in self.parts:
                part.start()
            self.listen()
            self.redraw()

    def stop(self) -> None:
        """Listen no longer, and drop what is being computed for this view."""
        if self._listening:
            self._listening = False
            while self._followed:
                signal, tell = self._followed.pop()
                signal.disconnect(tell)
            for part in self.parts:
                part.stop()
            for task in self._tasks:
                task.stop()
            self.rest()

    def follow(self, signal: Any, method: Callable[..., Any]) -> None:
        """Call a method of this view whenever a signal is emitted, until the view listens no longer."""
        tell = _while_alive(method)
        signal.connect(tell)
        self._followed.append((signal, tell))

    def follow_theme(self, method: Callable[..., Any]) -> None:
        """Call a method of this view whenever napari's theme is another one."""
        if self.coordinator.viewer is not None:
            self.follow(self.coordinator.viewer.events.theme, method)

    def latest_task(self, title: str, then: Callable[[Any], None]) -> LatestTask:
        """What computes something for this view in the background, dropped when it listens no longer."""
        task = LatestTask(title, then)
        self._tasks.append(task)
        return task

    def listen(self) -> None:
        """Follow the coordinator's signals; overridden by those who do."""

    def rest(self) -> None:
        """Begin nothing more; overridden by those who would."""

    def redraw(self) -> None:
        """Show the coordinator's present state; overridden by those who do."""


def _while_alive(method: Callable[..., Any]) -> Callable[..., None]:
    """A call of a widget's method as long as the widget is there, which is not kept alive by it.

    A window that is closed takes its widgets along without a word to them.
    """
    reference = weakref.WeakMethod(method)
    kinds = [parameter.kind for parameter in inspect.signature(method).parameters.values()]
    n_taken = None if inspect.Parameter.VAR_POSITIONAL in kinds else len(kinds)

    def tell(*values: Any) -> None:
        alive = reference()
        if alive is not None and isalive(alive.__self__):  # type: ignore[attr-defined]  # a bound method
            alive(*values[:n_taken])

    return tell
