"""Whole pictures drawn anew, as the pixels of one picture are not independent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import parameters

__all__ = ["bootstrap_weights"]


def bootstrap_weights(n_pictures: int, count: int, seed: int) -> NDArray[np.float64]:
    """How often each picture is drawn, with replacement, in each of some draws.

    Parameters
    ----------
    n_pictures
        Number of pictures, and of pictures a draw.
    count
        Number of draws.
    seed
        Of the draws.

    Returns
    -------
    array
        float64 (count, n_pictures); rows sum to `n_pictures`.
    """
    rng = np.random.default_rng(parameters.seed(seed))
    weights = np.empty((count, n_pictures))
    for row in weights:
        row[:] = np.bincount(rng.integers(0, n_pictures, n_pictures), minlength=n_pictures)
    return weights
