"""The window: the only room that imports Qt or napari.

Panels are views of one :class:`~alignedcut_viewer.viewer.coordinator.coordinator.Coordinator` a viewer; they know it
and never one another. Everything the window does is done by the rooms below, so Python and the command line do it too.
"""

from importlib import import_module
from typing import Any

__all__ = ["launch"]


def __getattr__(name: str) -> Any:
    if name == "launch":
        return import_module(f"{__name__}.app").launch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
