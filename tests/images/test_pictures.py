"""Finding, naming, sorting and lazily loading picture files."""

from __future__ import annotations

import builtins
import hashlib
import io
import os
import pathlib
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alignedcut_viewer.errors import PictureError
from alignedcut_viewer.images import PictureSet, open_pictures
from alignedcut_viewer.images import pictures as pictures_module
from alignedcut_viewer.images.pictures import natural_key
from alignedcut_viewer.regular_files import open_regular

pytestmark = pytest.mark.quick


def put(path: Path, value: int = 0, size: tuple[int, int] = (3, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, dtype=np.uint8)).save(path)
    return path


def names(pictures: PictureSet) -> list[str]:
    return [path.name for path in pictures.paths]


def test_a_folder_in_natural_order(tmp_path: Path) -> None:
    for name in ("img10.png", "img2.png", "IMG1.PNG", "b.jpg", "a.webp", "c.bmp", "d.tiff"):
        put(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "._img2.png").write_bytes(b"AppleDouble")
    (tmp_path / "folder.png").mkdir()
    put(tmp_path / "sub" / "deep.png")
    pictures = open_pictures(tmp_path)
    assert names(pictures) == ["a.webp", "b.jpg", "c.bmp", "d.tiff", "IMG1.PNG", "img2.png", "img10.png"]
    assert pictures.names == ("a", "b", "c", "d", "IMG1", "img2", "img10")
    assert all(path.is_absolute() for path in pictures.paths)


def test_folders_below_only_when_asked_for(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/10.png", "a/1.png", "z.png", ".git/x.png", "__MACOSX/y.png"):
        put(tmp_path / name)
    assert names(open_pictures(tmp_path)) == ["z.png"]
    below = open_pictures(tmp_path, recursive=True)
    assert [path.relative_to(tmp_path).as_posix() for path in below.paths] == [
        "z.png",
        "a/1.png",
        "b/2.png",
        "b/10.png",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs the right to make symbolic links")
def test_links_in_a_circle_end(tmp_path: Path) -> None:
    put(tmp_path / "a" / "1.png")
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    assert len(open_pictures(tmp_path, recursive=True)) == 1


def test_a_glob_a_file_and_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("x/1.png", "x/2.jpg", "y/3.png", "y/readme.txt"):
        put(tmp_path / name) if not name.endswith("txt") else (tmp_path / name).write_text("")
    assert names(open_pictures(str(tmp_path / "x" / "*.png"))) == ["1.png"]
    assert names(open_pictures(str(tmp_path / "**" / "*"))) == ["1.png", "2.jpg", "3.png"]
    assert names(open_pictures(tmp_path / "y" / "3.png")) == ["3.png"]
    listed = open_pictures([tmp_path / "y" / "3.png", str(tmp_path / "x"), str(tmp_path / "y" / "*.png")])
    assert names(listed) == ["3.png", "1.png", "2.jpg", "3.png"]
    assert len(set(listed.names)) == 4
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert len(open_pictures("~/x")) == 2
    monkeypatch.chdir(tmp_path)
    assert open_pictures("x").paths[0] == tmp_path / "x" / "1.png"


def test_a_folder_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    put(tmp_path / "run[1]" / "a.png")
    assert names(open_pictures(str(tmp_path / "run[1]"))) == ["a.png"]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    for name in ("a.txt", "b.txt", "c.csv", "LICENSE"):
        (tmp_path / "only" / name).write_text("")
    (tmp_path / "only" / "sub").mkdir()
    with pytest.raises(PictureError, match=r"2 \.txt, 1 \.csv.* and 1 folder; .*\.jpeg, .*--recursive") as caught:
        open_pictures(tmp_path / "only")
    assert str(tmp_path / "only") in str(caught.value)
    with pytest.raises(PictureError, match="it holds nothing"):
        open_pictures(tmp_path / "only" / "sub")
    with pytest.raises(PictureError, match="does not exist") as caught:
        open_pictures(tmp_path / "only" / "missing" / "deeper")
    assert f"nearest folder that exists is {tmp_path / 'only'}." in str(caught.value)
    with pytest.raises(PictureError, match="matches nothing;"):
        open_pictures(str(tmp_path / "nothing*.png"))
    with pytest.raises(PictureError, match=r"2 \.txt"):
        open_pictures(str(tmp_path / "only" / "*.txt"))
    with pytest.raises(PictureError, match=r"a\.txt is not a picture"):
        open_pictures(tmp_path / "only" / "a.txt")
    with pytest.raises(PictureError, match="list of pictures is empty"):
        open_pictures([])


def test_broken_files_open_and_fail_only_when_loaded(tmp_path: Path) -> None:
    put(tmp_path / "good.png", 7)
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    pictures = open_pictures(tmp_path)
    assert pictures.names == ("broken", "empty", "good")
    with pytest.raises(PictureError, match=r"broken\.jpg"):
        pictures.load(0)
    with pytest.raises(PictureError, match=r"empty\.png is empty"):
        pictures.size(1)
    assert (pictures[2] == 7).all()
    (tmp_path / "good.png").unlink()
    for ask in (pictures.load, pictures.digest):
        with pytest.raises(PictureError, match=r"good\.png is no longer there"):
            ask(2)
    with pytest.raises(PictureError, match=r"good\.png"):
        pictures.size(2)


def test_ten_thousand_pictures_open_without_opening_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10_000):
        os.close(os.open(tmp_path / f"picture{number}.jpg", os.O_CREAT))
    opened: list[object] = []

    def refuse(*arguments: object, **_: object) -> object:
        opened.append(arguments)
        raise AssertionError("a file was opened")

    asked = 0
    stat = os.stat

    def count(*arguments: object, **options: object) -> object:
        nonlocal asked
        asked += 1
        return stat(*arguments, **options)

    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(io, "open", refuse)
    monkeypatch.setattr(pathlib.Path, "open", refuse)
    monkeypatch.setattr(os, "stat", count)
    pictures = open_pictures(tmp_path)
    monkeypatch.undo()
    assert len(pictures) == 10_000
    assert pictures.names[:3] == ("picture0", "picture1", "picture2")
    assert pictures.names[-1] == "picture9999"
    assert not opened
    assert asked < 20


def test_set_behaves_like_a_sequence(tmp_path: Path) -> None:
    paths = [put(tmp_path / f"{value}.png", value) for value in range(5)]
    pictures = PictureSet(paths)
    assert len(pictures) == 5
    assert (pictures[-1] == 4).all()
    assert [int(picture[0, 0, 0]) for picture in pictures] == [0, 1, 2, 3, 4]
    assert pictures[1:3].names == ("1", "2")
    assert pictures.subset([4, 0]).names == ("4", "0")
    assert pictures.subset(np.array([2])).paths == (paths[2],)
    with pytest.raises(IndexError):
        pictures[5]
    assert pickle.loads(pickle.dumps(pictures)) == pictures
    assert hash(pictures) == hash(PictureSet(paths))
    assert "5 pictures: 0, 1, 2, …" in repr(pictures)
    with pytest.raises(PictureError, match="names"):
        PictureSet(paths, ["a"] * 5)


def test_digest_is_of_the_bytes_and_of_one_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "a.png", 9)
    pictures = PictureSet([path])
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert pictures.digest(0) == expected
    readings: list[Path] = []

    def counted(path: Path) -> io.BufferedReader:
        readings.append(path)
        return open_regular(path)

    monkeypatch.setattr(pictures_module, "open_regular", counted)
    picture, digest = pictures.load_with_digest(0)
    assert digest == expected
    assert (picture == 9).all()
    assert readings == [path]


def test_pictures_of_different_sizes_load_in_threads(tmp_path: Path) -> None:
    sizes = [(3 + number % 5, 4 + number % 7) for number in range(40)]
    pictures = PictureSet([put(tmp_path / f"{n}.png", n, size) for n, size in enumerate(sizes)])
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(pictures.load, range(40)))
    for number, (picture, size) in enumerate(zip(loaded, sizes, strict=True)):
        assert picture.shape == (*size, 3)
        assert pictures.size(number) == size
        assert (picture == number).all()


def test_names_take_as_much_of_the_path_as_they_need(tmp_path: Path) -> None:
    assert PictureSet([tmp_path / "a.png", tmp_path / "b.png"]).names == ("a", "b")
    assert PictureSet([tmp_path / "a.png", tmp_path / "a.jpg"]).names == ("a.png", "a.jpg")
    assert PictureSet([tmp_path / "x" / "a.png", tmp_path / "y" / "a.png"]).names == ("x/a.png", "y/a.png")
    assert PictureSet([tmp_path / "a.png"] * 2).names == ("a.png", "a.png (2)")
    assert PictureSet([tmp_path / "A.png", tmp_path / "a.jpg"]).names == ("A.png", "a.jpg")
    assert PictureSet([]).names == ()


@given(st.lists(st.sampled_from(["a.png", "A.png", "a.jpg", "x/a.png", "y/A.png", "a.png (2)", "b"]), max_size=9))
def test_names_always_differ_even_without_case(files: list[str]) -> None:
    pictures = PictureSet([Path("/photographs", file) for file in files])
    assert len({name.casefold() for name in pictures.names}) == len(files)


@given(st.lists(st.text(max_size=8)))
def test_any_names_can_be_sorted(texts: list[str]) -> None:
    assert sorted(sorted(texts, key=natural_key, reverse=True), key=natural_key) == sorted(texts, key=natural_key)


@given(st.lists(st.integers(0, 10**6), min_size=1))
def test_numbers_sort_as_numbers(numbers: list[int]) -> None:
    shuffled = sorted((f"img{number}.png" for number in numbers), key=natural_key)
    assert shuffled == [f"img{number}.png" for number in sorted(numbers)]


@pytest.mark.parametrize("source", [5, None, 2.5, True, b"photographs", [3], [None], [b"a.png"]], ids=repr)
def test_what_names_no_files_is_refused(source: object) -> None:
    with pytest.raises(PictureError, match="Pictures are given as"):
        open_pictures(source)  # type: ignore[arg-type]
    with pytest.raises(PictureError, match="Pictures are given as"):
        PictureSet(source)  # type: ignore[arg-type]


def test_a_name_is_no_list_of_pictures() -> None:
    with pytest.raises(PictureError, match="a list of paths"):
        PictureSet("cat.png")


def test_files_without_an_ending_are_counted(tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    with pytest.raises(PictureError, match="holds 1 file without an ending"):
        open_pictures(tmp_path)
    (tmp_path / "two").touch()
    with pytest.raises(PictureError, match="holds 2 files without an ending"):
        open_pictures(tmp_path)
