"""Figure and ground: their nodes at every slot, and what each does to the brain (AlignedCut, Figs. 6 and 7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..nodes import NodeIndex, TokenGrid
from .bootstrap import bootstrap_weights

__all__ = ["FIGURE", "GROUND", "UNKNOWN", "GroupActivation", "group_activation", "labels_of_selections", "nodes_of"]

FIGURE, GROUND, UNKNOWN = 1, 0, -1

FloatArray = NDArray[np.float64]


def labels_of_selections(index: NodeIndex, figure: ArrayLike, ground: ArrayLike) -> NDArray[np.int8]:
    """Figure and ground of every slot, from nodes that were chosen at any.

    Parameters
    ----------
    index
        The nodes.
    figure, ground
        Node numbers, such as two selections made in the window.

    Returns
    -------
    array
        int8 (N,): 1 at the places of the figure's nodes in every layer of every network, 0 at those of the ground, -1
        elsewhere and where both are. On another token grid, a place is every token whose centre lies in a chosen one.

    Raises
    ------
    InputError
        If a node is not in the index, or the figure or the ground has no patch.
    """
    labels = np.full(len(index), UNKNOWN, dtype=np.int8)
    images = np.asarray(index.images, dtype=np.int64)
    order = np.argsort(images, kind="stable")
    grids = dict.fromkeys((slot.network, index.grid(*slot)) for slot in index.slots)
    marks: list[dict[tuple[str, TokenGrid], NDArray[np.bool_]]] = []
    for name, nodes in (("figure", figure), ("ground", ground)):
        flat = np.asarray(nodes, dtype=np.int64).reshape(-1)
        location = index.locate(flat)
        patches = location.row >= 0
        if not patches.any():
            raise InputError(f"The {name} has no patch; choose some of its pixels.")
        image = order[np.searchsorted(images, location.image, sorter=order)]
        rows, columns = index.grids_of(flat)
        position = {network.name: number for number, network in enumerate(index.networks)}
        marked: dict[tuple[str, TokenGrid], NDArray[np.bool_]] = {}
        for network, grid in grids:
            here = patches & (location.network == position[network]) & (rows == grid.rows) & (columns == grid.columns)
            marked[network, grid] = np.zeros((len(images), grid.rows, grid.columns), dtype=bool)
            marked[network, grid][image[here], location.row[here], location.column[here]] = True
        marks.append(marked)
    values: dict[tuple[int, int], NDArray[np.int8]] = {}
    for slot, nodes_of_slot in index.iter_slots():
        grid = index.grid(*slot)
        size = grid.rows, grid.columns
        if size not in values:
            figures, grounds = (_everywhere(marked, *size).reshape(len(images), -1) for marked in marks)
            kind = np.where(figures & ~grounds, FIGURE, np.where(grounds & ~figures, GROUND, UNKNOWN))
            values[size] = kind.astype(np.int8)
        of_slot = labels[nodes_of_slot].reshape(len(images), grid.n_tokens)
        of_slot[:, int(grid.class_token) :] = values[size]
        labels[nodes_of_slot] = of_slot.reshape(-1)
    return labels


def _everywhere(marked: dict[tuple[str, TokenGrid], NDArray[np.bool_]], rows: int, columns: int) -> NDArray[np.bool_]:
    """Which tokens of a grid have their centre in a token that is marked on any grid, (images, rows, columns)."""
    found: NDArray[np.bool_] | None = None
    for (_, other), marks in marked.items():
        # whole numbers, so that a centre never slips into the neighbouring token by rounding
        row = (2 * np.arange(rows) + 1) * other.rows // (2 * rows)
        column = (2 * np.arange(columns) + 1) * other.columns // (2 * columns)
        here = marks[:, row[:, None], column[None, :]]
        found = here if found is None else found | here
    if found is None:
        raise InputError("The graph has no layer.")
    return found


def nodes_of(
    labels: ArrayLike, index: NodeIndex, group: int, *, network: str | None = None, layer: int | None = None
) -> NDArray[np.int64]:
    """Patch nodes of a group, ascending.

    Parameters
    ----------
    labels
        (N,) 1 figure, 0 ground, -1 neither.
    index
        The nodes.
    group
        ``FIGURE`` or ``GROUND``.
    network, layer
        At which slots; None is all.
    """
    known = np.asarray(labels)
    if known.shape != (len(index),):
        raise InputError(f"There are {len(index)} nodes, but labels of shape {known.shape}.")
    nodes = index.select(
        networks=None if network is None else [network],
        layers=None if layer is None else [layer],
        patches_only=True,
    )
    chosen: NDArray[np.int64] = nodes[known[nodes] == group]
    return chosen


@dataclass(frozen=True, eq=False)
class GroupActivation:
    """Mean activation of regions by figure and by ground.

    Attributes
    ----------
    figure, ground
        (R,) mean over all nodes of the group.
    figure_interval, ground_interval
        (2, R) 95 % interval by bootstrap over pictures.
    difference
        (R,) figure minus ground.
    difference_interval
        (2, R) its 95 % interval, of the same draws.
    n_figure, n_ground
        Number of nodes.
    """

    figure: FloatArray
    ground: FloatArray
    figure_interval: FloatArray
    ground_interval: FloatArray
    difference: FloatArray
    difference_interval: FloatArray
    n_figure: int
    n_ground: int

    @property
    def differs(self) -> NDArray[np.bool_]:
        """(R,): whether the interval of the difference leaves zero out."""
        low, high = self.difference_interval
        apart: NDArray[np.bool_] = (low > 0) | (high < 0)
        return apart


def group_activation(
    values: ArrayLike, labels: ArrayLike, images: ArrayLike, *, n_bootstraps: int = 1000, seed: int = 0
) -> GroupActivation:
    """What figure and ground do to each region, or to each channel (AlignedCut, section 3.2).

    Parameters
    ----------
    values
        (n, R) activation of each region by each node of one slot.
    labels
        (n,) 1 figure, 0 ground, -1 neither.
    images
        (n,) picture of each node. Nodes of a picture are not independent, so whole pictures are drawn.
    n_bootstraps, seed
        Number of draws, and their seed.

    Returns
    -------
    GroupActivation
        Means, differences, and how sure they are.

    Raises
    ------
    InputError
        If shapes do not fit or a group is empty.
    """
    table, known = np.asarray(values), np.asarray(labels).reshape(-1)
    number = np.unique(np.asarray(images), return_inverse=True)[1].reshape(-1)
    if table.ndim != 2 or not len(table) == len(known) == len(number):
        raise InputError("Values, labels and pictures must be given for the same nodes.")
    if not ((known == FIGURE).any() and (known == GROUND).any()):
        raise InputError("Figure and ground need at least one node each.")
    n_pictures = int(number.max()) + 1
    weights = bootstrap_weights(n_pictures, n_bootstraps, seed)
    means, drawn, counts = [], [], []
    for group in (FIGURE, GROUND):
        of_group = known == group
        rows, picture = table[of_group].astype(np.float64), number[of_group]
        sums = np.stack([np.bincount(picture, column, n_pictures) for column in rows.T], axis=1)
        sizes = np.bincount(picture, minlength=n_pictures).astype(np.float64)
        total = weights @ sizes
        means.append(rows.mean(axis=0))
        counts.append(len(rows))
        drawn.append((weights @ sums) / np.where(total > 0, total, np.nan)[:, None])
    figure_interval, ground_interval, apart = (
        np.nanquantile(draws, (0.025, 0.975), axis=0) for draws in (*drawn, drawn[0] - drawn[1])
    )
    return GroupActivation(
        means[0], means[1], figure_interval, ground_interval, means[0] - means[1], apart, counts[0], counts[1]
    )
