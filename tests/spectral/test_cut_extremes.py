"""Features and kernels at the ends of what floating-point numbers hold."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch

from alignedcut_viewer.errors import FeatureError, InputError
from alignedcut_viewer.spectral import NormalizedCut
from alignedcut_viewer.spectral.affinity import Kernel

pytestmark = pytest.mark.quick

METHODS = ["exact", "nystrom", "knn"]


def cut(method: str, kernel: str = "cosine", gamma: float | str = 0.5, n_components: int = 5) -> NormalizedCut:
    landmarks = "auto" if method == "exact" else 200
    return NormalizedCut(
        n_components, kernel=kernel, gamma=gamma, method=method, n_landmarks=landmarks, seed=0, device="cpu"
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kernel", ["cosine", "rbf"])
@pytest.mark.parametrize("gamma", [1e-6, 1e-12, 1e-30, 1e-300])
@pytest.mark.filterwarnings("ignore")
def test_a_very_narrow_kernel_is_solved_or_refused_in_a_sentence(
    planted: Callable, method: str, kernel: str, gamma: float
) -> None:
    X = planted(700).features
    try:
        found = cut(method, kernel, gamma).fit_transform(X)
    except InputError as error:
        said = str(error)
    else:
        assert np.isfinite(found).all()
        assert (np.linalg.norm(found, axis=0) > 0).all()
        said = "gamma."
    assert "gamma" in said
    assert said.endswith(".")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e-19, 1e-30, 1e-38])
@pytest.mark.parametrize("gamma", [0.5, "auto"])
def test_the_cosine_of_features_does_not_know_their_scale(
    planted: Callable, method: str, scale: float, gamma: float | str
) -> None:
    X = planted(700).features.astype(np.float32)
    wanted = cut(method, gamma=gamma).fit_transform(X)
    found = cut(method, gamma=gamma).fit_transform(X * np.float32(scale))
    np.testing.assert_allclose(found, wanted, atol=1e-3 if scale == 1e-38 else 1e-4)


def test_short_rows_among_long_ones_keep_their_direction(rng: np.random.Generator) -> None:
    rows = rng.standard_normal((6, 16))
    scales = np.array([1.0, 1e-19, 1e-300, 0.0, 1e18, 1e-45])[:, None]
    wanted = torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    wanted[3] = 0.0
    found = Kernel("cosine", 1.0).points(torch.from_numpy(rows * scales), torch.float32)
    torch.testing.assert_close(found.double(), wanted, atol=1e-6, rtol=0)
    narrow = Kernel("cosine", 1.0).points(torch.from_numpy(rows * 1e-30).to(torch.bfloat16), torch.float32)
    torch.testing.assert_close(narrow.norm(dim=1), torch.ones(6))


@pytest.mark.parametrize("method", METHODS)
def test_distances_too_small_to_be_squared_are_named(planted: Callable, method: str) -> None:
    X = planted(300).features * 1e-22
    with pytest.raises(FeatureError, match="too small to be squared"):
        cut(method, "rbf", "auto").fit_transform(X)


@pytest.mark.parametrize("method", METHODS)
def test_a_graph_with_one_eigenvector_says_so(planted: Callable, method: str) -> None:
    with pytest.warns(UserWarning, match="look alike"):
        cut(method, "rbf", 1.0).fit_transform(planted(300).features * 1e-22)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cut(method, "rbf", 20.0, 1).fit_transform(planted(300).features)
