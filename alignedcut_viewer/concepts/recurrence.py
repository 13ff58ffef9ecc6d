"""Which concepts recur where: members of two layers or networks that lie at the same places of the same pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import parameters
from ..errors import InputError
from ..nodes import NodeIndex
from ..progress import ProgressCallback, report
from .places import common_grid, nearest_patches

__all__ = ["Recurrence", "labels_by_slot", "overlap_matrix", "find_recurrence"]

FloatArray = NDArray[np.float64]


def labels_by_slot(
    labels: ArrayLike, index: NodeIndex, networks: tuple[str, ...] | None = None
) -> dict[tuple[str, int], NDArray[np.int32]]:
    """Concept of each place at every slot, on one grid for all networks.

    Parameters
    ----------
    labels
        (N,) concept of each node, -1 for none.
    index
        The nodes.
    networks
        Which networks; None is all.

    Returns
    -------
    dict
        For each (network, layer) int32 (images, places); of a finer grid the patch that holds the centre of the cell
        is taken.
    """
    known = np.asarray(labels)
    if len(known) != len(index):
        raise InputError(f"There are {len(index)} nodes, but {len(known)} labels.")
    names = tuple(network.name for network in index.networks) if networks is None else networks
    rows, columns = common_grid(index, names)
    found: dict[tuple[str, int], NDArray[np.int32]] = {}
    for slot, nodes in index.iter_slots():
        if slot.network not in names:
            continue
        grid = index.grid(*slot)
        patches = nearest_patches(grid.rows, grid.columns, rows, columns) + int(grid.class_token)
        of_slot = known[nodes].reshape(len(index.images), grid.n_tokens)
        found[slot] = of_slot[:, patches].astype(np.int32)
    return found


def overlap_matrix(labels_a: ArrayLike, labels_b: ArrayLike, n_a: int, n_b: int) -> FloatArray:
    """Places in common by places in either (Jaccard index), for each pair of concepts, float64 (n_a, n_b)."""
    a, b = np.asarray(labels_a).reshape(-1), np.asarray(labels_b).reshape(-1)
    if a.shape != b.shape:
        raise InputError(f"Labels must be of the same places; got {len(a)} and {len(b)}.")
    code = (a.astype(np.int64) + 1) * (n_b + 1) + b + 1
    table = np.bincount(code, minlength=(n_a + 1) * (n_b + 1)).reshape(n_a + 1, n_b + 1).astype(np.float64)
    shared = table[1:, 1:]
    either = table.sum(axis=1)[1:, None] + table.sum(axis=0)[None, 1:] - shared
    overlap: FloatArray = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
    return overlap


@dataclass(frozen=True, eq=False)
class Recurrence:
    """How far the concepts of one layer recur in another.

    Attributes
    ----------
    overlap
        (n_a, n_b) places in common by places in either, 0 to 1.
    expected
        (n_a, n_b) what pictures exchanged at random give: concepts that always lie in the same part of a picture
        overlap by that alone.
    p_values
        (n_a, n_b) share of the exchanges with as much overlap or more.
    best_p_values
        (n_a,) share of the exchanges in which the concept's best overlap, with whichever B, is as large or larger.
    """

    overlap: FloatArray
    expected: FloatArray
    p_values: FloatArray
    best_p_values: FloatArray

    @property
    def best(self) -> NDArray[np.int64]:
        """(n_a,) the concept B that each concept A overlaps with most; -1 where with none."""
        found = self.overlap.argmax(axis=1).astype(np.int64)
        return np.where(self.overlap.max(axis=1) > 0, found, -1)

    def recurs(self, alpha: float = 0.05) -> NDArray[np.bool_]:
        """(n_a,) whether a concept overlaps with some B more than chance gives with any."""
        beyond: NDArray[np.bool_] = self.best_p_values <= alpha
        return beyond


def find_recurrence(
    labels_a: ArrayLike,
    labels_b: ArrayLike,
    n_a: int,
    n_b: int,
    *,
    n_permutations: int = 999,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> Recurrence:
    """Do the concepts of one layer or network lie at the same places as those of another?

    Parameters
    ----------
    labels_a, labels_b
        (images, places) concept of each place in either, -1 for none, see :func:`labels_by_slot`.
    n_a, n_b
        Number of concepts.
    n_permutations, seed
        Number of exchanges of pictures, and their seed.
    progress
        Called after every exchange.

    Returns
    -------
    Recurrence
        Overlaps against chance.

    Raises
    ------
    InputError
        If shapes differ or there are fewer than two pictures.
    """
    a, b = np.asarray(labels_a), np.asarray(labels_b)
    if a.ndim != 2 or a.shape != b.shape or len(a) < 2:
        raise InputError(f"Labels must be pictures × places, of at least two pictures; got {a.shape} and {b.shape}.")
    overlap = overlap_matrix(a, b, n_a, n_b)
    rng = np.random.default_rng(parameters.seed(seed))
    total, above = np.zeros_like(overlap), np.zeros_like(overlap)
    best, best_above = overlap.max(axis=1) - 1e-12, np.zeros(n_a)
    for i in range(n_permutations):
        by_chance = overlap_matrix(a, b[rng.permutation(len(b))], n_a, n_b)
        total += by_chance
        above += by_chance >= overlap - 1e-12
        best_above += by_chance.max(axis=1) >= best
        report(progress, i + 1, n_permutations, "Concepts by chance")
    return Recurrence(
        overlap,
        total / max(n_permutations, 1),
        (1 + above) / (1 + n_permutations),
        (1 + best_above) / (1 + n_permutations),
    )
