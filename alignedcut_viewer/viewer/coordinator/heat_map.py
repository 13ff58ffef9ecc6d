"""The values that lie over the pictures. Knows neither Qt nor napari."""

from numpy.typing import ArrayLike
from psygnal import Signal

from ...errors import InputError
from ..state.node_values import NodeValues
from .shown import Shown

__all__ = ["HeatMap"]


class HeatMap:
    """One value a node, over all pictures.

    Parameters
    ----------
    shown
        Whose nodes have the values.

    Attributes
    ----------
    changed
        Signal (NodeValues or None): other values, or none, lie over the pictures.
    """

    changed = Signal(object)

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._values: NodeValues | None = None

    @property
    def values(self) -> NodeValues | None:
        """The values that lie over the pictures."""
        return self._values

    def show(
        self,
        values: ArrayLike | NodeValues,
        title: str = "",
        *,
        limits: tuple[float, float] | None = None,
        signed: bool = False,
        kind: str = "similarity",
    ) -> None:
        """Show one value a node over all pictures, in the place of the values shown before.

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
        kind
            ``similarity`` or ``region``.

        Raises
        ------
        InputError
            If no cut is shown, or there is not one value a node.
        """
        n_nodes = len(self._shown.index)
        if not isinstance(values, NodeValues):
            values = NodeValues(values, title, n_nodes=n_nodes, limits=limits, signed=signed, kind=kind)
        elif len(values) != n_nodes:
            raise InputError(f"There must be one value per node, {n_nodes} in all; got {len(values)}.")
        self._set(values)

    def clear(self) -> None:
        """Take the values away."""
        if self._values is not None:
            self._set(None)

    def _set(self, values: NodeValues | None) -> None:
        self._values = values
        self.changed.emit(values)
