"""Which nodes stand for all of them: uniform samples, farthest points, k-means landmarks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..cluster.threads import in_order
from ..farthest import farthest_points
from .affinity import Kernel
from .extension import Density
from .features import FeatureChunks
from .machine import solver_device

__all__ = [
    "cell_masses",
    "farthest_landmarks",
    "kmeans_landmarks",
    "nearest_centre",
    "principal_directions",
    "sample_rows",
]

DENSITY_LANDMARKS = 512
"""Centres at which the density of an exactly solved graph is measured."""

_BLOCK_SHARE = 1 / 12
"""At most this part of the blocks of a compressed store is read for a sample…"""
_MIN_BLOCKS = 64
"""…but not fewer blocks than this…"""
_ROWS_OF_BLOCK = 16
"""…nor so many that fewer rows than this come from each."""
_BLOCK_ROWS = 1024
_BLOCK_COLUMNS = 256
_BESIDE = 32
"""Directions that subspace iteration looks for beyond those wanted."""
_ITERATIONS = 3
_TIMES_WIDER = 3
"""It is used where features have more than so many times the channels of its block."""


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
    n_read = min(int(n_blocks * _BLOCK_SHARE), count // _ROWS_OF_BLOCK)
    n_read = max(_MIN_BLOCKS, n_read, -(-2 * count // block_rows))
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
    width = points.shape[1]
    count = min(count, width)
    products = _products(points)
    solved = products.to(solver_device(products.device))
    block = count + _BESIDE
    if width <= _TIMES_WIDER * block:
        vectors: torch.Tensor = torch.linalg.eigh(solved)[1]
        return vectors[:, -count:].flip(1).contiguous().to(products.device)
    # Subspace iteration (Halko et al. 2011): a span that holds nearly as much is all that is wanted.
    start = torch.randn((width, block), dtype=torch.float32, generator=torch.Generator().manual_seed(0))
    basis: torch.Tensor = torch.linalg.qr(solved @ start.to(solved))[0]
    for _ in range(_ITERATIONS):
        basis = torch.linalg.qr(solved @ basis)[0]
    turned: torch.Tensor = torch.linalg.eigh(basis.T @ solved @ basis)[1]
    found: torch.Tensor = basis @ turned[:, -count:].flip(1)
    return found.contiguous().to(products.device)


def _products(points: torch.Tensor) -> torch.Tensor:
    """``X^T X`` (D, D) of points X (n, D), of which the blocks above the diagonal are computed once only."""
    width = points.shape[1]
    parts = [slice(start, min(start + _BLOCK_COLUMNS, width)) for start in range(0, width, _BLOCK_COLUMNS)]
    pairs = [(a, b) for i, a in enumerate(parts) for b in parts[i:]]

    def product(pair: tuple[slice, slice]) -> torch.Tensor:
        return points[:, pair[0]].T @ points[:, pair[1]]

    products = points.new_empty((width, width))
    for (a, b), block in zip(pairs, in_order(product, pairs, points.device), strict=True):
        products[a, b] = block
        products[b, a] = block.T
    return products


def farthest_landmarks(points: torch.Tensor, count: int, rng: np.random.Generator) -> torch.Tensor:
    """Positions of farthest points, from one that is drawn.

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
        Positions (min(count, n),) int64 on the device of the points, in the order in which they were chosen; copies of
        chosen points come last.
    """
    n = len(points)
    chosen = farthest_points(points, count, int(rng.integers(n)))[0]
    copies = np.setdiff1d(np.arange(n), chosen)[: min(count, n) - len(chosen)]
    return torch.from_numpy(np.concatenate([chosen, copies])).to(points.device)


def kmeans_landmarks(points: torch.Tensor, count: int, rng: np.random.Generator, *, n_steps: int = 2) -> torch.Tensor:
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
    torch.Tensor
        Centres (min(count, n), r). A centre that loses all its points stays where it was.
    """
    n = points.shape[0]
    if count >= n:
        return points.clone()
    start = np.sort(rng.choice(n, count, replace=False))
    centres = points[torch.from_numpy(start).to(points.device)].clone()
    for _ in range(n_steps):
        nearest = nearest_centre(points, centres)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        sizes = torch.bincount(nearest, minlength=count).to(points.dtype)[:, None]
        centres = torch.where(sizes > 0, sums / sizes, centres)
    return centres


def nearest_centre(points: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Position (n,) of the centre (m, r) nearest to each point (n, r)."""
    squares = (centres * centres).sum(dim=1)

    def nearest(block: torch.Tensor) -> torch.Tensor:
        return torch.addmm(squares, block, centres.T, alpha=-2.0).argmin(dim=1)

    return torch.cat(list(in_order(nearest, torch.split(points, _BLOCK_ROWS), points.device)))


def cell_masses(points: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Share (m,) of the points (n, r) that is nearest to each centre (m, r)."""
    return torch.bincount(nearest_centre(points, centres), minlength=len(centres)).to(points.dtype) / len(points)


def density_of(points: torch.Tensor, kernel: Kernel, alpha: float, sharper: float, rng: np.random.Generator) -> Density:
    """The density of points (n, r), measured at k-means centres."""
    centres = kmeans_landmarks(points, DENSITY_LANDMARKS, rng)
    return Density(centres, cell_masses(points, centres), sharper, alpha)
