"""Held-out scores for some weights of the eigen-constraint over some seeds: the paper's Table 1, with its spread."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import replacing
from ..errors import InputError
from ..nodes import Slot
from ..progress import ProgressCallback, span
from ..study.study import Study
from .brain_pictures import read_brain_data
from .brain_stage import BrainTraining
from .settings import AlignSettings

__all__ = ["TABLE_WEIGHTS", "ScoreTable", "score_table"]

TABLE_WEIGHTS = (1.0, 0.1, 0.0)
"""Weights of the eigen-constraint in the paper's Table 1."""


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Scores on pictures that took no part in the training.

    Attributes
    ----------
    title
        The brain data.
    start
        Where training began.
    weights, seeds, rois
        What the axes of `r2` are; ``"all"`` is the last region.
    r2
        (n_weights, n_seeds, n_rois) mean R² over the voxels of a region. A seed decides the split of the pictures, too.
    warning
        What the user should know of the data; None where there is nothing.
    simulated
        Whether the responses were made up.
    """

    title: str
    start: str
    weights: tuple[float, ...]
    seeds: tuple[int, ...]
    rois: tuple[str, ...]
    r2: NDArray[np.float64]
    warning: str | None = None
    simulated: bool = False

    @property
    def mean(self) -> NDArray[np.float64]:
        """(n_weights, n_rois) mean over seeds."""
        found: NDArray[np.float64] = self.r2.mean(axis=1)
        return found

    @property
    def spread(self) -> NDArray[np.float64]:
        """(n_weights, n_rois) standard deviation over seeds (n - 1); NaN with one."""
        if len(self.seeds) < 2:
            return np.full(self.mean.shape, np.nan)
        found: NDArray[np.float64] = self.r2.std(axis=1, ddof=1)
        return found

    @property
    def note(self) -> str | None:
        """Which start the paper's comparison needs, where another one was taken."""
        if self.start not in ("isometry", "ridge"):
            return None
        return (
            f"From the start {self.start} the weight changes next to nothing: the maps satisfy the constraint, or "
            "predict the brain, from the outset. The paper's comparison needs maps that know nothing of the brain: "
            "--preset paper, or --init random."
        )

    def as_text(self) -> str:
        """A markdown table: one row per weight, one column per region, mean ± standard deviation over seeds."""
        lines = ["| eigen-constraint | " + " | ".join(self.rois) + " |", "|" + "---:|" * (len(self.rois) + 1)]
        for weight, means, spreads in zip(self.weights, self.mean, self.spread, strict=True):
            cells = [
                f"{mean:.3f}" + (f" ± {spread:.3f}" if np.isfinite(spread) else "")
                for mean, spread in zip(means, spreads, strict=True)
            ]
            lines.append(f"| {weight:g} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def write_csv(self, file: str | Path) -> Path:
        """One line for each weight, seed and region.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        path = Path(file)
        with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["data", "start", "eigen_weight", "seed", "roi", "r2"])
            for weight, by_seed in zip(self.weights, self.r2, strict=True):
                for seed, values in zip(self.seeds, by_seed, strict=True):
                    for roi, value in zip(self.rois, values, strict=True):
                        writer.writerow([self.title, self.start, f"{weight:g}", seed, roi, f"{value:.6f}"])
        return path


def score_table(
    study: Study,
    slots: Sequence[Slot],
    settings: AlignSettings,
    *,
    weights: Sequence[float] = TABLE_WEIGHTS,
    seeds: Sequence[int] | None = None,
    progress: ProgressCallback | None = None,
) -> ScoreTable:
    """Train once for each weight and seed, and score on pictures that took no part.

    Parameters
    ----------
    study
        Opened for writing.
    slots
        (feature set, layer) pairs.
    settings
        With brain data.
    weights
        Of the eigen-constraint.
    seeds
        Each gives another split of the pictures, other nodes and another start where that is random; None takes that of
        the settings.
    progress
        Called all along.

    Raises
    ------
    InputError
        If there is no weight or no seed.
    AlignmentError
        If no pictures are kept apart for the score.
    """
    chosen = (settings.seed,) if seeds is None else tuple(seeds)
    if not weights or not chosen or settings.brain is None:
        raise InputError("A table of scores needs brain data, a weight and a seed.")
    data = read_brain_data(study, slots, settings.brain, span(progress, 0.0, 0.02))
    found = []
    rois: tuple[str, ...] = ()
    for number, seed in enumerate(chosen):
        stage = span(progress, 0.02 + 0.98 * number / len(chosen), 0.02 + 0.98 * (number + 1) / len(chosen))
        training = BrainTraining(study, slots, replace(settings, seed=seed), data)
        scores = training.table(tuple(weights), stage)
        training.clean()
        rois = tuple(next(iter(scores.values())).rois)
        found.append([[scores[weight].rois[roi].r2 for roi in rois] for weight in weights])
    r2 = np.array(found).swapaxes(0, 1)
    dataset = data.dataset
    return ScoreTable(
        dataset.title, settings.brain.init, tuple(weights), chosen, rois, r2, data.warning, dataset.simulated
    )
