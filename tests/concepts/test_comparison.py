"""Measures against their published formulae, worked examples, and their known values: 1 and chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import subspace_angles

from alignedcut_viewer.concepts import (
    counterparts,
    layer_matrix,
    linear_cka,
    mutual_knn,
    nearest_layers,
    subspace_agreement,
)
from alignedcut_viewer.errors import FeatureError, InputError

pytestmark = pytest.mark.quick


def rotation(d: int, rng: np.random.Generator) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return found


def published_cka(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Kornblith et al. 2019, equations 1 to 3: HSIC of the Gram matrices, with the centring matrix H."""
    n = len(x)
    centre = np.eye(n) - 1 / n

    def hsic(k: NDArray[np.float64], m: NDArray[np.float64]) -> float:
        return float(np.trace(k @ centre @ m @ centre)) / (n - 1) ** 2

    k, m = x @ x.T, y @ y.T
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


def published_unbiased_cka(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """With HSIC_1 of Song et al. 2012, equation 5, on Gram matrices without their diagonals."""
    n = len(x)

    def hsic(k: NDArray[np.float64], m: NDArray[np.float64]) -> float:
        k, m, ones = k - np.diag(np.diag(k)), m - np.diag(np.diag(m)), np.ones(n)
        total = np.trace(k @ m) + (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
        return float(total - 2 / (n - 2) * (ones @ k @ m @ ones)) / (n * (n - 3))

    k, m = x @ x.T, y @ y.T
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(5, 60), st.integers(1, 40), st.integers(1, 40))
def test_cka_is_the_published_formula(seed: int, n: int, d: int, e: int) -> None:
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, 3))
    x = shared @ rng.standard_normal((3, d)) + 0.5 * rng.standard_normal((n, d)) + 2
    y = shared @ rng.standard_normal((3, e)) + 0.5 * rng.standard_normal((n, e)) - 1
    assert linear_cka(x, y, debiased=False) == pytest.approx(published_cka(x, y), abs=1e-9)
    assert linear_cka(x, y) == pytest.approx(published_unbiased_cka(x, y), abs=1e-7)
    turned = 3 * y @ rotation(e, rng) + 7
    assert linear_cka(x, turned) == pytest.approx(linear_cka(x, y), abs=1e-8)


def test_cka_of_a_worked_example() -> None:
    """Centred columns (1, -1, 0) and (1, 1, -2) are orthogonal: products 2, 6 and 0."""
    x, y = np.array([[1.0], [-1], [0]]), np.array([[1.0, 1], [-1, 1], [0, -2]])
    # ||Yᵀ X||² = 2² + 0, ||Xᵀ X|| = 2, ||Yᵀ Y|| = √(2² + 6²)
    assert linear_cka(x, y, debiased=False) == pytest.approx(4 / (2 * np.sqrt(40)))


def test_identical_representations_compare_at_one_by_every_measure(rng: np.random.Generator) -> None:
    x = rng.standard_normal((300, 20))
    other = x @ rotation(20, rng)
    for measure in ("cka", "mutual_knn", "subspace"):
        for debiased in (True, False):
            found = layer_matrix([x], [x, other], measure, debiased=debiased)
            np.testing.assert_allclose(found, [[1, 1]], atol=1e-9)


def test_independent_representations_compare_at_chance(rng: np.random.Generator) -> None:
    """Wide ones, for which the plain formulae are far from 0."""
    x, y = rng.standard_normal((300, 200)), rng.standard_normal((300, 200))
    assert linear_cka(x, y, debiased=False) > 0.3
    assert linear_cka(x, y) == pytest.approx(0, abs=0.03)
    assert mutual_knn(x, y, 30) == pytest.approx(30 / 299, abs=0.01)
    assert mutual_knn(x, y, 30, debiased=True) == pytest.approx(0, abs=0.01)
    u, v = x[:, :60], y[:, :60]
    assert subspace_agreement(u, v, debiased=False) == pytest.approx(60 / 299, abs=0.03)
    assert subspace_agreement(u, v) == pytest.approx(0, abs=0.03)


def test_mutual_knn_of_a_worked_example() -> None:
    """Directions on a circle, at 0, 10, 50, 65 and 200 degrees; the nearest of each by cosine."""
    x = np.deg2rad([0, 10, 50, 65, 200])
    y = np.deg2rad([0, 10, 50, 26, 200])  # 65 became 26

    def unit(angles: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.arange(1, 6)[:, None]

    # nearest in x: 0→1, 1→0, 2→3, 3→2, 4→3 (65 is 135 away); in y: 0→1, 1→0, 2→3, 3→1, 4→2
    assert mutual_knn(unit(x), unit(y), 1) == pytest.approx(3 / 5)
    # two nearest in x: {1,2} {0,2} {3,1} {2,1} {3,2}; in y: {1,3} {0,3} {3,1} {1,2} {2,0}
    assert mutual_knn(unit(x), unit(y), 2) == pytest.approx((1 + 1 + 2 + 2 + 1) / 10)


def test_neighbours_in_the_same_picture_do_not_count(rng: np.random.Generator) -> None:
    pictures = np.repeat(np.arange(30), 10)
    same = 20 * rng.standard_normal((30, 8))[pictures]  # all that both share is which picture it is
    x, y = same + rng.standard_normal((300, 8)), same @ rotation(8, rng) + rng.standard_normal((300, 8))
    assert mutual_knn(x, y, 5) > 0.5
    within = mutual_knn(x, y, 5)
    across = mutual_knn(x, y, 5, groups=pictures, debiased=True)
    assert across < within
    noise = rng.standard_normal((2, 300, 8))
    assert mutual_knn(noise[0], noise[1], 5, groups=pictures, debiased=True) == pytest.approx(0, abs=0.01)
    with pytest.raises(InputError, match="291 neighbours where only 290"):
        mutual_knn(x, y, 291, groups=pictures)
    with pytest.raises(InputError, match="groups are named for 2"):
        mutual_knn(x, y, 2, groups=[0, 1])


def test_subspace_agreement_is_the_mean_squared_cosine_of_the_principal_angles(rng: np.random.Generator) -> None:
    u, v = rng.standard_normal((50, 4)), rng.standard_normal((50, 6))
    v[:, 0] = u[:, 1] + 0.1 * v[:, 0]
    angles = subspace_angles(u - u.mean(axis=0), v - v.mean(axis=0))
    assert subspace_agreement(u, v, debiased=False) == pytest.approx(np.mean(np.cos(angles) ** 2))
    # Any other columns of the same span, and a constant beside them, change nothing.
    mixed = np.column_stack([u @ rng.standard_normal((4, 4)), np.ones(50)])
    assert subspace_agreement(mixed, v) == pytest.approx(subspace_agreement(u, v))
    assert subspace_agreement(u, np.column_stack([u, v])) == pytest.approx(1)
    assert np.isnan(subspace_agreement(np.ones((5, 2)), u[:5]))


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_places_and_the_turn_of_channels_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((60, 7))
    y = x[:, :5] + rng.standard_normal((60, 5))
    order, pictures = rng.permutation(60), np.repeat(np.arange(12), 5)
    for measure in ("cka", "mutual_knn", "subspace"):
        before = layer_matrix([x], [y], measure, groups=pictures)
        after = layer_matrix([y[order] @ rotation(5, rng)], [x[order]], measure, groups=pictures[order])
        np.testing.assert_allclose(after, before, atol=1e-5)


def chain(rng: np.random.Generator, n_layers: int) -> list[NDArray[np.float64]]:
    """Layers that change gradually: each shares most with its neighbours."""
    parts = rng.standard_normal((n_layers + 3, 400, 6))
    return [parts[i : i + 3].sum(axis=0) for i in range(n_layers)]


@pytest.mark.parametrize("measure", ["cka", "mutual_knn", "subspace"])
def test_layers_find_their_counterparts(rng: np.random.Generator, measure: str) -> None:
    a = chain(rng, 8)
    b = [values @ rotation(6, rng) + 0.3 * rng.standard_normal(values.shape) for values in a]
    shown: list[int] = []
    matrix = layer_matrix(a, b[::-1], measure, progress=lambda done, total, text: shown.append(done))
    assert shown == list(range(1, 9))
    found = counterparts(matrix)
    assert found.layers.tolist() == list(range(8))[::-1]
    assert found.monotone == pytest.approx(-1)
    np.testing.assert_array_equal(found.likeness, matrix.max(axis=1))
    np.testing.assert_allclose(layer_matrix(b[::-1], a, measure), matrix.T, atol=1e-9)


def test_a_matrix_by_any_function_and_what_does_not_fit(rng: np.random.Generator) -> None:
    assert layer_matrix([1, 2], [3, 4], lambda one, other: one * other).tolist() == [[3, 4], [6, 8]]
    with pytest.raises(InputError, match="Unknown measure"):
        layer_matrix([np.ones((5, 1))], [np.ones((5, 1))], "rsa")
    with pytest.raises(InputError, match="at least one layer"):
        layer_matrix([], [np.ones((5, 1))])
    with pytest.raises(FeatureError, match="same places"):
        layer_matrix([np.ones((5, 2))], [np.ones((6, 2))])
    with pytest.raises(FeatureError, match="same places"):
        linear_cka(np.ones((5, 2)), np.ones((6, 2)))
    with pytest.raises(FeatureError, match="NaN"):
        linear_cka(np.full((5, 2), np.nan), np.ones((5, 2)))
    with pytest.raises(FeatureError, match="at least 4"):
        linear_cka(np.ones((3, 2)), np.ones((3, 2)))
    assert np.isnan(linear_cka(np.ones((5, 2)), rng.standard_normal((5, 2))))
    assert np.isnan(counterparts([[1.0, 0], [1, 0]]).monotone)


def test_places_are_nearest_to_the_layer_that_they_were_taken_from(rng: np.random.Generator) -> None:
    layers = rng.standard_normal((4, 500, 5))
    taken = rng.choice(4, 500, p=[0.1, 0.6, 0.3, 0])
    query = layers[taken, np.arange(500)] + 0.01 * rng.standard_normal((500, 5))
    np.testing.assert_allclose(nearest_layers(query, list(layers)), np.bincount(taken, minlength=4) / 500)
    with pytest.raises(FeatureError, match="the same"):
        nearest_layers(query, [np.ones((4, 5))])


@pytest.mark.parametrize("measure", ["cka", "mutual_knn", "subspace"])
def test_layers_among_themselves_are_compared_pair_by_pair(measure: str) -> None:
    """Half of the pairs, and each layer's neighbours once, give what every pair alone gives."""
    rng = np.random.default_rng(3)
    layers = [rng.normal(size=(90, 6 + i)) for i in range(4)]
    layers[1] = layers[0] + 0.3 * rng.normal(size=(90, 6))
    pictures = np.arange(90) // 9
    own = layer_matrix(layers, layers, measure, k=5, groups=pictures)
    apart = layer_matrix(layers, list(layers), measure, k=5, groups=pictures)
    np.testing.assert_allclose(own, apart, atol=1e-12)
    np.testing.assert_array_equal(own, own.T)
    if measure == "mutual_knn":
        assert own[2, 1] == mutual_knn(layers[2], layers[1], 5, groups=pictures, debiased=True)


@pytest.mark.quick
@pytest.mark.parametrize("debiased", [True, False])
def test_cka_of_many_layers_is_that_of_each_pair(debiased: bool) -> None:
    """Many wide layers are compared by their Gram matrices, block by block: two full blocks and a part of one."""
    rng = np.random.default_rng(8)
    common = rng.standard_normal((600, 5))
    widths = (40, 90, 200, 300, 350, 400, 380, 390)
    layers = [common @ rng.standard_normal((5, d)) + 2 * rng.standard_normal((600, d)) for d in widths]
    for others in (layers, layers[2:5]):
        found = layer_matrix(layers, others, "cka", debiased=debiased)
        expected = [[linear_cka(one, other, debiased=debiased) for other in others] for one in layers]
        np.testing.assert_allclose(found, expected, atol=1e-10)
