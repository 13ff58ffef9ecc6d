"""Paths of pixels over the layers: how long they are, how fast, and where two groups part (AlignedCut, Fig. 9)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import parameters
from ..errors import FeatureError, InputError
from ..nodes import NodeIndex
from ..progress import ProgressCallback, report
from .bootstrap import bootstrap_weights
from .places import path_nodes

__all__ = ["Bifurcation", "PaceCurve", "bifurcation_layer", "length", "pace", "pace_curve", "paths"]

FloatArray = NDArray[np.float32]
_AT_ONCE = 16
"""Permutations that are judged together."""
_FOLDS = 5


def paths(
    map2d: Any,
    index: NodeIndex,
    network: str,
    *,
    nodes: NDArray[np.integer[Any]] | None = None,
    layers: tuple[int, ...] | None = None,
) -> FloatArray:
    """Where each place of the pictures goes over the layers.

    Parameters
    ----------
    map2d
        (N, d): 2-D spectral t-SNE, or any other values of the nodes, such as eigenvectors.
    index
        The nodes.
    network
        Whose layers.
    nodes, layers
        Which places and layers, see :func:`alignedcut_viewer.concepts.path_nodes`; None is all.

    Returns
    -------
    array
        float32 (P, L, d), one row per place.
    """
    if len(map2d) != len(index):
        raise FeatureError(f"The map has {len(map2d)} rows, but the graph {len(index)} nodes.")
    along = path_nodes(index, network, nodes, layers)
    return np.asarray(np.asarray(map2d)[along], dtype=np.float32)


def pace(paths: ArrayLike) -> FloatArray:
    """Distance that each path covers from each layer to the next, (P, L - 1), in units of the map."""
    along = _checked(paths)
    distances: FloatArray = np.sqrt(np.square(np.diff(along, axis=1)).sum(axis=2))
    return distances


def length(paths: ArrayLike) -> FloatArray:
    """Length of each path, (P,): the sum of its distances from layer to layer."""
    lengths: FloatArray = pace(paths).sum(axis=1)
    return lengths


def _checked(paths: ArrayLike) -> FloatArray:
    along = np.asarray(paths, dtype=np.float32)
    if along.ndim != 3:
        raise InputError(f"Paths must be places × layers × dimensions; got an array of shape {along.shape}.")
    return along


@dataclass(frozen=True, eq=False)
class PaceCurve:
    """Mean pace of many paths, with what pictures drawn anew would give.

    Attributes
    ----------
    mean, low, high
        (L - 1,): mean distance a layer, and its 95 % interval by bootstrap over pictures.
    """

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def pace_curve(paths: ArrayLike, images: ArrayLike, *, n_bootstraps: int = 1000, seed: int = 0) -> PaceCurve:
    """Mean pace over paths, layer by layer.

    Parameters
    ----------
    paths
        (P, L, d).
    images
        (P,) picture of each path: patches of one picture are not independent, so whole pictures are drawn.
    n_bootstraps, seed
        Number of draws, and their seed.
    """
    each = pace(paths).astype(np.float64)
    number = _numbered(images, len(each))
    sizes = np.bincount(number).astype(np.float64)
    sums = np.stack([np.bincount(number, column, len(sizes)) for column in each.T], axis=1)
    weights = bootstrap_weights(len(sizes), n_bootstraps, seed)
    drawn = (weights @ sums) / (weights @ sizes)[:, None]
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return PaceCurve(each.mean(axis=0), low, high)


def _numbered(images: ArrayLike, n_paths: int) -> NDArray[np.int64]:
    number = np.unique(np.asarray(images), return_inverse=True)[1].reshape(-1)
    if len(number) != n_paths:
        raise InputError(f"There are {n_paths} paths, but pictures are named for {len(number)}.")
    return number.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Bifurcation:
    """Where two groups of paths part.

    Attributes
    ----------
    accuracy
        (L,) balanced accuracy with which a linear boundary tells the groups apart at each layer, in pictures that it
        was not fitted to; 0.5 is chance, 1 perfect.
    low, high
        (L,) its 90 % interval by bootstrap over pictures.
    chance
        (L,) accuracy that 95 % of the permutations stay below.
    p_values
        (L,) share of permutations as accurate or more at any layer (corrected for looking at all of them).
    position
        Position of the first layer at which the groups are separable; None if they never are.
    interval
        Positions between which it lies in 90 % of the draws in which there is one; None if they never are.
    certainty
        Share of the draws in which there is one.
    """

    accuracy: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    chance: NDArray[np.float64]
    p_values: NDArray[np.float64]
    position: int | None
    interval: tuple[int, int] | None
    certainty: float


def bifurcation_layer(
    values: ArrayLike,
    groups: ArrayLike,
    images: ArrayLike,
    *,
    threshold: float = 0.75,
    alpha: float = 0.05,
    n_permutations: int = 200,
    n_bootstraps: int = 1000,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> Bifurcation:
    """The first layer at which two groups of paths are separable.

    At every layer a linear discriminant is fitted to the paths of four fifths of the pictures and judged on the rest.
    Groups are separable where its balanced accuracy reaches `threshold` and permutations do not. A permutation gives
    every picture the groups of another, so that where figures usually lie (in the middle) counts for nothing; where
    pictures have different numbers of paths, or there are fewer than six, groups are shuffled inside each.

    Parameters
    ----------
    values
        (P, L, d) finite: eigenvectors, or the map, along each path, see :func:`paths`.
    groups
        (P,) 1 for the one group (figure), 0 for the other (ground), -1 for paths that belong to neither.
    images
        (P,) picture of each path.
    threshold
        Balanced accuracy from which groups count as separate; 0.75 is half way from chance to certainty.
    alpha
        Largest p-value.
    n_permutations, n_bootstraps
        Number of permutations, and of draws of the pictures for the uncertainty.
    seed
        Of folds, permutations and draws.
    progress
        Told now and then.

    Returns
    -------
    Bifurcation
        Positions count the layers of `values`.

    Raises
    ------
    InputError
        If shapes do not fit, there are fewer than two pictures, or a group is empty.
    """
    along = _checked(values)
    known = np.asarray(groups, dtype=np.int64).reshape(-1)
    if len(known) != len(along) or not np.isin(known, (-1, 0, 1)).all():
        raise InputError("Groups must be 1, 0 or -1 for each path.")
    if not ((known == 0).any() and (known == 1).any()):
        raise InputError("Both groups need at least one path.")
    if not np.isfinite(along).all():
        raise FeatureError("Values along the paths are NaN or infinite.")
    number = _numbered(images, len(along))
    sizes = np.bincount(number)
    if len(sizes) < 2:
        raise InputError("Paths of at least two pictures are needed: the boundary is judged on pictures apart.")
    # Pictures in random order, the paths of each together; folds are runs of pictures.
    rng = np.random.default_rng(parameters.seed(seed))
    number = rng.permutation(len(sizes))[number]
    order = np.argsort(number, kind="stable")
    along, known, number = along[order], known[order], number[order]
    sizes = np.bincount(number)
    judge = _LinearJudge(along, number)

    hits, counts = (found[0] for found in judge.hits(known[None]))
    accuracy = _balanced(hits, counts, np.ones((1, len(sizes))))[0]
    exchange = len(sizes) >= 6 and (sizes == sizes[0]).all()
    null = np.empty((n_permutations, along.shape[1]))
    for start in range(0, n_permutations, _AT_ONCE):
        mixed = np.empty((min(_AT_ONCE, n_permutations - start), len(known)), dtype=np.int64)
        for row in mixed:
            if exchange:
                row[:] = known.reshape(len(sizes), -1)[rng.permutation(len(sizes))].reshape(-1)
            else:
                row[:] = known[np.lexsort((rng.random(len(known)), number))]
        for i, (right, there) in enumerate(zip(*judge.hits(mixed), strict=True), start):
            null[i] = _balanced(right, there, np.ones((1, len(sizes))))[0]
        report(progress, start + len(mixed), n_permutations, "Where paths part")
    most = null.max(axis=1)
    p_values = (1 + (most[:, None] >= accuracy[None, :]).sum(axis=0)) / (1 + n_permutations)
    significant = p_values <= max(alpha, 1 / (1 + n_permutations))

    drawn = _balanced(hits, counts, bootstrap_weights(len(sizes), n_bootstraps, seed))
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    low, high = np.quantile(drawn, (0.05, 0.95), axis=0)
    reached = (drawn >= threshold) & significant
    firsts = reached.argmax(axis=1)[reached.any(axis=1)]
    found = (accuracy >= threshold) & significant
    interval = None
    if found.any() and len(firsts):
        first, last = np.quantile(firsts, (0.05, 0.95), method="nearest")
        interval = (int(first), int(last))
    return Bifurcation(
        accuracy,
        low,
        high,
        np.quantile(null, 0.95, axis=0),
        p_values,
        int(found.argmax()) if found.any() else None,
        interval,
        len(firsts) / max(len(drawn), 1),
    )


class _LinearJudge:
    """Linear discriminants of every layer, fitted without and judged on each fold of the pictures.

    The direction is that of Fisher's discriminant; as it is the same for the scatter of all paths as for that within
    the groups, the scatter is computed once and only the groups' means change from permutation to permutation.
    """

    def __init__(self, values: FloatArray, number: NDArray[np.int64]) -> None:
        self._number = number
        self._n_pictures = int(number[-1]) + 1
        n_folds = min(_FOLDS, self._n_pictures)
        edges = np.searchsorted(number, np.arange(n_folds + 1) * self._n_pictures / n_folds)
        self._folds = [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]
        self._layers: list[FloatArray] = []
        self._inverses: list[list[NDArray[np.float64]]] = []
        for position in range(values.shape[1]):
            layer = values[:, position] - values[:, position].mean(axis=0, dtype=np.float64)
            layer /= max(float(layer.std()), 1e-30)
            self._layers.append(np.ascontiguousarray(layer, dtype=np.float32))
            inverses = []
            for fold in self._folds:
                rest = np.delete(layer, np.arange(fold.start, fold.stop), axis=0)
                rest -= rest.mean(axis=0)
                scatter = rest.T @ rest / len(rest)
                # A little of the identity keeps directions apart that hardly vary.
                ridge = 1e-4 * np.trace(scatter) / len(scatter) + 1e-12
                inverses.append(np.linalg.inv(scatter + ridge * np.eye(len(scatter))))
            self._inverses.append(inverses)

    def hits(self, groups: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Paths of each group judged right, (draws, L, 2, pictures), and how many there are, (draws, 2, pictures).

        Parameters
        ----------
        groups
            (draws, paths), of which each is judged by discriminants of its own.
        """
        first = np.searchsorted(self._number, np.arange(self._n_pictures))  # paths are sorted by picture
        members = np.stack([groups == 0, groups == 1], axis=1).astype(np.float32)
        counts = np.add.reduceat(members, first, axis=2, dtype=np.float64)
        n = np.stack([members[..., fold].sum(axis=2) for fold in self._folds]).astype(np.float64)
        hits = np.zeros((len(groups), len(self._layers), 2, self._n_pictures))
        for number, (layer, inverses) in enumerate(zip(self._layers, self._inverses, strict=True)):
            sums = np.stack([members[..., fold] @ layer[fold] for fold in self._folds]).astype(np.float64)
            for position, fold in enumerate(self._folds):
                others = n.sum(axis=0) - n[position]
                # where a group has no path left to be fitted to, its paths here count as missed
                means = (sums.sum(axis=0) - sums[position]) / np.maximum(others, 1)[..., None]
                direction = (means[:, 1] - means[:, 0]) @ inverses[position]
                boundary = (direction * (means[:, 0] + means[:, 1])).sum(axis=1) / 2
                side = direction.astype(np.float32) @ layer[fold].T > boundary[:, None]
                judged = np.stack([~side, side], axis=1) & others.all(axis=1)[:, None, None]
                pictures = slice(int(self._number[fold.start]), int(self._number[fold.stop - 1]) + 1)
                right = members[..., fold] * judged
                starts = first[pictures] - fold.start
                hits[:, number, :, pictures] = np.add.reduceat(right, starts, axis=2, dtype=np.float64)
        return hits, counts


def _balanced(
    hits: NDArray[np.float64], counts: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Balanced accuracy (draws, L) where pictures are weighted; NaN where a group has no path in a draw."""
    right = np.einsum("lgi,bi->blg", hits, weights)
    total = np.einsum("gi,bi->bg", counts, weights)[:, None, :]
    with np.errstate(invalid="ignore"):
        rates: NDArray[np.float64] = (right / np.where(total > 0, total, np.nan)).mean(axis=2)
    return rates
