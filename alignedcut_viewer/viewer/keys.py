"""All keys in one table: bound from it, and shown from it in the help.

Plain keys belong to napari and its layers; these are with Alt or Shift, and none of them is one of napari's.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from .coordinator import Coordinator

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["KEYS", "Key", "bind_keys"]


class Key(NamedTuple):
    """A key, what it does in words, and in deed."""

    key: str
    what: str
    do: Callable[[Coordinator], Any]


def _toggle_colours(coordinator: Coordinator) -> None:
    layer = coordinator.display.colours
    if layer is not None:
        layer.visible = not layer.visible


KEYS: tuple[Key, ...] = (
    Key("Alt-Right", "next picture", lambda c: c.display.move("picture", 1)),
    Key("Alt-Left", "previous picture", lambda c: c.display.move("picture", -1)),
    Key("Alt-PageUp", "next layer", lambda c: c.display.move("layer", 1)),
    Key("Alt-PageDown", "previous layer", lambda c: c.display.move("layer", -1)),
    Key("Alt-End", "next network", lambda c: c.display.move("network", 1)),
    Key("Alt-Home", "previous network", lambda c: c.display.move("network", -1)),
    Key("Shift-C", "show or hide the colours", _toggle_colours),
    Key("Shift-S", "smooth or blocky colours", lambda c: c.set_smooth(not c.smooth)),
    Key("Shift-R", "run", lambda c: c.run()),
    Key("Shift-Escape", "cancel what is running", lambda c: c.cancel()),
    Key("Alt-Z", "undo the last selection", lambda c: c.history.undo()),
    Key("Alt-Y", "redo it", lambda c: c.history.redo()),
)


def bind_keys(viewer: "ViewerModel") -> None:
    """Bind all keys in a viewer; doing so again changes nothing."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    for key in KEYS:

        def pressed(viewer: "ViewerModel", key: Key = key) -> None:
            key.do(Coordinator.of(viewer))

        pressed.__doc__ = f"AlignedCut: {key.what}"
        viewer.bind_key(key.key, pressed, overwrite=True)
