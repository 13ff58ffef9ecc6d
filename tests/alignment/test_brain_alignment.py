"""Brain-guided alignment on planted problems: recovery, constraint, resumption, mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from alignedcut_viewer.alignment.brain_alignment import BrainAlignment
from alignedcut_viewer.alignment.brain_samples import BrainSamples
from alignedcut_viewer.alignment.eigen_constraint import eigen_constraint
from alignedcut_viewer.errors import AlignmentError, Cancelled, FeatureError, InputError
from alignedcut_viewer.nodes import Slot

pytestmark = pytest.mark.quick

SLOTS = (Slot("a", 0), Slot("a", 1), Slot("b", 0))
WIDTHS = (12, 12, 8)


def r_squared(truth: NDArray[np.float32], prediction: NDArray[np.float32]) -> NDArray[np.float32]:
    return 1 - ((truth - prediction) ** 2).sum(0) / ((truth - truth.mean(0)) ** 2).sum(0)


def planted(
    n_pictures: int, *, noise: float = 0.5, n_voxels: int = 40, seed: int = 0
) -> tuple[BrainSamples, NDArray[np.float32]]:
    """Slots with channels of their own, responses linear in them; and the responses without noise."""
    rng = np.random.default_rng(seed)
    pooled, nodes = {}, {}
    truth = np.zeros((n_pictures, n_voxels), np.float32)
    for slot, width in zip(SLOTS, WIDTHS, strict=True):
        features = rng.standard_normal((n_pictures, width)).astype(np.float32) * (1 + 10 * slot.layer)
        pooled[slot] = features
        nodes[slot] = (features[rng.integers(n_pictures, size=300)] + rng.standard_normal((300, width))).astype(
            np.float32
        )
        mixing = np.random.default_rng([7, *slot.network.encode(), slot.layer]).standard_normal((width, n_voxels))
        truth += (features @ mixing / np.linalg.norm(features, axis=1).mean()).astype(np.float32)
    measured = truth + noise * truth.std() * rng.standard_normal(truth.shape).astype(np.float32)
    return BrainSamples(pooled, nodes, 3.0 + 2.0 * measured), 3.0 + 2.0 * truth


def small(**settings: object) -> BrainAlignment:
    defaults: dict[str, object] = {"n_channels": 36, "n_nodes": 40, "n_epochs": 12, "batch_size": 32}
    return BrainAlignment(**(defaults | settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("init", ["isometry", "ridge"])
def test_held_out_responses_are_predicted_nearly_as_well_as_by_the_true_map(init: str) -> None:
    train, _ = planted(1000)
    test, truth = planted(300, seed=1)
    alignment = small(init=init, map_learning_rate=3e-3).fit(train)
    prediction = alignment.predict(test.pooled)
    of_true_map = r_squared(test.responses, truth).mean()
    of_ours = r_squared(test.responses, prediction).mean()
    assert of_ours > of_true_map - 0.02
    assert of_true_map < 0.9  # there is noise, so that the comparison says something


@pytest.mark.parametrize("init", ["identity", "random"])
def test_training_finds_maps_where_the_start_knows_nothing(init: str) -> None:
    train, _ = planted(600)
    alignment = small(
        init=init, n_channels=8, map_learning_rate=3e-2, learning_rate=1e-2, eigen_weight=0.0, n_epochs=10, patience=10
    ).fit(train)
    assert alignment.score_ > alignment.history_[0]["r2"] + 0.1


def test_isometric_start_leaves_the_clusters_as_they_are() -> None:
    import torch

    train, _ = planted(500)
    alignment = small(n_epochs=0).fit(train)
    for slot in SLOTS:
        matrix = alignment.matrices_[slot].astype(np.float64)
        gram = matrix @ matrix.T
        np.testing.assert_allclose(gram / gram[0, 0], np.eye(len(gram)), atol=1e-4)
        before = torch.from_numpy(train.nodes[slot][:60])
        assert float(eigen_constraint(before, before @ torch.from_numpy(alignment.matrices_[slot]))) < 1e-2


def clustered(n_pictures: int) -> BrainSamples:
    """Nodes in clusters that have nothing to do with the few directions that responses follow."""
    rng = np.random.default_rng(5)
    pooled, nodes = {}, {}
    responses = np.zeros((n_pictures, 30), np.float32)
    for slot in SLOTS[:2]:
        centres = np.eye(6, 12, dtype=np.float32) * 3
        features = rng.standard_normal((n_pictures, 12)).astype(np.float32)
        pooled[slot] = features
        nodes[slot] = centres[rng.integers(6, size=400)] + 0.3 * rng.standard_normal((400, 12)).astype(np.float32)
        responses += features[:, 9:] @ rng.standard_normal((3, 30)).astype(np.float32)
    return BrainSamples(pooled, nodes, responses)


def test_constraint_holds_the_clusters_during_training() -> None:
    import torch

    train = clustered(400)
    changed = {}
    for weight in (0.0, 1.0):
        alignment = small(
            n_channels=12,
            init="identity",
            eigen_weight=weight,
            zero_weight=0,
            covariance_weight=0,
            map_learning_rate=3e-2,
            n_epochs=15,
            patience=15,
            keep="last",  # not what was best: the constraint is to show in the maps
        ).fit(train)
        changed[weight] = np.mean(
            [
                float(
                    eigen_constraint(
                        torch.from_numpy(train.nodes[slot][:80]),
                        torch.from_numpy(train.nodes[slot][:80] @ alignment.matrices_[slot]),
                    )
                )
                for slot in train.slots
            ]
        )
        assert ("eigen" in alignment.history_[-1]) == bool(weight)
    assert changed[1.0] < 0.5 * changed[0.0]


def test_the_last_epoch_can_be_kept_instead_of_the_best() -> None:
    train, _ = planted(300)
    best = small(map_learning_rate=0.1, n_epochs=2, schedule="constant").fit(train)
    last = small(map_learning_rate=0.1, n_epochs=2, schedule="constant", keep="last", readout="trained").fit(train)
    assert best.best_epoch_ == 0  # such steps spoil the closed-form start
    assert last.score_ == last.history_[-1]["r2"]
    assert last.score_ < best.score_


def test_a_picture_that_was_shown_twice_lies_on_one_side_only() -> None:
    """Two rows of one picture are alike: split by row, validation would judge by what was trained on."""
    train, _ = planted(60)
    twice = np.repeat(np.arange(60), 2)
    samples = BrainSamples(
        {slot: values[twice] for slot, values in train.pooled.items()},
        train.nodes,
        train.responses[twice],
        pictures=twice + 100,
    )
    fitted = small(n_epochs=1, validation=0.2).fit(samples)
    assert len(fitted.validation_rows_) == 24
    inside = set(twice[fitted.validation_rows_])
    outside = set(np.delete(twice, fitted.validation_rows_))
    assert not inside & outside


def test_nodes_of_other_pictures_than_those_trained_on_change_nothing() -> None:
    train, _ = planted(60)
    owner = np.arange(300) % 80  # 60 to 79 are no pictures of this training at all
    held_out = small(n_epochs=0).fit(train).validation_rows_
    others = np.isin(owner, held_out) | (owner >= 60)
    spoilt = {slot: np.where(others[:, None], 1e3, nodes).astype(np.float32) for slot, nodes in train.nodes.items()}
    one, other = (
        small(n_epochs=2).fit(BrainSamples(train.pooled, nodes, train.responses, node_pictures=owner))
        for nodes in (train.nodes, spoilt)
    )
    for slot in SLOTS:
        np.testing.assert_array_equal(one.matrices_[slot], other.matrices_[slot])
    with pytest.raises(InputError, match="None of the nodes"):
        small().fit(BrainSamples(train.pooled, train.nodes, train.responses, node_pictures=owner + 1000))
    with pytest.raises(InputError, match="299 picture numbers"):
        BrainSamples(train.pooled, train.nodes, train.responses, node_pictures=owner[1:])
    with pytest.raises(InputError, match="59 picture numbers"):
        BrainSamples(train.pooled, train.nodes, train.responses, pictures=np.arange(59))


def test_constant_voxels_do_no_harm() -> None:
    train, _ = planted(300)
    responses = np.array(train.responses)
    responses[:, 5] = 1.5
    alignment = small(n_epochs=2).fit(BrainSamples(train.pooled, train.nodes, responses))
    np.testing.assert_allclose(alignment.predict(train.pooled)[:, 5], 1.5, atol=1e-3)


def test_prediction_of_some_voxels_and_export() -> None:
    train, _ = planted(300)
    alignment = small(n_epochs=1).fit(train)
    every = alignment.predict(train.pooled)
    np.testing.assert_allclose(alignment.predict(train.pooled, slice(3, 9)), every[:, 3:9], rtol=1e-4, atol=1e-5)
    exported = alignment.to_alignment(tap="attention", recipe={"simulated": True})
    assert exported.simulated
    assert exported.kind == "brain"
    assert exported.slots == SLOTS
    summed = sum(exported.transform(slot, train.pooled[slot]) for slot in SLOTS)
    np.testing.assert_allclose(summed @ alignment.beta_ + alignment.intercept_, every, rtol=1e-3, atol=1e-3)


def test_same_seed_same_result_and_listener_sees_every_epoch() -> None:
    train, _ = planted(200)
    records: list[dict[str, float]] = []
    first = small(n_epochs=3, patience=3).fit(train, on_epoch=lambda record: records.append(dict(record)))
    second = small(n_epochs=3, patience=3).fit(train)
    np.testing.assert_array_equal(first.beta_, second.beta_)
    assert [record["epoch"] for record in records] == [0, 1, 2, 3]
    assert {"brain", "eigen", "zero", "covariance", "r2"} <= set(records[-1])


def test_cancelled_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    train, _ = planted(200)
    whole = small(n_epochs=6, patience=6, map_learning_rate=1e-2).fit(train)

    def cancel_in_epoch_4(done: int, total: int, text: str) -> None:
        if text.endswith("epoch 4"):
            raise Cancelled

    checkpoint = tmp_path / "training.pt"
    with pytest.raises(Cancelled):
        small(n_epochs=6, patience=6, map_learning_rate=1e-2).fit(
            train, progress=cancel_in_epoch_4, checkpoint=checkpoint
        )
    resumed = small(n_epochs=6, patience=6, map_learning_rate=1e-2).fit(train, checkpoint=checkpoint)
    np.testing.assert_array_equal(resumed.beta_, whole.beta_)
    for slot in SLOTS:
        np.testing.assert_array_equal(resumed.matrices_[slot], whole.matrices_[slot])
    assert resumed.history_ == whole.history_
    assert sorted(path.name for path in tmp_path.iterdir()) == ["training.pt"]


def test_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    train, _ = planted(100)
    checkpoint = tmp_path / "training.pt"
    small(n_epochs=1).fit(train, checkpoint=checkpoint)
    with pytest.raises(AlignmentError, match="other settings or data"):
        small(n_epochs=2).fit(train, checkpoint=checkpoint)
    checkpoint.write_bytes(b"no checkpoint")
    with pytest.raises(AlignmentError, match="not a readable checkpoint"):
        small(n_epochs=1).fit(train, checkpoint=checkpoint)


def test_a_training_that_diverges_says_so() -> None:
    with pytest.raises(AlignmentError, match=r"diverged: in epoch 1 .* Lower learning_rate"):
        small(eigen_weight=1e300).fit(planted(60)[0])


def test_mistakes_are_named() -> None:
    train, _ = planted(60)
    with pytest.raises(InputError, match="a/1 have shape"):
        BrainSamples(train.pooled | {SLOTS[1]: train.pooled[SLOTS[1]][:-1]}, train.nodes, train.responses)
    with pytest.raises(InputError, match="differ in b/0"):
        BrainSamples(train.pooled, {s: train.nodes[s] for s in SLOTS[:2]}, train.responses)
    broken = np.array(train.responses)
    broken[17, 3] = np.nan
    with pytest.raises(InputError, match="voxel 3 to picture 17"):
        small().fit(BrainSamples(train.pooled, train.nodes, broken))
    features = np.array(train.pooled[SLOTS[2]])
    features[4] = np.inf
    with pytest.raises(FeatureError, match="b/0"):
        small(validation=0.05).fit(BrainSamples(train.pooled | {SLOTS[2]: features}, train.nodes, train.responses))
    with pytest.raises(InputError, match="Unknown init"):
        BrainAlignment(init="magic")
    with pytest.raises(InputError, match="Unknown schedule"):
        BrainAlignment(schedule="sudden")
    with pytest.raises(InputError, match="n_nodes must be a whole number of at least 7"):
        BrainAlignment(n_nodes=6)
    with pytest.raises(InputError, match="eigen_weight"):
        BrainAlignment(eigen_weight=-1)
    with pytest.raises(AlignmentError, match="not fitted"):
        BrainAlignment().predict({})
