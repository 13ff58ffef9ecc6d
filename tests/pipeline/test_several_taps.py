"""Several taps of one network: one pass, a feature set each, the same bits as one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alignedcut_viewer import cli, pipeline
from alignedcut_viewer.backbones import Backbone
from alignedcut_viewer.errors import Cancelled, InputError
from alignedcut_viewer.pipeline.settings import ExtractSettings
from alignedcut_viewer.study import Study
from tests.planted import noise_pictures

NETWORK = "random:vit_tiny_patch16_224"
TAPS = ("attention", "q", "v")
EXTRACT = ExtractSettings((NETWORK,), (0, 2), tap=TAPS, input_size=32, batch_size=4, device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return noise_pictures(tmp_path / "pictures", 10)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, tuple[tuple[int, str], ...]]]:
    seen: list[tuple[int, tuple[tuple[int, str], ...]]] = []
    real = Backbone.features_at

    def features_at(self: Backbone, batch: Any, places: Any) -> Any:
        seen.append((len(batch), tuple(places)))
        return real(self, batch, places)

    monkeypatch.setattr(Backbone, "features_at", features_at)
    return seen


def extract(folder: Path, path: Path, settings: ExtractSettings, progress: Any = None) -> tuple[Study, tuple[str, ...]]:
    study, _ = pipeline.open_study(path, folder)
    with study:
        names = pipeline.extract(study, settings, progress)
    return study, names


def assert_same(one: Study, other: Study) -> None:
    assert set(one.networks) == set(other.networks)
    for name, features in one.networks.items():
        assert features.key == other.network(name).key
        for layer in features.layers:
            np.testing.assert_array_equal(features.array(layer)[:], other.network(name).array(layer)[:])


def test_one_pass_fills_a_feature_set_for_each_tap(folder: Path, tmp_path: Path, passes: list[Any]) -> None:
    study, names = extract(folder, tmp_path / "together", EXTRACT)
    assert [n for n, _ in passes] == [4, 4, 2]
    assert [study.network(name).tap for name in names] == list(TAPS)
    assert study.status == ("done",) * 10
    for tap in TAPS:
        alone, _ = extract(folder, tmp_path / "alone", replace(EXTRACT, tap=tap))
    assert_same(study, alone)


def test_only_what_is_lacking_is_computed(folder: Path, tmp_path: Path, passes: list[Any]) -> None:
    extract(folder, tmp_path / "study", replace(EXTRACT, tap="q"))
    passes.clear()
    study, _ = extract(folder, tmp_path / "study", replace(EXTRACT, layers=(0, 5)))
    lacking = ((0, "attention"), (5, "attention"), (5, "q"), (0, "v"), (5, "v"))
    assert passes == [(4, lacking), (4, lacking), (2, lacking)]
    passes.clear()
    extract(folder, tmp_path / "study", replace(EXTRACT, layers=(0, 5)))
    assert passes == []
    assert study.status == ("done",) * 10


def test_a_cancelled_run_goes_on_with_the_same_bits(folder: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if "4 of 10" in text:
            raise Cancelled

    with pytest.raises(Cancelled):
        extract(folder, tmp_path / "stopped", EXTRACT, stop)
    again, _ = extract(folder, tmp_path / "stopped", EXTRACT)
    whole, _ = extract(folder, tmp_path / "whole", EXTRACT)
    assert_same(again, whole)


def test_sets_with_other_batches_are_filled_together(folder: Path, tmp_path: Path) -> None:
    extract(folder, tmp_path / "study", replace(EXTRACT, tap="q", layers=(0,), batch_size=3))
    study, _ = extract(folder, tmp_path / "study", EXTRACT)
    assert study.status == ("done",) * 10
    assert not any(np.isnan(f.array(layer)[:]).any() for f in study.networks.values() for layer in f.layers)


def test_the_command_line_takes_several_taps(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["extract", str(folder), "--study", str(tmp_path / "study"), "--networks", NETWORK, "--layers", "1"]
    assert cli.main([*words, "--size", "32", "--device", "cpu", "--tap", "q", "k", "v"]) == 0
    assert [f.tap for f in Study.open(tmp_path / "study").networks.values()] == ["q", "k", "v"]
    assert "features of 10 pictures" in capsys.readouterr().out


@pytest.mark.quick
def test_taps_are_checked() -> None:
    assert ExtractSettings(tap=("q", "q")).tap == "q"
    assert ExtractSettings(tap=["q", "k"]).taps == ("q", "k")  # type: ignore[arg-type]
    assert ExtractSettings.from_dict(EXTRACT.as_dict()) == EXTRACT
    for wrong in ("w", ("q", "w"), (), 3):
        with pytest.raises(InputError, match="tap"):
            ExtractSettings(tap=wrong)  # type: ignore[arg-type]
