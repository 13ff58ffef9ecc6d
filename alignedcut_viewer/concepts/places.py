"""Places in pictures, shared by token grids of different sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..nodes import NodeIndex

__all__ = ["area_weights", "common_grid", "finest_nodes", "nearest_patches", "on_grid", "path_nodes"]

IntArray = NDArray[np.int64]


def common_grid(index: NodeIndex, networks: tuple[str, ...]) -> tuple[int, int]:
    """Rows and columns of the coarsest of some networks' grids, which all can be brought to."""
    grids = [index.grid(name, layer) for name in networks for layer in index.network(name).layers]
    return min(grid.rows for grid in grids), min(grid.columns for grid in grids)


def area_weights(n_from: int, n_to: int) -> NDArray[np.float64]:
    """Weights that average cells along one side of a grid by the area they share with those of another.

    Parameters
    ----------
    n_from, n_to
        Number of cells along the side, before and after.

    Returns
    -------
    array
        float64 (n_to, n_from), rows sum to 1; the identity where both are equal.
    """
    edges_from, edges_to = np.linspace(0, 1, n_from + 1), np.linspace(0, 1, n_to + 1)
    low = np.maximum(edges_to[:-1, None], edges_from[None, :-1])
    high = np.minimum(edges_to[1:, None], edges_from[None, 1:])
    shared = np.maximum(high - low, 0) * n_to
    shared[shared < 1e-9] = 0
    weights: NDArray[np.float64] = shared / shared.sum(axis=1, keepdims=True)
    return weights


def nearest_patches(rows: int, columns: int, to_rows: int, to_columns: int) -> IntArray:
    """For each cell of a grid, row by row, the patch of another grid that holds its centre; int64 (cells,)."""
    y = np.minimum(((np.arange(to_rows) + 0.5) / to_rows * rows).astype(np.int64), rows - 1)
    x = np.minimum(((np.arange(to_columns) + 0.5) / to_columns * columns).astype(np.int64), columns - 1)
    patches: IntArray = (y[:, None] * columns + x[None, :]).reshape(-1)
    return patches


def on_grid(
    values: NDArray[Any], index: NodeIndex, network: str, layer: int, rows: int, columns: int
) -> NDArray[np.floating[Any]]:
    """Values of a slot's patches in all pictures, averaged over the cells of a common grid.

    Parameters
    ----------
    values
        (N,) or (N, D), one row per node.
    index
        The nodes.
    network, layer
        The slot.
    rows, columns
        The common grid.

    Returns
    -------
    array
        (images, rows · columns) or (images, rows · columns, D); float32, or float64 of doubles.
    """
    grid = index.grid(network, layer)
    nodes = np.asarray(values[index.slot_slice(network, layer)])
    trailing = nodes.shape[1:]
    kind: Any = np.float64 if nodes.dtype == np.float64 else np.float32
    tokens = nodes.astype(kind).reshape(len(index.images), grid.n_tokens, -1)[:, int(grid.class_token) :]
    if (rows, columns) != (grid.rows, grid.columns):
        tokens = tokens.reshape(len(tokens), grid.rows, grid.columns, -1)
        down, across = area_weights(grid.rows, rows).astype(kind), area_weights(grid.columns, columns).astype(kind)
        tokens = np.einsum("ay,bx,iyxd->iabd", down, across, tokens, optimize=True)
    result: NDArray[np.floating[Any]] = tokens.reshape(len(index.images), rows * columns, *trailing)
    return result


def path_nodes(
    index: NodeIndex,
    network: str,
    nodes: NDArray[np.integer[Any]] | None = None,
    layers: tuple[int, ...] | None = None,
) -> IntArray:
    """The nodes at one place of a picture in the successive layers of a network.

    Parameters
    ----------
    index
        The nodes of the cut.
    network
        Whose layers.
    nodes
        Which places: patch nodes of any network and layer; on another grid the patch that holds their centre is taken.
        None is every patch of every picture, of the finest grid where layers differ.
    layers
        Layer numbers, ascending; None is all of the network.

    Returns
    -------
    array
        int64 (P, L): one row per place, by picture and then row by row, no place twice; one column per layer.

    Raises
    ------
    InputError
        If network or layer is not there, or no place is left.
    """
    chosen = index.network(network).layers if layers is None else tuple(layers)
    grids = [index.grid(network, layer) for layer in chosen]
    # Places are told apart as finely as the finest of the layers does.
    rows, columns = max(grid.rows for grid in grids), max(grid.columns for grid in grids)
    n_patches = rows * columns
    if nodes is None:
        places = np.arange(len(index.images) * n_patches)
    else:
        flat = np.asarray(nodes, dtype=np.int64)
        location = index.locate(flat)
        patches = location.row >= 0
        rows_of, columns_of = index.grids_of(flat[patches])
        y = ((location.row[patches] + 0.5) / rows_of * rows).astype(np.int64)
        x = ((location.column[patches] + 0.5) / columns_of * columns).astype(np.int64)
        position = {image: i for i, image in enumerate(index.images)}
        image = np.array([position[int(number)] for number in np.unique(location.image)], dtype=np.int64)
        image = image[np.unique(location.image, return_inverse=True)[1].reshape(-1)][patches]
        places = np.unique(image * n_patches + y * columns + x)
    if not len(places):
        raise InputError("A path needs at least one patch; class tokens lie nowhere in a picture.")
    picture, patch = np.divmod(places, n_patches)
    y, x = np.divmod(patch, columns)
    paths = np.empty((len(places), len(chosen)), dtype=np.int64)
    for number, (layer, grid) in enumerate(zip(chosen, grids, strict=True)):
        row, column = (2 * y + 1) * grid.rows // (2 * rows), (2 * x + 1) * grid.columns // (2 * columns)
        token = picture * grid.n_tokens + int(grid.class_token) + row * grid.columns + column
        paths[:, number] = index.slot_slice(network, layer).start + token
    return paths


def finest_nodes(index: NodeIndex, paths: NDArray[np.integer[Any]]) -> IntArray:
    """The node of each path at the finest of its layers, which tells all places apart; int64 (P,).

    Parameters
    ----------
    index
        The nodes of the cut.
    paths
        (P, L), as :func:`path_nodes` gives them.
    """
    rows, columns = index.grids_of(paths[0])
    return np.asarray(paths[:, int(np.argmax(rows * columns))], dtype=np.int64)
