"""Closed-form linear maps from features to responses, for starting points and for the readout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..errors import InputError

__all__ = ["Moments", "RidgeSolver", "dual_ridge"]


@dataclass(frozen=True)
class Moments:
    """Sums over pictures from which any ridge regression of responses follows.

    Attributes
    ----------
    gram
        ``Z^T Z`` of centred features (D, D), double precision.
    cross
        ``Z^T Y`` (D, n_voxels).
    feature_mean, response_mean
        (D,) and (n_voxels,).
    """

    gram: torch.Tensor
    cross: torch.Tensor
    feature_mean: torch.Tensor
    response_mean: torch.Tensor

    @classmethod
    def of(cls, features: torch.Tensor, responses: torch.Tensor) -> Moments:
        """Moments of features (n, D) and responses (n, n_voxels)."""
        feature_mean, response_mean = features.mean(dim=0), responses.mean(dim=0)
        centred = features - feature_mean
        # The mean of the responses drops out of the product, as centred features sum to zero.
        wide = centred.double()
        return cls(wide.T @ wide, centred.T @ responses, feature_mean, response_mean)


class RidgeSolver:
    """Ridge regression from moments, for many strengths at the price of one.

    Parameters
    ----------
    moments
        Of features and responses.
    """

    def __init__(self, moments: Moments) -> None:
        self.moments = moments
        values, vectors = torch.linalg.eigh(moments.gram)
        self._values = values.clamp(min=0.0)
        self._vectors = vectors.to(moments.cross.dtype)
        self._projected = self._vectors.T @ moments.cross

    def strengths(self, count: int = 13, decades: float = 6.0) -> list[float]:
        """Strengths from that of the strongest direction down, evenly spaced in logarithm."""
        top = max(float(self._values[-1]), 1e-12)
        return [top * 10 ** (-decades * i / (count - 1)) for i in range(count)]

    def coefficients(self, strength: float, voxels: slice | torch.Tensor | None = None) -> torch.Tensor:
        """Coefficients (D, n_voxels) for one strength."""
        projected = self._projected if voxels is None else self._projected[:, voxels]
        inverse = (1.0 / (self._values + strength)).to(projected.dtype)
        beta: torch.Tensor = self._vectors @ (inverse[:, None] * projected)
        return beta

    def best_strength(
        self, features: torch.Tensor, responses: torch.Tensor, strengths: Sequence[float] | None = None
    ) -> float:
        """The strength whose prediction of other pictures has the largest mean R².

        Parameters
        ----------
        features, responses
            Of pictures that are not in the moments, (n, D) and (n, n_voxels).
        strengths
            What to try; see :meth:`strengths`.
        """
        if len(features) < 2:
            raise InputError("Choosing the strength of a ridge regression needs at least two held-out pictures.")
        inside = (features - self.moments.feature_mean) @ self._vectors
        measured = responses - self.moments.response_mean
        total = (responses - responses.mean(dim=0)).square().sum(dim=0)
        varies = total > 0
        best, best_score = 0.0, -float("inf")
        for strength in self.strengths() if strengths is None else strengths:
            inverse = (1.0 / (self._values + strength)).to(inside.dtype)
            residual = (measured - (inside * inverse) @ self._projected).square().sum(dim=0)
            score = float((1.0 - residual[varies] / total[varies]).clamp(min=-1.0).mean()) if varies.any() else 0.0
            if score > best_score:
                best, best_score = float(strength), score
        return best


def dual_ridge(gram: torch.Tensor, targets: torch.Tensor, strength: float) -> torch.Tensor:
    """Dual coefficients ``(K + strength)^-1 T``: the regression is ``X^T`` times these.

    Parameters
    ----------
    gram
        ``K = X X^T`` of centred features, (n, n).
    targets
        ``T`` (n, k).
    strength
        Ridge strength, positive.
    """
    regularised = gram.to(torch.float64, copy=True)
    regularised.diagonal().add_(strength)
    factor = torch.linalg.cholesky(regularised)
    solution: torch.Tensor = torch.cholesky_solve(targets.double(), factor)
    return solution.to(targets.dtype)
