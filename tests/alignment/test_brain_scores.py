"""Scores of the sum and of each slot on planted truth."""

from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.alignment import BrainReadout, ChannelAlignment, score_slots
from alignedcut_viewer.brain import BrainDataset, RoiTable
from alignedcut_viewer.errors import AlignmentError
from alignedcut_viewer.nodes import Slot

pytestmark = pytest.mark.quick

EARLY, LATE = Slot("net", 0), Slot("net", 11)
N = 400


@pytest.fixture
def planted(rng: np.random.Generator) -> tuple[ChannelAlignment, dict[Slot, np.ndarray], np.ndarray, RoiTable]:
    """V1 follows the early slot, FFA the late one; half of each voxel's variance is noise."""
    pooled = {slot: rng.standard_normal((N, 4)).astype(np.float32) for slot in (EARLY, LATE)}
    beta = np.zeros((8, 30), np.float32)
    beta[:4, :18] = rng.standard_normal((4, 18))
    beta[4:, 18:] = rng.standard_normal((4, 12))
    maps = {EARLY: np.eye(4, 8), LATE: np.eye(4, 8, k=4)}
    truth = pooled[EARLY] @ beta[:4] + pooled[LATE] @ beta[4:]
    responses = truth / truth.std(axis=0) + rng.standard_normal(truth.shape) + 7.0
    rois = RoiTable({"V1": np.arange(30) < 18, "FFA": np.arange(30) >= 18})
    dataset = BrainDataset.build(
        "planted", [f"{i}" for i in range(N)], responses.astype(np.float32), rois=rois, noise_ceiling=np.full(30, 50.0)
    )
    readout = BrainReadout.of(beta / truth.std(axis=0), dataset, intercept=np.full(30, 7.0))
    return ChannelAlignment(maps, kind="brain", readout=readout), pooled, np.asarray(dataset.responses), rois


def test_each_region_is_given_to_the_slot_that_it_follows(
    planted: tuple[ChannelAlignment, dict[Slot, np.ndarray], np.ndarray, RoiTable],
) -> None:
    alignment, pooled, responses, _ = planted
    scores = score_slots(alignment, pooled, responses, block=7)
    assert scores.best_slots() | {"all": EARLY} == {"V1": EARLY, "FFA": LATE, "all": EARLY}
    names = list(scores.roi_names)
    np.testing.assert_allclose(scores.roi_correlation[0, names.index("V1")], np.sqrt(0.5), atol=0.04)
    assert abs(scores.roi_correlation[0, names.index("FFA")]) < 0.1
    assert scores.total.rois["V1"].r2 == pytest.approx(0.5, abs=0.05)
    assert scores.total.rois["V1"].r2_normalised == pytest.approx(1.0, abs=0.1)
    assert scores.as_dict()["best_slot"]["FFA"] == "net/11"
    # The parts of the slots add up to the prediction.
    by_hand = np.corrcoef(pooled[EARLY] @ alignment.readout.beta[:4, 3], responses[:, 3])[0, 1]  # type: ignore[union-attr,index]
    assert scores.correlation[0, 3] == pytest.approx(by_hand, abs=1e-4)


def test_some_pictures_in_any_order(
    planted: tuple[ChannelAlignment, dict[Slot, np.ndarray], np.ndarray, RoiTable],
) -> None:
    alignment, pooled, responses, _ = planted
    rows = np.array([30, 5, 200, 17, 101, 9])
    some = score_slots(alignment, pooled, responses, rows=rows)
    alone = score_slots(alignment, {slot: x[rows] for slot, x in pooled.items()}, responses[rows])
    np.testing.assert_allclose(some.correlation, alone.correlation, atol=1e-6)
    np.testing.assert_allclose(some.total.r2, alone.total.r2, atol=1e-6)


def test_constant_voxels_and_lone_pictures_become_none_in_json(
    planted: tuple[ChannelAlignment, dict[Slot, np.ndarray], np.ndarray, RoiTable],
) -> None:
    import json

    alignment, pooled, responses, _ = planted
    flat = responses.copy()
    flat[:, 18:] = 1.0
    scores = score_slots(alignment, pooled, flat)
    text = json.dumps(scores.as_dict(), allow_nan=False)
    assert json.loads(text)["slot_correlation"]["net/0"]["FFA"] is None


def test_what_is_missing_is_named(
    planted: tuple[ChannelAlignment, dict[Slot, np.ndarray], np.ndarray, RoiTable],
) -> None:
    alignment, pooled, responses, _ = planted
    with pytest.raises(AlignmentError, match="net/11 are missing"):
        score_slots(alignment, {EARLY: pooled[EARLY]}, responses)
    with pytest.raises(AlignmentError, match="no readout"):
        score_slots(ChannelAlignment(alignment.matrices), pooled, responses)
