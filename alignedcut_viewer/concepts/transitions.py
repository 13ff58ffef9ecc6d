"""From concept to concept: what becomes of the pixels of one layer in the next (AlignedCut, Fig. 10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .bootstrap import bootstrap_weights

__all__ = ["TransitionComparison", "compare_transitions", "transition_counts", "transition_matrix"]

FloatArray = NDArray[np.float64]


def transition_counts(
    labels_a: ArrayLike, labels_b: ArrayLike, n_a: int, n_b: int, weights: ArrayLike | None = None
) -> FloatArray:
    """How many pixels are in each concept of one layer and each of the next.

    Parameters
    ----------
    labels_a, labels_b
        (P,) concept of each pixel at the one layer and at the next, from 0; -1 where it is in none.
    n_a, n_b
        Number of concepts.
    weights
        (P,) what each pixel counts, at least 0; None counts each once.

    Returns
    -------
    array
        float64 (n_a, n_b + 1); the last column counts pixels that are in no concept of the next layer.

    Raises
    ------
    InputError
        If shapes differ or a label is out of range.
    """
    a, b = np.asarray(labels_a).reshape(-1), np.asarray(labels_b).reshape(-1)
    if a.shape != b.shape:
        raise InputError(f"Labels of both layers must be of the same pixels; got {len(a)} and {len(b)}.")
    if n_a < 1 or n_b < 1:
        raise InputError("Both layers need at least one concept.")
    for labels, count in ((a, n_a), (b, n_b)):
        if labels.size and (labels.min() < -1 or labels.max() >= count):
            raise InputError(f"Labels must lie between -1 and {count - 1}.")
    chosen = None if weights is None else np.asarray(weights, dtype=np.float64).reshape(-1)
    if chosen is not None and (chosen.shape != a.shape or not (chosen >= 0).all()):
        raise InputError("Weights must be one number of at least 0 a pixel.")
    # One code a pixel: row 0 and column 0 are those in no concept.
    code = (a.astype(np.int32) + 1) * np.int32(n_b + 1) + (b.astype(np.int32) + 1)
    table = np.bincount(code, chosen, (n_a + 1) * (n_b + 1)).reshape(n_a + 1, n_b + 1)
    return np.roll(table[1:], -1, axis=1).astype(np.float64)


def transition_matrix(
    labels_a: ArrayLike, labels_b: ArrayLike, n_a: int, n_b: int, weights: ArrayLike | None = None
) -> FloatArray:
    """Transition probability P(A → B) between the concepts of successive layers (AlignedCut, section 3.4).

    ``P(A → B) = #(in A at layer l and in B at layer l+1) / #(in A at layer l)``. Rows sum to less than 1 where pixels
    leave A for no concept of the next layer.

    Parameters
    ----------
    labels_a, labels_b
        (P,) concept of each pixel at the one layer and at the next, from 0; -1 where it is in none. For a selection,
        or for figure and ground, pass the labels of those pixels.
    n_a, n_b
        Number of concepts.
    weights
        (P,) what each pixel counts; None counts each once.

    Returns
    -------
    array
        float64 (n_a, n_b); NaN in rows of concepts without a pixel.
    """
    counts = transition_counts(labels_a, labels_b, n_a, n_b, weights)
    return _normalised(counts)


def _normalised(counts: FloatArray) -> FloatArray:
    totals = counts.sum(axis=-1, keepdims=True)
    shares: FloatArray = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    return shares[..., :-1]


@dataclass(frozen=True, eq=False)
class TransitionComparison:
    """Transitions of two groups of pixels, such as figure and ground.

    Attributes
    ----------
    first, second
        (n_a, n_b) transition probabilities of either group.
    difference
        First less second.
    low, high
        95 % interval of the difference by bootstrap over pictures; NaN where a group has hardly a pixel in A.
    counts
        (2, n_a) pixels of each group in each concept A.
    """

    first: FloatArray
    second: FloatArray
    difference: FloatArray
    low: FloatArray
    high: FloatArray
    counts: FloatArray

    @property
    def differs(self) -> NDArray[np.bool_]:
        """(n_a, n_b): whether the interval leaves zero out."""
        return (self.low > 0) | (self.high < 0)


def compare_transitions(
    labels_a: ArrayLike,
    labels_b: ArrayLike,
    n_a: int,
    n_b: int,
    groups: ArrayLike,
    images: ArrayLike,
    *,
    n_bootstraps: int = 1000,
    seed: int = 0,
) -> TransitionComparison:
    """Do two groups of pixels go different ways (AlignedCut, Fig. 10)?

    Parameters
    ----------
    labels_a, labels_b, n_a, n_b
        As for :func:`transition_matrix`.
    groups
        (P,) 1 for the first group (figure), 0 for the second (ground), -1 for neither.
    images
        (P,) picture of each pixel. Pixels of a picture are not independent, so whole pictures are drawn.
    n_bootstraps, seed
        Number of draws, and their seed.

    Returns
    -------
    TransitionComparison
        The differences and how sure they are.

    Raises
    ------
    InputError
        If shapes do not fit or a group is empty.
    """
    a, b = np.asarray(labels_a).reshape(-1), np.asarray(labels_b).reshape(-1)
    group, number = np.asarray(groups).reshape(-1), np.unique(np.asarray(images), return_inverse=True)[1].reshape(-1)
    if not len(a) == len(b) == len(group) == len(number):
        raise InputError("Labels, groups and pictures must be given for the same pixels.")
    if not ((group == 0).any() and (group == 1).any()):
        raise InputError("Both groups need at least one pixel.")
    n_pictures = int(number.max()) + 1
    tables = []
    for which in (1, 0):
        of_group = group == which
        # Pictures become further concepts A, so that one count gives a table for each.
        own = np.where(a[of_group] >= 0, number[of_group] * n_a + a[of_group], -1)
        counts = transition_counts(own, b[of_group], n_pictures * n_a, n_b)
        tables.append(counts.reshape(n_pictures, n_a * (n_b + 1)))
    weights = bootstrap_weights(n_pictures, n_bootstraps, seed)
    # Single precision counts up to 16 million pixels exactly, and is twice as quick.
    kind = np.float32 if len(a) < 1 << 22 else np.float64
    sums = [weights.astype(kind) @ table.astype(kind) for table in tables]
    drawn = [_normalised(total.astype(np.float64).reshape(-1, n_a, n_b + 1)) for total in sums]
    # A concept that any group leaves empty in a tenth of the draws has no interval; in fewer, those draws say nothing.
    spread = drawn[0] - drawn[1]
    known = np.isfinite(spread[:, :, 0])
    low, high = np.full((2, n_a, n_b), np.nan)
    for concept in np.flatnonzero(known.mean(axis=0) >= 0.9):
        of_concept = spread[known[:, concept], concept]
        low[concept], high[concept] = np.quantile(of_concept, (0.025, 0.975), axis=0)
    first, second = (_normalised(table.sum(axis=0).reshape(n_a, n_b + 1)) for table in tables)
    sizes = np.stack([table.sum(axis=0).reshape(n_a, n_b + 1).sum(axis=1) for table in tables])
    return TransitionComparison(first, second, first - second, low, high, sizes)
