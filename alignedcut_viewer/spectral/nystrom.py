r"""One-shot Nyström approximation of the cut, orthonormal over all nodes.

With landmarks ``z_1 … z_m``, ``C`` the affinities of all nodes to them (N × m, never held whole) and ``W`` those among
themselves, the affinity matrix is approximated by ``C W^+ C^T = Phi Phi^T``, ``Phi = C W^{-1/2}``. Then

- degrees ``d = Phi (Phi^T 1)``,
- ``G = Phi^T D^-1 Phi`` (m × m) has the eigenvalues of ``D^-1/2 Phi Phi^T D^-1/2``, and with ``G = V diag(lambda) V^T``
- ``U = D^-1/2 Phi V diag(lambda)^{-1/2}`` are its eigenvectors.

(Fowlkes et al. 2004 in a form that needs no N × N or N × m matrix.) Three things make it fast without a loss:

- ``Phi^T 1`` and ``G`` are sums over nodes and are estimated on an evenly spread sample of them, with a few
  eigenvectors more than asked for. A Rayleigh-Ritz step on the Gram matrix of those over *all* nodes then turns them
  into the orthonormal eigenvectors of the whole graph (:func:`~.fitted.rayleigh_ritz`), so that one pass over the
  nodes is enough;
- landmarks lie in the span of the leading principal directions of the features, where the affinity between a node and a
  landmark needs the node's coordinates in that span only: it stays exact, and the product is several times cheaper;
- landmarks are means of k-means cells rather than nodes, which takes several times fewer of them.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ..cluster.threads import in_order
from ..progress import report
from .extension import Coordinates, Density, KernelExtension
from .machine import solver_device
from .problem import NULL, Approximation, CutFit, Problem, too_sharp
from .sampling import cell_masses, farthest_landmarks, kmeans_landmarks, principal_directions, sample_rows
from .streaming import sampled_points

__all__ = ["fit_nystrom"]

SPAN = 128
"""Principal directions that landmarks are placed in…"""
_WIDE = 192
"""…where the features have more channels than this."""
SAMPLE = 16384
"""Most nodes on which the matrices of the approximation are estimated…"""
_SAMPLE_SHARE = 16
"""…that is one in this many nodes, but not fewer than half of that."""
SPARE_COLUMNS = (8, 13)
"""Fewest and most eigenvectors kept beyond those asked for until the Rayleigh-Ritz step: most for a small sample."""
_RIDGE = 1e-6
"""Added to the landmarks' affinity matrix, in units of its diagonal…"""
_MAPPED_NOISE = 1e-3
"""…or more, so that rounding of the affinities becomes at most about this in ``Phi``, whose rows are of length one."""
_EPSILON = 2.0**-23
_MOST_NOISE = 0.1
"""Columns of which more than this is rounding are left out. Half precision is not used where it would be twice this."""
_LEAST_DEGREE = 1e-3
"""Degrees, of far outliers, are not taken for less than this part of the median."""
_ANCHORS = 2048
_CHECKED = 512
_ENOUGH = 0.99
_SQUARES = 64
"""Bytes that the fit takes for every pair of landmarks."""
_BLOCK_ROWS = 1024
_FARTHEST_DIRECTIONS = 8

DEFAULT_LANDMARKS = (512, 1024)

Block = tuple[torch.Tensor, torch.Tensor | None]


def fit_nystrom(problem: Problem, wanted: Approximation) -> CutFit:
    """Fit the approximation on a sample of the nodes.

    Parameters
    ----------
    problem
        The graph.
    wanted
        Number of landmarks m, all nodes where there are fewer; by default 512, or 1,024 where these do not explain 99 %
        of the affinities. Sampling is ``"kmeans"`` by default. In half precision the extension computes if the columns
        wanted bear its rounding; the fit is in single precision always.

    Returns
    -------
    CutFit
        Its columns are orthonormal on the sample, and a few more than wanted.

    Raises
    ------
    FeatureError
        If a sampled node is not finite.
    InputError
        If the kernel is so narrow that nodes share no affinity with any landmark.
    """
    features, kernel, rng, device = problem.features, problem.kernel, problem.rng, problem.device
    solver = solver_device(device)
    n_landmarks = DEFAULT_LANDMARKS if wanted.n_landmarks is None else (wanted.n_landmarks,)
    sampling, half = "kmeans" if wanted.sampling == "auto" else wanted.sampling, wanted.half
    n_nodes, n_channels = features.shape
    report(problem.progress, 0, 3, "choosing landmarks")
    # Matrices of landmarks against landmarks, of which a dozen are alive at once, get a part of the memory, too.
    affordable = [count for count in n_landmarks if _SQUARES * count**2 <= problem.memory // 4] or n_landmarks[:1]
    largest = min(max(affordable), n_nodes)
    n_sample = max(SAMPLE // 2, min(SAMPLE, n_nodes // _SAMPLE_SHARE), 4 * largest)
    n_sample = max(largest, min(n_sample, problem.memory // (12 * n_channels)))
    index = sample_rows(features, n_sample, rng)
    points = sampled_points(features, kernel, index, device)
    span = principal_directions(points, SPAN) if n_channels > _WIDE else None
    coordinates = Coordinates(kernel, span, torch.float32)
    blocks = list(in_order(coordinates, torch.split(points, _BLOCK_ROWS), device))
    checked = points[:: -(-len(points) // _CHECKED)].clone()
    del points
    inside = torch.cat([block[0] for block in blocks])
    blocks = [(a, b) for a, (_, b) in zip(torch.split(inside, _BLOCK_ROWS), blocks, strict=True)]
    for count in affordable:
        landmarks = choose_landmarks(inside, count, sampling, rng)
        exact = landmarks.to(solver).double()
        noise = _EPSILON * (1.0 + float((exact * exact).sum(dim=1).mean()) / kernel.gamma)
        try:
            whiten = inverse_root(kernel.between(exact, exact), noise)
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
            raise too_sharp(kernel.gamma) from None
        density = None
        if problem.balance > 0:
            density = Density(landmarks, cell_masses(inside, landmarks), problem.sharper, problem.balance)
        explained = _explained(coordinates, checked, landmarks, density, whiten)
        if explained >= _ENOUGH:
            break

    report(problem.progress, 1, 3, "solving on a sample")
    share = len(index) / n_nodes
    total, gram, degree, size = _sample_matrices(coordinates, blocks, landmarks, density, whiten, share, device)
    if not degree > 0 or not bool(torch.isfinite(gram).all()):
        raise too_sharp(kernel.gamma)
    values, rotation = torch.linalg.eigh(gram)
    fewest, most = SPARE_COLUMNS
    spare = min(most, max(fewest, most * SAMPLE // (2 * len(index))))
    spare = min(spare, problem.memory // (8 * n_nodes))  # in half precision, a quarter of the memory at most
    count = min(problem.n_components + spare, int((values > NULL).sum()))
    values, rotation = values.flip(0)[:count], rotation.flip(1)[:, :count]
    columns = whiten @ (rotation * values.rsqrt())
    # What rounding of the affinities becomes in a column, whose length is one.
    amplified = math.sqrt(n_nodes / degree) * size * torch.linalg.vector_norm(columns, dim=0)
    clear = int((noise * amplified <= _MOST_NOISE).long().cumprod(dim=0).sum())
    values, columns = values[:clear], columns[:, :clear]
    if half is not None and torch.finfo(half).eps * float(amplified[: problem.n_components].max()) > 2 * _MOST_NOISE:
        half = None
    weights = torch.cat([columns, (whiten @ total)[:, None]], dim=1).float().to(device)

    if not len(values):
        raise too_sharp(kernel.gamma)
    report(problem.progress, 2, 3, "solving on a sample")
    least = _LEAST_DEGREE * degree
    single = KernelExtension(coordinates, landmarks, weights, least, density)
    every = -(-len(index) // _ANCHORS)
    anchor = torch.cat([single.at(a[::every], None if b is None else b[::every]) for a, b in blocks])
    extension = KernelExtension(coordinates, landmarks, weights, least, density, half)
    report(problem.progress, 3, 3, "solving on a sample")
    return CutFit(extension, values.cpu().numpy(), anchor.cpu().double().numpy(), "ritz", explained)


def _sample_matrices(
    coordinates: Coordinates,
    blocks: list[Block],
    landmarks: torch.Tensor,
    density: Density | None,
    whiten: torch.Tensor,
    share: float,
    device: torch.device,
) -> tuple[torch.Tensor, torch.Tensor, float, float]:
    """``Phi^T 1`` (m,) and ``G`` (m, m) of the graph from its sample, its median degree, and the size of affinities."""

    def affinity(block: Block) -> tuple[torch.Tensor, torch.Tensor | None]:
        affinities = coordinates.affinity(*block, landmarks)
        return affinities, None if density is None else density.weights(affinities)

    def column_sums(block: Block) -> torch.Tensor:
        affinities, weights = affinity(block)
        return affinities.sum(dim=0) if weights is None else weights @ affinities

    sums = torch.stack(list(in_order(column_sums, blocks, device))).to(whiten.device).double()
    total = whiten.T @ sums.sum(dim=0) / share
    narrow = torch.cat([whiten, (whiten @ total)[:, None]], dim=1).float().to(device)
    few = torch.cat([affinity(block)[0] for block in blocks[:: -(-len(blocks) // 4)]])
    degree, size = float((few @ narrow[:, -1]).median()), float(few.square().mean().sqrt())
    del few

    def gram_of(block: Block) -> torch.Tensor:
        affinities, weights = affinity(block)
        mapped = affinities @ narrow
        scale = mapped[:, -1].clamp(min=_LEAST_DEGREE * degree).reciprocal_()
        if weights is not None:
            scale *= weights
        phi = mapped[:, :-1]
        return (phi * scale[:, None]).T @ phi

    gram = torch.zeros_like(whiten)
    for product in in_order(gram_of, blocks, device):
        gram += product.to(gram.device)
    return total, gram / share, degree, size


def _explained(
    coordinates: Coordinates,
    points: torch.Tensor,
    landmarks: torch.Tensor,
    density: Density | None,
    whiten: torch.Tensor,
) -> float:
    """Share of the affinities between different nodes, beyond their mean, that the landmarks reproduce.

    It is ``1 - |R|^2 / (|S|^2 - 1)`` in Frobenius norms over some nodes, with ``R`` what is left of the normalised
    affinity ``S``, whose first eigenvalue 1 belongs to the mean.
    """
    affinities = coordinates.affinity(*coordinates(points), landmarks)
    phi = affinities @ whiten.float().to(affinities.device)
    exact = coordinates.kernel.between(points, points)
    both = torch.stack([exact, exact - phi @ phi.T])
    both.diagonal(dim1=1, dim2=2).zero_()
    if density is not None:
        weights = density.weights(affinities)
        both *= weights[:, None] * weights
    scale = both[0].sum(dim=1).clamp(min=torch.finfo(both.dtype).tiny).rsqrt()
    both *= scale[:, None] * scale
    whole, left = both.cpu().double().square().sum(dim=(1, 2)).tolist()
    return 1.0 - float(left) / max(float(whole) - 1.0, float(left), 1e-12)


def inverse_root(matrix: torch.Tensor, noise: float) -> torch.Tensor:
    """A matrix R (m, m) with ``R R^T`` the inverse of a positive semi-definite matrix, up to a ridge.

    The ridge keeps directions in which landmarks hardly differ, or do not (equal landmarks), below what the affinities
    of nodes to them resolve.

    Parameters
    ----------
    matrix
        Affinities (m, m) of the landmarks among themselves.
    noise
        Relative rounding error of the affinities of nodes to them.
    """
    ridge = max(_RIDGE, (noise / _MAPPED_NOISE) ** 2) * float(matrix.diagonal().mean())
    identity = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    factor = torch.linalg.cholesky(matrix + ridge * identity)
    inverse: torch.Tensor = torch.linalg.solve_triangular(factor, identity, upper=False)
    return inverse.T.contiguous()


def choose_landmarks(points: torch.Tensor, count: int, sampling: str, rng: np.random.Generator) -> torch.Tensor:
    """Landmarks (m, r) among or between the points (n, r)."""
    if sampling == "kmeans" or count >= points.shape[0]:
        return kmeans_landmarks(points, count, rng)
    if sampling == "farthest":
        few = principal_directions(points, _FARTHEST_DIRECTIONS)
        chosen = farthest_landmarks(points @ few, count, rng)
    else:
        chosen = torch.from_numpy(np.sort(rng.choice(points.shape[0], count, replace=False))).to(points.device)
    return points[chosen]
