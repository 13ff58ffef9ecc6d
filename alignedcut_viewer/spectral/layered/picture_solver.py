r"""The joint cut of every picture by itself, exactly.

All layers at one resolution: the top eigenvectors of ``M = sum_l w_l S_l``. At different resolutions, with ``R_l`` the
pooling from the common grid: of ``sum_l w_l R_l^T S_l R_l`` under ``X^T X = I`` (average pooling, or its isometric
form), or under ``X^T B X = I``, ``B = sum_l w_l R_l^T R_l`` (the generalised metric). Of power means
(Mercado, Tudisco and Hein 2018): the bottom eigenvectors of ``(sum_l w_l L_l^p)^(1/p)``, ``L_l = (1 + shift) I - S_l``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from .layer_weights import LayerWeights, agreement_of
from .token_grid import Pooling

__all__ = ["PictureSolution", "power_shift", "solve_pictures"]

_NULL = 1e-10
_PLAIN_SHIFT = 1e-6


def power_shift(power: float) -> float:
    """What is added to Laplacians so that their negative powers exist, ``log(1 + |p|)`` for ``p <= 0``."""
    return math.log1p(abs(power)) + _PLAIN_SHIFT if power <= 0 else _PLAIN_SHIFT


class PictureSolution:
    """Eigenvectors of some pictures, each of its own.

    Attributes
    ----------
    vectors, values
        float64 (pictures, places, C) of length one in the metric, and (pictures, C) descending.
    weights, agreement
        float64 (pictures, graphs).
    """

    def __init__(
        self, vectors: torch.Tensor, values: torch.Tensor, weights: torch.Tensor, agreement: torch.Tensor
    ) -> None:
        self.vectors, self.values, self.weights, self.agreement = vectors, values, weights, agreement


def solve_pictures(
    graphs: Sequence[torch.Tensor],
    poolings: Sequence[Pooling],
    weights: torch.Tensor,
    rule: LayerWeights,
    n_components: int,
    *,
    metric: str,
    power: float,
) -> PictureSolution:
    """Joint eigenvectors of each of some pictures.

    Parameters
    ----------
    graphs
        Symmetric operators ``S``, each (pictures, tokens, tokens).
    poolings
        From the common grid to that of each graph.
    weights
        Weights to begin with, (graphs,).
    rule
        How they change.
    n_components
        Eigenvectors wanted, at most the places of the common grid.
    metric
        ``"pooled"``, ``"isometric"`` or ``"generalised"``.
    power
        Exponent of the mean; 1 is the arithmetic one.
    """
    lifted = [_lift(graph, pooling) for graph, pooling in zip(graphs, poolings, strict=True)]
    each = weights.to(lifted[0].device).expand(len(lifted[0]), -1)
    for turn in range(rule.updates + 1):
        values, vectors = _eigenvectors(lifted, poolings, each, n_components, metric, power)
        agreement = torch.stack(
            [_agreement(graph, pooling, vectors) for graph, pooling in zip(graphs, poolings, strict=True)], dim=1
        )
        if turn < rule.updates:
            each = rule.update(agreement)
    return PictureSolution(vectors, values, each, agreement)


def _agreement(graph: torch.Tensor, pooling: Pooling, vectors: torch.Tensor) -> torch.Tensor:
    basis = pooling.down(vectors.to(graph.dtype))
    return agreement_of(basis, graph @ basis, together=False)


def _lift(graph: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """``R^T S R`` of every picture."""
    if pooling.is_identity:
        return graph
    half = pooling.up(graph)
    return pooling.up(half.transpose(1, 2).contiguous())


def _eigenvectors(
    lifted: Sequence[torch.Tensor],
    poolings: Sequence[Pooling],
    weights: torch.Tensor,
    n_components: int,
    metric: str,
    power: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    if power == 1:
        joint = _mean(lifted, weights)
    else:
        shift = power_shift(power)
        identity = torch.eye(lifted[0].shape[-1], dtype=torch.float64, device=lifted[0].device)
        laplacians = [(1 + shift) * identity - graph.double() for graph in lifted]
        mean = _mean([_matrix_power(laplacian, power) for laplacian in laplacians], weights)
        joint = (1 + shift) * identity - _matrix_power(mean, 1 / power if power else 0, root=power == 0)
    root = None
    if metric == "generalised":
        root = _inverse_root(poolings, weights, joint)
        joint = root @ joint @ root
    values, vectors = torch.linalg.eigh((joint + joint.transpose(1, 2)) / 2)
    values, vectors = values.flip(1)[:, :n_components], vectors.flip(2)[:, :, :n_components]
    return values, vectors if root is None else root @ vectors


def _mean(matrices: Sequence[torch.Tensor], weights: torch.Tensor) -> torch.Tensor:
    total = torch.zeros_like(matrices[0], dtype=torch.float64)
    for number, matrix in enumerate(matrices):
        total += weights[:, number, None, None] * matrix
    return total


def _matrix_power(matrix: torch.Tensor, power: float, *, root: bool = False) -> torch.Tensor:
    """A power of symmetric positive matrices; of power 0 the logarithm, and with `root` the exponential back."""
    values, vectors = torch.linalg.eigh(matrix)
    if root:
        changed = values.exp()
    elif power == 0:
        changed = values.clamp(min=_NULL).log()
    else:
        changed = values.clamp(min=_NULL) ** power
    result: torch.Tensor = (vectors * changed[:, None, :]) @ vectors.transpose(1, 2)
    return result


def _inverse_root(poolings: Sequence[Pooling], weights: torch.Tensor, joint: torch.Tensor) -> torch.Tensor:
    """``B^-1/2`` of every picture; directions that no layer sees are left out."""
    metric = torch.zeros_like(joint)
    identity = torch.eye(joint.shape[-1], dtype=joint.dtype, device=joint.device)
    for number, pooling in enumerate(poolings):
        matrix = identity if pooling.is_identity else pooling.matrix().to(joint)
        metric += weights[:, number, None, None] * (matrix.T @ matrix)
    values, vectors = torch.linalg.eigh(metric)
    inverse = torch.where(values > _NULL * values[:, -1:], values.clamp(min=_NULL).rsqrt(), 0.0)
    result: torch.Tensor = (vectors * inverse[:, None, :]) @ vectors.transpose(1, 2)
    return result
