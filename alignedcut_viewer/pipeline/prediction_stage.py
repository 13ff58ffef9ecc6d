"""Predicted responses to the pictures of a study, by an alignment that was trained on brain data."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import replacing, writing
from ..errors import AlignmentError, InputError
from ..progress import ProgressCallback, report, span
from ..study.study import Study
from .training_nodes import pooled_means

if TYPE_CHECKING:
    from ..alignment import BrainReadout, ChannelAlignment
    from ..brain import BrainDataset

__all__ = ["Predictions", "predict_responses", "write_predictions", "write_submission"]

_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted responses, computed for some pictures or voxels when they are asked for.

    Attributes
    ----------
    names
        Names of the pictures.
    readout
        From the common channels to voxels.
    summed
        Sum over slots of the pooled aligned features, float32 (n_pictures, D').
    """

    names: tuple[str, ...]
    readout: BrainReadout
    summed: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """Pictures and voxels."""
        return len(self.names), self.readout.n_voxels

    def of(self, pictures: slice, voxels: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float32]:
        """Responses to some pictures (equation 2 of the AlignedCut paper), float32 (pictures, voxels)."""
        assert self.readout.beta is not None
        found: NDArray[np.float32] = self.summed[pictures] @ self.readout.beta[:, voxels]
        return found if self.readout.intercept is None else found + self.readout.intercept[voxels]

    def blocks(self) -> list[slice]:
        """Pictures in pieces whose responses are small enough to be held."""
        count = max(1, _BLOCK_BYTES // (4 * max(self.shape[1], 1)))
        return [slice(start, start + count) for start in range(0, len(self.names), count)]


def predict_responses(
    study: Study, alignment: ChannelAlignment, progress: ProgressCallback | None = None
) -> Predictions:
    """What an alignment predicts for all pictures of a study that have features, in the order of their names.

    Means over tokens are enough, so that features that were extracted for alignment alone will do.

    Parameters
    ----------
    study
        With features of all slots of the alignment.
    alignment
        Trained on brain data, with the readout of all voxels; slots under the networks' own names.
    progress
        Called after each slot.

    Raises
    ------
    AlignmentError
        If the alignment brings no readout of all voxels, or no picture has features of all slots.
    StudyError
        If a network or a layer was not extracted.
    """
    if alignment.readout is None or alignment.readout.beta is None:
        raise AlignmentError(
            "This alignment brings no readout of all voxels, so it predicts no responses; train one on brain data."
        )
    source = study.for_training()
    sets = {slot: source.network(slot.network) for slot in alignment.slots}
    n_images = len(source.pictures)
    complete = np.ones(n_images, dtype=bool)
    for slot, features in sets.items():
        features.array(slot.layer)  # says what is missing
        if alignment.tap is not None and features.tap != alignment.tap:
            raise AlignmentError(
                f"The alignment was made for the tap {alignment.tap!r}, but {features.name} is {features.tap!r}."
            )
        complete &= features.complete(slot.layer, n_images)
    images = np.flatnonzero(complete)
    if not len(images):
        raise AlignmentError(f"No picture of {study.path} has features of all {len(sets)} layers of the alignment.")
    summed = np.zeros((len(images), alignment.n_channels), dtype=np.float32)
    for number, (slot, features) in enumerate(sets.items()):
        part = span(progress, number / len(sets), (number + 1) / len(sets))
        tell = partial(_tell, part, len(images), f"Pooling features of {slot}")
        summed += alignment.transform(slot, pooled_means(features, slot.layer, images, tell))
    names = [source.pictures[int(image)].name + source.picture_path(int(image)).suffix for image in images]
    order = sorted(range(len(names)), key=names.__getitem__)
    return Predictions(tuple(names[i] for i in order), alignment.readout, summed[order])


def _tell(progress: ProgressCallback, total: int, text: str, done: int) -> None:
    report(progress, done, total, text)


def write_predictions(predictions: Predictions, out: str | Path, progress: ProgressCallback | None = None) -> Path:
    """Write ``responses.npy`` (pictures × voxels, float32) and ``pictures.csv``, as `open_brain_data` reads them.

    Parameters
    ----------
    predictions
        From :func:`predict_responses`.
    out
        Folder; made where it is not there.
    progress
        Progress callback.

    Raises
    ------
    InputError
        If the folder holds such files already.
    StorageError
        If it cannot be written.
    """
    folder = _new_files(out, "responses.npy", "pictures.csv")
    _write_array(folder / "responses.npy", predictions, np.arange(predictions.shape[1]), predictions.shape[1], progress)
    _write_names(folder, predictions)
    return folder


def write_submission(
    predictions: Predictions,
    out: str | Path,
    dataset: BrainDataset | None = None,
    progress: ProgressCallback | None = None,
) -> Mapping[str, int]:
    """Write ``lh_pred_test.npy`` and ``rh_pred_test.npy`` as the Algonauts 2023 challenge takes them.

    Float32, pictures in the order of their names × all vertices of the hemisphere in challenge space.

    Parameters
    ----------
    predictions
        From :func:`predict_responses`.
    out
        Folder of the subject, such as ``submission/subj01``.
    dataset
        The data that the alignment was trained on, all vertices. Vertices that training left out are predicted as 0,
        the mean of standardised responses. None takes it that none was left out.
    progress
        Progress callback.

    Returns
    -------
    mapping
        For each hemisphere how many vertices were left out.

    Raises
    ------
    AlignmentError
        If the readout does not say which hemisphere its voxels are of, or fits the data not at all.
    """
    readout = predictions.readout
    if readout.subjects:
        raise AlignmentError(
            f"A submission is of one person; this alignment is of {', '.join(readout.subjects)}. Name one: --subject "
            f"{readout.subjects[0]}"
        )
    hemisphere = readout.hemisphere
    if hemisphere is None or not set(np.unique(hemisphere)) <= {"lh", "rh"}:
        raise AlignmentError(
            "The readout does not say which hemisphere each voxel is of; a submission needs one that was trained on a "
            "folder of the Algonauts 2023 release."
        )
    left_out = {}
    folder = _new_files(out, *(f"{side}_pred_test.npy" for side in ("lh", "rh")), "pictures.csv")
    for number, side in enumerate(("lh", "rh")):
        voxels = np.flatnonzero(hemisphere == side)
        places, total = np.arange(len(voxels)), len(voxels)
        if dataset is not None:
            places, total = _places(dataset, side, len(voxels))
        left_out[side] = total - len(voxels)
        part = span(progress, number / 2, (number + 1) / 2)
        _write_array(folder / f"{side}_pred_test.npy", predictions, voxels, total, part, places)
    _write_names(folder, predictions)
    return left_out


def _places(dataset: BrainDataset, side: str, n_voxels: int) -> tuple[NDArray[np.int64], int]:
    """Where the predicted voxels of a hemisphere are among all its vertices, and how many those are."""
    from ..brain.arrays import find_faults

    of_side = np.flatnonzero(np.asarray(dataset.hemisphere) == side)
    if len(of_side) == n_voxels:
        return np.arange(n_voxels), n_voxels
    usable = np.ones(dataset.n_voxels, dtype=bool)
    usable[find_faults(dataset.responses).unusable] = False
    places = np.flatnonzero(usable[of_side])
    if len(places) != n_voxels:
        raise AlignmentError(
            f"The readout has {n_voxels:,} voxels of {side}; {dataset.title} has {len(of_side):,}, {len(places):,} of "
            "them usable. Name the data that the alignment was trained on."
        )
    return places, len(of_side)


def _new_files(out: str | Path, *names: str) -> Path:
    folder = Path(out)
    for name in names:
        if (folder / name).exists():
            raise InputError(f"{folder / name} is there already; name another folder, or remove it.")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_array(
    file: Path,
    predictions: Predictions,
    voxels: NDArray[np.int64],
    n_columns: int,
    progress: ProgressCallback | None,
    places: NDArray[np.int64] | None = None,
) -> None:
    """A ``.npy`` file that is there wholly or not at all, written some pictures at a time."""
    header: dict[str, Any] = {"descr": "<f4", "fortran_order": False, "shape": (len(predictions.names), n_columns)}
    with replacing(file) as unfinished, unfinished.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for block in predictions.blocks():
            values = predictions.of(block, voxels)
            if places is not None and len(places) < n_columns:
                whole = np.zeros((len(values), n_columns), dtype=np.float32)
                whole[:, places] = values
                values = whole
            stream.write(np.ascontiguousarray(values, dtype="<f4").tobytes())
            report(progress, min(block.stop, len(predictions.names)), len(predictions.names), "predicting responses")


def _write_names(folder: Path, predictions: Predictions) -> None:
    file = folder / "pictures.csv"
    with replacing(file) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["picture"])
        writer.writerows([name] for name in predictions.names)
