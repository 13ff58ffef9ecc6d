r"""Turn the eigenvectors of pictures that were cut one by one, so that a column means the same in all of them.

Eigenvectors of a picture know nothing of those of another: their signs, their order and any rotation among near equal
eigenvalues are chance, so that colours of two pictures could not be compared. What joins pictures is what their tokens
are: the tokens weighted by a column, ``F_i^T x_c``, are a direction in the channels, and the pictures' directions are
brought together by generalised orthogonal Procrustes analysis (Gower 1975): rotations ``T_i`` that make the
``F_i^T X_i T_i`` most alike.

Rows are taken as ``X_i Lambda_i^1/2``: their inner products are the picture's joint operator as far as its C
eigenvectors know it, and a rotation leaves these, and all distances between places of one picture, as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from .layer_tokens import LayerInput, LayerTokens
from .token_grid import Grid, Pooling

__all__ = ["agreeing_turns", "channel_directions", "common_columns"]

_WIDTH = 512
_MOST_STEPS = 100
_SETTLED = 1e-7


def channel_directions(
    layers: Sequence[LayerInput],
    rows: NDArray[np.float32],
    grid: Grid,
    weights: NDArray[np.float64] | None = None,
    *,
    seed: int = 0,
) -> NDArray[np.float64]:
    """What every column of every picture stands for in the channels of some layers.

    Parameters
    ----------
    layers
        The layers; attention maps have no channels and are passed over.
    rows
        Rows of every picture, (pictures, places, C).
    grid
        Their grid.
    weights
        How much each layer counts, (layers,); None for all the same.
    seed
        Of the random projection that brings the channels of all layers to 512, which keeps their inner products.

    Returns
    -------
    NDArray
        float64 (pictures, 512, C). Tokens are of length one, the mean token of all pictures taken away.
    """
    generator = torch.Generator().manual_seed(seed)
    n = len(rows)
    total = torch.zeros(n, _WIDTH, rows.shape[2], dtype=torch.float64)
    for number, layer in enumerate(layers):
        if not isinstance(layer, LayerTokens):
            continue
        pooling = Pooling(grid, layer.grid)
        root = 1.0 if weights is None else float(weights[number]) ** 0.5
        for side in range(1 if layer.symmetric else 2):
            projection = torch.randn(_WIDTH, layer.n_channels, generator=generator) * (root / _WIDTH**0.5)
            found = torch.zeros(n, layer.n_channels, rows.shape[2])
            sums = torch.zeros(n, rows.shape[2])
            mean = torch.zeros(layer.n_channels)
            for picture in range(n):
                at = slice(picture, picture + 1)
                tokens = layer.sides(at, torch.device("cpu"))[side][0]
                tokens = tokens / torch.linalg.vector_norm(tokens, dim=1, keepdim=True).clamp(min=1e-12)
                columns = pooling.down(torch.from_numpy(np.array(rows[at], dtype=np.float32)))[0]
                found[picture], sums[picture] = tokens.T @ columns, columns.sum(dim=0)
                mean += tokens.mean(dim=0) / n
            total += (projection @ (found - mean[:, None] * sums[:, None, :])).double()
    return total.numpy()


def agreeing_turns(directions: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rotations that make the directions of all pictures most alike.

    Parameters
    ----------
    directions
        (pictures, channels, C), see :func:`channel_directions`.

    Returns
    -------
    NDArray
        float64 (pictures, C, C) orthogonal.
    """
    n, width, count = directions.shape
    if n < 2:
        return np.tile(np.eye(count), (n, 1, 1))
    given = np.asarray(directions, dtype=np.float64)
    # Begin at the subspace of the channels that all pictures share most: it does not depend on any one of them.
    squares = np.einsum("pdc,pec->de", given, given)
    target = np.linalg.eigh(squares)[1][:, ::-1][:, :count]
    target = np.pad(target, ((0, 0), (0, count - min(width, count))))
    before = -np.inf
    for _ in range(_MOST_STEPS):
        left, sizes, right = np.linalg.svd(np.einsum("pdc,de->pce", given, target))
        turns: NDArray[np.float64] = left @ right
        gained = float(sizes.sum())
        target = np.einsum("pdc,pce->de", given, turns) / n
        if gained <= before * (1 + _SETTLED):
            break
        before = gained
    return turns


def common_columns(
    rows: NDArray[np.float32], turns: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same rotations with a common order of columns and common signs.

    Parameters
    ----------
    rows
        (pictures, places, C).
    turns
        Of :func:`agreeing_turns`.

    Returns
    -------
    turns
        float64 (pictures, C, C): columns by descending squared length of the turned rows, each with a positive sum of
        cubes over all pictures.
    sizes
        float64 (C,): mean squared length of the turned columns of a picture.
    """
    squares, cubes = np.zeros(rows.shape[2]), np.zeros(rows.shape[2])
    for own, turn in zip(rows, turns, strict=True):
        values = own @ turn
        squares += (values**2).sum(axis=0) / len(rows)
        cubes += (values**3).sum(axis=0)
    order = np.argsort(-squares, kind="stable")
    return turns[:, :, order] * np.where(cubes[order] < 0, -1.0, 1.0), squares[order]
