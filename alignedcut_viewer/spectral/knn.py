r"""The paper's Nyström-like approximation (AlignedCut, equation 4).

The exact eigenvectors ``x`` of a graph of m sampled nodes are carried to every other node by its nearest samples,
weighted by the affinities themselves:

.. math:: \tilde x_i = \frac{\sum_{k \in KNN(i)} A_{ki} x_k}{\sum_{k \in KNN(i)} A_{ki}}.

It costs O(m^3 + m N) instead of O(N^3). Its vectors are local averages: they are neither orthogonal nor as close to the
exact ones as those of :mod:`.nystrom`, and are kept for comparison with the paper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..progress import report
from .affinity import Kernel
from .exact import graph_eigenvectors, stored_affinity_bytes
from .machine import solver_device
from .problem import NULL, Approximation, CutFit, Problem
from .sampling import (
    density_of,
    farthest_landmarks,
    kmeans_landmarks,
    nearest_centre,
    principal_directions,
    sample_rows,
)
from .streaming import sampled_points

__all__ = ["NeighbourExtension", "fit_knn", "paper_samples"]

PAPER_SAMPLES = 50_000
"""Sampled nodes m in the paper."""
PAPER_NEIGHBOURS = 100
"""Nearest samples K in the paper."""
_POOL = 8
_POOL_LIMIT = 200_000
_FARTHEST_DIRECTIONS = 8


@dataclass(frozen=True)
class NeighbourExtension:
    """Carries eigenvectors from samples to nodes by nearest neighbours.

    Parameters
    ----------
    kernel
        The affinity.
    samples
        Points (m, D) of the sampled nodes.
    values
        Their eigenvectors (m, C).
    n_neighbors
        Nearest samples K that a node averages.
    """

    kernel: Kernel
    samples: torch.Tensor
    values: torch.Tensor
    n_neighbors: int

    @property
    def n_columns(self) -> int:
        """Number of eigenvectors."""
        return int(self.values.shape[1])

    def row_bytes(self, n_channels: int) -> int:
        """Memory that a block takes for each of its rows."""
        itemsize = self.samples.element_size()
        gathered = self.n_neighbors * (self.n_columns + 4)
        return itemsize * (2 * n_channels + 2 * len(self.samples) + gathered + self.n_columns)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Eigenvectors (n, C) float32 of features (n, D)."""
        points = self.kernel.points(rows, self.samples.dtype)
        affinity, nearest = self.kernel.between(points, self.samples).topk(self.n_neighbors, dim=1, sorted=False)
        # A sum that underflows to zero means that the node is far from every sample: it takes their plain mean.
        total = affinity.sum(dim=1, keepdim=True)
        affinity = torch.where(total > 0, affinity / total, 1.0 / self.n_neighbors + 0.0 * total)
        return torch.bmm(affinity[:, None, :], self.values[nearest])[:, 0].float()


def paper_samples(n_nodes: int, memory: int) -> int:
    """The paper's number of samples, or as many as an affinity matrix in half the memory allows."""
    return min(PAPER_SAMPLES, n_nodes, max(64, math.isqrt(memory // (2 * 6))))


def fit_knn(problem: Problem, wanted: Approximation) -> CutFit:
    """Solve the graph of the sampled nodes.

    Parameters
    ----------
    problem
        The graph.
    wanted
        Sampled nodes m (the paper's number by default) and nearest samples K; the samples there are, where those are
        fewer. Sampling is ``"farthest"`` by default (the authors': on eight principal directions), ``"uniform"``, or
        ``"kmeans"`` (the node nearest to each centre).

    Returns
    -------
    CutFit
        Squares of its columns sum to about one over all nodes.

    Raises
    ------
    FeatureError
        If a sampled node is not finite.
    """
    features, kernel, rng, device = problem.features, problem.kernel, problem.rng, problem.device
    report(problem.progress, 0, 2, "choosing samples")
    n_samples = min(wanted.n_landmarks or paper_samples(features.shape[0], problem.memory), features.shape[0])
    sampling = "farthest" if wanted.sampling == "auto" else wanted.sampling
    if sampling == "uniform":
        index = sample_rows(features, n_samples, rng)
    else:
        index = sample_rows(features, max(n_samples, min(_POOL * n_samples, _POOL_LIMIT)), rng)
        if len(index) > n_samples:
            index = index[_choose(problem, index, n_samples, sampling)]
    samples = sampled_points(features, kernel, index, device)
    report(problem.progress, 1, 2, "solving the sampled graph")
    weights = None
    if problem.balance > 0:
        density = density_of(samples, kernel, problem.balance, problem.sharper, rng)
        parts = torch.split(samples, 1024)
        weights = torch.cat([density.weights(kernel.between(part, density.landmarks)) for part in parts])
    solved = samples.to(solver_device(device))
    if stored_affinity_bytes(len(samples), problem.n_components, 8) <= problem.memory:
        solved = solved.double()
    values, vectors, _ = graph_eigenvectors(
        solved, kernel, problem.n_components, memory=problem.memory, weights=weights
    )
    present = values > NULL
    values, vectors = values * present, vectors * present
    vectors *= math.sqrt(len(samples) / features.shape[0])
    report(problem.progress, 2, 2, "solving the sampled graph")
    extension = NeighbourExtension(
        kernel, samples, torch.from_numpy(vectors).to(samples), max(1, min(wanted.n_neighbors, len(samples)))
    )
    return CutFit(extension, values, vectors, "order", math.nan)


def _choose(problem: Problem, index: NDArray[np.int64], count: int, sampling: str) -> NDArray[np.int64]:
    """Positions (count,), ascending, of the samples among the nodes `index`."""
    features, kernel, rng, device = problem.features, problem.kernel, problem.rng, problem.device
    first = sampled_points(features, kernel, index[:: max(1, len(index) // 4096)], device)
    few = principal_directions(first, _FARTHEST_DIRECTIONS if sampling == "farthest" else 64)
    parts = (index[start : start + 4096] for start in range(0, len(index), 4096))
    points = torch.cat([sampled_points(features, kernel, part, device) @ few for part in parts])
    if sampling == "farthest":
        chosen = farthest_landmarks(points, count, rng)
    else:
        chosen = torch.unique(nearest_centre(kmeans_landmarks(points, count, rng), points))
    return np.sort(chosen.cpu().numpy())
