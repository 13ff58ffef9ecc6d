"""Where a study lies: a folder, or a URL of any file system that fsspec knows; and how that is told to the user."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from urllib.request import url2pathname

from .errors import InputError

__all__ = ["Location", "Url", "as_place", "folder_around", "name_copy", "shown"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)  # two letters at least: C:\ is a drive of Windows
_copies: dict[str, Url] = {}


class Url(os.PathLike[str]):
    """A folder on a file system of fsspec, with what is asked of a :class:`pathlib.Path` that is only named.

    Parameters
    ----------
    text
        Such as ``s3://bucket/my-study``.

    Raises
    ------
    InputError
        If it is no URL of a folder, or holds a password, which would be shown and kept wherever the URL is.
    """

    def __init__(self, text: str) -> None:
        found = _SCHEME.fullmatch(text.strip())
        if found is None or "::" in text:
            raise InputError(f"{text!r} is no URL such as s3://bucket/my-study.")
        self.protocol = found[1].lower()
        parts = PurePosixPath(found[2].strip("/")).parts
        if not parts or ".." in parts or any(mark in text for mark in "?#\\"):
            raise InputError(f"{text!r} names no folder; write it such as s3://bucket/my-study.")
        if ":" in parts[0].rpartition("@")[0]:
            raise InputError(
                "A password has no place in a URL; give it in the environment or in fsspec's configuration."
            )
        root = "/" if found[2].startswith("/") else ""
        self._path = PurePosixPath(root, *parts)

    def __str__(self) -> str:
        return f"{self.protocol}://{self._path}"

    def __fspath__(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __truediv__(self, name: str) -> Url:
        return Url(f"{self}/{name}")

    @property
    def name(self) -> str:
        """The last part."""
        return self._path.name

    @property
    def stem(self) -> str:
        """The last part without its ending."""
        return self._path.stem


Location = Path | Url
"""Where a study lies."""


def as_place(place: str | os.PathLike[str]) -> Location:
    """A folder as an absolute path, or a URL.

    Raises
    ------
    InputError
        If it looks like a URL, and is none that names a folder.
    """
    if isinstance(place, Url):
        return place
    if not isinstance(place, str | os.PathLike):
        raise InputError(f"A study is named by its folder or URL; got {place!r:.100}.")
    text = os.fspath(place)
    found = _SCHEME.match(text.strip()) or ("::" in text and "://" in text)
    if not found:
        return Path(text).expanduser().absolute()
    if text.strip().lower().startswith("file://"):
        return Path(url2pathname(text.strip()[len("file://") :])).expanduser().absolute()
    return Url(text)


def folder_around(place: Location) -> Path:
    """The folder that a study lies in, where other files may go; the user's own where the study is elsewhere."""
    return place.parent if isinstance(place, Path) else Path.home()


def name_copy(folder: Path, url: Url) -> None:
    """Say that a folder is the working copy of a URL, so that :func:`shown` names what lies in it by the URL."""
    _copies[str(folder)] = url


def shown(path: str | os.PathLike[str]) -> str:
    """A path as the user knows it: what lies in the working copy of a URL is named by the URL."""
    text = os.fspath(path)
    for folder, url in _copies.items():
        if text == folder:
            return str(url)
        if text.startswith(folder + os.sep):
            return f"{url}/{Path(text).relative_to(folder).as_posix()}"
    return text
