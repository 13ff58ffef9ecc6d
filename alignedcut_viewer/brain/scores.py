"""Brain score: how well predicted responses fit measured ones, per voxel and per region."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..progress import ProgressCallback, report
from .arrays import ArrayLike2D
from .rois import RoiTable

__all__ = ["BrainScore", "RoiScore", "brain_score", "correlation", "r_squared", "voxel_scores"]

Prediction = ArrayLike2D | Callable[[slice], NDArray[Any]]


@dataclass(frozen=True)
class RoiScore:
    """Score of one region.

    Attributes
    ----------
    n_voxels
        Number of its voxels that have a score.
    r2, correlation
        Means over voxels.
    r2_median, correlation_median
        Medians over voxels.
    r2_normalised
        Mean over voxels of R² divided by the noise ceiling, or None without one.
    explained
        Median over voxels of the squared correlation divided by the noise ceiling (the measure of the Algonauts 2023
        challenge, there in percent), or None.
    """

    n_voxels: int
    r2: float
    correlation: float
    r2_median: float
    correlation_median: float
    r2_normalised: float | None = None
    explained: float | None = None


@dataclass(frozen=True, eq=False)
class BrainScore:
    """Score of every voxel; NaN where responses do not vary.

    Attributes
    ----------
    r2
        (n_voxels,) held-out R², ``1 - residual variance / total variance``; may be negative.
    correlation
        (n_voxels,) Pearson correlation.
    r2_normalised
        (n_voxels,) R² divided by the noise ceiling as a fraction; None without a ceiling, NaN where it is too low.
    explained
        (n_voxels,) squared correlation (0 where the correlation is negative) divided by the noise ceiling, or None.
    rois
        Score of each region; the key ``"all"`` holds all voxels.
    """

    r2: NDArray[np.float32]
    correlation: NDArray[np.float32]
    r2_normalised: NDArray[np.float32] | None = None
    explained: NDArray[np.float32] | None = None
    rois: Mapping[str, RoiScore] = field(default_factory=dict)

    def as_dict(self) -> dict[str, dict[str, float | int | None]]:
        """JSON-ready scores by region."""
        return {name: dict(vars(score)) for name, score in self.rois.items()}


def r_squared(truth: ArrayLike, prediction: ArrayLike, *, mean: ArrayLike | None = None) -> NDArray[np.float32]:
    """R² of each column, ``1 - sum (y - p)² / sum (y - mean)²``.

    Parameters
    ----------
    truth, prediction
        (n_images, n_voxels).
    mean
        What a prediction has to beat; by default the mean of `truth`, as scikit-learn does.

    Returns
    -------
    ndarray
        (n_voxels,), NaN where `truth` does not vary.
    """
    y: NDArray[np.float64] = np.asarray(truth, dtype=np.float64)
    p: NDArray[np.float64] = np.asarray(prediction, dtype=np.float64)
    residual = ((y - p) ** 2).sum(axis=0)
    reference = y.mean(axis=0) if mean is None else np.asarray(mean, dtype=np.float64)
    total = ((y - reference) ** 2).sum(axis=0)
    result: NDArray[np.float32] = (1 - _ratio(residual, total)).astype(np.float32)
    return result


def correlation(truth: ArrayLike, prediction: ArrayLike) -> NDArray[np.float32]:
    """Pearson correlation of each column.

    Parameters
    ----------
    truth, prediction
        (n_images, n_voxels).

    Returns
    -------
    ndarray
        (n_voxels,), NaN where `truth` does not vary, and 0 where only the prediction does not.
    """
    y: NDArray[np.float64] = np.asarray(truth, dtype=np.float64)
    p: NDArray[np.float64] = np.asarray(prediction, dtype=np.float64)
    y = y - y.mean(axis=0)
    p = p - p.mean(axis=0)
    together = (y * p).sum(axis=0)
    of_truth, of_prediction = (y**2).sum(axis=0), (p**2).sum(axis=0)
    result = _ratio(together, np.sqrt(of_truth * of_prediction))
    # rounding leaves a constant prediction with a tiny spread of its own
    result = np.where((of_truth > 0) & (of_prediction <= 1e-20 * np.maximum(of_truth, 1)), 0.0, result)
    return np.clip(result, -1, 1).astype(np.float32)


def brain_score(
    truth: ArrayLike2D,
    prediction: Prediction,
    *,
    rois: RoiTable | None = None,
    noise_ceiling: ArrayLike | None = None,
    least_ceiling: float = 1.0,
    block: int = 4096,
    progress: ProgressCallback | None = None,
) -> BrainScore:
    """Score predictions on pictures that were held out, some voxels at a time.

    Parameters
    ----------
    truth
        (n_images, n_voxels) measured responses.
    prediction
        (n_images, n_voxels), or a function that gives the prediction for a slice of voxels, so that it need not be held
        whole.
    rois
        Regions to average over.
    noise_ceiling
        (n_voxels,) explainable variance in percent, for these responses.
    least_ceiling
        Voxels whose ceiling is below this many percent have no normalised score, as the quotient is mostly noise.
    block
        Voxels at a time.
    progress
        Progress callback.

    Raises
    ------
    InputError
        If shapes differ, or there are fewer than two pictures.
    """
    n_images, n_voxels = truth.shape
    if n_images < 2:
        raise InputError("A score needs responses to at least two pictures.")
    predict = prediction if callable(prediction) else None
    if not callable(prediction) and tuple(prediction.shape) != (n_images, n_voxels):
        raise InputError(f"The prediction has shape {tuple(prediction.shape)}, the responses {(n_images, n_voxels)}.")
    r2 = np.empty(n_voxels, dtype=np.float32)
    pearson = np.empty(n_voxels, dtype=np.float32)
    for start in range(0, n_voxels, block):
        columns = slice(start, min(start + block, n_voxels))
        measured = np.asarray(truth[:, columns])
        predicted = np.asarray(predict(columns) if predict else prediction[:, columns])  # type: ignore[index]
        if predicted.shape != measured.shape:
            raise InputError(f"The prediction for voxels {columns} has shape {predicted.shape}, not {measured.shape}.")
        r2[columns] = r_squared(measured, predicted)
        pearson[columns] = correlation(measured, predicted)
        report(progress, columns.stop, n_voxels, "brain score")
    return voxel_scores(r2, pearson, rois=rois, noise_ceiling=noise_ceiling, least_ceiling=least_ceiling)


def voxel_scores(
    r2: NDArray[np.float32],
    pearson: NDArray[np.float32],
    *,
    rois: RoiTable | None = None,
    noise_ceiling: ArrayLike | None = None,
    least_ceiling: float = 1.0,
) -> BrainScore:
    """Scores of regions, and normalised ones, from those of all voxels.

    Parameters
    ----------
    r2, pearson
        (n_voxels,), NaN where there is no score.
    rois, noise_ceiling, least_ceiling
        See :func:`brain_score`.

    Raises
    ------
    InputError
        If regions or ceiling are of another number of voxels.
    """
    n_voxels = len(r2)
    normalised = explained = None
    if noise_ceiling is not None:
        ceiling = np.asarray(noise_ceiling, dtype=np.float64)
        if ceiling.shape != (n_voxels,):
            raise InputError(f"The noise ceiling is for {ceiling.shape} voxels, the responses are for {n_voxels}.")
        fraction = np.where(ceiling >= least_ceiling, ceiling / 100, np.nan)
        normalised = (r2 / fraction).astype(np.float32)
        explained = (np.maximum(pearson, 0) ** 2 / fraction).astype(np.float32)
    table = RoiTable({}, n_voxels) if rois is None else rois
    if table.n_voxels != n_voxels:
        raise InputError(f"The ROI table is for {table.n_voxels} voxels, the responses are for {n_voxels}.")
    masks = {name: table.mask(name) for name in table.names} | {"all": np.ones(n_voxels, dtype=bool)}
    by_roi = {name: _of_region(mask, r2, pearson, normalised, explained) for name, mask in masks.items()}
    return BrainScore(r2, pearson, normalised, explained, by_roi)


def _of_region(
    mask: NDArray[np.bool_],
    r2: NDArray[np.float32],
    pearson: NDArray[np.float32],
    normalised: NDArray[np.float32] | None,
    explained: NDArray[np.float32] | None,
) -> RoiScore:
    def mean(values: NDArray[np.float32]) -> float:
        finite = values[mask & np.isfinite(values)]
        return float(finite.mean(dtype=np.float64)) if len(finite) else float("nan")

    def median(values: NDArray[np.float32]) -> float:
        finite = values[mask & np.isfinite(values)]
        return float(np.median(finite)) if len(finite) else float("nan")

    return RoiScore(
        n_voxels=int((mask & np.isfinite(r2)).sum()),
        r2=mean(r2),
        correlation=mean(pearson),
        r2_median=median(r2),
        correlation_median=median(pearson),
        r2_normalised=None if normalised is None else mean(normalised),
        explained=None if explained is None else median(explained),
    )


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)
