"""A simulated subject with known channels: the trained map finds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer.alignment import BrainAlignment, BrainSamples, score_slots
from alignedcut_viewer.brain import brain_score, open_brain_data, read_true_map, write_simulated_subject
from alignedcut_viewer.nodes import Slot

SLOTS = {Slot("a", 0): 12, Slot("a", 1): 12, Slot("b", 0): 8}
N_PICTURES, N_TEST = 1400, 200


def test_simulated_subject_is_predicted_as_by_its_true_map_and_faces_speak_to_ffa(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pooled = {slot: rng.standard_normal((N_PICTURES, width)).astype(np.float32) for slot, width in SLOTS.items()}
    side_by_side = np.concatenate(list(pooled.values()), axis=1)
    # Faces live in the second layer of network a, and places are their opposite.
    face = np.zeros(side_by_side.shape[1])
    face[12:24] = rng.standard_normal(12)
    picture = tmp_path / "picture.png"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(picture)
    folder = write_simulated_subject(
        tmp_path / "subj01",
        [picture] * N_PICTURES,
        side_by_side,
        n_vertices=(60, 70),
        explained=(0.3, 0.6),
        roi_directions={"FFA": face, "PPA": -face},
        picture_size=4,
    )
    dataset = open_brain_data(folder)
    assert dataset.simulated
    train, test = dataset.split(N_TEST)
    nodes = {slot: values[train[:300]] for slot, values in pooled.items()}
    samples = BrainSamples({s: v[train] for s, v in pooled.items()}, nodes, dataset.select(pictures=train).responses)
    fitted = BrainAlignment(36, n_nodes=40, batch_size=32, n_epochs=10, patience=2, device="cpu").fit(samples)

    measured = dataset.read(test)
    of_true_map = brain_score(measured, read_true_map(folder).predict(side_by_side[test])).rois["all"].r2
    ours = brain_score(measured, fitted.predict({s: v[test] for s, v in pooled.items()})).rois["all"].r2
    assert of_true_map < 0.6  # there is noise, so that the comparison says something
    assert ours > of_true_map - 0.02

    alignment = fitted.to_alignment(dataset=dataset)
    assert alignment.simulated
    assert alignment.readout is not None
    scores = score_slots(alignment, pooled, dataset.responses, rows=test)
    assert scores.best_slots()["FFA"] == Slot("a", 1)
    assert scores.total.rois["FFA"].r2_normalised == pytest.approx(1.0, abs=0.15)

    slot = Slot("a", 1)
    concept = (face[12:24] + 0.3 * rng.standard_normal((500, 12))).astype(np.float32)
    bars = alignment.readout.space().summarise(alignment.transform(slot, concept))
    height = dict(zip(bars.names, bars.mean, strict=True))
    assert height["FFA"] > 0.5
    assert height["PPA"] < -0.5
    others = [abs(value) for name, value in height.items() if name in ("V1", "V2", "V3", "EBA", "OPA")]
    assert max(others) < min(height["FFA"], -height["PPA"])
