"""The name and version of this package, versions of others, for recipes, and how extras are installed."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

from .choices import DISTRIBUTION

__all__ = ["install_command", "software_version", "versions"]


def install_command(extra: str) -> str:
    """What to type for an extra of this package."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def software_version() -> str:
    """Version of this package."""
    from . import __version__

    return __version__


def versions(*packages: str) -> dict[str, str]:
    """Version of this package, of Python, and of some installed packages; those that are missing are left out."""
    found = {DISTRIBUTION: software_version(), "python": platform.python_version()}
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
