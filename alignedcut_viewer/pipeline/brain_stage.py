"""Brain-guided alignment of a study: whose pictures somebody saw, with the responses to them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..atomic_files import digest_of, replace_json, writing
from ..errors import AlignmentError
from ..nodes import Slot
from ..progress import ProgressCallback, report, span
from ..study.pooled_features import PooledFeatures
from ..study.study import Study
from .brain_pictures import BrainData
from .settings import AlignSettings, BrainSettings
from .training_nodes import HeldTokens, TrainingPlaces, pooled_means, training_places

if TYPE_CHECKING:
    from ..alignment import BrainSamples, ChannelAlignment
    from ..brain import BrainDataset, BrainScore, SubjectPart

__all__ = ["BrainTraining"]

_FEW_PICTURES = 100
_DRAWS = 1000
"""Exchanges of pictures and draws for p-values and intervals of scores."""
_TRAINING = "training"


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
        n_draws: int = _DRAWS,
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
        n_draws
            Exchanges of pictures and draws for p-values and intervals of the scores; 0 leaves them out.

        Returns
        -------
        ChannelAlignment
            The maps, with their readout.
        str or None
            What the user should know.
        """
        from ..alignment import BrainSamples, score_slots
        from ..alignment.brain_samples import SelectedRows

        samples = self.samples(span(progress, 0.0, 0.4))
        train, test = self._split()
        data = self._data.dataset
        part = BrainSamples(
            {slot: SelectedRows(array, train) for slot, array in samples.pooled.items()},
            samples.nodes,
            data.select(pictures=train).responses,
            corresponding=samples.corresponding,
            pictures=samples.picture_numbers[train],
            node_pictures=samples.node_pictures,
            subjects=_parts(data.select(pictures=train)),
        )
        stage = span(progress, 0.4, 0.9)
        make = (
            self._trained(part, stage, on_epoch, eigen_weight)
            if self._brain.maps is None
            else partial(self._given, self._brain.maps, part)
        )
        scores: dict[str, Any] = {}
        if len(test) >= 2:
            found = score_slots(
                make({}, True),
                samples.pooled,
                data.responses,
                rows=test,
                subjects=data.parts() if len(data.subjects) > 1 else (),
                pictures=self._data.pictures,
                n_draws=n_draws,
                seed=self._settings.seed,
                progress=span(progress, 0.9, 1.0),
            )
            scores = found.as_dict()
        return make(scores, self._brain.voxels), self._warning(len(train))

    def _trained(
        self,
        samples: BrainSamples,
        progress: ProgressCallback,
        on_epoch: Callable[[Mapping[str, float]], None] | None,
        eigen_weight: float | None,
    ) -> Callable[[dict[str, Any], bool], ChannelAlignment]:
        """Train, and give what makes the alignment of scores."""
        from ..alignment import BrainAlignment

        training = self._brain.arguments(BrainAlignment)
        if eigen_weight is not None:
            training["eigen_weight"] = eigen_weight
        settings = self._settings
        estimator = BrainAlignment(settings.n_channels, **training, seed=settings.seed, device=settings.device)
        checkpoint = self.folder / f"checkpoint-{digest_of(estimator.settings())[:16]}.pt"
        with writing(checkpoint):
            estimator.fit(samples, progress=progress, on_epoch=on_epoch, checkpoint=checkpoint)
        taps = {self._study.network(slot.network).tap for slot in self._slots}
        train, test = self._split()
        recipe = {
            "brain_data": self._data.dataset.describe(),
            "train_pictures": len(train),
            "test_pictures": len(test),
            "nodes": len(self._places()),
        }

        def make(scores: dict[str, Any], voxels: bool) -> ChannelAlignment:
            return estimator.to_alignment(
                tap=taps.copy().pop() if len(taps) == 1 else None,
                dataset=self._data.dataset,
                scores=scores,
                voxels=voxels,
                recipe=recipe,
            )

        return make

    def _given(self, file: str, samples: BrainSamples, scores: dict[str, Any], voxels: bool) -> ChannelAlignment:
        """Maps of a file, with a readout that is fitted to the responses."""
        from ..alignment import ChannelAlignment, with_readout

        if not Path(file).is_file():
            raise AlignmentError(f"There is no alignment file {file}; make one with `alignedcut align import`.")
        known_as = {slot: Slot(self._study.network(slot.network).network, slot.layer) for slot in self._slots}
        try:
            maps = ChannelAlignment.load(file).renamed(known_as)
            settings = self._settings
            return with_readout(
                maps,
                samples,
                self._data.dataset,
                scores=scores,
                voxels=voxels,
                validation=self._brain.validation,
                seed=settings.seed,
                device=settings.device,
            )
        except AlignmentError as error:
            text = str(error)
            raise AlignmentError(text if text.startswith(file) else f"{file}: {text}") from None

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
            alignment, _ = self.train(progress=stage, eigen_weight=weight, n_draws=0)
            rois = self._data.dataset.rois.merged()
            result[weight] = score_slots(
                alignment,
                samples.pooled,
                self._data.dataset.responses,
                rows=test,
                rois=rois,
                subjects=_parts(self._data.dataset),
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
            pictures=self._data.pictures,
            node_pictures=self._numbers(places.positions.image),
            subjects=_parts(self._data.dataset),
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

    def _numbers(self, images: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which picture each image shows, by content."""
        known = dict(zip(self._data.images.tolist(), self._data.pictures.tolist(), strict=True))
        return np.array([known[int(image)] for image in images], dtype=np.int64)

    def _places(self) -> TrainingPlaces:
        """The same places for all slots, so that nodes correspond; in pictures that are trained on alone."""
        train, _ = self._split()
        sets = [self._study.network(slot.network) for slot in self._slots]
        return training_places(sets, self._data.images[train], self._brain.n_samples, self._settings.seed)

    def _split(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows to train on and to test on; a picture that was shown twice is on one side only."""
        from ..brain.subjects import kept_apart

        subjects = _parts(self._data.dataset)
        tested = kept_apart(self._data.pictures, self._brain.test, [self._settings.seed, 3], subjects)
        return np.flatnonzero(~tested), np.flatnonzero(tested)

    def _warning(self, n_train: int) -> str | None:
        said = [self._data.warning] if self._data.warning else []
        if self._data.dataset.simulated:
            said.append(f"The alignment was trained on simulated responses ({self._data.dataset.title}).")
        if n_train < _FEW_PICTURES:
            said.append(f"Only {n_train} pictures with responses were there to train on; expect poor maps.")
        return " ".join(said) or None


def _parts(dataset: BrainDataset) -> tuple[SubjectPart, ...]:
    """Voxels and pictures of each person, where they saw different ones."""
    return () if dataset.seen is None else dataset.parts()
