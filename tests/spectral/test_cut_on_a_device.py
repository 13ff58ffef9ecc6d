"""The cut on a graphics processor is the cut on the CPU, whatever its precision and wherever its features lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alignedcut_viewer.errors import FeatureError
from alignedcut_viewer.spectral import NormalizedCut

pytestmark = pytest.mark.quick

DEVICES = [
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs cuda")),
    pytest.param("mps", marks=pytest.mark.skipif(not torch.backends.mps.is_available(), reason="needs mps")),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("method", ["exact", "nystrom", "knn"])
def test_same_as_on_the_cpu(
    planted: Callable, subspace_cosine: Callable, device: str, precision: str, method: str
) -> None:
    X = planted(5000, width=300).features
    settings: dict[str, Any] = {"gamma": 0.5, "method": method, "n_landmarks": 500}
    here = NormalizedCut(8, device="cpu", **settings).fit_transform(X)
    there = NormalizedCut(8, device=device, precision=precision, **settings).fit_transform(X)
    assert subspace_cosine(here, there) > 0.99
    np.testing.assert_allclose(there.T @ there, np.eye(8), atol=2e-3)


@pytest.mark.parametrize("device", DEVICES)
def test_features_are_streamed_from_wherever_they_lie(planted: Callable, tmp_path: Path, device: str) -> None:
    X = planted(100_000, width=64).features  # several blocks of a device
    np.save(tmp_path / "features.npy", X)
    settings: dict[str, Any] = {"gamma": 0.5, "method": "nystrom", "device": device, "precision": "float32"}
    host = NormalizedCut(8, **settings).fit_transform(X)
    for other in (torch.from_numpy(X).to(device), np.load(tmp_path / "features.npy", mmap_mode="r")):
        solver = NormalizedCut(8, **settings)
        np.testing.assert_allclose(solver.fit_transform(other), host, atol=1e-5)
        np.testing.assert_allclose(solver.transform(other), host, atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
def test_bad_values_are_found(planted: Callable, device: str) -> None:
    X = planted(20_000).features
    X[12_345, 6] = np.nan
    with pytest.raises(FeatureError, match=r"node 12345, channel 6"):
        NormalizedCut(8, device=device).fit_transform(X)
