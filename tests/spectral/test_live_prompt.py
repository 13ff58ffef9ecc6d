"""The live answer is the answer."""

from __future__ import annotations

import numpy as np
import pytest

from alignedcut_viewer.errors import FeatureError, InputError
from alignedcut_viewer.spectral import prompted_cut
from alignedcut_viewer.spectral.live_prompt import LivePrompt

pytestmark = pytest.mark.quick


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    centres = rng.normal(size=(4, 6))
    return (centres[np.arange(400) % 4] + 0.2 * rng.normal(size=(400, 6))).astype(np.float32)


@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_prompted_cut(rows: np.ndarray, weighted: bool) -> None:
    values = np.linspace(1, 0.2, 6) if weighted else None
    live = LivePrompt(rows, eigenvalues=values)
    for positive, negative in (([0], []), ([0, 4], [1]), ([4], [1, 2, 7]), ([0, 4], [1])):
        expected = prompted_cut(rows, positive, np.array(negative, dtype=int), eigenvalues=values)
        np.testing.assert_allclose(live.score(positive, negative), expected.score, atol=2e-5)
        part = live.score(positive, negative, slice(30, 90))
        np.testing.assert_allclose(part, expected.score[30:90], atol=2e-5)


def test_a_long_stroke_is_represented(rows: np.ndarray) -> None:
    live = LivePrompt(rows)
    stroke, other = np.arange(0, 400, 4), np.arange(1, 400, 4)
    score = live.score(stroke, other)
    assert ((score > 0) == np.isin(np.arange(400), stroke))[np.arange(400) % 4 < 2].mean() > 0.97
    np.testing.assert_array_equal(score, live.score(stroke[::-1], other))


def test_mistakes_are_sentences(rows: np.ndarray) -> None:
    live = LivePrompt(rows)
    for positive, negative, sentence in (
        ([], [1], "at least one positive"),
        ([3], [3], "both|as positive and as negative"),
        ([400], [], "between 0 and 399"),
        ([0.5], [], "between 0 and 399"),
    ):
        with pytest.raises(InputError, match=sentence):
            live.score(positive, negative)
    with pytest.raises(InputError, match="gamma must be positive"):
        LivePrompt(rows, gamma=0)
    with pytest.raises(InputError, match="between -1 and 1"):
        LivePrompt(rows, ground=2)
    with pytest.raises(InputError, match="need 6 eigenvalues"):
        LivePrompt(rows, eigenvalues=[1.0])
    rows[7, 2] = np.nan
    with pytest.raises(FeatureError):
        LivePrompt(rows)
