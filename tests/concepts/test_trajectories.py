"""Paths by hand; groups that part at a planted layer, never, or only by where they lie in the picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score

from alignedcut_viewer.concepts import bifurcation_layer, length, pace, pace_curve, paths
from alignedcut_viewer.errors import Cancelled, FeatureError, InputError
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex

pytestmark = pytest.mark.quick

N_PICTURES, N_PATCHES = 20, 30


def test_length_and_pace_of_a_worked_example() -> None:
    index = NodeIndex([NetworkNodes("a", (0, 1, 4), 1, 2, True)], 1)
    plane = np.zeros((9, 2))
    plane[[1, 4, 7]] = [0, 0], [3, 4], [3, 16]
    along = paths(plane, index, "a")
    assert along.shape == (2, 3, 2)
    np.testing.assert_allclose(pace(along), [[5, 12], [0, 0]])
    np.testing.assert_allclose(length(along), [17, 0])
    np.testing.assert_allclose(paths(plane, index, "a", nodes=np.array([4]), layers=(1, 4)), [[[3, 4], [3, 16]]])
    with pytest.raises(FeatureError, match="8 rows"):
        paths(plane[:8], index, "a")


def test_pace_curve_covers_its_mean_by_what_pictures_vary(rng: np.random.Generator) -> None:
    steps = np.abs(rng.normal(3, 1, (50, 1))) * np.ones((50, 8))  # of 50 pictures, all 8 paths alike
    along = np.zeros((400, 2, 2))
    along[:, 1, 0] = steps.reshape(-1)
    curve = pace_curve(along, np.repeat(np.arange(50), 8))
    assert curve.mean[0] == pytest.approx(steps.mean(), abs=1e-5)
    assert curve.low[0] < curve.mean[0] < curve.high[0]
    # As wide as 50 independent pictures make it, not 400 paths.
    width = 2 * 1.96 * steps[:, 0].std() / np.sqrt(50)
    assert curve.high[0] - curve.low[0] == pytest.approx(width, rel=0.15)


def parting(
    rng: np.random.Generator, distances: list[float], figures: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Paths in 4 dimensions whose groups' centres are `distances` standard deviations apart at each layer."""
    groups = rng.integers(0, 2, (N_PICTURES, N_PATCHES)) if figures is None else figures
    groups = groups.reshape(-1)
    values = rng.standard_normal((len(groups), len(distances), 4))
    values[:, :, 1] += groups[:, None] * np.array(distances)
    return values.astype(np.float32), groups, np.repeat(np.arange(N_PICTURES), N_PATCHES)


def test_the_planted_layer_is_found(rng: np.random.Generator) -> None:
    values, groups, images = parting(rng, [0, 0.3, 0.5, 4, 5, 5])
    found = bifurcation_layer(values, groups, images)
    assert found.position == 3
    assert found.interval == (3, 3)
    assert found.certainty == 1
    assert found.accuracy[3] == pytest.approx(0.977, abs=0.02)  # the normal distribution at 4 / 2
    assert (found.low <= found.accuracy).all()
    assert (found.accuracy <= found.high).all()
    assert found.p_values[0] > 0.05
    assert found.p_values[3] == pytest.approx(1 / 201)


def test_its_uncertainty_grows_where_groups_part_slowly(rng: np.random.Generator) -> None:
    values, groups, images = parting(rng, [0, 1.2, 1.35, 1.5, 3])  # the threshold is reached at 1.35
    found = bifurcation_layer(values, groups, images)
    assert found.interval is not None
    assert found.interval[1] > found.interval[0]
    assert found.interval[0] <= 2 <= found.interval[1]


def test_groups_that_never_part_have_no_layer() -> None:
    for seed in range(5):
        values, groups, images = parting(np.random.default_rng(seed), [0, 0, 0])
        found = bifurcation_layer(values, groups, images, threshold=0.5, seed=seed)
        assert found.position is None or found.p_values[found.position] <= 0.05
        assert np.abs(found.accuracy - 0.5).max() < 0.1
    assert bifurcation_layer(values, groups, images).position is None
    assert bifurcation_layer(values, groups, images).interval is None


def test_chance_is_kept_in_nineteen_of_twenty() -> None:
    """Without a difference the smallest p-value over layers is below .05 one time in twenty."""
    below = 0
    for seed in range(60):
        values, groups, images = parting(np.random.default_rng(seed), [0, 0])
        found = bifurcation_layer(values, groups, images, n_permutations=39, n_bootstraps=10, seed=seed)
        below += found.p_values.min() <= 0.05
    assert below <= 9  # of 60, at a rate of .05, more than 9 has a probability of .0009


def test_where_figures_usually_lie_counts_for_nothing(rng: np.random.Generator) -> None:
    """All that tells the groups apart is that figures lie in the middle, as in early layers that know the position."""
    middle = np.abs(np.arange(N_PATCHES) - 15) < 6
    figures = (middle ^ (rng.random((N_PICTURES, N_PATCHES)) < 0.02)).astype(int)
    position = np.tile(np.abs(np.arange(N_PATCHES) - 15.0), N_PICTURES)
    values = rng.normal(0, 0.1, (len(position), 1, 2)).astype(np.float32)
    values[:, 0, 0] += position
    found = bifurcation_layer(values, figures.reshape(-1), np.repeat(np.arange(N_PICTURES), N_PATCHES))
    assert found.accuracy[0] > 0.9
    assert found.chance[0] > 0.9  # what exchanged figures reach as well
    assert found.p_values[0] > 0.05
    assert found.position is None
    # The very same accuracy by something that belongs to each picture's own figure is a finding.
    own, groups, images = parting(rng, [4], rng.integers(0, 2, (N_PICTURES, N_PATCHES)))
    assert bifurcation_layer(own, groups, images).position == 0


def test_accuracy_is_that_of_fishers_discriminant(rng: np.random.Generator) -> None:
    """Two pictures are two folds: fitted to the one and judged on the other, as scikit-learn does it."""
    groups = rng.integers(0, 2, 400)
    images = np.repeat([3, 8], 200)
    values = rng.standard_normal((400, 1, 3)) @ rng.standard_normal((3, 3))
    values[:, 0] += groups[:, None] * rng.standard_normal(3)
    hits = []
    for image in (3, 8):
        model = LinearDiscriminantAnalysis(solver="lsqr", priors=(0.5, 0.5))
        model.fit(values[images != image, 0], groups[images != image])
        hits.append((groups[images == image], model.predict(values[images == image, 0])))
    wanted = balanced_accuracy_score(*(np.concatenate(part) for part in zip(*hits, strict=True)))
    found = bifurcation_layer(values, groups, images, n_permutations=5)
    assert found.accuracy[0] == pytest.approx(wanted, abs=0.004)


def test_paths_of_neither_group_are_left_out(rng: np.random.Generator) -> None:
    values, groups, images = parting(rng, [0, 4])
    values[::3] = 50 * rng.standard_normal(values[::3].shape)
    groups[::3] = -1
    assert bifurcation_layer(values, groups, images).accuracy[1] > 0.5
    with pytest.raises(InputError, match="at least one path"):
        bifurcation_layer(values, np.where(groups == 1, 0, groups), images)
    with pytest.raises(InputError, match="two pictures"):
        bifurcation_layer(values, groups, np.zeros(len(groups)))
    with pytest.raises(InputError, match="1, 0 or -1"):
        bifurcation_layer(values, groups[:5], images)
    with pytest.raises(FeatureError, match="NaN"):
        bifurcation_layer(values * np.nan, groups, images)


def test_it_can_be_cancelled(rng: np.random.Generator) -> None:
    def stop(done: int, total: int, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        bifurcation_layer(*parting(rng, [0]), progress=stop)
