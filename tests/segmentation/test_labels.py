"""Masks at the picture's own size, against closed forms and a reference implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation import labels as labels_module
from alignedcut_viewer.segmentation import upsample_colours, upsample_labels, upsample_scores

pytestmark = pytest.mark.quick

grids = st.tuples(st.integers(1, 6), st.integers(1, 6))
sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(grid=grids, size=sizes, data=st.data())
def test_blocky_takes_the_patch_under_each_pixel_centre(
    grid: tuple[int, int], size: tuple[int, int], data: st.DataObject
) -> None:
    labels = data.draw(hnp.arrays(np.int32, grid, elements=st.integers(-3, 70000)))
    mask = upsample_labels(labels, size)
    assert mask.shape == size
    assert mask.dtype == np.int32
    for y in range(size[0]):
        for x in range(size[1]):
            row, column = int((y + 0.5) * grid[0] / size[0]), int((x + 0.5) * grid[1] / size[1])
            assert mask[y, x] == labels[row, column]


def test_blocky_is_a_kronecker_product_where_sizes_divide(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 9, (14, 7))
    np.testing.assert_array_equal(upsample_labels(labels, (14 * 16, 7 * 3)), np.kron(labels, np.ones((16, 3), int)))


@given(grid=grids, size=sizes, k=st.integers(1, 4), seed=st.integers(0, 99))
def test_interpolation_agrees_with_torch(grid: tuple[int, int], size: tuple[int, int], k: int, seed: int) -> None:
    torch = pytest.importorskip("torch")
    scores = np.random.default_rng(seed).normal(size=(*grid, k)).astype(np.float32)
    reference = torch.nn.functional.interpolate(
        torch.from_numpy(scores).permute(2, 0, 1)[None], size=size, mode="bilinear", align_corners=False
    )[0].permute(1, 2, 0)
    np.testing.assert_allclose(upsample_scores(scores, size), reference.numpy(), atol=2e-6)


def test_interpolation_is_exact_at_patch_centres_and_linear_between(rng: np.random.Generator) -> None:
    scores = rng.normal(size=(5, 4)).astype(np.float32)
    fine = upsample_scores(scores, (5 * 3, 4 * 3))
    np.testing.assert_array_equal(fine[1::3, 1::3], scores)
    np.testing.assert_array_equal(fine[0], fine[1])  # constant beyond the outermost centres
    ramp = np.arange(6, dtype=np.float32)[None]
    pixels = upsample_scores(ramp, (1, 60))[0]
    expected = np.clip((np.arange(60) + 0.5) / 10 - 0.5, 0, 5)
    np.testing.assert_allclose(pixels, expected, atol=1e-6)


@given(grid=grids, size=sizes, k=st.integers(1, 5), seed=st.integers(0, 99), block=st.sampled_from([1, 50, 2**22]))
def test_smooth_is_the_largest_interpolated_score_whatever_the_block(
    grid: tuple[int, int], size: tuple[int, int], k: int, seed: int, block: int
) -> None:
    scores = np.random.default_rng(seed).normal(size=(*grid, k)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels_module, "_BLOCK_ELEMENTS", block)
        mask = upsample_labels(scores, size, smooth=True)
    np.testing.assert_array_equal(mask, upsample_scores(scores, size).argmax(-1))


def test_smooth_edge_lies_where_two_scores_cross() -> None:
    # Between the centres of two patches the scores 3 : -1 cross at three quarters of the way.
    scores = np.array([[[3.0, 0.0], [-1.0, 0.0]]])
    mask = upsample_labels(scores, (1, 200), smooth=True)[0]
    assert mask.tolist() == [0] * 125 + [1] * 75


def test_smooth_labels_keep_their_values_and_their_patch_centres(rng: np.random.Generator) -> None:
    labels = rng.choice([3, 77, 500], (6, 5))
    mask = upsample_labels(labels, (6 * 5, 5 * 5), smooth=True)
    np.testing.assert_array_equal(mask[2::5, 2::5], labels)
    assert set(np.unique(mask)) <= {3, 77, 500}
    bits = labels > 100
    np.testing.assert_array_equal(
        upsample_labels(bits, (30, 25), smooth=True), upsample_labels(1 * bits, (30, 25), smooth=True)
    )


def test_blocky_scores_take_the_largest(rng: np.random.Generator) -> None:
    scores = rng.normal(size=(4, 6, 3))
    np.testing.assert_array_equal(upsample_labels(scores, (9, 13)), upsample_labels(scores.argmax(-1), (9, 13)))


def test_colours_are_spread_like_labels(rng: np.random.Generator) -> None:
    colours = rng.integers(0, 256, (4, 5, 3)).astype(np.uint8)
    blocky = upsample_colours(colours, (11, 17))
    for channel in range(3):
        np.testing.assert_array_equal(blocky[..., channel], upsample_labels(colours[..., channel], (11, 17)))
    smooth = upsample_colours(colours, (12, 15), smooth=True)
    assert smooth.dtype == np.uint8
    np.testing.assert_array_equal(smooth[1::3, 1::3], colours)
    np.testing.assert_allclose(smooth, upsample_scores(colours, (12, 15)), atol=0.5)
    with pytest.raises(InputError, match="shape"):
        upsample_colours(colours[0], (3, 3))


@pytest.mark.parametrize(
    ("grid", "size", "words"),
    [
        (np.zeros(3, int), (4, 4), "shape"),
        (np.zeros((0, 3), int), (4, 4), "shape"),
        (np.zeros((2, 2)), (4, 4), "whole numbers"),
        (np.full((2, 2, 2), np.nan), (4, 4), "NaN"),
        (np.zeros((2, 2), int), (0, 4), "at least 1 × 1"),
    ],
)
def test_what_is_no_grid_is_refused(grid: np.ndarray, size: tuple[int, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        upsample_labels(grid, size)


def test_scores_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match="shape"):
        upsample_scores(np.zeros(3), (4, 4))
