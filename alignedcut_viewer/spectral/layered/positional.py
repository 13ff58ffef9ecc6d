"""What tokens say of their place alone: the features of blank pictures span it, and it can be projected out.

A control for "where": what is left of it once the subspace that blank pictures move in is gone does not come from
position embeddings alone (compare INSID3, CVPR 2026).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import InputError
from .layer_tokens import LayerTokens, TokenSource

__all__ = ["positional_basis", "without_position"]


def positional_basis(blank: NDArray[Any], *, leading: int = 0, share: float = 0.95) -> NDArray[np.float32]:
    """Directions that tell places of blank pictures apart.

    Parameters
    ----------
    blank
        Tokens of blank pictures, of any grey, (pictures, tokens, channels).
    leading
        Tokens before the patches, which are no places.
    share
        Share of the variance over places that the directions hold, above 0 and up to 1.

    Returns
    -------
    NDArray
        float32 (channels, r) orthonormal; r is 0 where all places are alike.

    Raises
    ------
    InputError
        If the share is no share, or there is no blank picture.
    """
    if not 0 < share <= 1:
        raise InputError(f"The share of the variance must be above 0 and at most 1; got {share}.")
    if blank.ndim != 3 or not len(blank):
        raise InputError(f"Tokens of blank pictures must be (pictures, tokens, channels); got {blank.shape}.")
    places = np.asarray(blank, dtype=np.float64)[:, leading:].mean(axis=0)
    _, sizes, directions = np.linalg.svd(places - places.mean(axis=0), full_matrices=False)
    held = np.cumsum(sizes**2)
    if held[-1] <= 1e-12 * len(places):
        return np.empty((blank.shape[2], 0), np.float32)
    count = int(np.searchsorted(held / held[-1], share - 1e-12)) + 1
    basis: NDArray[np.float32] = np.ascontiguousarray(directions[:count].T, dtype=np.float32)
    return basis


def without_position(
    layer: LayerTokens, left: NDArray[np.float32], right: NDArray[np.float32] | None = None
) -> LayerTokens:
    """A layer with positional directions projected out of its tokens.

    Parameters
    ----------
    layer
        The layer.
    left, right
        Orthonormal directions (channels, r) to take out of either side, from :func:`positional_basis`; `right` None
        takes those of `left`.
    """
    other = left if right is None else right
    return replace(
        layer,
        left=_Projected(layer.left, left),
        right=None if layer.right is None else _Projected(layer.right, other),
    )


class _Projected:
    """An array without some directions of its channels."""

    def __init__(self, source: TokenSource, basis: NDArray[np.float32]) -> None:
        if basis.shape[0] != source.shape[2]:
            raise InputError(f"Directions of {basis.shape[0]} channels do not fit tokens of {source.shape[2]}.")
        self._source, self._basis = source, basis
        self.shape = tuple(source.shape)

    def __getitem__(self, pictures: slice) -> NDArray[np.float32]:
        values = self._source[pictures]
        if isinstance(values, torch.Tensor):
            values = values.cpu().numpy()
        values = np.asarray(values, dtype=np.float32)
        left: NDArray[np.float32] = values - (values @ self._basis) @ self._basis.T
        return left
