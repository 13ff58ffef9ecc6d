"""From landmarks to their map: neighbour probabilities, start, gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..progress import ProgressCallback, report, span
from .buckets import Buckets
from .neighbours import neighbour_graph
from .threads import n_threads
from .tsne_forces import CompiledForces, Forces, TorchForces
from .tsne_many import GridForces
from .tsne_probabilities import SparseProbabilities, dense_probabilities, sparse_probabilities

if TYPE_CHECKING:
    import torch

__all__ = ["Descent", "UpdateCallback", "descend", "exact_tsne", "joint_probabilities", "start_positions"]

FloatArray = NDArray[np.float32]
UpdateCallback = Callable[[int, FloatArray], None]

_DENSE_CPU = 3000  # a dense P of so many points is 36 MB; beyond, it is read slower than neighbours are looked up
_DENSE_DEVICE = 20_000
_GRID_CPU = 5000
"""Points of a plane from which on the repulsion comes from a grid, not from all pairs, on the CPU. In three dimensions
points are too far apart for a grid: all pairs are faster."""
_BUCKETS = 20_000
"""Points from which on neighbours are looked for in near buckets only."""
_PROBES = 16
_START_SPREAD = 1e-4
_CHECK_EVERY = 100
_UPDATE_EVERY = 25


@dataclass(frozen=True)
class Descent:
    """How to minimise the divergence.

    Attributes
    ----------
    exaggeration, exaggerated_iterations
        In the first iterations P is multiplied by this number, so that clusters form as wholes.
    iterations
        All iterations at most, the exaggerated ones included.
    tolerance
        The descent ends when a hundred iterations lower the divergence by less than this share of it.
    """

    exaggeration: float = 4.0
    exaggerated_iterations: int = 100
    iterations: int = 1000
    tolerance: float = 5e-3


def joint_probabilities(
    points: torch.Tensor, perplexity: float, progress: ProgressCallback | None = None
) -> torch.Tensor | SparseProbabilities:
    """Neighbour probabilities of points on their device: dense while that is small, else of 3·perplexity neighbours.

    Parameters
    ----------
    points
        float32 (n, d), n at least 2.
    perplexity
        Effective number of neighbours.
    progress
        Called during the search for neighbours.
    """
    import torch

    n = len(points)
    if n <= (_DENSE_CPU if points.device.type == "cpu" else _DENSE_DEVICE):
        distances = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist").square_()
        return dense_probabilities(distances, perplexity)
    count = min(n - 1, int(3 * perplexity) + 1)
    if n > _BUCKETS:
        array = np.ascontiguousarray(points.cpu().numpy())
        own = np.arange(n)
        found, near = Buckets(array, max(200, count)).nearest(
            array, count, n_probes=_PROBES, own=own, progress=progress
        )
        near[found < 0] = np.inf
        return sparse_probabilities(np.maximum(found, 0).astype(np.int64), torch.from_numpy(near), perplexity)
    indices, squared = neighbour_graph(points, count, progress)
    return sparse_probabilities(indices.cpu().numpy(), squared, perplexity)


def start_positions(points: FloatArray, n_components: int, init: str, seed: int) -> FloatArray:
    """Where the map begins: narrow, along the principal axes or along the leading eigenvectors.

    Parameters
    ----------
    points
        (n, d) eigenvectors at the landmarks, leading ones first.
    n_components
        Dimensions of the map.
    init
        ``"pca"``: principal axes, the sign of each such that its largest entry is positive. ``"spectral"``: the first
        columns that are not constant.
    seed
        Of a jitter of a hundredth of the spread, which opens dimensions that the points do not span.

    Returns
    -------
    NDArray
        float32 (n, n_components); the standard deviation of the widest axis is 1e-4.
    """
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    if init == "pca":
        _, axes = np.linalg.eigh(centred.T @ centred)
        start = centred @ axes[:, ::-1][:, :n_components]
        for axis in start.T:
            axis *= np.sign(axis[np.abs(axis).argmax()]) or 1.0
    else:
        size = np.abs(points).max(axis=0)
        informative = centred.std(axis=0) > 1e-3 * np.maximum(size, np.finfo(np.float32).tiny)
        start = centred[:, informative][:, :n_components]
    start = np.pad(start, ((0, 0), (0, n_components - start.shape[1])))
    widest = start.std(axis=0).max()
    if widest > 0:
        start *= _START_SPREAD / widest
    start += np.random.default_rng(seed).normal(scale=_START_SPREAD / 100, size=start.shape)
    result: FloatArray = start.astype(np.float32)
    return result


def descend(
    forces: Forces,
    n_points: int,
    settings: Descent,
    progress: ProgressCallback | None = None,
    on_update: UpdateCallback | None = None,
) -> float:
    """Minimise the divergence in place.

    The rate is n / exaggeration (Belkina et al. 2019), so it grows to n when exaggeration ends; momentum goes from 0.8
    to 0.9 then; gains are adaptive. From a start along the principal axes, a mild and short exaggeration is enough: it
    reaches in 300 to 500 iterations what the usual factor 12 for 250 iterations reaches in 1,000.

    Parameters
    ----------
    forces
        The map to move.
    n_points
        Number of its points.
    settings
        Lengths and limits.
    progress
        Called every few iterations; raises to cancel.
    on_update
        Told the iteration and the positions every 25 iterations and at the end.

    Returns
    -------
    float
        The divergence reached.
    """
    divergence = float("inf")
    iteration = 0
    while iteration < settings.iterations:
        early = iteration < settings.exaggerated_iterations
        exaggeration = settings.exaggeration if early else 1.0
        forces.step(exaggeration, 0.8 if early else 0.9, n_points / exaggeration)
        iteration += 1
        if iteration % 5 == 0:
            report(progress, iteration, settings.iterations, "Spectral t-SNE")
        if on_update is not None and iteration % _UPDATE_EVERY == 0:
            on_update(iteration, forces.positions())
        if iteration % _CHECK_EVERY == 0 and iteration > settings.exaggerated_iterations:
            reached = forces.divergence()
            if divergence - reached < settings.tolerance * abs(reached):
                divergence = reached
                break
            divergence = reached
    else:
        divergence = forces.divergence()
    if on_update is not None and iteration % _UPDATE_EVERY:
        on_update(iteration, forces.positions())
    report(progress, settings.iterations, settings.iterations, "Spectral t-SNE")
    return divergence


def exact_tsne(
    points: torch.Tensor,
    start: FloatArray,
    perplexity: float,
    settings: Descent,
    progress: ProgressCallback | None = None,
    on_update: UpdateCallback | None = None,
) -> tuple[FloatArray, float]:
    """t-SNE on the device of the points, with the repulsion of all pairs; that of very many comes from a grid.

    Parameters
    ----------
    points
        float32 (n, d), n at least 2.
    start
        (n, 2) or (n, 3) positions to begin with.
    perplexity
        Effective number of neighbours.
    settings
        Of the descent.
    progress, on_update
        As in :func:`descend`.

    Returns
    -------
    positions
        float32, like `start`.
    divergence
        Kullback-Leibler divergence of the result, in nats.
    """
    import torch

    n, n_components = start.shape
    probabilities = joint_probabilities(points, perplexity, span(progress, 0.0, 0.1))
    moving = span(progress, 0.1, 1.0)

    def shown(iteration: int, positions: FloatArray) -> None:
        if on_update is not None:
            on_update(iteration, positions[:, :n_components])

    update = None if on_update is None else shown
    if isinstance(probabilities, torch.Tensor) and probabilities.device.type != "cpu":
        on_device = TorchForces(probabilities, torch.from_numpy(start).to(probabilities.device))
        divergence = descend(on_device, n, settings, moving, update)
        return on_device.positions(), divergence
    if isinstance(probabilities, SparseProbabilities) and n > _GRID_CPU and n_components == 2:
        by_grid = GridForces(probabilities, start)
        divergence = descend(by_grid, n, settings, moving, on_update)
        return by_grid.positions(), divergence
    dense_or_sparse = probabilities.numpy() if isinstance(probabilities, torch.Tensor) else probabilities
    spatial = np.pad(start, ((0, 0), (0, 3 - n_components)))
    workers = n_threads()
    pool = ThreadPoolExecutor(workers - 1) if workers > 1 else None
    try:
        compiled = CompiledForces(dense_or_sparse, spatial, pool, workers)
        divergence = descend(compiled, n, settings, moving, update)
    finally:
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)
    return np.ascontiguousarray(compiled.positions()[:, :n_components]), divergence
