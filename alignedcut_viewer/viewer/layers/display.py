"""The layers of one viewer that belong to AlignedCut: pictures, and colours over them.

Layers are changed in place. napari may crash when a layer is deleted and another one made in the same turn of the event
loop, and users lose what they set (opacity, order) when a layer is a new one each time.
"""

import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer

from ..frames.captions import caption, describe_point
from ..frames.stacks import AXES, ColourStack, PictureStack

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

__all__ = ["COLOURS", "LAYER_SETTINGS", "PICTURES", "Display"]

PICTURES = "Pictures"
COLOURS = "AlignedCut"
COLOUR_OPACITY = 0.7
MARK = "alignedcut"
SETTLED = 80
"""Milliseconds after which docks that were just placed have their sizes."""


class Display:
    """Pictures and colours in a viewer.

    Parameters
    ----------
    viewer
        The viewer, which is not kept alive by the display.
    on_move
        Called when the sliders show another picture, layer or network, and when the layers change.
    """

    def __init__(self, viewer: "ViewerModel", on_move: Callable[[], None] | None = None) -> None:
        self._viewer = weakref.ref(viewer)
        self._on_move = on_move
        self._layers: dict[str, weakref.ref[Image]] = {}
        self._captioned = False
        self._expected: tuple[PictureStack, tuple[str, ...], Callable[[], None]] | None = None
        self._outdated: list[Image] = []
        self.names: tuple[str, ...] = ()
        viewer.dims.events.current_step.connect(self._write_caption)
        viewer.dims.events.ndisplay.connect(self._write_caption)
        viewer.layers.events.removed.connect(self._write_caption)
        viewer.layers.events.inserted.connect(self._on_inserted)

    @property
    def viewer(self) -> "ViewerModel | None":
        """The viewer, or None after it is gone."""
        return self._viewer()

    @property
    def pictures(self) -> "Image | None":
        """The layer of pictures, if it is there."""
        return self.layer("pictures")

    @property
    def colours(self) -> "Image | None":
        """The layer of colours, if it is there."""
        return self.layer("colours")

    @property
    def stack(self) -> ColourStack | None:
        """What the layer of colours shows."""
        layer = self.colours
        return None if layer is None else layer.data

    def expect(self, pictures: PictureStack, names: Sequence[str], then: Callable[[], None]) -> None:
        """Take the layer with these pictures for ours as soon as somebody adds it, and call `then`."""
        self._expected = (pictures, tuple(names), then)

    def _on_inserted(self, event: Any) -> None:
        if self._expected is None or getattr(event.value, "data", None) is not self._expected[0]:
            return
        (_, self.names, then), self._expected = self._expected, None
        self._outdated = [layer for layer in (self.pictures, self.colours) if layer is not None]
        self.adopt(event.value, "pictures")
        self._layers.pop("colours", None)
        viewer = self._viewer()
        if viewer is not None:
            viewer.dims.set_current_step(viewer.dims.ndim - 3, 0)
        # Not in this turn: see the head of this file.
        QTimer.singleShot(0, self._remove_outdated)
        then()
        self._write_caption()

    def _remove_outdated(self) -> None:
        viewer = self._viewer()
        for layer in self._outdated:
            if viewer is not None and layer in viewer.layers:
                viewer.layers.remove(layer)
        self._outdated = []
        if self.pictures is not None:
            self.pictures.name = PICTURES
        self._write_caption()

    def show(
        self,
        pictures: PictureStack,
        names: Sequence[str],
        colours: ColourStack | None = None,
        *,
        name: str = COLOURS,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Show pictures, with colours over them or without, in the place of what was shown before.

        Parameters
        ----------
        pictures
            The pictures.
        names
            Their display names.
        colours
            Colours of the same pictures, on the same canvas.
        name, metadata
            Name and metadata of the layer of colours.
        """
        viewer = self._viewer()
        if viewer is None:
            return
        old = self.colours
        if colours is None and old is not None:
            viewer.layers.remove(old)
        self.names = tuple(names)
        layer = self.pictures
        if layer is None:
            self.adopt(viewer.add_image(pictures, name=PICTURES, axis_labels=AXES[2:], **_SETTINGS), "pictures")
            # napari begins in the middle of a stack.
            viewer.dims.set_current_step(viewer.dims.ndim - 3, 0)
        else:
            layer.data = pictures
            viewer.layers.selection.active = layer
        if colours is not None:
            self.show_colours(colours, name=name, metadata=metadata)
        viewer.reset_view()
        self._write_caption()

    def fit(self) -> None:
        """Fit the picture into the window, once what was just placed around it has its size."""
        QTimer.singleShot(SETTLED, partial(_reset_view, self._viewer))

    def show_colours(
        self, colours: ColourStack, *, name: str = COLOURS, metadata: dict[str, Any] | None = None
    ) -> None:
        """Show colours over the pictures that are shown, in the place of the colours shown before.

        The first colours start at two thirds of the layers, where networks tell objects apart; later ones leave the
        sliders where they are. A network that lacks the layer, such as the joint solution of all layers, which has one
        only, is left for the first that has it, so that there is something to see.
        """
        viewer = self._viewer()
        if viewer is None:
            return
        layer = self.colours
        if layer is None:
            layer = viewer.add_image(colours, name=name, opacity=COLOUR_OPACITY, axis_labels=AXES, **_SETTINGS)
            self.adopt(layer, "colours")
            viewer.dims.set_current_step(0, 0)
            viewer.dims.set_current_step(1, len(colours.layers) * 2 // 3)
        else:
            layer.data = colours
            layer.name = name
            viewer.layers.selection.active = layer
        layer.metadata = {**layer.metadata, **(metadata or {})}
        network, number, picture = self.position()
        if colours.slot(network, number) is None:
            having = (i for i in range(len(colours.networks)) if colours.slot(i, number) is not None)
            self.move_to(next(having, network), number, picture)
        self._write_caption()

    def set_smooth(self, smooth: bool) -> None:
        """Interpolate colours between tokens, or not."""
        layer = self.colours
        if layer is not None and layer.data.smooth != smooth:
            layer.data.smooth = smooth
            layer.refresh()

    def position(self) -> tuple[int, int, int]:
        """Positions of the sliders: network, layer, picture; 0 for a slider that is not there."""
        viewer = self._viewer()
        if viewer is None:
            return 0, 0, 0
        steps = [int(step) for step in viewer.dims.current_step]
        network, layer, picture = [0, 0, 0, *steps[:-2]][-3:]
        return network, layer, picture

    def move_to(self, network: int, layer: int, picture: int) -> None:
        """Set the sliders that are there."""
        viewer = self._viewer()
        if viewer is None:
            return
        wanted = dict(zip((-5, -4, -3), (network, layer, picture), strict=True))
        axes = [axis for axis in wanted if viewer.dims.ndim >= -axis]
        viewer.dims.set_current_step([viewer.dims.ndim + axis for axis in axes], [wanted[axis] for axis in axes])

    def move(self, axis: str, by: int) -> None:
        """Move one slider by some steps, as far as it goes; `axis` is one of ``AXES``."""
        viewer = self._viewer()
        at = AXES.index(axis) - len(AXES)
        if viewer is None or viewer.dims.ndim < -at:
            return
        now = int(viewer.dims.current_step[at])
        last = int(viewer.dims.nsteps[at]) - 1
        viewer.dims.set_current_step(viewer.dims.ndim + at, min(max(now + by, 0), last))

    def close(self) -> None:
        """Let go of the viewer."""
        viewer = self._viewer()
        if viewer is not None:
            viewer.dims.events.current_step.disconnect(self._write_caption)
            viewer.dims.events.ndisplay.disconnect(self._write_caption)
            viewer.layers.events.removed.disconnect(self._write_caption)
            viewer.layers.events.inserted.disconnect(self._on_inserted)

    def layer(self, role: str) -> "Image | None":
        """The layer of a role, if it is there."""
        viewer, reference = self._viewer(), self._layers.get(role)
        layer = None if reference is None else reference()
        return layer if viewer is not None and layer is not None and layer in viewer.layers else None

    def adopt(self, layer: "Image", role: str) -> None:
        """Let a layer play a role, and say in the status bar what lies under the cursor."""
        self._layers[role] = weakref.ref(layer)
        layer.metadata = {**layer.metadata, MARK: role}
        own, this = weakref.ref(self), weakref.ref(layer)

        def get_status(position: Any = None, **kwargs: Any) -> dict[str, str]:
            display, shown = own(), this()
            if shown is None:
                return {}
            status = type(shown).get_status(shown, position, **kwargs)
            line = None if display is None or position is None else display._describe(shown, position, kwargs)
            return status if line is None else {**status, "coordinates": line, "coords": line, "value": ""}

        # napari has no other way to let a layer say more than its array indices in the status bar.
        layer.get_status = get_status

    def _describe(self, layer: "Image", position: Any, kwargs: dict[str, Any]) -> str | None:
        """The line for the status bar; called from napari's status thread, so it only reads."""
        viewer = self._viewer()
        displayed = kwargs.get("dims_displayed")
        if viewer is None or (
            displayed is not None and list(displayed) != [viewer.dims.ndim - 2, viewer.dims.ndim - 1]
        ):
            return None
        point = np.asarray(layer.world_to_data(position) if kwargs.get("world") else position, dtype=float)
        network, layer_position, picture = self.position()
        y, x = float(point[-2]), float(point[-1])
        stack = self.stack
        if stack is not None:
            return describe_point(self.names, stack, network, layer_position, picture, y, x)
        if not 0 <= picture < len(self.names):
            return None
        pixel = layer.data.layout.pixel(picture, y, x)
        where = "outside the picture" if pixel is None else f"pixel row {pixel[0]}, column {pixel[1]}"
        return f"{self.names[picture]} · {where}"

    def _write_caption(self, event: Any = None) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        if self._on_move is not None:
            self._on_move()
        overlay = viewer.canvas.overlays.text
        if self.pictures is None:
            overlay.visible = overlay.visible and not self._captioned
            self._captioned = False
            return
        overlay.text = caption(self.names, self.stack, *self.position())
        overlay.position = "top_left"
        overlay.box = True
        overlay.visible = self._captioned = bool(overlay.text)


# Without a projection mode each slice is one frame; with `mean`, napari would turn it into floating point.
LAYER_SETTINGS: dict[str, Any] = {"multiscale": False, "projection_mode": "none"}
_SETTINGS: dict[str, Any] = {"rgb": True, **LAYER_SETTINGS}


def _reset_view(reference: "weakref.ref[ViewerModel]") -> None:
    viewer = reference()
    if viewer is not None:
        viewer.reset_view()
