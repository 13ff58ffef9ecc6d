"""Turns of the event loop: tests wait for what is to be done, never for a while."""

from qtpy.QtCore import QCoreApplication, QEvent

__all__ = ["go_round"]


def go_round(times: int = 5) -> None:
    """Let the window do what waits to be done: events, timers of 0 ms, deletions, and what these lead to."""
    for _ in range(times):
        QCoreApplication.sendPostedEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QCoreApplication.processEvents()
