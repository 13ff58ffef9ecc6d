"""Settings far beyond what exists are bounded or refused, before any memory or disk is taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import cli, pipeline
from alignedcut_viewer.errors import InputError, StorageError
from alignedcut_viewer.layer_text import parse_layers
from alignedcut_viewer.pipeline import extraction
from alignedcut_viewer.pipeline.settings import AlignSettings, CutSettings, ExtractSettings
from alignedcut_viewer.study import Study
from alignedcut_viewer.study_files import LocalFiles
from tests.planted import noise_pictures

EXTRACT = ExtractSettings(("random:vit_tiny_patch16_224",), (0, 2), input_size=32, batch_size=4, device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return noise_pictures(tmp_path / "pictures", 10)


def extract(folder: Path, path: Path, settings: ExtractSettings) -> Study:
    study, _ = pipeline.open_study(path, folder)
    with study:
        pipeline.extract(study, settings)
    return study


def test_a_batch_is_no_larger_than_the_study(folder: Path, tmp_path: Path) -> None:
    study = extract(folder, tmp_path / "study", replace(EXTRACT, batch_size=100_000))
    features = study.network(EXTRACT.networks[0])
    assert features.batch == 10
    size = sum(f.stat().st_size for f in (tmp_path / "study").rglob("c/*/0/0"))
    assert size == 2 * 10 * features.n_tokens * features.width(0) * 2
    assert extract(folder, tmp_path / "small", EXTRACT).network(EXTRACT.networks[0]).batch == 4


def test_a_batch_is_no_larger_than_memory(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "physical_memory", lambda: 2**20)
    study = extract(folder, tmp_path / "study", replace(EXTRACT, batch_size=100_000))
    assert study.network(EXTRACT.networks[0]).batch < 5
    assert study.status == ("done",) * 10


def test_space_is_counted_in_whole_chunks(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # ten pictures in chunks of 8 take two whole chunks a layer
    whole = 2 * 2 * 8 * 5 * 192 * 2
    monkeypatch.setattr(LocalFiles, "free_bytes", lambda _self: whole - 1)
    with pytest.raises(StorageError, match="free some space"):
        extract(folder, tmp_path / "study", replace(EXTRACT, batch_size=8))
    monkeypatch.setattr(LocalFiles, "free_bytes", lambda _self: whole)
    extract(folder, tmp_path / "study", replace(EXTRACT, batch_size=8))
    monkeypatch.setattr(LocalFiles, "free_bytes", lambda _self: 0)
    Image.fromarray(np.zeros((9, 9, 3), dtype=np.uint8)).save(folder / "q.png")
    assert extract(folder, tmp_path / "study", replace(EXTRACT, batch_size=8)).status == ("done",) * 11


@pytest.mark.quick
def test_layers_that_no_network_has() -> None:
    with pytest.raises(InputError, match="No network has a layer 99999999"):
        parse_layers("0-99999999")


def test_an_input_size_beyond_memory(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["extract", str(folder), "--study", str(tmp_path / "study"), "--networks", *EXTRACT.networks]
    assert cli.main([*words, "--size", "160000", "--device", "cpu"]) == 2
    assert "more than the" in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_more_eigenvectors_than_nodes(folder: Path, tmp_path: Path) -> None:
    extract(folder, tmp_path / "study", EXTRACT)
    with (
        Study.open(tmp_path / "study", writable=True) as study,
        pytest.raises(InputError, match=r"100,000 eigenvectors were asked for, but the graph has 100 nodes"),
    ):
        pipeline.cut(study, CutSettings(n_components=100_000, device="cpu"), align=AlignSettings("none"))
