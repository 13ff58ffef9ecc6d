"""Files that travel with the package: the ``resources`` folder of the repository, or its copy inside the wheel."""

from __future__ import annotations

from pathlib import Path

from .choices import DISTRIBUTION
from .errors import StorageError

__all__ = ["resource_path"]

_PACKAGE = Path(__file__).resolve().parent


def resource_path(name: str) -> Path:
    """Where a shipped resource lies on disk.

    Parameters
    ----------
    name
        File name relative to the ``resources`` folder, with forward slashes.

    Raises
    ------
    StorageError
        If the installation lacks the file.
    """
    for folder in (_PACKAGE / "resources", _PACKAGE.parent / "resources"):
        if (folder / name).exists():
            return folder / name
    raise StorageError(f"The resource {name!r} is missing from this installation; install {DISTRIBUTION} again.")
