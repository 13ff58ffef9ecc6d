"""Studies of every released version are read, checked, sealed and gone on with.

``data/study-VERSION.zip`` was written by that very version: three small pictures, made-up features of one network at
two layers, hyperalignment, a cut with colours, map, segments and named concepts.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from alignedcut_viewer import pipeline
from alignedcut_viewer.errors import DamagedError, StudyError
from alignedcut_viewer.pipeline import AlignSettings, ColourSettings, CutSettings
from alignedcut_viewer.store import FORMAT_VERSION
from alignedcut_viewer.study import Study

pytestmark = pytest.mark.quick

RELEASED = sorted(Path(__file__).with_name("data").glob("study-*.zip"))


@pytest.fixture(params=RELEASED, ids=lambda file: file.stem)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with zipfile.ZipFile(request.param) as archive:
        archive.extractall(tmp_path)
    return tmp_path / "study"


def test_there_is_one_of_every_released_version() -> None:
    assert [file.stem for file in RELEASED] == ["study-0.1.0"]


def test_all_of_it_is_read(path: Path) -> None:
    study = Study.open(path)
    cut = study.cut()
    assert study.pictures.names == ("p0", "p1", "p2")
    assert study.picture(1).shape == (12, 16, 3)  # found beside the study, wherever both went
    assert study.skipped == {}
    assert cut.eigenvectors.shape == (78, 4)
    assert int(np.asarray(cut.rgb, dtype=np.int64).sum()) == 24326
    assert cut.map2d is not None
    assert cut.map2d.shape == (78, 2)
    assert set(np.asarray(cut.segments(3)).tolist()) == {0, 1, 2}
    assert cut.concepts is not None
    assert next((concept.name, concept.size) for concept in cut.concepts) == ("stripe", 24)
    assert cut.concepts.channel_statistics(1)[0].shape[0] > 0
    assert pipeline.load_alignment(study, cut.recipe["cut"]["alignment"]).n_channels > 0


def test_it_is_checked_and_sealed(path: Path) -> None:
    with Study.open(path, writable=True) as study:
        before = np.array(study.cut().rgb)
        found = pipeline.check_study(study, weights=False)
        assert found
        assert all(finding.harmless for finding in found)
        left = pipeline.repair_study(study, found)
        assert [finding for finding in left if finding.remedy] == []
    study = Study.open(path)
    np.testing.assert_array_equal(study.cut().rgb, before)
    assert next(concept.name for concept in study.cut().concepts or ()) == "stripe"
    (chunk,) = path.glob("cuts/*/colour-*/rgb/c/0/0")
    del before
    data = bytearray(chunk.read_bytes())
    data[5] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(DamagedError):
        Study.open(path).cut().rgb  # noqa: B018


def test_it_is_gone_on_with(path: Path) -> None:
    colour = ColourSettings(n_landmarks=70, perplexity=5, device="cpu")
    settings = CutSettings(n_components=3, gamma=0.3, device="cpu", colour=colour, map=None)
    with Study.open(path, writable=True) as study:
        cut = pipeline.cut(study, settings, align=AlignSettings("none"))
        assert [concept.name for concept in cut.concepts or ()] == ["stripe"]
        assert cut.eigenvectors.shape == (78, 3)


def test_a_newer_format_is_refused(path: Path) -> None:
    description = json.loads((path / "zarr.json").read_text())
    description["attributes"]["alignedcut_study"]["format"] = FORMAT_VERSION + 1
    (path / "zarr.json").write_text(json.dumps(description))
    with pytest.raises(StudyError, match="upgrade"):
        Study.open(path)
