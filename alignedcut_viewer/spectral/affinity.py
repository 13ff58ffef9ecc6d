"""Affinities between nodes.

Two kernels, which agree on rows of unit length:

``"cosine"``
    ``A_ij = exp((cos(v_i, v_j) - 1) / gamma)`` (AlignedCut, equation 3). A row of zeros has no direction; its cosine
    with every node, itself included, counts as 0. However short a row is, its direction counts.
``"rbf"``
    ``A_ij = exp(-|v_i - v_j|^2 / (2 gamma))``.

Both are of the form ``exp(x . z / gamma + a(x) + b(z))``: a matrix product and an exponential give a block of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..choices import KERNELS
from ..errors import InputError
from ..parameters import one_of

__all__ = ["LEAST_GAMMA", "Kernel"]

LEAST_GAMMA = 1e-37
"""The inverse of a smaller gamma is beyond single precision."""


@dataclass(frozen=True)
class Kernel:
    """An affinity between features.

    Parameters
    ----------
    name
        ``"cosine"`` or ``"rbf"``.
    gamma
        Width: in units of cosine for ``"cosine"``, of squared distance for ``"rbf"``; positive.
    """

    name: str
    gamma: float

    def __post_init__(self) -> None:
        one_of("kernel", self.name, KERNELS)
        if not self.gamma >= LEAST_GAMMA:
            raise InputError(f"gamma must be at least {LEAST_GAMMA:g}; got {self.gamma:g}.")

    def with_gamma(self, gamma: float) -> Kernel:
        """The same kernel with another width."""
        return Kernel(self.name, gamma)

    def points(self, rows: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """What the kernel compares: rows of unit length for ``"cosine"``, the rows themselves for ``"rbf"``.

        Parameters
        ----------
        rows
            Features (n, D) of any floating-point type.
        dtype
            Type of the result, ``torch.float32`` or ``torch.float64``.

        Returns
        -------
        torch.Tensor
            Points (n, D); rows of NaN where a row is not finite.
        """
        if self.name != "cosine":
            return rows.to(dtype)
        points, inverse = with_inverse_length(rows, dtype)
        return points * inverse[:, None]

    def between(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Affinities (n, m) of points `x` (n, r) and `z` (m, r), as :meth:`points` makes them."""
        if self.name == "cosine":
            return torch.addmm(x.new_full((1,), -1.0 / self.gamma), x, z.T, alpha=1.0 / self.gamma).exp_()
        half = -0.5 / self.gamma
        exponent = torch.addmm((z * z).sum(dim=1).mul_(half), x, z.T, alpha=1.0 / self.gamma)
        exponent += (x * x).sum(dim=1).mul_(half)[:, None]
        return exponent.clamp_(max=0.0).exp_()  # rounding must not bring two nodes nearer than equal ones


def with_inverse_length(rows: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows in a floating-point type, and what makes them of unit length.

    Parameters
    ----------
    rows
        Features (n, D) of any floating-point type.
    dtype
        Type of the result.

    Returns
    -------
    rows : torch.Tensor
        (n, D). Those that are too short to be squared in `dtype` are multiplied by a power of two.
    inverse : torch.Tensor
        One over the Euclidean length of each (n,), 0 for rows of zeros, NaN for rows that are not finite.
    """
    points = rows.to(dtype)
    inverse = _inverse_length(points)
    if rows.dtype != torch.float16:  # the smallest of half precision can be squared
        short = inverse == 0
        if bool(short.any()):
            points = points.clone() if points is rows else points
            points[short] = _lengthened(rows[short]).to(dtype)
            inverse = _inverse_length(points)
    return points, inverse


def _lengthened(rows: torch.Tensor) -> torch.Tensor:
    """Rows times the power of two that brings their largest value near one."""
    wide = rows if rows.device.type == "mps" else rows.double()
    exponent = torch.frexp(wide.abs().amax(dim=1, keepdim=True)).exponent
    first = exponent // 2  # in two steps, as two to the power of the whole may be too large
    return torch.ldexp(torch.ldexp(wide, -first), first - exponent)


def _inverse_length(rows: torch.Tensor) -> torch.Tensor:
    """One over the Euclidean length of every row (n,), 0 for shorter ones than 1e-18, NaN for those not finite."""
    length = torch.linalg.vector_norm(rows, dim=1, dtype=rows.dtype if rows.element_size() > 2 else torch.float32)
    inverse = torch.where(length < 1e-18, 0.0, length.reciprocal())
    return torch.where(torch.isfinite(length), inverse, torch.nan)
