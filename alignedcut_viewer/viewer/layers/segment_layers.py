"""The layers of segments and of prompts. They are changed in place, as all of ours."""

import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..frames.prompt_stack import PromptStack
from ..frames.segment_stack import SegmentStack
from ..frames.stacks import AXES
from .display import LAYER_SETTINGS, Display

if TYPE_CHECKING:
    from napari.layers import Image, Labels

__all__ = ["SegmentLayers"]

SEGMENTS = "segments"
PROMPTS = "prompts"
OPACITY = 0.55

Colours = Mapping[int, tuple[int, int, int]]


class SegmentLayers:
    """Labels of segments that can be painted on, and marks of prompts, in one viewer.

    Parameters
    ----------
    display
        The layers below, and who knows the viewer.
    on_paint
        Called when a stroke on the labels has ended.
    undo, redo
        Called by Ctrl-Z and Ctrl-Shift-Z while the labels are in hand.
    """

    def __init__(
        self,
        display: Display,
        on_paint: Callable[[], None],
        undo: Callable[[], Any],
        redo: Callable[[], Any],
    ) -> None:
        self._display = display
        self._on_paint, self._undo, self._redo = on_paint, undo, redo
        self._hid_segments = False

    @property
    def segments(self) -> "Labels | None":
        """The layer of segments, if it is there."""
        return self._display.layer(SEGMENTS)

    @property
    def prompts(self) -> "Image | None":
        """The layer of prompts, if it is there."""
        return self._display.layer(PROMPTS)

    @property
    def stack(self) -> SegmentStack | None:
        """What the layer of segments shows."""
        layer = self.segments
        return None if layer is None else layer.data

    # -- segments ------------------------------------------------------------------------------------------------

    def show_segments(self, stack: SegmentStack, name: str, colours: Colours) -> None:
        """Show segments over the pictures, in the place of those shown before."""
        viewer, layer = self._display.viewer, self.segments
        if viewer is None:
            return
        if layer is not None:
            layer.data = stack
            layer.name = name
            self.set_colours(colours)
            layer.visible = True
            return
        active = viewer.layers.selection.active
        layer = viewer.add_labels(
            stack, name=name, opacity=OPACITY, axis_labels=AXES[2:], colormap=_colormap(colours), **LAYER_SETTINGS
        )
        layer.metadata["colours"] = dict(colours)
        self._display.adopt(layer, SEGMENTS)
        _below(viewer, layer, ("selection", PROMPTS))
        own = weakref.ref(self)

        def painted(event: Any) -> None:
            layers = own()
            if layers is not None:
                layers._on_paint()

        def undo(layer: Any) -> None:
            layers = own()
            if layers is not None:
                layers._undo()

        def redo(layer: Any) -> None:
            layers = own()
            if layers is not None:
                layers._redo()

        layer.events.paint.connect(painted)
        # napari's own undo would bring back pixels, and leave the list of segments as it is.
        layer.bind_key("Control-Z", undo, overwrite=True)
        layer.bind_key("Control-Shift-Z", redo, overwrite=True)
        if active is not None:
            viewer.layers.selection.active = active

    def set_colours(self, colours: Colours) -> None:
        """Colour the numbers of the picture in view."""
        layer = self.segments
        if layer is not None and layer.metadata.get("colours") != dict(colours):
            layer.colormap = _colormap(colours)
            layer.metadata["colours"] = dict(colours)

    def refresh_segments(self) -> None:
        """Draw changed segments."""
        layer = self.segments
        if layer is not None:
            layer.data.forget()
            layer.refresh(extent=False, thumbnail=False, highlight=False)

    def hide_segments(self) -> None:
        """There are no segments to show."""
        layer = self.segments
        if layer is not None:
            layer.visible = False

    def take_in_hand(self, number: int, *, erase: bool = False) -> bool:
        """Let the next strokes on the pictures paint a number, or erase; whether there is a layer to paint on."""
        viewer, layer = self._display.viewer, self.segments
        if viewer is None or layer is None:
            return False
        layer.visible = True
        viewer.layers.selection.active = layer
        layer.selected_label = number
        layer.mode = "erase" if erase else "paint"
        return True

    def put_down(self) -> None:
        """Paint no longer."""
        layer = self.segments
        if layer is not None:
            layer.mode = "pan_zoom"

    # -- prompts -------------------------------------------------------------------------------------------------

    def show_prompts(self, stack: PromptStack) -> None:
        """Show marks over everything else."""
        viewer, layer = self._display.viewer, self.prompts
        if viewer is None:
            return
        if layer is not None:
            if layer.data is stack:
                stack.forget()
                layer.refresh(extent=False, thumbnail=False, highlight=False)
            else:
                layer.data = stack
            if not layer.visible:
                layer.visible = True
                self._make_room()
        else:
            active = viewer.layers.selection.active
            layer = viewer.add_image(stack, name="Prompts", rgb=True, axis_labels=AXES[2:], **LAYER_SETTINGS)
            self._display.adopt(layer, PROMPTS)
            self._make_room()
            if active is not None:
                viewer.layers.selection.active = active
        if viewer.layers[-1] is not layer:
            viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))

    def _make_room(self) -> None:
        """The answer to prompts cannot be read through segments."""
        layer = self.segments
        self._hid_segments = layer is not None and layer.visible
        if layer is not None:
            layer.visible = False

    def hide_prompts(self) -> None:
        """There are no marks; segments that had to make room are seen again."""
        if self.prompts is not None and self.prompts.visible:
            self.prompts.visible = False
            if self._hid_segments and self.segments is not None:
                self.segments.visible = True
            self._hid_segments = False

    def clear(self) -> None:
        """Take both layers away, because other pictures are about to be shown."""
        viewer = self._display.viewer
        self._hid_segments = False
        for layer in (self.segments, self.prompts):
            if viewer is not None and layer is not None:
                viewer.layers.remove(layer)


def _below(viewer: Any, layer: Any, roles: tuple[str, ...]) -> None:
    """Move a layer below those of some roles."""
    above = [i for i, other in enumerate(viewer.layers) if other.metadata.get("alignedcut") in roles]
    if above:
        viewer.layers.move(viewer.layers.index(layer), min(above))


def _colormap(colours: Colours) -> Any:
    import numpy as np
    from napari.utils.colormaps import DirectLabelColormap

    from ...segmentation.palette import segment_colours

    # Numbers that are painted anew have the colour that the list will give them.
    table = segment_colours(max(colours, default=0) + 24)
    known = {number: tuple(int(v) for v in table[number]) for number in range(1, len(table))}
    shown: dict[int | None, Any] = {number: np.array([*rgb, 255]) / 255 for number, rgb in {**known, **colours}.items()}
    coloured: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    coloured.update(shown)
    return DirectLabelColormap(color_dict=coloured)
