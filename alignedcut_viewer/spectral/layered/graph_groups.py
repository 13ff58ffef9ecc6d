"""Which graphs do the same: heads and layers grouped by what they make of the joint solution."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

__all__ = ["group_graphs"]

_MOST_GROUPS = 8


def group_graphs(signatures: NDArray[np.floating[Any]], n_groups: int | None = None) -> NDArray[np.int64]:
    """Group graphs that act alike on the joint solution.

    Parameters
    ----------
    signatures
        ``Q^T S Q`` of each graph, (graphs, C, C), ``Q`` an orthonormal basis of the joint solution: which parts of it
        the graph keeps, and which it mixes.
    n_groups
        Number of groups; None takes the one from 2 to 8 with the largest silhouette.

    Returns
    -------
    NDArray
        Group of each graph, int64 (graphs,), from 0 in the order of their first graphs.

    Raises
    ------
    InputError
        If there are fewer graphs than groups.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist, squareform
    from sklearn.metrics import silhouette_score

    n = len(signatures)
    if n < (n_groups or 1):
        raise InputError(f"{n} graphs do not make {n_groups} groups.")
    if n < 3:
        return np.arange(n) if n_groups == n else np.zeros(n, np.int64)
    flat = signatures.reshape(n, -1).astype(np.float64)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    distances = pdist(flat)
    tree = linkage(distances, "average")

    def cut(count: int) -> NDArray[np.int64]:
        found: NDArray[np.int64] = np.asarray(fcluster(tree, count, "maxclust"), dtype=np.int64)
        return found

    if n_groups is None:
        square = squareform(distances)
        tried = {count: cut(count) for count in range(2, min(_MOST_GROUPS, n - 1) + 1)}
        scores = {
            count: silhouette_score(square, labels, metric="precomputed")
            for count, labels in tried.items()
            if len(np.unique(labels)) > 1
        }
        n_groups = max(scores, key=lambda count: scores[count]) if scores else 1
    labels = cut(n_groups)
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[number]
