"""One writer a format: masks come in one by one, files come out."""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..choices import DEFAULT_MASK_FORMATS, MASK_FORMATS
from ..errors import InputError
from ..tables import plain_cell
from .cvat import CvatAnnotations
from .formats import CocoCollection, LabelledMask, NumpyArchive, checked_mask, encode_indexed_png, encode_tiff
from .label_studio import LabelStudioTasks
from .palette import segment_colours
from .rle import area_and_box

__all__ = [
    "DEFAULT_FORMATS",
    "FORMATS",
    "TABLE_COLUMNS",
    "MaskWriter",
    "check_formats",
    "expected_files",
    "make_writer",
]

TABLE_COLUMNS = (
    "picture",
    "label",
    "name",
    "area_px",
    "area_share",
    "left",
    "top",
    "width",
    "height",
    "confidence",
    "colour",
)
"""Columns of ``segments.csv``; boxes in pixels from the upper left corner, confidence empty where it is not known."""

_SINGLE = {
    "npz": "masks.npz",
    "coco": "annotations.json",
    "coco-polygons": "polygons.json",
    "csv": "segments.csv",
    "label-studio": "label_studio.json",
    "cvat": "cvat.xml",
}
_MANY = {"png": ("png", ".png"), "tiff": ("tiff", ".tif")}

FORMATS = tuple(MASK_FORMATS)
"""Formats of :func:`~alignedcut_viewer.segmentation.export_masks`."""

DEFAULT_FORMATS = DEFAULT_MASK_FORMATS
"""What is written where nothing is said."""


def check_formats(formats: Sequence[str]) -> None:
    """Refuse an empty choice and unknown formats with an InputError."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise InputError(f"Unknown mask format {', '.join(unknown) or '(none)'}; choose from {', '.join(FORMATS)}.")


def expected_files(formats: Iterable[str], stems: Sequence[str]) -> list[Path]:
    """Files that an export writes, relative to its folder."""
    files: list[Path] = []
    for kind in dict.fromkeys(formats):
        if kind in _SINGLE:
            files.append(Path(_SINGLE[kind]))
        else:
            folder, ending = _MANY[kind]
            files.extend(Path(folder, stem + ending) for stem in stems)
    return files


class MaskWriter(ABC):
    """Takes masks one by one; what it wrote is complete after :meth:`close`."""

    def __init__(self) -> None:
        self.files: list[Path] = []

    @abstractmethod
    def add(self, stem: str, picture: str, mask: LabelledMask) -> None:
        """Take one mask.

        Parameters
        ----------
        stem
            Name of its file, without the ending.
        picture
            File name of its picture.
        mask
            With what is known of its labels.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish the files."""


class _OneFileEach(MaskWriter):
    def __init__(self, staging: Path, kind: str, colours: ArrayLike | None) -> None:
        super().__init__()
        self._staging, self._kind, self._colours = staging, kind, colours
        (staging / _MANY[kind][0]).mkdir()

    def add(self, stem: str, picture: str, mask: LabelledMask) -> None:
        folder, ending = _MANY[self._kind]
        encode = encode_indexed_png if self._kind == "png" else encode_tiff
        self.files.append(Path(folder, stem + ending))
        colours = self._colours if mask.colours is None else mask.colours
        (self._staging / self.files[-1]).write_bytes(encode(mask.labels, colours))

    def close(self) -> None:
        """Each file is complete as soon as it is written."""


class _Archive(MaskWriter):
    def __init__(self, staging: Path) -> None:
        super().__init__()
        self.files.append(Path(_SINGLE["npz"]))
        self._file = (staging / self.files[0]).open("wb")
        self._archive = NumpyArchive(self._file)

    def add(self, stem: str, picture: str, mask: LabelledMask) -> None:
        self._archive.add(stem, mask.labels)

    def close(self) -> None:
        with self._file, self._archive:
            pass


class _Coco(MaskWriter):
    def __init__(self, path: Path, collection: CocoCollection) -> None:
        super().__init__()
        self._path, self._collection = path, collection
        self.files.append(Path(path.name))

    def add(self, stem: str, picture: str, mask: LabelledMask) -> None:
        self._collection.add(picture, mask)

    def close(self) -> None:
        with self._path.open("wb") as file:
            self._collection.put(file)


class _LabelStudio(MaskWriter):
    def __init__(self, path: Path, names: Mapping[int, str] | None) -> None:
        super().__init__()
        self._path, self._tasks = path, LabelStudioTasks(names)
        self.files.append(Path(path.name))

    def add(self, stem: str, picture: str, mask: LabelledMask) -> None:
        self._tasks.add(picture, mask)

    def close(self) -> None:
        self._path.write_bytes(self._tasks.as_json())


class _Cvat(MaskWriter):
    def __init__(self, path: Path, names: Mapping[int, str] | None) -> None:
        super().__init__()
        self._path, self._annotations = path, CvatAnnotations(names)
        self.files.append(Path(path.name))

    def add(self, stem: str, picture: str, mask: LabelledMask) -> None:
        self._annotations.add(picture, mask)

    def close(self) -> None:
        self._path.write_bytes(self._annotations.as_xml())


class _Table(MaskWriter):
    def __init__(self, path: Path, names: Mapping[int, str] | None, colours: ArrayLike | None) -> None:
        super().__init__()
        self._path, self._names, self._colours = path, dict(names or {}), colours
        self._text = io.StringIO()
        self._rows = csv.writer(self._text, lineterminator="\n")
        self._rows.writerow(TABLE_COLUMNS)
        self.files.append(Path(path.name))

    def add(self, stem: str, picture: str, mask: LabelledMask) -> None:
        labels = checked_mask(mask.labels)
        colours = self._colours if mask.colours is None else mask.colours
        table = segment_colours(int(labels.max())) if colours is None else [(0, 0, 0), *np.asarray(colours).tolist()]
        for label in np.unique(labels[labels > 0]).tolist():
            area, box = area_and_box(labels == label)
            name = mask.names.get(label, self._names.get(label, f"segment {label}"))
            sure = f"{mask.confidence[label]:.4f}" if label in mask.confidence else ""
            left, top, width, height = (int(value) for value in box)
            share = f"{area / labels.size:.6f}"
            shown = "#{:02x}{:02x}{:02x}".format(*table[label]) if label < len(table) else ""
            self._rows.writerow(
                [plain_cell(picture), label, plain_cell(name), area, share, left, top, width, height, sure, shown]
            )

    def close(self) -> None:
        self._path.write_text(self._text.getvalue(), encoding="utf-8", errors="backslashreplace")


def make_writer(
    kind: str,
    staging: Path,
    colours: ArrayLike | None,
    categories: Mapping[int, str] | None,
    info: Mapping[str, Any] | None,
) -> MaskWriter:
    """The writer of a format, which writes below `staging`."""
    if kind in _MANY:
        return _OneFileEach(staging, kind, colours)
    if kind == "npz":
        return _Archive(staging)
    path = staging / _SINGLE[kind]
    if kind in ("coco", "coco-polygons"):
        return _Coco(path, CocoCollection(categories, info, polygons=kind == "coco-polygons"))
    if kind == "label-studio":
        return _LabelStudio(path, categories)
    return _Cvat(path, categories) if kind == "cvat" else _Table(path, categories, colours)
