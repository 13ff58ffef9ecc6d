"""A place of its own for every node of a map whose landmarks stand.

Each node minimises t-SNE's objective alone: its nearest landmarks attract it, the field of all landmarks
(:mod:`.tsne_grid`) repels it. Nodes do not know one another, so equal rows get equal places, new nodes can be placed
later, and time and memory grow with the nodes of one chunk (as openTSNE's ``transform``, Poličar et al. 2019, which
begins between the landmarks; from the nearest one, more neighbours are kept).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .buckets import Buckets
from .threads import for_row_blocks
from .tsne_grid import field_of
from .tsne_probabilities import conditional_probabilities

if TYPE_CHECKING:
    from .tsne_grid import Field

__all__ = ["Placing"]

FloatArray = NDArray[np.float32]
_BUCKET_SIZE = 200
_PROBES = 12
_BLOCK = 8192


class Placing:
    """Places for nodes among landmarks.

    Parameters
    ----------
    points
        float32 (m, d): the landmarks' eigenvectors.
    places
        float32 (m, 2) or (m, 3): where they are on the map.
    perplexity
        Effective number of landmarks that attract a node.
    iterations
        Steps of every node.
    """

    def __init__(self, points: FloatArray, places: FloatArray, perplexity: float, iterations: int) -> None:
        self._buckets = Buckets(points, _BUCKET_SIZE)
        self._places = np.ascontiguousarray(places)
        self._count = min(len(points), max(4, int(3 * perplexity)))
        self._perplexity = max(1.0, min(perplexity, self._count / 3))
        self._iterations = iterations
        self._field: Field = field_of(self._places)
        mass = float(self._field.at(self._places)[0].sum(dtype=np.float64)) - len(points)
        self._push = np.float32(0.5 * len(points) / max(mass, 1e-30))

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Places (n, 2) or (n, 3) of nodes with eigenvectors (n, d); one that is at a landmark takes its place."""
        import torch

        indices, squared = self._buckets.nearest(rows, self._count, n_probes=_PROBES)
        missing = indices < 0
        squared[missing] = np.inf
        indices[missing] = 0
        weights = conditional_probabilities(torch.from_numpy(squared), self._perplexity).numpy()
        start: FloatArray = self._places[indices[:, 0]]
        result = start.copy()
        for_row_blocks(lambda first, last: self._settle(result, indices, weights, first, last), len(rows), _BLOCK)
        at_landmark = squared[:, 0] == 0
        result[at_landmark] = start[at_landmark]
        return result

    def _settle(
        self, places: FloatArray, indices: NDArray[np.int32], weights: FloatArray, first: int, last: int
    ) -> None:
        """Move the nodes `first` to `last` down their gradients."""
        from .tsne_many_kernels import attract_to, move_points

        y = places[first:last]
        velocity, gains, attraction = np.zeros_like(y), np.ones_like(y), np.empty_like(y)
        one, momentum, rate = np.float32(1.0), np.float32(0.7), np.float32(0.5)
        for _ in range(self._iterations):
            attract_to(y, self._places, indices[first:last], weights[first:last], attraction)
            slope = self._field.at(y)[1]
            move_points(y, velocity, gains, attraction, slope, one, self._push, momentum, rate, 0, len(y))
