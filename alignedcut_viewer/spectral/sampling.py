"""Which nodes stand for all of them: uniform samples, farthest points, k-means landmarks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from .features import FeatureChunks

__all__ = ["SAMPLINGS", "farthest_points", "kmeans_landmarks", "principal_directions", "sample_rows"]

SAMPLINGS = ("kmeans", "farthest", "uniform")

_BLOCK_SHARE = 1 / 12
"""At most this part of the blocks of a compressed store is read for a sample…"""
_MIN_BLOCKS = 64
"""…but not fewer blocks than this."""


def sample_rows(features: FeatureChunks, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of nodes spread evenly over all nodes.

    One node is drawn from every stretch of N / count neighbouring nodes, so that every picture and every layer has its
    share. Where the store is read in blocks (see :class:`FeatureChunks`), evenly spaced blocks stand for all.

    Parameters
    ----------
    features
        Features of N nodes.
    count
        How many nodes; all of them where there are not more.
    rng
        Random generator.

    Returns
    -------
    numpy.ndarray
        Ascending node numbers (min(count, N),) int64.
    """
    n_nodes = features.shape[0]
    if count >= n_nodes:
        return np.arange(n_nodes, dtype=np.int64)
    block_rows = int(getattr(features, "block_rows", 1))
    n_blocks = -(-n_nodes // block_rows)
    n_read = max(_MIN_BLOCKS, int(n_blocks * _BLOCK_SHARE), -(-2 * count // block_rows))
    if block_rows <= 1 or n_read >= n_blocks:
        return _one_of_each_stretch(n_nodes, count, rng)
    blocks = _one_of_each_stretch(n_blocks, n_read, rng)
    members = (blocks[:, None] * block_rows + np.arange(block_rows)[None, :]).ravel()
    members = members[members < n_nodes]
    return members[_one_of_each_stretch(len(members), min(count, len(members)), rng)]


def _one_of_each_stretch(n: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    edges = (np.arange(count + 1, dtype=np.int64) * n) // count
    return edges[:-1] + np.floor(rng.random(count) * np.diff(edges)).astype(np.int64)


def principal_directions(points: torch.Tensor, count: int) -> torch.Tensor:
    """Orthonormal directions that hold the most of the points' squared length.

    Parameters
    ----------
    points
        Points (n, D); they are not centred.
    count
        How many directions.

    Returns
    -------
    torch.Tensor
        Directions (D, min(count, D)) as columns, the strongest first.
    """
    count = min(count, points.shape[1])
    vectors = torch.linalg.eigh(points.T @ points)[1]
    return vectors[:, -count:].flip(1).contiguous()


def farthest_points(points: torch.Tensor, count: int, rng: np.random.Generator) -> torch.Tensor:
    """Farthest-point sampling: each next point is the one farthest from all chosen before.

    Parameters
    ----------
    points
        Points (n, r), usually on a few principal directions.
    count
        How many; all where there are not more.
    rng
        Draws the first one.

    Returns
    -------
    torch.Tensor
        Positions (min(count, n),) int64 on the device of the points, in the order in which they were chosen.
    """
    n = points.shape[0]
    count = min(count, n)
    chosen = torch.empty(count, dtype=torch.int64, device=points.device)
    nearest = torch.full((n,), torch.inf, dtype=points.dtype, device=points.device)
    latest = torch.as_tensor(int(rng.integers(n)), device=points.device)
    for i in range(count):
        chosen[i] = latest
        torch.minimum(nearest, (points - points[latest]).square_().sum(dim=1), out=nearest)
        nearest[latest] = -1.0  # duplicates of a chosen point come last, the point itself never again
        latest = nearest.argmax()
    return chosen


def kmeans_landmarks(
    points: torch.Tensor, count: int, rng: np.random.Generator, *, n_steps: int = 3
) -> tuple[torch.Tensor, torch.Tensor]:
    """Centres of a few Lloyd steps of k-means, started at points drawn uniformly.

    Parameters
    ----------
    points
        Points (n, r).
    count
        How many centres; every point is one where there are not more.
    rng
        Draws the start.
    n_steps
        Lloyd steps; a few are as good as convergence for a Nyström approximation.

    Returns
    -------
    centres : torch.Tensor
        Centres (min(count, n), r). A centre that loses all its points stays where it was.
    sizes : torch.Tensor
        Points nearest to each centre (min(count, n),), of the points' type.
    """
    n = points.shape[0]
    if count >= n:
        return points.clone(), torch.ones(n, dtype=points.dtype, device=points.device)
    start = np.sort(rng.choice(n, count, replace=False))
    centres = points[torch.from_numpy(start).to(points.device)].clone()
    for _ in range(n_steps):
        nearest = nearest_centre(points, centres)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        sizes = torch.bincount(nearest, minlength=count).to(points.dtype)
        filled = sizes > 0
        centres[filled] = sums[filled] / sizes[filled, None]
    return centres, torch.bincount(nearest_centre(points, centres), minlength=count).to(points.dtype)


def nearest_centre(points: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Position (n,) of the centre nearest to each point."""
    squared = torch.addmm((centres * centres).sum(dim=1), points, centres.T, alpha=-2.0)
    return squared.argmin(dim=1)


def check_sampling(name: str) -> None:
    """Raise InputError if no sampling has that name."""
    if name != "auto" and name not in SAMPLINGS:
        raise InputError(f"Unknown sampling {name!r}; use auto, {', '.join(SAMPLINGS[:-1])} or {SAMPLINGS[-1]}.")
