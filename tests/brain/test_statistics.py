"""Statistics over pictures: null data give uniform p-values, planted effects are found, intervals cover the truth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kstest

from alignedcut_viewer.brain import (
    RoiTable,
    bootstrap_means,
    false_discovery,
    group_interval,
    score_statistics,
    sign_flip_p_values,
)
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


def scored(
    truth: NDArray[np.float64], prediction: NDArray[np.float64], **more: object
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    found = score_statistics(truth, lambda columns: prediction[:, columns], **more)  # type: ignore[arg-type]
    return found.p_values, found.q_values


def test_predictions_that_know_nothing_give_uniform_p_values() -> None:
    rng = np.random.default_rng(0)
    # tied, as 199 exchanges give only 200 values; a voxel by itself is one test
    p_values, _ = scored(rng.normal(size=(25, 600)), rng.normal(size=(25, 600)), n_draws=199)
    assert kstest(p_values - rng.random(600) / 200, "uniform").pvalue > 0.01
    assert 0.02 < (p_values <= 0.05).mean() < 0.08


def test_planted_effects_are_found_and_false_discoveries_stay_rare() -> None:
    rng = np.random.default_rng(1)
    false, found = [], []
    for _ in range(12):
        planted = np.arange(300) < 60
        truth = rng.normal(size=(40, 300))
        prediction = np.where(planted, truth, 0) + rng.normal(size=truth.shape)
        _, q = scored(truth, prediction, n_draws=499, seed=3)
        discovered = q <= 0.05
        false.append((discovered & ~planted).sum() / max(discovered.sum(), 1))
        found.append(discovered[planted].mean())
    assert np.mean(false) <= 0.07
    assert np.mean(found) > 0.9


def test_regions_get_p_values_intervals_and_the_share_of_their_voxels() -> None:
    rng = np.random.default_rng(2)
    known = np.arange(90) < 30
    truth = rng.normal(size=(60, 90)) + 5
    truth[:, 89] = 2.0  # never varies
    prediction = 5 + np.where(known, truth - 5, 0) * 0.5 + 0.2 * rng.normal(size=truth.shape)
    rois = RoiTable({"known": known, "not": ~known})
    found = score_statistics(truth, lambda columns: prediction[:, columns], rois=rois, n_draws=500, block=37)
    r2 = 1 - np.square(truth - prediction).sum(0)[:89] / np.square(truth - truth.mean(0)).sum(0)[:89]
    one, other = found.rois["known"], found.rois["not"]
    assert one.p_value == pytest.approx(1 / 501)
    assert one.q_value == pytest.approx(2 / 501)
    assert other.p_value > 0.02
    assert one.r2_low < r2[:30].mean() < one.r2_high
    assert one.r2_high - one.r2_low < 0.1
    assert (one.significant, other.significant) == (1.0, pytest.approx(0.0, abs=0.06))
    assert np.isnan(found.p_values[89])
    assert found.rois["all"].r2_low < r2.mean() < found.rois["all"].r2_high


def test_units_and_blocks_of_voxels_change_nothing() -> None:
    rng = np.random.default_rng(5)
    truth, prediction = rng.normal(size=(2, 20, 50))
    prediction += truth
    one = scored(truth, prediction, n_draws=99)[0]
    np.testing.assert_array_equal(one, scored(truth, prediction, n_draws=99, block=7)[0])
    np.testing.assert_array_equal(one, scored(1e-7 * truth, 1e-7 * prediction, n_draws=99)[0])


def test_repeats_of_a_picture_do_not_count_as_pictures() -> None:
    """Twenty copies of three pictures carry no more evidence than three pictures."""
    rng = np.random.default_rng(3)
    shown = np.repeat(np.arange(3), 20)
    truth = rng.normal(size=(3, 5))[shown] + 0.01 * rng.normal(size=(60, 5))
    p_values, _ = scored(truth, truth, n_draws=200, pictures=shown)
    assert (p_values > 0.1).all()
    assert (scored(truth, truth, n_draws=200)[0] < 0.01).all()
    with pytest.raises(InputError, match="at least three"):
        scored(truth, truth, pictures=shown % 2)


def test_intervals_by_drawing_pictures_anew_cover_the_mean() -> None:
    """The mean over tokens, where pictures have unequally many and tokens of a picture are alike."""
    rng = np.random.default_rng(4)
    covered = 0
    for trial in range(200):
        counts = rng.integers(5, 30, 50)
        sums = counts * (1.0 + rng.normal(size=50))
        low, high = bootstrap_means(sums[:, None], counts, n_draws=400, seed=trial)
        covered += bool(low[0] < 1.0 < high[0])
    assert 0.89 <= covered / 200 <= 0.99
    low, high = bootstrap_means(np.ones((4, 2)), np.array([0, 3, 0, 0]))
    assert np.isnan([*low, *high]).all()
    with pytest.raises(InputError, match="number of tokens"):
        bootstrap_means(np.ones((4, 2)), np.ones(3))


@pytest.mark.parametrize("n_pictures", [8, 40])
def test_differences_within_pictures(n_pictures: int) -> None:
    """Few pictures: all changes of sign are gone through; many: some are drawn. Both find what was planted."""
    rng = np.random.default_rng(n_pictures)
    values = rng.normal(size=(n_pictures, 400))
    values[:, :20] += 3
    p_values = sign_flip_p_values(values, n_draws=1000)
    assert (p_values[:20] <= 0.01).all()
    assert abs((p_values[20:] <= 0.1).mean() - 0.1) < 0.05
    if n_pictures == 8:
        assert p_values[:20].min() == pytest.approx(2 / 2**8)
    else:
        assert np.nanmax(false_discovery(p_values)[:20]) <= 0.05
    assert np.isnan(sign_flip_p_values(values[:1])).all()


def test_adjusted_p_values_are_those_of_benjamini_and_hochberg() -> None:
    # the example of their paper of 1995, table of fifteen p-values: four discoveries at .05
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590]
    q = false_discovery([*p, 1.0, np.nan])
    assert (q[:-1] <= 0.05).sum() == 4
    assert np.isnan(q[-1])
    assert false_discovery(np.full((2, 2), np.nan)).shape == (2, 2)


def test_group_means_have_the_interval_of_student() -> None:
    values = np.array([[0.1, 1.0], [0.2, np.nan], [0.3, np.nan]])
    mean, (low, high) = group_interval(values)
    np.testing.assert_allclose(mean, [0.2, 1.0])
    # t(.975, 2) = 4.3027, standard error .1 / sqrt(3)
    np.testing.assert_allclose([low[0], high[0]], [0.2 - 4.3027 * 0.057735, 0.2 + 4.3027 * 0.057735], rtol=1e-4)
    assert np.isnan([low[1], high[1]]).all()
