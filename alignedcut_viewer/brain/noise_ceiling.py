"""Noise ceilings from repeated presentations, in the definition of the Natural Scenes Dataset (Allen et al. 2022).

Responses are z-scored within each scan session, so that their total variance is 1. The noise variance is the variance
over the repeats of one picture, averaged over pictures; what is left of the total is signal::

    sigma_noise² = mean over pictures of var over repeats        sigma_signal² = max(0, 1 - sigma_noise²)
    ncsnr = sigma_signal / sigma_noise                           ceiling = 100 · ncsnr² / (ncsnr² + 1 / n)

for responses averaged over n repeats: the largest share of variance, in percent, that any model can explain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..progress import ProgressCallback, report
from .arrays import ArrayLike2D

__all__ = ["NoiseCeiling", "ceiling_percent", "trial_noise_ceiling"]


@dataclass(frozen=True, eq=False)
class NoiseCeiling:
    """Signal and noise of each voxel, all of shape (n_voxels,) and float32.

    Attributes
    ----------
    sigma_noise, sigma_signal
        Standard deviations in units of the z-scored response; NaN for constant voxels.
    ncsnr
        Their ratio, signal over noise.
    """

    sigma_noise: NDArray[np.float32]
    sigma_signal: NDArray[np.float32]
    ncsnr: NDArray[np.float32]

    def percent(self, repeats: float | ArrayLike = 1) -> NDArray[np.float32]:
        """Noise ceiling in percent for responses averaged over `repeats`; see :func:`ceiling_percent`."""
        return ceiling_percent(self.ncsnr, repeats)


def ceiling_percent(ncsnr: ArrayLike, repeats: float | ArrayLike = 1) -> NDArray[np.float32]:
    """Explainable variance in percent, ``100 · ncsnr² / (ncsnr² + 1 / n)``.

    Parameters
    ----------
    ncsnr
        Noise-ceiling signal-to-noise ratio, any shape.
    repeats
        How many repeats each response is averaged over: one number, or one a picture (then ``1 / n`` is averaged over
        the pictures, as NSD does where pictures were shown once, twice or three times).

    Raises
    ------
    InputError
        If a number of repeats is not positive.
    """
    counts = np.atleast_1d(np.asarray(repeats, dtype=np.float64))
    if counts.size == 0 or not (counts > 0).all():
        raise InputError("Numbers of repeats must be positive.")
    squared = np.asarray(ncsnr, dtype=np.float64) ** 2
    percent: NDArray[np.float32] = (100 * squared / (squared + (1 / counts).mean())).astype(np.float32)
    return percent


def trial_noise_ceiling(
    trials: ArrayLike2D,
    image: ArrayLike,
    *,
    session: ArrayLike | None = None,
    block: int = 2048,
    progress: ProgressCallback | None = None,
) -> NoiseCeiling:
    """Signal and noise of each voxel from single trials.

    Parameters
    ----------
    trials
        (n_trials, n_voxels) response to each presentation; read in blocks of voxels.
    image
        (n_trials,) which picture was shown.
    session
        (n_trials,) in which scan session; responses are z-scored within each. None takes all as one session.
    block
        Voxels at a time.
    progress
        Progress callback.

    Returns
    -------
    NoiseCeiling
        Pictures shown once do not enter the noise. Where pictures were repeated unequally often, each weighs by its
        degrees of freedom, which is NSD's plain average where they were repeated equally often.

    Raises
    ------
    InputError
        If lengths differ, or no picture was shown twice.
    """
    n_trials, n_voxels = trials.shape
    shown, number = np.unique(np.asarray(image), return_inverse=True)
    if len(number) != n_trials:
        raise InputError(f"There are {n_trials} trials, but {len(number)} picture numbers.")
    counts = np.bincount(number, minlength=len(shown))
    if not (counts > 1).any():
        raise InputError("No picture was shown more than once; a noise ceiling needs repeats.")
    sessions = np.zeros(n_trials, dtype=np.int64)
    if session is not None:
        sessions = np.unique(np.asarray(session), return_inverse=True)[1]
        if len(sessions) != n_trials:
            raise InputError(f"There are {n_trials} trials, but {len(sessions)} session numbers.")
    order = np.argsort(number, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    freedom = int((counts - 1).sum())

    noise = np.empty(n_voxels, dtype=np.float32)
    for start in range(0, n_voxels, block):
        values = np.asarray(trials[:, start : start + block], dtype=np.float64)
        values = _z_score(values, sessions)[order]
        means = np.add.reduceat(values, starts, axis=0) / counts[:, None]
        values -= np.repeat(means, counts, axis=0)
        noise[start : start + block] = (values**2).sum(axis=0) / freedom
        report(progress, min(start + block, n_voxels), n_voxels, "noise ceiling")
    signal = np.sqrt(np.maximum(1 - noise, 0)).astype(np.float32)
    sigma_noise = np.sqrt(noise)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: NDArray[np.float32] = np.divide(signal, sigma_noise, dtype=np.float32)
    return NoiseCeiling(sigma_noise, signal, ratio)


def _z_score(values: NDArray[np.float64], sessions: NDArray[np.int64]) -> NDArray[np.float64]:
    out = np.empty_like(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        for number in np.unique(sessions):
            rows = sessions == number
            part = values[rows]
            # dividing by a zero spread gives NaN, which marks the voxel as one without a ceiling
            out[rows] = (part - part.mean(axis=0)) / part.std(axis=0, ddof=1)
    return out
