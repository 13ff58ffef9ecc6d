"""Farthest-point sampling (Gonzalez 1985): every next point is the farthest from all chosen before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled_in_order

if TYPE_CHECKING:
    import torch

__all__ = ["farthest_on_device", "farthest_points"]

FAR = np.float32(3e38)
"""Farther than anything."""


def farthest_points(
    points: NDArray[np.float32] | torch.Tensor, count: int, first: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Distinct points, each as far as can be from those before it.

    Parameters
    ----------
    points
        (n, d) finite; a tensor's choice is made on its device.
    count
        How many are wanted.
    first
        The one to begin with. None begins with the point of largest norm, so that neither the choice nor its order
        depends on the order of the points (as long as no two candidates are equally far).

    Returns
    -------
    chosen : NDArray
        int64, numbers of points in the order they were chosen; fewer than `count` if fewer are distinct.
    distances : NDArray
        float32, of each to the nearest of those before it; infinite for the first.
    """
    if not isinstance(points, np.ndarray):
        if points.device.type != "cpu":
            return farthest_on_device(points, count, first)
        points = points.numpy()
    columns = np.ascontiguousarray(np.asarray(points, dtype=np.float32).T)
    if first is None:
        norms = np.zeros(columns.shape[1], dtype=np.float32)
        for column in columns:
            norms += column * column
        first = int(norms.argmax())
    chosen, squares = _farthest_rows(columns, first, min(count, columns.shape[1]))
    return chosen, np.sqrt(squares)


def farthest_on_device(
    points: torch.Tensor, count: int, first: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """What :func:`farthest_points` gives, on any torch device and without waiting for it in between.

    Parameters
    ----------
    points
        float32 (n, d).
    count
        How many are wanted.
    first
        The one to begin with.
    """
    import torch

    n = points.shape[0]
    count = min(count, n)
    chosen = torch.empty(count, dtype=torch.int64, device=points.device)
    reach = torch.full((count + 1,), torch.inf, dtype=points.dtype, device=points.device)
    nearest = torch.full((n,), torch.inf, dtype=points.dtype, device=points.device)
    if first is None:
        latest = points.square().sum(dim=1).argmax().reshape(1)
    else:
        latest = torch.tensor([first], device=points.device)
    for i in range(count):
        chosen[i : i + 1] = latest
        difference = points - points.index_select(0, latest)
        torch.minimum(nearest, difference.square_().sum(dim=1), out=nearest)
        nearest.index_fill_(0, latest, -1.0)  # duplicates of a chosen point come last, the point itself never again
        reach[i + 1 : i + 2], latest = nearest.max(dim=0, keepdim=True)
    squares = reach[:count].cpu().numpy()
    # Once no point is left that is not also chosen, the rest are repetitions.
    distinct = int(np.count_nonzero(squares > 0))
    return chosen[:distinct].cpu().numpy(), np.sqrt(squares[:distinct])


@compiled_in_order
def _farthest_rows(points, first, count):  # type: ignore[no-untyped-def]
    """Greedy farthest-point order: each next point is the farthest from all before it.

    Parameters
    ----------
    points
        float32 (d, n): one row a coordinate, finite.
    first
        Where to begin.
    count
        How many points, at most n.

    Returns
    -------
    chosen : int64 array
        Distinct points in their order; fewer than `count` where all others coincide with one of them.
    reach : float32 array
        For each the squared distance to the nearest of those before it; of the first, that of nothing.
    """
    dimensions, n = points.shape
    chosen = np.empty(count, np.int64)
    reach = np.empty(count, np.float32)
    distances = np.full(n, FAR)
    fresh = np.empty(n, np.float32)
    bits = distances.view(np.int32)
    chosen[0] = first
    reach[0] = np.inf
    current = first
    for rank in range(1, count):
        fresh[:] = np.float32(0.0)
        d = 0
        while d + 4 <= dimensions:
            p0, p1, p2, p3 = points[d], points[d + 1], points[d + 2], points[d + 3]
            x0, x1, x2, x3 = p0[current], p1[current], p2[current], p3[current]
            for j in range(n):
                a, b, c, e = p0[j] - x0, p1[j] - x1, p2[j] - x2, p3[j] - x3
                fresh[j] += a * a + b * b + c * c + e * e
            d += 4
        while d < dimensions:
            p = points[d]
            x = p[current]
            for j in range(n):
                a = p[j] - x
                fresh[j] += a * a
            d += 1
        for j in range(n):
            value = fresh[j]
            least = distances[j]
            distances[j] = value if value < least else least
        largest = np.int32(-1)
        for j in range(n):
            value_bits = bits[j]
            largest = value_bits if value_bits > largest else largest
        if largest <= 0:
            return chosen[:rank], reach[:rank]
        current = 0
        while bits[current] != largest:
            current += 1
        chosen[rank] = current
        reach[rank] = distances[current]
    return chosen, reach
