"""Every node in one of some groups, to be shown in the colour of its group. Knows neither Qt nor napari."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError

__all__ = ["NodeLabels"]


class NodeLabels:
    """Groups of nodes: concepts, segments.

    Parameters
    ----------
    labels
        (N,) position of each node's group, -1 where it is in none.
    names, colours
        Of the groups; colours as red, green and blue from 0 to 255.
    title
        What the groups are; the name of the layer.

    Raises
    ------
    InputError
        If a label has no name or no colour.
    """

    def __init__(
        self, labels: ArrayLike, names: Sequence[str], colours: Sequence[tuple[int, int, int]], title: str
    ) -> None:
        self.labels: NDArray[np.int32] = np.asarray(labels, dtype=np.int32)
        self.names = tuple(names)
        self.colours: NDArray[np.uint8] = np.asarray(colours, dtype=np.uint8).reshape(-1, 3)
        self.title = title
        most = int(self.labels.max(initial=-1))
        if most >= min(len(self.names), len(self.colours)):
            raise InputError(f"Group {most} of {title} has no name or no colour.")

    def __len__(self) -> int:
        return len(self.labels)

    def rgba(self, part: slice) -> NDArray[np.uint8]:
        """(n, 4) colours of some neighbouring nodes, transparent where they are in no group."""
        labels = self.labels[part]
        table = np.zeros((len(self.colours) + 1, 4), dtype=np.uint8)
        table[:-1, :3], table[:-1, 3] = self.colours, 255
        found: NDArray[np.uint8] = table[labels]
        return found
