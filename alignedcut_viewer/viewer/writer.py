"""Labels drawn or cut in the window, saved as masks of the original pictures."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..segmentation import write_coco_rle, write_indexed_png, write_npz, write_tiff
from .frames.picture_layout import PictureLayout

__all__ = ["write_labels"]


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a layer of labels as masks.

    Labels on the canvas of the pictures in the window are brought to the size of the original pictures; other labels
    are written as they are.

    Parameters
    ----------
    path
        Ends in .json (COCO RLE) or .npz for all pictures in one file; in .png (indexed) or .tif for one file per
        picture, whose names then follow that of `path`.
    data
        Integers (pictures, height, width) or (height, width).
    meta
        What napari knows of the layer.

    Returns
    -------
    list of str
        The files that were written.

    Raises
    ------
    InputError
        If the labels have more axes, or the file has another ending.
    StorageError
        If a file cannot be written.
    """
    target = Path(path)
    labels = np.asarray(data)
    if labels.ndim == 2:
        labels = labels[None]
    if labels.ndim != 3:
        raise InputError(f"Labels must have the axes (picture, y, x); these have {labels.ndim} axes.")
    names, masks = _masks(labels, meta.get("metadata") or {})
    kind = target.suffix.lower()
    if kind == ".json":
        write_coco_rle(target, names, masks)
        return [str(target)]
    if kind == ".npz":
        write_npz(target, names, masks)
        return [str(target)]
    write_one = {".png": write_indexed_png, ".tif": write_tiff, ".tiff": write_tiff}.get(kind)
    if write_one is None:
        raise InputError(f"{target.name} must end in .png, .tif, .npz or .json; no other kinds of mask can be written.")
    if len(masks) == 1:
        write_one(target, masks[0])
        return [str(target)]
    files = [target.with_name(f"{target.stem}-{name}{target.suffix}") for name in names]
    for file, mask in zip(files, masks, strict=True):
        write_one(file, mask)
    return [str(file) for file in files]


def _masks(labels: NDArray[np.integer], metadata: dict[str, Any]) -> tuple[list[str], list[NDArray[np.integer]]]:
    """Names and masks, at the size of the original pictures where the labels lie on their canvas."""
    layout, names = metadata.get("layout"), metadata.get("names", ())
    if isinstance(layout, PictureLayout) and labels.shape == (len(layout), layout.height, layout.width):
        return list(names), [layout.crop_labels(image, labels[image]) for image in range(len(layout))]
    return [f"{number:04d}" for number in range(len(labels))], list(labels)
