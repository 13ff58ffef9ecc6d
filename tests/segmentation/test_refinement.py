"""Edges at pixels: planted edges are found, what is far from a boundary stays, each step can be switched off."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation import RefineSettings, class_probabilities, clean_labels, refine, upsample_scores
from alignedcut_viewer.segmentation.bilateral import _grid, bilateral_solve
from alignedcut_viewer.segmentation.picture_segments import is_blank, segment_eigenvectors
from alignedcut_viewer.segmentation.refinement import _enlarged, guided_filter

pytestmark = pytest.mark.quick


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A disc before a ground, noisy colours; tokens of a 12 x 16 grid that know it roughly."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:120, :160]
    disc = (y - 63) ** 2 + (x - 77) ** 2 < 37**2
    picture = np.where(disc[..., None], [200, 90, 60], [60, 120, 160]) + rng.normal(0, 6, (120, 160, 3))
    share = disc.reshape(12, 10, 16, 10).mean((1, 3))
    scores = np.stack([-(share**2), -((1 - share) ** 2)], axis=-1)
    return np.clip(picture, 0, 255).astype(np.uint8), disc, scores


def wrong(labels: np.ndarray, disc: np.ndarray) -> float:
    return float((labels != disc).mean())


@pytest.mark.parametrize("kind", ["guided", "bilateral"])
def test_boundaries_follow_the_picture(kind: str, scene: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    picture, disc, scores = scene
    probabilities = class_probabilities(scores, disc.shape)
    plain, same = refine(probabilities, picture, RefineSettings(filter="none", smallest=0))
    assert same is probabilities
    assert_array_equal(plain, probabilities.argmax(-1))
    labels, after = refine(probabilities, picture, RefineSettings(filter=kind))
    assert wrong(labels, disc) < 0.4 * wrong(plain, disc)
    assert after.shape == probabilities.shape
    narrow, _ = refine(probabilities, picture, RefineSettings(filter=kind, band=0.01, smallest=0))
    far = np.hypot(*(np.mgrid[:120, :160] - np.array([63, 77])[:, None, None])) > 45
    assert_array_equal(narrow[far], plain[far])


def test_probabilities_sum_to_one_and_know_the_largest(scene: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    _, disc, scores = scene
    probabilities = class_probabilities(scores, disc.shape)
    assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)
    assert_array_equal(probabilities.argmax(-1), upsample_scores(scores, disc.shape).argmax(-1))
    assert_allclose(class_probabilities(1000 * scores, disc.shape), probabilities, atol=1e-4)  # whatever the units
    assert class_probabilities(scores[..., :1], disc.shape).min() == 1


def test_the_guided_filter_is_that_of_its_definition(rng: np.random.Generator) -> None:
    picture = rng.integers(0, 255, (9, 8, 3), dtype=np.uint8)
    maps = rng.random((9, 8, 2)).astype(np.float32)
    found = guided_filter(maps, picture, radius=1, smoothness=0.01, step=1)
    guide = picture / 255
    padded_guide = np.pad(guide, ((2, 2), (2, 2), (0, 0)), mode="edge")
    padded_maps = np.pad(maps, ((2, 2), (2, 2), (0, 0)), mode="edge")
    y, x = 4, 5
    expected = np.zeros(2)
    for v in range(y - 1, y + 2):
        for u in range(x - 1, x + 2):
            colours = padded_guide[v + 1 : v + 4, u + 1 : u + 4].reshape(9, 3)
            values = padded_maps[v + 1 : v + 4, u + 1 : u + 4].reshape(9, 2)
            covariance = np.cov(colours.T, bias=True) + 0.01 * np.eye(3)
            slope = np.linalg.solve(covariance, (colours - colours.mean(0)).T @ values / 9)
            expected += (guide[y, x] - colours.mean(0)) @ slope + values.mean(0)
    assert_allclose(found[y, x], expected / 9, rtol=1e-4)


def test_the_bilateral_solver_minimises_its_energy(rng: np.random.Generator) -> None:
    picture = rng.integers(0, 255, (12, 10, 3), dtype=np.uint8)
    picture[:, 5:] //= 3
    target = rng.random((12, 10))
    options = {"sigma_place": 4.0, "sigma_luma": 64.0, "sigma_chroma": 64.0}
    found = bilateral_solve(target, picture, weight=2.0, steps=200, **options)
    cell, blur = _grid(picture, 4.0, 64.0, 64.0)
    n = blur.shape[0]
    count = np.bincount(cell, minlength=n).astype(float)
    scale = np.ones(n)
    for _ in range(10):
        scale = np.sqrt(scale * count / (blur @ scale))
    dense = scale[:, None] * blur.toarray() * scale[None, :]
    system = 2.0 * (np.diag(scale * (blur @ scale)) - dense) + 0.999 * np.diag(count)
    exact = np.linalg.solve(system, 0.999 * np.bincount(cell, target.ravel(), n))
    assert_allclose(found.ravel(), exact[cell], atol=1e-5)
    even = np.full((12, 10), 0.3)
    assert_allclose(bilateral_solve(even, picture, **options), 0.3, atol=1e-6)


def test_small_parts_and_holes_go() -> None:
    labels = np.zeros((20, 20), dtype=int)
    labels[4:16, 4:16] = 1
    labels[8:10, 8:10] = 0  # a hole
    labels[0, 0] = 2  # a crumb
    cleaned = clean_labels(labels, 10)
    expected = np.zeros((20, 20), dtype=int)
    expected[4:16, 4:16] = 1
    assert_array_equal(cleaned, expected)
    assert_array_equal(clean_labels(labels, 0), labels)
    assert_array_equal(clean_labels(labels, 1000), labels)


def test_mistakes_are_sentences() -> None:
    with pytest.raises(InputError, match="Unknown refinement 'crf'"):
        RefineSettings(filter="crf")
    with pytest.raises(InputError, match="negative"):
        RefineSettings(band=-1)
    with pytest.raises(InputError, match="do not fit"):
        refine(np.ones((4, 4, 2)), np.zeros((5, 4, 3), dtype=np.uint8))
    with pytest.raises(InputError, match="do not fit"):
        bilateral_solve(np.ones((4, 4)), np.zeros((5, 4, 3), dtype=np.uint8))
    with pytest.raises(InputError, match="rows, columns, k"):
        class_probabilities(np.ones((4, 4)), (8, 8))


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_blank_picture_shows_nothing(grey: int) -> None:
    rng = np.random.default_rng(0)
    even = np.full((120, 160, 3), grey, dtype=np.uint8)
    noisy = np.clip(even + rng.normal(0, 5, even.shape), 0, 255).astype(np.uint8)
    vectors = np.linalg.qr(rng.normal(size=(192, 17)))[0]
    for picture in (even, noisy):
        assert is_blank(picture)
        found = segment_eigenvectors(vectors, np.linspace(1, 0.5, 17), (12, 16), picture)
        assert not found.labels.any()
        assert found.confidence == {}
        assert "nothing here" in found.reason
    even[40:60, 50:70] = grey - 40 if grey else 40
    assert not is_blank(even)
    assert is_blank(np.zeros((1, 3, 3), dtype=np.uint8))


def test_the_quick_interpolation_is_that_of_scores(rng: np.random.Generator) -> None:
    maps = rng.normal(size=(7, 11, 3)).astype(np.float32)
    for size in ((70, 110), (33, 95), (7, 11)):
        assert_allclose(_enlarged(maps, size), upsample_scores(maps, size), atol=1e-5)
