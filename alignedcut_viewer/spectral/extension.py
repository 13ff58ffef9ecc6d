r"""The map from features to eigenvectors that a fitted cut leaves behind, and how it is run over a stream.

Every method ends in the same formula. With landmarks ``z_1 … z_m``, their affinities to a node ``c(x) = (k(x, z_j))_j``
and two fixed matrices ``M`` (m × C) and ``t`` (m,),

.. math:: u(x) = \frac{M^T c(x)}{\sqrt{t^T c(x)}}, \qquad d(x) = t^T c(x),

so one pass over the nodes is, chunk by chunk, a product with the landmarks, an exponential and a thin product, and what
it gives for a node does not depend on the other nodes of the pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from ..errors import FeatureError
from .affinity import Kernel, inverse_length
from .features import FeatureChunks, as_tensor

__all__ = ["Coordinates", "Extension", "KernelExtension", "stream"]


class Extension(Protocol):
    """A fitted map from features to eigenvectors."""

    @property
    def n_columns(self) -> int:
        """Number of eigenvectors."""
        ...

    def row_bytes(self, n_channels: int) -> int:
        """Memory that a chunk takes for each of its rows."""
        ...

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Eigenvectors (n, C) float32 of features (n, D); rows of NaN for features that are not finite."""
        ...


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
        rows = rows.to(self.dtype)
        if self.kernel.name == "cosine":
            inside = rows if self.span is None else rows @ self.span
            return inside * inverse_length(rows)[:, None], None
        if self.span is None:
            return rows, None
        inside = rows @ self.span
        squared = torch.linalg.vector_norm(rows, dim=1).square_()
        return inside, (squared - (inside * inside).sum(dim=1)).clamp_(min=0.0).mul_(0.5)

    def affinity(self, inside: torch.Tensor, outside: torch.Tensor | None, landmarks: torch.Tensor) -> torch.Tensor:
        """Affinities (n, m) of nodes to landmarks (m, r) of the span."""
        block = self.kernel.between(inside, landmarks)
        if outside is not None:
            block *= torch.exp(outside * (-1.0 / self.kernel.gamma))[:, None]
        return block


@dataclass(frozen=True)
class KernelExtension:
    """The formula of this module.

    Parameters
    ----------
    coordinates
        From features to coordinates.
    landmarks
        Landmarks (m, r) in coordinates.
    weights
        ``M`` and, as its last column, ``t``: (m, C + 1).
    least_degree
        Degrees are not allowed below this: rounding may bring those of far outliers near or below zero.
    density
        None, or per-landmark masses (m,), the width of the sharp kernel and the exponent alpha of ``balance``.
    """

    coordinates: Coordinates
    landmarks: torch.Tensor
    weights: torch.Tensor
    least_degree: float
    density: tuple[torch.Tensor, float, float] | None = None

    @property
    def n_columns(self) -> int:
        return int(self.weights.shape[1]) - 1

    def row_bytes(self, n_channels: int) -> int:
        n_landmarks, r = self.landmarks.shape
        wide = 2 * n_channels + 2 * r + (2 if self.density is None else 3) * n_landmarks + 3 * self.weights.shape[1]
        return wide * self.landmarks.element_size()

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        block = self.coordinates.affinity(*self.coordinates(rows), self.landmarks)
        return self.from_affinity(block)

    def from_affinity(self, block: torch.Tensor) -> torch.Tensor:
        """Eigenvectors (n, C) float32 of nodes with these affinities (n, m) to the landmarks."""
        both = block @ self.weights
        scale = both[:, -1:].clamp(min=self.least_degree).rsqrt_()
        if self.density is not None:
            masses, sharper, alpha = self.density
            scale *= node_weights(block, masses, sharper, alpha).sqrt_()[:, None]
        return (both[:, :-1] * scale).float()


def node_weights(block: torch.Tensor, masses: torch.Tensor, sharper: float, alpha: float) -> torch.Tensor:
    """Weights (n,) that even out the density: the degree under a sharper kernel to the power -alpha.

    Parameters
    ----------
    block
        Affinities (n, m) to the landmarks under the kernel of the graph.
    masses
        Share of the nodes (m,) that each landmark stands for.
    sharper
        How many times narrower the sharp kernel is.
    alpha
        0 leaves the density as it is, 1 evens it out.
    """
    degree = block.pow(sharper) @ masses
    return degree.clamp_(min=torch.finfo(degree.dtype).tiny).pow_(-alpha)


def stream(features: FeatureChunks, size: int, device: torch.device) -> Iterator[tuple[int, torch.Tensor]]:
    """Chunks of features on the device, in the type they are stored in."""
    for start, rows in features.chunks(size):
        yield start, as_tensor(rows).to(device)


def gather(
    features: FeatureChunks, index: np.ndarray[tuple[int], np.dtype[np.int64]], device: torch.device
) -> torch.Tensor:
    """Rows of the given numbers (ascending) on the device, in the type they are stored in.

    Raises
    ------
    FeatureError
        If the stream gives another number of rows.
    """
    rows = as_tensor(features.rows(index)).to(device)
    if rows.shape != (len(index), features.shape[1]):
        raise FeatureError(
            f"The features gave {tuple(rows.shape)} for {len(index)} rows of {features.shape[1]} channels."
        )
    return rows
