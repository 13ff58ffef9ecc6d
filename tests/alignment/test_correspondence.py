from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.alignment import corresponding_features, sample_positions
from alignedcut_viewer.alignment.correspondence import class_share
from alignedcut_viewer.errors import FeatureError, InputError
from alignedcut_viewer.nodes import NetworkNodes, Slot

pytestmark = pytest.mark.quick


def coordinates(n_images: int, rows: int, columns: int, *, class_token: bool = True) -> np.ndarray:
    """Features that say where they come from: image, y, x of the token's centre; the class token is (image, -1, -1)."""
    y, x = np.mgrid[:rows, :columns]
    patches = np.stack([(y.ravel() + 0.5) / rows, (x.ravel() + 0.5) / columns], axis=1)
    if class_token:
        patches = np.vstack([[[-1, -1]], patches])
    tokens = np.broadcast_to(patches, (n_images, *patches.shape))
    image = np.broadcast_to(np.arange(n_images)[:, None, None], (*tokens.shape[:2], 1))
    return np.concatenate([image, tokens], axis=2)


def test_every_network_is_asked_at_the_same_places() -> None:
    sources = {Slot("fine", 0): coordinates(5, 16, 16), Slot("coarse", 2): coordinates(5, 7, 10)}
    positions = sample_positions(5, 200, class_share=0.1, seed=1)
    assert np.isnan(positions.y).sum() == 5  # one of 40 places in each is it: no more than there are
    got = corresponding_features(sources, {"fine": (16, 16), "coarse": (7, 10)}, positions)
    patches = ~np.isnan(positions.y)
    for slot, (rows, columns) in {Slot("fine", 0): (16, 16), Slot("coarse", 2): (7, 10)}.items():
        features = got[slot]
        np.testing.assert_array_equal(features[:, 0], positions.image)
        assert (features[~patches, 1:] == -1).all()
        assert np.abs(features[patches, 1] - positions.y[patches]).max() <= 0.5 / rows
        assert np.abs(features[patches, 2] - positions.x[patches]).max() <= 0.5 / columns


def test_positions_are_spread_evenly_and_seeded() -> None:
    positions = sample_positions(np.array([7, 3]), 514, class_share=1 / 257, seed=0)
    np.testing.assert_array_equal(np.unique(positions.image, return_counts=True), [[3, 7], [257, 257]])
    tokens = positions.tokens(16, 16)
    # 256 patches and the class token of a 16 × 16 grid: each exactly once a picture.
    np.testing.assert_array_equal(np.sort(tokens.reshape(2, -1), axis=1), np.tile(np.arange(257), (2, 1)))
    again, other = (sample_positions(np.array([7, 3]), 514, class_share=1 / 257, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(positions.y, again.y)
    assert not np.array_equal(positions.y, other.y, equal_nan=True)


@pytest.mark.parametrize("n_pictures", [50, 1000, 9841, 30_000])
def test_the_class_token_is_one_token_among_all(n_pictures: int) -> None:
    """However many pictures share the samples: a class token of each would be half of them at 9,841."""
    positions = sample_positions(n_pictures, 12_000, class_share=1 / 197)
    assert np.isnan(positions.y).mean() == pytest.approx(1 / 197, abs=3e-3)
    counts = np.unique(positions.image, return_counts=True)[1]
    assert (counts == counts[0]).all()
    assert 0.75 * 12_000 <= len(positions) <= 12_500 or n_pictures == 1000
    np.testing.assert_array_equal(np.isnan(positions.x), np.isnan(positions.y))
    # Patches stay evenly spread over the picture.
    y = positions.y[~np.isnan(positions.y)]
    assert y.mean() == pytest.approx(0.5, abs=0.02)
    assert np.sort(y).searchsorted(0.25) / len(y) == pytest.approx(0.25, abs=0.02)


def test_places_of_a_picture_depend_on_nothing_but_its_number() -> None:
    many, few = (sample_positions(n, 8 * n, class_share=0.2, seed=3) for n in (20, 5))
    np.testing.assert_array_equal(many.y[: len(few)], few.y)
    fewer = sample_positions(20, 8 * 20, class_share=0.2, seed=3, at_most=3)
    np.testing.assert_array_equal(many.y.reshape(20, 8)[:, :3], fewer.y.reshape(20, 3))
    # Each of the places is the class token as often as any other.
    first = np.isnan(sample_positions(4000, 4000, class_share=0.2, seed=3).y).mean()
    assert first == pytest.approx(0.2, abs=0.03)


def test_the_share_of_class_tokens_is_that_of_the_grids() -> None:
    small, large, bare = (
        NetworkNodes("net", (0,), side, side, class_token) for side, class_token in ((2, True), (3, True), (3, False))
    )
    assert class_share([small, large]) == pytest.approx((1 / 5 + 1 / 10) / 2)
    assert class_share([small, bare]) == 0
    with pytest.raises(InputError, match="share of class tokens"):
        sample_positions(3, 9, class_share=1.5)


def test_grids_without_a_class_token() -> None:
    source = {Slot("net", 0): coordinates(3, 4, 4, class_token=False)}
    with pytest.raises(InputError, match="hold none"):
        corresponding_features(source, {"net": (4, 4)}, sample_positions(3, 9, class_share=0.5))
    got = corresponding_features(source, {"net": (4, 4)}, sample_positions(3, 9))
    assert got[Slot("net", 0)].shape == (9, 3)


def test_a_wrong_grid_names_the_slot() -> None:
    with pytest.raises(FeatureError, match="net/0, picture 0"):
        corresponding_features({Slot("net", 0): coordinates(1, 4, 4)}, {"net": (5, 5)}, sample_positions(1, 3))
    with pytest.raises(InputError, match="0 pictures"):
        sample_positions(0, 3)
