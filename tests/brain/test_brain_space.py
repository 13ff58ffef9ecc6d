"""Brain space against the literal product of features and beta."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from alignedcut_viewer.brain import BrainSpace, RoiTable
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


class Stream:
    """Features that come in chunks only."""

    def __init__(self, values: np.ndarray) -> None:
        self.shape = values.shape
        self._values = values

    def chunks(self, size: int) -> Iterator[tuple[int, np.ndarray]]:
        for start in range(0, len(self._values), min(size, 7)):
            yield start, self._values[start : start + min(size, 7)].astype(np.float16)


@pytest.fixture
def parts(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, RoiTable]:
    features = np.round(rng.standard_normal((50, 16)) * 64).astype(np.float32) / 64 + 3  # exact in half precision
    beta = rng.standard_normal((16, 40)).astype(np.float32)
    labels = rng.choice(["V1", "FFA", "V1;FFA", ""], 40)
    return features, beta, RoiTable.from_labels(labels).ordered()


@pytest.mark.parametrize("wrap", [np.asarray, Stream])
def test_means_and_spreads_are_those_of_literal_u(parts: tuple[np.ndarray, np.ndarray, RoiTable], wrap: type) -> None:
    features, beta, rois = parts
    space = BrainSpace(beta, rois)
    literal = features.astype(np.float64) @ beta
    summary = space.summarise(wrap(features))
    of_rois = np.stack([literal[:, rois.mask(name)].mean(axis=1) for name in rois.names], axis=1)
    assert summary.names == ("V1", "FFA")
    assert summary.n_nodes == 50
    assert np.allclose(summary.mean, of_rois.mean(axis=0), atol=1e-4)
    assert np.allclose(summary.node_spread, of_rois.std(axis=0), atol=1e-4)
    assert summary.voxel_spread is not None
    expected = [literal.mean(axis=0)[rois.mask(name)].std() for name in rois.names]
    assert np.allclose(summary.voxel_spread, expected, atol=1e-3)
    assert np.allclose(space.voxel_means(wrap(features)), literal.mean(axis=0), atol=1e-4)
    assert np.allclose(space.voxel_spread(wrap(features), block=7), literal.std(axis=0), atol=1e-3)
    streamed = np.concatenate([block for _, block in space.stream(wrap(features), memory=1000)])
    assert np.allclose(streamed, literal, atol=1e-3)
    some = np.concatenate([block for _, block in space.stream(wrap(features), voxels=[3, 1])])
    assert np.allclose(some, literal[:, [3, 1]], atol=1e-3)


def test_known_activations_answer_any_selection(parts: tuple[np.ndarray, np.ndarray, RoiTable]) -> None:
    features, beta, rois = parts
    space = BrainSpace(beta, rois)
    nodes = [4, 40, 7]
    table = space.roi_activations(features)
    direct = space.summarise(features[nodes])
    quick = space.summarise_activations(table[nodes], features[nodes].mean(axis=0))
    for name in ("mean", "node_spread", "voxel_spread"):
        assert np.allclose(getattr(quick, name), getattr(direct, name), atol=1e-4)
    assert space.summarise_activations(table[[4]]).node_spread.tolist() == [0, 0]


def test_a_planted_concept_points_the_right_way() -> None:
    """Channel 0 drives V1, channel 1 FFA, the other way round it silences it."""
    beta = np.zeros((3, 8), dtype=np.float32)
    beta[0, :4], beta[1, 4:], beta[1, :4] = 2.0, 3.0, -1.0
    space = BrainSpace(beta, RoiTable.from_labels(["V1"] * 4 + ["FFA"] * 4))
    summary = space.summarise(np.array([[0, 1, 5], [0, 3, -5]], dtype=np.float32))
    assert summary.mean.tolist() == [-2, 6]
    assert summary.node_spread.tolist() == [1, 3]


def test_slots_add_up_to_the_prediction(parts: tuple[np.ndarray, np.ndarray, RoiTable]) -> None:
    features, beta, rois = parts
    intercept = np.arange(40, dtype=np.float32)
    space = BrainSpace(beta, rois, intercept=intercept)
    slots = features.reshape(2, 25, 16)
    prediction = space.predict(slots.sum(axis=0))
    assert np.allclose(prediction, slots[0] @ beta + slots[1] @ beta + intercept, atol=1e-3)
    assert np.allclose(space.predict(slots.sum(axis=0), slice(5, 9)), prediction[:, 5:9], atol=1e-4)


def test_misfits_are_named(parts: tuple[np.ndarray, np.ndarray, RoiTable]) -> None:
    features, beta, rois = parts
    space = BrainSpace(beta, rois)
    with pytest.raises(InputError, match="16 universal channels"):
        space.summarise(features[:, :5])
    with pytest.raises(InputError, match="at least one node"):
        space.summarise(features[:0])
    with pytest.raises(InputError, match="beta maps to 39"):
        BrainSpace(beta[:, 1:], rois)
    with pytest.raises(InputError, match="NaN"):
        BrainSpace(beta * np.nan, rois)
