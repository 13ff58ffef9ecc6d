"""What masks say of tokens: the files of a study's pictures, the labels that mean nothing, and what tokens get."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..nodes import NodeIndex
from ..progress import ProgressCallback, report
from ..segmentation import UNLABELLED, upsample_labels

if TYPE_CHECKING:
    from .study import Study

__all__ = ["NodeLabels", "mask_labels", "spread_labels", "token_labels", "usual_unlabelled"]

VOID = 255
_FIRST_STUFF = 92


@dataclass(frozen=True, eq=False)
class NodeLabels:
    """Labels of masks at the nodes of a cut.

    Attributes
    ----------
    labels
        int32 (N,): label of each node; -1 where it is not known (class tokens, unlabelled, pictures without a mask).
    source
        Where they come from and what was left out, as the end of a sentence.
    """

    labels: NDArray[np.int32]
    source: str


def usual_unlabelled(masks: Iterable[NDArray[np.integer]]) -> frozenset[int]:
    """Which labels of some masks usually mean that nobody labelled the pixel.

    255 does, as PASCAL VOC's void, unless the masks hold nothing but 0 and 255: those are black and white pictures, and
    white is their figure. 0 does where there are labels from 92 to 254 and no 255: there classes cover the whole
    picture, as COCO's stuff does (numbers from 92 on), and 0 is what is left over.

    Parameters
    ----------
    masks
        Whole numbers, as :func:`alignedcut_viewer.images.load_mask` gives them.

    Returns
    -------
    frozenset of int
        The labels to leave out, whether they occur or not.
    """
    met: set[int] = set()
    for mask in masks:
        met.update(_values(mask))
        if VOID in met and met - {0, VOID}:
            break  # no further mask can change the answer
    if met <= {0, VOID}:
        return frozenset()
    stuff = VOID not in met and any(_FIRST_STUFF <= value < VOID for value in met)
    return frozenset({VOID, 0} if stuff else {VOID})


def _values(mask: NDArray[np.integer]) -> set[int]:
    """Labels that occur in a mask."""
    if mask.size and mask.min() >= 0 and mask.max() < 65_536:
        return set(np.flatnonzero(np.bincount(mask.ravel())).tolist())
    return set(np.unique(mask).tolist())


def mask_labels(
    study: Study,
    index: NodeIndex,
    folder: str | Path,
    *,
    figure: Collection[int] | None = None,
    two_classes: bool = False,
    unlabelled: Collection[int] | None = None,
    progress: ProgressCallback | None = None,
) -> NodeLabels:
    """Labels of nodes from mask files that are named like the pictures.

    Parameters
    ----------
    study, index
        The study, and the nodes of one of its cuts.
    folder
        Where the masks are; see :func:`alignedcut_viewer.images.find_masks`.
    figure
        Labels that are the figure, all others becoming 0; None takes all but 0 and `unlabelled`.
    two_classes
        Whether labels become figure (1) and ground (0) before tokens take them, instead of classes.
    unlabelled
        Labels that mean that nothing is known; None takes what :func:`usual_unlabelled` says, less `figure`.
    progress
        Called after every picture.

    Raises
    ------
    PictureError
        If no mask fits, or one cannot be read.
    InputError
        If a label is both figure and unlabelled.
    """
    from ..images import PictureSet, find_masks, load_mask

    images = index.images
    files = find_masks(folder, PictureSet([study.picture_path(image) for image in images]))
    chosen = frozenset() if figure is None else frozenset(figure)
    if unlabelled is None:
        left_out = usual_unlabelled(load_mask(file) for file in files if file is not None) - chosen
    else:
        left_out = frozenset(unlabelled)
        if left_out & chosen:
            both = ", ".join(str(label) for label in sorted(left_out & chosen))
            raise InputError(f"Label {both} of the masks is named both as figure and as unlabelled; name it once.")
    labels = np.full(len(index), UNLABELLED, dtype=np.int32)
    met: set[int] = set()
    for number, (image, file) in enumerate(zip(images, files, strict=True)):
        if file is not None:
            values = load_mask(file)
            met |= left_out & _values(values)
            known = ~np.isin(values, list(left_out)) if left_out else np.ones(values.shape, dtype=bool)
            is_figure = values != 0 if figure is None else np.isin(values, list(chosen))
            values = is_figure.astype(np.int32) if two_classes else np.where(is_figure, values, 0)
            spread_labels(labels, index, image, np.where(known, values, UNLABELLED))
        report(progress, number + 1, len(images), "Masks")
    held = sum(file is not None for file in files)
    source = f"masks of {held} of {len(images)} pictures"
    if met:
        source += f"; label {_listed(sorted(met))} left out as unlabelled"
    return NodeLabels(labels, source)


def _listed(labels: Sequence[int]) -> str:
    words = [str(label) for label in labels]
    return words[0] + " is" if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]} are"


def spread_labels(labels: NDArray[np.signedinteger], index: NodeIndex, image: int, mask: ArrayLike) -> None:
    """Give every layer of every network the labels of one picture's mask.

    Parameters
    ----------
    labels
        (N,), changed in place at the patches of `image`.
    index
        The nodes.
    image
        Which picture.
    mask
        (H, W) whole numbers from 0; -1 where nothing is known.
    """
    pixels = np.asarray(mask)
    by_grid: dict[tuple[int, int], NDArray[np.int32]] = {}
    for slot in index.slots:
        size = index.grid(*slot).rows, index.grid(*slot).columns
        if size not in by_grid:
            fine = pixels
            if pixels.shape[0] < 4 * size[0] or pixels.shape[1] < 4 * size[1]:
                # a coarse mask is first refined, so that tokens of another grid find enough of it to count
                finer = max(pixels.shape[0], 8 * size[0]), max(pixels.shape[1], 8 * size[1])
                names, numbers = np.unique(pixels, return_inverse=True)
                fine = names[upsample_labels(numbers.reshape(pixels.shape).astype(np.int32), finer)]
            by_grid[size] = token_labels(fine, *size).ravel()
        labels[index.patch_slice(*slot, image)] = by_grid[size]


def token_labels(mask: ArrayLike, rows: int, columns: int) -> NDArray[np.int32]:
    """Label of each token of a grid: the one that most of its labelled pixels have.

    Parameters
    ----------
    mask
        (H, W) whole numbers from 0; -1 where nothing is known.
    rows, columns
        The grid.

    Returns
    -------
    ndarray
        int32 (rows, columns); the lower of equally frequent labels; -1 where more than half of a token is unlabelled,
        or it has no pixel.
    """
    pixels = np.asarray(mask)
    height, width = pixels.shape
    row = (2 * np.arange(height, dtype=np.int64) + 1) * rows // (2 * height)
    column = (2 * np.arange(width, dtype=np.int64) + 1) * columns // (2 * width)
    token = row[:, None] * columns + column[None, :]
    if pixels.max(initial=0) < 512:
        names, numbers = np.arange(-1, int(pixels.max(initial=0)) + 1), pixels + 1
    else:
        names, numbers = np.unique(np.append(pixels.ravel(), UNLABELLED), return_inverse=True)
        numbers = numbers[:-1].reshape(pixels.shape)
    counts = np.bincount((token * len(names) + numbers).ravel(), minlength=rows * columns * len(names))
    counts = counts.reshape(rows * columns, len(names))
    known = counts[:, 1:].sum(axis=1)
    best = names[1:][counts[:, 1:].argmax(axis=1)] if len(names) > 1 else np.full(len(counts), UNLABELLED)
    found = np.where((known == 0) | (counts[:, 0] > known), UNLABELLED, best)
    return found.astype(np.int32).reshape(rows, columns)
