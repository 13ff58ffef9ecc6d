"""Eigenvectors of single pictures turned to agree: hidden rotations are found, shared parts get one place."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from alignedcut_viewer.spectral import LayeredCut, LayerTokens
from alignedcut_viewer.spectral.layered.turning import agreeing_turns, channel_directions, common_columns

pytestmark = pytest.mark.quick


def test_hidden_rotations_are_found(rng: np.random.Generator) -> None:
    common = rng.normal(size=(40, 5))
    hidden = np.linalg.qr(rng.normal(size=(7, 5, 5)))[0]
    turns = agreeing_turns(common @ hidden)
    together = hidden @ turns  # the same rotation for every picture
    np.testing.assert_allclose(together, np.broadcast_to(together[0], together.shape), atol=1e-6)
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(5), (7, 5, 5)), atol=1e-10)
    np.testing.assert_array_equal(agreeing_turns(common[None]), np.eye(5)[None])


def test_a_part_has_one_place_in_all_pictures(rng: np.random.Generator) -> None:
    """Four parts with features of their own, elsewhere in each picture; every picture is cut by itself."""
    parts = np.stack([rng.permutation(np.repeat(np.arange(4), 16)) for _ in range(6)])
    centres = rng.normal(size=(3, 4, 24))
    layers = [
        LayerTokens((c[parts] + 0.3 * rng.normal(size=(6, 64, 24))).astype(np.float32), 8, 8, name=f"layer {i}")
        for i, c in enumerate(centres)
    ]
    cut = LayeredCut(4, scope="picture", device="cpu").fit(layers)
    rows = cut.eigenvectors_ * np.sqrt(cut.eigenvalues_.clip(0))[:, None].astype(np.float32)
    turns, sizes = common_columns(rows, agreeing_turns(channel_directions(layers, rows, cut.grid_)))
    assert (np.diff(sizes) <= 0).all()

    def recovered(values: np.ndarray) -> float:
        found = KMeans(4, n_init=5, random_state=0).fit_predict(values.reshape(-1, values.shape[-1]))
        return float(adjusted_rand_score(parts.ravel(), found))

    # signs and order as the eigensolver left them mix the parts up
    shuffled = rows * rng.choice([-1, 1], size=(6, 1, 4))
    assert recovered(shuffled) < 0.6
    assert recovered(rows @ turns) > 0.95
    # distances inside a picture stay
    np.testing.assert_allclose(
        (rows @ turns) @ (rows @ turns).transpose(0, 2, 1), rows @ rows.transpose(0, 2, 1), atol=1e-5
    )
