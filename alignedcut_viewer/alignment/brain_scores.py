"""Brain score of brain-guided maps on held-out pictures: for the sum of all slots, and slot by slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..brain import BrainScore, RoiTable, ScoreStatistics, SubjectPart, group_interval, score_statistics
from ..brain.scores import correlation, r_squared, voxel_scores
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
    statistics
        P-values and intervals over pictures, where they were asked for and everybody saw the same pictures.
    subjects
        Where there are several people: the score of each, and its statistics where they were asked for.
    """

    total: BrainScore
    slots: tuple[Slot, ...]
    correlation: NDArray[np.float32]
    roi_names: tuple[str, ...]
    roi_correlation: NDArray[np.float32]
    statistics: ScoreStatistics | None = None
    subjects: Mapping[str, tuple[BrainScore, ScoreStatistics | None]] = field(default_factory=dict)

    def best_slots(self) -> dict[str, Slot]:
        """For each region the slot whose part of the prediction correlates best with the measured responses."""
        means = np.where(np.isfinite(self.roi_correlation), self.roi_correlation, -np.inf)
        return {name: self.slots[int(means[:, roi].argmax())] for roi, name in enumerate(self.roi_names)}

    def group(self) -> dict[str, dict[str, float | int]]:
        """For each region the mean of R² and of correlation over people, with its 95 % interval (Student's t)."""
        result: dict[str, dict[str, float | int]] = {}
        for roi in self.roi_names if self.subjects else ():
            entry: dict[str, float | int] = {}
            for measure in ("r2", "correlation"):
                own = [score.rois.get(roi) for score, _ in self.subjects.values()]
                values = [np.nan if score is None else getattr(score, measure) for score in own]
                mean, interval = group_interval(values)
                low, high = (float(end) for end in interval)
                entry |= {measure: float(mean), f"{measure}_low": low, f"{measure}_high": high}
                entry["n_subjects"] = int(np.isfinite(values).sum())
            result[roi] = entry
        return result

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: the total by region, each person's and the group's, each slot's correlation; None where none."""
        by_slot = {
            str(slot): {name: _plain(value) for name, value in zip(self.roi_names, row, strict=True)}
            for slot, row in zip(self.slots, self.roi_correlation, strict=True)
        }
        best = {name: str(slot) for name, slot in self.best_slots().items()}
        found = {"rois": _by_roi(self.total, self.statistics), "slot_correlation": by_slot, "best_slot": best}
        if self.subjects:
            found["subjects"] = {name: _by_roi(*scored) for name, scored in self.subjects.items()}
            found["group"] = {roi: {k: _plain(v) for k, v in s.items()} for roi, s in self.group().items()}
        return found


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
    subjects: Sequence[SubjectPart] = (),
    pictures: ArrayLike | None = None,
    n_draws: int = 0,
    seed: int = 0,
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
    subjects
        Voxels and pictures of each person; each is scored on those of `rows` that the person saw. Empty takes all
        voxels as one person's.
    pictures
        (n_pictures,) which picture each row of responses is of, for the statistics; None where each is one of its own.
    n_draws
        Exchanges of pictures and draws for p-values and intervals, see
        :func:`~alignedcut_viewer.brain.score_statistics`; 0 leaves them out.
    seed
        Of those.
    block
        Voxels at a time.
    progress
        Progress callback.

    Raises
    ------
    AlignmentError
        If there is no readout of all voxels, a slot's pooled features are missing, or a person saw fewer than two of
        the pictures.
    """
    readout = alignment.readout
    if beta is None:
        if readout is None or readout.beta is None:
            raise AlignmentError("This alignment brings no readout of all voxels; pass beta, or train it with one.")
        beta, intercept = readout.beta, readout.intercept if intercept is None else intercept
    weights: NDArray[np.float32] = np.asarray(beta, dtype=np.float32)
    n_voxels = weights.shape[1]
    if rois is None:
        rois = readout.rois if readout is not None and readout.rois is not None else RoiTable({}, n_voxels)
    if noise_ceiling is None and readout is not None:
        noise_ceiling = readout.noise_ceiling
    ceiling = None if noise_ceiling is None else np.asarray(noise_ceiling)
    missing = [str(slot) for slot in alignment.slots if slot not in pooled]
    if missing:
        raise AlignmentError(f"Pooled features of {', '.join(missing)} are missing; a score needs those of all slots.")
    chosen = np.arange(int(responses.shape[0])) if rows is None else np.asarray(rows, dtype=np.int64)
    parts = np.stack(
        [alignment.transform(slot, np.asarray(pooled[slot][chosen], np.float32)) for slot in alignment.slots]
    )
    offset = np.zeros(n_voxels, np.float32) if intercept is None else np.asarray(intercept, dtype=np.float32)
    shown = np.arange(int(responses.shape[0])) if pictures is None else np.asarray(pictures)
    voxels = np.arange(n_voxels)
    people = list(subjects) or [SubjectPart("", voxels, np.arange(int(responses.shape[0])))]
    seen = [np.flatnonzero(np.isin(chosen, person.rows)) for person in people]
    r2, pearson = (np.full(n_voxels, np.nan, dtype=np.float32) for _ in range(2))
    by_slot = np.full((len(parts), n_voxels), np.nan, dtype=np.float32)

    def statistics(of: NDArray[np.int64], held: NDArray[np.int64], tell: ProgressCallback) -> ScoreStatistics | None:
        if n_draws == 0 or len(np.unique(shown[chosen[held]])) < 3:
            return None
        total = parts[:, held].sum(axis=0)
        return score_statistics(
            _Block(responses, chosen[held], of),
            lambda columns: total @ weights[:, of[columns]] + offset[of[columns]],
            rois=rois.take(of),
            pictures=shown[chosen[held]],
            n_draws=n_draws,
            seed=seed,
            block=block,
            progress=tell,
        )

    found: dict[str, tuple[BrainScore, ScoreStatistics | None]] = {}
    for number, (person, held) in enumerate(zip(people, seen, strict=True)):
        if len(held) < 2:
            raise AlignmentError(f"{person.name or 'A score'} needs at least two held-out pictures; got {len(held)}.")
        stage = span(progress, 0.8 * number / len(people), 0.8 * (number + 1) / len(people))
        measured = _Block(responses, chosen[held], person.voxels)
        own = parts[:, held]
        total = own.sum(axis=0)
        for start in range(0, len(person.voxels), block):
            place = slice(start, min(start + block, len(person.voxels)))
            columns = person.voxels[place]
            truth = measured[:, place]
            predicted = total @ weights[:, columns] + offset[columns]
            r2[columns], pearson[columns] = r_squared(truth, predicted), correlation(truth, predicted)
            for slot, part in enumerate(own):
                by_slot[slot, columns] = correlation(truth, part @ weights[:, columns])
            report(span(stage, 0.0, 0.6), place.stop, len(person.voxels), "brain score by layer")
        if len(people) > 1:
            score = voxel_scores(
                r2[person.voxels],
                pearson[person.voxels],
                rois=rois.take(person.voxels),
                noise_ceiling=None if ceiling is None else ceiling[person.voxels],
            )
            found[person.name] = score, statistics(person.voxels, held, span(stage, 0.6, 1.0))
    same = all(np.array_equal(held, seen[0]) for held in seen)
    together = statistics(voxels, seen[0], span(progress, 0.8, 1.0)) if same else None
    masks = [rois.mask(name) for name in rois.names] + [np.ones(n_voxels, dtype=bool)]
    by_roi = np.full((len(parts), len(masks)), np.nan, dtype=np.float32)
    for number, mask in enumerate(masks):
        known = by_slot[:, mask & np.isfinite(by_slot).all(axis=0)]
        if known.shape[1]:
            by_roi[:, number] = known.mean(axis=1, dtype=np.float64)
    total_score = voxel_scores(r2, pearson, rois=rois, noise_ceiling=ceiling)
    report(progress, 1, 1, "brain score by layer")
    return SlotScores(total_score, alignment.slots, by_slot, (*rois.names, "all"), by_roi, together, found)


class _Block:
    """Some rows and voxels of responses, read a block of voxels at a time."""

    dtype = np.dtype(np.float32)

    def __init__(self, responses: Any, rows: NDArray[np.int64], voxels: NDArray[np.int64]) -> None:
        self._responses, self._rows, self._voxels = responses, rows, voxels
        self.shape = (len(rows), len(voxels))

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        _, columns = key
        order = np.argsort(self._rows, kind="stable")
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        values = self._responses[self._rows[order]][:, self._voxels[columns]]
        return np.asarray(values, dtype=np.float32)[back]


def _by_roi(score: BrainScore, statistics: ScoreStatistics | None) -> dict[str, dict[str, float | int | None]]:
    result = {}
    for roi, values in score.as_dict().items():
        known = dict(values)
        if statistics is not None and roi in statistics.rois:
            known |= vars(statistics.rois[roi]) | {"n_pictures": statistics.n_pictures}
        result[roi] = {key: _plain(value) for key, value in known.items()}
    return result


def _plain(value: Any) -> float | int | None:
    if value is None or (isinstance(value, float | np.floating) and not np.isfinite(value)):
        return None
    return int(value) if isinstance(value, int) else round(float(value), 6)
