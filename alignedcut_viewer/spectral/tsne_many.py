"""The gradient of the t-SNE objective for very many points: sparse attraction, repulsion by a grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .threads import for_row_blocks, n_threads
from .tsne_grid import field_of
from .tsne_probabilities import SparseProbabilities

__all__ = ["GridForces"]

FloatArray = NDArray[np.float32]


class GridForces:
    """Forces between very many points, on the CPU; in time that grows with their number.

    Parameters
    ----------
    probabilities
        Joint probabilities of the nearest neighbours.
    positions
        (n, 2) or (n, 3) start.
    """

    def __init__(self, probabilities: SparseProbabilities, positions: FloatArray) -> None:
        self._p = probabilities
        self._y: FloatArray = np.array(positions, dtype=np.float32, order="C")
        self._velocity = np.zeros_like(self._y)
        self._gains = np.ones_like(self._y)
        self._attraction = np.empty_like(self._y)
        self._block = max(1024, -(-len(self._y) // (8 * n_threads())))

    def _repulsion(self) -> tuple[FloatArray, float]:
        """Slope of the field at the points, and the sum of w over all ordered pairs."""
        potential, slope = field_of(self._y).at(self._y)
        # Every point met itself with weight one.
        return slope, max(float(potential.sum(dtype=np.float64)) - len(self._y), 1e-30)

    def _attract(self) -> None:
        from .tsne_many_kernels import attract

        p = self._p
        for_row_blocks(
            lambda start, stop: attract(self._y, p.starts, p.columns, p.values, start, stop, self._attraction),
            len(self._y),
            self._block,
        )

    def step(self, exaggeration: float, momentum: float, rate: float) -> None:
        """Move all points once down the gradient."""
        from .tsne_many_kernels import move_points

        slope, mass = self._repulsion()
        self._attract()
        numbers = [np.float32(value) for value in (4 * exaggeration, 2 / mass, momentum, rate)]

        def work(start: int, stop: int) -> None:
            move_points(self._y, self._velocity, self._gains, self._attraction, slope, *numbers, start, stop)

        for_row_blocks(work, len(self._y), self._block)

    def gradient(self, exaggeration: float = 1.0) -> FloatArray:
        """Gradient of the divergence with respect to the positions, (n, d)."""
        slope, mass = self._repulsion()
        self._attract()
        result: FloatArray = np.float32(4 * exaggeration) * self._attraction + np.float32(2 / mass) * slope
        return result

    def divergence(self) -> float:
        """Kullback-Leibler divergence of the map's pair probabilities from P, in nats."""
        from .tsne_many_kernels import cost

        p, mass = self._p, self._repulsion()[1]
        return float(cost(self._y, p.starts, p.columns, p.values, 0, len(self._y))) + float(np.log(mass))

    def positions(self) -> FloatArray:
        """A copy of the positions, (n, d)."""
        return self._y.copy()
