"""Things in one picture, without classes: connected parts and what they merge into, the ones that stand out most.

The way from pseudo-eigenvectors to instances of Zhang, Yunis and Maire (2024), with the settings of their public code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .clusters import segment_tokens
from .regions import checked_places

__all__ = ["ObjectSettings", "Objects", "find_objects", "neighbour_merges", "standing_out"]


@dataclass(frozen=True)
class ObjectSettings:
    """What may be a thing, and which are kept.

    Attributes
    ----------
    counts
        Numbers of clusters whose connected parts are where merging begins.
    smallest, largest
        Share of the picture that a thing takes.
    fewest
        Places that it has at least; on coarse grids 1 % of a picture is no shape.
    overlap
        Intersection over union from which the one that stands out less is left out.
    left
        Share of its own places that a thing must keep where better ones lie over it.
    score
        Things must stand out more than this.
    most
        Things kept at most.
    seed
        Of k-means.
    """

    counts: tuple[int, ...] = tuple(range(2, 10))
    smallest: float = 0.01
    largest: float = 0.9
    fewest: int = 4
    overlap: float = 0.7
    left: float = 0.5
    score: float = 0.0
    most: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.counts or min(self.counts) < 2:
            raise InputError(f"Things are looked for in 2 clusters or more; got {self.counts}.")
        if not 0 <= self.smallest < self.largest <= 1:
            raise InputError(f"Shares of the picture lie between 0 and 1; got {self.smallest} to {self.largest}.")
        if not (0 < self.overlap <= 1 and 0 <= self.left <= 1 and -1 <= self.score <= 1 and self.most >= 1):
            raise InputError(
                "Overlap and what is left lie between 0 and 1, a score from -1 to 1, and one thing is kept."
            )


@dataclass(frozen=True)
class Objects:
    """Things in one picture.

    Attributes
    ----------
    labels
        int32 ``(rows, columns)``, from 1 by descending score; 0 where none is.
    scores
        How each stands out, ``(n,)``: mean silhouette against as many nearest places around it, from -1 to 1.
    n_candidates
        Parts that were looked at.
    """

    labels: NDArray[np.int32]
    scores: NDArray[np.float64]
    n_candidates: int


def find_objects(features: ArrayLike, grid: tuple[int, int], settings: ObjectSettings | None = None) -> Objects:
    """Find things that stand out from what surrounds them.

    For several numbers of clusters: k-means, connected components, and Ward merging of touching ones; every node of
    every tree is a candidate. Those that are too small, too large, or touch two or more borders of the picture are left
    out (three or more, where none is left, or none at all). The rest are scored by the silhouette against as many of
    the nearest places outside, and of two that overlap the better one is kept.

    Parameters
    ----------
    features
        ``(rows * columns, C)``: pseudo-eigenvectors times their singular values.
    grid
        Rows and columns.
    settings
        Which are kept.

    Notes
    -----
    Masks of a picture hold one number at a place, so that things which still overlap give way to better ones; that
    is ours, as is the bound on the score.
    """
    settings = settings or ObjectSettings()
    points = checked_places(features, grid)
    found: dict[bytes, NDArray[np.bool_]] = {}
    for k in settings.counts:
        if k >= len(points):
            continue
        labels = segment_tokens(points, k, metric="euclidean", n_starts=5, seed=settings.seed).labels
        for mask in neighbour_merges(points, labels.reshape(grid)):
            found.setdefault(np.packbits(mask).tobytes(), mask)
    size = grid[0] * grid[1]
    least = max(settings.smallest * size, settings.fewest)
    fits = [mask for mask in found.values() if least <= mask.sum() <= settings.largest * size]
    borders = np.array([_borders(mask) for mask in fits], dtype=int)
    for most in (1, 2, 4):
        inner = [mask for mask, touched in zip(fits, borders, strict=True) if touched <= most]
        if inner:
            break
    else:
        return Objects(np.zeros(grid, np.int32), np.zeros(0), 0)
    scores = standing_out(points, inner)
    labels, kept = _one_each(inner, scores, settings)
    return Objects(labels, kept, len(inner))


def neighbour_merges(points: NDArray[np.float32], labels: NDArray[np.integer]) -> Iterator[NDArray[np.bool_]]:
    """Connected parts of a label map, and every part that Ward merging of touching ones makes of them.

    Parameters
    ----------
    points
        Features of the places, ``(rows * columns, C)``.
    labels
        ``(rows, columns)``.

    Yields
    ------
    ndarray of bool, shape (rows, columns)
        The whole picture is not among them.
    """
    from scipy.ndimage import label

    parts = np.zeros(labels.shape, dtype=np.int64)
    count = 0
    for value in np.unique(labels):
        components, n = label(labels == value)
        parts[components > 0] = count + components[components > 0] - 1
        count += n
    masks = {number: parts == number for number in range(count)}
    yield from (mask for mask in masks.values() if count > 1)
    flat = parts.ravel()
    sizes = {number: float(n) for number, n in enumerate(np.bincount(flat, minlength=count))}
    means = {number: points[flat == number].mean(axis=0, dtype=np.float64) for number in range(count)}
    touching = _touching(parts)
    costs = {pair: _ward(pair, sizes, means) for pair in touching}
    for new in range(count, 2 * count - 2):
        if not costs:
            return
        one, other = min(costs, key=lambda pair: (costs[pair], pair))
        masks[new] = masks[one] | masks[other]
        yield masks[new]
        sizes[new] = sizes[one] + sizes[other]
        means[new] = (sizes[one] * means[one] + sizes[other] * means[other]) / sizes[new]
        beside = {i for pair in costs if one in pair or other in pair for i in pair} - {one, other}
        costs = {pair: cost for pair, cost in costs.items() if one not in pair and other not in pair}
        costs |= {(i, new): _ward((i, new), sizes, means) for i in beside}


def _touching(parts: NDArray[np.int64]) -> set[tuple[int, int]]:
    pairs = np.concatenate(
        [
            np.stack([parts[1:].ravel(), parts[:-1].ravel()], axis=1),
            np.stack([parts[:, 1:].ravel(), parts[:, :-1].ravel()], axis=1),
        ]
    )
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    return {(int(i), int(j)) for i, j in pairs}


def _ward(pair: tuple[int, int], sizes: dict[int, float], means: dict[int, NDArray[np.float64]]) -> float:
    """By how much the sum of squares within parts grows when two are merged."""
    i, j = pair
    return float(sizes[i] * sizes[j] / (sizes[i] + sizes[j]) * ((means[i] - means[j]) ** 2).sum())


def _borders(mask: NDArray[np.bool_]) -> int:
    return int(mask[0].any()) + int(mask[-1].any()) + int(mask[:, 0].any()) + int(mask[:, -1].any())


def standing_out(points: NDArray[np.float32], masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Mean silhouette of each part and as many of the nearest places outside it, ``(n,)``, from -1 to 1."""
    from scipy.ndimage import distance_transform_edt

    squares = (points.astype(np.float64) ** 2).sum(axis=1)
    distances = np.sqrt(np.clip(squares[:, None] + squares - 2 * (points @ points.T).astype(np.float64), 0, None))
    np.fill_diagonal(distances, 0)
    scores = np.zeros(len(masks))
    for number, mask in enumerate(masks):
        inside = np.flatnonzero(mask)
        away = distance_transform_edt(~mask).ravel()
        outside = np.flatnonzero(~mask)
        outside = outside[np.argsort(away[outside], kind="stable")[: len(inside)]]
        between = distances[np.ix_(inside, outside)]
        silhouettes = []
        for own, other in ((inside, between.mean(axis=1)), (outside, between.mean(axis=0))):
            alike = distances[np.ix_(own, own)].sum(axis=1) / max(len(own) - 1, 1)
            larger = np.maximum(alike, other)
            # as usual, what stands alone has a silhouette of 0
            value = np.divide(other - alike, larger, out=np.zeros(len(own)), where=larger > 0)
            silhouettes.append(value if len(own) > 1 else np.zeros(1))
        scores[number] = np.concatenate(silhouettes).mean()
    return scores


def _one_each(
    masks: Sequence[NDArray[np.bool_]], scores: NDArray[np.float64], settings: ObjectSettings
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Non-maximum suppression; where two that are kept overlap the better one has the place."""
    kept: list[int] = []
    labels = np.zeros(masks[0].shape, np.int32)
    taken: list[NDArray[np.bool_]] = []
    for number in np.argsort(-scores, kind="stable").tolist():
        mask = masks[number]
        if scores[number] <= settings.score or len(kept) == settings.most:
            break
        if any((mask & other).sum() >= settings.overlap * (mask | other).sum() for other in taken):
            continue
        free = mask & (labels == 0)
        if free.sum() < max(settings.left * mask.sum(), 1):
            continue
        taken.append(mask)
        kept.append(number)
        labels[free] = len(kept)
    return labels, scores[kept]
