r"""One-shot Nyström approximation of the cut, orthonormal over all nodes.

With landmarks ``z_1 … z_m``, ``C`` the affinities of all nodes to them (N × m, never held whole) and ``W`` those among
themselves, the affinity matrix is approximated by ``C W^+ C^T = Phi Phi^T``, ``Phi = C W^{-1/2}``. Then

- degrees ``d = Phi (Phi^T 1)``,
- ``G = Phi^T D^-1 Phi`` (m × m) has the eigenvalues of ``D^-1/2 Phi Phi^T D^-1/2``, and with ``G = V diag(lambda) V^T``
- ``U = D^-1/2 Phi V diag(lambda)^{-1/2}`` are its eigenvectors.

(Fowlkes et al. 2004 in a form that needs no N × N or N × m matrix.) Two things keep the number of passes over the nodes
at one: ``Phi^T 1`` and ``G`` are means over nodes and are estimated on an evenly spread sample of them, with a few
eigenvectors more than asked for; and a Rayleigh-Ritz step on the Gram matrix of those over *all* nodes then turns them
into the orthonormal eigenvectors of the whole graph (see :mod:`.normalized_cut`).

Landmarks are placed in the span of the leading principal directions of the features, where the affinities between a
node and a landmark only need the node's coordinates in that span: they stay exact, and the product with the landmarks
becomes several times cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..progress import ProgressCallback, report
from .affinity import Kernel
from .extension import Coordinates, KernelExtension, gather, node_weights
from .features import FeatureChunks, raise_not_finite
from .sampling import farthest_points, kmeans_landmarks, nearest_centre, principal_directions, sample_rows

__all__ = ["NystromFit", "fit_nystrom"]

SPAN = 128
"""Principal directions that landmarks are placed in."""
POOL = 8
"""Nodes that landmarks are chosen from, for each landmark."""
SAMPLE = 16_384
"""Nodes on which the matrices of the approximation are estimated."""
SPARE_COLUMNS = 13
"""Eigenvectors kept beyond those asked for until the Rayleigh-Ritz step."""
_CUTOFF = 1e-7
"""Directions of the landmarks' affinity weaker than this part of the strongest are below single precision."""
_CHUNK = 4096
_FARTHEST_DIRECTIONS = 8


@dataclass(frozen=True)
class NystromFit:
    """Result of :func:`fit_nystrom`.

    Attributes
    ----------
    extension
        From features to eigenvectors, orthonormal over the sample.
    eigenvalues
        (C,) float64, descending.
    anchor
        Eigenvectors (n, C) float64 of some nodes, for choosing signs.
    complete
        Whether the sample was all nodes.
    """

    extension: KernelExtension
    eigenvalues: NDArray[np.float64]
    anchor: NDArray[np.float64]
    complete: bool


def fit_nystrom(
    features: FeatureChunks,
    kernel: Kernel,
    n_components: int,
    *,
    n_landmarks: int,
    sampling: str,
    balance: float,
    sharper: float,
    rng: np.random.Generator,
    device: torch.device,
    progress: ProgressCallback | None = None,
) -> NystromFit:
    """Fit the approximation on a sample of the nodes.

    Parameters
    ----------
    features
        Features of N nodes.
    kernel
        The affinity.
    n_components
        Eigenvectors wanted; a few more are returned where the landmarks allow it.
    n_landmarks
        Number of landmarks m; all nodes where there are fewer.
    sampling
        ``"kmeans"``, ``"farthest"`` or ``"uniform"``.
    balance, sharper
        Exponent that evens out the density, and how many times narrower the kernel is that measures it.
    rng
        Draws every sample.
    device
        Where to compute.
    progress
        Told about the steps.

    Raises
    ------
    FeatureError
        If a sampled node is not finite.
    """
    dtype = torch.float32
    report(progress, 0, 3, "choosing landmarks")
    pool = gather(features, sample_rows(features, max(POOL * n_landmarks, 1), rng), device)
    points = kernel.points(pool, dtype)
    if not bool(torch.isfinite(points).all()):
        raise_not_finite(features)
    span = principal_directions(points, SPAN) if points.shape[1] > SPAN else None
    inside = points if span is None else points @ span
    landmarks, sizes = choose_landmarks(inside, n_landmarks, sampling, rng)
    coordinates = Coordinates(kernel, span, dtype)

    report(progress, 1, 3, "solving on a sample")
    index = sample_rows(features, SAMPLE, rng)
    parts = [coordinates(gather(features, index[i : i + _CHUNK], device)) for i in range(0, len(index), _CHUNK)]
    if not all(bool(torch.isfinite(inside).all()) for inside, _ in parts):
        raise_not_finite(features)

    masses = sizes / sizes.sum()
    half = landmarks.double()
    values, vectors = torch.linalg.eigh(kernel.between(half, half))
    keep = values > _CUTOFF * values[-1]
    whiten = vectors[:, keep] * values[keep].rsqrt()

    narrow = whiten.to(dtype)
    mapped: list[torch.Tensor] = []
    for part in parts:
        block = coordinates.affinity(*part, landmarks)
        phi = (block @ narrow).double()
        if balance > 0:
            phi *= node_weights(block, masses, sharper, balance).double()[:, None]
        mapped.append(phi)
    total = sum((phi.sum(dim=0) for phi in mapped), torch.zeros_like(mapped[0][0]))
    share = len(index) / features.shape[0]
    total /= share  # so that degrees, and with them the columns, are those of the whole graph
    degrees = [phi @ total for phi in mapped]
    least = 1e-3 * float(torch.cat(degrees).median())
    gram = torch.zeros((len(total), len(total)), dtype=torch.float64, device=device)
    for phi, degree in zip(mapped, degrees, strict=True):
        gram += (phi / degree.clamp(min=least)[:, None]).T @ phi / share
    eigenvalues, rotation = torch.linalg.eigh(gram)
    count = min(n_components + SPARE_COLUMNS, int((eigenvalues > 1e-10).sum()))
    eigenvalues, rotation = eigenvalues.flip(0)[:count], rotation.flip(1)[:, :count]
    columns = whiten @ (rotation * eigenvalues.rsqrt())
    weights = torch.cat([columns, (whiten @ total)[:, None]], dim=1).to(dtype)
    density = (masses, sharper, balance) if balance > 0 else None
    extension = KernelExtension(coordinates, landmarks, weights, least, density)
    anchor = extension.from_affinity(coordinates.affinity(*parts[0], landmarks))
    report(progress, 3, 3, "solving on a sample")
    return NystromFit(
        extension, eigenvalues.cpu().numpy(), anchor.double().cpu().numpy(), len(index) == features.shape[0]
    )


def choose_landmarks(
    points: torch.Tensor, count: int, sampling: str, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Landmarks (m, r) among or between the points (n, r), and how many points (m,) each stands for."""
    if sampling == "kmeans" or count >= points.shape[0]:
        return kmeans_landmarks(points, count, rng)
    if sampling == "farthest":
        few = principal_directions(points, _FARTHEST_DIRECTIONS)
        chosen = farthest_points(points @ few, count, rng)
    else:
        chosen = torch.from_numpy(np.sort(rng.choice(points.shape[0], count, replace=False))).to(points.device)
    landmarks = points[chosen]
    sizes = torch.bincount(nearest_centre(points, landmarks), minlength=len(landmarks)).to(points.dtype)
    return landmarks, sizes
