"""Masks of many pictures to a folder, in several formats at once."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from ..atomic_files import writing
from ..choices import MASK_FORMATS
from ..errors import InputError
from ..progress import ProgressCallback, report
from .formats import CocoCollection, NumpyArchive, encode_indexed_png, encode_tiff, paired

__all__ = ["FORMATS", "export_masks", "file_names"]

FORMATS = MASK_FORMATS
"""Formats of :func:`export_masks`."""

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


def export_masks(
    folder: str | Path,
    names: Sequence[str],
    masks: Iterable[ArrayLike],
    *,
    formats: Sequence[str] = FORMATS,
    picture_files: Sequence[str] | None = None,
    colours: ArrayLike | None = None,
    categories: Mapping[int, str] | None = None,
    info: Mapping[str, Any] | None = None,
    progress: ProgressCallback | None = None,
) -> list[Path]:
    """Write the masks of many pictures into a folder.

    ``png`` gives ``png/NAME.png`` with a palette, ``tiff`` gives ``tiff/NAME.tif``, ``npz`` gives ``masks.npz`` with
    one array a picture, and ``coco`` gives ``annotations.json``. Masks are taken one by one, so that any number of them
    needs the memory of one. Everything is written beside its place first: a full disk, a cancelled or a failed export
    leaves the folder as it was.

    Parameters
    ----------
    folder
        Where to write; made if need be. Files of the same names are replaced, others stay.
    names
        One name a picture, all different. Characters that a file system does not take are replaced by ``_``.
    masks
        Labels ``(H, W)`` from 0 to 65,535 (255 for ``png``); 0 means no segment.
    formats
        Some of :data:`FORMATS`.
    picture_files
        File names of the pictures for ``annotations.json``; by default `names`.
    colours
        RGB of label 1, 2, …, uint8 ``(k, 3)``.
    categories
        Name of each label for ``annotations.json``.
    info
        What to tell about the masks in ``annotations.json``: network, layer, settings.
    progress
        Called once a picture; may cancel.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    InputError
        If a format is unknown, or names and masks do not fit.
    StorageError
        If the disk is full or the folder cannot be written.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise InputError(f"Unknown mask format {', '.join(unknown) or '(none)'}; choose from {', '.join(FORMATS)}.")
    if len(set(names)) != len(names):
        raise InputError("Names of masks must differ.")
    if picture_files is not None and len(picture_files) != len(names):
        raise InputError(f"{len(names)} masks need as many file names of pictures; got {len(picture_files)}.")
    target = Path(folder).expanduser().absolute()
    with writing(target):
        made = _make_folders(target)
        staging = Path(tempfile.mkdtemp(prefix=".masks-", suffix=".partial", dir=target))
    try:
        with writing(target):
            files = _stage(staging, names, masks, formats, picture_files, colours, categories, info, progress)
            for file in files:
                (target / file).parent.mkdir(exist_ok=True)
                os.replace(staging / file, target / file)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        for empty in made:  # only folders that were made here, and only while nothing is in them
            with contextlib.suppress(OSError):
                empty.rmdir()
        raise
    shutil.rmtree(staging, ignore_errors=True)
    return [target / file for file in files]


def _make_folders(target: Path) -> list[Path]:
    """Make a folder with its parents; those that were missing, the innermost first."""
    missing = []
    for path in (target, *target.parents):
        if path.exists():
            break
        missing.append(path)
    target.mkdir(parents=True, exist_ok=True)
    return missing


def _stage(
    staging: Path,
    names: Sequence[str],
    masks: Iterable[ArrayLike],
    formats: Sequence[str],
    picture_files: Sequence[str] | None,
    colours: ArrayLike | None,
    categories: Mapping[int, str] | None,
    info: Mapping[str, Any] | None,
    progress: ProgressCallback | None,
) -> list[Path]:
    """Write all files below `staging`; their paths relative to it."""
    files: list[Path] = []
    for kind in ("png", "tiff"):
        if kind in formats:
            (staging / kind).mkdir()
    collection = CocoCollection(categories, info)
    stems = file_names(names)
    with contextlib.ExitStack() as stack:
        archive: NumpyArchive | None = None
        if "npz" in formats:
            files.append(Path("masks.npz"))
            archive = stack.enter_context(NumpyArchive(stack.enter_context((staging / files[-1]).open("wb"))))
        for number, (name, mask) in enumerate(paired(names, masks)):
            report(progress, number, len(names), f"Writing masks: {name}")
            if "png" in formats:
                files.append(Path("png", f"{stems[number]}.png"))
                (staging / files[-1]).write_bytes(encode_indexed_png(mask, colours))
            if "tiff" in formats:
                files.append(Path("tiff", f"{stems[number]}.tif"))
                (staging / files[-1]).write_bytes(encode_tiff(mask, colours))
            if archive is not None:
                archive.add(stems[number], mask)
            if "coco" in formats:
                collection.add(picture_files[number] if picture_files is not None else name, mask)
    if "coco" in formats:
        files.append(Path("annotations.json"))
        with (staging / files[-1]).open("wb") as file:
            collection.put(file)
    report(progress, len(names), len(names), "Writing masks")
    return files


def file_names(names: Iterable[str]) -> list[str]:
    """Names that every file system takes, all different even where upper and lower case are not told apart.

    Letters of any script stay; path separators, control characters and ``<>:"|?*`` become ``_``.
    """
    taken: set[str] = set()
    result: list[str] = []
    for name in names:
        cleaned = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]', "_", unicodedata.normalize("NFC", name)).rstrip(". ")
        cleaned = re.sub(r"^\.", "_", cleaned)
        while len(cleaned.encode("utf-8", "replace")) > 180:  # most file systems take 255 bytes with the ending
            cleaned = cleaned[:-1].rstrip(". ")
        if not cleaned or cleaned.split(".")[0].casefold() in _RESERVED:
            cleaned = f"{cleaned}_"
        unique, count = cleaned, 1
        while unique.casefold() in taken:
            count += 1
            unique = f"{cleaned} ({count})"
        taken.add(unique.casefold())
        result.append(unique)
    return result
