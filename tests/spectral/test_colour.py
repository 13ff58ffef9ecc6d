"""Colours: quantiles, degenerate axes, invariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignedcut_viewer.errors import FeatureError, InputError
from alignedcut_viewer.spectral import rgb

pytestmark = pytest.mark.quick


def test_quantiles_become_the_ends(rng):
    embedding = rng.standard_normal((2001, 3)) * [1, 5, 0.01] + [3, 0, -7]
    colours = rgb(embedding)
    assert colours.dtype == np.uint8
    assert colours.shape == (2001, 3)
    for axis in range(3):
        low, high = np.quantile(embedding[:, axis], [0.05, 0.95])
        expected = np.clip((embedding[:, axis] - low) / (high - low), 0, 1) * 255
        np.testing.assert_allclose(colours[:, axis], expected, atol=0.51)
        assert np.mean(colours[:, axis] == 0) == pytest.approx(0.05, abs=0.01)
        assert np.mean(colours[:, axis] == 255) == pytest.approx(0.05, abs=0.01)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 60),
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-100, 100),
    quantile=st.floats(0, 0.45),
    seed=st.integers(0, 2**32 - 1),
)
def test_scale_shift_and_order_do_not_matter(n, scale, shift, quantile, seed):
    rng = np.random.default_rng(seed)
    embedding = rng.standard_normal((n, 3))
    colours = rgb(embedding, quantile=quantile).astype(int)
    moved = rgb(embedding * scale + shift * scale, quantile=quantile).astype(int)
    assert np.abs(moved - colours).max() <= 1 + 100 * 2e-4 * 255
    order = rng.permutation(n)
    np.testing.assert_array_equal(rgb(embedding[order], quantile=quantile), colours[order])


def test_axes_without_spread():
    constant = rgb(np.tile([1.0, -2.0, 0.0], (50, 1)))
    assert set(constant.ravel().tolist()) == {128}
    rare = np.zeros((1000, 3))
    rare[0] = 5
    colours = rgb(rare)
    assert (colours[0] == 255).all()
    assert not colours[1:].any()
    assert (rgb(np.full((4, 3), 1e-42)) == 128).all()


def test_no_nodes():
    assert rgb(np.empty((0, 3))).shape == (0, 3)


def test_rotation_makes_colours_reproducible(rng):
    embedding = rng.gamma(2.0, [4.0, 2.0, 1.0], size=(3000, 3))
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    plain, turned = (rgb(e, rotate=True).astype(int) for e in (embedding, embedding @ turn))
    assert np.abs(plain - turned).max() <= 1
    assert np.abs(rgb(embedding).astype(int) - rgb(embedding @ turn)).max() > 50


def test_oklab_tells_the_first_axis_by_lightness(rng):
    embedding = rng.uniform(-1, 1, (3000, 3))
    colours = rgb(embedding, space="oklab").astype(float)
    linear = np.where(colours / 255 <= 0.04045, colours / 255 / 12.92, ((colours / 255 + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    rank = np.argsort(np.argsort(luminance))
    assert np.corrcoef(rank, np.argsort(np.argsort(embedding[:, 0])))[0, 1] > 0.97
    grey = rgb(np.array([[0.0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5]]), space="oklab", quantile=0)[2].astype(int)
    assert np.ptp(grey) <= 2


def test_many_nodes_use_every_kth(rng, monkeypatch):
    from alignedcut_viewer.spectral import colour

    embedding = rng.standard_normal((10_000, 3))
    full = rgb(embedding)
    monkeypatch.setattr(colour, "_EXACT_UP_TO", 4000)
    monkeypatch.setattr(colour, "_CHUNK", 999)
    assert np.abs(rgb(embedding).astype(int) - full).max() < 15
    monkeypatch.setattr(colour, "_EXACT_UP_TO", 10_000)
    np.testing.assert_array_equal(rgb(embedding), full)


def test_wrong_input(rng):
    embedding = rng.standard_normal((10, 3))
    for wrong in (embedding[:, :2], embedding[0]):
        with pytest.raises(InputError, match="three-dimensional"):
            rgb(wrong)
    for quantile in (-0.1, 0.5):
        with pytest.raises(InputError, match="quantile"):
            rgb(embedding, quantile=quantile)
    with pytest.raises(InputError, match="srgb or oklab"):
        rgb(embedding, space="hsv")
    embedding[7, 1] = np.nan
    embedding[8, 1] = np.inf
    with pytest.raises(FeatureError, match=r"2 of 10 nodes.*node 7"):
        rgb(embedding)
