"""Label masks that belong to pictures."""

from __future__ import annotations

import io
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import PictureError
from ..regular_files import open_regular
from .decoding import (
    check_strips,
    exif_orientation,
    is_png,
    is_tiff,
    oriented,
    picture_formats,
    reason_of,
    tiff_orientation,
)
from .pictures import PictureSet, open_pictures

__all__ = ["find_masks", "load_mask"]

_ENDINGS = ("_mask", "-mask", "_masks", "_label", "_labels", "_seg", "_gt")
"""What mask files often carry after the name of their picture."""


def find_masks(folder: str | Path, pictures: PictureSet) -> tuple[Path | None, ...]:
    """Find the mask of each picture by its name.

    ``masks/cat.png`` belongs to ``cat.jpg``, and so do ``cat_mask.png``, ``cat_labels.tif`` and the like. Where several
    pictures have one name in different folders, the mask must lie in folders of the same names.

    Parameters
    ----------
    folder
        Where the masks are; subfolders are searched too.
    pictures
        Pictures to find masks for.

    Returns
    -------
    tuple of Path or None
        One entry a picture; None where it has no mask.

    Raises
    ------
    PictureError
        If the folder is missing or empty, no mask fits any picture, or two fit one.
    """
    own = set(pictures.paths)
    files = [path for path in open_pictures(folder, recursive=True).paths if path not in own]
    root = Path(os.path.abspath(Path(folder).expanduser()))  # as paths of pictures are: without '..'
    by_key: dict[str, set[Path]] = defaultdict(set)
    for path in files:
        parts = path.relative_to(root).with_suffix("").parts
        for stem in _stems(parts[-1]):
            for start in range(len(parts)):
                by_key["/".join((*parts[start:-1], stem))].add(path)
    depth = max((key.count("/") + 1 for key in by_key), default=1)
    masks = tuple(_mask_of(path, by_key, depth) for path in pictures.paths)
    if not any(masks):
        examples = files[0].name if files else "none"
        raise PictureError(
            f"No mask in {folder} belongs to any of the {len(pictures)} pictures: masks are named like their pictures, "
            f"but the first picture is {pictures.paths[0].name} and the first mask is {examples}."
        )
    return masks


def _stems(stem: str) -> Iterable[str]:
    yield stem
    for ending in _ENDINGS:
        if stem.lower().endswith(ending) and len(stem) > len(ending):
            yield stem[: -len(ending)]


def _mask_of(picture: Path, by_key: dict[str, set[Path]], depth: int) -> Path | None:
    """The mask that shares the longest end of its path with the picture."""
    parts = picture.with_suffix("").parts
    for length in range(min(depth, len(parts)), 0, -1):
        fitting = by_key.get("/".join(parts[-length:]), set())
        if len(fitting) > 1:
            exact = {path for path in fitting if path.stem == picture.stem}
            fitting = exact if len(exact) == 1 else fitting
        if len(fitting) > 1:
            first, second = sorted(fitting)[:2]
            raise PictureError(f"Two masks belong to {picture.name}: {first} and {second}; remove one.")
        if fitting:
            return next(iter(fitting))
    return None


def load_mask(path: str | Path, *, size: tuple[int, int] | None = None) -> NDArray[np.int32]:
    """Read a label mask: one whole number a pixel, not a colour.

    Parameters
    ----------
    path
        PNG (grey of any depth, or palette, whose indices are the labels), TIFF or BMP.
    size
        Height and width of the picture, to be compared with the mask's.

    Returns
    -------
    ndarray of int32, shape (H, W)
        The numbers in the file as they stand; black in a two-level picture is 0 and white 1.

    Raises
    ------
    PictureError
        If the file cannot be read, holds colours instead of labels, or is not of that size.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            data = file.read()
    except OSError as error:
        raise PictureError(f"The mask {path} cannot be read: {error.strerror or error}.") from error
    if not data:
        raise PictureError(f"The mask {path} is empty (0 bytes).")
    try:
        labels = _tiff_labels(data) if is_tiff(data) else _pillow_labels(data)
    except _NoLabelsError as error:
        raise PictureError(f"The mask {path} {error}.") from None
    except Exception as error:
        raise PictureError(f"The mask {path} is damaged and cannot be decoded ({reason_of(error)}).") from error
    if size is not None and labels.shape != tuple(size):
        raise PictureError(
            f"The mask {path} is {labels.shape[0]} × {labels.shape[1]} pixels, but its picture {size[0]} × {size[1]}."
        )
    return labels


class _NoLabelsError(Exception):
    """What is wrong with a mask, as the end of a sentence that begins with its name."""


def _tiff_labels(data: bytes) -> NDArray[np.int32]:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        if len(tiff.pages) > 1:
            raise _NoLabelsError(f"has {len(tiff.pages)} pages, where one is expected")
        page = tiff.pages.first
        check_strips(page)
        return _single_channel(oriented(page.asarray(), tiff_orientation(page)))


def _pillow_labels(data: bytes) -> NDArray[np.int32]:
    file = io.BytesIO(data)
    with Image.open(file, formats=picture_formats()) as image:
        if image.format in ("JPEG", "MPO"):
            raise _NoLabelsError("is a JPEG, whose compression changes labels; store masks as PNG or TIFF")
        orientation = exif_orientation(image, file)
        values = np.asarray(image)
    if is_png(data) and data[25] == 0 and data[24] in (2, 4):
        values = values // (255 // (2 ** data[24] - 1))  # Pillow spreads 2 and 4 bits over 0 to 255
    return _single_channel(oriented(values, orientation))


def _single_channel(values: NDArray[Any]) -> NDArray[np.int32]:
    if values.ndim == 3:
        colour = values[..., :3] if values.shape[-1] >= 3 else values[..., :1]
        if (colour != colour[..., :1]).any():
            raise _NoLabelsError("holds colours, not labels; store one number per pixel, or indices into a palette")
        values = colour[..., 0]
    if values.ndim != 2:
        raise _NoLabelsError(f"has {values.ndim} dimensions, where height and width are expected")
    if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)):
        raise _NoLabelsError("holds fractions, not labels; store whole numbers")
    if values.size and (values.min() < -(2**31) or values.max() >= 2**31):
        raise _NoLabelsError("holds labels beyond 2,147,483,647; renumber them")
    return np.ascontiguousarray(values, dtype=np.int32)
