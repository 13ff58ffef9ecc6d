"""Several people who saw different pictures: one alignment, a readout each, and the map that they share is found."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from alignedcut_viewer.alignment import BrainAlignment, BrainSamples, score_slots
from alignedcut_viewer.brain import BrainDataset, PictureTable, RoiTable, group_interval, join_subjects
from alignedcut_viewer.errors import AlignmentError, InputError
from alignedcut_viewer.nodes import Slot

WIDTHS = {Slot("a", 0): 14, Slot("a", 1): 10}
N_PICTURES, N_TEST, N_VOXELS, N_LATENT = 600, 200, 40, 4


class Planted:
    """Voxels of everybody follow the same four directions of the features, each person's in a way of their own."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        n = N_PICTURES + N_TEST
        self.pooled = {slot: rng.standard_normal((n, width)).astype(np.float32) for slot, width in WIDTHS.items()}
        side_by_side = np.concatenate(list(self.pooled.values()), axis=1)
        self.latent = side_by_side @ rng.standard_normal((side_by_side.shape[1], N_LATENT)) / 5
        self.rng = rng
        self.train, self.test = np.arange(N_PICTURES), np.arange(N_PICTURES, n)

    def person(self, name: str, rows: NDArray[np.int64]) -> BrainDataset:
        """Responses of one person to some pictures: half of the variance is noise."""
        signal = self.latent[rows] @ self.rng.standard_normal((N_LATENT, N_VOXELS))
        noisy = signal / signal.std(axis=0) + self.rng.standard_normal(signal.shape)
        rois = RoiTable({"V1": np.arange(N_VOXELS) < 10, "FFA": np.arange(N_VOXELS) >= 10})
        table = PictureTable(tuple(f"{row}.png" for row in rows), (None,) * len(rows))
        return BrainDataset.build(name, table, noisy.astype(np.float32), rois=rois, subject=name)

    def fit(self, dataset: BrainDataset, **more: object) -> tuple[BrainAlignment, NDArray[np.int64]]:
        """Trained on all rows but the test pictures."""
        numbers = np.array([int(name.split(".")[0]) for name in dataset.pictures.names])
        train = np.flatnonzero(numbers < N_PICTURES)
        part = dataset.select(pictures=train)
        samples = BrainSamples(
            {slot: values[numbers[train]] for slot, values in self.pooled.items()},
            {slot: values[:200] for slot, values in self.pooled.items()},
            part.responses,
            subjects=part.parts() if part.seen is not None else (),
        )
        settings = {"n_nodes": 40, "batch_size": 50, "n_epochs": 6, "device": "cpu", "init": "ridge", **more}
        return BrainAlignment(N_LATENT, **settings).fit(samples), numbers  # type: ignore[arg-type]

    def found(self, fitted: BrainAlignment) -> float:
        """How much of the planted directions the channels hold, in test pictures."""
        channels = fitted.summed({slot: values[self.test] for slot, values in self.pooled.items()})
        design = np.column_stack([channels, np.ones(N_TEST)])
        truth = self.latent[self.test]
        residual = truth - design @ np.linalg.lstsq(design, truth, rcond=None)[0]
        return float(1 - np.square(residual).sum() / np.square(truth - truth.mean(axis=0)).sum())


@pytest.mark.parametrize("init", ["ridge", "identity"])
def test_disjoint_pictures_serve_the_shared_map_as_well_as_one_person_with_all(init: str) -> None:
    """From the closed form, and from a start that knows nothing, so that the steps of the training are looked at."""
    planted = Planted()
    steps = {"n_epochs": 60, "patience": 60, "learning_rate": 0.01, "map_learning_rate": 0.02}
    free = {"eigen_weight": 0.0, "zero_weight": 0.0, "covariance_weight": 0.0}
    more: dict[str, object] = {} if init == "ridge" else {"init": init, **steps, **free}
    one, _ = planted.fit(planted.person("all", planted.train), **more)
    halves = [planted.person(name, planted.train[start::2]) for start, name in enumerate(("ann", "bob"))]
    both, _ = planted.fit(join_subjects(halves), **more)
    alone, _ = planted.fit(halves[0], **more)
    assert planted.found(both) > planted.found(one) - 0.02
    assert planted.found(both) > planted.found(alone)
    assert planted.found(both) > 0.9


def test_each_person_is_scored_on_what_the_person_saw_and_the_group_has_an_interval() -> None:
    planted = Planted()
    rows = [np.concatenate([planted.train[start::3], planted.test[start::3]]) for start in range(3)]
    joined = join_subjects([planted.person(name, own) for name, own in zip(("ann", "bob", "cyd"), rows, strict=True)])
    assert joined.seen is not None
    assert np.isnan(joined.read()).mean() == pytest.approx(2 / 3, abs=0.01)
    fitted, numbers = planted.fit(joined)
    alignment = fitted.to_alignment(dataset=joined)
    test = np.flatnonzero(numbers >= N_PICTURES)
    pooled = {slot: values[numbers] for slot, values in planted.pooled.items()}
    scores = score_slots(alignment, pooled, joined.responses, rows=test, subjects=joined.parts(), n_draws=99)
    assert list(scores.subjects) == ["ann", "bob", "cyd"]
    prediction = fitted.predict(pooled)
    for part in joined.parts():
        own = np.intersect1d(test, part.rows)
        truth, guess = joined.read(own, part.voxels), prediction[np.ix_(own, part.voxels)]
        r2 = 1 - np.square(truth - guess).sum(axis=0) / np.square(truth - truth.mean(axis=0)).sum(axis=0)
        score, statistics = scores.subjects[part.name]
        assert score.rois["all"].r2 == pytest.approx(r2.mean(), abs=1e-4)
        assert score.rois["all"].r2 == pytest.approx(0.5, abs=0.12)
        assert statistics is not None
        assert statistics.rois["FFA"].p_value == pytest.approx(0.01)
        assert statistics.n_pictures == len(own)
        np.testing.assert_allclose(scores.total.r2[part.voxels], r2, atol=1e-4)
    assert scores.statistics is None  # nobody saw all pictures
    described = scores.as_dict()
    values = [described["subjects"][name]["V1"]["r2"] for name in scores.subjects]
    mean, (low, high) = group_interval(values)
    group = described["group"]["V1"]
    assert group["n_subjects"] == 3
    np.testing.assert_allclose([group["r2"], group["r2_low"], group["r2_high"]], [mean, low, high], atol=1e-5)
    assert described["rois"]["all"]["r2"] == pytest.approx(np.mean(scores.total.r2), abs=1e-5)
    few = np.concatenate([test[np.isin(test, joined.parts()[0].rows)], joined.parts()[1].rows[-1:]])
    with pytest.raises(AlignmentError, match="bob needs at least two held-out pictures; got 1"):
        score_slots(alignment, pooled, joined.responses, rows=few, subjects=joined.parts()[:2])


def test_a_person_with_too_few_pictures_is_named() -> None:
    planted = Planted()
    joined = join_subjects([planted.person("ann", planted.train[:100]), planted.person("bob", planted.train[100:103])])
    with pytest.raises(InputError, match="bob saw too few"):
        planted.fit(joined)
