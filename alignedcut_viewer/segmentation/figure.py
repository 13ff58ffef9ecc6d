"""Figure and ground of one picture by its own graphs: segments that shun the border, and what late keys divide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .counting import cluster_eigenvectors
from .labels import upsample_scores
from .token_graph import TokenGraph

__all__ = ["figure_map"]

_COUNTS = (2, 3, 4)
"""Numbers of segments that are asked for; a place is figure as far as its segments at all of them are."""
_WEIGHTS = {
    "distance from the middle": -3.28,
    "spread of the distance": -3.61,
    "largest share of a side": -2.04,
    "confidence": 3.30,
}
_INTERCEPT = 1.17
"""Of a logistic rule, fitted to every other photograph of docs/segmentation.md."""


_ALIKE, _UNLIKE = 0.2, 1e-5
"""Cosine above which two keys are joined with 1, and the weight of all others (TokenCut, Wang et al. 2022)."""


def figure_map(
    eigenvectors: ArrayLike, eigenvalues: ArrayLike, grid: tuple[int, int], keys: Sequence[ArrayLike] = ()
) -> NDArray[np.float32]:
    """How much each place is figure.

    The picture is divided into two, three and four segments. Each segment is judged by its distance from the middle and
    how far that varies, the side of the picture that it fills most, and its confidence. Keys of late layers, where they
    are given, divide the picture in two, and the side that is more of a figure counts as much as all of that.

    Parameters
    ----------
    eigenvectors, eigenvalues
        ``(rows * columns, C)`` and ``(C,)`` of the picture's normalised cut, descending, the tokens row by row.
    grid
        Rows and columns of the tokens.
    keys
        Keys of some layers, ``(rows, columns, D)`` each, on grids of their own.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        From 0 (ground) to 1 (figure); without keys both occur, unless all places are alike.

    Raises
    ------
    InputError
        If shapes do not fit, or there are fewer than two eigenvectors.
    """
    vectors = np.asarray(eigenvectors, dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != grid[0] * grid[1] or vectors.shape[1] < 2:
        raise InputError(f"Eigenvectors {vectors.shape} do not fit a grid of {grid[0]} × {grid[1]} tokens.")
    graph = TokenGraph(vectors, eigenvalues)
    counts = [count for count in _COUNTS if count <= vectors.shape[1]]
    total = np.zeros(len(vectors))
    for count in counts:
        labels = cluster_eigenvectors(vectors, count, n_starts=3).labels
        numbers = np.unique(labels, return_inverse=True)[1]
        total += _figureness(numbers, graph, grid)[numbers]
    low, high = total.min(), total.max()
    scaled = (total - low) / (high - low) if high > low else total / len(counts)
    if keys:
        one = _divided(keys, grid)
        side = one if scaled[one].sum() * (~one).sum() > scaled[~one].sum() * one.sum() else ~one
        scaled = (scaled + side) / 2
    return scaled.reshape(grid).astype(np.float32)


def _divided(keys: Sequence[ArrayLike], grid: tuple[int, int]) -> NDArray[np.bool_]:
    """One side of the division in two by the mean of the normalised graphs of keys, a flag a place."""
    from scipy.linalg import eigh

    n = grid[0] * grid[1]
    joint = np.zeros((n, n))
    for layer in keys:
        tokens = np.asarray(layer, dtype=np.float32)
        if tokens.ndim != 3:
            raise InputError(f"Keys of a layer are (rows, columns, D); got shape {tokens.shape}.")
        here = tokens if tokens.shape[:2] == grid else upsample_scores(tokens, grid)
        flat = here.reshape(n, -1)
        unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
        affinity = np.where(unit @ unit.T > _ALIKE, 1.0, _UNLIKE)
        root = np.sqrt(affinity.sum(1))
        joint += affinity / root[:, None] / root
    _, vectors = eigh(joint / len(keys), subset_by_index=(n - 2, n - 1))
    second = vectors[:, 0] / np.maximum(np.abs(vectors[:, 1]), 1e-9)
    return np.asarray(second > second.mean())


def _figureness(labels: NDArray[np.integer], graph: TokenGraph, grid: tuple[int, int]) -> NDArray[np.float64]:
    """Probability of each segment to be figure."""
    y, x = np.mgrid[: grid[0], : grid[1]]
    away = np.hypot((2 * y + 1) / grid[0] - 1, (2 * x + 1) / grid[1] - 1)
    of_graph = graph.keep(labels)
    result = np.empty(len(of_graph))
    for number in range(len(result)):
        mine = (labels == number).reshape(grid)
        sides = (mine[0], mine[-1], mine[:, 0], mine[:, -1])
        facts = (away[mine].mean(), away[mine].std(), max(side.mean() for side in sides), of_graph[number])
        result[number] = _INTERCEPT + np.dot(tuple(_WEIGHTS.values()), facts)
    return np.asarray(1 / (1 + np.exp(-result)))
