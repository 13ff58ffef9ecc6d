"""Pictures that cannot be had for a while, and what a kill leaves behind: nothing is lost and nothing counts twice."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.errors import PictureError
from alignedcut_viewer.images import PictureSet, decoding
from alignedcut_viewer.pipeline.settings import ExtractSettings
from alignedcut_viewer.study import Study
from tests.planted import noise_pictures

EXTRACT = ExtractSettings(("random:vit_tiny_patch16_224",), (0, 2), input_size=32, batch_size=4, device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return noise_pictures(tmp_path / "pictures", 12, ending="bmp")  # all of one size in bytes


def extract(folder: Path, path: Path, settings: ExtractSettings = EXTRACT, **options: Any) -> Study:
    study, _ = pipeline.open_study(path, folder)
    with study:
        pipeline.extract(study, settings, **options)
    return Study.open(path)


def test_pictures_out_of_reach_are_tried_again(folder: Path, tmp_path: Path) -> None:
    extract(folder, tmp_path / "study")
    away = folder.rename(tmp_path / "away")
    told: list[str] = []
    study = Study.open(tmp_path / "study", writable=True)
    with study, pytest.raises(PictureError, match="None of the 12 pictures can be read"):
        pipeline.extract(study, replace(EXTRACT, layers=(5,)), announce=told.append)
    assert sum("to be tried again" in line for line in told) == 12
    study = Study.open(tmp_path / "study")
    assert study.skipped == {}
    assert len(study.node_index(layers=(0, 2)).images) == 12, "what was complete stays so"
    away.rename(folder)
    with Study.open(tmp_path / "study", writable=True) as study:
        pipeline.extract(study, replace(EXTRACT, layers=(5,)))
    assert study.status == ("done",) * 12


def test_a_few_pictures_out_of_reach_stay_pending(folder: Path, tmp_path: Path) -> None:
    study, _ = pipeline.open_study(tmp_path / "study", folder)
    (folder / "p3.bmp").rename(tmp_path / "p3.bmp")
    with study:
        pipeline.extract(study, EXTRACT)
    assert study.status == ("done",) * 3 + ("pending",) + ("done",) * 8
    (tmp_path / "p3.bmp").rename(folder / "p3.bmp")
    assert extract(folder, tmp_path / "study").status == ("done",) * 12


def test_marks_of_earlier_versions_do_not_stick(folder: Path, tmp_path: Path) -> None:
    with extract(folder, tmp_path / "study") as _, Study.open(tmp_path / "study", writable=True) as study:
        study.update_pictures({4: {"reason": "p4 is no longer there.", "digest": None}})
        digest = study.pictures[5].digest
        study.update_pictures({5: {"digest": None}})
    assert len(Study.open(tmp_path / "study").node_index().images) == 12
    again = extract(folder, tmp_path / "study")
    assert again.skipped == {}
    assert again.pictures[5].digest == digest
    assert again.pictures[4].digest is not None


@pytest.mark.parametrize(
    "shortage", [MemoryError(), OSError(errno.EMFILE, "Too many open files"), ImportError("no library")]
)
def test_a_shortage_never_marks_a_picture(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shortage: Exception
) -> None:
    real = decoding._decode_with_pillow
    calls = 0

    def short(data: bytes, at_least: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise shortage
        return real(data, at_least)

    monkeypatch.setattr(decoding, "_decode_with_pillow", short)
    study = extract(folder, tmp_path / "study")
    assert study.skipped == {}
    assert sorted(study.status) == ["done"] * 11 + ["pending"]
    assert extract(folder, tmp_path / "study").status == ("done",) * 12


def test_broken_pictures_are_tried_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ValueError("cut short on the way")

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "_decode_with_pillow", broken)
        with pytest.raises(PictureError, match="None of the 12"):
            extract(folder, tmp_path / "study")
        study = Study.create(tmp_path / "kept", PictureSet([folder / "p0.bmp", folder / "p1.bmp"]))
        study.update_pictures({0: {"reason": "damaged"}})
        study.close()
    with Study.open(tmp_path / "kept", writable=True) as study:
        pipeline.extract(study, EXTRACT)
    assert study.status == ("done", "done")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("after", [4, 8])
def test_pictures_moved_after_a_kill_do_not_count_twice(folder: Path, tmp_path: Path, after: int) -> None:
    script = f"""
        import os, signal
        from alignedcut_viewer import pipeline
        from alignedcut_viewer.pipeline.settings import ExtractSettings
        study, _ = pipeline.open_study({str(tmp_path / "study")!r}, {str(folder)!r})
        def progress(done, total, text):
            if done >= {after} and " of 12 pictures" in text:
                os.kill(os.getpid(), signal.SIGKILL)
        pipeline.extract(study, ExtractSettings.from_dict({EXTRACT.as_dict()!r}), progress)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert killed.returncode == -signal.SIGKILL
    half = Study.open(tmp_path / "study")
    for image, state in enumerate(half.status):
        assert state != "done" or half.pictures[image].digest is not None
    moved = folder.rename(tmp_path / "moved")
    study = extract(moved, tmp_path / "study")
    assert len(study.pictures) == 12
    assert study.status == ("done",) * 12


def test_a_namesake_that_is_not_the_same_loses_its_features(folder: Path, tmp_path: Path) -> None:
    extract(folder, tmp_path / "study")
    with Study.open(tmp_path / "study", writable=True) as study:
        study.update_pictures({0: {"digest": None}})
    moved = folder.rename(tmp_path / "moved")
    Image.fromarray(np.zeros((40, 30, 3), dtype=np.uint8)).save(moved / "p0.bmp")
    study, images = pipeline.open_study(tmp_path / "study", moved)
    study.close()
    assert images == list(range(12))
    assert study.status == ("pending",) + ("done",) * 11
