"""Whether a window can be opened."""

from __future__ import annotations

import importlib.util
import os
import sys

from ..versions import install_command

__all__ = ["why_no_window"]


def why_no_window() -> str:
    """Why no window can be opened here; empty where one can."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "There is no display here to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set)."
    if not any(importlib.util.find_spec(name) for name in ("PyQt5", "PyQt6", "PySide6")):
        return f"The window needs Qt; install it with: {install_command('pyqt5')}"
    return ""
