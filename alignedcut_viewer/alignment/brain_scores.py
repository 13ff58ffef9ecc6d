"""Brain score of brain-guided maps on held-out pictures: for the sum of all slots, and slot by slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..brain import BrainScore, RoiTable, brain_score
from ..brain.scores import correlation
from ..errors import AlignmentError
from ..nodes import Slot
from ..progress import ProgressCallback, report, span
from .channel_alignment import ChannelAlignment

__all__ = ["SlotScores", "score_slots"]


@dataclass(frozen=True, eq=False)
class SlotScores:
    """How well held-out responses are predicted.

    A slot's part of the prediction is ``mean over tokens(V'_i) beta``; the parts of all slots add up to the prediction.
    A part alone has neither the right mean nor the right size, so it is judged by its Pearson correlation with the
    measured responses, which knows neither; R² is given for the sum.

    Attributes
    ----------
    total
        Score of the sum over all slots: R² and correlation of each voxel and region, normalised by the noise ceiling
        where there is one.
    slots
        The slots.
    correlation
        (n_slots, n_voxels) float32, correlation of each slot's part; NaN where responses do not vary.
    roi_names
        Regions, ``"all"`` last.
    roi_correlation
        (n_slots, n_rois) mean of it over the voxels of each region.
    """

    total: BrainScore
    slots: tuple[Slot, ...]
    correlation: NDArray[np.float32]
    roi_names: tuple[str, ...]
    roi_correlation: NDArray[np.float32]

    def best_slots(self) -> dict[str, Slot]:
        """For each region the slot whose part of the prediction correlates best with the measured responses."""
        means = np.where(np.isfinite(self.roi_correlation), self.roi_correlation, -np.inf)
        return {name: self.slots[int(means[:, roi].argmax())] for roi, name in enumerate(self.roi_names)}

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: the total by region, and each slot's correlation by region; None where there is none."""
        by_slot = {
            str(slot): {name: _plain(value) for name, value in zip(self.roi_names, row, strict=True)}
            for slot, row in zip(self.slots, self.roi_correlation, strict=True)
        }
        total = {roi: {key: _plain(value) for key, value in s.items()} for roi, s in self.total.as_dict().items()}
        best = {name: str(slot) for name, slot in self.best_slots().items()}
        return {"rois": total, "slot_correlation": by_slot, "best_slot": best}


def score_slots(
    alignment: ChannelAlignment,
    pooled: Mapping[Slot, Any],
    responses: Any,
    *,
    beta: ArrayLike | None = None,
    intercept: ArrayLike | None = None,
    rois: RoiTable | None = None,
    noise_ceiling: ArrayLike | None = None,
    rows: Sequence[int] | NDArray[np.int64] | None = None,
    block: int = 4096,
    progress: ProgressCallback | None = None,
) -> SlotScores:
    """Score maps and readout on pictures that they were not trained on.

    Parameters
    ----------
    alignment
        Maps of all slots.
    pooled
        For each slot of the alignment the mean over tokens, array-like (n_pictures, D_i).
    responses
        Array-like (n_pictures, n_voxels); may be memory-mapped.
    beta, intercept
        (D', n_voxels) and (n_voxels,); those of the alignment's readout by default.
    rois, noise_ceiling
        Regions over the voxels, and explainable variance in percent; those of the readout by default.
    rows
        Which pictures; None is all.
    block
        Voxels at a time.
    progress
        Progress callback.

    Raises
    ------
    AlignmentError
        If there is no readout of all voxels, or a slot's pooled features are missing.
    """
    readout = alignment.readout
    if beta is None:
        if readout is None or readout.beta is None:
            raise AlignmentError("This alignment brings no readout of all voxels; pass beta, or train it with one.")
        beta, intercept = readout.beta, readout.intercept if intercept is None else intercept
    weights: NDArray[np.float32] = np.asarray(beta, dtype=np.float32)
    if rois is None:
        rois = readout.rois if readout is not None and readout.rois is not None else RoiTable({}, weights.shape[1])
    if noise_ceiling is None and readout is not None:
        noise_ceiling = readout.noise_ceiling
    missing = [str(slot) for slot in alignment.slots if slot not in pooled]
    if missing:
        raise AlignmentError(f"Pooled features of {', '.join(missing)} are missing; a score needs those of all slots.")
    chosen = np.arange(int(responses.shape[0])) if rows is None else np.asarray(rows, dtype=np.int64)
    parts = [alignment.transform(slot, np.asarray(pooled[slot][chosen], np.float32)) for slot in alignment.slots]
    total = np.sum(parts, axis=0, dtype=np.float32)
    offset = np.zeros(weights.shape[1], np.float32) if intercept is None else np.asarray(intercept, dtype=np.float32)
    measured = _Rows(responses, chosen)
    score = brain_score(
        measured,
        lambda columns: total @ weights[:, columns] + offset[columns],
        rois=rois,
        noise_ceiling=noise_ceiling,
        block=block,
        progress=span(progress, 0.0, 0.2),
    )
    n_voxels = weights.shape[1]
    by_slot = np.empty((len(parts), n_voxels), dtype=np.float32)
    for start in range(0, n_voxels, block):
        columns = slice(start, min(start + block, n_voxels))
        truth = measured[:, columns]
        for number, part in enumerate(parts):
            by_slot[number, columns] = correlation(truth, part @ weights[:, columns])
        report(span(progress, 0.2, 1.0), columns.stop, n_voxels, "brain score by layer")
    masks = [rois.mask(name) for name in rois.names] + [np.ones(n_voxels, dtype=bool)]
    by_roi = np.full((len(parts), len(masks)), np.nan, dtype=np.float32)
    for number, mask in enumerate(masks):
        known = by_slot[:, mask & np.isfinite(by_slot).all(axis=0)]
        if known.shape[1]:
            by_roi[:, number] = known.mean(axis=1, dtype=np.float64)
    return SlotScores(score, alignment.slots, by_slot, (*rois.names, "all"), by_roi)


class _Rows:
    """Some rows of responses, read a block of voxels at a time."""

    def __init__(self, responses: Any, rows: NDArray[np.int64]) -> None:
        self._responses, self._rows = responses, rows
        self.shape = (len(rows), int(responses.shape[1]))
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        _, columns = key
        order = np.argsort(self._rows, kind="stable")
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return np.asarray(self._responses[self._rows[order]][:, columns], dtype=np.float32)[back]


def _plain(value: Any) -> float | int | None:
    if value is None or (isinstance(value, float | np.floating) and not np.isfinite(value)):
        return None
    return int(value) if isinstance(value, int) else round(float(value), 6)
