"""Settings: JSON round trip, and one clear sentence for every value that does not fit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.pipeline.layered_settings import LayeredSettings
from alignedcut_viewer.pipeline.settings import (
    AlignSettings,
    BrainSettings,
    ColourSettings,
    CutSettings,
    ExtractSettings,
)

pytestmark = pytest.mark.quick

layers = st.none() | st.lists(st.integers(0, 40), min_size=1, max_size=4)
names = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3)


@given(
    names=names,
    layers=layers,
    tap=st.sampled_from(["attention", "block", "q"]),
    size=st.none() | st.integers(1, 999) | st.tuples(st.integers(1, 999), st.integers(1, 999)),
    batch=st.integers(1, 64),
    with_weights=st.booleans(),
)
def test_extract_settings_survive_json(
    names: list[str], layers: Any, tap: str, size: Any, batch: int, with_weights: bool
) -> None:
    weights = {names[0]: "file.safetensors"} if with_weights else {}
    settings = ExtractSettings(tuple(names), layers, tap, size, weights, batch_size=batch)
    assert ExtractSettings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings


@given(
    layers=layers | st.dictionaries(st.text(min_size=1, max_size=5), st.lists(st.integers(0, 9), min_size=1)),
    images=st.none() | st.lists(st.integers(0, 99)),
    gamma=st.just("auto") | st.floats(0.01, 9),
    spread=st.sampled_from(["nearest", "interpolated"]),
    landmarks=st.none() | st.integers(1, 999),
)
def test_cut_settings_survive_json(layers: Any, images: Any, gamma: Any, spread: str, landmarks: Any) -> None:
    colour = ColourSettings(spread=spread, n_landmarks=landmarks)
    settings = CutSettings(None, layers, images, gamma=gamma, n_landmarks=landmarks, colour=colour)
    assert CutSettings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings


@pytest.mark.parametrize("settings", [AlignSettings(), AlignSettings(file="a.safetensors"), AlignSettings("none")])
def test_align_settings_survive_json(settings: AlignSettings) -> None:
    assert AlignSettings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings


def test_values_are_brought_to_one_form() -> None:
    assert ExtractSettings("a").networks == ("a",)  # type: ignore[arg-type]
    assert ExtractSettings(["a", "b", "a"], [3, 1, 3]) == ExtractSettings(("a", "b"), (1, 3))  # type: ignore[arg-type]
    assert AlignSettings(file="x.safetensors").method == "file"
    assert CutSettings(colour={"perplexity": 30}).colour == ColourSettings(perplexity=30)  # type: ignore[arg-type]
    assert ExtractSettings.from_dict({}) == ExtractSettings()


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (ExtractSettings, {"netwoks": ["a"]}, "Unknown setting 'netwoks'; ExtractSettings has: networks, layers"),
        (ExtractSettings, {"networks": []}, "at least one network"),
        (ExtractSettings, {"networks": [1]}, "networks must be a list of names"),
        (ExtractSettings, {"layers": []}, "layers must be a list of numbers"),
        (ExtractSettings, {"layers": [-1]}, "layers must be a whole number of at least 0; got -1"),
        (ExtractSettings, {"layers": "12"}, "layers must be a list"),
        (ExtractSettings, {"tap": "head"}, "Unknown tap 'head'; use attention, block"),
        (ExtractSettings, {"input_size": 0}, "input_size must be a whole number of at least 1"),
        (ExtractSettings, {"input_size": [1, 2, 3]}, "one number or"),
        (ExtractSettings, {"batch_size": 0}, "batch_size must be a whole number of at least 1"),
        (ExtractSettings, {"batch_size": True}, "batch_size must be a whole number"),
        (ExtractSettings, {"precision": "int8"}, "Unknown precision 'int8'"),
        (ExtractSettings, {"storage": "float64"}, "Unknown storage 'float64'"),
        (ExtractSettings, {"networks": ["a"], "weights": {"b": "c"}}, "given for b, which is not among"),
        (ExtractSettings, {"weights": "file"}, "weights must give a file for each network"),
        (AlignSettings, {"method": "magic"}, "Unknown alignment method 'magic'"),
        (AlignSettings, {"method": "file"}, "Name a file exactly when"),
        (AlignSettings, {"method": "none", "file": "a"}, "Name a file exactly when"),
        (AlignSettings, {"strength": -1}, "strength must be a number of at least 0"),
        (AlignSettings, {"held_out": 1}, "held_out must be a number above 0 and below 1; got 1"),
        (AlignSettings, {"n_channels": 0}, "n_channels"),
        (CutSettings, {"gamma": 0}, "gamma must be a number above 0, or 'auto'; got 0"),
        (CutSettings, {"gamma": "wide"}, "gamma must be a number"),
        (CutSettings, {"n_components": 0}, "n_components"),
        (CutSettings, {"n_landmarks": 0}, "n_landmarks"),
        (CutSettings, {"networks": "vit"}, "networks must be a list of names; got 'vit'"),
        (CutSettings, {"layers": {"vit": []}}, "layers must be a list"),
        (CutSettings, {"images": ["0"]}, "images must be a whole number"),
        (CutSettings, {"balance": -0.5}, "balance"),
        (CutSettings, {"kernel": "linear"}, "Unknown kernel 'linear'"),
        (CutSettings, {"sampling": "all"}, "Unknown sampling 'all'"),
        (CutSettings, {"seed": -1}, "seed must be a whole number of at least 0; got -1"),
        (CutSettings, {"seed": 2**70}, "seed must be at most"),
        (CutSettings, {"map": 3}, "map must be MapSettings"),
        (BrainSettings, {"data": "d", "batch_size": 0}, "batch_size must be a whole number of at least 1"),
        (BrainSettings, {"data": "d", "guidance": 2}, "guidance must be a number of at least 0 and at most 1"),
        (LayeredSettings, {"affinity_gamma": 0}, "affinity_gamma must be a number above 0"),
        (LayeredSettings, {"power": float("nan")}, "power must be a number; got nan"),
        (LayeredSettings, {"n_inside": 0}, "n_inside"),
        (LayeredSettings, {"weights": "most"}, "Unknown weights 'most'"),
        (CutSettings, {"colour": {"hue": 1}}, "Unknown setting 'hue'; ColourSettings has"),
        (CutSettings, {"colour": 3}, "colour must be"),
        (ColourSettings, {"quantile": 0.5}, "quantile must be a number of at least 0 and below 0.5"),
        (ColourSettings, {"spread": "far"}, "Unknown spread 'far'; use nearest, interpolated"),
        (ColourSettings, {"perplexity": float("nan")}, "perplexity"),
        (ColourSettings, {"init": "random"}, "Unknown init"),
    ],
)
def test_values_that_do_not_fit_are_named(kind: Any, values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words.replace("(", r"\(")) as caught:
        kind.from_dict(values)
    assert str(caught.value).endswith(".")


def test_numbers_of_numpy_are_numbers() -> None:
    settings = CutSettings(None, (np.int64(3),), n_components=np.int64(4), gamma=np.float32(0.5))
    read = CutSettings.from_dict(json.loads(json.dumps(settings.as_dict())))
    assert read == CutSettings(None, (3,), n_components=4, gamma=0.5)


def test_settings_of_earlier_versions_are_understood() -> None:
    assert ExtractSettings.from_dict({"batch": 3}) == ExtractSettings(batch_size=3)
    assert ColourSettings.from_dict({"method": "umap", "perplexity": 50.0}) == ColourSettings(perplexity=50.0)
