"""The joint cut of each picture where all layers count alike, without the terms of its objective: for many pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import InputError
from .graph_settings import GraphSettings
from .layer_tokens import LayerTokens, check_layers
from .picture_graphs import normalised, picture_affinities
from .token_grid import Grid, Pooling, common_grid

__all__ = ["UniformCut", "uniform_cut"]

_DENSE_SHARE = 0.2
"""Where more eigenvectors are wanted than this share of the places, all are computed."""


class UniformCut(NamedTuple):
    """Eigenvectors of one picture.

    Attributes
    ----------
    eigenvectors
        float32 (places, C) of length one by descending eigenvalue, each with a positive sum of cubes.
    eigenvalues
        float64 (C,).
    grid
        Grid of the places.
    """

    eigenvectors: NDArray[np.float32]
    eigenvalues: NDArray[np.float64]
    grid: Grid


def uniform_cut(
    layers: Sequence[LayerTokens],
    n_components: int,
    graph: GraphSettings,
    *,
    picture: int = 0,
    device: torch.device | str = "cpu",
) -> UniformCut:
    """Joint eigenvectors of one picture, all layers counting alike.

    The same as :class:`.layered_cut.LayeredCut` of one picture with uniform weights, in a fraction of the time: layers
    of one resolution are added up before they are brought to the common grid, and only the eigenvectors that are
    wanted are computed, by Lanczos iterations.

    Parameters
    ----------
    layers
        Tokens of the same pictures.
    n_components
        Number of eigenvectors C.
    graph
        How layers become graphs; heads are joined.
    picture
        Which picture.
    device
        Where graphs are made.

    Raises
    ------
    InputError
        If layers do not fit together, or there are fewer places than eigenvectors.
    FeatureError
        If tokens are NaN or infinite.
    """
    check_layers(layers)
    if graph.heads != "joined":
        raise InputError("A cut with all layers alike joins their heads.")
    common = common_grid([layer.grid for layer in layers])
    if not 1 <= n_components <= len(common):
        raise InputError(f"There are 1 to {len(common)} eigenvectors on a grid of {common}; got {n_components}.")
    joint = _joint_operator(layers, common, slice(picture, picture + 1), graph, torch.device(device))
    values, vectors = _leading(joint, n_components)
    vectors *= np.where((vectors**3).sum(0) < 0, -1.0, 1.0)
    return UniformCut(np.ascontiguousarray(vectors, dtype=np.float32), values, common)


def _joint_operator(
    layers: Sequence[LayerTokens], common: Grid, picture: slice, graph: GraphSettings, device: torch.device
) -> NDArray[np.float64]:
    """Mean of the layers' normalised graphs on the common grid."""
    sums: dict[Grid, torch.Tensor] = {}
    for layer in layers:
        operator = normalised(picture_affinities(layer, picture, graph, device)[:, 0], graph.normalisation)
        sums[layer.grid] = sums[layer.grid].add_(operator) if layer.grid in sums else operator
    joint = torch.zeros((len(common), len(common)), dtype=torch.float64)
    for grid, total in sums.items():
        pooling = Pooling(common, grid)
        joint += pooling.up(pooling.up(total).transpose(1, 2).contiguous())[0].cpu()
    return np.asarray(((joint + joint.T) / (2 * len(layers))).numpy())


def _leading(matrix: NDArray[np.float64], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Largest eigenvalues, descending, and their eigenvectors."""
    n = len(matrix)
    if count > _DENSE_SHARE * n:
        values, vectors = np.linalg.eigh(matrix)
        values, vectors = values[n - count :], vectors[:, n - count :]
    else:
        from scipy.sparse.linalg import eigsh

        # Starting with the degrees, near the first eigenvector, and fixed: equal input gives equal output.
        values, vectors = eigsh(matrix, k=count, which="LA", v0=matrix.sum(1), tol=1e-9)
    order = np.argsort(-values, kind="stable")
    return values[order], vectors[:, order]
