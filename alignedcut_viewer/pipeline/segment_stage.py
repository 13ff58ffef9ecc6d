"""Segments of the pictures of a study, from the joint cut of many layers and networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..choices import SEGMENT_SCOPES
from ..errors import InputError, StudyError
from ..progress import ProgressCallback, report, span
from ..segmentation import (
    Clusters,
    PictureSegments,
    SegmentChoice,
    class_probabilities,
    cluster_eigenvectors,
    refine,
    segment_eigenvectors,
    segment_tokens,
)
from ..segmentation.counting import choose_count
from ..segmentation.picture_segments import is_blank
from ..segmentation.upsampler import LearnedUpsampler
from ..study.feature_set import FeatureSet
from ..study.segment_set import SegmentSet, SegmentWriter
from ..study.study import Study
from ..versions import versions

if TYPE_CHECKING:
    from ..spectral.layered.layer_tokens import LayerTokens

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


class _Chosen:
    """Features of some pictures of a study as one array."""

    def __init__(self, tokens: Any, images: Sequence[int]) -> None:
        self._tokens, self._images = tokens, images
        self.shape = (len(images), *tokens.shape[1:])

    def __getitem__(self, pictures: slice) -> NDArray[Any]:
        return np.stack([self._tokens[image] for image in self._images[pictures]])


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
    layer at the paper's kernel segments no better than k-means, many layers with a sharper kernel do.

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
    layers = segment_layers(study, settings)
    made = _joint if settings.scope == "joint" else _each
    upsampler = LearnedUpsampler(settings.upsampler) if settings.upsampler else None
    sets = {name: study.network(name) for name in layers}
    return made(study, sets, layers, images, settings, upsampler, progress)


def _tokens(
    sets: Mapping[str, FeatureSet], layers: Mapping[str, Sequence[int]], images: Sequence[int]
) -> list[LayerTokens]:
    from ..spectral.layered.layer_tokens import LayerTokens

    return [
        LayerTokens(
            _Chosen(sets[name].tokens(layer), images),
            sets[name].grid(layer).rows,
            sets[name].grid(layer).columns,
            leading=int(sets[name].class_token),
            name=f"{name}/{layer}",
        )
        for name, own in layers.items()
        for layer in own
    ]


def _each(
    study: Study,
    sets: Mapping[str, FeatureSet],
    layers: Mapping[str, Sequence[int]],
    images: Sequence[int],
    settings: SegmentSettings,
    upsampler: LearnedUpsampler | None,
    progress: ProgressCallback | None,
) -> Iterator[tuple[int, PictureSegments]]:
    """Pictures one by one."""
    from ..device import resolve_device
    from ..spectral.layered.graph_settings import GraphSettings
    from ..spectral.layered.uniform_cut import uniform_cut

    graph = GraphSettings(affinity="kernel", centred=True, gamma=settings.gamma, n_inside=None)
    device = resolve_device(settings.device)
    tokens = _tokens(sets, layers, images)
    wanted = min(settings.choice.n_eigenvectors, max(len(layer.grid) for layer in tokens))
    for i, image in enumerate(images):
        report(progress, i, len(images), f"Segments of {study.pictures.names[image]}")
        cut = uniform_cut(tokens, wanted, graph, picture=i, device=device)
        grid = (cut.grid.rows, cut.grid.columns)
        picture = study.picture(image)
        yield (
            image,
            segment_eigenvectors(
                cut.eigenvectors, cut.eigenvalues, grid, picture, settings.choice, upsampler=upsampler
            ),
        )
    report(progress, len(images), len(images), "Segments")


def _joint(
    study: Study,
    sets: Mapping[str, FeatureSet],
    layers: Mapping[str, Sequence[int]],
    images: Sequence[int],
    settings: SegmentSettings,
    upsampler: LearnedUpsampler | None,
    progress: ProgressCallback | None,
) -> Iterator[tuple[int, PictureSegments]]:
    """One cut of all pictures; a segment is one thing everywhere."""
    from ..spectral import LayeredCut
    from ..spectral.layered.graph_settings import GraphSettings

    tokens = _tokens(sets, layers, images)
    choice = settings.choice
    nearest = min(_NEIGHBOURS, *(len(layer.grid) - 1 for layer in tokens))
    cut = LayeredCut(
        min(choice.n_eigenvectors, MOST_EIGENVECTORS),
        scope="data set",
        graph=GraphSettings(n_inside=nearest, n_across=nearest),
        seed=choice.seed,
        device=settings.device,
        memory=settings.memory,
    ).fit(tokens, span(progress, 0.0, 0.7))
    rows, columns = cut.grid_.rows, cut.grid_.columns
    vectors = cut.eigenvectors_.reshape(-1, cut.eigenvectors_.shape[-1])
    clusters, reason = _joint_clusters(vectors, cut.eigenvalues_, choice)
    width = clusters.centres.shape[1]
    scale = np.float32(np.sqrt(len(vectors)))
    for i, image in enumerate(images):
        picture = study.picture(image)
        maps = (cut.eigenvectors_[i][:, 1 : width + 1] * scale).reshape(rows, columns, width)
        scores = clusters.scores(upsampler(maps, picture) if upsampler else maps)
        probabilities = class_probabilities(scores, picture.shape[:2])
        labels, after = refine(probabilities, picture, choice.refine)
        sure = {}
        for number in np.unique(labels).tolist():
            sure[number + 1] = float(after[..., number][labels == number].mean())
        weak = [number for number, value in sure.items() if value < choice.min_confidence or is_blank(picture)]
        shown = np.where(np.isin(labels + 1, weak), 0, labels + 1).astype(np.int32)
        kept = {number: value for number, value in sure.items() if number not in weak}
        tokens_of = clusters.scores(maps).argmax(-1).astype(np.int32) + 1
        yield image, PictureSegments(shown, tokens_of, kept, None, reason)
        report(span(progress, 0.7, 1.0), i + 1, len(images), f"Segments of {study.pictures.names[image]}")


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
