"""Segments of a study, and what reaches a threshold, as masks of the original pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..progress import ProgressCallback
from ..segmentation import (
    DEFAULT_FORMATS,
    check_formats,
    export_masks,
    file_names,
    upsample_labels,
    upsample_scores,
)
from ..segmentation.export import refuse_to_replace
from ..segmentation.formats import LabelledMask
from ..segmentation.writers import expected_files
from ..study.cut import Cut
from ..study.segment_set import SegmentSet
from ..study.study import Study

__all__ = ["check_target", "export_segment_set", "export_threshold", "threshold_mask"]


def check_target(study: Study, folder: str | Path, formats: Sequence[str]) -> None:
    """Say with an InputError that masks would be overwritten, before any work is done."""
    refuse_to_replace(Path(folder).expanduser().absolute(), expected_files(formats, file_names(study.pictures.names)))


def export_segment_set(
    study: Study,
    segments: SegmentSet,
    folder: str | Path,
    *,
    formats: Sequence[str] = DEFAULT_FORMATS,
    replace: bool = False,
    progress: ProgressCallback | None = None,
) -> list[Path]:
    """Write segments that are kept in a study, with their names, colours and confidence.

    Where each picture has segments of its own, colours of a PNG and names are those of its picture.

    Parameters
    ----------
    study, segments
        The study, and some of its segments.
    folder
        Where to write.
    formats
        Some of :data:`~alignedcut_viewer.segmentation.FORMATS`.
    replace
        Whether masks that are there already may be overwritten.
    progress
        Called once a picture.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If a format is unknown, or files are there and may not be replaced.
    StorageError
        If the folder cannot be written.
    """
    check_formats(formats)
    categories: dict[int, str] = {}
    if segments.joint and segments.images:
        categories = segments.names(segments.images[0])
    recipe = segments.recipe

    def masks() -> Iterator[LabelledMask]:
        for image in segments.images:
            given = {} if segments.joint else segments.names(image)
            names = {number: name for number, name in given.items() if name != f"segment {number}"}
            yield LabelledMask(segments.labels(image), segments.confidence(image), names, segments.colours(image))

    return _write(
        study,
        segments.images,
        folder,
        masks(),
        formats=formats,
        categories=categories,
        info={"segments": segments.name, "settings": recipe["settings"], "layers": recipe["layers"]},
        replace=replace,
        progress=progress,
    )


def threshold_mask(
    study: Study,
    cut: Cut,
    values: Callable[[slice], NDArray[np.floating[Any]]],
    threshold: float,
    *,
    network: str,
    layer: int,
    image: int,
    smooth: bool = True,
) -> NDArray[np.int32]:
    """The mask that :func:`export_threshold` writes of one picture, (h, w) of its own size: 1 inside, else 0.

    Parameters
    ----------
    study, cut, values, threshold, network, layer, smooth
        As there.
    image
        Number of the picture.
    """
    grid = cut.index.grid(network, layer)
    part = np.asarray(values(cut.index.patch_slice(network, layer, image)), dtype=np.float32)
    numbers, size = part.reshape(grid.rows, grid.columns), study.picture_size(image)
    if smooth:
        return (upsample_scores(numbers, size) >= np.float32(threshold)).astype(np.int32)
    return upsample_labels((numbers >= np.float32(threshold)).astype(np.int32), size)


def export_threshold(
    study: Study,
    cut: Cut,
    folder: str | Path,
    values: Callable[[slice], NDArray[np.floating[Any]]],
    threshold: float,
    *,
    network: str,
    layer: int,
    title: str = "above the threshold",
    smooth: bool = True,
    formats: Sequence[str] = DEFAULT_FORMATS,
    replace: bool = False,
    progress: ProgressCallback | None = None,
) -> list[Path]:
    """Write where one number per node reaches a threshold as masks of one layer, each of its picture's own size.

    Parameters
    ----------
    study, cut
        The study and one of its cuts.
    folder
        Where to write.
    values
        Gives the numbers of a slice of nodes; NaN is below every threshold.
    threshold
        The least number inside; 1 in the masks, and 0 elsewhere.
    network, layer
        Where.
    title
        What the numbers are.
    smooth
        Whether numbers are interpolated between tokens before they are compared.
    formats
        Some of :data:`~alignedcut_viewer.segmentation.FORMATS`.
    replace
        Whether masks that are there already may be overwritten.
    progress
        Called once a picture.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If network, layer or a format does not fit.
    StorageError
        If the folder cannot be written.
    """
    check_formats(formats)
    cut.index.grid(network, layer)  # says what is missing
    images = cut.index.images

    def masks() -> Iterator[NDArray[np.int32]]:
        for image in images:
            yield threshold_mask(
                study, cut, values, threshold, network=network, layer=layer, image=image, smooth=smooth
            )

    return _write(
        study,
        images,
        folder,
        masks(),
        formats=formats,
        categories={1: title},
        info=_place(study, cut, network, layer) | {"values": title, "threshold": float(threshold)},
        replace=replace,
        progress=progress,
    )


def _place(study: Study, cut: Cut, network: str, layer: int) -> dict[str, Any]:
    """Where masks of one layer come from."""
    weights = study.network(network).note.get("weights", "")
    return {"network": network, "weights": weights, "layer": layer, "cut": cut.name}


def _write(
    study: Study,
    images: Sequence[int],
    folder: str | Path,
    masks: Iterable[NDArray[np.int32] | LabelledMask],
    **settings: Any,
) -> list[Path]:
    """Write masks of some pictures under their names; see :func:`~alignedcut_viewer.segmentation.export_masks`."""
    names = [study.pictures.names[image] for image in images]
    files = [study.picture_path(image).name for image in images]
    return export_masks(folder, names, masks, picture_files=files, **settings)
