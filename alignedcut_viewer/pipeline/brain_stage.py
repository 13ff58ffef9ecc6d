"""Brain-guided alignment of a study: whose pictures somebody saw, with the responses to them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import digest_of, replace_json, writing
from ..errors import AlignmentError
from ..nodes import Slot
from ..progress import ProgressCallback, report, span
from ..study.picture_table import file_digest
from ..study.pooled_features import PooledFeatures
from ..study.study import Study
from .settings import AlignSettings, BrainSettings
from .training_nodes import HeldTokens, TrainingPlaces, pooled_means, training_places

if TYPE_CHECKING:
    from ..alignment import BrainSamples, ChannelAlignment
    from ..brain import BrainDataset, BrainScore

__all__ = ["BrainData", "BrainTraining", "match_pictures", "read_brain_data"]

_FEW_PICTURES = 100
_TRAINING = "training"


@dataclass(frozen=True)
class BrainData:
    """Brain data, and where their pictures are in a study.

    Attributes
    ----------
    dataset
        The data, without the pictures that the study does not hold.
    images
        Image number of each row of it.
    warning
        Which pictures are missing, in a sentence; None where none is.
    digest
        Of pictures and responses (a sample of them), for the recipe.
    """

    dataset: BrainDataset
    images: NDArray[np.int64]
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

    digest = digest_of(
        {
            "data": dataset.describe() | {"source": ""},
            "pictures": study.picture_digests(images),
            "responses": hashlib.sha256(sample).hexdigest(),
        }
    )
    return BrainData(dataset, images, warning, digest)


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
    by_path = {str(file.resolve()): image for image, file in enumerate(files)}
    names: dict[str, int] = {}
    for image, (record, file) in enumerate(zip(table, files, strict=True)):
        for name in {record.name, file.name}:
            names[name] = -1 if name in names else image  # a name that two pictures have says nothing
    by_digest: dict[str, int] | None = None

    def find(name: str, path: Path | None) -> int:
        nonlocal by_digest
        if path is not None:
            found = by_path.get(str(path.resolve()))
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


class BrainTraining:
    """Training maps on a study's features; pooled features are computed once for any number of trainings.

    Parameters
    ----------
    study
        Opened for writing.
    slots
        (feature set, layer) pairs.
    settings
        With ``brain``.
    data
        From :func:`read_brain_data`.
    """

    def __init__(self, study: Study, slots: Sequence[Slot], settings: AlignSettings, data: BrainData) -> None:
        if settings.brain is None:
            raise AlignmentError("Brain-guided alignment needs brain data; name them.")
        study = study.for_training()
        self._study, self._slots, self._settings, self._data = study, tuple(slots), settings, data
        self._brain: BrainSettings = settings.brain
        identity = {
            "slots": [[slot.network, slot.layer] for slot in slots],
            "features": {slot.network: study.network(slot.network).digest for slot in slots},
            "images": [int(image) for image in data.images],
            "data": data.digest,
            "n_samples": self._brain.n_samples,
            "nodes": "every token alike, of training pictures",
            "held": {slot.network: self._study.network(slot.network).n_held for slot in slots},
            "test": self._brain.test,
            "seed": settings.seed,
        }
        # Beside the groups of results, where the next writer would take it for an unfinished one and sweep it away.
        self.folder = study.store.folder(f"{_TRAINING}/{digest_of(identity)[:16]}")

    def train(
        self,
        *,
        progress: ProgressCallback | None = None,
        on_epoch: Callable[[Mapping[str, float]], None] | None = None,
        eigen_weight: float | None = None,
    ) -> tuple[ChannelAlignment, str | None]:
        """Train, score on pictures that took no part, and hand over maps, readout and scores.

        A run that was stopped goes on from the pooled features and the last epoch that it finished.

        Parameters
        ----------
        progress
            Called all along.
        on_epoch
            Called with the record of each epoch, for live curves.
        eigen_weight
            Instead of that of the settings.

        Returns
        -------
        ChannelAlignment
            The maps, with their readout.
        str or None
            What the user should know.
        """
        from ..alignment import BrainAlignment, BrainSamples, score_slots
        from ..alignment.brain_samples import SelectedRows

        samples = self.samples(span(progress, 0.0, 0.4))
        train, test = self._split()
        data, brain, settings = self._data.dataset, self._brain, self._settings
        training = brain.training()
        if eigen_weight is not None:
            training["eigen_weight"] = eigen_weight
        estimator = BrainAlignment(settings.n_channels, **training, seed=settings.seed, device=settings.device)
        checkpoint = self.folder / f"checkpoint-{digest_of(estimator.settings())[:16]}.pt"
        part = BrainSamples(
            {slot: SelectedRows(array, train) for slot, array in samples.pooled.items()},
            samples.nodes,
            data.select(pictures=train).responses,
            corresponding=samples.corresponding,
            pictures=samples.picture_numbers[train],
            node_pictures=samples.node_pictures,
        )
        with writing(checkpoint):
            estimator.fit(part, progress=span(progress, 0.4, 0.9), on_epoch=on_epoch, checkpoint=checkpoint)
        networks = {self._study.network(slot.network).tap for slot in self._slots}
        tap = networks.pop() if len(networks) == 1 else None
        recipe = {
            "brain_data": data.describe(),
            "train_pictures": len(train),
            "test_pictures": len(test),
            "nodes": len(self._places()),
        }
        scores: dict[str, Any] = {}
        if len(test) >= 2:
            bare = estimator.to_alignment(tap=tap, dataset=data)
            found = score_slots(bare, samples.pooled, data.responses, rows=test, progress=span(progress, 0.9, 1.0))
            scores = found.as_dict()
        alignment = estimator.to_alignment(tap=tap, dataset=data, scores=scores, voxels=brain.voxels, recipe=recipe)
        return alignment, self._warning(len(train))

    def table(self, weights: Sequence[float], progress: ProgressCallback | None = None) -> dict[float, BrainScore]:
        """Held-out score for some weights of the eigen-constraint, as in the paper's Table 1.

        Parameters
        ----------
        weights
            One training each.
        progress
            Called all along.

        Raises
        ------
        AlignmentError
            If no pictures are kept apart for the score.
        """
        from ..alignment import score_slots

        _, test = self._split()
        if len(test) < 2:
            raise AlignmentError("The table needs at least two pictures that take no part in the training.")
        samples = self.samples(span(progress, 0.0, 0.4))
        result = {}
        for number, weight in enumerate(weights):
            stage = span(progress, 0.4 + 0.6 * number / len(weights), 0.4 + 0.6 * (number + 1) / len(weights))
            alignment, _ = self.train(progress=stage, eigen_weight=weight)
            rois = self._data.dataset.rois.merged()
            result[weight] = score_slots(
                alignment, samples.pooled, self._data.dataset.responses, rows=test, rois=rois
            ).total
        return result

    def clean(self) -> None:
        """Remove pooled features and checkpoints, those of trainings that were given up included."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)

    def samples(self, progress: ProgressCallback | None = None) -> BrainSamples:
        """Pooled features of all pictures with responses and sampled nodes of those that are trained on, on disk.

        They are computed where they are not there. Features are read a chunk at a time, so that memory does not grow
        with the study.
        """
        from ..alignment import BrainSamples

        places = self._places()
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            pooled, nodes = {}, {}
            for number, slot in enumerate(self._slots):
                stage = span(progress, number / len(self._slots), (number + 1) / len(self._slots))
                pooled[slot], nodes[slot] = self._pool(number, slot, places, stage)
        return BrainSamples(
            pooled,
            nodes,
            self._data.dataset.responses,
            corresponding=True,
            pictures=self._data.images,
            node_pictures=places.positions.image,
        )

    def _pool(
        self, number: int, slot: Slot, places: TrainingPlaces, progress: ProgressCallback
    ) -> tuple[NDArray[np.float32], Any]:
        files = [self.folder / f"{what}-{number:03d}.npy" for what in ("pooled", "nodes")]
        done = self.folder / f"slot-{number:03d}.json"
        features = self._study.network(slot.network)
        held = HeldTokens(features, slot.layer, places)
        # What was extracted for alignment lies there as training reads it; of all tokens the few are copied.
        in_place = isinstance(features, PooledFeatures)
        if not done.is_file():
            images, rows = np.unique(self._data.images, return_inverse=True)
            text = f"Pooling features of {slot}"
            means = pooled_means(features, slot.layer, images, lambda count: report(progress, count, len(images), text))
            np.save(files[0], means[rows])
            if not in_place:
                np.save(files[1], held[:])
            replace_json(done, {"slot": str(slot)})
        report(progress, 1, 1, f"Pooled features of {slot}")
        nodes = held if in_place else np.load(files[1], mmap_mode="r")
        return np.load(files[0], mmap_mode="r"), nodes

    def _places(self) -> TrainingPlaces:
        """The same places for all slots, so that nodes correspond; in pictures that are trained on alone."""
        train, _ = self._split()
        sets = [self._study.network(slot.network) for slot in self._slots]
        return training_places(sets, self._data.images[train], self._brain.n_samples, self._settings.seed)

    def _split(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows to train on and to test on; a picture that was shown twice is on one side only."""
        images, rows = np.unique(self._data.images, return_inverse=True)
        n_test = round(self._brain.test * len(images))
        order = np.random.default_rng([self._settings.seed, 3]).permutation(len(images))
        tested = np.isin(rows, order[:n_test])
        return np.flatnonzero(~tested), np.flatnonzero(tested)

    def _warning(self, n_train: int) -> str | None:
        said = [self._data.warning] if self._data.warning else []
        if self._data.dataset.simulated:
            said.append(f"The alignment was trained on simulated responses ({self._data.dataset.title}).")
        if n_train < _FEW_PICTURES:
            said.append(f"Only {n_train} pictures with responses were there to train on; expect poor maps.")
        return " ".join(said) or None


def _some(names: Sequence[str], total: int, limit: int = 3) -> str:
    listed = ", ".join(names[:limit]) + (", …" if len(names) > limit else "")
    return f"{len(names)} of {total} ({listed}) {'is' if len(names) == 1 else 'are'}"


def _folder_of(dataset: BrainDataset) -> str | None:
    return next((str(path.parent) for path in dataset.pictures.paths if path is not None), None)
