"""Which tokens an alignment to brain data looks at, and where they and the means of all tokens are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AlignmentError
from ..study.feature_set import FeatureSet
from ..study.pooled_features import PooledFeatures

if TYPE_CHECKING:
    from ..alignment.correspondence import Positions
    from ..study.token_array import TokenArray

__all__ = ["HeldTokens", "TrainingPlaces", "pooled_means", "training_places"]


@dataclass(frozen=True)
class TrainingPlaces:
    """Places in pictures, the same in all slots.

    Attributes
    ----------
    positions
        The places.
    number
        Which of the places of its picture each is, int (n,).
    """

    positions: Positions
    number: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.number)


def training_places(sets: Sequence[FeatureSet], images: NDArray[np.int64], n_samples: int, seed: int) -> TrainingPlaces:
    """Draw places in some pictures that all feature sets hold tokens of.

    Where tokens of a few places alone are held (:class:`~alignedcut_viewer.study.pooled_features.PooledFeatures`),
    those are taken, whatever the seed.

    Parameters
    ----------
    sets
        Feature sets, each once or oftener.
    images
        Image numbers.
    n_samples
        About how many places.
    seed
        Of the draw.

    Raises
    ------
    AlignmentError
        If the sets have no place in common.
    """
    from ..alignment.correspondence import class_share, sample_positions

    pooled = list({features.name: features for features in sets if isinstance(features, PooledFeatures)}.values())
    if not pooled:
        share = class_share(sets)
        positions = sample_positions(images, n_samples, class_share=share, seed=seed)
        each = len(positions) // len(np.unique(positions.image))
        return TrainingPlaces(positions, np.arange(len(positions)) % each)
    at_most = min(features.places for features in pooled)
    shares = [features.class_share for features in pooled]
    drawn = [sample_positions(images, n_samples, class_share=share, at_most=at_most) for share in shares]
    first = drawn[0]
    common = np.ones(len(first), dtype=bool)
    for other in drawn[1:]:
        common &= (first.y == other.y) | (np.isnan(first.y) & np.isnan(other.y))
    if not all(features.class_token for features in sets):
        common &= ~np.isnan(first.y)
    if not common.any():
        names = ", ".join(features.name for features in pooled)
        raise AlignmentError(f"The features that were extracted for alignment of {names} share no place; extract anew.")
    each = len(first) // len(np.unique(first.image))
    kept = replace(first, image=first.image[common], y=first.y[common], x=first.x[common])
    return TrainingPlaces(kept, (np.arange(len(first)) % each)[common])


class HeldTokens:
    """Tokens at some places, read from a study's features when they are asked for; array-like (n, D).

    Parameters
    ----------
    features
        The feature set.
    layer
        Its layer.
    places
        Whose tokens.
    """

    def __init__(self, features: FeatureSet, layer: int, places: TrainingPlaces) -> None:
        self._tokens: TokenArray = features.tokens(layer)
        positions = places.positions
        self._images = positions.image
        if isinstance(features, PooledFeatures):
            self._rows = features.row_of(places.number)
        else:
            grid = features.grid(layer)
            self._rows = positions.tokens(grid.rows, grid.columns, class_token=grid.class_token)
        self.shape = (len(places), int(self._tokens.shape[2]))
        self.dtype = self._tokens.dtype

    def __getitem__(self, key: Any) -> NDArray[Any]:
        return self._tokens.gather(self._images[key], self._rows[key])


def pooled_means(
    features: FeatureSet, layer: int, images: NDArray[np.int64], tell: Callable[[int], None]
) -> NDArray[np.float32]:
    """Mean over all tokens of some pictures, float32 (n, D), read a chunk at a time.

    Parameters
    ----------
    features
        The feature set.
    layer
        Its layer.
    images
        Image numbers, ascending.
    tell
        Told how many pictures are done.
    """
    import torch

    from ..cluster.row_blocks import tasks_in_order  # brings torch, which figures do without

    tokens = features.tokens(layer)
    means = np.empty((len(images), tokens.shape[2]), dtype=np.float32)
    chunk = min(tokens.chunks[0], 64)
    parts = np.split(images, np.flatnonzero(np.diff(images // chunk)) + 1) if len(images) else []
    shared = (tokens, isinstance(features, PooledFeatures))
    done = 0
    cpu = torch.device("cpu")
    for found in tasks_in_order(_means_of, shared, parts, device=cpu, on_disk=tokens.on_disk):
        means[done : done + len(found)] = found
        done += len(found)
        tell(done)
    return means


def _means_of(shared: tuple[TokenArray, bool], images: NDArray[np.int64]) -> NDArray[np.float32]:
    """Means over all tokens of some neighbouring pictures."""
    tokens, pooled = shared
    block = tokens[int(images[0]) : int(images[-1]) + 1][images - images[0]]
    means: NDArray[np.float32] = PooledFeatures.means(block) if pooled else block.mean(axis=1, dtype=np.float32)
    return means
