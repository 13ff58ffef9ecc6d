"""The part of a coordinator that turns places under the mouse into nodes. Knows neither Qt nor napari."""

from psygnal import Signal

from ..frames.loading import LoadedPictures
from ..layers.overlays import Overlays
from ..layers.pointer import Place, Pointer
from ..state.history import SelectionMode
from .naming import Naming

__all__ = ["MousePicking"]


class MousePicking(Naming):
    """Pointing, clicking and dragging over the pictures.

    Attributes
    ----------
    pointer
        The mouse over the canvas.
    overlays
        The layers that show what is chosen.
    drag_changed
        Signal (bool): whether drags choose a region instead of moving the picture.
    """

    drag_changed = Signal(bool)

    pointer: Pointer
    overlays: Overlays
    pictures: LoadedPictures | None

    def __init__(self) -> None:
        super().__init__()
        self._under_mouse: int | None = None

    def set_drag_selects(self, on: bool) -> None:
        """Let drags over the pictures choose a region instead of moving the picture."""
        if on != self.pointer.drag_selects:
            self.pointer.drag_selects = on
            self._tell(self.drag_changed, on)

    def node_under(self, place: Place | None) -> int | None:
        """The node at a place of the canvas; None beside the picture, and where the network lacks the layer."""
        position = self.position
        if place is None or position is None or self.pictures is None:
            return None
        index = self._index()
        network, layer, image = position
        fraction = self.pictures.layout.fraction(index.images.index(image), place.y, place.x)
        if fraction is None or layer not in index.network(network).layers:
            return None
        return index.node_at(network, layer, image, y=fraction[0], x=fraction[1])

    def _on_hover(self, place: Place | None) -> None:
        self._under_mouse = self.node_under(place)
        if self._under_mouse is not None and self.study is not None:
            self.overlays.prepare(self._index(), self.study.pictures.layout)
        if self._under_mouse != self.hovered:
            self.hover(self._under_mouse)

    def _on_click(self, place: Place, mode: SelectionMode) -> None:
        node = self.node_under(place)
        if node is not None:
            self.pick([node], mode)

    def _on_drag(self, begin: Place, end: Place, mode: SelectionMode, ended: bool) -> None:
        position = self.position
        if position is None or self.study is None:
            return
        index, layout = self._index(), self.study.pictures.layout
        network, layer, image = position
        if layer not in index.network(network).layers:
            return
        grid = index.network(network)
        rows, columns = layout.tokens_between(index.images.index(image), begin, end, grid.rows, grid.columns)
        nodes = self.nodes_at(network, layer, image, rows, columns)
        self.overlays.preview(self.active, None if ended else nodes, index, layout)
        if ended and nodes.size:
            self.pick(nodes, mode)
