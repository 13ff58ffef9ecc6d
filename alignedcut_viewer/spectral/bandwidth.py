r"""The rule behind ``gamma="auto"``.

The eigenvalues ``lambda_i`` of ``S = D^-1/2 A D^-1/2`` tell how many groups a kernel sees: for g groups of like nodes
that share no affinity the sum of their squares is g, for a kernel so wide that all nodes look alike it is 1. It needs
no eigenvalue, because it is the squared Frobenius norm of S:

.. math:: g(\gamma) = \sum_i \lambda_i^2 = \sum_{ij} \frac{A_{ij}^2}{d_i d_j}.

The rule takes the width at which the nodes of a sample form ``1 + C / 20`` such groups, where C is the number of
eigenvectors asked for: 2 for 20 of them, 3.5 for 50. Eigenvalues then fall off slowly enough that the C-th is well
above zero, and fast enough that the graph does not break into pieces that know nothing of each other. A node's
affinity to itself is left out, so that the size of the sample does not matter.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ..errors import FeatureError
from .affinity import Kernel
from .features import FeatureChunks
from .sampling import sample_rows
from .streaming import sampled_points

__all__ = ["automatic_gamma", "effective_groups"]

_SAMPLE = 1024
_COMPONENTS_PER_GROUP = 20.0
_STEPS = 24
_RANGE = 1000.0
_LEAST_SQUARED = 1e-36
"""Squared lengths below this lose digits in single precision."""


def effective_groups(distances: torch.Tensor, gamma: float) -> float:
    """Sum of squared eigenvalues of the normalised affinity ``exp(-distances / gamma)`` without its diagonal.

    Parameters
    ----------
    distances
        Distances (n, n), in the units of gamma.
    gamma
        Width of the kernel.
    """
    affinity = torch.exp(distances * (-1.0 / gamma))
    affinity.fill_diagonal_(0.0)
    degrees = affinity.sum(dim=1).clamp_(min=torch.finfo(affinity.dtype).tiny)
    return float((affinity.square_() / degrees[:, None] / degrees).sum())


def automatic_gamma(
    features: FeatureChunks, kernel: str, n_components: int, rng: np.random.Generator, device: torch.device
) -> float:
    """The width of the kernel that the rule of this module chooses.

    Parameters
    ----------
    features
        Features of N nodes.
    kernel
        ``"cosine"`` or ``"rbf"``.
    n_components
        Eigenvectors asked for.
    rng
        Draws the sample.
    device
        Where to compute.

    Returns
    -------
    float
        gamma; 1.0 where all nodes are alike or there are fewer than three.

    Raises
    ------
    FeatureError
        If a sampled node is not finite, or too small for squared distances.
    """
    unit = Kernel(kernel, 1.0)
    points = sampled_points(features, unit, sample_rows(features, _SAMPLE, rng), device)
    products = points @ points.T
    if kernel == "cosine":
        distances = (1.0 - products).clamp_(min=0.0)
    else:
        squares = products.diagonal()
        distances = (0.5 * (squares[:, None] + squares) - products).clamp_(min=0.0)
        largest = float(points.abs().max())
        if largest > 0 and float(squares.mean()) < _LEAST_SQUARED:
            raise FeatureError(
                f"Features reach {largest:.3g}, too small to be squared in single precision; multiply them by a "
                "constant."
            )
    n = len(points)
    mean = float(distances.mean()) * n / max(n - 1, 1)
    wanted = 1.0 + n_components / _COMPONENTS_PER_GROUP
    if n < 3 or mean < 1e-6 * float(points.square().sum(dim=1).mean()):
        return 1.0
    low, high = math.log(mean / _RANGE), math.log(mean * _RANGE)
    for _ in range(_STEPS):  # the number of groups falls with gamma
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective_groups(distances, math.exp(middle)) > wanted else (low, middle)
    return math.exp(0.5 * (low + high))
