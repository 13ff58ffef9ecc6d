"""The concept that a place is most like, where concepts were sought elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import parameters
from ..errors import InputError
from .chunks import rows_of

__all__ = ["nearest_concepts"]


def nearest_concepts(
    values: Any,
    labels: ArrayLike,
    n_concepts: int,
    nodes: ArrayLike,
    *,
    quantile: float = 0.05,
    most: int = 2000,
    seed: int = 0,
) -> NDArray[np.int32]:
    """For each of some nodes the concept whose mean direction it is nearest to, or none.

    A node counts for a concept only where it is as near to its mean direction as all but the outermost members are:
    a layer that has nothing of any concept stays in none.

    Parameters
    ----------
    values
        (N, C) eigenvectors or features: an array, or a stream with ``rows(nodes)``.
    labels
        (N,) concept of each node, from 0; -1 where it is in none.
    n_concepts
        Number of concepts.
    nodes
        Which nodes to tell.
    quantile
        Share of the members of a concept that may lie further out than what is still counted for it.
    most, seed
        Members of each concept that are looked at, at most, and the seed of their draw.

    Returns
    -------
    array
        int32, a concept of each node; -1 for none.

    Raises
    ------
    InputError
        If there is no concept, or the quantile is not between 0 and 1.
    """
    known, wanted = np.asarray(labels), np.asarray(nodes, dtype=np.int64)
    if n_concepts < 1:
        raise InputError("There is no concept that a place could be like.")
    if not 0 <= quantile < 1:
        raise InputError(f"The quantile must lie between 0 and 1; got {quantile:g}.")
    rng = np.random.default_rng(parameters.seed(seed))
    order = np.argsort(known, kind="stable")
    starts = np.searchsorted(known[order], np.arange(n_concepts + 1))
    directions, least = [], np.full(n_concepts, np.inf, dtype=np.float32)
    for concept in range(n_concepts):
        members = order[starts[concept] : starts[concept + 1]]
        if len(members) > most:
            members = np.sort(rng.choice(members, most, replace=False))
        if not len(members):
            directions.append(np.zeros(rows_of(values, np.zeros(1, dtype=np.int64)).shape[1], dtype=np.float32))
            continue
        rows = _units(rows_of(values, members))
        direction = _units(rows.mean(axis=0, keepdims=True))[0]
        directions.append(direction)
        least[concept] = np.quantile(rows @ direction, quantile)
    cosines = _units(rows_of(values, wanted)) @ np.stack(directions).T
    cosines[:, ~np.isfinite(least)] = -np.inf
    found = cosines.argmax(axis=1)
    near = cosines[np.arange(len(wanted)), found] >= least[found]
    return np.where(near, found, -1).astype(np.int32)


def _units(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: NDArray[np.float32] = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return units
