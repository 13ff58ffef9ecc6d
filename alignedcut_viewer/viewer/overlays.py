"""The layers above pictures and colours: the heat map of values. They are changed in place, as those below."""

from typing import TYPE_CHECKING, Any

from ..nodes import NodeIndex
from .canvas import Canvas
from .display import LAYER_SETTINGS, Display
from .node_values import NodeValues
from .stacks import AXES, ValueStack

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["Overlays"]

VALUES = "values"
VALUES_OPACITY = 0.75
COLOURMAPS = {False: "viridis", True: "RdBu_r"}


class Overlays:
    """Heat map over the pictures of one viewer.

    Parameters
    ----------
    display
        The layers below, and who knows the viewer.
    """

    def __init__(self, display: Display) -> None:
        self._display = display
        self._hid_colours = False

    @property
    def values(self) -> "Image | None":
        """The layer of values, if it is there."""
        return self._display.layer(VALUES)

    def show_values(self, values: NodeValues, index: NodeIndex, canvas: Canvas, *, smooth: bool) -> None:
        """Lay values over the pictures; colours below them are hidden as long as values are shown."""
        viewer = self._display.viewer
        if viewer is None:
            return
        layer = self.values
        if layer is None:
            active = viewer.layers.selection.active
            layer = viewer.add_image(
                ValueStack(index, canvas, values, smooth=smooth),
                name=values.title,
                opacity=VALUES_OPACITY,
                axis_labels=AXES,
                contrast_limits=values.limits,
                colormap=_colourmap(values.signed),
                blending="translucent",
                rgb=False,
                **LAYER_SETTINGS,
            )
            self._display.adopt(layer, VALUES)
            viewer.layers.selection.active = active
            fresh = True
        else:
            fresh = not layer.visible
            stack = layer.data
            if stack.index is index and stack.canvas is canvas:
                stack.values = values
                _set_look(layer, values)
                layer.visible = True
                layer.refresh(extent=False, thumbnail=False, highlight=False)
            else:
                layer.data = ValueStack(index, canvas, values, smooth=smooth)
                _set_look(layer, values)
                layer.visible = True
            layer.name = values.title
        colours = self._display.colours
        if fresh and colours is not None and colours.visible:
            # Two colour scales above one another cannot be read.
            colours.visible = False
            self._hid_colours = True

    def hide_values(self) -> None:
        """Hide the values, and show the colours again if they had to make room."""
        layer, colours = self.values, self._display.colours
        if layer is not None:
            layer.visible = False
        if self._hid_colours and colours is not None:
            colours.visible = True
        self._hid_colours = False

    def clear(self) -> None:
        """Take all these layers away, because other pictures or nodes are about to be shown."""
        viewer = self._display.viewer
        self.hide_values()
        for layer in (self.values,):
            if viewer is not None and layer is not None:
                viewer.layers.remove(layer)

    def set_smooth(self, smooth: bool) -> None:
        """Interpolate values between tokens, or not."""
        layer = self.values
        if layer is not None and layer.data.smooth != smooth:
            layer.data.smooth = smooth
            layer.refresh()


def _colourmap(signed: bool) -> Any:
    """A perceptually uniform, colour-blind safe scale; nothing where there is no value."""
    from napari.utils.colormaps import ensure_colormap

    return ensure_colormap(COLOURMAPS[signed])


def _set_look(layer: "Image", values: NodeValues) -> None:
    """Limits and colours of other values; what the user set stays as long as their kind is the same."""
    low, high = values.limits
    if layer.metadata.get("signed") != values.signed:
        layer.colormap = _colourmap(values.signed)
        layer.metadata["signed"] = values.signed
    if layer.metadata.get("limits") != (low, high):
        layer.contrast_limits_range = (low, high)
        layer.contrast_limits = (low, high)
        layer.metadata["limits"] = (low, high)
