from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from alignedcut_viewer.brain import RoiTable, brain_score
from alignedcut_viewer.brain.scores import correlation, r_squared
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


@given(st.integers(0, 10**6), st.integers(3, 20), st.floats(0, 3))
def test_against_scikit_learn_and_scipy(seed: int, n_images: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((n_images, 4)) * 3 + 10
    prediction = truth + noise * rng.standard_normal((n_images, 4))
    assert np.allclose(r_squared(truth, prediction), r2_score(truth, prediction, multioutput="raw_values"), atol=1e-5)
    expected = [pearsonr(t, p).statistic for t, p in zip(truth.T, prediction.T, strict=True)]
    assert np.allclose(correlation(truth, prediction), expected, atol=1e-5)


def test_a_perfect_and_a_mean_prediction(rng: np.random.Generator) -> None:
    truth = rng.standard_normal((30, 5)).astype(np.float32)
    assert np.allclose(r_squared(truth, truth), 1)
    mean = np.broadcast_to(truth.mean(axis=0), truth.shape)
    assert np.allclose(r_squared(truth, mean), 0, atol=1e-6)
    assert np.array_equal(correlation(truth, mean), np.zeros(5))
    # against the mean of other pictures, which a held-out mean cannot know
    assert (r_squared(truth, truth * 0, mean=np.zeros(5)) == 0).all()


def test_constant_responses_have_no_score(rng: np.random.Generator) -> None:
    truth = rng.standard_normal((10, 3))
    truth[:, 1] = 2
    score = brain_score(truth, truth * 0.9, rois=RoiTable.from_labels(["a", "a", "b"]))
    assert np.isnan(score.r2[1])
    assert score.rois["a"].n_voxels == 1
    assert score.rois["all"].r2 == pytest.approx(np.nanmean(score.r2))


def test_blocks_functions_and_arrays_agree(rng: np.random.Generator) -> None:
    truth, prediction = rng.standard_normal((2, 20, 33))
    whole = brain_score(truth, prediction)
    asked = []

    def predict(columns: slice) -> np.ndarray:
        asked.append(columns)
        return prediction[:, columns]

    seen: list[int] = []
    parts = brain_score(truth, predict, block=10, progress=lambda done, total, _: seen.append(done * 100 // total))
    assert len(asked) == 4
    assert seen == [30, 60, 90, 100]
    assert np.array_equal(whole.r2, parts.r2)
    assert np.array_equal(whole.correlation, parts.correlation)


def test_normalisation_recovers_the_noise_free_score(rng: np.random.Generator) -> None:
    """A perfect model of the signal scores 1 after normalisation, whatever the noise."""
    share = np.linspace(0.1, 0.9, 50)
    signal = rng.standard_normal((6000, 50))
    truth = np.sqrt(share) * signal + np.sqrt(1 - share) * rng.standard_normal((6000, 50))
    ceiling = 100 * share
    ceiling[0] = 0.2
    score = brain_score(
        truth,
        np.sqrt(share) * signal,
        rois=RoiTable.from_labels(["low"] * 25 + ["high"] * 25),
        noise_ceiling=ceiling,
    )
    assert score.r2_normalised is not None
    assert score.explained is not None
    assert np.isnan(score.r2_normalised[0])
    assert np.allclose(score.r2_normalised[1:], 1, atol=0.15)
    assert score.rois["low"].r2_normalised == pytest.approx(1, abs=0.03)
    assert score.rois["high"].explained == pytest.approx(1, abs=0.03)
    assert score.rois["low"].r2 < score.rois["high"].r2
    assert score.as_dict()["low"]["n_voxels"] == 25


def test_negative_correlations_explain_nothing(rng: np.random.Generator) -> None:
    truth = rng.standard_normal((50, 4))
    score = brain_score(truth, -truth, noise_ceiling=np.full(4, 50.0))
    assert score.explained is not None
    assert (score.explained == 0).all()


def test_misshapen_input_is_named(rng: np.random.Generator) -> None:
    truth = rng.standard_normal((5, 4))
    with pytest.raises(InputError, match="prediction has shape"):
        brain_score(truth, truth[:, :3])
    with pytest.raises(InputError, match="noise ceiling"):
        brain_score(truth, truth, noise_ceiling=[1.0])
    with pytest.raises(InputError, match="ROI table is for 2"):
        brain_score(truth, truth, rois=RoiTable({}, 2))
    with pytest.raises(InputError, match="two pictures"):
        brain_score(truth[:1], truth[:1])
