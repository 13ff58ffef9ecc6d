"""Intervals, p-values and false-discovery control, all of them over pictures.

What an experiment repeats is the picture. Tokens of one picture, and voxels of one region, go up and down together, so
that counting them as independent would make everything significant. Therefore pictures are drawn anew for intervals
(bootstrap, percentiles; Efron 1979), exchanged among one another for brain scores (permutation), and their differences
change sign for comparisons within pictures (Fisher's randomisation test). Where many are tested at once, the expected
share of false discoveries is bounded (Benjamini and Hochberg 1995).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import parameters
from ..errors import InputError
from ..progress import ProgressCallback, report
from .arrays import ArrayLike2D
from .rois import RoiTable

__all__ = [
    "Interval",
    "RegionStatistics",
    "ScoreStatistics",
    "bootstrap_means",
    "bootstrap_weights",
    "false_discovery",
    "group_interval",
    "score_statistics",
    "sign_flip_p_values",
]

FloatArray = NDArray[np.float64]


class Interval(NamedTuple):
    """Both ends of a confidence interval, arrays of one shape; NaN where there is none."""

    low: Any
    high: Any


def bootstrap_weights(n: int, n_draws: int = 1000, *, seed: int = 0) -> FloatArray:
    """How often each of `n` pictures is in each of `n_draws` samples drawn with replacement, (n_draws, n)."""
    if n < 1 or n_draws < 1:
        raise InputError(f"Drawing anew needs pictures and draws; got {n} and {n_draws}.")
    return _weights(n, n_draws, seed)


@lru_cache(maxsize=4)
def _weights(n: int, n_draws: int, seed: int) -> FloatArray:
    rng = np.random.default_rng([parameters.seed(seed), 11])
    drawn = rng.multinomial(n, np.full(n, 1.0 / n), size=n_draws).astype(np.float64)
    drawn.flags.writeable = False
    return drawn


def bootstrap_means(
    sums: ArrayLike, counts: ArrayLike, *, level: float = 0.95, n_draws: int = 2000, seed: int = 0
) -> Interval:
    """Interval of means over tokens, pictures drawn anew.

    Parameters
    ----------
    sums
        (n_pictures, k) sum over the tokens of each picture.
    counts
        (n_pictures,) number of those tokens; pictures without any are left out.
    level
        Share of the draws inside.
    n_draws
        Number of samples.
    seed
        Of the draws.

    Returns
    -------
    Interval
        Two arrays (k,); NaN with fewer than two pictures, which tell nothing of their spread.

    Raises
    ------
    InputError
        If lengths differ, or the level is no share.
    """
    totals = np.asarray(sums, dtype=np.float64)
    n_tokens = np.asarray(counts, dtype=np.float64)
    if totals.ndim != 2 or n_tokens.shape != totals.shape[:1]:
        raise InputError(f"Sums of shape {totals.shape} need a number of tokens for each row; got {n_tokens.shape}.")
    if not 0 < level < 1:
        raise InputError(f"The level of an interval is a share between 0 and 1; got {level}.")
    held = n_tokens > 0
    totals, n_tokens = totals[held], n_tokens[held]
    if len(n_tokens) < 2:
        nothing = np.full(totals.shape[1], np.nan)
        return Interval(nothing, nothing.copy())
    weights = bootstrap_weights(len(n_tokens), n_draws, seed=seed)
    means = (weights @ totals) / (weights @ n_tokens)[:, None]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Interval(low, high)


def sign_flip_p_values(differences: ArrayLike, *, n_draws: int = 10_000, seed: int = 0) -> FloatArray:
    """Two-sided p-values of mean differences within pictures, by changing signs of whole pictures.

    Where a picture's two values come from the same distribution, its difference is as likely to have the other sign.
    All changes of sign are gone through where there are at most `n_draws`, else so many are drawn.

    Parameters
    ----------
    differences
        (n_pictures, ...) one difference a picture and test; pictures with a NaN anywhere are left out.
    n_draws
        Number of draws; no p-value is below 1 / (n_draws + 1).
    seed
        Of the draws.

    Returns
    -------
    ndarray
        One p-value a test; NaN with fewer than two pictures.
    """
    values = np.asarray(differences, dtype=np.float64)
    flat = values.reshape(len(values), -1)
    flat = flat[np.isfinite(flat).all(axis=1)]
    n = len(flat)
    if n < 2:
        return np.full(values.shape[1:], np.nan)
    observed = np.abs(flat.sum(axis=0))
    # rounding must not make a sum smaller than itself
    threshold = observed * (1 - 1e-9)
    if 2 ** min(n, 60) <= n_draws:
        # the same for all signs turned round, so that the first may stay
        signs = np.array([(1, *rest) for rest in itertools.product((1, -1), repeat=n - 1)], dtype=np.float64)
        share: FloatArray = (np.abs(signs @ flat) >= threshold).mean(axis=0).astype(np.float64)
    else:
        rng = np.random.default_rng([parameters.seed(seed), 12])
        block = 1000
        share = np.full(flat.shape[1], 1 / (1 + n_draws))
        for start in range(0, n_draws, block):
            drawn = rng.integers(0, 2, (min(block, n_draws - start), n)) * 2.0 - 1.0
            np.add(share, (np.abs(drawn @ flat) >= threshold).sum(axis=0) / (1 + n_draws), out=share)
    result: FloatArray = share.reshape(values.shape[1:]).astype(np.float64)
    return result


def false_discovery(p_values: ArrayLike) -> FloatArray:
    """Adjusted p-values (q) of tests made together, by Benjamini and Hochberg.

    Calling those discoveries whose q is at most .05 keeps the expected share of false ones below 5 %, for independent
    tests and for those that are positively dependent, as voxels are.

    Parameters
    ----------
    p_values
        Any shape; NaN marks what was not tested and stays.
    """
    from scipy.stats import false_discovery_control

    values = np.asarray(p_values, dtype=np.float64)
    result = np.full(values.shape, np.nan)
    tested = np.isfinite(values)
    if tested.any():
        result[tested] = false_discovery_control(values[tested])
    return result


def group_interval(values: ArrayLike, *, level: float = 0.95) -> tuple[FloatArray, Interval]:
    """Mean over subjects and its confidence interval, by Student's t.

    Parameters
    ----------
    values
        (n_subjects, ...) one value a subject; NaN where a subject has none.
    level
        Of the interval.

    Returns
    -------
    ndarray, Interval
        Mean; interval of the mean in the population that the subjects are from, NaN with fewer than two.
    """
    from scipy.stats import t as student

    numbers = np.asarray(values, dtype=np.float64)
    known = np.isfinite(numbers)
    n = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, numbers, 0.0).sum(axis=0) / n
        squares = np.where(known, (numbers - mean) ** 2, 0.0).sum(axis=0)
        error = np.where(n > 1, np.sqrt(squares / np.maximum(n - 1, 1) / np.maximum(n, 1)), np.nan)
    reach = student.ppf((1 + level) / 2, np.maximum(n - 1, 1)) * error
    return mean, Interval(mean - reach, mean + reach)


@dataclass(frozen=True)
class RegionStatistics:
    """What is known of the score of one region.

    Attributes
    ----------
    r2_low, r2_high
        95 % interval of the region's mean R², pictures drawn anew.
    p_value
        Share of the exchanges of pictures after which the region's mean R² is at least what it is.
    q_value
        The same, adjusted for the number of regions.
    significant
        Share of the region's voxels whose own q-value is at most .05.
    """

    r2_low: float
    r2_high: float
    p_value: float
    q_value: float
    significant: float


@dataclass(frozen=True, eq=False)
class ScoreStatistics:
    """Statistics of a brain score on held-out pictures.

    Attributes
    ----------
    p_values, q_values
        (n_voxels,) one-sided p-value of each voxel, and adjusted for the number of voxels; NaN where responses do not
        vary. R² and correlation have the same, as exchanging pictures changes neither mean nor variance.
    rois
        Of each region, ``"all"`` included.
    n_pictures, n_draws
        How many pictures, and how many exchanges and draws.
    """

    p_values: FloatArray
    q_values: FloatArray
    rois: dict[str, RegionStatistics]
    n_pictures: int
    n_draws: int


def score_statistics(
    truth: ArrayLike2D,
    predict: Callable[[slice], NDArray[Any]],
    *,
    rois: RoiTable | None = None,
    pictures: ArrayLike | None = None,
    n_draws: int = 1000,
    seed: int = 0,
    block: int = 4096,
    progress: ProgressCallback | None = None,
) -> ScoreStatistics:
    """Whether predictions know which picture was seen, and how sure their R² is.

    Parameters
    ----------
    truth
        (n_rows, n_voxels) measured responses to pictures that were held out.
    predict
        Gives the prediction for a slice of voxels.
    rois
        Regions.
    pictures
        (n_rows,) which picture each row is of; rows of one are averaged. None where each is a picture of its own.
    n_draws
        Number of exchanges, and of samples drawn anew.
    seed
        Of both.
    block
        Voxels at a time.
    progress
        Progress callback.

    Raises
    ------
    InputError
        If there are fewer than three pictures.
    """
    n_rows, n_voxels = truth.shape
    shown = np.arange(n_rows) if pictures is None else np.unique(np.asarray(pictures), return_inverse=True)[1]
    n = int(shown.max()) + 1 if n_rows else 0
    if n < 3:
        raise InputError(f"Statistics over pictures need at least three of them; there are {n}.")
    averaging = np.zeros((n, n_rows))
    averaging[shown, np.arange(n_rows)] = 1.0
    averaging /= averaging.sum(axis=1, keepdims=True)
    table = RoiTable({}, n_voxels) if rois is None else rois
    names = (*table.names, "all")
    masks = np.stack([*(table.mask(name) for name in table.names), np.ones(n_voxels, dtype=bool)]).astype(np.float64)
    rng = np.random.default_rng([parameters.seed(seed), 13])
    orders = np.stack([rng.permutation(n) for _ in range(n_draws)])
    weights = bootstrap_weights(n, n_draws, seed=seed)
    p_values = np.full(n_voxels, np.nan)
    exchanged, drawn = np.zeros((n_draws, len(names))), np.zeros((n_draws, len(names)))
    observed, n_scored = np.zeros(len(names)), np.zeros(len(names))
    for start in range(0, n_voxels, block):
        columns = slice(start, min(start + block, n_voxels))
        y = averaging @ np.asarray(truth[:, columns], dtype=np.float64)
        p = averaging @ np.asarray(predict(columns), dtype=np.float64)
        offset = y.mean(axis=0) - p.mean(axis=0)
        largest = np.abs(y).max(axis=0, initial=0.0)
        y, p = y - y.mean(axis=0), p - p.mean(axis=0)
        total = np.square(y).sum(axis=0)
        varies = total > 1e-12 * n * largest**2
        # Of R² = 1 - (Syy + Spp - 2 Syp + n offset²) / Syy only Syp changes with the order of the pictures.
        fixed = total + np.square(p).sum(axis=0) + n * offset**2
        safe = np.where(varies, total, 1.0)
        own = (y * p).sum(axis=0)
        as_large = np.zeros(y.shape[1])
        members = masks[:, columns] * varies
        # single precision must not make the order as it was seem another
        reached = own - 1e-6 * np.sqrt(total * np.square(p).sum(axis=0))
        narrow = y.astype(np.float32), p.astype(np.float32)
        for number, order in enumerate(orders):
            together = np.einsum("iv,iv->v", narrow[0], narrow[1][order]).astype(np.float64)
            as_large += together >= reached
            exchanged[number] += members @ (1 - (fixed - 2 * together) / safe)
            if number % 100 == 0:
                report(progress, start * n_draws + number * y.shape[1], n_voxels * n_draws, "permutation test")
        p_values[columns] = np.where(varies, (1 + as_large) / (1 + n_draws), np.nan)
        observed += members @ (1 - (fixed - 2 * own) / safe)
        n_scored += members.sum(axis=1)
        residual = weights @ np.square(y - p + offset)
        # a sample drawn anew holds 1 / n less of the variance
        spread = (weights @ np.square(y) - np.square(weights @ y) / n) * (n / (n - 1))
        drawn += (1 - residual / np.maximum(spread, 1e-9 * safe)) @ members.T
    q_values = false_discovery(p_values)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_region = (1 + (exchanged >= observed - 1e-6 * (np.abs(observed) + n_scored)).sum(axis=0)) / (1 + n_draws)
        by_region = np.where(n_scored > 0, by_region, np.nan)
        low, high = np.quantile(drawn / n_scored, [0.025, 0.975], axis=0)
        significant = masks @ (np.nan_to_num(q_values, nan=1.0) <= 0.05) / n_scored
    adjusted = np.append(false_discovery(by_region[:-1]), by_region[-1])
    found = {
        name: RegionStatistics(*(float(v[i]) for v in (low, high, by_region, adjusted, significant)))
        for i, name in enumerate(names)
    }
    report(progress, 1, 1, "permutation test")
    return ScoreStatistics(p_values, q_values, found, n, n_draws)
