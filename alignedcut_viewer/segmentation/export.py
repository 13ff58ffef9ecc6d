"""Masks of many pictures to a folder, in several formats at once."""

from __future__ import annotations

import contextlib
import filecmp
import os
import re
import shutil
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from ..atomic_files import abandoned, partial_path, remove_abandoned, writing
from ..errors import InputError
from ..progress import ProgressCallback, report
from .formats import LabelledMask, paired
from .writers import DEFAULT_FORMATS, FORMATS, MaskWriter, check_formats, expected_files, make_writer

__all__ = ["DEFAULT_FORMATS", "FORMATS", "export_masks", "file_names", "refuse_to_replace"]

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


def export_masks(
    folder: str | Path,
    names: Sequence[str],
    masks: Iterable[ArrayLike | LabelledMask],
    *,
    formats: Sequence[str] = DEFAULT_FORMATS,
    picture_files: Sequence[str] | None = None,
    colours: ArrayLike | None = None,
    categories: Mapping[int, str] | None = None,
    info: Mapping[str, Any] | None = None,
    replace: bool = False,
    progress: ProgressCallback | None = None,
) -> list[Path]:
    """Write the masks of many pictures into a folder.

    ``png`` gives ``png/NAME.png`` with a palette, ``tiff`` gives ``tiff/NAME.tif``, ``npz`` gives ``masks.npz`` with
    one array a picture, ``coco`` gives ``annotations.json`` with run-length codes, ``coco-polygons`` the same with
    outlines (``polygons.json``), ``csv`` gives ``segments.csv`` with area, box and confidence, ``label-studio`` gives
    ``label_studio.json`` and ``cvat`` gives ``cvat.xml``. A number in a mask is the number of its segment everywhere:
    in the window, in every file and in :class:`~alignedcut_viewer.segmentation.Segmentation`; 0 is no segment.

    Masks are taken one by one, so that any number of them needs the memory of one. Everything is written beside its
    place first: a full disk, a cancelled or a failed export leaves the folder as it was.

    Parameters
    ----------
    folder
        Where to write; made if need be. Other files in it stay.
    names
        One name per picture, all different. Characters that a file system does not take are replaced by ``_``.
    masks
        Labels ``(H, W)`` from 0 to 65,535 (255 for ``png``), 0 means no segment; or
        :class:`.formats.LabelledMask`, with confidence, and with names and colours where each picture has its own.
    formats
        Some of :data:`FORMATS`.
    picture_files
        File names of the pictures for ``annotations.json``; by default `names`.
    colours
        RGB of label 1, 2, …, uint8 ``(k, 3)``.
    categories
        Name of each label.
    info
        What to tell about the masks in ``annotations.json``: network, layer, settings.
    replace
        Whether files of the same names may be overwritten.
    progress
        Called once a picture; may cancel.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    InputError
        If a format is unknown, names and masks do not fit, or a file is there already and `replace` is False.
    StorageError
        If the disk is full or the folder cannot be written.
    """
    check_formats(formats)
    if len(set(names)) != len(names):
        raise InputError("Names of masks must differ.")
    if picture_files is not None and len(picture_files) != len(names):
        raise InputError(f"{len(names)} masks need as many file names of pictures; got {len(picture_files)}.")
    target = Path(folder).expanduser().absolute()
    kept = [] if replace else expected_files(formats, file_names(names))
    refuse_to_replace(target, kept)
    with writing(target):
        made = _make_folders(target)
        staging = partial_path(target / "masks")
        staging.mkdir()
    placed: list[Path] = []
    try:
        with writing(target):
            writers = [make_writer(kind, staging, colours, categories, info) for kind in dict.fromkeys(formats)]
            files = _stage(staging, names, masks, writers, picture_files or names, progress)
            # Where an earlier run was killed, what it had put into place is the same; else it is somebody's.
            _refuse(target, [file for file in kept if not _same(staging / file, target / file)])
            for file in files:
                if not (target / file).parent.exists():
                    made.insert(0, (target / file).parent)
                (target / file).parent.mkdir(exist_ok=True)
                placed.append(target / file)
                os.replace(staging / file, target / file)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        for file in [] if replace else placed:  # half of an export is none, and would be in the way of the next
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
        for empty in made:  # only folders that were made here, and only while nothing is in them
            with contextlib.suppress(OSError):
                empty.rmdir()
        raise
    shutil.rmtree(staging, ignore_errors=True)
    remove_abandoned(target)
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
    masks: Iterable[ArrayLike | LabelledMask],
    writers: Sequence[MaskWriter],
    picture_files: Sequence[str],
    progress: ProgressCallback | None,
) -> list[Path]:
    """Write all files below `staging`; their paths relative to it."""
    stems = file_names(names)
    with contextlib.ExitStack() as stack:
        for writer in writers:
            stack.enter_context(contextlib.closing(writer))
        for number, (name, mask) in enumerate(paired(names, masks)):
            report(progress, number, len(names), f"Writing masks: {name}")
            labelled = mask if isinstance(mask, LabelledMask) else LabelledMask(mask)
            for writer in writers:
                writer.add(stems[number], picture_files[number], labelled)
    files = [file for writer in writers for file in writer.files]
    report(progress, len(names), len(names), "Writing masks")
    return files


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def refuse_to_replace(target: Path, files: Iterable[Path]) -> None:
    """Raise an InputError that names the first of the files that are in a folder already.

    Where an earlier run was killed, none is raised: :func:`export_masks` finds out which of the files are its own.
    """
    if not abandoned(target):
        _refuse(target, files)


def _refuse(target: Path, files: Iterable[Path]) -> None:
    there = [file for file in files if (target / file).exists()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise InputError(
            f"{target / there[0]}{more} would be overwritten; choose another folder, or ask for older masks to be "
            "replaced."
        )


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
