r"""The paper's objective, both terms at every layer.

For pseudo-eigenvectors ``X`` and a layer's row-stochastic ``P_l`` (Zhang, Yunis and Maire 2024, from their public
code), with ``Z_l`` the average-pooled ``X`` whose columns have length one,

- the eigen term is ``mean | diag(Z_l^T P_l Z_l) - 1 |``,
- the orthogonality term is ``mean( offdiag(Z_l^T Z_l)^2 )``,

and the objective is ``sum_l w_l (eigen_l + lambda orthogonality_l)``. A low eigen term alone says little: columns that
become alike at coarse layers have it, too, which only the orthogonality term at that resolution shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .token_grid import Grid, Pooling

__all__ = ["LayerTerms", "Walk", "layer_terms", "term_pair", "unit_columns"]

Walk = Callable[[torch.Tensor], torch.Tensor]
"""``P X`` on a layer's grid: (pictures, tokens, C) to the same."""


@dataclass(frozen=True)
class LayerTerms:
    """Both terms of the objective at every graph.

    Attributes
    ----------
    eigen
        ``mean | diag(Z^T P Z) - 1 |``, float64 (graphs,).
    orthogonality
        ``mean( offdiag(Z^T Z)^2 )``, float64 (graphs,).
    grids
        Token grid of each graph.
    names
        Name of each graph.
    """

    eigen: NDArray[np.float64]
    orthogonality: NDArray[np.float64]
    grids: tuple[Grid, ...]
    names: tuple[str, ...]

    def total(self, weights: Sequence[float] | NDArray[np.float64] | None = None, balance: float = 1.0) -> float:
        """The objective, ``sum w (eigen + balance · orthogonality)``; weights of one each where None."""
        each = np.ones(len(self.eigen)) if weights is None else np.asarray(weights, dtype=np.float64)
        return float((each * (self.eigen + balance * self.orthogonality)).sum())

    def by_resolution(self) -> dict[Grid, tuple[float, float]]:
        """Means of both terms over the graphs of each resolution, finest first."""
        order = sorted(set(self.grids), key=len, reverse=True)
        rows = {grid: [i for i, other in enumerate(self.grids) if other == grid] for grid in order}
        return {grid: (float(self.eigen[at].mean()), float(self.orthogonality[at].mean())) for grid, at in rows.items()}


def unit_columns(values: torch.Tensor, together: bool) -> torch.Tensor:
    """(pictures, tokens, C) with columns of length one, over each picture or over all pictures together."""
    dimensions = (0, 1) if together else (1,)
    unit: torch.Tensor = values / torch.linalg.vector_norm(values, dim=dimensions, keepdim=True).clamp(min=1e-12)
    return unit


def term_pair(values: torch.Tensor, walk: Walk, pooling: Pooling, together: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Both terms at one graph, as scalars that gradients pass through.

    Parameters
    ----------
    values
        ``X`` on the common grid, (pictures, places, C).
    walk
        ``P`` on the layer's grid.
    pooling
        From the one to the other.
    together
        Whether columns run over all pictures (a cut of the data set) or each picture has its own.
    """
    z = unit_columns(pooling.down(values), together)
    gram = torch.einsum("pnc,pnd->cd" if together else "pnc,pnd->pcd", z, z)
    quotient = (z * walk(z)).sum(dim=(0, 1) if together else 1)
    eigen = (quotient - 1.0).abs().mean()
    width = values.shape[-1]
    off = gram - torch.diag_embed(torch.diagonal(gram, dim1=-2, dim2=-1))
    pictures = 1 if together else len(values)
    orthogonality = off.square().sum() / max(pictures * width * (width - 1), 1)
    return eigen, orthogonality


def layer_terms(
    values: torch.Tensor, walks: Sequence[Walk], poolings: Sequence[Pooling], names: Sequence[str], together: bool
) -> LayerTerms:
    """Both terms of a solution at every graph; see :func:`term_pair`."""
    pairs = [term_pair(values, walk, pooling, together) for walk, pooling in zip(walks, poolings, strict=True)]
    return LayerTerms(
        np.array([float(eigen) for eigen, _ in pairs]),
        np.array([float(orthogonality) for _, orthogonality in pairs]),
        tuple(pooling.layer for pooling in poolings),
        tuple(names),
    )
