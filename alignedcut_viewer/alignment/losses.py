"""The other terms of the alignment's loss: brain prediction, zero-centred channels, small covariance."""

from __future__ import annotations

import torch

__all__ = ["brain_loss", "covariance_loss", "zero_centre_loss"]


def brain_loss(prediction: torch.Tensor, responses: torch.Tensor) -> torch.Tensor:
    """L1 distance between predicted and measured responses (equation 9), averaged over pictures and voxels.

    Parameters
    ----------
    prediction, responses
        (n_pictures, n_voxels).
    """
    return (prediction - responses).abs().mean()


def zero_centre_loss(aligned: torch.Tensor) -> torch.Tensor:
    """Mean over channels of the absolute mean over nodes (equation 6), averaged over leading dimensions.

    Parameters
    ----------
    aligned
        Aligned features, (..., m, D').
    """
    return aligned.mean(dim=-2).abs().mean()


def covariance_loss(aligned: torch.Tensor) -> torch.Tensor:
    """Sum of squared off-diagonal entries of the covariance of channels (equation 7), averaged over leading dimensions.

    Parameters
    ----------
    aligned
        Aligned features, (..., m, D'), m at least 2.

    Notes
    -----
    With centred features ``Z``, the sum over all squared entries of ``Z^T Z`` equals that of ``Z Z^T``, which is
    much smaller for a hundred nodes; the diagonal is taken off afterwards.
    """
    m = aligned.shape[-2]
    centred = aligned - aligned.mean(dim=-2, keepdim=True)
    every = (centred @ centred.mT).square().sum(dim=(-2, -1))
    diagonal = centred.square().sum(dim=-2).square().sum(dim=-1)
    return ((every - diagonal) / (m - 1) ** 2).mean()
