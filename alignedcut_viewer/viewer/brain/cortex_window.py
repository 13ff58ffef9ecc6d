"""The cortex in three dimensions: a napari Surface layer in a second viewer, recoloured in place."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..work.dialogs import is_open

if TYPE_CHECKING:
    from ...brain import ColourScale

__all__ = ["CortexWindow"]

GREY = (0.72, 0.72, 0.72)
SIDE_VIEW = (0.0, 0.0, 90.0)


class CortexWindow:
    """A second viewer with both hemispheres, opened when it is first shown."""

    def __init__(self) -> None:
        self.viewer: Any = None
        self.layer: Any = None

    @property
    def is_open(self) -> bool:
        """Whether the window is there."""
        return self.viewer is not None and is_open(self.viewer) and self.layer in self.viewer.layers

    def show(self, values: Mapping[str, NDArray[np.float32]], scale: "ColourScale", title: str) -> None:
        """Open the window, or bring it to the front, with these values."""
        if self.is_open:
            self.recolour(values, scale, title)
            self.viewer.window.activate()
            return
        import napari

        from ...brain import surface_layer

        vertices, faces, numbers = surface_layer(values)
        self.viewer = napari.Viewer(title="Cortex · AlignedCut", ndisplay=3)
        self.layer = self.viewer.add_surface(
            (vertices, faces), name=title, shading="smooth", vertex_colors=_colours(numbers, scale)
        )
        self.viewer.reset_view()
        camera = self.viewer.scene.camera
        camera.angles = SIDE_VIEW

    def recolour(self, values: Mapping[str, NDArray[np.float32]], scale: "ColourScale", title: str) -> None:
        """Show other values where the window is open."""
        if self.is_open:
            self.layer.vertex_colors = _colours(np.concatenate([np.asarray(one) for one in values.values()]), scale)
            self.layer.name = title

    def close(self) -> None:
        """Close the window where it is open."""
        if self.viewer is not None and is_open(self.viewer):
            self.viewer.close()
        self.viewer = self.layer = None


def _colours(values: NDArray[np.float32], scale: "ColourScale") -> NDArray[np.float32]:
    """(n, 4) colours; grey where there is no voxel."""
    colours = np.ones((len(values), 4), dtype=np.float32)
    colours[:, :3] = scale.rgb(values) / np.float32(255)
    colours[~np.isfinite(values), :3] = GREY
    return colours
