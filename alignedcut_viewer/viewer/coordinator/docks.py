"""Our panels in a window: which there are, which are open, and opening them. The manifest lists them, nothing else."""

from importlib import import_module
from typing import Any

from ...choices import DISTRIBUTION
from ..work.dialogs import window_of

__all__ = ["PLUGIN", "open_panels", "panel_classes", "panel_names", "show_panel"]

PLUGIN = DISTRIBUTION


def _contributions() -> Any:
    from npe2 import PluginManager

    return PluginManager.instance().get_manifest(PLUGIN).contributions


def panel_names() -> list[str]:
    """Names of all our panels, as the manifest has them."""
    return [str(widget.display_name) for widget in _contributions().widgets or []]


def panel_classes() -> dict[str, type]:
    """Our panels by their names; imports all of them."""
    contributions = _contributions()
    makers = {command.id: str(command.python_name) for command in contributions.commands or []}
    found = {}
    for widget in contributions.widgets or []:
        module, _, name = makers[widget.command].partition(":")
        found[str(widget.display_name)] = getattr(import_module(module), name)
    return found


def open_panels(viewer: Any) -> list[str]:
    """Names of our panels that are docked or float."""
    if window_of(viewer) is None:
        return []
    docked = viewer.window._wrapped_dock_widgets
    return [name for name in panel_names() if any(str(full).startswith(f"{name} (") for full in docked)]


def show_panel(viewer: Any, name: str, *, tabify: bool = True) -> Any:
    """Dock a panel beside the others, or find it.

    Returns
    -------
    Panel
        The widget.
    """
    return viewer.window.add_plugin_dock_widget(PLUGIN, name, tabify=tabify)[1]
