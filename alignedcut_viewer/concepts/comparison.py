"""How alike two representations of the same places are: linear CKA, mutual nearest neighbours, agreement of subspaces.

All measures are 1 for identical representations, and close to their chance level for independent ones; where that level
is not 0 they can be debiased.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FeatureError, InputError
from ..progress import ProgressCallback, report

__all__ = [
    "MEASURES",
    "Counterparts",
    "counterparts",
    "layer_matrix",
    "linear_cka",
    "mutual_knn",
    "nearest_layers",
    "subspace_agreement",
]

FloatArray = NDArray[np.float64]
MEASURES = ("cka", "mutual_knn", "subspace")
"""Names of the measures that :func:`layer_matrix` knows."""
_BLOCK = 256
"""Places whose Gram matrices are held at once."""


def linear_cka(x: ArrayLike, y: ArrayLike, *, debiased: bool = True) -> float:
    """Linear centred kernel alignment (Kornblith et al. 2019).

    ``||Yᵀ X||² / (||Xᵀ X|| ||Yᵀ Y||)`` of centred columns, Frobenius norms.

    Parameters
    ----------
    x, y
        (n, d) and (n, e) representations of the same places, in the same order.
    debiased
        With the unbiased estimate of the Hilbert-Schmidt independence criterion (Song et al. 2012): independent
        representations then come to 0 on average however many channels they have; needs at least 4 places. Without, the
        formula as published.

    Returns
    -------
    float
        1 where one is a rotation of the other, whatever its scale; NaN where one is constant.

    Raises
    ------
    FeatureError
        If shapes do not fit or values are not finite.
    """
    one, other = _pair(x, y)
    if debiased and len(one) < 4:
        raise FeatureError(f"Debiased CKA needs at least 4 places; got {len(one)}.")
    cross = _alignment(one, other, debiased)
    scale = _alignment(one, one, debiased) * _alignment(other, other, debiased)
    return float(cross / np.sqrt(scale)) if scale > 0 else float("nan")


def _pair(x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    one, other = _centred(x), _centred(y)
    if len(one) != len(other):
        raise FeatureError(f"Representations must be of the same places; got {len(one)} and {len(other)}.")
    return one, other


def _centred(x: ArrayLike) -> FloatArray:
    values = np.asarray(x, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise FeatureError(f"A representation must be places × channels; got an array of shape {values.shape}.")
    if not np.isfinite(values).all():
        raise FeatureError("A representation holds NaN or infinite values.")
    centred: FloatArray = values - values.mean(axis=0)
    return centred


def _alignment(one: FloatArray, other: FloatArray, debiased: bool) -> float:
    """Trace of the product of both Gram matrices, by the smaller of both ways; unbiased up to a common factor."""
    n = len(one)
    if one.shape[1] + other.shape[1] > 2 * n:
        total = float(np.vdot(one @ one.T, other @ other.T))
    else:
        total = float(np.square(one.T @ other).sum())
    if not debiased:
        return total
    own, others = np.einsum("nd,nd->n", one, one), np.einsum("nd,nd->n", other, other)
    both = float(own @ others)
    return total - n / (n - 2) * both + float(own.sum() * others.sum()) / ((n - 1) * (n - 2))


def mutual_knn(
    x: ArrayLike, y: ArrayLike, k: int = 10, *, groups: ArrayLike | None = None, debiased: bool = False
) -> float:
    """Mean share of nearest neighbours in common (Huh et al. 2024), by cosine similarity.

    Parameters
    ----------
    x, y
        (n, d) and (n, e) representations of the same places.
    k
        Number of neighbours.
    groups
        (n,) picture of each place; places of the same picture are then no neighbours, which would lie close in any
        network that knows positions. None lets all be neighbours.
    debiased
        Rescale so that independent representations come to 0 on average: (share - chance) / (1 - chance), where chance
        is k by the number of places that can be neighbours.

    Returns
    -------
    float
        1 for the same neighbours everywhere.

    Raises
    ------
    FeatureError
        If shapes do not fit.
    InputError
        If a place has fewer than `k` possible neighbours.
    """
    _pair(x, y)
    a, possible = _possible_neighbours(x, k, groups)
    b, _ = _possible_neighbours(y, k, groups)
    return _in_common(a, b, possible, debiased)


def _possible_neighbours(x: ArrayLike, k: int, groups: ArrayLike | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The k nearest neighbours of each place, (n, k), and how many places could be neighbours of it, (n,)."""
    one = np.asarray(x, dtype=np.float32)
    _centred(one)  # says what is wrong with it
    n = len(one)
    number = np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    if len(number) != n:
        raise InputError(f"There are {n} places, but groups are named for {len(number)}.")
    possible = n - np.bincount(number)[number]
    if not 1 <= k <= possible.min():
        raise InputError(f"Cannot find {k} neighbours where only {possible.min()} places can be.")
    return _neighbours(one, k, number), possible


def _in_common(a: NDArray[np.int64], b: NDArray[np.int64], possible: NDArray[np.int64], debiased: bool) -> float:
    n, k = a.shape
    shared = sum(float((a[:, i : i + 1] == b).sum()) for i in range(k)) / (n * k)
    chance = float((k / possible).mean())
    return float((shared - chance) / (1 - chance)) if debiased and chance < 1 else shared


def _neighbours(values: NDArray[np.float32], k: int, number: NDArray[np.int64]) -> NDArray[np.int64]:
    lengths = np.sqrt(np.einsum("nd,nd->n", values, values))
    unit = values / np.maximum(lengths, np.float32(1e-30))[:, None]
    found = np.empty((len(values), k), dtype=np.int64)
    block = max(1, (1 << 24) // len(values))
    for start in range(0, len(values), block):
        likeness = unit[start : start + block] @ unit.T
        likeness[number[start : start + block, None] == number[None, :]] = -np.inf
        found[start : start + block] = np.argpartition(likeness, -k, axis=1)[:, -k:]
    return found


def subspace_agreement(u: ArrayLike, v: ArrayLike, *, debiased: bool = True) -> float:
    """How much of one set of eigenvectors lies in the span of another: mean squared cosine of the principal angles.

    Columns are centred first, as the constant vector, which every graph has, says nothing.

    Parameters
    ----------
    u, v
        (n, c) and (n, e) eigenvectors (or other columns) over the same places.
    debiased
        Rescale so that random subspaces come to 0 on average: their mean squared cosine is the larger dimension by
        n - 1.

    Returns
    -------
    float
        1 where one span holds the other, whatever the columns' signs, order and mixture; NaN where one is constant.

    Raises
    ------
    FeatureError
        If shapes do not fit or values are not finite.
    """
    one, other = _pair(u, v)
    return _agreement(_orthonormal(one), _orthonormal(other), debiased)


def _orthonormal(centred: FloatArray) -> FloatArray:
    """A basis of what the columns span; directions below a millionth of the largest are rounding."""
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, values > 1e-6 * values.max(initial=0)] if values.max(initial=0) > 0 else left[:, :0]


def _agreement(one: FloatArray, other: FloatArray, debiased: bool) -> float:
    smaller, larger = sorted((one.shape[1], other.shape[1]))
    if not smaller:
        return float("nan")
    shared = float(np.square(one.T @ other).sum()) / smaller
    chance = larger / (len(one) - 1)
    return float((shared - chance) / (1 - chance)) if debiased and chance < 1 else shared


def layer_matrix(
    layers_a: Sequence[ArrayLike],
    layers_b: Sequence[ArrayLike],
    measure: str | Callable[[Any, Any], float] = "cka",
    *,
    k: int = 10,
    groups: ArrayLike | None = None,
    debiased: bool = True,
    progress: ProgressCallback | None = None,
) -> FloatArray:
    """How alike each layer of one network and each layer of another are.

    Parameters
    ----------
    layers_a, layers_b
        Representations (n, d) of the same places, one a layer.
    measure
        ``"cka"`` (:func:`linear_cka`), ``"mutual_knn"`` (:func:`mutual_knn`), ``"subspace"``
        (:func:`subspace_agreement`), or a function of two representations.
    k, groups
        Of :func:`mutual_knn`.
    debiased
        Whether chance is 0.
    progress
        Called after every layer.

    Returns
    -------
    array
        float64 (layers a, layers b).
    """
    n_a, n_b = len(layers_a), len(layers_b)
    if not n_a or not n_b:
        raise InputError("Both networks need at least one layer.")
    alike = layers_a is layers_b and not callable(measure)
    compare: Callable[[Any, Any], float]
    first: list[Any]
    second: list[Any]
    if callable(measure):
        compare, first, second = measure, list(layers_a), list(layers_b)
    elif measure == "cka":
        _same_places(layers_a, layers_b)
        compare, first = _cka_of(debiased), _each(layers_a, _centred)
        second = first if alike else _each(layers_b, _centred)
        if len(first[0]) >= 4 and _by_grams(first if alike else [*first, *second]):
            return _cka_matrix(first, second, debiased, progress)
    elif measure == "subspace":
        first = _each(layers_a, lambda values: _orthonormal(_centred(values)))
        second = first if alike else _each(layers_b, lambda values: _orthonormal(_centred(values)))

        def compare(one: FloatArray, other: FloatArray) -> float:
            return _agreement(one, other, debiased)

    elif measure == "mutual_knn":
        _same_places(layers_a, layers_b)
        first = [_possible_neighbours(values, k, groups) for values in layers_a]
        second = first if alike else [_possible_neighbours(values, k, groups) for values in layers_b]

        def compare(one: Any, other: Any) -> float:
            return _in_common(one[0], other[0], one[1], debiased)

    else:
        raise InputError(f"Unknown measure {measure!r}; use {', '.join(MEASURES)}, or a function.")
    if not callable(measure):
        _same_places(layers_a, layers_b)
    matrix = np.empty((n_a, n_b))
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            # all own measures are symmetric
            matrix[i, j] = matrix[j, i] if alike and j < i else compare(one, other)
        report(progress, i + 1, n_a, "Comparing layers")
    return matrix


def _same_places(*layers: Sequence[ArrayLike]) -> None:
    if len({len(np.asarray(values)) for part in layers for values in part}) > 1:
        raise FeatureError("All layers must be represented at the same places.")


def _each(layers: Sequence[ArrayLike], prepare: Callable[[ArrayLike], FloatArray]) -> list[FloatArray]:
    return [prepare(values) for values in layers]


def _by_grams(layers: list[FloatArray]) -> bool:
    """Whether the Gram matrices of layers take fewer operations than the products of all pairs."""
    n, widths = len(layers[0]), [layer.shape[1] for layer in layers]
    by_pairs = n * sum(a * b for number, a in enumerate(widths) for b in widths[number:])
    by_grams = (sum(widths) + len(layers) ** 2) * n * n / 2
    return bool(by_grams < by_pairs)


def _cka_matrix(
    first: list[FloatArray], second: list[FloatArray], debiased: bool, progress: ProgressCallback | None
) -> FloatArray:
    """CKA of each of some centred layers with each of others by their Gram matrices; the same list is taken once.

    Each Gram matrix is computed once, block by block, and all pairs are one product.
    """
    layers = first if first is second else [*first, *second]
    n = len(layers[0])
    scores = np.zeros((len(layers), len(layers)))
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        for left in range(start, n, _BLOCK):
            columns = slice(left, left + _BLOCK)
            grams = np.stack([(layer[rows] @ layer[columns].T).ravel() for layer in layers])
            scores += (1 if left == start else 2) * (grams @ grams.T)
        report(progress, min(rows.stop, n), n, "Comparing layers")
    if debiased:
        own = np.stack([np.einsum("nd,nd->n", layer, layer) for layer in layers])
        sums = own.sum(axis=1)
        scores += np.outer(sums, sums) / ((n - 1) * (n - 2)) - n / (n - 2) * (own @ own.T)
    here, there = (slice(0, len(part)) for part in (first, second))
    if first is not second:
        there = slice(len(first), None)
    scale = np.outer(np.diagonal(scores)[here], np.diagonal(scores)[there])
    with np.errstate(invalid="ignore", divide="ignore"):
        found: FloatArray = np.where(scale > 0, scores[here, there] / np.sqrt(scale), np.nan)
    return found


def _cka_of(debiased: bool) -> Callable[[FloatArray, FloatArray], float]:
    own: dict[int, float] = {}  # of each layer with itself, which every pair needs

    def with_itself(values: FloatArray) -> float:
        if id(values) not in own:
            own[id(values)] = _alignment(values, values, debiased)
        return own[id(values)]

    def compare(one: FloatArray, other: FloatArray) -> float:
        scale = with_itself(one) * with_itself(other)
        return _alignment(one, other, debiased) / float(np.sqrt(scale)) if scale > 0 else float("nan")

    return compare


@dataclass(frozen=True, eq=False)
class Counterparts:
    """Where the layers of one network live in another.

    Attributes
    ----------
    layers
        (layers a,) position of the most alike layer of B.
    likeness
        (layers a,) its value.
    monotone
        Rank correlation (Spearman) of the layers of A with their counterparts: 1 where both networks go through the
        same stages in the same order; NaN where all have one counterpart.
    """

    layers: NDArray[np.int64]
    likeness: FloatArray
    monotone: float


def counterparts(matrix: ArrayLike) -> Counterparts:
    """The most alike layer of network B for each layer of A ("where in B does layer 5 of A live?").

    Parameters
    ----------
    matrix
        (layers a, layers b), see :func:`layer_matrix`.
    """
    from scipy.stats import spearmanr

    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise InputError(f"The matrix must be layers × layers; got an array of shape {values.shape}.")
    filled = np.where(np.isnan(values), -np.inf, values)
    best = filled.argmax(axis=1).astype(np.int64)
    constant = len(best) < 2 or (best == best[0]).all()
    monotone = float("nan") if constant else float(spearmanr(np.arange(len(best)), best).statistic)
    return Counterparts(best, values[np.arange(len(best)), best], monotone)


def nearest_layers(query: ArrayLike, layers: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """At which layer of a network lies what is most similar, place by place, in a space that both share?

    Parameters
    ----------
    query
        (n, d) values of places at one layer of network A, aligned: aligned features, eigenvectors, or an embedding.
    layers
        The same places at each layer of network B, (n, d) each, in the same space.

    Returns
    -------
    array
        float64 (layers,): share of the places whose nearest (Euclidean) is at that layer; sums to 1.
    """
    one = np.asarray(query, dtype=np.float64)
    if not layers:
        raise InputError("The network needs at least one layer.")
    distances = []
    for values in layers:
        other = np.asarray(values, dtype=np.float64)
        if other.shape != one.shape:
            raise FeatureError(f"Places and channels must be the same; got {one.shape} and {other.shape}.")
        distances.append(np.square(one - other).sum(axis=1))
    nearest = np.argmin(np.stack(distances), axis=0)
    return np.bincount(nearest, minlength=len(layers)) / len(one)
