r"""The paper's own column normalisation, solved by self-consistent fields.

Where every layer normalises the pooled columns anew, the eigen term is a sum of Rayleigh quotients,
``f(X) = sum_l w_l mean_c (x_c^T R_l^T S_l R_l x_c) / |R_l x_c|^2`` under ``X^T X = I``: no eigenproblem, but one whose
operator depends on its solution. Two steps climb it. First the top eigenvectors of
``E(X) = sum_l w_l / b_l (R_l^T S_l R_l - q_l R_l^T R_l)`` with the means ``b_l`` of ``|R_l x_c|^2`` and ``q_l`` of the
quotients, again and again (the sum of trace ratios of Zhang and Li 2014). Then polar steps on the gradient of ``f``
column by column (after Li 2023, arXiv 2305.00091), taken only where ``f`` grows.

Its optimum can be worse than the pooled eigenproblem's: columns that become alike at coarse layers have large quotients
there. :mod:`.objective` shows both terms at every layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ...progress import ProgressCallback, report
from .block_eigensolver import top_eigenpairs
from .set_graphs import SetGraph
from .token_grid import Pooling

__all__ = ["climb"]

_SETTLED = 1e-5
_MOST_FIELDS = 15
_MOST_POLAR_STEPS = 60
_TINY = 1e-12


@dataclass
class _Layer:
    graph: SetGraph
    pooling: Pooling
    weight: float


@dataclass
class _Quotients:
    """Squared lengths and Rayleigh quotients of every column at every layer, and their weighted mean."""

    lengths: list[torch.Tensor]
    quotients: list[torch.Tensor]
    value: float


def climb(
    vectors: torch.Tensor,
    graphs: Sequence[SetGraph],
    poolings: Sequence[Pooling],
    weights: torch.Tensor,
    *,
    seed: int,
    progress: ProgressCallback | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Climb the sum of Rayleigh quotients from a start.

    Parameters
    ----------
    vectors
        Where to start, (pictures, places, C) of orthonormal columns over all pictures.
    graphs, poolings, weights
        The layers; plain average pooling.
    seed
        Of the eigensolver's start.
    progress
        Called after each step.

    Returns
    -------
    vectors
        (pictures, places, C) orthonormal, by descending quotient.
    quotients
        float64 (C,): the weighted mean quotient of each column.
    """
    layers = [_Layer(*each) for each in zip(graphs, poolings, weights.tolist(), strict=True) if each[2] > 0]
    shape = vectors.shape
    best = vectors
    now = _quotients(layers, vectors)
    for step in range(_MOST_FIELDS):
        report(progress, step, _MOST_FIELDS + _MOST_POLAR_STEPS, f"Self-consistent fields, {now.value:.4f}")
        field = _field(layers, now, shape)
        found = top_eigenpairs(
            field,
            shape[0] * shape[1],
            shape[2],
            start=best.reshape(-1, shape[2]),
            seed=seed,
            device=vectors.device,
            tolerance=1e-3,
        )
        tried = found.vectors.reshape(shape)
        after = _quotients(layers, tried)
        if after.value <= now.value + _SETTLED:
            break
        best, now = tried, after
    length = 1.0
    for step in range(_MOST_POLAR_STEPS):
        report(progress, _MOST_FIELDS + step, _MOST_FIELDS + _MOST_POLAR_STEPS, f"Polar steps, {now.value:.4f}")
        gradient = _gradient(layers, now, best)
        while length > 1e-3:
            tried = _polar(best + length * gradient)
            after = _quotients(layers, tried)
            if after.value > now.value:
                break
            length /= 2
        else:
            break
        gained = after.value - now.value
        best, now = tried, after
        length = min(2 * length, 64.0)
        if gained < _SETTLED / 10:
            break
    total = sum(layer.weight for layer in layers)
    mean = torch.stack([layer.weight / total * q for layer, q in zip(layers, now.quotients, strict=True)]).sum(dim=0)
    order = torch.argsort(mean, descending=True)
    return best[..., order], mean[order].double().cpu()


def _quotients(layers: Sequence[_Layer], vectors: torch.Tensor) -> _Quotients:
    lengths, quotients, value = [], [], 0.0
    for layer in layers:
        pooled = layer.pooling.down(vectors)
        length = pooled.square().sum(dim=(0, 1)).clamp(min=_TINY)
        quotient = (pooled * layer.graph.operator(pooled)).sum(dim=(0, 1)) / length
        lengths.append(length)
        quotients.append(quotient)
        value += layer.weight * float(quotient.mean())
    return _Quotients(lengths, quotients, value)


def _field(layers: Sequence[_Layer], now: _Quotients, shape: Sequence[int]) -> Callable[[torch.Tensor], torch.Tensor]:
    """``E(X)`` as a product with flat blocks."""

    def apply(flat: torch.Tensor) -> torch.Tensor:
        values = flat.reshape(shape[0], shape[1], -1)
        total = torch.zeros_like(values)
        for layer, length, quotient in zip(layers, now.lengths, now.quotients, strict=True):
            pooled = layer.pooling.down(values)
            moved = layer.graph.operator(pooled) - quotient.mean() * pooled
            total += layer.weight / length.mean() * layer.pooling.up(moved)
        return total.reshape(flat.shape)

    return apply


def _gradient(layers: Sequence[_Layer], now: _Quotients, vectors: torch.Tensor) -> torch.Tensor:
    total = torch.zeros_like(vectors)
    for layer, length, quotient in zip(layers, now.lengths, now.quotients, strict=True):
        pooled = layer.pooling.down(vectors)
        total += layer.weight * layer.pooling.up((layer.graph.operator(pooled) - quotient * pooled) / length)
    return total


def _polar(values: torch.Tensor) -> torch.Tensor:
    """The nearest block of orthonormal columns."""
    flat = values.reshape(-1, values.shape[-1])
    gram = (flat.T @ flat).double()
    squares, rotation = torch.linalg.eigh(gram)
    root = (rotation * squares.clamp(min=_TINY).rsqrt()) @ rotation.T
    nearest: torch.Tensor = (flat @ root.to(flat)).reshape(values.shape)
    return nearest
