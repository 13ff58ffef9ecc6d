"""Which nodes stand for all: the directions that landmarks lie in, and even samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from alignedcut_viewer.spectral import as_features
from alignedcut_viewer.spectral.sampling import principal_directions, sample_rows

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("width", [40, 300, 700])
def test_principal_directions_hold_what_the_exact_ones_hold(rng: np.random.Generator, width: int) -> None:
    # Variances that fall off slowly, as those of features do: the hard case for an iteration.
    scales = 1.0 / np.sqrt(1.0 + np.arange(width))
    mixing = np.linalg.qr(rng.standard_normal((width, width)))[0]
    points = torch.from_numpy((rng.standard_normal((3000, width)) * scales @ mixing).astype(np.float32))
    found = principal_directions(points, 128)
    assert found.shape == (width, min(128, width))
    torch.testing.assert_close(found.T @ found, torch.eye(found.shape[1]), atol=1e-4, rtol=0)
    variances = np.linalg.svd(points.double().numpy(), compute_uv=False)[: found.shape[1]] ** 2
    held = (points @ found).double().square().sum(dim=0).numpy()
    assert held.sum() > 0.995 * variances.sum()
    np.testing.assert_allclose(held[:20], variances[:20], rtol=0.02)
    assert torch.equal(found, principal_directions(points, 128))


def test_samples_are_even(planted: Callable[..., tuple[np.ndarray, np.ndarray]], rng: np.random.Generator) -> None:
    features = as_features(planted(1000).features)
    rows = sample_rows(features, 100, rng)
    np.testing.assert_array_equal(rows // 10, np.arange(100))  # one of every ten
    np.testing.assert_array_equal(sample_rows(features, 1000, rng), np.arange(1000))
