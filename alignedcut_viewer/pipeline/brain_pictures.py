"""Pictures of brain data, found again among those of a study."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import digest_of
from ..errors import AlignmentError
from ..nodes import Slot
from ..progress import ProgressCallback, report
from ..study.picture_table import file_digest
from ..study.study import Study
from .settings import BrainSettings

if TYPE_CHECKING:
    from ..brain import BrainDataset

__all__ = ["BrainData", "match_pictures", "read_brain_data"]


@dataclass(frozen=True)
class BrainData:
    """Brain data, and where their pictures are in a study.

    Attributes
    ----------
    dataset
        The data, without the pictures that the study does not hold.
    images
        Image number of each row of it.
    pictures
        Which picture each row shows, by content: copies of one picture have one number.
    warning
        Which pictures are missing, in a sentence; None where none is.
    digest
        Of pictures and responses (a sample of them), for the recipe.
    """

    dataset: BrainDataset
    images: NDArray[np.int64]
    pictures: NDArray[np.int64]
    warning: str | None
    digest: str


def read_brain_data(
    study: Study, slots: Sequence[Slot], settings: BrainSettings, progress: ProgressCallback | None = None
) -> BrainData:
    """Open brain data and find their pictures among those of a study whose features are complete.

    Parameters
    ----------
    study
        The study.
    slots
        (feature set, layer) pairs that are to be aligned.
    settings
        Which data.
    progress
        Progress callback.

    Raises
    ------
    InputError
        If the data cannot be read.
    AlignmentError
        If too few of their pictures are in the study; the first that are missing are named.
    """
    from ..brain import open_brain_data

    report(progress, 0, 1, "Reading brain data")
    unusable = cast(Literal["raise", "drop"], settings.unusable)
    dataset = open_brain_data(settings.data, pictures=settings.pictures, unusable=unusable)
    images = match_pictures(study, dataset)
    study = study.for_training()
    n_images = len(study.pictures)
    complete = np.ones(n_images, dtype=bool)
    for slot in slots:
        complete &= study.network(slot.network).complete(slot.layer, n_images)
    without = (images >= 0) & ~complete[images]
    usable = (images >= 0) & complete[images]
    warning = None
    if not usable.all():
        absent = [dataset.pictures.names[row] for row in np.flatnonzero(images < 0)]
        bare = [study.pictures[int(images[row])].name for row in np.flatnonzero(without)]
        said = []
        if absent:
            said.append(f"{_some(absent, dataset.n_pictures)} not in the study")
        if bare:
            said.append(f"{_some(bare, dataset.n_pictures)} in the study without features at all of these layers")
        warning = f"Of the pictures of {dataset.title}, {' and '.join(said)}."
    if usable.sum() < 10:
        raise AlignmentError(
            f"{warning or f'{dataset.title} holds {dataset.n_pictures} pictures.'} At least 10 pictures with features "
            "and responses are needed; extract the features of the pictures in "
            f"{_folder_of(dataset) or 'the data set'} into this study."
        )
    rows = np.flatnonzero(usable)
    if len(rows) < dataset.n_pictures:
        dataset = dataset.select(pictures=rows)
    images = images[rows]
    few = np.unique(np.linspace(0, len(rows) - 1, 16).astype(np.int64))
    sample = np.ascontiguousarray(dataset.read(few)).tobytes()
    import hashlib

    digests = study.picture_digests(images)
    first: dict[str, int] = {}
    shown = [
        first.setdefault(known or f"image {image}", int(image)) for known, image in zip(digests, images, strict=True)
    ]
    digest = digest_of(
        {
            "data": dataset.describe() | {"source": ""},
            "pictures": digests,
            "responses": hashlib.sha256(sample).hexdigest(),
        }
    )
    return BrainData(dataset, images, np.asarray(shown, dtype=np.int64), warning, digest)


def match_pictures(study: Study, dataset: BrainDataset) -> NDArray[np.int64]:
    """Image number in a study of each picture of a data set, -1 where there is none.

    A picture is found by its path, else by its content (sha256), else, where its file is not at hand, by its name;
    where all of that fails, in the same way by the file that it is a copy of, if the data know it.

    Parameters
    ----------
    study
        The study.
    dataset
        The brain data.
    """
    table = study.pictures
    files = [study.picture_path(image) for image in range(len(table))]
    by_path = {os.path.realpath(file): image for image, file in enumerate(files)}
    names: dict[str, int] = {}
    for image, (record, file) in enumerate(zip(table, files, strict=True)):
        for name in {record.name, file.name}:
            names[name] = -1 if name in names else image  # a name that two pictures have says nothing
    by_digest: dict[str, int] | None = None

    def find(name: str, path: Path | None) -> int:
        nonlocal by_digest
        if path is not None:
            found = by_path.get(os.path.realpath(path))
            if found is not None:
                return found
            if path.is_file():
                if by_digest is None:
                    digests = study.picture_digests(range(len(table)))
                    by_digest = {digest: image for image, digest in enumerate(digests) if digest}
                return by_digest.get(file_digest(path), -1)
        return names.get(name, names.get(Path(name).name, -1))

    pictures = dataset.pictures
    images = np.full(len(pictures), -1, dtype=np.int64)
    for row, original in enumerate(pictures.originals or (None,) * len(pictures)):
        images[row] = find(pictures.names[row], pictures.paths[row])
        if images[row] < 0 and original is not None:
            images[row] = find(original.name, original)
    return images


def _some(names: Sequence[str], total: int, limit: int = 3) -> str:
    listed = ", ".join(names[:limit]) + (", …" if len(names) > limit else "")
    return f"{len(names)} of {total} ({listed}) {'is' if len(names) == 1 else 'are'}"


def _folder_of(dataset: BrainDataset) -> str | None:
    return next((str(path.parent) for path in dataset.pictures.paths if path is not None), None)
