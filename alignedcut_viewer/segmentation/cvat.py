"""Masks as CVAT takes and writes them in its own XML ("CVAT for images 1.1"); it imports COCO as well."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..foreign_files import checked_size
from .formats import LabelledMask, checked_mask
from .polygons import mask_from_polygons
from .rle import area_and_box

__all__ = ["CvatAnnotations", "masks_of_cvat"]


class CvatAnnotations:
    """Annotations in CVAT's XML, gathered picture by picture.

    Parameters
    ----------
    names
        Name of each label; labels without one are called ``segment 1``, ….
    """

    def __init__(self, names: Mapping[int, str] | None = None) -> None:
        self._names = dict(names or {})
        self._used: set[str] = set()
        self._images: list[ElementTree.Element] = []

    def add(self, file_name: str, mask: LabelledMask) -> None:
        """Append a picture with one mask for each label from 1 on."""
        labels = checked_mask(mask.labels)
        height, width = labels.shape
        image = ElementTree.Element(
            "image", id=str(len(self._images)), name=file_name, width=str(width), height=str(height)
        )
        for label in np.unique(labels[labels > 0]).tolist():
            name = mask.names.get(label, self._names.get(label, f"segment {label}"))
            self._used.add(name)
            left, top, columns, rows = (int(value) for value in area_and_box(labels == label)[1])
            inside = (labels == label)[top : top + rows, left : left + columns].ravel()
            ends = np.append(np.flatnonzero(inside[1:] != inside[:-1]) + 1, inside.size)
            lengths = np.diff(np.concatenate([[0], ends])).tolist()
            runs = [0, *lengths] if inside[0] else lengths  # that of zeros comes first
            ElementTree.SubElement(
                image,
                "mask",
                label=name,
                source="auto",
                occluded="0",
                rle=", ".join(map(str, runs)),
                left=str(left),
                top=str(top),
                width=str(columns),
                height=str(rows),
                z_order="0",
            )
        self._images.append(image)

    def as_xml(self) -> bytes:
        """The whole document."""
        root = ElementTree.Element("annotations")
        ElementTree.SubElement(root, "version").text = "1.1"
        labels = ElementTree.SubElement(ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task"), "labels")
        for name in sorted(self._used):
            label = ElementTree.SubElement(labels, "label")
            ElementTree.SubElement(label, "name").text = name
            ElementTree.SubElement(label, "type").text = "mask"
        root.extend(self._images)
        return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def masks_of_cvat(data: bytes) -> Iterator[tuple[str, tuple[int, int], list[tuple[str, NDArray[np.bool_]]]]]:
    """File name, size, and named masks of each picture in CVAT's XML; masks, polygons and boxes are read.

    Raises
    ------
    InputError
        If this is no such document, or a shape does not fit its picture.
    """
    if b"<!ENTITY" in data:
        raise InputError("This XML file defines entities, which annotations of CVAT never do; it was not read.")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise InputError(f"This is no XML: {error}.") from error
    if root.tag != "annotations":
        raise InputError(f"This XML holds <{root.tag}>, where CVAT writes <annotations>.")
    for image in root.iter("image"):
        name = image.get("name", "")
        try:
            size = checked_size(image.attrib["height"], image.attrib["width"])
            shapes = [
                (shape.attrib["label"], _shape(shape, size))
                for shape in sorted(image, key=lambda shape: int(shape.get("z_order", 0)))
                if shape.tag in ("mask", "polygon", "box")
            ]
        except KeyError as error:
            raise InputError(f"{name}: CVAT's annotation lacks {error}.") from error
        except ValueError as error:
            raise InputError(f"{name}: {error}") from error
        yield name.replace("\\", "/").rsplit("/", 1)[-1], size, shapes


def _shape(shape: ElementTree.Element, size: tuple[int, int]) -> NDArray[np.bool_]:
    values: Any
    if shape.tag == "polygon":
        values = [float(number) for point in shape.attrib["points"].split(";") for number in point.split(",")]
        return mask_from_polygons([values], size)
    if shape.tag == "box":
        left, top, right, bottom = (float(shape.attrib[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
        return mask_from_polygons([[left, top, right, top, right, bottom, left, bottom]], size)
    left_, top_, columns, rows = (int(shape.attrib[key]) for key in ("left", "top", "width", "height"))
    runs = np.array([int(number) for number in shape.attrib["rle"].split(",")], dtype=np.int64)
    if left_ < 0 or top_ < 0 or left_ + columns > size[1] or top_ + rows > size[0]:
        raise InputError(f"A mask reaches beyond the picture of {size[1]} × {size[0]} pixels.")
    if (runs < 0).any() or runs.sum() != rows * columns:
        raise InputError(f"The runs of a mask do not add up to {rows} × {columns} pixels.")
    mask = np.zeros(size, dtype=bool)
    mask[top_ : top_ + rows, left_ : left_ + columns] = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(
        rows, columns
    )
    return mask
