"""The paper's recipe: every value reaches the engine that it is for, and what is given beside it wins."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import cli
from alignedcut_viewer.alignment import BrainAlignment, ChannelAlignment
from alignedcut_viewer.pipeline.presets import PAPER, paper_brain, paper_cut, paper_extract
from alignedcut_viewer.pipeline.settings import AlignSettings, BrainSettings, ColourSettings, CutSettings
from alignedcut_viewer.pipeline.stages import colour_engine
from alignedcut_viewer.spectral import NormalizedCut, SpectralTSNE
from alignedcut_viewer.study import Study

NETWORK = "random:vit_tiny_patch16_224"


def test_every_value_of_the_paper_is_in_the_settings() -> None:
    kinds = {"extract": paper_extract(), "brain": paper_brain("data"), "cut": paper_cut()}
    kinds |= {"colour": kinds["cut"].colour, "map": kinds["cut"].map}  # type: ignore[union-attr, dict-item]
    for entry in PAPER:
        assert getattr(kinds[entry.settings], entry.name) == entry.value, entry
        assert entry.source
    assert len({(entry.settings, entry.name) for entry in PAPER}) == len(PAPER)
    cut = CutSettings.from_dict(json.loads(json.dumps(paper_cut().as_dict())))
    assert cut == paper_cut()
    align = AlignSettings(brain=paper_brain("data"))
    assert AlignSettings.from_dict(json.loads(json.dumps(align.as_dict()))) == align


def test_what_is_given_beside_the_preset_wins() -> None:
    cut = paper_cut(n_landmarks=100, colour={"perplexity": 30.0}, map={"n_landmarks": 50})
    assert (cut.n_landmarks, cut.n_neighbors) == (100, 100)
    assert (cut.colour.perplexity, cut.colour.n_landmarks) == (30.0, 10_000)
    assert cut.map is not None
    assert (cut.map.perplexity, cut.map.n_landmarks) == (150.0, 50)
    assert paper_brain("data", init="identity").init == "identity"
    assert paper_extract(networks=("mae-vit-b16",)).networks == ("mae-vit-b16",)


def test_settings_pass_everything_that_estimators_take() -> None:
    def parameters(engine: type) -> set[str]:
        return set(inspect.signature(engine).parameters)

    brain = BrainSettings("data", slots_per_step=2, map_learning_rate=0.1)
    assert set(brain.arguments(BrainAlignment)) == parameters(BrainAlignment) - {"n_channels", "seed", "device"}
    assert {name for name, parameter in inspect.signature(BrainAlignment).parameters.items()} >= {"center", "focal"}
    of_brain = BrainAlignment(**BrainSettings("data").arguments(BrainAlignment)).settings()
    assert of_brain == BrainAlignment().settings()  # the defaults are the same
    full = CutSettings(n_landmarks=5, n_neighbors=5, sampling="uniform", orthonormal=True)
    assert set(full.arguments(NormalizedCut)) == parameters(NormalizedCut)
    for colour in (full.colour, full.map):
        assert colour is not None
        assert set(colour.as_dict()) - {"quantile"} == parameters(SpectralTSNE) - {"n_components"}
    engine = colour_engine(ColourSettings(n_landmarks=7, perplexity=3.0, sampling="uniform", max_iter=9))
    assert (engine.n_landmarks, engine.perplexity, engine.sampling, engine.max_iter) == (7, 3.0, "uniform", 9)


def test_the_preset_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for i in range(24):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(tmp_path / "pictures" / f"{i:02d}.png")
    files = np.array([f"pictures/{i:02d}.png" for i in range(24)])
    np.savez(tmp_path / "brain.npz", responses=rng.standard_normal((24, 6)).astype(np.float32), files=files)
    study, maps = str(tmp_path / "study"), str(tmp_path / "maps.safetensors")
    extract = ["extract", str(tmp_path / "pictures"), "--study", study, "--preset", "paper", "--networks", NETWORK]
    assert cli.main([*extract, "--layers", "0-1", "--size", "32", "--device", "cpu"]) == 0
    brain = ["--brain", str(tmp_path / "brain.npz"), "--preset", "paper", "--epochs", "2", "--device", "cpu"]
    assert cli.main(["align", study, *brain, "--out", maps]) == 0
    made = ChannelAlignment.load(maps)
    used = made.recipe["settings"]
    assert (used["center"], used["init"], used["keep"], used["batch_size"]) == (False, "random", "last", 8)
    assert used["n_epochs"] == 2  # given beside the preset
    assert made.scores["readout"] == "trained"
    assert not any(offset.any() for offset in made.offsets.values())
    cut = ["cut", study, "--alignment", maps, "--preset", "paper", "--eigenvectors", "5", "--device", "cpu"]
    assert cli.main([*cut, "--map-landmarks", "60"]) == 0
    asked = Study.open(study).cut("default").recipe["cut"]["settings"]
    assert (asked["method"], asked["n_landmarks"], asked["n_neighbors"]) == ("knn", 50_000, 100)
    assert (asked["sampling"], asked["orthonormal"], asked["n_components"]) == ("farthest", False, 5)
    capsys.readouterr()
    assert cli.main(["align", study, "--preset", "paper", "--out", maps]) == 2
    assert "--brain" in capsys.readouterr().err
