"""Versions of what computed a result, for its recipe."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

from .choices import DISTRIBUTION

__all__ = ["versions"]


def versions(*packages: str) -> dict[str, str]:
    """Version of this package, of Python, and of some installed packages; those that are missing are left out."""
    from . import __version__

    found = {DISTRIBUTION: __version__, "python": platform.python_version()}
    for package in packages:
        version = _version(package)
        if version is not None:
            found[package] = version
    return found


@cache
def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
