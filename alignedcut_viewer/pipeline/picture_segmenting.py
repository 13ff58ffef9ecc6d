"""Segments of one picture: what every process computes of it, here or on a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..device import resolve_device
from ..segmentation import (
    Clusters,
    PictureSegments,
    SegmentChoice,
    class_probabilities,
    refine,
    segment_eigenvectors,
)
from ..segmentation.picture_segments import is_blank
from ..segmentation.upsampler import LearnedUpsampler
from ..spectral.layered.graph_settings import GraphSettings
from ..spectral.layered.layer_tokens import LayerTokens
from ..spectral.layered.uniform_cut import uniform_cut
from ..study.study import Study

__all__ = ["LayersOfPictures", "PicturesAlone", "PicturesTogether", "segment_alone", "segment_together"]


class LayersOfPictures:
    """Tokens of the layers that are cut together.

    Parameters
    ----------
    study
        With features; opened again for reading where this is sent to.
    layers
        Layers of each feature set.
    """

    def __init__(self, study: Study, layers: Mapping[str, Sequence[int]]) -> None:
        self.study, self._layers = study, {name: tuple(own) for name, own in layers.items()}
        self._places = []
        for name, own in self._layers.items():
            features = study.network(name)
            for layer in own:
                self._places.append((f"{name}/{layer}", features.tokens(layer), features.grid(layer)))

    def __reduce__(self) -> tuple[Any, ...]:
        return LayersOfPictures, (self.study, self._layers)

    @property
    def finest(self) -> int:
        """Places of the finest of the layers."""
        return max(grid.rows * grid.columns for _, _, grid in self._places)

    @property
    def coarsest(self) -> int:
        """Places of the coarsest of the layers."""
        return min(grid.rows * grid.columns for _, _, grid in self._places)

    def of(self, images: Sequence[int]) -> list[LayerTokens]:
        """All layers of some pictures."""
        return [
            LayerTokens(_Chosen(tokens, images), grid.rows, grid.columns, leading=int(grid.class_token), name=name)
            for name, tokens, grid in self._places
        ]


class _Chosen:
    """Features of some pictures of a study as one array."""

    def __init__(self, tokens: Any, images: Sequence[int]) -> None:
        self._tokens, self._images = tokens, images
        self.shape = (len(images), *tokens.shape[1:])

    def __getitem__(self, pictures: slice) -> NDArray[Any]:
        return np.stack([self._tokens[image] for image in self._images[pictures]])


@dataclass(frozen=True)
class PicturesAlone:
    """What is the same for all pictures, each of which has segments of its own.

    Attributes
    ----------
    layers
        What is cut.
    gamma
        Width of the kernel.
    choice
        Number, method, instances, refinement.
    upsampler
        A learned one; None interpolates.
    device
        Where, as asked for.
    """

    layers: LayersOfPictures
    gamma: float
    choice: SegmentChoice
    upsampler: LearnedUpsampler | None
    device: str


def segment_alone(task: PicturesAlone, image: int) -> PictureSegments:
    """Segments of a picture from a cut of its own."""
    cut = uniform_cut(
        task.layers.of([image]),
        min(task.choice.n_eigenvectors, task.layers.finest),
        GraphSettings(affinity="kernel", centred=True, gamma=task.gamma, n_inside=None),
        device=resolve_device(task.device),
    )
    grid = (cut.grid.rows, cut.grid.columns)
    picture = task.layers.study.picture(image)
    return segment_eigenvectors(cut.eigenvectors, cut.eigenvalues, grid, picture, task.choice, upsampler=task.upsampler)


@dataclass(frozen=True)
class PicturesTogether:
    """What is the same for all pictures that were cut together.

    Attributes
    ----------
    study
        Where the pictures are; opened again for reading where this is sent to.
    clusters
        Of the places of all pictures.
    grid
        Rows and columns of the places.
    scale
        What eigenvectors are multiplied by.
    reason
        Why there are so many clusters.
    choice
        Refinement, and how sure a segment must be.
    upsampler
        A learned one; None interpolates.
    """

    study: Study
    clusters: Clusters
    grid: tuple[int, int]
    scale: np.float32
    reason: str
    choice: SegmentChoice
    upsampler: LearnedUpsampler | None


def segment_together(task: PicturesTogether, item: tuple[int, NDArray[np.float32]]) -> PictureSegments:
    """Segments of a picture from clusters of all: its number, and its rows of the eigenvectors float32 (places, C)."""
    image, rows = item
    picture = task.study.picture(image)
    width = task.clusters.centres.shape[1]
    maps = (rows[:, 1 : width + 1] * task.scale).reshape(*task.grid, width)
    scores = task.clusters.scores(task.upsampler(maps, picture) if task.upsampler else maps)
    probabilities = class_probabilities(scores, picture.shape[:2])
    labels, after = refine(probabilities, picture, task.choice.refine)
    sure = {}
    for number in np.unique(labels).tolist():
        sure[number + 1] = float(after[..., number][labels == number].mean())
    weak = [number for number, value in sure.items() if value < task.choice.min_confidence or is_blank(picture)]
    shown = np.where(np.isin(labels + 1, weak), 0, labels + 1).astype(np.int32)
    kept = {number: value for number, value in sure.items() if number not in weak}
    tokens_of = task.clusters.scores(maps).argmax(-1).astype(np.int32) + 1
    return PictureSegments(shown, tokens_of, kept, None, task.reason)
