"""Features of a study's pictures: decoded ahead and run through a network, here or on a cluster, written behind."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..cluster import current_cluster
from ..device import physical_memory
from ..errors import InputError, PictureError, StorageError
from ..progress import ProgressCallback, report, span
from ..study.feature_set import FeatureSet
from ..study.pooled_features import POOLED_CHUNK, PooledFeatures
from ..study.study import Study
from ..versions import versions
from .batch_features import Batch, BatchFeatures, BatchTask, Decoded, batch_features, decode, features_of, n_cpus
from .feature_writer import BATCHES_BEHIND, FeatureWriter
from .pooling import HeldPlaces, pooled_kind
from .settings import ExtractSettings

if TYPE_CHECKING:
    from ..backbones import Backbone, Tap
    from ..images import PictureSet

__all__ = ["extract", "extract_with"]

_BATCHES_AHEAD = 2


def extract(
    study: Study,
    settings: ExtractSettings | None = None,
    progress: ProgressCallback | None = None,
    announce: Callable[[str], None] | None = None,
) -> tuple[str, ...]:
    """Compute what is missing of the features of a study's pictures.

    What is on disk already (same pictures, weights and settings) is not computed again. Pictures that could not be
    read, or not be reached, in an earlier run are tried again. When the run is cancelled or
    killed, the next one goes on where it stopped, with the same result to the bit. Within
    :func:`~alignedcut_viewer.cluster.computing_on` pictures are read and networks run by its workers, and this process
    writes.

    Parameters
    ----------
    study
        Opened for writing.
    settings
        What to compute.
    progress
        Called after every batch.
    announce
        Called with a line that says where weights come from, and which pictures are skipped or out of reach.

    Returns
    -------
    tuple of str
        Names of the feature sets, one a network and tap; two networks of which one stands in for the other share them.

    Raises
    ------
    UnknownNetworkError, CheckpointError, WeightsUnavailableError
        If a network is unavailable.
    PictureError
        If not a single picture can be read.
    StudyError
        If the study was opened for reading.
    StorageError
        If the disk is full or will be.
    """
    from ..backbones import get_spec, load_backbone

    settings = settings or ExtractSettings()
    study.store.require_writable()
    specs = [get_spec(name) for name in settings.networks]  # all names are checked before any work
    for spec in specs:
        outside = [layer for layer in settings.layers or () if layer >= spec.n_layers]
        if outside:
            raise InputError(f"{spec.name} has layers 0 to {spec.n_layers - 1}; layer {outside[0]} was asked for.")
    study.check_pictures()
    names: list[str] = []
    for i, spec in enumerate(specs):
        stage = span(progress, i / len(specs), (i + 1) / len(specs))
        stage(0, 1, f"Loading {spec.name}")
        backbone = load_backbone(
            spec,
            weights=settings.weights.get(settings.networks[i]),
            input_size=settings.input_size,
            window=settings.window,
            device=settings.device,
            precision=settings.precision,
            announce=announce,
            fallback=settings.fallback,
        )
        names.extend(extract_with(study, backbone, settings, span(stage, 0.02, 1.0), announce))
        del backbone
    return tuple(dict.fromkeys(names))


def extract_with(
    study: Study,
    backbone: Backbone,
    settings: ExtractSettings,
    progress: ProgressCallback | None = None,
    announce: Callable[[str], None] | None = None,
) -> tuple[str, ...]:
    """Compute what is missing of the features of one network that is loaded already.

    Parameters
    ----------
    study
        Opened for writing.
    backbone
        The network.
    settings
        Layers, taps, batch and storage; the rest is the backbone's own.
    progress, announce
        As for :func:`extract`.

    Returns
    -------
    tuple of str
        Names of the feature sets, one a tap.

    Raises
    ------
    PictureError, StudyError, StorageError, FeatureError
        As :func:`extract`.
    """
    study.store.require_writable()
    return _Extraction(study, backbone, settings, announce).run(progress)


class _Extraction:
    """One network over one study."""

    def __init__(
        self,
        study: Study,
        backbone: Backbone,
        settings: ExtractSettings,
        announce: Callable[[str], None] | None,
    ) -> None:
        self._study = study
        self._backbone = backbone
        self._settings = settings
        self._announce = announce
        self._files: PictureSet = study.picture_set()
        self._unreachable: dict[int, str] = {}
        self._widths = {tap: backbone.widths(cast("Tap", tap)) for tap in settings.taps}
        rows, columns = backbone.grid
        self._batch = self._images_at_once()
        kind, more = FeatureSet, {}
        if settings.for_alignment:
            kind, more = PooledFeatures, pooled_kind(study, rows, columns, backbone.spec.class_token)
        grids = {layer: backbone.grid_of(layer) for layer in range(backbone.n_layers)}
        self._features: dict[str, FeatureSet] = {}
        for tap in settings.taps:
            self._features[tap] = kind.create(
                study.store,
                {
                    "network": backbone.name,
                    "tap": tap,
                    "input_size": list(backbone.input_size),
                    "default_size": backbone.input_size == backbone.spec.input_size,
                    "precision": str(backbone.dtype).removeprefix("torch."),
                    "storage": settings.storage,
                    "weights": backbone.digest,
                    **({} if backbone.window is None else {"window": list(backbone.window)}),
                },
                rows=rows,
                columns=columns,
                class_token=backbone.spec.class_token,
                batch=POOLED_CHUNK if settings.for_alignment else self._batch,
                note={
                    "title": backbone.spec.title,
                    "heads": _heads(backbone),
                    "weights": backbone.source_note,
                    "device": str(backbone.device),
                    "versions": versions("torch", "timm", "transformers", "diffusers", "pillow"),
                },
                keep=[features.name for features in self._features.values()],
                grids=grids,
                **more,
            )

    def run(self, progress: ProgressCallback | None) -> tuple[str, ...]:
        """Compute what is missing; return the names of the feature sets."""
        n_images, network = len(self._study.pictures), self._backbone.name
        layers = self._layers()
        for features in self._features.values():
            features.verify(n_images)
        self._study.complete_records()
        batches = self._missing(layers)
        total = sum(len(batch.images) for batch in batches)
        text = f"{network}: {total} pictures"
        if batches:
            self._check_space(batches)
            for tap, features in self._features.items():
                features.prepare({layer: self._widths[tap][layer] for layer in layers}, n_images)
        report(progress, 0, max(total, 1), text)
        done = 0
        writer = FeatureWriter(self._study, self._features)
        try:
            with contextlib.closing(self._computed(self._task(layers), batches)) as computed:
                for batch, found in zip(batches, computed, strict=True):
                    self._tell_of(found)
                    writer.put(found.values, found.images, found.records)
                    done += len(batch.images)
                    report(progress, done, total, f"{network}: {done} of {total} pictures")
        finally:
            writer.close()
        failed = self._study.skipped | self._unreachable
        if len(failed) == n_images and not any(self._complete(place).any() for place in self._places(layers)):
            raise PictureError(f"None of the {n_images} pictures can be read; the first: {failed[min(failed)]}")
        report(progress, max(total, 1), max(total, 1), text)
        return tuple(features.name for features in self._features.values())

    def _places(self, layers: Sequence[int]) -> list[tuple[int, Tap]]:
        return [(layer, cast("Tap", tap)) for tap in self._features for layer in layers]

    def _complete(self, place: tuple[int, Tap]) -> NDArray[np.bool_]:
        """Which images are there at a layer and tap."""
        return self._features[place[1]].complete(place[0], len(self._study.pictures))

    def _layers(self) -> tuple[int, ...]:
        n_layers = self._backbone.n_layers
        chosen = self._settings.layers
        if chosen is None:
            return tuple(range(n_layers))
        if max(chosen) >= n_layers:  # of a network that stands in for another
            raise InputError(
                f"{self._backbone.name} has layers 0 to {n_layers - 1}; layer {max(chosen)} was asked for."
            )
        return chosen

    def _task(self, layers: Sequence[int]) -> BatchTask:
        pooled = {tap: kind for tap, kind in self._features.items() if isinstance(kind, PooledFeatures)}
        held = {tap: HeldPlaces.of(features, layers) for tap, features in pooled.items()}
        return BatchTask(self._backbone, self._settings.storage, held)

    def _missing(self, layers: Sequence[int]) -> list[Batch]:
        """What is to be done, in batches whose composition depends on image numbers alone."""
        places = self._places(layers)
        lacks = ~np.stack([self._complete(place) for place in places])
        chunks = [features.batch for features in self._features.values()]
        size = min(self._batch, *chunks)
        groups: dict[tuple[Any, ...], list[int]] = {}
        for image in map(int, np.flatnonzero(lacks.any(axis=0))):
            wanted = tuple(place for place, lack in zip(places, lacks[:, image], strict=True) if lack)
            # within one chunk of every feature set
            together = tuple((image // chunk, image % chunk // size) for chunk in chunks)
            groups.setdefault((together, wanted), []).append(image)
        paths, names = self._files.paths, self._files.names
        return [
            Batch(tuple(images), wanted, tuple(paths[i] for i in images), tuple(names[i] for i in images))
            for (_, wanted), images in groups.items()
        ]

    def _check_space(self, batches: Sequence[Batch]) -> None:
        itemsize = np.dtype(self._settings.storage).itemsize
        needed = 0
        for tap, features in self._features.items():
            # A chunk takes its whole place on disk from its first picture on.
            chunks = {
                (layer, image // features.batch)
                for batch in batches
                for layer, at in batch.places
                for image in batch.images
                if at == tap
            }
            new = [layer for layer, chunk in chunks if not features.holds(layer, chunk)]
            values = sum(self._widths[tap][layer] * features.n_held_at(layer) for layer in new)
            needed += values * features.batch * itemsize
        free = self._study.store.files.free_bytes()
        if needed > free:
            raise StorageError(
                f"The features of {self._backbone.name} need {_size(needed)}, but only {_size(free)} are free on "
                f"the disk of {self._study.path}; free some space, or take fewer layers or pictures."
            )

    def _images_at_once(self) -> int:
        """How many pictures go through the network together at most: no more than there are, or than memory holds.

        A study that begins with a few pictures grows in batches of the usual size, not of one.
        """
        asked = self._settings.batch_size
        usual = ExtractSettings().batch_size
        backbone = self._backbone
        height, width = backbone.input_size
        layers = self._layers()
        sizes = {layer: math.prod(backbone.grid_of(layer)) + int(backbone.spec.class_token) for layer in layers}
        values = sum(widths[layer] * sizes[layer] for widths in self._widths.values() for layer in layers)
        # Pictures are decoded ahead in single precision, features wait behind to be written.
        each = 4 * (3 * height * width * (_BATCHES_AHEAD + 1) + values * (BATCHES_BEHIND + 2))
        fitting = max(physical_memory() // 4 // each, 1)
        return min(asked, max(len(self._study.pictures), usual), max(fitting, 1))

    # -- one batch after another --------------------------------------------------------------------------------

    def _computed(self, task: BatchTask, batches: Sequence[Batch]) -> Generator[BatchFeatures]:
        """What becomes of each batch, in their order: on the workers of a cluster, where there is one, or here."""
        cluster = current_cluster()
        if cluster is not None:
            if batches:
                yield from cluster.in_order(batch_features, task, batches)
            return
        with ThreadPoolExecutor(n_cpus(), thread_name_prefix="decode") as decoders:
            ahead: list[list[Future[Decoded]]] = []
            try:
                for i, batch in enumerate(batches):
                    for later in batches[i + len(ahead) : i + 1 + _BATCHES_AHEAD]:
                        ahead.append([decoders.submit(decode, task.backbone, file) for file in later.files])
                    yield features_of(task, batch, [future.result() for future in ahead.pop(0)])
            finally:
                decoders.shutdown(wait=True, cancel_futures=True)

    def _tell_of(self, found: BatchFeatures) -> None:
        """Name the pictures of a batch that are skipped or out of reach."""
        for image, record in found.records.items():
            if image in found.unreachable:
                self._unreachable[image] = found.unreachable[image]
                self._tell(f"Not reached, to be tried again by the next run: {found.unreachable[image]}")
            elif record["reason"] is not None:
                self._tell(f"Skipped: {record['reason']}")

    def _tell(self, line: str) -> None:
        if self._announce is not None:
            self._announce(line)


def _heads(backbone: Backbone) -> int | list[int | None] | None:
    """Attention heads of the layers: one number where all have as many."""
    heads = [backbone.heads_of(layer) for layer in range(backbone.n_layers)]
    return heads[0] if len(set(heads)) == 1 else heads


def _size(n_bytes: int) -> str:
    """A number of bytes for people."""
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:.1f} MiB"
