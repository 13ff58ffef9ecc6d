"""Pictures with ground truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import PictureError

__all__ = ["IGNORE", "BenchmarkPicture", "BenchmarkSet", "encoded_ids", "mapped", "paired_files"]

IGNORE = -1
"""Label of pixels that do not count."""


@dataclass(frozen=True)
class BenchmarkPicture:
    """One picture and what is true of it.

    Attributes
    ----------
    name
        Its name, different from all others.
    path
        Its file; None where it lies inside an archive.
    truths
        Each gives one annotation, int32 ``(H, W)``, :data:`IGNORE` where nothing is known. Most data sets have one,
        BSDS several people's.
    pixels
        Gives the picture, uint8 ``(H, W, 3)``, where it has no file of its own.
    kinds
        Gives the kinds of things, int32 ``(H, W)``, 0 where nothing of them is, where the truths only tell figure from
        ground.
    """

    name: str
    path: Path | None
    truths: tuple[Callable[[], NDArray[np.int32]], ...]
    pixels: Callable[[], NDArray[np.uint8]] | None = None
    kinds: Callable[[], NDArray[np.int32]] | None = None

    def truth(self, number: int = 0) -> NDArray[np.int32]:
        """One annotation.

        Raises
        ------
        PictureError
            If it cannot be read, or labels no pixel.
        """
        labels = self.truths[number]()
        if not (labels != IGNORE).any():
            raise PictureError(f"The ground truth of {self.name} labels no pixel; it was left out.")
        return labels


@dataclass(frozen=True)
class BenchmarkSet:
    """A data set.

    Attributes
    ----------
    layout
        Which layout it was read in.
    pictures
        The pictures.
    n_classes
        Number of classes, the labels running from 0; None where every picture has labels of its own.
    figure
        Labels from this one on are figure, in sets that tell figure from ground; None where none are.
    names
        Of classes, as far as the files tell.
    """

    layout: str
    pictures: tuple[BenchmarkPicture, ...]
    n_classes: int | None
    figure: int | None = None
    names: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pictures)


def mapped(labels: NDArray[np.integer], table: Mapping[int, int], what: str | Path) -> NDArray[np.int32]:
    """Labels by a table from label to class; a PictureError if one is not in it."""
    values, places = np.unique(labels, return_inverse=True)
    unknown = [int(value) for value in values if int(value) not in table]
    if unknown:
        raise PictureError(f"The ground truth {what} holds the unknown label {unknown[0]}.")
    found = np.array([table[int(value)] for value in values], dtype=np.int32)
    return found[places].reshape(labels.shape)


def encoded_ids(path: Path) -> NDArray[np.int32]:
    """Numbers that are written into the colours of a PNG: red + 256 green + 65,536 blue."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            colours = np.asarray(image.convert("RGB"), dtype=np.int32)
    except OSError as error:
        raise PictureError(f"The ground truth {path} cannot be read: {error}.") from error
    return np.asarray(colours[..., 0] + 256 * colours[..., 1] + 65536 * colours[..., 2], dtype=np.int32)


def paired_files(pictures: Path, truths: Path, suffix: str = "", ending: str = "") -> list[tuple[Path, Path]]:
    """Pictures of a folder (and folders in it) with the truth of the same name, in order.

    `suffix` is what the picture's stem ends with and the truth's does not; `ending` the other way round.
    """
    by_stem = {
        path.stem.removesuffix(ending): path
        for path in sorted(truths.rglob("*"))
        if path.suffix.lower() in (".png", ".bmp", ".tif", ".mat") and path.stem.endswith(ending)
    }
    kinds = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".ppm")
    files = [p for p in sorted(pictures.rglob("*")) if p.suffix.lower() in kinds and p.stem.endswith(suffix)]
    pairs = [(p, by_stem[p.stem.removesuffix(suffix)]) for p in files if p.stem.removesuffix(suffix) in by_stem]
    if not pairs:
        raise PictureError(f"No ground truth in {truths} is named like one of the {len(files)} pictures in {pictures}.")
    return pairs
