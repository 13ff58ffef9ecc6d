"""The layers above pictures and colours: heat map, mask, outlines. They are changed in place, as those below."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...nodes import NodeIndex
from ..frames.label_stacks import LabelStack
from ..frames.mark_stacks import MaskStack, SelectionStack
from ..frames.picture_layout import PictureLayout
from ..frames.stacks import AXES, ValueStack
from ..frames.value_colours import colour_table, opacities
from ..state.node_labels import NodeLabels
from ..state.node_values import NodeValues
from .display import LAYER_SETTINGS, Display

if TYPE_CHECKING:
    from napari.layers import Image, Labels

__all__ = ["Overlays"]

VALUES = "values"
LABELS = "labels"
MASK = "mask"
SELECTION = "selection"
VALUES_OPACITY = 0.75
MASK_OPACITY = 0.6
LABELS_OPACITY = 0.75


class Overlays:
    """Heat map, mask and outlines over the pictures of one viewer.

    Parameters
    ----------
    display
        The layers below, and who knows the viewer.
    """

    def __init__(self, display: Display) -> None:
        self._display = display
        self._hid_colours = self._is_empty = False
        self._in_their_place: set[str] = set()

    @property
    def values(self) -> "Image | None":
        """The layer of values, if it is there."""
        return self._display.layer(VALUES)

    @property
    def labels(self) -> "Image | None":
        """The layer of groups, if it is there."""
        return self._display.layer(LABELS)

    @property
    def mask(self) -> "Labels | None":
        """The layer of the mask, if it is there."""
        return self._display.layer(MASK)

    @property
    def selection(self) -> "Image | None":
        """The layer of outlines, if it is there."""
        return self._display.layer(SELECTION)

    def prepare(self, index: NodeIndex, layout: PictureLayout) -> None:
        """Make the layers that a pick will show, before the first one: that takes a quarter of a second.

        They are visible, and empty, so that the graphics driver has all it needs by then.
        """
        if self.values is None:
            nothing = NodeValues(_nothing, "Similarity", n_nodes=len(index), limits=(0.0, 1.0))
            self._add_values(nothing, index, layout, smooth=False)
            self._is_empty = True
        if self.selection is None:
            self._add(SELECTION, SelectionStack(index, layout), name="Selection", rgb=True)

    # -- values --------------------------------------------------------------------------------------------------

    def show_values(self, values: NodeValues, index: NodeIndex, layout: PictureLayout, *, smooth: bool) -> None:
        """Lay values over the pictures; colours below them are hidden as long as values are shown."""
        layer = self.values
        fresh = layer is None or not layer.visible or self._is_empty
        self._is_empty = False
        self._hide(self.labels)
        self._in_their_place.discard(LABELS)
        if layer is None:
            self._add_values(values, index, layout, smooth=smooth)
        else:
            stack = layer.data
            _set_look(layer, values)
            if stack.index is index and stack.layout is layout:
                stack.smooth = smooth
                stack.values = values
            else:
                layer.data = ValueStack(index, layout, values, smooth=smooth)
            _show_anew(layer)
        if fresh:
            self.hide_colours(VALUES)

    def _add_values(self, values: NodeValues, index: NodeIndex, layout: PictureLayout, *, smooth: bool) -> None:
        self._add(
            VALUES,
            ValueStack(index, layout, values, smooth=smooth),
            name=values.title,
            opacity=VALUES_OPACITY,
            contrast_limits=values.limits,
            colormap=_colour_map(values.signed),
            metadata={"signed": values.signed, "limits": values.limits},
            rgb=False,
        )

    def hide_values(self) -> None:
        """Hide the values, and show the colours again if they had to make room."""
        self._hide(self.values)
        self.show_colours(VALUES)

    def hide_colours(self, what: str) -> None:
        """Hide the colours for what is shown in their place: two colour scales above one another cannot be read."""
        colours = self._display.colours
        self._in_their_place.add(what)
        if colours is not None and colours.visible:
            colours.visible = False
            self._hid_colours = True

    def show_colours(self, what: str) -> None:
        """Show the colours again where they had to make room and nothing else is in their place."""
        self._in_their_place.discard(what)
        if self._in_their_place:
            return
        colours = self._display.colours
        if self._hid_colours and colours is not None:
            colours.visible = True
        self._hid_colours = False

    @staticmethod
    def _hide(layer: Any) -> None:
        if layer is not None:
            layer.visible = False

    # -- groups --------------------------------------------------------------------------------------------------

    def show_labels(self, labels: NodeLabels, index: NodeIndex, layout: PictureLayout) -> None:
        """Lay groups over the pictures, each in its colour, in the place of colours and values."""
        layer = self.labels
        self._hide(self.values)
        self._in_their_place.discard(VALUES)
        if layer is None:
            stack = LabelStack(index, layout, labels)
            self._add(LABELS, stack, name=labels.title, opacity=LABELS_OPACITY, rgb=True)
        else:
            if layer.data.index is index and layer.data.layout is layout:
                layer.data.values = labels
            else:
                layer.data = LabelStack(index, layout, labels)
            layer.name = labels.title
            _show_anew(layer)
        self.hide_colours(LABELS)

    def hide_labels(self) -> None:
        """Hide the groups, and show the colours again if they had to make room."""
        self._hide(self.labels)
        self.show_colours(LABELS)

    # -- mask ----------------------------------------------------------------------------------------------------

    def show_mask(
        self,
        values: NodeValues,
        threshold: float,
        colour: str,
        index: NodeIndex,
        layout: PictureLayout,
        *,
        smooth: bool,
    ) -> None:
        """Fill the places where values reach a threshold with a colour."""
        layer = self.mask
        if layer is None:
            viewer = self._display.viewer
            if viewer is None:
                return
            active = viewer.layers.selection.active
            layer = viewer.add_labels(
                MaskStack(index, layout, values, threshold, smooth=smooth),
                name="Mask",
                opacity=MASK_OPACITY,
                axis_labels=AXES,
                colormap=_mask_colours(colour),
                **LAYER_SETTINGS,
            )
            layer.editable = False
            layer.metadata["colour"] = colour
            self._display.adopt(layer, MASK)
            self._raise_selection()
            viewer.layers.selection.active = active
            return
        if layer.metadata.get("colour") != colour:
            layer.colormap = _mask_colours(colour)
            layer.metadata["colour"] = colour
        layer.data.set(values, threshold, smooth=smooth)
        _show_anew(layer)

    def hide_mask(self) -> None:
        """Hide the mask."""
        if self.mask is not None:
            self.mask.visible = False

    # -- outlines ------------------------------------------------------------------------------------------------

    def mark(self, selections: dict[str, NDArray[np.int64]], index: NodeIndex, layout: PictureLayout) -> None:
        """Outline both selections."""
        stack = self._marks(index, layout, any(len(nodes) for nodes in selections.values()))
        if stack is not None:
            for which, nodes in selections.items():
                stack.mark(which, nodes)
            self._show_marks()

    def preview(self, which: str, nodes: NDArray[np.int64] | None, index: NodeIndex, layout: PictureLayout) -> None:
        """Outline what a drag would choose, or nothing any more."""
        stack = self._marks(index, layout, nodes is not None)
        if stack is not None:
            stack.preview(which, nodes)
            self._show_marks()

    def point(self, node: int | None, index: NodeIndex, layout: PictureLayout) -> None:
        """Outline what is pointed at, or nothing."""
        stack = self._marks(index, layout, node is not None)
        if stack is not None and stack.point(node):
            self._show_marks()

    def _marks(self, index: NodeIndex, layout: PictureLayout, needed: bool) -> SelectionStack | None:
        layer = self.selection
        if layer is None:
            if not needed:
                return None
            layer = self._add(SELECTION, SelectionStack(index, layout), name="Selection", rgb=True)
        return None if layer is None else layer.data

    def _show_marks(self) -> None:
        layer = self.selection
        if layer is not None:
            layer.refresh(extent=False, thumbnail=False, highlight=False)

    def _raise_selection(self) -> None:
        """Outlines lie above everything else of ours."""
        viewer, layer = self._display.viewer, self.selection
        if viewer is not None and layer is not None:
            viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))

    # -- all of them ---------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Take all these layers away, because other pictures or nodes are about to be shown."""
        viewer = self._display.viewer
        self.hide_labels()
        self.hide_values()
        for layer in (self.values, self.labels, self.mask, self.selection):
            if viewer is not None and layer is not None:
                viewer.layers.remove(layer)

    def set_smooth(self, smooth: bool) -> None:
        """Interpolate values between tokens, or not."""
        for layer in (self.values, self.mask):
            if layer is not None and layer.data.smooth != smooth:
                layer.data.smooth = smooth
                layer.refresh()

    def _add(self, role: str, stack: Any, **settings: Any) -> Any:
        """Add a layer without taking the user's choice of layer away."""
        viewer = self._display.viewer
        if viewer is None:
            return None
        active = viewer.layers.selection.active
        layer = viewer.add_image(stack, axis_labels=AXES, **settings, **LAYER_SETTINGS)
        self._display.adopt(layer, role)
        if role != SELECTION:
            self._raise_selection()
        if active is not None:
            viewer.layers.selection.active = active
        return layer


def _nothing(part: slice) -> NDArray[np.float32]:
    return np.full(part.stop - part.start, np.nan, dtype=np.float32)


def _show_anew(layer: "Image | Labels") -> None:
    """Draw changed data of a layer, and let it be seen."""
    if layer.visible:
        # Thumbnail and extent would take longer than the frame itself.
        layer.refresh(extent=False, thumbnail=False, highlight=False)
    else:
        layer.visible = True


def _set_look(layer: "Image", values: NodeValues) -> None:
    """Limits and colours of other values; what the user set stays as long as their kind is the same."""
    if layer.name != values.title:
        layer.name = values.title
    if layer.metadata.get("signed") != values.signed:
        layer.colormap = _colour_map(values.signed)
        layer.metadata["signed"] = values.signed
    if layer.metadata.get("limits") != values.limits:
        layer.contrast_limits_range = values.limits
        layer.contrast_limits = values.limits
        layer.metadata["limits"] = values.limits


def _colour_map(signed: bool) -> Any:
    """The colours of values; of signed ones, what is near 0 is see-through."""
    from napari.utils.colormaps import Colormap

    colours = np.dstack([colour_table(signed)[None] / 255, opacities(signed)[None, :, None]])[0]
    return Colormap(colours, name="red and blue by magnitude" if signed else "viridis")


def _mask_colours(colour: str) -> Any:
    from napari.utils.colormaps import DirectLabelColormap

    return DirectLabelColormap(color_dict={None: "transparent", 0: "transparent", 1: colour})
