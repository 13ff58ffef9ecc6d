"""A study that is compared with its digests, damaged in every place, and mended."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.cli import main
from alignedcut_viewer.errors import StorageError
from alignedcut_viewer.pipeline import (
    AlignSettings,
    ColourSettings,
    ConceptSettings,
    CutSettings,
    ExtractSettings,
    Finding,
    MapSettings,
)
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.feature_set import FeatureSet
from alignedcut_viewer.study.picture_table import file_digest

EXTRACT = ExtractSettings(("random:vit_tiny_patch16_224",), (2, 5), input_size=32, batch_size=4, device="cpu")
CUT = CutSettings(
    n_components=4,
    device="cpu",
    colour=ColourSettings(n_landmarks=40, perplexity=5, device="cpu"),
    map=MapSettings(n_landmarks=40, perplexity=5, device="cpu"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checked")
    (folder / "pictures").mkdir()
    for i in range(6):
        pixels = np.random.default_rng(i).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((32, 32)).save(folder / "pictures" / f"p{i}.png")
    pipeline.run(folder / "pictures", folder / "study", EXTRACT, AlignSettings("hyperalignment", device="cpu"), CUT)
    with Study.open(folder / "study", writable=True) as study:
        study.cut().segments(2)
        found = pipeline.discover_concepts(study, settings=ConceptSettings(n_concepts=3, min_size=2))
        found.rename(next(iter(found)).id, "dog")
        found.pin(next(iter(found)).id)
    return folder


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "s")
    return tmp_path / "s" / "study"


def contents(path: Path) -> dict[str, str]:
    files = (file for file in sorted(path.rglob("*")) if file.is_file() and file.name != "zarr.json")
    return {file.relative_to(path).as_posix(): file_digest(file) for file in files}


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)


def damaged(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.harmless]


def test_a_sound_study_is_called_sound(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pipeline.check_study(Study.open(path)) == []
    assert main(["check", str(path)]) == 0
    assert "all is what was written" in capsys.readouterr().out


@pytest.mark.parametrize(
    "array",
    [
        "features/*/layer_002/c/0/0/0",
        "features/*/layer_005/c/1/0/0",
        "alignments/*/safetensors/c/0",
        "cuts/*/eigenvectors/c/0/0",
        "cuts/*/eigenvalues/c/0",
        "cuts/*/colour-*/rgb/c/0/0",
        "cuts/*/map-*/places/c/0/0",
        "cuts/*/concepts-*/order/c/0",
        "cuts/*/concepts-*/starts-copy/c/0",
    ],
)
@pytest.mark.parametrize("damage", [flip, Path.unlink], ids=["flipped", "deleted"])
def test_each_damage_is_named_and_mended_to_the_bit(path: Path, array: str, damage: Callable[[Path], None]) -> None:
    wanted = contents(path)
    (file,) = path.glob(array)
    damage(file)
    found = damaged(pipeline.check_study(Study.open(path), weights=False))
    assert len(found) == 1
    assert found[0].remedy
    assert main(["check", str(path), "--no-weights"]) == 2
    assert main(["check", str(path), "--no-weights", "--repair"]) == 0
    assert contents(path) == wanted
    assert pipeline.check_study(Study.open(path), weights=False) == []
    concepts = Study.open(path).cut().concepts
    assert concepts is not None
    assert "dog" in concepts.names.values()


def test_everything_at_once_is_mended(path: Path) -> None:
    wanted = contents(path)
    for pattern in ("features/*/layer_*/c/0/0/0", "alignments/*/*/c/0", "cuts/*/*/c/0/0", "cuts/*/*/*/c/0/0"):
        for file in path.glob(pattern):
            flip(file)
    assert main(["check", str(path), "--no-weights", "--repair"]) == 0
    assert contents(path) == wanted


def stopped_repair(path: Path) -> None:
    """What a repair leaves that is killed once it has given up damaged features: they do not count, and lie there."""
    (chunk,) = path.glob("features/*/layer_002/c/0/0/0")
    flip(chunk)
    with Study.open(path, writable=True) as study:
        (features,) = study.networks.values()
        features.forget_at(features.damaged(len(study.pictures), thoroughly=True))


def test_features_that_a_stopped_repair_gave_up_are_mended_by_the_next(path: Path) -> None:
    wanted = contents(path)
    complete = next(iter(Study.open(path).networks.values())).complete(2, 6).tolist()
    stopped_repair(path)
    (found,) = damaged(pipeline.check_study(Study.open(path), weights=False))
    assert str(found).endswith(
        "layer 2: features of 4 pictures are missing that the cut default was made of; can be extracted again"
    )
    assert main(["check", str(path), "--no-weights", "--repair"]) == 0
    assert contents(path) == wanted
    assert next(iter(Study.open(path).networks.values())).complete(2, 6).tolist() == complete == [True] * 6


@pytest.mark.parametrize("array", ["alignments/*/safetensors/c/0", "cuts/*/eigenvectors/c/0/0"])
def test_nothing_is_computed_from_features_that_were_given_up(
    made: Path, path: Path, capsys: pytest.CaptureFixture[str], array: str
) -> None:
    stopped_repair(path)
    (file,) = path.glob(array)
    flip(file)
    flipped = file.read_bytes()
    shutil.rmtree(path.parent / "pictures")
    (made / "pictures").rename(made / "away")  # so that they cannot be extracted again
    try:
        assert main(["check", str(path), "--no-weights", "--repair"]) == 2
    finally:
        (made / "away").rename(made / "pictures")
    said = capsys.readouterr()
    assert "features of 4 of its pictures are missing in random-vit_tiny_patch16_224@32x32" in said.out + said.err
    assert file.read_bytes() == flipped


def test_cuts_and_alignments_wait_for_their_features(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk: that features are given up cannot even be written."""
    wanted = contents(path)
    patterns = ("features/*/layer_002/c/0/0/0", "alignments/*/safetensors/c/0", "cuts/*/eigenvectors/c/0/0")
    files = [file for pattern in patterns for file in path.glob(pattern)]
    assert len(files) == 3
    for file in files:
        flip(file)
    flipped = [file.read_bytes() for file in files]

    def full(*_: object, **__: object) -> None:
        raise StorageError("No space is left on the disk.")

    with monkeypatch.context() as patch:
        patch.setattr(FeatureSet, "forget_at", full)
        assert main(["check", str(path), "--no-weights", "--repair"]) == 2
    said = capsys.readouterr()
    assert "cut default could not be mended: its features random-vit_tiny_patch16_224@32x32" in said.out + said.err
    assert [file.read_bytes() for file in files] == flipped
    assert main(["check", str(path), "--no-weights", "--repair"]) == 0
    assert contents(path) == wanted


def test_a_cut_whose_colours_and_map_are_gone_is_mended(path: Path) -> None:
    """As where a repair on another machine is killed: it takes away what belonged to other eigenvectors."""
    wanted = contents(path)
    (vectors,) = path.glob("cuts/*/eigenvectors/c/0/0")
    flip(vectors)
    for chunk in [*path.glob("cuts/*/colour-*/*/c"), *path.glob("cuts/*/map-*/*/c")]:
        shutil.rmtree(chunk.parent)
    assert main(["check", str(path), "--no-weights", "--repair"]) == 0
    assert contents(path) == wanted


def test_concepts_are_read_from_their_copy_meanwhile(path: Path) -> None:
    before = [concept.members.tolist() for concept in Study.open(path).cut().concepts or ()]
    (order,) = path.glob("cuts/*/concepts-*/order/c/0")
    flip(order)
    assert [concept.members.tolist() for concept in Study.open(path).cut().concepts or ()] == before


def test_segments_that_are_damaged_go_and_come_back(path: Path) -> None:
    wanted = np.array(Study.open(path).cut().segments(2))
    (labels,) = path.glob("cuts/*/segments-*/labels/c/0")
    flip(labels)
    assert main(["check", str(path), "--no-weights", "--repair"]) == 0
    np.testing.assert_array_equal(Study.open(path).cut().segments(2), wanted)


def test_pictures_and_weights(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = path.parent / "pictures"
    with Study.open(path, writable=True) as study:  # which were copied with the study
        study.update_pictures({i: {"path": str(pictures / f"p{i}.png")} for i in range(6)})
    (pictures / "p0.png").unlink()
    Image.fromarray(np.zeros((32, 32, 3), dtype=np.uint8)).save(pictures / "p1.png")
    found = {finding.name: finding for finding in pipeline.check_study(Study.open(path))}
    assert "not available" in found["p0"].fault
    assert found["p0"].harmless
    assert found["p1"].fault == "its file has changed"
    assert main(["check", str(path), "--no-weights", "--repair"]) == 0
    assert "Note: picture p0: not available" in capsys.readouterr().out
    assert Study.open(path).status[1] == "done"


def test_other_weights_are_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alignedcut_viewer.backbones import Backbone

    monkeypatch.setattr(Backbone, "digest", property(lambda self: "f" * 64))
    (finding,) = pipeline.check_study(Study.open(path))
    assert finding.kind == "weights"
    assert finding.harmless
    assert "ffffffffffff" in finding.fault


def test_what_cannot_be_mended_is_said(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("order", "order-copy"):
        flip(next(path.glob(f"cuts/*/concepts-*/{name}/c/0")))
    assert main(["check", str(path), "--no-weights", "--repair"]) == 2
    told = capsys.readouterr()
    assert "could not be mended: its concepts are damaged in both places" in told.out
    assert "cannot be mended" in told.err


def test_damaged_segments_are_named_and_never_replaced(path: Path) -> None:
    from alignedcut_viewer.study.segment_names import SEGMENTATIONS
    from alignedcut_viewer.study.segment_set import SegmentWriter

    with Study.open(path, writable=True) as study:
        writer = SegmentWriter(False, {"layers": {}, "settings": {}})
        writer.add(0, np.ones(study.picture_size(0), dtype=np.int32), {1: 0.5}, "one segment")
        writer.publish(study.store, "mine")
        assert pipeline.check_study(study, weights=False) == []
        values = next(file for file in sorted((path / SEGMENTATIONS).rglob("*")) if "values/c/" in file.as_posix())
        values.write_bytes(b"\0" * values.stat().st_size)
        (finding,) = pipeline.check_study(study, weights=False)
        assert (finding.kind, finding.name, finding.remedy) == ("segments", "mine", "")
        assert pipeline.repair_study(study, [finding]) == [finding]
