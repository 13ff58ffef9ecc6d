"""One function a file format: masks to indexed PNG, TIFF, NumPy and COCO, each written in one step."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..atomic_files import json_bytes, replacing
from ..choices import DISTRIBUTION
from ..errors import InputError
from .palette import segment_colours
from .polygons import polygons_of_mask
from .rle import area_and_box, encode_mask

__all__ = [
    "CocoCollection",
    "LabelledMask",
    "NumpyArchive",
    "checked_mask",
    "encode_indexed_png",
    "encode_tiff",
    "paired",
    "write_coco_rle",
    "write_indexed_png",
    "write_npz",
    "write_tiff",
]


Mask = TypeVar("Mask")


@dataclass(frozen=True, eq=False)
class LabelledMask:
    """A mask with what is known of its labels.

    Attributes
    ----------
    labels
        ``(H, W)``; 0 is no segment.
    confidence
        Of labels, between 0 and 1, as far as it is known.
    names
        Of labels that are called otherwise here than in all pictures.
    colours
        RGB of label 1, 2, …, uint8 ``(k, 3)``; None where they are those of all pictures.
    """

    labels: ArrayLike
    confidence: Mapping[int, float] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    colours: ArrayLike | None = None


def checked_mask(mask: ArrayLike) -> NDArray[np.integer[Any]]:
    """A mask in the smallest type of 8 or 16 bits without sign that holds its labels.

    Raises
    ------
    InputError
        If it has not two axes, is empty, or holds other than whole numbers from 0 to 65,535.
    """
    labels = np.asarray(mask)
    if labels.ndim != 2 or not labels.size:
        raise InputError(f"A mask must be (height, width); got shape {labels.shape}.")
    if labels.dtype.kind not in "iub":
        raise InputError(f"A mask holds whole numbers; got {labels.dtype}.")
    if labels.min() < 0 or labels.max() > 65535:
        raise InputError(f"Labels must lie between 0 and 65,535; got {labels.min()} to {labels.max()}.")
    return labels.astype(np.uint8 if labels.max() <= 255 else np.uint16)


def write_indexed_png(path: str | Path, mask: ArrayLike, *, colours: ArrayLike | None = None) -> None:
    """Write a mask as a PNG whose pixels are labels and whose palette colours them; viewers show it in colour.

    Parameters
    ----------
    path
        File to write; an older one is replaced in one step.
    mask
        Labels from 0 to 255, ``(H, W)``; 0 means no segment.
    colours
        RGB of label 1, 2, …, uint8 ``(k, 3)``; see :func:`~alignedcut_viewer.segmentation.palette.segment_colours`.

    Raises
    ------
    InputError
        If the mask holds other labels.
    StorageError
        If the file cannot be written.
    """
    data = encode_indexed_png(mask, colours)
    with replacing(Path(path)) as partial:
        partial.write_bytes(data)


def encode_indexed_png(mask: ArrayLike, colours: ArrayLike | None = None) -> bytes:
    """Bytes of the file that :func:`write_indexed_png` writes."""
    from PIL import Image

    labels = checked_mask(mask)
    if labels.dtype != np.uint8:
        raise InputError(f"An indexed PNG holds labels up to 255; this mask has {labels.max()}. Write a TIFF instead.")
    image = Image.fromarray(np.ascontiguousarray(labels, dtype=np.uint8))
    image.putpalette(_table_of_256(labels, colours).tobytes())
    file = io.BytesIO()
    image.save(file, format="PNG", bits=8)
    return file.getvalue()


def _table_of_256(labels: NDArray[Any], colours: ArrayLike | None) -> NDArray[np.uint8]:
    if colours is None:
        return segment_colours(255)
    given = np.asarray(colours)
    if given.ndim != 2 or given.shape[1] != 3 or not int(labels.max()) <= len(given) <= 255:
        raise InputError(f"Labels up to {labels.max()} need as many RGB colours, at most 255; got shape {given.shape}.")
    table = segment_colours(255)
    table[1 : len(given) + 1] = given
    return table


def write_tiff(path: str | Path, mask: ArrayLike, *, colours: ArrayLike | None = None) -> None:
    """Write a mask as a label TIFF that ImageJ, Fiji and napari open, with a colour table for ImageJ.

    Parameters
    ----------
    path
        File to write; an older one is replaced in one step.
    mask
        Labels from 0 to 65,535, ``(H, W)``; stored in 8 bits where they fit, else in 16.
    colours
        RGB of label 1, 2, …, uint8 ``(k, 3)``; used where 8 bits suffice.

    Raises
    ------
    InputError
        If the mask holds other labels.
    StorageError
        If the file cannot be written.
    """
    data = encode_tiff(mask, colours)
    with replacing(Path(path)) as partial:
        partial.write_bytes(data)


def encode_tiff(mask: ArrayLike, colours: ArrayLike | None = None) -> bytes:
    """Bytes of the file that :func:`write_tiff` writes."""
    import tifffile

    labels = checked_mask(mask)
    metadata: dict[str, Any] = {"axes": "YX"}
    if labels.dtype == np.uint8:
        metadata["LUTs"] = [np.ascontiguousarray(_table_of_256(labels, colours).T)]
    file = io.BytesIO()
    tifffile.imwrite(file, labels, imagej=True, compression="zlib", predictor=False, metadata=metadata)
    return file.getvalue()


class NumpyArchive:
    """An ``.npz`` file that grows mask by mask; use it in a ``with`` block.

    Parameters
    ----------
    file
        Where to write, open for writing bytes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self._names: set[str] = set()

    def __enter__(self) -> NumpyArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def add(self, name: str, mask: ArrayLike) -> None:
        """Append a mask under a name that was not used before."""
        labels = checked_mask(mask)
        if name in self._names:
            raise InputError(f"Two masks are called {name!r}; names must differ.")
        self._names.add(name)
        # A fixed date makes equal masks equal files.
        entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        with self._archive.open(entry, "w", force_zip64=True) as member:
            np.lib.format.write_array(member, np.ascontiguousarray(labels), allow_pickle=False)


def write_npz(path: str | Path, names: Sequence[str], masks: Iterable[ArrayLike]) -> None:
    """Write masks into one compressed NumPy archive: ``numpy.load(path)[name]`` is a mask ``(H, W)``.

    Parameters
    ----------
    path
        File to write; an older one is replaced in one step.
    names
        One name a mask, all different.
    masks
        Labels from 0 to 65,535; taken one by one.

    Raises
    ------
    InputError
        If names and masks do not fit or a mask holds other labels.
    StorageError
        If the file cannot be written.
    """
    with replacing(Path(path)) as partial, partial.open("wb") as file, NumpyArchive(file) as archive:
        for name, mask in paired(names, masks):
            archive.add(name, mask)


class CocoCollection:
    """Annotations in COCO's format, gathered picture by picture.

    Parameters
    ----------
    categories
        Name of each label; labels without one are called ``segment 1``, ….
    info
        What to tell about the masks: network, layer, settings.
    polygons
        Outlines instead of run-length codes, for tools that draw; they hold the same pixels.
    """

    def __init__(
        self,
        categories: Mapping[int, str] | None = None,
        info: Mapping[str, Any] | None = None,
        *,
        polygons: bool = False,
    ) -> None:
        self._names = dict(categories or {})
        self._info = dict(info or {})
        self._polygons = polygons
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._called: list[str | None] = []  # of each annotation, where its label has a name of its picture alone
        self._colours: dict[int | str, list[int]] = {}

    def add(self, file_name: str, mask: ArrayLike | LabelledMask) -> None:
        """Append a picture with one annotation for each label from 1 on that its mask holds.

        Confidence becomes the annotation's ``score``. Where labels have names of this picture alone, a category belongs
        to a name instead of a number, and ``segment`` keeps the number.
        """
        given = mask if isinstance(mask, LabelledMask) else LabelledMask(mask)
        labels = checked_mask(given.labels)
        image = len(self._images) + 1
        self._images.append({"id": image, "file_name": file_name, "height": labels.shape[0], "width": labels.shape[1]})
        for label in np.unique(labels[labels > 0]).tolist():
            segment = labels == label
            area, box = area_and_box(segment)
            annotation: dict[str, Any] = {
                "id": len(self._annotations) + 1,
                "image_id": image,
                "category_id": label,
                "segmentation": polygons_of_mask(segment) if self._polygons else encode_mask(segment),
                "area": area,
                "bbox": box,
                "iscrowd": 0,
            }
            if label in given.confidence:
                annotation["score"] = round(float(given.confidence[label]), 6)
            if given.names:
                annotation["segment"] = label
            self._annotations.append(annotation)
            name = given.names.get(label)
            self._called.append(None if name == self._usual(label) else name)
            if given.colours is not None and label <= len(np.asarray(given.colours)):
                self._colours.setdefault(self._called[-1] or label, np.asarray(given.colours)[label - 1].tolist())

    def as_dict(self) -> dict[str, Any]:
        """The whole collection, ready for JSON."""
        labels = [int(annotation["category_id"]) for annotation in self._annotations]
        usual = {label for label, name in zip(labels, self._called, strict=True) if name is None} | set(self._names)
        own: dict[str, int] = {}
        free = max([*labels, *usual, 0]) + 1
        for label, name in zip(labels, self._called, strict=True):
            if name is not None and name not in own:
                own[name] = free if label in usual or label in own.values() else label
                free = max(free, own[name] + 1)
        known = [(label, self._usual(label), self._colours.get(label)) for label in usual]
        known += [(number, name, self._colours.get(name)) for name, number in own.items()]
        return {
            "info": {"description": f"Segments made by {DISTRIBUTION}", **self._info},
            "licenses": [],
            "images": self._images,
            "annotations": [
                annotation if name is None else {**annotation, "category_id": own[name]}
                for annotation, name in zip(self._annotations, self._called, strict=True)
            ],
            "categories": [
                {"id": number, "name": name, "supercategory": "segment"} | ({"color": colour} if colour else {})
                for number, name, colour in sorted(known, key=lambda entry: entry[0])
            ],
        }

    def _usual(self, label: int) -> str:
        return self._names.get(label, f"segment {label}")

    def put(self, file: IO[bytes]) -> None:
        """Write the collection as JSON."""
        file.write(json_bytes(self.as_dict(), allow_nan=False, separators=(", ", ": ")))


def write_coco_rle(
    path: str | Path,
    names: Sequence[str],
    masks: Iterable[ArrayLike],
    *,
    categories: Mapping[int, str] | None = None,
    info: Mapping[str, Any] | None = None,
) -> None:
    """Write masks as one JSON file in COCO's format, segments as compressed run-length codes.

    Parameters
    ----------
    path
        File to write; an older one is replaced in one step.
    names
        One file name of a picture a mask.
    masks
        Labels from 0 to 65,535; 0 means no segment and gets no annotation. Taken one by one.
    categories
        Name of each label; labels without one are called ``segment 1``, ….
    info
        What to tell about the masks, ready for JSON.

    Raises
    ------
    InputError
        If names and masks do not fit or a mask holds other labels.
    StorageError
        If the file cannot be written.
    """
    collection = CocoCollection(categories, info)
    for name, mask in paired(names, masks):
        collection.add(name, mask)
    with replacing(Path(path)) as partial, partial.open("wb") as file:
        collection.put(file)


def paired(names: Sequence[str], masks: Iterable[Mask]) -> Iterator[tuple[str, Mask]]:
    """Names with their masks, one by one.

    Raises
    ------
    InputError
        If there are more of one than of the other.
    """
    iterator = iter(masks)
    missing = object()
    for number, name in enumerate(names):
        mask = next(iterator, missing)
        if mask is missing:
            raise InputError(f"{len(names)} names need as many masks; got {number}.")
        yield name, mask  # type: ignore[misc]
    if next(iterator, missing) is not missing:
        raise InputError(f"{len(names)} names need as many masks; there are more.")
