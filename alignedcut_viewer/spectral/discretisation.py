"""From eigenvectors to k segments: the rotation of Yu and Shi (2003), and spherical k-means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import parameters
from ..errors import InputError
from ..kmeans import kmeans
from ..progress import ProgressCallback, report
from .features import FeatureChunks, as_features, as_tensor, raise_not_finite
from .sampling import sample_rows

if TYPE_CHECKING:
    import torch

__all__ = ["Segmenter", "discretise", "fit_segmenter", "yu_shi_rotation"]

IntArray = NDArray[np.int32]
Method = Literal["yu-shi", "kmeans"]

_SAMPLE = 20_000
_CHUNK = 65_536
_RESTARTS = 8
_ITERATIONS = 100


@dataclass(frozen=True)
class Segmenter:
    """Directions in the space of the eigenvectors, one a segment.

    Attributes
    ----------
    directions
        float32 (C, k): orthogonal for the rotation, unit columns for spherical k-means. A node belongs to the segment
        whose direction has the greatest product with the node's first C eigenvector entries.
    """

    directions: torch.Tensor

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return int(self.directions.shape[1])

    def scores(self, rows: torch.Tensor) -> torch.Tensor:
        """Cosine of each node to each direction, (n, k); `rows` are eigenvector entries (n, at least C)."""
        return unit_rows(rows, self.directions.shape[0]) @ self.directions


def unit_rows(rows: torch.Tensor, n_columns: int) -> torch.Tensor:
    """The first columns as float32, every row scaled to length one; rows of zeros stay."""
    import torch

    part = rows[:, :n_columns].to(dtype=torch.float32, device="cpu")
    length = torch.linalg.vector_norm(part, dim=1, keepdim=True)
    return part / torch.where(length > 0, length, torch.ones_like(length))


def yu_shi_rotation(rows: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """The rotation that brings rows of eigenvectors nearest to indicator vectors (Yu & Shi, ICCV 2003).

    Alternates between the nearest indicators of the rotated rows and the orthogonal Procrustes solution between rows
    and indicators; begins with rows that are as orthogonal to one another as possible, from several seeded first rows,
    and keeps the best.

    Parameters
    ----------
    rows
        float32 (n, k), of unit length.
    rng
        Chooses the first rows.

    Returns
    -------
    torch.Tensor
        float32 (k, k), orthogonal.
    """
    import torch

    n, k = rows.shape
    best = torch.eye(k)
    best_fit = -float("inf")
    for first in rng.choice(n, size=min(n, _RESTARTS), replace=False):
        rotation = _orthogonal_start(rows, int(first))
        fit = -float("inf")
        for _ in range(_ITERATIONS):
            labels = (rows @ rotation).argmax(dim=1)
            sums = torch.zeros((k, k), dtype=torch.float64)
            sums.index_add_(0, labels, rows.double())
            left, values, right = torch.linalg.svd(sums)
            reached = float(values.sum())
            if reached <= fit * (1 + 1e-7):
                break
            fit = reached
            rotation = (right.T @ left.T).float()
        if fit > best_fit:
            best, best_fit = rotation, fit
    return best


def _orthogonal_start(rows: torch.Tensor, first: int) -> torch.Tensor:
    """Columns that are rows of the data, each as orthogonal as possible to those before it; then made orthogonal."""
    import torch

    k = rows.shape[1]
    start = torch.zeros((k, k))
    start[:, 0] = rows[first]
    overlap = torch.zeros(len(rows))
    for column in range(1, k):
        overlap += (rows @ start[:, column - 1]).abs()
        start[:, column] = rows[int(overlap.argmin())]
    left, _, right = torch.linalg.svd(start.double())
    orthogonal: torch.Tensor = (left @ right).float()
    return orthogonal


def fit_segmenter(features: FeatureChunks, k: int, method: Method, seed: int) -> Segmenter:
    """Find the directions of `k` segments on a sample of at most 20,000 nodes.

    Parameters
    ----------
    features
        Eigenvectors (N, C).
    k
        Number of segments; the rotation takes the first k eigenvectors and needs so many.
    method
        ``"yu-shi"`` or ``"kmeans"``.
    seed
        Of the sample and the starts.

    Raises
    ------
    InputError
        If there are too few eigenvectors, or a parameter is wrong.
    FeatureError
        If the eigenvectors are not finite.
    """
    import torch

    n, columns = features.shape
    if method not in ("yu-shi", "kmeans"):
        raise InputError(f"Unknown method {method!r} of discretisation; use yu-shi or kmeans.")
    if k < 1:
        raise InputError(f"The number of segments must be at least 1; got {k}.")
    if method == "yu-shi" and k > columns:
        raise InputError(
            f"A rotation into {k} segments needs {k} eigenvectors, but there are {columns}; compute more eigenvectors "
            "or use method='kmeans'."
        )
    rng = np.random.default_rng(parameters.seed(seed))
    rows = unit_rows(as_tensor(features.rows(sample_rows(features, _SAMPLE, rng))), min(k, columns))
    if not bool(torch.isfinite(rows).all()):
        raise_not_finite(features)
    if k == 1:
        return Segmenter(torch.ones((1, 1)))
    if method == "yu-shi":
        return Segmenter(yu_shi_rotation(rows, rng))
    centres = kmeans(rows.numpy(), min(k, n), "cosine", n_starts=_RESTARTS, generator=rng)
    return Segmenter(torch.from_numpy(centres.T.copy()))


def discretise(
    eigenvectors: Any,
    k: int,
    method: Method = "yu-shi",
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> IntArray:
    """Segment number of every node.

    Parameters
    ----------
    eigenvectors
        (N, C) finite, leading ones first, the constant one among them: NumPy, torch, memory map, zarr array or a stream
        of chunks. Each row is scaled to unit length.
    k
        Number of segments; the first k eigenvectors are used.
    method
        ``"yu-shi"``: rotation of the eigenvectors to the nearest indicators, as in multiclass normalised cuts;
        ``"kmeans"``: k-means by cosine.
    seed
        Of the sample the segments are found on (all nodes up to 20,000) and of the starts.
    progress
        Called after every chunk; raises to cancel.

    Returns
    -------
    NDArray
        int32 (N,), numbered by size, the largest segment 0. A segment that no node belongs to has no number, so there
        can be fewer than `k`.

    Raises
    ------
    InputError
        If there are too few eigenvectors, or a parameter is wrong.
    FeatureError
        If the eigenvectors are not finite.
    """
    features = as_features(eigenvectors)
    segmenter = fit_segmenter(features, k, method, seed)
    labels: IntArray = np.empty(features.shape[0], dtype=np.int32)
    for start, rows in features.chunks(_CHUNK):
        scores = segmenter.scores(as_tensor(rows))
        if not np.isfinite(float(scores.sum())):
            raise_not_finite(features)
        labels[start : start + len(scores)] = scores.argmax(dim=1).numpy()
        report(progress, start + len(scores), len(labels), "Segments")
    return by_size(labels)


def by_size(labels: IntArray) -> IntArray:
    """The same segments, numbered from the largest to the smallest; of equal ones the lower old number first."""
    sizes = np.bincount(labels)
    new = np.empty(len(sizes), dtype=np.int32)
    new[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes), dtype=np.int32)
    renumbered: IntArray = new[labels]
    return renumbered
