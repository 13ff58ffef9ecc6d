"""Where the study of a trial lies, and what is there: a folder of this machine, or (`on_s3.py`) a URL."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

__all__ = ["HERE", "Home", "OnDisk", "Surroundings", "Tree", "digest", "tree"]

Tree = dict[str, str]
"""Digests of files by name; those of the study begin with ``study/``."""

HERE = "here"
"""The machine on which a run is stopped."""


@dataclass(frozen=True)
class Surroundings:
    """What a process finds around it.

    Attributes
    ----------
    watched
        Starts of paths; a change of a file below them is a step.
    environment
        Variables of the environment that are set.
    requests
        Whether requests that change something on a server are steps as well: just before one is sent, and just after it
        was answered.
    lease
        Seconds after which the lock of somebody who is gone may be taken over; None for what the program says.
    """

    watched: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    requests: bool = False
    lease: float | None = None


class Home(Protocol):
    """Where studies of trials lie. Each trial has a folder of its own on this machine, for pictures, masks and such."""

    def begin(self, stock: Path, folder: Path) -> None:
        """Put what a stage begins from there."""

    def end(self, folder: Path) -> None:
        """Let go of a trial."""

    def place(self, folder: Path) -> str:
        """The study in the words of a command."""

    def tree(self, folder: Path) -> Tree:
        """All that is there: the study, wherever it lies, and what else was written into the folder."""

    def views(self, folder: Path) -> Iterator[str]:
        """The place of the study once for each way of looking at it, while it is looked at in that way."""

    def surroundings(self, folder: Path, machine: str = HERE, *, lease: float | None = None) -> Surroundings:
        """What a process of a machine finds around it."""

    def is_locked(self, folder: Path) -> bool:
        """Whether a run that is gone left a lock that holds other machines up."""

    def leftovers(self, folder: Path) -> list[str]:
        """What is there beside files, and should not be once a run has ended."""


class OnDisk:
    """Studies in folders of this machine, beside what else is written."""

    def begin(self, stock: Path, folder: Path) -> None:
        """Put what a stage begins from there."""
        shutil.copytree(stock, folder)

    def end(self, folder: Path) -> None:
        """Let go of a trial."""
        shutil.rmtree(folder)

    def place(self, folder: Path) -> str:
        """The study in the words of a command."""
        return str(folder / "study")

    def tree(self, folder: Path) -> Tree:
        """All files below the folder."""
        return tree(folder)

    def views(self, folder: Path) -> Iterator[str]:
        """There is one way of looking at it."""
        yield self.place(folder)

    def surroundings(self, folder: Path, machine: str = HERE, *, lease: float | None = None) -> Surroundings:
        """What a process finds around it; there is one machine."""
        return Surroundings((str(folder),))

    def is_locked(self, folder: Path) -> bool:
        """Locks vanish with their process."""
        return False

    def leftovers(self, folder: Path) -> list[str]:
        """There are files only."""
        return []


def digest(name: str, data: bytes, *, anywhere: bool = False) -> str:
    """sha256 of a file; of the description of a study without the time at which it was made.

    Parameters
    ----------
    name, data
        The file.
    anywhere
        Also without where pictures lie as seen from the study, which is not the same from a URL.
    """
    if name.endswith("zarr.json") and b"alignedcut_study" in data:
        content = json.loads(data)
        content["attributes"]["alignedcut_study"].pop("created", None)
        data = json.dumps(content).encode()
    if anywhere and name == "study/pictures/zarr.json":
        content = json.loads(data)
        for record in content["attributes"].get("pictures", ()):
            record.pop("relative", None)
        data = json.dumps(content).encode()
    return hashlib.sha256(data).hexdigest()


def tree(folder: Path, *, anywhere: bool = False) -> Tree:
    """Digests of all files under a folder by name, the one that names the writer left out."""
    return {
        name: digest(name, path.read_bytes(), anywhere=anywhere)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "writer.json"
        for name in (path.relative_to(folder).as_posix(),)
    }
