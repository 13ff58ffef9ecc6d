"""Segments of the pictures of a study, from the joint cut of many layers and networks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..choices import SEGMENT_SCOPES
from ..errors import InputError, StudyError
from ..progress import ProgressCallback, report, span
from ..segmentation import (
    Clusters,
    PictureSegments,
    SegmentChoice,
    cluster_eigenvectors,
    segment_tokens,
)
from ..segmentation.counting import choose_count
from ..segmentation.upsampler import LearnedUpsampler
from ..study.segment_set import SegmentSet, SegmentWriter
from ..study.study import Study
from ..versions import versions
from .picture_segmenting import LayersOfPictures, PicturesAlone, PicturesTogether, segment_alone, segment_together
from .spreading import in_order

__all__ = ["GAMMA", "MOST_EIGENVECTORS", "SegmentSettings", "segment", "segment_layers", "segmented"]

GAMMA = 0.06
"""Width of the kernel of segmentation; the cut for colours takes a wider one (docs/segmentation.md)."""

_USUAL_TAPS = ("attention", "k")
_SAMPLE = 20_000
_NEIGHBOURS = 50
MOST_EIGENVECTORS = 40
"""Of all pictures together, however many segments are wanted."""


@dataclass(frozen=True)
class SegmentSettings:
    """Which features are segmented, and how.

    Attributes
    ----------
    networks
        Networks, or names of feature sets; None is all of the study. Of a network the attention outputs are taken, of
        one that lacks them the keys, or else what there is: keys beside attention outputs segment no better and take
        twice the time (docs/segmentation.md).
    layers
        Layers of all networks; None leaves out the first quarter of each network.
    scope
        ``"picture"``: each picture has segments of its own. ``"joint"``: one label means one thing in all pictures.
    gamma
        Width of the kernel ``exp((cos - 1) / gamma)`` between features that are centred over their picture.
    choice
        Number, method, instances, refinement.
    upsampler
        File of a learned upsampler; None interpolates.
    device, memory
        Where, and within how much memory.
    """

    networks: tuple[str, ...] | None = None
    layers: tuple[int, ...] | None = None
    scope: str = "picture"
    gamma: float = GAMMA
    choice: SegmentChoice = field(default_factory=SegmentChoice)
    upsampler: str | None = None
    device: str = "auto"
    memory: str = "4GiB"

    def __post_init__(self) -> None:
        if self.scope not in SEGMENT_SCOPES:
            raise InputError(f"Unknown scope {self.scope!r}; use {' or '.join(SEGMENT_SCOPES)}.")
        if not self.gamma > 0:
            raise InputError(f"gamma must be positive; got {self.gamma}.")
        if self.scope == "joint" and (self.choice.method != "k-way" or self.choice.instances):
            raise InputError("Segments of all pictures together are k-way; levels and instances are made a picture.")


def segment_layers(study: Study, settings: SegmentSettings) -> dict[str, tuple[int, ...]]:
    """Feature sets that are segmented, and their layers.

    Raises
    ------
    StudyError
        If the study holds no such features.
    InputError
        If none of the layers is there.
    """
    held = {name: features for name, features in study.networks.items() if not features.is_empty}
    if not held:
        raise StudyError(f"The study {study.path} holds no features yet; extract them first.")
    by_network: dict[str, list[str]] = {}
    for name, features in held.items():
        by_network.setdefault(features.network, []).append(name)
    names: list[str] = []
    for wanted in by_network if settings.networks is None else settings.networks:
        own = by_network.get(wanted) or [
            study.network(wanted).name
        ]  # a feature set by its own name; or says what lacks
        by_tap = [[name for name in own if held[name].tap == tap] for tap in _USUAL_TAPS]
        names += next((found for found in by_tap if found), own)
    chosen = {}
    for name in dict.fromkeys(names):
        layers = held[name].layers
        first = (max(layers) + 1) // 4
        kept = [n for n in layers if n >= first] if settings.layers is None else [*settings.layers]
        kept = [n for n in kept if n in layers]
        if kept:
            chosen[name] = tuple(kept)
    if not chosen:
        raise InputError(f"None of the layers {list(settings.layers or ())} is in the study's features.")
    return chosen


def segment(
    study: Study,
    settings: SegmentSettings | None = None,
    name: str = "default",
    images: Sequence[int] | None = None,
    progress: ProgressCallback | None = None,
) -> SegmentSet:
    """Segment the pictures of a study and keep the segments in it.

    The graphs of all chosen layers and networks are cut together (:class:`alignedcut_viewer.spectral.LayeredCut`): one
    layer at the paper's kernel segments no better than k-means, many layers with a sharper kernel do. Within
    :func:`~alignedcut_viewer.cluster.computing_on` each picture is the work of one of its workers.

    Parameters
    ----------
    study
        Opened for writing, with features.
    settings
        What and how.
    name
        What to call the segments; those of that name are replaced.
    images
        Which pictures; None is all whose features are complete.
    progress
        Called once a picture; may cancel, which leaves the study as it was.

    Returns
    -------
    SegmentSet

    Raises
    ------
    StudyError
        If there are no features, or the study was opened for reading.
    InputError
        If layers or numbers of segments do not fit.
    """
    settings = settings or SegmentSettings()
    study.store.require_writable()
    layers = segment_layers(study, settings)
    index = study.node_index(tuple(layers), layers, images)
    recipe = {
        "layers": {name: list(own) for name, own in layers.items()},
        "features": {name: study.network(name).digest for name in layers},
        "settings": asdict(settings),
        "images": list(index.images),
        "pictures": study.picture_digests(index.images),
        "versions": versions(),
    }
    writer = SegmentWriter(settings.scope == "joint", recipe)
    for image, found in segmented(study, settings, index.images, progress):
        writer.add(image, found.labels, found.confidence, found.reason)
    return writer.publish(study.store, name)


def segmented(
    study: Study, settings: SegmentSettings, images: Sequence[int], progress: ProgressCallback | None = None
) -> Iterator[tuple[int, PictureSegments]]:
    """Segments of some pictures whose features are complete, one by one, without keeping them in the study."""
    layers = LayersOfPictures(study, segment_layers(study, settings))
    upsampler = LearnedUpsampler(settings.upsampler) if settings.upsampler else None
    if settings.scope == "joint":
        yield from _together(layers, images, settings, upsampler, progress)
        return
    names = study.pictures.names
    task = PicturesAlone(layers, settings.gamma, settings.choice, upsampler, settings.device)
    with contextlib.closing(in_order(segment_alone, task, images)) as made:
        for i, image in enumerate(images):
            report(progress, i, len(images), f"Segments of {names[image]}")
            yield image, next(made)
    report(progress, len(images), len(images), "Segments")


def _together(
    layers: LayersOfPictures,
    images: Sequence[int],
    settings: SegmentSettings,
    upsampler: LearnedUpsampler | None,
    progress: ProgressCallback | None,
) -> Iterator[tuple[int, PictureSegments]]:
    """One cut of all pictures; a segment is one thing everywhere."""
    from ..spectral import LayeredCut
    from ..spectral.layered.graph_settings import GraphSettings

    choice, study = settings.choice, layers.study
    nearest = min(_NEIGHBOURS, layers.coarsest - 1)
    cut = LayeredCut(
        min(choice.n_eigenvectors, MOST_EIGENVECTORS),
        scope="data set",
        graph=GraphSettings(n_inside=nearest, n_across=nearest),
        seed=choice.seed,
        device=settings.device,
        memory=settings.memory,
    ).fit(layers.of(images), span(progress, 0.0, 0.7))
    vectors = cut.eigenvectors_.reshape(-1, cut.eigenvectors_.shape[-1])
    clusters, reason = _joint_clusters(vectors, cut.eigenvalues_, choice)
    scale = np.float32(np.sqrt(len(vectors)))
    grid = (cut.grid_.rows, cut.grid_.columns)
    task = PicturesTogether(study, clusters, grid, scale, reason, choice, upsampler)
    rows = zip(images, cut.eigenvectors_, strict=True)
    names = study.pictures.names
    with contextlib.closing(in_order(segment_together, task, rows)) as made:
        for i, image in enumerate(images):
            yield image, next(made)
            report(span(progress, 0.7, 1.0), i + 1, len(images), f"Segments of {names[image]}")


def _joint_clusters(
    vectors: NDArray[np.float32], values: NDArray[np.float64], choice: SegmentChoice
) -> tuple[Clusters, str]:
    """Clusters of all tokens; where the number is open it is chosen on a sample of them."""
    if choice.segments is not None:
        reason = f"{choice.segments} segments of all pictures, as asked for"
        if choice.segments > vectors.shape[1]:  # many kinds in the leading eigenvectors
            points = vectors[:, 1:] * np.float32(np.sqrt(len(vectors)))
            return segment_tokens(points, choice.segments, metric="euclidean", seed=choice.seed), reason
        return cluster_eigenvectors(vectors, choice.segments, seed=choice.seed), reason
    rows = np.arange(len(vectors))
    if len(rows) > _SAMPLE:
        rows = np.sort(np.random.default_rng(choice.seed).choice(len(rows), _SAMPLE, replace=False))
    chosen = choose_count(vectors[rows], values, smallest=choice.smallest, largest=choice.largest, seed=choice.seed)
    return cluster_eigenvectors(vectors, chosen.k, seed=choice.seed), chosen.reason
