"""One number per node, to be shown as a heat map over all pictures. Knows neither Qt nor napari."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError

__all__ = ["NodeValues"]

Part = Callable[[slice], NDArray[np.float32]]


class NodeValues:
    """A value of every node, at hand or computed for the part that is looked at.

    Parameters
    ----------
    values
        One number per node, (N,); NaN where a node has none. Or a function that gives those of a slice of nodes.
    title
        What the numbers are, for the user.
    n_nodes
        Number of nodes; needed where `values` is a function.
    limits
        Numbers of the first and last colour; by default the least and the greatest value, symmetric about 0 for
        signed values.
    signed
        Whether 0 is a middle and the sign matters.
    kind
        What they are of, as the switch over the pictures names it: ``similarity`` or ``region``.

    Raises
    ------
    InputError
        If the values are not one a node, or the limits do not ascend.
    """

    def __init__(
        self,
        values: ArrayLike | Part,
        title: str,
        *,
        n_nodes: int | None = None,
        limits: tuple[float, float] | None = None,
        signed: bool = False,
        kind: str = "similarity",
    ) -> None:
        self.title = title
        self.kind = kind
        self.signed = signed
        self._part: Part | None = None
        self._values: NDArray[np.float32] | None = None
        if callable(values):
            if n_nodes is None or limits is None:
                raise InputError("Values that are computed when looked at need a number of nodes and limits.")
            self._part = values
            self._n_nodes = int(n_nodes)
        else:
            held = np.array(values, dtype=np.float32)
            if held.ndim != 1 or (n_nodes is not None and held.size != n_nodes):
                raise InputError(
                    f"There must be one value per node, {'' if n_nodes is None else f'{n_nodes} '}in all; "
                    f"got an array of shape {held.shape}."
                )
            held.flags.writeable = False
            self._values, self._n_nodes = held, held.size
        self.limits = _limits_of(self._values, signed) if limits is None else (float(limits[0]), float(limits[1]))
        if not self.limits[0] < self.limits[1]:
            raise InputError(f"The limits of values must ascend; got {self.limits[0]:g} to {self.limits[1]:g}.")

    def __len__(self) -> int:
        return self._n_nodes

    def __repr__(self) -> str:
        return f"NodeValues({self.title!r}, {len(self)} nodes, {self.limits[0]:.3g} to {self.limits[1]:.3g})"

    @property
    def values(self) -> NDArray[np.float32]:
        """All of them, float32 (N,), read-only; computed the first time."""
        if self._values is None and self._part is not None:
            values = np.ascontiguousarray(self._part(slice(0, self._n_nodes)), dtype=np.float32)
            values.flags.writeable = False
            self._values, self._part = values, None
        assert self._values is not None
        return self._values

    def part(self, nodes: slice) -> NDArray[np.float32]:
        """Those of some neighbouring nodes, float32; costs no more than these."""
        part = self._part
        if self._values is not None or part is None:
            return self.values[nodes]
        return np.asarray(part(nodes), dtype=np.float32)

    def is_complete(self) -> bool:
        """Whether all values are at hand."""
        return self._values is not None


def _limits_of(values: Any, signed: bool) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return (-1.0, 1.0) if signed else (0.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    if signed:
        far = max(abs(low), abs(high)) or 1.0
        return -far, far
    return (low, high) if high > low else (low, low + 1.0)
