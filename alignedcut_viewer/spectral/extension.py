r"""The map from features to eigenvectors that a fitted cut leaves behind.

Every method but ``"knn"`` ends in the same formula. With landmarks ``z_1 … z_m``, their affinities to a node
``c(x) = (k(x, z_j))_j`` and two fixed matrices ``M`` (m × C) and ``t`` (m,),

.. math:: u(x) = \frac{M^T c(x)}{\sqrt{t^T c(x)}}, \qquad d(x) = t^T c(x),

so a pass over the nodes is, block by block, a product with the landmarks, an exponential and a thin product, and what
it gives for a node does not depend on the other nodes of the pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Protocol

import torch

from .affinity import Kernel, with_inverse_length

__all__ = ["Coordinates", "Density", "Extension", "KernelExtension", "half_product"]


class Extension(Protocol):
    """A fitted map from features to eigenvectors."""

    @property
    def n_columns(self) -> int:
        """Number of eigenvectors."""
        ...

    def row_bytes(self, n_channels: int) -> int:
        """Memory that a block takes for each of its rows."""
        ...

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Eigenvectors (n, C) float32 of features (n, D); rows of NaN for features that are not finite."""
        ...


def half_product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Product of two matrices of half precision in single precision.

    On CUDA the sums never leave single precision (torch 2.8 and newer). Elsewhere the result is rounded to half
    precision on the way, except for float16 on the CPU, which has no instructions for it: there only the factors are
    of half precision.
    """
    if keeps_sums(a.device.type):
        return torch.mm(a, b, out_dtype=torch.float32)
    if a.dtype == torch.float16 and a.device.type == "cpu":
        return a.float() @ b.float()
    return (a @ b).float()


@cache
def keeps_sums(device_type: str) -> bool:
    """Whether products of half precision are available in single precision."""
    if device_type != "cuda":
        return False
    one = torch.ones((16, 16), dtype=torch.float16, device=device_type)
    try:
        torch.mm(one, one, out_dtype=torch.float32)
    except (TypeError, RuntimeError):
        return False
    return True


@dataclass(frozen=True)
class Density:
    """How nodes are weighted to even out their density.

    The density at a node is its degree under a sharper kernel, measured at landmarks that each stand for their share of
    the nodes; the weight is the density to the power ``-alpha``. Weights w turn the affinity into ``w_i A_ij w_j``,
    which is the graph in which node i is there w_i times.

    Parameters
    ----------
    landmarks
        Landmarks (m, r) in coordinates.
    masses
        Share (m,) of the nodes that each landmark stands for.
    sharper
        How many times narrower than the kernel of the graph the one is that measures the density.
    alpha
        0 leaves the density as it is, 1 evens it out.
    """

    landmarks: torch.Tensor
    masses: torch.Tensor
    sharper: float
    alpha: float

    def weights(self, affinities: torch.Tensor) -> torch.Tensor:
        """Weights (n,) of nodes from their affinities (n, m) to the landmarks, under the kernel of the graph."""
        density = affinities.pow(self.sharper) @ self.masses.to(affinities.dtype)
        return density.clamp_(min=torch.finfo(density.dtype).tiny).pow_(-self.alpha)


@dataclass(frozen=True)
class Coordinates:
    """What the kernel needs to know of a feature: its coordinates in a fixed span.

    Parameters
    ----------
    kernel
        The affinity. Landmarks lie in the span, so their affinities to any node are exact.
    span
        Orthonormal columns (D, r), or None for all of the space.
    dtype
        Type to compute in.
    """

    kernel: Kernel
    span: torch.Tensor | None
    dtype: torch.dtype

    def __call__(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Coordinates (n, r), and for ``"rbf"`` half the squared distance (n,) of every node from the span."""
        if self.kernel.name == "cosine":
            rows, inverse = with_inverse_length(rows, self.dtype)
            inside = rows if self.span is None else rows @ self.span
            return inside * inverse[:, None], None
        rows = rows.to(self.dtype)
        if self.span is None:
            return rows, None
        inside = rows @ self.span
        return inside, half_square_outside(rows, inside)

    def affinity(self, inside: torch.Tensor, outside: torch.Tensor | None, landmarks: torch.Tensor) -> torch.Tensor:
        """Affinities (n, m) of nodes to landmarks (m, r) of the span."""
        block = self.kernel.between(inside, landmarks)
        if outside is not None:
            block *= torch.exp(outside * (-1.0 / self.kernel.gamma))[:, None]
        return block


def half_square_outside(rows: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Half the squared distance (n,) of rows (n, D) from the span in which their coordinates are `inside` (n, r)."""
    squared = torch.linalg.vector_norm(rows, dim=1).square_()
    outside: torch.Tensor = (squared - (inside * inside).sum(dim=1)).clamp_(min=0.0).mul_(0.5)
    return outside


@dataclass(frozen=True)
class KernelExtension:
    """The formula of this module.

    Parameters
    ----------
    coordinates
        From features to coordinates, in single or double precision.
    landmarks
        Landmarks (m, r) in coordinates.
    weights
        ``M`` and, as its last column, ``t``: (m, C + 1).
    least_degree
        Degrees are not allowed below this: rounding may bring those of far outliers near or below zero.
    density
        None, or how nodes are weighted.
    half
        None, or ``torch.bfloat16`` or ``torch.float16``: the type of the factors of the products over the nodes. Only
        what is computed here is rounded, node by node; `weights` come from single precision, which is why the
        eigenvectors hardly suffer.
    """

    coordinates: Coordinates
    landmarks: torch.Tensor
    weights: torch.Tensor
    least_degree: float
    density: Density | None = None
    half: torch.dtype | None = None

    @property
    def n_columns(self) -> int:
        """Number of eigenvectors."""
        return int(self.weights.shape[1]) - 1

    def row_bytes(self, n_channels: int) -> int:
        """Memory that a block takes for each of its rows."""
        n_landmarks, r = self.landmarks.shape
        wide = 2 * n_channels + 3 * r + (2 if self.density is None else 4) * n_landmarks + 4 * self.weights.shape[1]
        return wide * self.landmarks.element_size()

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Eigenvectors (n, C) float32 of features (n, D)."""
        if self.half is not None:
            return self._in_half(rows, self.half)
        return self.at(*self.coordinates(rows))

    def at(self, inside: torch.Tensor, outside: torch.Tensor | None) -> torch.Tensor:
        """Eigenvectors (n, C) float32 of nodes with these coordinates."""
        block = self.coordinates.affinity(inside, outside, self.landmarks)
        return self._divided(block @ self.weights, block, inside, outside)

    def _divided(
        self, both: torch.Tensor, block: torch.Tensor, inside: torch.Tensor, outside: torch.Tensor | None
    ) -> torch.Tensor:
        """Columns divided by the root of the degree, the last column of `both` (n, C + 1)."""
        scale = both[:, -1:].clamp(min=self.least_degree).rsqrt_()
        if self.density is not None:
            if self.density.landmarks is not self.landmarks:
                block = self.coordinates.affinity(inside, outside, self.density.landmarks)
            scale *= self.density.weights(block.to(scale.dtype)).sqrt_()[:, None]
        return (both[:, :-1] * scale).float()

    @cached_property
    def _rounded(self) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Span, landmarks and weights in half precision, the bias of the exponent and the scales of the weights."""
        half, gamma = self.half, self.coordinates.kernel.gamma
        span = None if self.coordinates.span is None else self.coordinates.span.to(half)
        landmarks = (self.landmarks.T / gamma).to(half)
        bias = torch.full((1,), -1.0 / gamma, dtype=torch.float32, device=landmarks.device)
        weights = self.weights
        if self._rounds_exponent:
            # What rounding takes from the bias multiplies all affinities alike, and the weights make up for it.
            weights = weights * torch.exp(bias - bias.to(half).float())
            bias = bias.to(half)
        scales = weights.abs().amax(dim=0).clamp_(min=torch.finfo(torch.float32).tiny)
        return span, landmarks, bias, (weights / scales).to(half), scales

    @property
    def _rounds_exponent(self) -> bool:
        """Whether products are rounded to half precision.

        The exponent then has its bias before that, which makes it, and its error, smallest for the nearest landmarks.
        """
        rounds = self.half == torch.bfloat16 and not keeps_sums(self.landmarks.device.type)
        return rounds and self.coordinates.kernel.name == "cosine"

    def _in_half(self, rows: torch.Tensor, half: torch.dtype) -> torch.Tensor:
        span, landmarks, bias, weights, scales = self._rounded
        outside = None
        if self.coordinates.kernel.name != "cosine":
            inside, outside = self.coordinates(rows)
            block = self.coordinates.affinity(inside, outside, self.landmarks)
        else:
            rows, inverse = with_inverse_length(rows, rows.dtype)
            inverse = inverse[:, None]
            if half == torch.float16:  # may be too narrow for features that are not of unit length
                rows = rows.float() * inverse
            inside = rows.to(half).float() if span is None else half_product(rows.to(half), span)
            if half != torch.float16:
                inside *= inverse
            if self._rounds_exponent:
                block = torch.addmm(bias, inside.to(half), landmarks).exp_()
            else:
                block = half_product(inside.to(half), landmarks).add_(bias).exp_()
        both = half_product(block.to(half), weights).mul_(scales)
        return self._divided(both, block, inside, outside)
