"""Segments of a cut as masks of the original pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..progress import ProgressCallback, report, span
from ..segmentation import (
    DEFAULT_FORMATS,
    check_formats,
    export_masks,
    file_names,
    upsample_labels,
    upsample_scores,
)
from ..segmentation.export import refuse_to_replace
from ..segmentation.writers import expected_files
from ..study.cut import Cut
from ..study.segment_set import SegmentSet
from ..study.study import Study

__all__ = ["check_target", "export_segment_set", "export_segments", "export_threshold", "middle_layer"]


def middle_layer(cut: Cut, network: str) -> int:
    """The layer two thirds up the chosen layers of a network, where figure and ground are apart in most networks."""
    layers = cut.index.network(network).layers
    return layers[(2 * len(layers)) // 3 if len(layers) > 1 else 0]


def export_segments(
    study: Study,
    cut: Cut,
    folder: str | Path,
    *,
    network: str | None = None,
    layer: int | None = None,
    k: int = 2,
    one_layer: bool = True,
    smooth: bool = True,
    formats: Sequence[str] = DEFAULT_FORMATS,
    seed: int = 0,
    replace: bool = False,
    progress: ProgressCallback | None = None,
) -> list[Path]:
    """Write k-way segments of one layer as masks, each of its picture's own size.

    Parameters
    ----------
    study, cut
        The study and one of its cuts.
    folder
        Where to write.
    network, layer
        Where the segments are taken; the first network of the cut, and :func:`middle_layer`.
    k
        Number of segments; labels in the masks run from 1 to `k`.
    one_layer
        Whether this layer's nodes are segmented alone, or all nodes of the cut together.
    smooth
        Whether edges are interpolated between tokens.
    formats
        Some of :data:`~alignedcut_viewer.segmentation.FORMATS`.
    seed
        Seed of the segmentation.
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
        If network, layer, `k` or a format does not fit.
    StorageError
        If the folder cannot be written.
    """
    check_formats(formats)
    network = cut.index.networks[0].name if network is None else network
    layer = middle_layer(cut, network) if layer is None else layer
    cut.index.slot_slice(network, layer)  # says what is missing
    images = cut.index.images
    report(progress, 0, len(images), "Finding segments")
    cut.segments(k, slot=(network, layer) if one_layer else None, seed=seed)

    def masks() -> Iterator[NDArray[np.int32]]:
        for image in images:
            labels = cut.label_map(network, layer, image, k, one_layer=one_layer, seed=seed)
            yield upsample_labels(labels, study.picture_size(image), smooth=smooth)

    found = {"segments": k, "segments_of": "one layer" if one_layer else "all nodes of the cut", "seed": seed}
    return _write(
        study,
        images,
        folder,
        masks(),
        formats=formats,
        categories={number: f"segment {number}" for number in range(1, k + 1)},
        info=_place(study, cut, network, layer) | found,
        replace=replace,
        progress=span(progress, 0.1, 1.0),
    )


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
    """Write segments that are kept in a study, with their names and confidence.

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
    for image in segments.images:
        categories.update(segments.names(image) if segments.joint else {})
    recipe = segments.recipe
    return _write(
        study,
        segments.images,
        folder,
        (segments.labels(image) for image in segments.images),
        formats=formats,
        categories=categories,
        colours=segments.colours(),
        confidence=(segments.confidence(image) for image in segments.images),
        info={"segments": segments.name, "settings": recipe["settings"], "layers": recipe["layers"]},
        replace=replace,
        progress=progress,
    )


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
    grid = cut.index.grid(network, layer)  # says what is missing
    images = cut.index.images

    def masks() -> Iterator[NDArray[np.int32]]:
        for image in images:
            part = np.asarray(values(cut.index.patch_slice(network, layer, image)), dtype=np.float32)
            numbers, size = part.reshape(grid.rows, grid.columns), study.picture_size(image)
            if smooth:
                yield (upsample_scores(numbers, size) >= np.float32(threshold)).astype(np.int32)
            else:
                yield upsample_labels((numbers >= np.float32(threshold)).astype(np.int32), size)

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
    study: Study, images: Sequence[int], folder: str | Path, masks: Iterable[NDArray[np.int32]], **settings: Any
) -> list[Path]:
    """Write masks of some pictures under their names; see :func:`~alignedcut_viewer.segmentation.export_masks`."""
    names = [study.pictures.names[image] for image in images]
    files = [study.picture_path(image).name for image in images]
    return export_masks(folder, names, masks, picture_files=files, **settings)
