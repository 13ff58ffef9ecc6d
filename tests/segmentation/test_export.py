"""Masks of many pictures: all formats, any names, and nothing left behind when it fails."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alignedcut_viewer.errors import Cancelled, InputError, StorageError
from alignedcut_viewer.segmentation import decode_mask, export, export_masks, file_names, writers

pytestmark = pytest.mark.quick

NAMES = ["cat", "folder/dog.jpg", "Straße ✓"]
STEMS = ["cat", "folder_dog.jpg", "Straße ✓"]


def masks(rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.integers(0, 5, size).astype(np.int32) for size in ((12, 9), (7, 20), (5, 5))]


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_all_formats_hold_the_same_masks(tmp_path: Path, rng: np.random.Generator) -> None:
    given_masks = masks(rng)
    seen: list[int] = []
    folder = tmp_path / "new" / "masks"
    files = export_masks(
        folder,
        NAMES,
        iter(given_masks),
        picture_files=["cat.png", "dog.jpg", "x.jpg"],
        progress=lambda done, total, text: seen.append(done),
    )
    assert seen == [0, 1, 2, 3]
    assert sorted(files) == sorted(
        [folder / "png" / f"{stem}.png" for stem in STEMS]
        + [folder / "tiff" / f"{stem}.tif" for stem in STEMS]
        + [folder / "masks.npz", folder / "annotations.json"]
    )
    assert {path for path in folder.rglob("*") if path.is_file()} == set(files)
    content = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    assert [image["file_name"] for image in content["images"]] == ["cat.png", "dog.jpg", "x.jpg"]
    archive = np.load(folder / "masks.npz")
    for number, mask in enumerate(given_masks):
        np.testing.assert_array_equal(archive[STEMS[number]], mask)
        np.testing.assert_array_equal(tifffile.imread(folder / "tiff" / f"{STEMS[number]}.tif"), mask)
        with Image.open(folder / "png" / f"{STEMS[number]}.png") as image:
            np.testing.assert_array_equal(np.asarray(image), mask)
        coco = np.zeros(mask.shape, dtype=int)
        for annotation in content["annotations"]:
            if annotation["image_id"] == number + 1:
                coco[decode_mask(annotation["segmentation"])] = annotation["category_id"]
        np.testing.assert_array_equal(coco, mask)


def test_masks_are_taken_one_by_one(tmp_path: Path) -> None:
    taken: list[int] = []

    def stream() -> Iterator[np.ndarray]:
        for number in range(3):
            taken.append(number)
            yield np.full((4, 4), number)

    def progress(done: int, total: int, text: str) -> None:
        assert len(taken) <= done + 1

    export_masks(tmp_path, ["a", "b", "c"], stream(), progress=progress)


def test_one_format_and_own_colours(tmp_path: Path) -> None:
    export_masks(tmp_path, ["a"], [[[0, 1]]], formats=["png"], colours=[[9, 8, 7]])
    assert everything(tmp_path) == ["png", "png/a.png"]
    with Image.open(tmp_path / "png" / "a.png") as image:
        assert np.asarray(image.convert("RGB")).tolist() == [[[0, 0, 0], [9, 8, 7]]]


def test_an_export_replaces_the_one_before_only_when_told_and_leaves_other_files(tmp_path: Path) -> None:
    (tmp_path / "png").mkdir()
    (tmp_path / "png" / "mine.png").write_bytes(b"mine")
    export_masks(tmp_path, ["a"], [[[1]]], formats=["png"])
    with pytest.raises(InputError, match=r"a\.png would be overwritten"):
        export_masks(tmp_path, ["a"], [[[2]]], formats=["png"])
    with Image.open(tmp_path / "png" / "a.png") as image:
        assert np.asarray(image).tolist() == [[1]]
    export_masks(tmp_path, ["a"], [[[2]]], formats=["png"], replace=True)
    assert everything(tmp_path) == ["png", "png/a.png", "png/mine.png"]
    with Image.open(tmp_path / "png" / "a.png") as image:
        assert np.asarray(image).tolist() == [[2]]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def full(mask: object, colours: object) -> bytes:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return b"x"

    monkeypatch.setattr(writers, "encode_indexed_png", full)
    (tmp_path / "old.txt").touch()
    with pytest.raises(StorageError, match="No space is left"):
        export_masks(tmp_path, ["a", "b"], [[[1]], [[1]]])
    calls = 1
    with pytest.raises(StorageError):
        export_masks(tmp_path / "made" / "here", ["a", "b"], [[[1]], [[1]]])
    assert everything(tmp_path) == ["old.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_file_size_limit_is_met_for_real(tmp_path: Path) -> None:
    code = f"""
import resource, signal
import numpy as np
from alignedcut_viewer.errors import StorageError
from alignedcut_viewer.segmentation import export_masks
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
masks = [np.random.default_rng(i).integers(0, 256, (200, 200)) for i in range(3)]
try:
    export_masks({str(tmp_path / "out")!r}, ["a", "b", "c"], masks)
except StorageError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "grew beyond the largest file" in done.stdout
    assert everything(tmp_path) == []


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    def cancel(done: int, total: int, text: str) -> None:
        if done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        export_masks(tmp_path / "out", ["a", "b"], [[[1]], [[2]]], progress=cancel)
    assert everything(tmp_path) == []


def test_a_read_only_folder_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:  # an administrator may write anywhere, so chmod would not do
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(export.Path, "mkdir", refuse)
    with pytest.raises(StorageError, match="permission is denied"):
        export_masks(tmp_path, ["a"], [[[1]]])
    assert everything(tmp_path) == []


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(StorageError, match="out"):
        export_masks(tmp_path / "out", ["a"], [[[1]]])


def test_wrong_arguments_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(InputError, match="gif; choose from png"):
        export_masks(folder, ["a"], [[[1]]], formats=["gif"])
    with pytest.raises(InputError, match="format"):
        export_masks(folder, ["a"], [[[1]]], formats=[])
    with pytest.raises(InputError, match="differ"):
        export_masks(folder, ["a", "a"], [[[1]], [[1]]])
    with pytest.raises(InputError, match="file names of pictures"):
        export_masks(folder, ["a"], [[[1]]], picture_files=[])
    with pytest.raises(InputError, match="as many masks"):
        export_masks(folder, ["a", "b"], [[[1]]])
    with pytest.raises(InputError, match="up to 255"):
        export_masks(folder, ["a"], [[[300]]])
    assert everything(tmp_path) == []


@given(st.lists(st.one_of(st.text(max_size=12), st.sampled_from(["CON", "a", "A", "a.", "../x", "x" * 300]))))
def test_file_names_are_safe_and_differ(names: list[str]) -> None:
    cleaned = file_names(names)
    assert len({name.casefold() for name in cleaned}) == len(names)
    for name in cleaned:
        assert name
        assert not set(name) & set('<>:"/\\|?*\0\n')
        assert not name.startswith(".")
        assert len(name.encode("utf-8", "replace")) < 200
        assert name.split(".")[0].casefold() not in {"con", "nul", "com1"}


def test_letters_of_any_script_stay() -> None:
    assert file_names(["猫", "Ärmel", "a/b", "a\\b", "nul.png"]) == ["猫", "Ärmel", "a_b", "a_b (2)", "nul.png_"]


@pytest.mark.parametrize("step", range(7))
def test_ctrl_c_while_masks_are_put_into_place_leaves_none(
    tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "png").mkdir()
    (tmp_path / "png" / "mine.txt").touch()
    before, real, done = everything(tmp_path), os.replace, 0

    def interrupted(source: Path, target: Path) -> None:
        nonlocal done
        if done == step:
            raise KeyboardInterrupt
        done += 1
        real(source, target)

    formats = ("png", "tiff", "npz")
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_masks(tmp_path, NAMES, masks(np.random.default_rng(0)), formats=formats)
    monkeypatch.undo()
    assert everything(tmp_path) == before
    export_masks(tmp_path, NAMES, masks(np.random.default_rng(0)), formats=formats)


def test_an_export_that_was_killed_can_be_done_again(tmp_path: Path) -> None:
    """What it had put into place is the same; what it had prepared goes. A mask of somebody else's is still kept."""
    import subprocess
    import sys

    folder = tmp_path / "masks"
    masks = [np.full((4, 5), n, dtype=np.int32) for n in range(3)]
    names = [f"p{n}" for n in range(3)]
    files = export_masks(folder, names, masks, formats=("png", "npz"))
    wanted = {file: file.read_bytes() for file in files}
    program = "import os, sys; from pathlib import Path; from alignedcut_viewer.atomic_files import partial_path\n"
    program += "folder = partial_path(Path(sys.argv[1]) / 'masks'); folder.mkdir(); (folder / 'half').write_text('x')"
    for file in files[1:]:
        file.unlink()
    with pytest.raises(InputError, match="would be overwritten"):
        export_masks(folder, names, masks, formats=("png", "npz"))
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True)  # as of a run that is no more
    files[0].write_bytes(b"somebody else's")
    with pytest.raises(InputError, match="would be overwritten"):
        export_masks(folder, names, masks, formats=("png", "npz"))
    assert files[0].read_bytes() == b"somebody else's"
    files[0].write_bytes(wanted[files[0]])
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True)
    export_masks(folder, names, masks, formats=("png", "npz"))
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == wanted


def test_a_picture_whose_name_is_not_utf_8_is_in_every_list(tmp_path: Path) -> None:
    kinds = ("png", "npz", "tiff", "coco", "coco-polygons", "csv", "cvat", "label-studio")
    files = export_masks(tmp_path, ["p"], [[[0, 1], [1, 1]]], picture_files=["Bl\udce4tter.png"], formats=kinds)
    assert all(b"tter.png" in file.read_bytes() for file in files if file.suffix in (".json", ".xml"))
    for file in files:
        if file.suffix in (".csv", ".xml", ".json"):
            file.read_text(encoding="utf-8")
