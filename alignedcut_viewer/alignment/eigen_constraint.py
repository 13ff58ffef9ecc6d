r"""The eigen-constraint: aligned features shall have the spectral clusters of the features before.

For some nodes with features before (b) and after (a) alignment, ``A`` their affinity (equation 3) and ``X`` (m, c) the
top eigenvectors of ``D^-1/2 A D^-1/2``, the constraint (equations 5 and 8 of the AlignedCut paper) is

.. math:: \left\| e^{-A_b} \circ \left( X_b X_b^T - X_a X_a^T \right) \right\|_F ,

where the focal factor ``exp(-A_b)`` lets pairs weigh more that were disconnected before. ``X X^T`` does not change when
eigenvectors rotate among themselves.
"""

from __future__ import annotations

from typing import Any

import torch

from ..errors import InputError

__all__ = ["eigen_constraint", "normalised_affinity", "spectral_projector"]


def normalised_affinity(features: torch.Tensor, gamma: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Affinity of some nodes, plain and normalised by the degrees (equation 3).

    Parameters
    ----------
    features
        (..., m, D), any floating-point type; leading dimensions are separate graphs.
    gamma
        Width of the kernel ``exp((cos - 1) / gamma)``.

    Returns
    -------
    affinity, normalised : torch.Tensor
        ``A`` and ``D^-1/2 A D^-1/2``, both (..., m, m) in double precision.
    """
    # A node of all zeros is like every other node to the same degree: its cosine is taken as 0.
    unit = torch.nn.functional.normalize(features.double(), dim=-1)
    affinity = torch.exp((unit @ unit.mT - 1.0) / gamma)
    scale = affinity.sum(dim=-1).rsqrt()
    return affinity, scale[..., :, None] * affinity * scale[..., None, :]


class _SpectralProjector(torch.autograd.Function):
    """``U U^T`` of the top eigenvectors, with a gradient that stays finite where eigenvalues inside them meet."""

    @staticmethod
    def forward(ctx: Any, matrix: torch.Tensor, count: int, broadening: float) -> torch.Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        top, rest = vectors[..., -count:], vectors[..., :-count]
        gap = values[..., None, -count:] - values[..., :-count, None]
        ctx.save_for_backward(top, rest, gap)
        ctx.broadening = broadening
        projector: torch.Tensor = top @ top.mT
        return projector

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (gradient,) = gradients
        top, rest, gap = ctx.saved_tensors
        symmetric = (gradient + gradient.mT) / 2
        # Only pairs of one eigenvector inside and one outside the span count: the projector does not notice a
        # rotation inside, which is where autograd through eigh divides by differences that vanish.
        inner = (rest.mT @ symmetric @ top) * gap / (gap.square() + ctx.broadening**2)
        half = rest @ inner @ top.mT
        return half + half.mT, None, None


def spectral_projector(matrix: torch.Tensor, count: int, *, broadening: float = 1e-6) -> torch.Tensor:
    """Projector onto the span of the top eigenvectors of symmetric matrices, differentiable.

    With ``G`` the gradient at the projector ``P = U U^T``, ``G_s = (G + G^T) / 2``, ``V`` the other eigenvectors and
    ``H = V^T G_s U``, the gradient at the matrix is ``V Q U^T + U Q^T V^T``, ``Q_ij = H_ij / (lambda_Uj - lambda_Vi)``.

    Parameters
    ----------
    matrix
        (..., m, m), symmetric.
    count
        Number of eigenvectors, between 1 and ``m - 1``.
    broadening
        Differences of eigenvalues across the boundary of the span below this are taken as if they were zero, where the
        span itself is not determined: ``1 / gap`` becomes ``gap / (gap² + broadening²)``.

    Returns
    -------
    torch.Tensor
        (..., m, m).

    Raises
    ------
    InputError
        If `count` does not leave at least one eigenvector outside.
    """
    m = matrix.shape[-1]
    if not 1 <= count < m:
        raise InputError(f"The projector needs between 1 and {m - 1} eigenvectors of {m} nodes; got {count}.")
    projector: torch.Tensor = _SpectralProjector.apply(matrix, count, broadening)
    return projector


def eigen_constraint(
    before: torch.Tensor,
    after: torch.Tensor,
    *,
    n_eigenvectors: int = 6,
    gamma: float = 1.0,
    focal: bool = True,
    broadening: float = 1e-6,
) -> torch.Tensor:
    """How much the spectral clusters of some nodes changed (equations 5 and 8).

    Parameters
    ----------
    before
        Features before alignment, (..., m, D); no gradient flows into them.
    after
        Features of the same nodes after alignment, (..., m, D').
    n_eigenvectors
        Size c of the span that is compared; 6 is recalled from the authors' code, not published.
    gamma
        Width of the kernel.
    focal
        Whether pairs that were disconnected before weigh more.
    broadening
        Of the gradient, see :func:`spectral_projector`.

    Returns
    -------
    torch.Tensor
        Scalar, double precision: the Frobenius norm, averaged over the leading dimensions. It is 0 for equal clusters
        and at most ``sqrt(2 c)``.
    """
    with torch.no_grad():
        affinity, normalised = normalised_affinity(before, gamma)
        target = spectral_projector(normalised, n_eigenvectors)
    moved = spectral_projector(normalised_affinity(after, gamma)[1], n_eigenvectors, broadening=broadening)
    difference = target - moved
    if focal:
        difference = difference * torch.exp(-affinity)
    # The root of a sum of squares has no gradient at zero, where the identity starts.
    return (difference.square().sum(dim=(-2, -1)) + 1e-12).sqrt().mean()
