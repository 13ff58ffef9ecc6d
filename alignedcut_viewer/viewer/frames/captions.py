"""What the window says about the place that is shown and the point under the cursor. Knows neither Qt nor napari."""

from collections.abc import Sequence

from .stacks import ColourStack

__all__ = ["caption", "describe_point"]


def caption(names: Sequence[str], colours: ColourStack | None, network: int, layer: int, picture: int) -> str:
    """One line for the canvas: picture, network and layer at slider positions.

    Parameters
    ----------
    names
        Display names of the pictures, in slider order.
    colours
        The colours shown, or None where there are only pictures.
    network, layer, picture
        Slider positions.
    """
    if not 0 <= picture < len(names):
        return ""
    if colours is None or not (0 <= network < len(colours.networks) and 0 <= layer < len(colours.layers)):
        return names[picture]
    name, number = colours.networks[network], colours.layers[layer]
    if colours.slot(network, layer) is None:
        held = colours.cut.index.network(name).layers
        return f"{names[picture]} · {name} has no layer {number} here (it has {_layers(held)})"
    return f"{names[picture]} · {name} · layer {number}"


def describe_point(
    names: Sequence[str], colours: ColourStack, network: int, layer: int, picture: int, y: float, x: float
) -> str:
    """One line for the status bar: the node under a point of the canvas, or why there is none.

    Parameters
    ----------
    names, colours, network, layer, picture
        As in :func:`caption`.
    y, x
        The point on the canvas, in pixels.
    """
    line = caption(names, colours, network, layer, picture)
    fraction = colours.layout.fraction(picture, y, x) if 0 <= picture < len(names) else None
    if fraction is None:
        return f"{line} · outside the picture" if line else ""
    slot = colours.slot(network, layer)
    if slot is None:
        return line
    index = colours.cut.index
    node = index.node_at(*slot, index.images[picture], y=fraction[0], x=fraction[1])
    place = index.locate(node)
    return f"{line} · row {int(place.row)}, column {int(place.column)} · node {node}"


def _layers(layers: Sequence[int]) -> str:
    if len(layers) > 1 and layers[-1] - layers[0] == len(layers) - 1:
        return f"layers {layers[0]} to {layers[-1]}"
    return ("layer " if len(layers) == 1 else "layers ") + ", ".join(map(str, layers))
