"""Slots that are rotations of one latent space come together, whatever all nodes of a slot have in common."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alignedcut_viewer.alignment import BrainAlignment, BrainSamples
from alignedcut_viewer.alignment.starting_maps import consensus_isometries, isometries
from alignedcut_viewer.errors import InputError
from alignedcut_viewer.nodes import Slot

pytestmark = pytest.mark.quick

SLOTS = tuple(Slot("net", layer) for layer in range(3))
WIDTH, TOKENS, PICTURES = 16, 20, 60


def planted(rng: np.random.Generator, *, corresponding: bool = True, shift: float = 5.0) -> BrainSamples:
    """Three layers that show the same latent tokens through a rotation each, far from the origin.

    Only two directions of the latent space drive the three voxels.
    """
    latent = rng.normal(size=(PICTURES, TOKENS, WIDTH))
    responses = latent.mean(axis=1)[:, :2] @ rng.normal(size=(2, 3)) * np.sqrt(TOKENS) + 0.1 * rng.normal(
        size=(PICTURES, 3)
    )
    pooled, nodes = {}, {}
    for slot in SLOTS:
        rotation = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0]
        seen = latent @ rotation + shift * rng.normal(size=WIDTH)
        pooled[slot] = seen.mean(axis=1).astype(np.float32)
        nodes[slot] = seen.reshape(-1, WIDTH).astype(np.float32)
    return BrainSamples(pooled, nodes, responses.astype(np.float32), corresponding=corresponding)


def agreement(samples: BrainSamples, alignment: BrainAlignment) -> float:
    """Smallest mean cosine, over pairs of slots, of the same place in both."""
    aligned = []
    for slot in SLOTS:
        rows = (samples.nodes[slot] - alignment.offsets_[slot]) @ alignment.matrices_[slot]
        aligned.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    return min(float((a * b).sum(axis=1).mean()) for i, a in enumerate(aligned) for b in aligned[:i])


def test_corresponding_nodes_meet_although_the_brain_fixes_few_directions(rng: np.random.Generator) -> None:
    samples = planted(rng)
    options = {"n_epochs": 0, "n_nodes": 50, "device": "cpu"}
    together = BrainAlignment(**options).fit(samples)
    apart = BrainAlignment(**options, guidance=1.0).fit(samples)
    assert agreement(samples, together) > 0.95
    assert agreement(samples, apart) < 0.8
    assert together.score_ > apart.score_ - 0.05


def test_guidance_by_the_brain_alone_is_the_nearest_isometry(rng: np.random.Generator) -> None:
    samples = planted(rng).centred()
    maps = torch.from_numpy(rng.normal(size=(3 * WIDTH, WIDTH)).astype(np.float32))
    found = consensus_isometries(maps, samples, guidance=1.0)
    np.testing.assert_allclose(found, isometries(maps, samples), atol=1e-4)


@pytest.mark.parametrize("guidance", [0.0, 0.3, 0.7])
def test_maps_are_isometries_up_to_a_factor(rng: np.random.Generator, guidance: float) -> None:
    samples = planted(rng).centred()
    maps = torch.from_numpy(rng.normal(size=(3 * WIDTH, WIDTH)).astype(np.float32))
    found = consensus_isometries(maps, samples, guidance=guidance).numpy()
    for part in samples.slices.values():
        square = found[part].T @ found[part]
        np.testing.assert_allclose(square, square[0, 0] * np.eye(WIDTH), atol=1e-4 * square[0, 0])


def test_what_all_nodes_share_makes_no_difference(rng: np.random.Generator) -> None:
    near, far = (planted(np.random.default_rng(1), shift=shift) for shift in (0.0, 50.0))
    options = {"n_epochs": 0, "n_nodes": 50, "device": "cpu"}
    first, second = BrainAlignment(**options).fit(near), BrainAlignment(**options).fit(far)
    np.testing.assert_allclose(second.predict(far.pooled), first.predict(near.pooled), atol=2e-2)
    assert not BrainAlignment(**options, center=False).fit(far).offsets_


def test_corresponding_nodes_are_equally_many(rng: np.random.Generator) -> None:
    samples = planted(rng)
    fewer = dict(samples.nodes) | {SLOTS[1]: samples.nodes[SLOTS[1]][:-1]}
    with pytest.raises(InputError, match="equally many"):
        BrainSamples(samples.pooled, fewer, samples.responses, corresponding=True)
