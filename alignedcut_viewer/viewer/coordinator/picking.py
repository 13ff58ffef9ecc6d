"""Places over the pictures become nodes: pointing, clicking, dragging, by mouse and by keys. Knows no Qt."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...errors import AlignedCutError
from ..frames.picture_layout import Place
from ..state.history import SelectionMode
from ..state.view_state import ViewState
from .node_selection import NodeSelection
from .shown import Shown

__all__ = ["Picking", "Tool"]


class Tool(Protocol):
    """What the mouse may do over the pictures instead of picking."""

    def click(self, place: Place, mode: SelectionMode) -> None:
        """Pressed and released at a place."""

    def drag(self, begin: Place, end: Place, mode: SelectionMode, ended: bool) -> None:
        """Pressed, moved, and in the end released."""


class Picking:
    """Turns places on the canvas into what is pointed at and chosen.

    Parameters
    ----------
    shown, selection, view
        Which pictures lie there, what is chosen in them, and what the sliders show.

    Attributes
    ----------
    under_mouse
        The node under the mouse, or None; what is pointed at may be another one, in a panel.
    reached
        Signal: the mouse is over a node.
    dragged
        Signal (nodes or None): what a drag would choose; None when it has ended.
    failed
        Signal (error): the tool in hand cannot be used there.
    tools
        What takes clicks and drags in the place of picking while the view has that tool, by the tool's name.
    """

    reached = Signal()
    dragged = Signal(object)
    failed = Signal(Exception)

    def __init__(self, shown: Shown, selection: NodeSelection, view: ViewState) -> None:
        self._shown, self._selection, self._view = shown, selection, view
        self.under_mouse: int | None = None
        self.tools: dict[str, Tool] = {}

    # -- by mouse ------------------------------------------------------------------------------------------------

    def node_under(self, place: Place | None) -> int | None:
        """The node at a place of the canvas; None outside the picture, and where the network lacks the layer."""
        position, pictures = self._view.position, self._shown.pictures
        if place is None or position is None or pictures is None:
            return None
        index = self._shown.index
        network, layer, image = position
        fraction = pictures.layout.fraction(index.images.index(image), place.y, place.x)
        if fraction is None or layer not in index.network(network).layers:
            return None
        return index.node_at(network, layer, image, y=fraction[0], x=fraction[1])

    def hover(self, place: Place | None) -> None:
        """Point at the node at a place."""
        self.under_mouse = self.node_under(place)
        if self.under_mouse is not None:
            self.reached.emit()
        if self.under_mouse != self._selection.hovered:
            self._selection.hover(self.under_mouse)

    def click(self, place: Place, mode: SelectionMode = "replace") -> None:
        """Choose the node at a place, or use the tool in hand."""
        tool = self.tools.get(self._view.tool)
        if tool is not None:
            self._told(lambda: tool.click(place, mode))
            return
        node = self.node_under(place)
        if node is not None:
            self._selection.select([node], mode)

    def drag(self, begin: Place, end: Place, mode: SelectionMode, ended: bool) -> None:
        """Choose the nodes of a rectangle between two places when the drag has ended, and show them until then."""
        tool = self.tools.get(self._view.tool)
        if tool is not None:
            self._told(lambda: tool.drag(begin, end, mode, ended))
            return
        position, pictures = self._view.position, self._shown.pictures
        if position is None or pictures is None:
            return
        index = self._shown.index
        network, layer, image = position
        if layer not in index.network(network).layers:
            return
        grid = index.grid(network, layer)
        rows, columns = pictures.layout.tokens_between(index.images.index(image), begin, end, grid.rows, grid.columns)
        nodes = self.nodes_at(network, layer, image, rows, columns)
        self.dragged.emit(None if ended else nodes)
        if ended and nodes.size:
            self._selection.select(nodes, mode)

    def _told(self, use: Callable[[], None]) -> None:
        try:
            use()
        except AlignedCutError as error:
            self.failed.emit(error)

    def nodes_at(self, network: str, layer: int, image: int, rows: slice, columns: slice) -> NDArray[np.int64]:
        """Patch nodes of a rectangle of the token grid of one picture, ascending."""
        index = self._shown.index
        grid = index.grid(network, layer)
        patches = index.patch_slice(network, layer, image)
        numbers = np.arange(patches.start, patches.stop, dtype=np.int64).reshape(grid.rows, grid.columns)
        return numbers[rows, columns].ravel()

    # -- by keys -------------------------------------------------------------------------------------------------

    def step(self, down: int, right: int) -> None:
        """Move what is pointed at by some tokens on the picture that is shown, starting in its middle."""
        position = self._view.position
        if position is None:
            return
        index = self._shown.index
        if position[1] not in index.network(position[0]).layers:
            return
        grid = index.grid(position[0], position[1])
        row, column = grid.rows // 2, grid.columns // 2
        if self._selection.hovered is not None:
            place = index.locate(self._selection.hovered)
            # On another layer or picture the pointer stays where it is on the picture.
            if index.networks[int(place.network)].name == position[0] and place.row >= 0:
                row, column = int(place.row) + down, int(place.column) + right
        row, column = min(max(row, 0), grid.rows - 1), min(max(column, 0), grid.columns - 1)
        self._selection.hover(index.node(*position, row=row, column=column))

    def pick_hovered(self, mode: SelectionMode = "replace") -> None:
        """Choose what is pointed at."""
        if self._selection.hovered is not None:
            self._selection.select([self._selection.hovered], mode)
