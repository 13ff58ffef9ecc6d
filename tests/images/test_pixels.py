"""Scaling to 8 bits and transparency, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alignedcut_viewer.images.pixels import on_white, rgb_from_channels, scale_to_8_bit

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ("high", "white"), [(255, 255), (256, 1023), (1023, 1023), (4095, 4095), (9000, 16383), (65535, 65535)]
)
def test_white_of_16_bit_pixels_is_the_bit_depth_that_holds_them(high: int, white: int) -> None:
    pixels = np.array([0, high // 2, high], dtype=np.uint16)
    expected = np.rint(pixels / white * 255).astype(np.uint8)
    np.testing.assert_array_equal(scale_to_8_bit(pixels), expected)


def test_full_16_bit_range_is_divided_by_257() -> None:
    pixels = np.arange(0, 65536, 257, dtype=np.uint16)
    np.testing.assert_array_equal(scale_to_8_bit(pixels), np.arange(256))


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.array([0.0, 0.5, 1.0]), [0, 128, 255]),
        (np.array([0.0, 100.4, 255.0], dtype=np.float32), [0, 100, 255]),
        (np.array([-1.0, 0.0, 1.0]), [0, 128, 255]),
        (np.array([np.nan, 0.0, 1.0, np.inf]), [0, 0, 255, 0]),
        (np.array([np.nan, np.nan]), [0, 0]),
        (np.array([True, False]), [255, 0]),
        (np.array([-100, 0, 100], dtype=np.int16), [0, 128, 255]),
        (np.array([0, 2**20], dtype=np.int32), [0, 255]),
        (np.array([70000, 70000], dtype=np.uint32), [0, 0]),
        (np.array([0, 255], dtype=np.int64), [0, 255]),
        (np.array([3.0, 3.0, 3.0]), [3, 3, 3]),
    ],
)
def test_other_number_types(pixels: np.ndarray, expected: list[int]) -> None:
    np.testing.assert_array_equal(scale_to_8_bit(pixels), expected)


def test_shallow_bits_spread_over_the_whole_range() -> None:
    np.testing.assert_array_equal(scale_to_8_bit(np.arange(16, dtype=np.uint8), bits=4), np.arange(16) * 17)


def test_8_bit_pixels_are_left_alone() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    assert scale_to_8_bit(pixels) is pixels


@given(
    colour=hnp.arrays(np.uint8, (4, 5, 3)),
    alpha=hnp.arrays(np.uint8, (4, 5)),
)
def test_on_white_is_the_rounded_blend(colour: np.ndarray, alpha: np.ndarray) -> None:
    share = alpha[..., None] / 255.0
    expected = colour * share + 255 * (1 - share)
    assert np.abs(on_white(colour, alpha) - expected).max() <= 0.5 + 1e-9
    premultiplied = np.floor(colour * share).astype(np.uint8)
    assert np.abs(on_white(premultiplied, alpha, premultiplied=True) - expected).max() <= 1


@given(
    pixels=hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int16, np.float32]),
        st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
        elements=st.integers(0, 200),
    )
)
def test_any_pixels_become_8_bit_rgb(pixels: np.ndarray) -> None:
    rgb = rgb_from_channels(pixels)
    assert rgb.dtype == np.uint8
    assert rgb.shape == (*pixels.shape[:2], 3)
    assert rgb.flags.c_contiguous


def test_transparent_becomes_white_and_extra_channels_are_left_out() -> None:
    pixels = np.array([[[10, 20, 30, 0], [10, 20, 30, 255]]], dtype=np.uint8)
    np.testing.assert_array_equal(rgb_from_channels(pixels), [[[255, 255, 255], [10, 20, 30]]])
    np.testing.assert_array_equal(rgb_from_channels(pixels, alpha=False), pixels[..., :3])


def test_five_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="5 channels"):
        rgb_from_channels(np.zeros((2, 2, 5), dtype=np.uint8))
