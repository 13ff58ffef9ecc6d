"""Cuts by prompt: planted objects, interpolation, invariances, speed."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alignedcut_viewer.errors import FeatureError, InputError
from alignedcut_viewer.spectral import prompted_cut

pytestmark = pytest.mark.quick


def blocks(rng, n=400, k=4, noise=0.1):
    labels = rng.integers(0, k, n)
    turn, _ = np.linalg.qr(rng.standard_normal((k, k)))
    return ((np.eye(k)[labels] + noise * rng.standard_normal((n, k))) @ turn / n).astype(np.float32), labels


def test_one_click_finds_its_block(rng):
    eigenvectors, labels = blocks(rng)
    for block in range(4):
        node = int(np.flatnonzero(labels == block)[0])
        answer = prompted_cut(eigenvectors, [node])
        np.testing.assert_array_equal(answer.mask, labels == block)
        assert answer.score.dtype == np.float32
        assert answer.mask.dtype == bool


def test_negative_clicks_take_away(rng):
    eigenvectors, labels = blocks(rng)
    first = [int(np.flatnonzero(labels == block)[0]) for block in range(4)]
    answer = prompted_cut(eigenvectors, first[:2], first[2:])
    np.testing.assert_array_equal(answer.mask, labels < 2)
    assert answer.score[labels < 2].min() > answer.score[labels >= 2].max()


@settings(max_examples=40, deadline=None)
@given(n_inside=st.integers(1, 5), n_outside=st.integers(0, 5), seed=st.integers(0, 2**32 - 1))
def test_prompts_are_honoured_and_order_does_not_matter(n_inside, n_outside, seed):
    rng = np.random.default_rng(seed)
    eigenvectors = rng.standard_normal((60, 8)).astype(np.float32)
    prompts = rng.choice(60, n_inside + n_outside, replace=False)
    inside, outside = prompts[:n_inside], prompts[n_inside:]
    answer = prompted_cut(eigenvectors, inside, outside)
    np.testing.assert_allclose(answer.score[inside], 1.0, atol=0.02)
    np.testing.assert_allclose(answer.score[outside], -1.0, atol=0.02)
    order = rng.permutation(60)
    place = np.argsort(order)
    moved = prompted_cut(eigenvectors[order], place[inside], place[outside])
    np.testing.assert_allclose(moved.score, answer.score[order], atol=1e-4)
    scaled = prompted_cut(eigenvectors * rng.uniform(0.1, 10, (60, 1)).astype(np.float32), inside, outside)
    np.testing.assert_allclose(scaled.score, answer.score, atol=1e-4)


def test_only_positive_and_only_negative_sides_are_opposite(rng):
    eigenvectors, _ = blocks(rng)
    one = prompted_cut(eigenvectors, [3, 5], [8], ground=0.2)
    other = prompted_cut(eigenvectors, [8], [3, 5], ground=-0.2)
    np.testing.assert_allclose(one.score, -other.score, atol=1e-5)


def test_what_nobody_spoke_of_is_ground(rng):
    eigenvectors, _ = blocks(rng, noise=0)
    far = np.eye(4, dtype=np.float32)[[0, 1, 2]]
    for ground in (-0.5, 0.0):
        # The cosine with both prompts is 0: the kernel is all but gone.
        score = prompted_cut(far, [0], [1], gamma=0.05, ground=ground).score
        np.testing.assert_allclose(score, [1, -1, ground], atol=2e-3)
    with pytest.raises(InputError, match="between -1 and 1"):
        prompted_cut(eigenvectors, [1], ground=-2)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_click_on_the_ground_takes_nothing_more_in(seed):
    rng = np.random.default_rng(seed)
    eigenvectors, labels = blocks(rng, noise=0.1)
    inside, outside = (int(np.flatnonzero(labels == block)[0]) for block in (0, 1))
    one = prompted_cut(eigenvectors, [inside])
    both = prompted_cut(eigenvectors, [inside], [outside])
    gained = both.mask & ~one.mask
    assert not gained.any()
    assert both.score[labels == 1].max() < one.score[labels == 1].max() + 1e-4


def test_duplicates_of_a_prompt_score_alike(rng):
    eigenvectors, _ = blocks(rng)
    doubled = np.concatenate([eigenvectors, eigenvectors])
    score = prompted_cut(doubled, [3, 403, 3], [7]).score
    np.testing.assert_allclose(score[:400], score[400:], atol=1e-5)


def test_eigenvalues_weigh_columns(rng):
    eigenvectors = rng.standard_normal((80, 6)).astype(np.float32)
    values = np.array([1, 0.8, 0.5, 0.0, 0.0, -1e-9])
    weighted = prompted_cut(eigenvectors, [1], [2], eigenvalues=values)
    np.testing.assert_allclose(
        weighted.score, prompted_cut(eigenvectors[:, :3] * np.sqrt(values[:3]), [1], [2]).score, atol=1e-5
    )
    with pytest.raises(InputError, match="6 eigenvectors need 6 eigenvalues"):
        prompted_cut(eigenvectors, [1], eigenvalues=values[:3])


def test_input_of_any_kind_in_chunks(rng, monkeypatch):
    eigenvectors, _ = blocks(rng)
    expected = prompted_cut(eigenvectors, [1], [2])
    from alignedcut_viewer.spectral import prompted

    monkeypatch.setattr(prompted, "_CHUNK", 37)
    told = []
    answer = prompted_cut(torch.from_numpy(eigenvectors), [1], [2], progress=lambda *report: told.append(report[:2]))
    np.testing.assert_allclose(answer.score, expected.score, atol=1e-5)
    assert told[-1] == (400, 400)
    assert prompted_cut(eigenvectors, 1, threshold=2.0).mask.sum() == 0


def test_rows_of_zeros_score_alike_and_finite(rng):
    eigenvectors, _ = blocks(rng)
    eigenvectors[10:20] = 0
    score = prompted_cut(eigenvectors, [1], [2]).score
    assert np.isfinite(score).all()
    assert np.ptp(score[10:20]) == 0


def test_a_million_nodes_in_a_moment(rng):
    eigenvectors = rng.standard_normal((1_000_000, 20), dtype=np.float32)
    prompted_cut(eigenvectors[:1000], [1], [2])
    used = []
    for _ in range(3):
        began = time.process_time()
        prompted_cut(eigenvectors, [1, 5, 9], [100, 200])
        used.append(time.process_time() - began)
    # Processor time of all threads, so that other work on the machine doesn't count; a tenth of a second on two cores.
    assert min(used) < 0.4


def test_wrong_input(rng):
    eigenvectors, _ = blocks(rng)
    with pytest.raises(InputError, match="at least one positive"):
        prompted_cut(eigenvectors, [])
    with pytest.raises(InputError, match="between 0 and 399"):
        prompted_cut(eigenvectors, [400])
    with pytest.raises(InputError, match="between 0 and 399"):
        prompted_cut(eigenvectors, [1], [-1])
    with pytest.raises(InputError, match="by their numbers"):
        prompted_cut(eigenvectors, [0.5])
    with pytest.raises(InputError, match="Node 7 is prompted as positive and as negative"):
        prompted_cut(eigenvectors, [7, 8], [7])
    with pytest.raises(InputError, match="gamma"):
        prompted_cut(eigenvectors, [7], gamma=0)
    eigenvectors[9, 0] = np.nan
    with pytest.raises(FeatureError, match="node 9"):
        prompted_cut(eigenvectors, [1])
    with pytest.raises(FeatureError, match="prompted nodes"):
        prompted_cut(eigenvectors, [9])
