"""The files of a study, wherever they lie: on a disk, or on a file system of fsspec with a working copy here."""

from __future__ import annotations

import os

from ..places import Url, as_place
from .local_files import LocalFiles, group_description

__all__ = ["LocalFiles", "files_at", "group_description"]


def files_at(place: str | os.PathLike[str]) -> LocalFiles:
    """The files of the study at a folder or a URL; nothing is looked at yet.

    Raises
    ------
    InputError
        If the URL is none, or no package is installed for its kind.
    """
    found = as_place(place)
    if isinstance(found, Url):
        from .remote_files import RemoteFiles

        return RemoteFiles(found)
    return LocalFiles(found)
