"""The photographs that come with the installed packages."""

from __future__ import annotations

import socket
import sys

import pytest

from alignedcut_viewer.errors import PictureError
from alignedcut_viewer.images import sample_pictures, samples

pytestmark = pytest.mark.quick


def test_colour_photographs_without_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    pictures = sample_pictures()
    assert len(pictures) == 10
    assert pictures.names[:3] == ("china", "flower", "chelsea")
    for number, picture in enumerate(pictures):
        assert picture.shape[:2] == pictures.size(number)
        assert min(picture.shape[:2]) >= 300
        assert (picture[..., 0] != picture[..., 2]).mean() > 0.2, pictures.names[number]  # in colour


def test_they_are_found_without_importing_their_packages() -> None:
    import subprocess

    code = (
        "import sys; from alignedcut_viewer.images import sample_pictures; sample_pictures(); "
        "print([name for name in ('skimage', 'sklearn', 'torch', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "find_spec", lambda _: None)
    with pytest.raises(PictureError, match="scikit-image"):
        sample_pictures()
