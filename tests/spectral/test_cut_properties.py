"""What must hold for any features: permutations, scales, copies, blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from alignedcut_viewer.spectral import NormalizedCut

pytestmark = [pytest.mark.quick, pytest.mark.filterwarnings("ignore:The landmarks reproduce only")]

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
KERNELS = st.sampled_from([("cosine", 0.5), ("cosine", 0.1), ("rbf", 20.0), ("rbf", 3.0)])


@st.composite
def graphs(draw: st.DrawFn, least: int = 3, most: int = 300) -> NDArray[np.float32]:
    """Features of a few groups of any size, wide or narrow, tight or loose."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, width, n_groups = draw(st.integers(least, most)), draw(st.integers(2, 40)), draw(st.integers(1, 9))
    spread = draw(st.sampled_from([0.05, 0.4, 2.0]))
    centres = rng.standard_normal((n_groups, width))
    return (centres[rng.integers(0, n_groups, n)] + spread * rng.standard_normal((n, width))).astype(np.float32)


def cut_of(X: Any, kernel: tuple[str, float], method: str = "exact", **options: Any) -> tuple[Any, NDArray[np.float64]]:
    solver = NormalizedCut(5, kernel=kernel[0], gamma=kernel[1], method=method, device="cpu", **options)
    return solver.fit_transform(X), solver.eigenvalues_


def projector(vectors: NDArray[np.float32], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of the graph that the eigenvectors hold: the same whatever their signs and mixtures."""
    double = vectors.astype(np.float64)
    return (double * values) @ double.T


def clear_of_the_rest(values: NDArray[np.float64]) -> bool:
    """Whether the last eigenvalue asked for is told apart from the next by more than rounding."""
    return bool(values[-2] - values[-1] > 1e-3)


@QUICK
@given(graphs(), KERNELS, st.sampled_from(["exact", "nystrom", "knn"]), st.floats(0, 1), st.integers(1, 30))
def test_always_finite_orthonormal_and_descending(
    X: NDArray[np.float32], kernel: tuple[str, float], method: str, balance: float, n_components: int
) -> None:
    solver = NormalizedCut(
        n_components,
        kernel=kernel[0],
        gamma=kernel[1],
        method=method,
        balance=balance,
        n_landmarks=60,
        orthonormal=True,
        device="cpu",
    )
    found = solver.fit_transform(X)
    assert found.shape == (len(X), n_components)
    assert np.isfinite(found).all()
    gram = found.T @ found
    present = np.diag(gram) > 0.5  # the rest are zero: the graph does not have them
    # Single precision: of nearly parallel rows a column with an eigenvalue of 1e-4 keeps three digits.
    np.testing.assert_allclose(gram, np.diag(present.astype(float)), atol=1e-3)
    values = solver.eigenvalues_
    assert (np.diff(values) <= 1e-9).all()
    assert values[0] == pytest.approx(1.0, abs=1e-4)
    assert (values >= 0).all()
    np.testing.assert_array_equal(solver.transform(X), found)


@QUICK
@given(graphs(), KERNELS, st.randoms())
def test_permuted_nodes_give_permuted_rows(X: NDArray[np.float32], kernel: tuple[str, float], random: Any) -> None:
    order = list(range(len(X)))
    random.shuffle(order)
    solver = {"n_components": 6, "kernel": kernel[0], "gamma": kernel[1], "method": "exact", "device": "cpu"}
    first, second = NormalizedCut(**solver), NormalizedCut(**solver)
    u, v = first.fit_transform(X), second.fit_transform(X[order])
    np.testing.assert_allclose(first.eigenvalues_, second.eigenvalues_, atol=1e-6)
    if clear_of_the_rest(first.eigenvalues_):
        values = first.eigenvalues_[:5]
        np.testing.assert_allclose(projector(u[order, :5], values), projector(v[:, :5], values), atol=1e-4)


@QUICK
@given(graphs(), st.sampled_from(["exact", "nystrom"]), st.sampled_from([1e-6, 1e-3, 7.0, 1e4]))
def test_cosine_does_not_see_the_scale(X: NDArray[np.float32], method: str, scale: float) -> None:
    u, values = cut_of(X, ("cosine", 0.5), method, n_landmarks=80)
    v, scaled = cut_of(X * np.float32(scale), ("cosine", 0.5), method, n_landmarks=80)
    np.testing.assert_allclose(values, scaled, atol=1e-4)
    np.testing.assert_allclose(projector(u, values), projector(v, values), atol=2e-2 if method == "nystrom" else 1e-3)


@QUICK
@given(graphs(), st.sampled_from([1e-3, 7.0, 1e4]))
def test_automatic_rbf_does_not_see_the_scale(X: NDArray[np.float32], scale: float) -> None:
    solver = {"n_components": 4, "kernel": "rbf", "gamma": "auto", "method": "exact", "device": "cpu"}
    first, second = NormalizedCut(**solver).fit(X), NormalizedCut(**solver).fit(X * np.float32(scale))
    assert second.gamma_ == pytest.approx(first.gamma_ * scale**2, rel=1e-3)
    np.testing.assert_allclose(first.eigenvalues_, second.eigenvalues_, atol=1e-3)


@QUICK
@given(graphs(most=120), KERNELS, st.integers(2, 4))
def test_copies_of_all_nodes_change_nothing(X: NDArray[np.float32], kernel: tuple[str, float], copies: int) -> None:
    """Every node k times: the same eigenvalues, eigenvectors shorter by the root of k."""
    solver = {"n_components": 6, "kernel": kernel[0], "gamma": kernel[1], "method": "exact", "device": "cpu"}
    first, second = NormalizedCut(**solver), NormalizedCut(**solver)
    u, v = first.fit_transform(X), second.fit_transform(np.tile(X, (copies, 1)))
    np.testing.assert_allclose(first.eigenvalues_, second.eigenvalues_, atol=1e-6)
    if clear_of_the_rest(first.eigenvalues_):
        values = first.eigenvalues_[:5]
        once = v[: len(X), :5] * np.sqrt(copies)
        np.testing.assert_allclose(projector(once, values), projector(u[:, :5], values), atol=1e-4)


@QUICK
@given(graphs(least=20), st.sampled_from(["exact", "nystrom", "knn"]), st.integers(1, 200))
def test_equal_nodes_get_equal_rows(X: NDArray[np.float32], method: str, n_copies: int) -> None:
    X = np.concatenate([X, np.repeat(X[:1], n_copies, axis=0)])
    found, _ = cut_of(X, ("cosine", 0.5), method, n_landmarks=50)
    copies = found[-n_copies:]
    np.testing.assert_allclose(copies, np.repeat(found[:1], n_copies, axis=0), atol=1e-5)


@QUICK
@given(st.lists(st.integers(2, 60), min_size=2, max_size=5), st.sampled_from(["exact", "nystrom"]))
def test_blocks_without_affinity_are_one_eigenvalue_each(sizes: list[int], method: str) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    X = np.eye(len(sizes))[groups] + 1e-3 * np.random.default_rng(0).standard_normal((len(groups), len(sizes)))
    solver = NormalizedCut(len(sizes) + 2, gamma=0.01, method=method, device="cpu")
    found = solver.fit_transform(X)
    np.testing.assert_allclose(solver.eigenvalues_[: len(sizes)], 1.0, atol=1e-3)
    assert (solver.eigenvalues_[len(sizes) :] < 0.01).all()
    inside = projector(found[:, : len(sizes)], np.ones(len(sizes)))
    expected = (groups[:, None] == groups) / np.array(sizes)[groups]
    np.testing.assert_allclose(inside, expected, atol=5e-3)
