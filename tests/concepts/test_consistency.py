"""The reverse U is found where it was planted, and not where it was not."""

from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.concepts import channel_consistency
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


def test_a_planted_parabola_is_read_off(rng: np.random.Generator) -> None:
    mean = rng.normal(0.3, 1, 400)
    found = channel_consistency(mean, 2 + 0.4 * mean - 0.5 * mean**2)
    np.testing.assert_allclose(found.coefficients, (2, 0.4, -0.5), atol=1e-9)
    assert found.peak == pytest.approx(0.4)
    assert found.r2 == pytest.approx(1)
    assert found.held_out_r2 == pytest.approx(1)
    assert found.slopes[0] > 0 > found.slopes[1]
    assert found.reverse_u
    np.testing.assert_allclose(found.curve([0, 1]), [2, 1.9])


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_a_noisy_reverse_u_beats_every_monotone_curve(rng: np.random.Generator, offset: float) -> None:
    mean = rng.normal(0, 1, 768)
    found = channel_consistency(mean + offset, 1 - 0.15 * mean**2 + 0.2 * rng.normal(size=768))
    assert found.reverse_u
    assert found.held_out_r2 > found.monotone_r2 + 0.1
    assert found.peak - offset == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("shape", ["line", "bent_line", "u", "noise"])
def test_what_is_no_reverse_u_is_not_called_one(shape: str) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        mean = rng.uniform(0, 3, 300)
        curve = {"line": mean, "bent_line": -np.exp(-2 * mean), "u": (mean - 1.5) ** 2, "noise": 0 * mean}[shape]
        assert not channel_consistency(mean, curve + 0.1 * rng.normal(size=300)).reverse_u


def test_units_do_not_matter(rng: np.random.Generator) -> None:
    mean = rng.normal(size=200)
    std = 1 - 0.2 * mean**2 + 0.1 * rng.normal(size=200)
    one, other = channel_consistency(mean, std), channel_consistency(1e-3 * mean, 50 * std)
    assert one.r2 == pytest.approx(other.r2)
    assert one.monotone_r2 == pytest.approx(other.monotone_r2)
    assert one.reverse_u == other.reverse_u


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(InputError, match="at least 20"):
        channel_consistency(np.ones(5), np.ones(5))
    with pytest.raises(InputError, match="NaN"):
        channel_consistency(np.full(30, np.nan), np.ones(30))
    assert not channel_consistency(np.ones(30), np.ones(30)).reverse_u


def test_the_fits_are_those_of_reference_libraries() -> None:
    from scipy.stats import linregress
    from sklearn.isotonic import IsotonicRegression

    from alignedcut_viewer.concepts.consistency import _Isotonic, _slope

    rng = np.random.default_rng(5)
    x = np.round(rng.normal(size=120), 1)  # with ties
    y = 0.3 * x + rng.normal(size=120)
    for rising in (True, False):
        reference = IsotonicRegression(increasing=rising, out_of_bounds="clip").fit(x, y)
        at = np.linspace(-4, 4, 50)
        np.testing.assert_allclose(_Isotonic(x, y, rising)(at), reference.predict(at), atol=1e-9)
    for direction, named in ((1, "greater"), (-1, "less")):
        line = linregress(x, y, alternative=named)
        np.testing.assert_allclose(_slope(x, y, direction), (line.slope, line.pvalue), rtol=1e-9)
    assert _slope(np.arange(4.0), np.arange(4.0), 1) == (1.0, 0.0)
    assert _slope(np.arange(4.0), np.arange(4.0), -1) == (1.0, 1.0)
