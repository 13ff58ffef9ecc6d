"""How the pictures are looked at. Knows neither Qt nor napari."""

from dataclasses import dataclass

from .evented import Evented

__all__ = ["DRAWING_TOOLS", "TOOLS", "Position", "ViewState"]

TOOLS = {
    "": "pick places",
    "segment": "choose segments",
    "point": "prompt by points",
    "box": "prompt by boxes",
    "scribble": "prompt by scribbles",
}
"""What the mouse does over the pictures."""

DRAWING_TOOLS = ("box", "scribble")
"""Tools that take every drag for themselves."""

Position = tuple[str, int, int]
"""Network, layer and image, as :class:`~alignedcut_viewer.nodes.NodeIndex` counts them."""


@dataclass
class ViewState(Evented):
    """What the sliders show, and how.

    Attributes
    ----------
    position
        Network, layer and image that the sliders show; None without a cut. The network may lack the layer.
    picture
        Position of the picture slider, from 0, whether there is a cut or not.
    smooth
        Whether colours and values are interpolated between tokens.
    drag_selects
        Whether drags over the pictures choose a region instead of moving the picture.
    tool
        What the mouse does, one of :data:`TOOLS`.
    """

    position: Position | None = None
    picture: int = 0
    smooth: bool = False
    drag_selects: bool = False
    tool: str = ""
