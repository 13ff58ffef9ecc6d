"""The gradient of the t-SNE objective, exact over all pairs, on the CPU or on a torch device."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .tsne_probabilities import SparseProbabilities

if TYPE_CHECKING:
    import torch

__all__ = ["CompiledForces", "Forces", "TorchForces"]

FloatArray = NDArray[np.float32]
T = TypeVar("T")


class Forces(Protocol):
    """What the descent needs: positions that can be moved along the gradient of the objective."""

    def step(self, exaggeration: float, momentum: float, rate: float) -> None:
        """Move all points once down the gradient."""

    def gradient(self, exaggeration: float = 1.0) -> FloatArray:
        """Gradient of the divergence with respect to the positions, (n, 3)."""

    def divergence(self) -> float:
        """Kullback-Leibler divergence of the map's pair probabilities from P, in nats."""

    def positions(self) -> FloatArray:
        """A copy of the positions, (n, 3)."""


class CompiledForces:
    """Forces on the CPU by compiled loops over row blocks, in as many threads as torch uses.

    Parameters
    ----------
    probabilities
        Joint probabilities: dense (n, n) float32, or sparse.
    positions
        (n, 3) start.
    threads
        Pool for all but one of the row blocks; None computes in the calling thread.
    """

    def __init__(
        self,
        probabilities: FloatArray | SparseProbabilities,
        positions: FloatArray,
        threads: ThreadPoolExecutor | None = None,
        n_blocks: int = 1,
    ) -> None:
        self._p = probabilities
        self._y: FloatArray = np.array(positions.T, dtype=np.float32, order="C")
        n = self._y.shape[1]
        self._velocity = np.zeros_like(self._y)
        self._gains = np.ones_like(self._y)
        self._attraction = np.zeros_like(self._y)
        self._repulsion = np.zeros_like(self._y)
        self._mass = np.zeros(n, dtype=np.float64)
        self._threads = threads
        edges = np.linspace(0, n, (n_blocks if threads is not None else 1) + 1).astype(int)
        self._blocks = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))

    def _rows(self, start: int, stop: int) -> None:
        from . import tsne_kernels as kernels

        if isinstance(self._p, SparseProbabilities):
            p = self._p
            kernels.repulsion_rows(self._y, start, stop, self._repulsion, self._mass)
            kernels.attraction_rows(self._y, p.starts, p.columns, p.values, start, stop, self._attraction)
        else:
            kernels.dense_rows(self._y, self._p, start, stop, self._attraction, self._repulsion, self._mass)

    def _everywhere(self, work: Callable[[int, int], T]) -> list[T]:
        """Results of ``work(start, stop)`` for all row blocks, in their order."""
        pending = []
        if self._threads is not None:
            pending = [self._threads.submit(work, start, stop) for start, stop in self._blocks[1:]]
        first = work(*self._blocks[0])
        return [first, *(block.result() for block in pending)]

    def _forces(self) -> float:
        self._everywhere(self._rows)
        # Every point met itself with weight one.
        return float(self._mass.sum()) - self._mass.shape[0]

    def _slope(self, exaggeration: float) -> FloatArray:
        mass = max(self._forces(), 1e-30)
        slope: FloatArray = np.float32(4 * exaggeration) * self._attraction - np.float32(4 / mass) * self._repulsion
        return slope

    def step(self, exaggeration: float, momentum: float, rate: float) -> None:
        """Move all points once down the gradient."""
        from . import tsne_kernels as kernels

        slope = self._slope(exaggeration)
        kernels.move(self._y, self._velocity, self._gains, slope, np.float32(momentum), np.float32(rate))

    def gradient(self, exaggeration: float = 1.0) -> FloatArray:
        """Gradient of the divergence with respect to the positions, (n, 3)."""
        return np.ascontiguousarray(self._slope(exaggeration).T)

    def divergence(self) -> float:
        """Kullback-Leibler divergence of the map's pair probabilities from P, in nats."""
        total = max(self._forces(), 1e-30)
        return sum(self._everywhere(self._cost)) + float(np.log(total))

    def _cost(self, start: int, stop: int) -> float:
        from . import tsne_kernels as kernels

        if isinstance(self._p, SparseProbabilities):
            p = self._p
            return float(kernels.cost_rows(self._y, p.starts, p.columns, p.values, start, stop))
        return float(kernels.dense_cost_rows(self._y, self._p, start, stop))

    def positions(self) -> FloatArray:
        """A copy of the positions, (n, 3)."""
        return np.array(self._y.T, order="C")


class TorchForces:
    """Forces on any torch device, tile by tile.

    Parameters
    ----------
    probabilities
        Joint probabilities, (n, n) float32 on the device.
    positions
        (n, d) float32 start, on the device.
    tile
        Number of pair weights held at once.
    """

    def __init__(self, probabilities: torch.Tensor, positions: torch.Tensor, tile: int = 1 << 26) -> None:
        import torch

        self._p = probabilities
        self._y = positions.clone()
        self._velocity = torch.zeros_like(self._y)
        self._gains = torch.ones_like(self._y)
        self._rows = max(1, tile // max(1, self._y.shape[0]))

    def _weights(self, start: int) -> torch.Tensor:
        """``1 / (1 + |y_i - y_j|²)`` of one tile of rows."""
        y = self._y
        squared = (y[start : start + self._rows, None, 0] - y[None, :, 0]).square_()
        for axis in range(1, y.shape[1]):
            squared += (y[start : start + self._rows, None, axis] - y[None, :, axis]).square_()
        return squared.add_(1.0).reciprocal_()

    def _slope(self, exaggeration: float) -> torch.Tensor:
        import torch

        y = self._y
        attraction = torch.empty_like(y)
        repulsion = torch.empty_like(y)
        mass = torch.zeros((), dtype=torch.float64 if y.device.type != "mps" else torch.float32, device=y.device)
        for start in range(0, y.shape[0], self._rows):
            rows = slice(start, start + self._rows)
            w = self._weights(start)
            mass += w.sum(dtype=mass.dtype)
            pulled = self._p[rows] * w
            attraction[rows] = pulled.sum(dim=1, keepdim=True) * y[rows] - pulled @ y
            w.square_()
            repulsion[rows] = w.sum(dim=1, keepdim=True) * y[rows] - w @ y
        mass = (mass - y.shape[0]).clamp_(min=1e-30).to(y.dtype)
        return 4 * (exaggeration * attraction - repulsion / mass)

    def step(self, exaggeration: float, momentum: float, rate: float) -> None:
        """Move all points once down the gradient."""
        import torch

        slope = self._slope(exaggeration)
        with_motion = (slope > 0) == (self._velocity > 0)
        self._gains = torch.where(with_motion, self._gains * 0.8, self._gains + 0.2).clamp_(min=0.01)
        self._velocity.mul_(momentum).sub_(rate * self._gains * slope)
        self._y.add_(self._velocity)

    def gradient(self, exaggeration: float = 1.0) -> FloatArray:
        """Gradient of the divergence with respect to the positions, (n, d)."""
        return _numpy(self._slope(exaggeration))

    def divergence(self) -> float:
        """Kullback-Leibler divergence of the map's pair probabilities from P, in nats."""
        import torch

        mass = 0.0
        cost = 0.0
        for start in range(0, self._y.shape[0], self._rows):
            p = self._p[start : start + self._rows]
            w = self._weights(start)
            mass += float(w.sum(dtype=torch.float32))
            cost += float(torch.xlogy(p, p).sum() - torch.xlogy(p, w).sum())
        return cost + float(np.log(max(mass - self._y.shape[0], 1e-30)))

    def positions(self) -> FloatArray:
        """A copy of the positions, (n, d)."""
        return _numpy(self._y)


def _numpy(tensor: torch.Tensor) -> FloatArray:
    array: Any = tensor.detach().cpu().numpy()
    return np.array(array, dtype=np.float32)
