"""Sets of picture files, read only when a picture is asked for."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import PictureError, UnreachablePictureError
from ..regular_files import exists, is_folder, open_regular, printable
from .decoding import SUFFIXES, decode, read_size

__all__ = ["PictureSet", "natural_key", "open_pictures"]


class PictureSet(Sequence[NDArray[np.uint8]]):
    """Pictures on disk, decoded one by one when they are asked for.

    Nothing is kept in memory and no state changes, so several threads may load from one set.

    Parameters
    ----------
    paths
        Files, in order. They are not looked at until they are loaded.
    names
        One display name a file, all different; by default file names without suffix, or as much of the path as makes
        them differ.

    Examples
    --------
    >>> pictures = open_pictures("photographs")  # doctest: +SKIP
    >>> pictures.names[0], pictures[0].shape  # doctest: +SKIP
    ('cat', (480, 640, 3))
    """

    def __init__(self, paths: Iterable[str | Path], names: Sequence[str] | None = None) -> None:
        self.paths: tuple[Path, ...] = tuple(Path(os.path.abspath(path)) for path in _listed(paths))
        self.names: tuple[str, ...] = tuple(names) if names is not None else _display_names(self.paths)
        if len(self.names) != len(self.paths) or len(set(self.names)) != len(self.names):
            raise PictureError(f"A set of {len(self.paths)} pictures needs as many names, all different.")

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self.load(number) for number in range(len(self)))

    def __repr__(self) -> str:
        shown = ", ".join(self.names[:3]) + (", …" if len(self) > 3 else "")
        return f"PictureSet({len(self)} pictures: {shown})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PictureSet) and (self.paths, self.names) == (other.paths, other.names)

    def __hash__(self) -> int:
        return hash((self.paths, self.names))

    @overload
    def __getitem__(self, index: int) -> NDArray[np.uint8]: ...

    @overload
    def __getitem__(self, index: slice) -> PictureSet: ...

    def __getitem__(self, index: int | slice) -> NDArray[np.uint8] | PictureSet:
        if isinstance(index, slice):
            return self.subset(range(len(self))[index])
        return self.load(range(len(self))[index])

    def load(self, index: int, *, at_least: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """Decode one picture.

        Parameters
        ----------
        index
            Number of the picture, from 0.
        at_least
            Height and width that suffice; a much larger JPEG is then decoded at 1/2, 1/4 or 1/8 of its size, see
            :func:`~alignedcut_viewer.images.decoding.decode`.

        Returns
        -------
        ndarray of uint8, shape (H, W, 3)
            RGB, upright, transparent parts white, deep pixels scaled to 8 bits.

        Raises
        ------
        PictureError
            If the file is empty, damaged or too large; the message names it.
        UnreachablePictureError
            If it is missing or cannot be read at present.
        """
        return self.load_with_digest(index, at_least=at_least)[0]

    def load_with_digest(self, index: int, *, at_least: tuple[int, int] | None = None) -> tuple[NDArray[np.uint8], str]:
        """Decode one picture and digest its file, reading the file once.

        Returns
        -------
        picture : ndarray of uint8, shape (H, W, 3)
            As :meth:`load` gives it.
        digest : str
            As :meth:`digest` gives it.

        Raises
        ------
        PictureError
            As :meth:`load`.
        """
        path = self.paths[index]
        try:
            with open_regular(path) as file:
                data = file.read()
        except OSError as error:
            raise _unreadable(path, error) from error
        return decode(data, path, at_least=at_least), hashlib.sha256(data).hexdigest()

    def digest(self, index: int) -> str:
        """SHA-256 of the file's bytes, as hexadecimal digits.

        Raises
        ------
        UnreachablePictureError
            If the file cannot be read.
        """
        path = self.paths[index]
        try:
            with open_regular(path) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _unreadable(path, error) from error

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of what :meth:`load` gives, read from the file's header.

        Raises
        ------
        PictureError
            If the header cannot be read.
        """
        return read_size(self.paths[index])

    def subset(self, indices: Iterable[int]) -> PictureSet:
        """Some of the pictures, in the order asked for, under the same names."""
        chosen = list(indices)
        return PictureSet([self.paths[i] for i in chosen], [self.names[i] for i in chosen])


def open_pictures(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], *, recursive: bool = False
) -> PictureSet:
    """Open a folder of pictures, a glob, a file, or a list of any of these.

    Only folders are read, no file is opened: 10,000 pictures are listed in a fraction of a second, and a broken file
    shows only when it is loaded. Pictures of a folder or glob come in natural order (``img2`` before ``img10``), those
    of a list in the order of the list. Hidden files and folders, and those that macOS leaves on foreign disks
    (``._cat.jpg``, ``__MACOSX``), are passed over.

    Parameters
    ----------
    source
        A path, or a pattern with ``*``, ``?``, ``[...]`` or ``**``; ``~`` is the home folder.
    recursive
        Whether folders are searched with all that is below them. Patterns say so themselves with ``**``.

    Raises
    ------
    PictureError
        If a path does not exist, or no picture is found; the message says what was found instead.
    """
    if isinstance(source, str | os.PathLike):
        return PictureSet(_expand(source, recursive))
    paths: list[Path] = []
    for item in _listed(source):
        paths.extend(_expand(item, recursive))
    if not paths:
        raise PictureError("The list of pictures is empty; name at least one file or folder.")
    return PictureSet(paths)


def _listed(paths: Any) -> list[str | os.PathLike[str]]:
    """The files of a list; a text is no list of files, though Python would give its letters one by one."""
    if not isinstance(paths, Iterable) or isinstance(paths, str | bytes):
        raise PictureError(f"Pictures are given as a list of paths; got {paths!r:.100}.")
    listed = list(paths)
    for path in listed:
        if not isinstance(path, str | os.PathLike):
            raise PictureError(f"Pictures are given as paths only, not as {path!r:.100}.")
    return listed


def natural_key(text: str) -> tuple[list[str | int], str]:
    """Sort key in which numbers inside a text count as numbers, without regard to upper and lower case."""
    # Splitting at a group puts texts at even places and numbers at odd ones, so that like meets like.
    parts: list[str | int] = [int(p) if i % 2 else p.casefold() for i, p in enumerate(re.split(r"(\d+)", text))]
    return parts, text


def _expand(source: str | os.PathLike[str], recursive: bool) -> list[Path]:
    text = os.fspath(source)
    path = Path(text).expanduser()
    if is_folder(path):
        return _pictures_in(path, recursive)
    if exists(path):
        if not path.is_file():
            raise PictureError(f"{path} is a pipe or a device, not a file; save the picture to a file first.")
        if not _is_picture_name(path.name) and path.suffix:
            raise PictureError(f"{path} is not a picture; {_READ}.")
        return [path]
    if glob.has_magic(text):
        return _matches(str(path))
    raise PictureError(_missing(path))


def _matches(pattern: str) -> list[Path]:
    found = [Path(match) for match in glob.iglob(pattern, recursive=True)]
    files = [path for path in found if _is_picture_name(path.name) and path.is_file()]
    if not files:
        what = f"no picture, only {_inventory(path.name for path in found)}" if found else "nothing"
        raise PictureError(f"The pattern {pattern!r} matches {what}; {_READ}.")
    return sorted(files, key=lambda path: natural_key(path.as_posix()))


def _pictures_in(folder: Path, recursive: bool) -> list[Path]:
    found: list[Path] = []
    others: list[str] = []
    n_folders = 0
    waiting = [folder]
    seen: set[str] = set()  # symbolic links may lead in circles
    while waiting:
        current = waiting.pop()
        if recursive:
            real = os.path.realpath(current)
            if real in seen:
                continue
            seen.add(real)
        try:
            with os.scandir(current) as entries:
                for entry in entries:
                    if _is_hidden(entry.name):
                        continue
                    kind = _kind_of(entry)
                    if kind == "folder":
                        n_folders += 1
                        if recursive:
                            waiting.append(Path(entry.path))
                    elif kind == "file" and _is_picture_name(entry.name):
                        found.append(Path(entry.path))
                    else:
                        others.append(entry.name)
        except OSError as error:
            raise PictureError(f"The folder {current} cannot be read: {error.strerror or error}.") from error
    if not found:
        raise PictureError(_nothing_found(folder, others, n_folders, recursive))
    # A folder's own pictures stand before those of its subfolders.
    return sorted(found, key=lambda path: (natural_key(path.parent.as_posix()), natural_key(path.name)))


def _kind_of(entry: os.DirEntry[str]) -> str:
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else "other"
    except OSError:  # a link that leads to itself: no reason to give up the whole folder
        return "other"


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_picture_name(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


_READ = f"pictures that can be read end in {', '.join(sorted(SUFFIXES))}"


def _nothing_found(folder: Path, others: list[str], n_folders: int, recursive: bool) -> str:
    contents = [_inventory(others)] if others else []
    if n_folders:
        contents.append(f"{n_folders} folder{'s' if n_folders > 1 else ''}")
    holds = " and ".join(contents) if contents else "nothing"
    below = n_folders > 0 and not recursive
    hint = " Look into its folders too with --recursive (in Python recursive=True)." if below else ""
    return f"There are no pictures in {folder}: it holds {holds}; {_READ}.{hint}"


def _inventory(names: Iterable[str]) -> str:
    """Describe files by their endings, the most frequent first: ``3 .txt, 1 .csv``."""
    endings = Counter(os.path.splitext(name)[1].lower() for name in names)
    listed = [
        f"{count} {printable(ending) or ('file' if count == 1 else 'files') + ' without an ending'}"
        for ending, count in sorted(endings.items(), key=lambda item: (-item[1], item[0] or "file"))
    ]
    return ", ".join(listed[:5]) + (" and others" if len(listed) > 5 else "")


def _missing(path: Path) -> str:
    parent = next((p for p in path.absolute().parents if exists(p)), None)
    hint = f"; the nearest folder that exists is {parent}" if parent is not None else ""
    shown = str(path) if len(str(path)) <= 300 else f"{str(path)[:100]} … {str(path)[-100:]}"
    return f"{shown} does not exist{hint}."


def _unreadable(path: Path, error: OSError) -> UnreachablePictureError:
    if isinstance(error, FileNotFoundError):
        return UnreachablePictureError(f"{path} is no longer there.")
    return UnreachablePictureError(f"{path} cannot be read: {error.strerror or error}.")


def _display_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Shortest kind of name that tells all files apart: stem, file name, path below the common folder."""
    kinds: list[Callable[[], list[str]]] = [
        lambda: [printable(path.stem) for path in paths],
        lambda: [printable(path.name) for path in paths],
        lambda: _below_common_folder(paths),
    ]
    names: list[str] = []
    for kind in kinds:
        names = kind()
        # File systems that do not tell upper from lower case must not see two equal names on export.
        if len({name.casefold() for name in names}) == len(names):
            return tuple(names)
    taken: set[str] = set()
    for position, name in enumerate(names):
        count = 1
        while names[position].casefold() in taken:
            count += 1
            names[position] = f"{name} ({count})"
        taken.add(names[position].casefold())
    return tuple(names)


def _below_common_folder(paths: Sequence[Path]) -> list[str]:
    try:
        common = os.path.commonpath([path.parent for path in paths])
    except ValueError:  # different drives
        return [printable(path.as_posix()) for path in paths]
    return [printable(path.relative_to(common).as_posix()) for path in paths]
