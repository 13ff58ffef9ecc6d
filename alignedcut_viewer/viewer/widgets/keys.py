"""All keys in one table: bound from it, and shown from it in the help.

Plain keys belong to napari and its layers; these are with Alt, Shift or Ctrl, and none is one of napari's, but for
Escape, which a layer that is drawn on hears first. Labels in hand have an undo of their own, which goes before ours.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import AlignedCutError
from ..coordinator.canvas import VIEWS, CanvasView
from ..coordinator.coordinator import Coordinator
from ..layers.pointer import GESTURES
from ..state.evented import Evented
from ..state.workspaces import WORKSPACES
from ..work.task_runner import tell_error

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["GESTURES", "KEYS", "Key", "bind_keys"]


class Key(NamedTuple):
    """A key, what it does in words, and in deed."""

    key: str
    what: str
    do: Callable[[Coordinator], Any]


def _toggle_colours(coordinator: Coordinator) -> None:
    layer = coordinator.display.colours
    if layer is not None:
        layer.visible = not layer.visible


def _toggle(settings: Evented, name: str) -> None:
    setattr(settings, name, not getattr(settings, name))


def _swap_sign(coordinator: Coordinator) -> None:
    coordinator.prompting.set_outside(not coordinator.prompting.outside)


def _keep(coordinator: Coordinator) -> None:
    _told(lambda: coordinator.named.keep(coordinator.named.sets.free_name(coordinator.selection.active)))


def _select_above(coordinator: Coordinator) -> None:
    _told(coordinator.similarity.select_above)


def _show_workspace(coordinator: Coordinator, name: str) -> None:
    _told(lambda: coordinator.workspaces.show(name))


def _told(action: Callable[[], Any]) -> None:
    try:
        action()
    except AlignedCutError as error:
        tell_error(error)


def _canvas_key(number: int, view: CanvasView) -> Key:
    return Key(
        f"Alt-{number}",
        f"{view.title.lower()} over the pictures",
        lambda c: _told(lambda: c.canvas.show(view.name)),
    )


KEYS: tuple[Key, ...] = (
    Key("Alt-Right", "next picture", lambda c: c.display.move("picture", 1)),
    Key("Alt-Left", "previous picture", lambda c: c.display.move("picture", -1)),
    Key("Alt-PageUp", "next layer", lambda c: c.display.move("layer", 1)),
    Key("Alt-PageDown", "previous layer", lambda c: c.display.move("layer", -1)),
    Key("Alt-End", "next network", lambda c: c.display.move("network", 1)),
    Key("Alt-Home", "previous network", lambda c: c.display.move("network", -1)),
    Key("Shift-C", "show or hide the colours", _toggle_colours),
    Key("Shift-S", "smooth or blocky colours", lambda c: _toggle(c.view, "smooth")),
    Key("Shift-R", "run", lambda c: c.run()),
    Key("Shift-Escape", "cancel what is running", lambda c: c.tasks.cancel()),
    Key("Shift-F", "figure is the active selection", lambda c: c.selection.set_active("figure")),
    Key("Shift-G", "ground is the active selection", lambda c: c.selection.set_active("ground")),
    Key("Shift-Up", "point one token up", lambda c: c.picking.step(-1, 0)),
    Key("Shift-Down", "point one token down", lambda c: c.picking.step(1, 0)),
    Key("Shift-Left", "point one token to the left", lambda c: c.picking.step(0, -1)),
    Key("Shift-Right", "point one token to the right", lambda c: c.picking.step(0, 1)),
    Key("Shift-Enter", "pick what is pointed at", lambda c: c.picking.pick_hovered()),
    Key("Ctrl-Enter", "add it to the selection", lambda c: c.picking.pick_hovered("add")),
    Key("Alt-Enter", "remove it from the selection", lambda c: c.picking.pick_hovered("remove")),
    Key("Control-Z", "undo selections, names, concepts, segments, prompts, cuts", lambda c: c.timeline.undo()),
    Key("Control-Shift-Z", "redo", lambda c: c.timeline.redo()),
    Key("Alt-Z", "undo the last selection only", lambda c: c.timeline.undo(c.selection.history)),
    Key("Alt-Y", "redo it", lambda c: c.timeline.redo(c.selection.history)),
    Key("Escape", "clear the selections, and what lies over the pictures", lambda c: c.clear()),
    Key("Alt-Q", "the mouse picks places", lambda c: c.view.update(tool="")),
    Key("Alt-S", "the mouse chooses segments", lambda c: c.view.update(tool="segment")),
    Key("Alt-P", "the mouse prompts by points", lambda c: c.view.update(tool="point")),
    Key("Alt-B", "the mouse prompts by boxes", lambda c: c.view.update(tool="box")),
    Key("Alt-D", "the mouse prompts by scribbles", lambda c: c.view.update(tool="scribble")),
    Key("Alt-X", "prompts say what the thing is, or what it is not", _swap_sign),
    Key("Shift-Delete", "clear the active selection", lambda c: c.selection.select([])),
    Key("Alt-K", "keep the active selection under a name", _keep),
    Key("Shift-D", "switch between dragging to select and dragging to pan", lambda c: _toggle(c.view, "drag_selects")),
    Key("Shift-H", "show or hide similarity", lambda c: _toggle(c.similarity.settings, "show")),
    Key("Shift-M", "show or hide the mask", lambda c: _toggle(c.similarity.settings, "mask")),
    Key("Shift-PageUp", "raise the threshold of the mask", lambda c: c.similarity.move_threshold(1)),
    Key("Shift-PageDown", "lower it", lambda c: c.similarity.move_threshold(-1)),
    *(_canvas_key(number, view) for number, view in enumerate(VIEWS, 1)),
    Key("Alt-A", "select all that is above it", _select_above),
)


KEYS += tuple(
    Key(f"Control-{number + 1}", f"the workspace {name}", partial(_show_workspace, name=name))
    for number, name in enumerate(workspace.name for workspace in WORKSPACES)
)


def bind_keys(viewer: "ViewerModel") -> None:
    """Bind all keys in a viewer; doing so again changes nothing."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    for key in KEYS:

        def pressed(viewer: "ViewerModel", key: Key = key) -> None:
            key.do(Coordinator.of(viewer))

        pressed.__doc__ = f"AlignedCut: {key.what}"
        viewer.bind_key(key.key, pressed, overwrite=True)
