"""Where a study lies: folders and URLs, and what the user is told of either."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.places import Url, as_place, folder_around, name_copy, shown

pytestmark = pytest.mark.quick


def test_a_url_keeps_its_slashes_and_is_told_as_it_was_typed() -> None:
    url = as_place("s3://bucket/some/study.zarr/")
    assert isinstance(url, Url)
    assert (str(url), url.name, url.stem, url.protocol) == ("s3://bucket/some/study.zarr", "study.zarr", "study", "s3")
    assert os.fspath(url) == str(url)
    assert str(url / "cuts") == "s3://bucket/some/study.zarr/cuts"
    assert as_place(url) is url
    assert as_place(str(url)) == url == pickle.loads(pickle.dumps(url))
    assert url != as_place("s3://bucket/other")
    assert str(as_place("memory:///study")) == "memory:///study"


def test_everything_else_is_a_folder(tmp_path: Path) -> None:
    assert as_place(str(tmp_path)) == tmp_path
    assert as_place("study") == Path("study").absolute()
    assert as_place("C:/study") == Path("C:/study").absolute()
    assert as_place(tmp_path.as_uri()) == tmp_path
    assert folder_around(tmp_path / "study") == tmp_path
    assert folder_around(Url("s3://bucket/study")) == Path.home()


@pytest.mark.parametrize("text", ["s3://", "s3://bucket/../other", "simplecache::s3://bucket/a", "s3://bucket/a?b=c"])
def test_urls_that_name_no_folder_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"\.$"):
        as_place(text)


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="password has no place") as caught:
        as_place("sftp://me:secret@host/study")
    assert "secret" not in str(caught.value)
    assert str(as_place("sftp://me@host/study")) == "sftp://me@host/study"


def test_what_lies_in_a_working_copy_is_told_by_its_url(tmp_path: Path) -> None:
    name_copy(tmp_path / "copy", Url("s3://bucket/study"))
    assert shown(tmp_path / "copy" / "cuts" / "zarr.json") == "s3://bucket/study/cuts/zarr.json"
    assert shown(tmp_path / "copy") == "s3://bucket/study"
    assert shown(tmp_path / "copies") == str(tmp_path / "copies")
