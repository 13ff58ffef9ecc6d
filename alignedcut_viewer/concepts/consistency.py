"""How consistent a concept is: mean against standard deviation of its channels (AlignedCut, section 3.3, Fig. 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import parameters
from ..errors import InputError

__all__ = ["Consistency", "channel_consistency"]

_FOLDS = 10
_CERTAIN = 0.05


@dataclass(frozen=True)
class Consistency:
    """The relation of mean and standard deviation over channels.

    Attributes
    ----------
    coefficients
        c0, c1, c2 of the fit ``std = c0 + c1 mean + c2 mean²``.
    r2
        Share of the variance of the standard deviation that the fit explains.
    held_out_r2
        The same for channels that were left out of the fit (ten folds).
    monotone_r2
        Held-out share of the best alternative without a turning point: a rising or a falling curve (isotonic
        regression), whichever fits better.
    peak
        Mean at which the fitted standard deviation is greatest, NaN where the fit does not bend down.
    slopes, p_values
        Slope of a straight line through the channels below the peak and through those above, and the probability of
        one as steep or steeper in that direction if there were none (one-sided, t distribution).
    reverse_u
        Whether the relation is a reverse U: the fit bends down, its peak lies among the channels, the lines below and
        above it rise and fall (two-lines test, Simonsohn 2018; both at .05), and the bent fit predicts channels better
        than the best monotone curve.
    n_channels
        Number of points.
    """

    coefficients: tuple[float, float, float]
    r2: float
    held_out_r2: float
    monotone_r2: float
    peak: float
    slopes: tuple[float, float]
    p_values: tuple[float, float]
    reverse_u: bool
    n_channels: int

    def curve(self, mean: ArrayLike) -> NDArray[np.float64]:
        """The fitted standard deviation at some means."""
        x = np.asarray(mean, dtype=np.float64)
        c0, c1, c2 = self.coefficients
        fitted: NDArray[np.float64] = c0 + c1 * x + c2 * x * x
        return fitted


def channel_consistency(mean: ArrayLike, std: ArrayLike, *, seed: int = 0) -> Consistency:
    """Does a larger absolute mean go with a smaller standard deviation?

    Parameters
    ----------
    mean, std
        Of each channel over the members of a concept; arrays of one shape, at least 20 values.
    seed
        Of the draw of the folds.

    Returns
    -------
    Consistency
        The fit, its goodness against a monotone alternative, and the verdict.

    Raises
    ------
    InputError
        If shapes differ, there are too few channels, or values are not finite.
    """
    x = np.asarray(mean, dtype=np.float64).reshape(-1)
    y = np.asarray(std, dtype=np.float64).reshape(-1)
    if x.shape != y.shape or len(x) < 20:
        raise InputError(f"Mean and standard deviation of at least 20 channels are needed; got {len(x)} and {len(y)}.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("Means or standard deviations hold NaN or infinite values.")
    fit = _Quadratic(x, y)
    whole = _r2(y, fit(x))
    folds = np.random.default_rng(parameters.seed(seed)).permutation(len(x)) % _FOLDS
    held_out = _held_out(x, y, folds, _Quadratic)
    monotone = max(_held_out(x, y, folds, _Isotonic, rising) for rising in (True, False))
    peak = fit.peak
    slopes, p_values = _two_lines(x, y, peak)
    rises_and_falls = slopes[0] > 0 > slopes[1] and max(p_values) < _CERTAIN
    return Consistency(
        fit.coefficients,
        whole,
        held_out,
        monotone,
        peak,
        slopes,
        p_values,
        bool(rises_and_falls and held_out > monotone),
        len(x),
    )


class _Quadratic:
    def __init__(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        # Centred and scaled, so that the normal equations are well conditioned whatever the units.
        shift, scale = float(x.mean()), float(x.std()) or 1.0
        z = (x - shift) / scale
        a, b, c = np.linalg.lstsq(np.stack([np.ones_like(z), z, z * z], axis=1), y, rcond=None)[0]
        self.coefficients = (
            float(a - b * shift / scale + c * (shift / scale) ** 2),
            float(b / scale - 2 * c * shift / scale**2),
            float(c / scale**2),
        )
        self.peak = float(shift - b * scale / (2 * c)) if c < 0 else float("nan")

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        c0, c1, c2 = self.coefficients
        values: NDArray[np.float64] = c0 + c1 * x + c2 * x * x
        return values


class _Isotonic:
    """A monotone step through the means at equal x, straight between them and level outside."""

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.float64], rising: bool) -> None:
        from scipy.optimize import isotonic_regression

        self._x, place, counts = np.unique(x, return_inverse=True, return_counts=True)
        means = np.bincount(place.reshape(-1), y) / counts
        self._y = isotonic_regression(means, weights=counts, increasing=rising).x

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        values: NDArray[np.float64] = np.interp(x, self._x, self._y)
        return values


def _held_out(
    x: NDArray[np.float64], y: NDArray[np.float64], folds: NDArray[np.int64], kind: Any, *options: bool
) -> float:
    predicted = np.empty_like(y)
    for fold in range(_FOLDS):
        out = folds == fold
        predicted[out] = kind(x[~out], y[~out], *options)(x[out])
    return _r2(y, predicted)


def _r2(y: NDArray[np.float64], fitted: NDArray[np.float64]) -> float:
    total = float(np.square(y - y.mean()).sum())
    return 1 - float(np.square(y - fitted).sum()) / total if total > 0 else 0.0


def _two_lines(
    x: NDArray[np.float64], y: NDArray[np.float64], peak: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    slopes, p_values = [], []
    for side, direction in ((x < peak, 1), (x > peak, -1)):
        if side.sum() < 3 or np.ptp(x[side]) == 0:
            slopes.append(0.0)
            p_values.append(1.0)
            continue
        slope, p_value = _slope(x[side], y[side], direction)
        slopes.append(slope)
        p_values.append(p_value)
    return (slopes[0], slopes[1]), (p_values[0], p_values[1])


def _slope(x: NDArray[np.float64], y: NDArray[np.float64], direction: int) -> tuple[float, float]:
    """Slope of the line of least squares, and how likely one as steep in that direction is without a relation."""
    from scipy.special import stdtr  # scipy.stats takes a second to import

    across, up = x - x.mean(), y - y.mean()
    slope = float(across @ up / (across @ across))
    rest, df = float(np.square(up - slope * across).sum()), len(x) - 2
    error = np.sqrt(rest / df / float(across @ across))
    if error == 0:
        return slope, 0.0 if direction * slope > 0 else 1.0
    return slope, float(stdtr(df, -direction * slope / error))
