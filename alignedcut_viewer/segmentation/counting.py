"""How many segments a picture has, by its own eigenvalues and by how well segments hold together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .clusters import Clusters, segment_tokens

__all__ = ["CountChoice", "choose_count", "cluster_eigenvectors"]

_FAVOURED_GAPS = 3


@dataclass(frozen=True)
class CountChoice:
    """The number of segments that was taken, and what spoke for it.

    Attributes
    ----------
    k
        The number.
    candidates
        Numbers that were tried, ``(n,)``.
    eigengaps
        Eigenvalue ``k`` less eigenvalue ``k + 1`` for each, ``(n,)``: how much a further segment would cost.
    silhouettes
        Mean silhouette of the segments, ``(n,)``, from -1 to 1 (Rousseeuw 1987).
    clusters
        The segments of tokens with that number.
    """

    k: int
    candidates: NDArray[np.int64]
    eigengaps: NDArray[np.float64]
    silhouettes: NDArray[np.float64]
    clusters: Clusters

    @property
    def reason(self) -> str:
        """One line that says why."""
        at = int(np.flatnonzero(self.candidates == self.k)[0])
        return (
            f"{self.k} segments of {self.candidates[0]} to {self.candidates[-1]} that were tried: eigengap "
            f"{self.eigengaps[at]:.4f}, silhouette {self.silhouettes[at]:.3f}"
        )


def cluster_eigenvectors(eigenvectors: ArrayLike, k: int, *, n_starts: int = 5, seed: int = 0) -> Clusters:
    """K segments of tokens by k-means on eigenvectors 2 to k of a normalised cut.

    The first eigenvector only tells how well a token is connected, and is left out.

    Parameters
    ----------
    eigenvectors
        ``(N, C)``, the leading one first.
    k
        Number of segments, from 2 to C.
    n_starts, seed
        As for :func:`~alignedcut_viewer.segmentation.segment_tokens`.

    Returns
    -------
    Clusters
        Centres have ``k - 1`` coordinates.

    Raises
    ------
    InputError
        If `k` does not fit.
    """
    points = np.asarray(eigenvectors, dtype=np.float32)
    if points.ndim != 2 or not 2 <= k <= points.shape[1]:
        raise InputError(f"The number of segments must lie between 2 and the eigenvectors {points.shape}; got {k}.")
    # Eigenvectors have length one over the picture; of size one a token, no rounding hides a difference.
    return segment_tokens(points[:, 1:k] * np.sqrt(len(points)), k, metric="euclidean", n_starts=n_starts, seed=seed)


def choose_count(
    eigenvectors: ArrayLike,
    eigenvalues: ArrayLike,
    *,
    smallest: int = 4,
    largest: int = 10,
    n_starts: int = 5,
    seed: int = 0,
) -> CountChoice:
    """Number of segments by eigengap and silhouette.

    Of the three numbers with the widest eigengaps the one whose segments have the highest mean silhouette is taken.

    Parameters
    ----------
    eigenvectors, eigenvalues
        ``(N, C)`` and ``(C,)`` of a normalised cut, descending.
    smallest, largest
        Numbers that are tried. Photographs of several things are described better by four segments and more than by
        the two or three that hold together best; for figure and ground begin with 2.
    n_starts, seed
        Of k-means.

    Returns
    -------
    CountChoice

    Raises
    ------
    InputError
        If there are too few eigenvectors.
    """
    if smallest < 2:
        raise InputError(f"There are at least 2 segments; got {smallest}.")
    from sklearn.metrics import silhouette_score

    values = np.asarray(eigenvalues, dtype=np.float64)
    points = np.asarray(eigenvectors, dtype=np.float32)
    if values.shape != points.shape[1:] or len(values) < 3:
        raise InputError("At least three eigenvectors, each with its eigenvalue, are needed to choose a number.")
    candidates = np.arange(min(smallest, len(values) - 1), min(max(largest, smallest), len(values) - 1) + 1)
    gaps = values[candidates - 1] - values[candidates]
    favoured = candidates[np.argsort(-gaps, kind="stable")[:_FAVOURED_GAPS]]
    silhouettes = np.full(len(candidates), np.nan)
    best: tuple[float, Clusters] | None = None
    for k in sorted(favoured.tolist()):
        found = cluster_eigenvectors(points, k, n_starts=n_starts, seed=seed)
        used = len(np.unique(found.labels))
        score = float(silhouette_score(points[:, 1:k], found.labels)) if 1 < used < len(points) else -1.0
        silhouettes[k - candidates[0]] = score
        if best is None or score > best[0]:
            best = (score, found)
    assert best is not None
    return CountChoice(len(best[1].centres), candidates, gaps, silhouettes, best[1])
