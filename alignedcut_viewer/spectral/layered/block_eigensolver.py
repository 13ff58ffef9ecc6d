r"""Leading eigenvectors of a symmetric operator that is known by its products only.

Subspace iteration with Chebyshev polynomials (Zhou, Saad, Tiago and Chelikowsky 2006): each round damps what lies below
the wanted eigenvalues by a polynomial of the operator, then rotates the block onto its Ritz vectors. It holds three
blocks and no basis that grows, so that it fits millions of nodes, and it runs on any device.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ...progress import ProgressCallback, report

__all__ = ["Eigenpairs", "top_eigenpairs"]

Apply = Callable[[torch.Tensor], torch.Tensor]

_DEGREE = 12
_LANCZOS_STEPS = 12
_SPARE = 8


@dataclass(frozen=True)
class Eigenpairs:
    """What the solver found.

    Attributes
    ----------
    values
        float64 (C,) descending.
    vectors
        (n, C) orthonormal, of the type that was asked for.
    residual
        Largest ``|A x - lambda x|`` of the pairs.
    products
        Products of the operator with a block that it took.
    """

    values: torch.Tensor
    vectors: torch.Tensor
    residual: float
    products: int


def top_eigenpairs(
    apply: Apply,
    n: int,
    count: int,
    *,
    start: torch.Tensor | None = None,
    seed: int = 0,
    device: torch.device | None = None,
    tolerance: float = 1e-4,
    max_rounds: int = 60,
    progress: ProgressCallback | None = None,
) -> Eigenpairs:
    """The `count` largest eigenvalues of a symmetric operator, and their eigenvectors.

    Parameters
    ----------
    apply
        The operator times a block, (n, k) float32 to the same.
    n
        Its size.
    count
        Eigenvectors wanted.
    start
        Columns (n, k) near the eigenvectors, such as those of a similar operator.
    seed
        Of the random block.
    device
        Where the block lives.
    tolerance
        Residual that is good enough, in units of the largest eigenvalue.
    max_rounds
        Rounds after which it stops with a warning.
    progress
        Called after each round; raises ``Cancelled`` to stop.
    """
    generator = torch.Generator().manual_seed(seed)
    width = min(n, count + max(_SPARE, count // 2))
    if 4 * width >= n:
        return _dense(apply, n, count, device)
    block = torch.randn(n, width, generator=generator).to(device or torch.device("cpu"))
    if start is not None:
        block[:, : start.shape[1]] = start[:, :width].to(block)
    lowest = -_largest(lambda x: -apply(x), torch.randn(n, 1, generator=generator).to(block))
    block = torch.linalg.qr(block).Q
    values, block, moved = _ritz(apply, block)
    products, residual, best = 1 + _LANCZOS_STEPS, float("inf"), float("inf")
    for turn in range(max_rounds):
        scale = max(abs(float(values[0])), 1e-30)
        residual = _residual(values, block, moved, count)
        report(progress, turn, max_rounds, f"Eigenvectors, residual {residual:.1e}")
        # In single precision the residual has a floor; where it no longer falls there is nothing to gain.
        if residual <= tolerance * scale or (residual > 0.9 * best and residual < 30 * tolerance * scale):
            break
        best = min(best, residual)
        cut = float(values[-1])
        lowest = min(lowest, cut - 1e-3 * scale)
        block = _filtered(apply, block, lowest, cut, float(values[0]))
        block = torch.linalg.qr(block).Q
        values, block, moved = _ritz(apply, block)
        products += _DEGREE + 1
    else:
        warnings.warn(f"The joint cut stopped at a residual of {residual:.1e} of its eigenvectors.", stacklevel=2)
    return Eigenpairs(values[:count], block[:, :count], residual, products)


def _dense(apply: Apply, n: int, count: int, device: torch.device | None) -> Eigenpairs:
    matrix = apply(torch.eye(n, device=device)).double().cpu()
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    found = vectors.flip(1)[:, :count].float().to(device or torch.device("cpu"))
    return Eigenpairs(values.flip(0)[:count], found, 0.0, 1)


def _ritz(apply: Apply, block: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ritz values, descending; Ritz vectors of an orthonormal block; and the operator times these."""
    moved = apply(block)
    small = (block.T @ moved).double().cpu()
    values, rotation = torch.linalg.eigh((small + small.T) / 2)
    rotation = rotation.flip(1).to(block)
    return values.flip(0), block @ rotation, moved @ rotation


def _residual(values: torch.Tensor, block: torch.Tensor, moved: torch.Tensor, count: int) -> float:
    difference = moved[:, :count] - block[:, :count] * values[:count].to(block)
    return float(torch.linalg.vector_norm(difference, dim=0).max())


def _filtered(apply: Apply, block: torch.Tensor, low: float, cut: float, top: float) -> torch.Tensor:
    """A Chebyshev polynomial of the operator times a block, small on [low, cut] and 1 near `top`."""
    half, centre = (cut - low) / 2, (cut + low) / 2
    ratio = half / (top - centre)
    first = ratio
    before, now = block, (apply(block) - centre * block) * (ratio / half)
    for _ in range(_DEGREE - 1):
        following = 1.0 / (2.0 / first - ratio)
        before, now = now, (apply(now) - centre * now) * (2 * following / half) - (ratio * following) * before
        ratio = following
    return now


def _largest(apply: Apply, vector: torch.Tensor) -> float:
    """An upper bound of the largest eigenvalue, by a few Lanczos steps."""
    vector = vector / torch.linalg.vector_norm(vector)
    diagonal, beside = [], []
    before, length = torch.zeros_like(vector), 0.0
    for _ in range(_LANCZOS_STEPS):
        moved = apply(vector) - length * before
        diagonal.append(float((vector * moved).sum()))
        moved = moved - diagonal[-1] * vector
        length = float(torch.linalg.vector_norm(moved))
        beside.append(length)
        if length < 1e-6:
            break
        before, vector = vector, moved / length
    inner = torch.tensor(beside[:-1], dtype=torch.float64)
    matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64)) + torch.diag(inner, 1) + torch.diag(inner, -1)
    return float(torch.linalg.eigvalsh(matrix)[-1]) + beside[-1]
