"""A fit that is kept and taken up again gives what it gave."""

from __future__ import annotations

import json

import numpy as np
import pytest

from alignedcut_viewer.errors import InputError, StudyError
from alignedcut_viewer.spectral import NormalizedCut, SpectralTSNE, rgb
from alignedcut_viewer.spectral.fitted_state import FittedState

pytestmark = pytest.mark.quick


@pytest.fixture
def features(rng: np.random.Generator) -> np.ndarray:
    centres = rng.standard_normal((8, 24))
    return (centres[rng.integers(0, 8, 900)] + 0.5 * rng.standard_normal((900, 24))).astype(np.float32)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "exact"},
        {"method": "nystrom", "n_landmarks": 60},
        {"method": "nystrom", "n_landmarks": 60, "kernel": "rbf", "gamma": 20.0},
        {"method": "nystrom", "n_landmarks": 60, "balance": 0.5},
        {"method": "nystrom", "n_landmarks": 60, "precision": "bfloat16"},
        {"method": "knn", "n_landmarks": 300, "n_neighbors": 20, "sampling": "uniform"},
        {"method": "exact", "balance": 1.0},
    ],
)
def test_a_cut_that_was_kept_places_nodes_as_before(features: np.ndarray, options: dict[str, object]) -> None:
    engine = NormalizedCut(5, device="cpu", **options).fit(features[:800])  # type: ignore[arg-type]
    state = engine.state()
    description = json.loads(json.dumps(state.description))  # as a study keeps it
    again = NormalizedCut(device="cpu").restore(FittedState(description, dict(state.arrays)))
    np.testing.assert_array_equal(again.transform(features[800:]), engine.transform(features[800:]))
    assert again.gamma_ == engine.gamma_
    assert again.method_ == engine.method_
    np.testing.assert_array_equal(again.eigenvalues_, engine.eigenvalues_)


def test_what_is_not_fitted_cannot_be_kept_and_what_lacks_parts_not_taken_up(features: np.ndarray) -> None:
    with pytest.raises(InputError, match="not fitted"):
        NormalizedCut().state()
    state = NormalizedCut(3, device="cpu").fit(features).state()
    arrays = {name: values for name, values in state.arrays.items() if name != "weights"}
    with pytest.raises(StudyError, match="lacks 'weights'"):
        NormalizedCut().restore(FittedState(state.description, arrays))


@pytest.mark.parametrize("spread", ["nearest", "interpolated", "refined"])
@pytest.mark.parametrize("told", [True, False])
def test_a_map_that_was_kept_places_nodes_as_before(features: np.ndarray, spread: str, told: bool) -> None:
    engine = SpectralTSNE(2, n_landmarks=80, perplexity=8, max_iter=60, spread=spread, device="cpu")  # type: ignore[arg-type]
    places = engine.fit_transform(features[:800])
    again = SpectralTSNE(2, n_landmarks=80, perplexity=8, spread=spread, device="cpu")  # type: ignore[arg-type]
    again.resume(features[:800], places, engine.landmarks_ if told else None)
    np.testing.assert_array_equal(again.landmarks_, engine.landmarks_)
    size = float(np.ptp(places))
    np.testing.assert_allclose(again.transform(features[800:]), engine.transform(features[800:]), atol=1e-4 * size)
    with pytest.raises(InputError, match="as many places"):
        again.resume(features[:800], places[:10])


def test_colours_of_new_nodes_follow_those_that_are_there(rng: np.random.Generator) -> None:
    embedding = rng.standard_normal((500, 3)).astype(np.float32)
    colours = rgb(embedding)
    np.testing.assert_array_equal(rgb(embedding[:7], like=embedding), colours[:7])
    assert not np.array_equal(rgb(embedding[:7]), colours[:7])
