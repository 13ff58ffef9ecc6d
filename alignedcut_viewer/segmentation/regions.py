"""Regions of one picture: k-means on the features of its places, the number of regions by silhouette."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .clusters import segment_tokens

__all__ = ["Regions", "checked_places", "find_regions"]


@dataclass(frozen=True)
class Regions:
    """Regions of one picture.

    Attributes
    ----------
    labels
        int32 ``(rows, columns)``, from 0, the largest first.
    silhouettes
        Mean silhouette of each region's places, ``(k,)``, from -1 to 1 (Rousseeuw 1987); NaN where there is one region.
    reason
        One line: how many regions, and why.
    """

    labels: NDArray[np.int32]
    silhouettes: NDArray[np.float64]
    reason: str


def find_regions(
    features: ArrayLike, grid: tuple[int, int], *, counts: Sequence[int] = range(2, 10), seed: int = 0
) -> Regions:
    """Divide a picture by k-means on the features of its places, with the number that has the best mean silhouette.

    The way from pseudo-eigenvectors to regions of Zhang, Yunis and Maire (2024); the numbers that they try for regions
    are not published, those for instances are 2 to 9.

    Parameters
    ----------
    features
        ``(rows * columns, C)``: pseudo-eigenvectors times their singular values.
    grid
        Rows and columns.
    counts
        Numbers of regions that are tried; a single one is taken as it is.
    seed
        Of k-means.

    Raises
    ------
    InputError
        If shapes do not fit, or there are as many regions as places.
    """
    from sklearn.metrics import silhouette_samples

    points = checked_places(features, grid)
    tried = sorted({int(k) for k in counts if 2 <= k < len(points)})
    if not tried:
        raise InputError(f"A picture of {len(points)} places cannot be divided into {list(counts)} regions.")
    best: tuple[float, NDArray[np.int32], NDArray[np.float64], int] | None = None
    for k in tried:
        labels = segment_tokens(points, k, metric="euclidean", n_starts=5, seed=seed).labels
        used = np.unique(labels)
        if len(used) < 2:
            continue
        each = silhouette_samples(points, labels)
        of_regions = np.array([each[labels == number].mean() for number in used])
        if best is None or each.mean() > best[0]:
            best = (float(each.mean()), np.searchsorted(used, labels).astype(np.int32), of_regions, len(used))
    if best is None:
        return Regions(np.zeros(grid, np.int32), np.array([np.nan]), "1 region: all places are alike")
    mean, found, silhouettes, k = best
    among = f"{tried[0]} to {tried[-1]} that were tried" if len(tried) > 1 else "as asked for"
    return Regions(found.reshape(grid), silhouettes, f"{k} regions of {among}: silhouette {mean:.3f}")


def checked_places(features: ArrayLike, grid: tuple[int, int]) -> NDArray[np.float32]:
    """Features of a picture's places, float32 ``(rows * columns, C)``; an InputError if they are not."""
    points = np.asarray(features, dtype=np.float32)
    if points.ndim != 2 or len(points) != grid[0] * grid[1]:
        raise InputError(f"Features {points.shape} do not fit a grid of {grid[0]} × {grid[1]} places.")
    scale = float(np.abs(points).max(initial=0.0))
    return points / np.float32(scale) if scale > 0 else points
