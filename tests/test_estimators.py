"""The estimators are those of scikit-learn: its own checks, a pipeline, clones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

from alignedcut_viewer import BrainAlignment, Hyperalignment, NormalizedCut, SpectralTSNE
from alignedcut_viewer.errors import AlignedCutError, InputError
from alignedcut_viewer.nodes import Slot
from alignedcut_viewer.spectral import LayeredCut
from alignedcut_viewer.spectral.layered.layer_tokens import LayerTokens

CUT = NormalizedCut(3, device="cpu")
MAP = SpectralTSNE(2, n_landmarks=100, perplexity=5, max_iter=60, device="cpu")
ALIGNMENT = Hyperalignment(device="cpu")

# Checks of scikit-learn that do not hold, and why.
_PLANAR = "the check sets n_components=1, and a map has 2 or 3 dimensions"
EXCEPTIONS: dict[str, dict[str, str]] = {
    "NormalizedCut": {},
    "SpectralTSNE": {
        "check_dont_overwrite_parameters": _PLANAR,
        "check_fit2d_1feature": _PLANAR,
        "check_fit2d_1sample": _PLANAR,
        "check_fit2d_predict1d": _PLANAR,
        "check_methods_sample_order_invariance": _PLANAR,
        "check_methods_subset_invariance": _PLANAR,
        "check_transformer_n_iter": "max_iter is a bound; the descent stops where the divergence no longer falls",
    },
    "Hyperalignment": {},
}


def checks(estimator: Any, fitting: bool = True) -> list[Any]:
    return [
        pytest.param(check, one, id=f"{type(one).__name__}-{_name(check)}")
        for one, check in estimator_checks_generator(estimator)
        if fitting or _name(check) in WITHOUT_ARRAYS
    ]


def _name(check: Any) -> str:
    return str(getattr(check, "func", check).__name__)


# A hyperalignment is fitted to a mapping of slots to features, never to one matrix: the checks that fit one cannot run.
WITHOUT_ARRAYS = (
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_do_not_raise_errors_in_init_or_set_param",
)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("check", "estimator"), [*checks(CUT), *checks(MAP), *checks(ALIGNMENT, fitting=False)])
def test_checks_of_scikit_learn(check: Any, estimator: Any) -> None:
    reason = EXCEPTIONS[type(estimator).__name__].get(_name(check))
    if reason is None:
        check(estimator)
        return
    with pytest.raises((AlignedCutError, AssertionError, AttributeError)):  # an exception that is none any more goes
        check(estimator)


def test_from_features_to_a_map_in_a_pipeline(rng: np.random.Generator) -> None:
    centres = rng.standard_normal((3, 16))
    labels = np.repeat(np.arange(3), 40)
    features = (centres[labels] + 0.1 * rng.standard_normal((120, 16))).astype(np.float32)
    pipeline = make_pipeline(NormalizedCut(4, gamma=0.2, device="cpu"), clone(MAP).set_params(max_iter=300))
    told: list[str] = []
    places = pipeline.fit(features, normalizedcut__progress=lambda *step: told.append(step[2])).transform(features)
    assert places.shape == (120, 2)
    assert told
    middles = np.stack([places[labels == label].mean(axis=0) for label in range(3)])
    assert (np.linalg.norm(places[:, None] - middles, axis=2).argmin(axis=1) == labels).all()
    assert list(pipeline.get_feature_names_out()) == ["spectraltsne0", "spectraltsne1"]


def test_parameters_are_judged_when_they_are_used() -> None:
    estimator = NormalizedCut().set_params(n_components=0)
    with pytest.raises(InputError, match="n_components must be a whole number of at least 1; got 0"):
        estimator.fit(np.eye(5))


_NUMBERS = (2.5, -1, True, "3", float("nan"), object())
_COUNTS = (*_NUMBERS, 0)
_REALS = (float("nan"), float("inf"), "wide", object(), -1)
_NAMES = ("", 3, None, "magic")
_SEEDS = (-1, 2.5, "a", None, True, 2**70)
_DEVICES = ("gpu9", object())
_SIZES = ("much", -1, 0, "1 XB", float("nan"), float("inf"), None)
HOSTILE: dict[type, dict[str, tuple[Any, ...]]] = {
    NormalizedCut: {
        "n_components": _COUNTS,
        "kernel": _NAMES,
        "gamma": (*_REALS, 0, None, 1e-300),
        "method": _NAMES,
        "n_landmarks": (*_COUNTS, None),
        "n_neighbors": _COUNTS,
        "sampling": _NAMES,
        "balance": (*_REALS, 2, None),
        "seed": _SEEDS,
        "device": _DEVICES,
        "precision": _NAMES,
        "memory": _SIZES,
    },
    SpectralTSNE: {
        "n_components": (*_COUNTS, 1, 4),
        "n_landmarks": _COUNTS,
        "perplexity": (*_REALS, 0, None),
        "metric": _NAMES,
        "sampling": _NAMES,
        "init": _NAMES,
        "spread": _NAMES,
        "n_neighbors": _COUNTS,
        "max_iter": _COUNTS,
        "seed": _SEEDS,
        "device": _DEVICES,
    },
    Hyperalignment: {
        "n_channels": _COUNTS,
        "strength": (*_REALS, 2, None),
        "n_iterations": _COUNTS,
        "held_out": (*_REALS, 0, 1, None),
        "seed": _SEEDS,
        "device": _DEVICES,
        "memory": _SIZES,
    },
    LayeredCut: {
        "n_components": _COUNTS,
        "scope": _NAMES,
        "solver": _NAMES,
        "metric": _NAMES,
        "power": (float("nan"), float("inf"), "wide", None),
        "n_landmarks": _COUNTS,
        "n_shared": _COUNTS,
        "weights": ("magic", (-1.0, 1.0), (0.0, 0.0)),
        "seed": _SEEDS,
        "device": _DEVICES,
        "memory": _SIZES,
    },
    BrainAlignment: {
        "n_channels": _COUNTS,
        "eigen_weight": (*_REALS, None),
        "learning_rate": (*_REALS, 0, None),
        "map_learning_rate": (*_REALS, 0),
        "guidance": (*_REALS, 2, None),
        "validation": (*_REALS, 0, 1, None),
        "n_eigenvectors": _COUNTS,
        "n_nodes": (*_COUNTS, 6),
        "slots_per_step": _COUNTS,
        "batch_size": _COUNTS,
        "n_epochs": _NUMBERS,
        "patience": _COUNTS,
        "init": _NAMES,
        "schedule": _NAMES,
        "keep": _NAMES,
        "readout": _NAMES,
        "seed": _SEEDS,
        "memory": _SIZES,
    },
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [pytest.param(kind, name, id=f"{kind.__name__}-{name}") for kind, names in HOSTILE.items() for name in names],
)
def test_whatever_a_parameter_is_given_the_answer_is_a_sentence(kind: type, name: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((40, 6)).astype(np.float32)
    tokens = LayerTokens(rows.reshape(2, 20, 6), 4, 5)
    data = {
        Hyperalignment: {Slot("a", 0): rows, Slot("b", 0): rows},
        LayeredCut: [tokens, tokens],
    }
    for value in HOSTILE[kind][name]:
        with pytest.raises(InputError) as caught:
            kind(**{"device": "cpu", name: value}).fit(data.get(kind, rows))
        told = str(caught.value)
        assert told.endswith(".")
        assert name in told or name in ("device", "memory", "weights"), told


@pytest.mark.parametrize("whole", [np.uint8, np.int32, np.uint64])
@pytest.mark.parametrize("method", ["exact", "nystrom", "knn"])
def test_integers_of_numpy_are_numbers_of_a_cut(method: str, whole: type) -> None:
    rows = np.random.default_rng(0).standard_normal((60, 6)).astype(np.float32)
    given = {"n_components": 3, "n_landmarks": 30, "n_neighbors": 5, "seed": 2, "memory": 200}

    def cut(**options: Any) -> Any:
        memory = options.pop("memory") * np.int64(10**6)
        return NormalizedCut(method=method, memory=memory, device="cpu", **options).fit_transform(rows)

    np.testing.assert_array_equal(cut(**{name: whole(value) for name, value in given.items()}), cut(**given))


@pytest.mark.parametrize("whole", [np.uint8, np.int32, np.uint64])
@pytest.mark.parametrize("spread", ["interpolated", "refined"])
def test_integers_of_numpy_are_numbers_of_a_map(spread: str, whole: type) -> None:
    rows = np.random.default_rng(0).standard_normal((60, 6)).astype(np.float32)
    given = {"n_components": 2, "n_landmarks": 30, "perplexity": 5, "n_neighbors": 5, "max_iter": 20, "seed": 2}
    places = [
        SpectralTSNE(spread=spread, device="cpu", **{name: kind(value) for name, value in given.items()})
        for kind in (int, whole)
    ]
    np.testing.assert_array_equal(*(one.fit_transform(rows) for one in places))


def test_more_eigenvectors_than_memory_holds_are_refused() -> None:
    with pytest.raises(InputError, match="n_components"):
        NormalizedCut(10**30, device="cpu").fit_transform(np.eye(5))


@pytest.mark.parametrize(
    "rows", [[[1, 2], [3]], np.array([["a", "b"]]), np.ones((3, 2), dtype=complex), 5, None, {1: 2}], ids=repr
)
def test_rows_that_are_no_matrix_of_numbers_are_refused(rows: Any) -> None:
    for estimator in (NormalizedCut(2, device="cpu"), SpectralTSNE(2, perplexity=2, device="cpu")):
        with pytest.raises(InputError):
            estimator.fit(rows)
    with pytest.raises(InputError, match="a/0"):
        Hyperalignment(device="cpu").fit({Slot("a", 0): rows, Slot("a", 1): rows})


@pytest.mark.parametrize("key", [1, "a", None, ("a",)], ids=repr)
def test_features_that_belong_to_no_slot_are_refused(key: Any) -> None:
    with pytest.raises(InputError, match="slots"):
        Hyperalignment(device="cpu").fit({key: np.eye(4), ("b", 0): np.eye(4)})


def test_slots_of_a_pipeline_begin_with_an_alignment(rng: np.random.Generator) -> None:
    """Two rotations of one matrix are aligned, and the cut of both sees them as one."""
    rows = rng.standard_normal((90, 8)).astype(np.float32)
    turn = np.linalg.qr(rng.standard_normal((8, 8)))[0].astype(np.float32)
    slots = {Slot("a", 0): rows, Slot("b", 0): rows @ turn}
    images = np.repeat(np.arange(9), 10)
    fitted = clone(Hyperalignment(strength=0.0, device="cpu")).fit(slots, images)
    first, second = fitted.transform(slots).values()
    np.testing.assert_allclose(first, second, atol=1e-3)
    with pytest.raises(AlignedCutError, match="not been fitted"):
        Hyperalignment().transform(slots)
    with pytest.raises(InputError, match="map each slot"):
        Hyperalignment().fit(rows)
