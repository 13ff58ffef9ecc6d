from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.brain import ceiling_percent, trial_noise_ceiling
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


def simulate(rng: np.random.Generator, snr: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    image = np.repeat(np.arange(len(counts)), counts)
    signal = rng.standard_normal((len(counts), len(snr))) * snr
    return signal[image] + rng.standard_normal((len(image), len(snr))), image


@pytest.mark.parametrize("counts", [np.full(1500, 3), np.random.default_rng(0).integers(1, 4, 2000)])
def test_known_variances_are_recovered(rng: np.random.Generator, counts: np.ndarray) -> None:
    snr = np.repeat([0.0, 0.3, 0.7, 1.0, 2.0], 20)
    trials, image = simulate(rng, snr, counts)
    order = rng.permutation(len(image))
    # any unit and any baseline
    ceiling = trial_noise_ceiling(trials[order] * 7 + 100, image[order], block=33)
    by_snr = ceiling.ncsnr.reshape(5, 20).mean(axis=1)
    assert np.allclose(by_snr[1:], [0.3, 0.7, 1.0, 2.0], atol=0.04)
    assert by_snr[0] < 0.12
    total = ceiling.sigma_noise**2 + ceiling.sigma_signal**2
    assert np.allclose(total[snr > 0], 1, atol=1e-5)
    expected = 100 * snr**2 / (snr**2 + 1 / 3)
    assert np.abs(ceiling.percent(3) - expected)[snr > 0].mean() < 2


def test_ceiling_bounds_the_true_model(rng: np.random.Generator) -> None:
    """R² of the noise-free signal on averages over repeats is the noise ceiling."""
    snr, n, repeats = np.full(40, 0.8), 2000, 3
    image = np.repeat(np.arange(n), repeats)
    signal = rng.standard_normal((n, 40)) * snr
    trials = signal[image] + rng.standard_normal((n * repeats, 40))
    averages = trials.reshape(n, repeats, 40).mean(axis=1)
    r2 = 1 - ((averages - signal) ** 2).sum(axis=0) / ((averages - averages.mean(axis=0)) ** 2).sum(axis=0)
    assert np.abs(trial_noise_ceiling(trials, image).percent(repeats) / 100 - r2).mean() < 0.02


def test_sessions_of_different_gain_are_put_on_one_scale(rng: np.random.Generator) -> None:
    trials, image = simulate(rng, np.full(30, 0.8), np.full(1200, 3))
    session = rng.integers(0, 4, len(image))
    drifting = trials * np.array([1, 5, 0.2, 3])[session][:, None] + np.array([0, 50, -3, 9])[session][:, None]
    assert trial_noise_ceiling(drifting, image, session=session).ncsnr.mean() == pytest.approx(0.8, abs=0.03)
    assert trial_noise_ceiling(drifting, image).ncsnr.mean() < 0.3


@given(st.floats(0, 10), st.integers(1, 50))
def test_percent_of_known_ratio(ncsnr: float, repeats: int) -> None:
    assert ceiling_percent(ncsnr, repeats) == pytest.approx(100 * ncsnr**2 / (ncsnr**2 + 1 / repeats), abs=1e-4)


def test_unequal_repeats_average_the_inverse() -> None:
    """NSD's formula for pictures shown once, twice and three times."""
    a, b, c, ncsnr = 3, 5, 2, 0.6
    expected = 100 * ncsnr**2 / (ncsnr**2 + (a / 3 + b / 2 + c / 1) / (a + b + c))
    assert ceiling_percent(ncsnr, [3] * a + [2] * b + [1] * c) == pytest.approx(expected, rel=1e-6)


def test_constant_voxels_have_no_ceiling_and_faults_are_named(rng: np.random.Generator) -> None:
    trials, image = simulate(rng, np.ones(3), np.full(10, 2))
    trials[:, 1] = 4
    ncsnr = trial_noise_ceiling(trials, image).ncsnr
    assert np.isnan(ncsnr[1])
    assert np.isfinite(ncsnr[[0, 2]]).all()
    with pytest.raises(InputError, match="more than once"):
        trial_noise_ceiling(trials, np.arange(20))
    with pytest.raises(InputError, match="20 trials, but 5"):
        trial_noise_ceiling(trials, np.zeros(5))
    with pytest.raises(InputError, match="positive"):
        ceiling_percent(0.5, 0)
