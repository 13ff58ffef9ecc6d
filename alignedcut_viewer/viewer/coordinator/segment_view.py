"""Segments as an entry of the switch over the pictures."""

from ..layers.overlays import Overlays
from ..layers.segment_layers import SEGMENTS, SegmentLayers
from .canvas import Canvas

__all__ = ["offer_segments"]


def offer_segments(canvas: Canvas, layers: SegmentLayers, overlays: Overlays) -> None:
    """Let the switch show the layer of segments over the bare pictures, where there is one."""

    def show() -> bool:
        if layers.segments is None:
            return False
        layers.segments.visible = True
        overlays.hide_colours(SEGMENTS)
        return True

    def hide() -> None:
        layers.hide_segments()
        overlays.show_colours(SEGMENTS)

    canvas.attach("segments", show, hide)
