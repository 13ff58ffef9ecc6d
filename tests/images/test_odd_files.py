"""Folders and files that are not what they seem: loops of links, pipes, names that are no text, names too long."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import cli
from alignedcut_viewer.errors import PictureError, UnreachablePictureError
from alignedcut_viewer.images import PictureSet, open_pictures
from alignedcut_viewer.images.masks import load_mask
from alignedcut_viewer.study import Study

pytestmark = pytest.mark.quick
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes in folders and no bytes in names")
NOT_UTF8 = os.fsdecode(b"caf\xe9.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.fromarray(np.zeros((4, 6, 3), dtype=np.uint8)).save(pictures / "a.png")
    return pictures


@posix
@pytest.mark.parametrize("recursive", [False, True])
def test_a_link_to_itself_costs_nothing_but_itself(folder: Path, recursive: bool) -> None:
    (folder / "loop").symlink_to("loop")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "up").symlink_to(folder.parent)
    assert [p.name for p in open_pictures(folder, recursive=recursive).paths] == ["a.png"]
    with pytest.raises(PictureError, match="does not exist"):
        open_pictures(folder / "loop.png")


@posix
def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    pipe = folder / "pipe.png"
    os.mkfifo(pipe)
    assert open_pictures(folder).names == ("a",)
    with pytest.raises(PictureError, match="is a pipe or a device"):
        open_pictures(pipe)
    pictures = PictureSet([pipe])
    for read in (pictures.load, pictures.digest, pictures.size):
        with pytest.raises(UnreachablePictureError, match="a pipe, a device or a folder"):
            read(0)
    with pytest.raises(PictureError, match="a pipe, a device or a folder"):
        load_mask(pipe)


@posix
def test_a_picture_that_becomes_a_pipe_does_not_hold_the_study_up(folder: Path, tmp_path: Path) -> None:
    with Study.create(tmp_path / "study", open_pictures(folder)) as study:
        study.update_pictures({0: {"digest": study.picture_digests([0])[0]}})
        (folder / "a.png").unlink()
        os.mkfifo(folder / "a.png")
        assert study.check_pictures() == []
        assert study.picture_digests([0]) != [""]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has names that are no text")
def test_names_that_are_not_utf8_go_all_the_way(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.png").rename(folder / NOT_UTF8)
    (folder / f"bad-{NOT_UTF8}").touch()
    pictures = open_pictures(folder)
    assert sorted(pictures.names) == ["bad-caf�", "caf�"]
    study = str(tmp_path / "study")
    options = ["--networks", "random:vit_tiny_patch16_224", "--layers", "0", "--size", "32", "--device", "cpu"]
    assert cli.main(["extract", str(folder), "--study", study, *options]) == 0
    assert "1 picture was skipped" in capsys.readouterr().out
    held = Study.open(study)
    assert held.pictures.names[1] == "caf�"
    assert held.picture(1).shape == (4, 6, 3)
    assert cli.main(["extract", str(folder), "--study", study, *options]) == 0
    assert Study.open(study).status == ("skipped", "done")
    assert cli.main(["extract", str(folder / NOT_UTF8), "--study", study + "2", *options]) == 0


@pytest.mark.parametrize("name", ["x" * 300 + ".png", "x" * 300, "nul\0.png"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(PictureError, match="does not exist"):
        open_pictures(tmp_path / name)
