"""Which nodes are chosen, pointed at and shown, and the values of all of them. Knows neither Qt nor napari."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from ...errors import InputError
from ..state.history import SELECTIONS, History, Selection, SelectionMode
from ..state.node_values import NodeValues

if TYPE_CHECKING:
    from ...nodes import NodeIndex
    from ...study.cut import Cut
    from ..frames.loading import LoadedStudy

__all__ = ["NodeSelection"]


class NodeSelection:
    """The part of a coordinator that knows nodes.

    Attributes
    ----------
    history
        Both selections and their past; ``history.undo()`` and ``history.redo()`` walk through it.
    selection_changed
        Signal (which, selection): a selection became another one.
    active_changed
        Signal (which): the other selection is the one that is changed by picking.
    hover_changed
        Signal (node or None): what is pointed at, in the pictures or in a panel.
    position_changed
        Signal (network, layer, image): what the sliders show, as :class:`~alignedcut_viewer.nodes.NodeIndex` counts.
    values_changed
        Signal (NodeValues or None): the values of all nodes that lie over the pictures.
    """

    selection_changed = Signal(str, Selection)
    active_changed = Signal(str)
    hover_changed = Signal(object)
    position_changed = Signal(str, int, int)
    values_changed = Signal(object)

    study: "LoadedStudy | None"

    def __init__(self) -> None:
        self.history = History(on_change=self._tell_selection)
        self._active = SELECTIONS[0]
        self._hovered: int | None = None
        self._values: NodeValues | None = None

    def shown_cut(self) -> "tuple[LoadedStudy, Cut]":
        """The study and the cut that are shown.

        Raises
        ------
        InputError
            If there is none.
        """
        if self.study is None or self.study.cut is None:
            raise InputError("There is no result yet; run the study in the Study panel, or open one.")
        return self.study, self.study.cut

    def _index(self) -> "NodeIndex":
        cut = None if self.study is None else self.study.cut
        if cut is None:
            raise InputError("Nothing can be selected before a study with a cut is shown.")
        return cut.index

    def _tell_selection(self, which: str, selection: Selection) -> None:
        self._tell(self.selection_changed, which, selection)

    # -- figure and ground ---------------------------------------------------------------------------------------

    def select(
        self, nodes: Iterable[int] | NDArray[np.int64], mode: SelectionMode = "replace", which: str | None = None
    ) -> None:
        """Change a selection.

        Parameters
        ----------
        nodes
            Flat node numbers.
        mode
            ``replace``, ``add``, ``remove``, ``toggle`` or ``intersect``.
        which
            ``figure`` or ``ground``; None means the active one.

        Raises
        ------
        InputError
            If no cut is shown, or a node is not in it.
        """
        chosen = np.asarray(nodes if isinstance(nodes, np.ndarray) else list(nodes), dtype=np.int64)
        self._index().locate(chosen)
        self.history.select(chosen, mode, self._active if which is None else which)

    def selection(self, which: str | None = None) -> Selection:
        """The nodes of ``figure`` or ``ground``; None means the active one."""
        return self.history.selection(self._active if which is None else which)

    @property
    def active(self) -> str:
        """The selection that picking changes: ``figure`` or ``ground``."""
        return self._active

    def set_active(self, which: str) -> None:
        """Let picking change that selection.

        Raises
        ------
        InputError
            If there is no such selection.
        """
        self.history.selection(which)
        if which != self._active:
            self._active = which
            self._tell(self.active_changed, which)

    # -- what is pointed at --------------------------------------------------------------------------------------

    @property
    def hovered(self) -> int | None:
        """The node that is pointed at."""
        return self._hovered

    def hover(self, node: int | None) -> None:
        """Point at a node, or at none."""
        if node is not None:
            node = int(node)
            self._index().locate(node)
        if node != self._hovered:
            self._hovered = node
            self._tell(self.hover_changed, node)

    # -- values over the pictures --------------------------------------------------------------------------------

    @property
    def values(self) -> NodeValues | None:
        """The values that lie over the pictures."""
        return self._values

    def show_values(
        self,
        values: ArrayLike | NodeValues,
        title: str = "",
        *,
        limits: tuple[float, float] | None = None,
        signed: bool = False,
    ) -> None:
        """Show one value a node as a heat map over all pictures, in the place of the values shown before.

        Parameters
        ----------
        values
            (N,), NaN where a node has none and the picture is to be seen as it is; or values made before.
        title
            What they are; the name of the layer.
        limits
            Values of the first and the last colour; by default the least and the greatest.
        signed
            Whether the colours part at 0.

        Raises
        ------
        InputError
            If no cut is shown, or there is not one value a node.
        """
        n_nodes = len(self._index())
        if not isinstance(values, NodeValues):
            values = NodeValues(values, title, n_nodes=n_nodes, limits=limits, signed=signed)
        elif len(values) != n_nodes:
            raise InputError(f"There must be one value a node, {n_nodes} in all; got {len(values)}.")
        self._set_values(values)

    def clear_values(self) -> None:
        """Take the heat map away."""
        if self._values is not None:
            self._set_values(None)

    def _set_values(self, values: NodeValues | None) -> None:
        self._values = values
        self._draw_values(values)
        self._tell(self.values_changed, values)

    def _draw_values(self, values: NodeValues | None) -> None:
        """Bring the layer in the viewer up to date."""

    def _forget_nodes(self) -> None:
        """Nodes are numbered anew: what was said of them is void."""
        self.history.clear()
        self.hover(None)
        self.clear_values()
