"""What an alignment is trained on, of networks whose tokens are not kept: means of all pictures, and a few tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..store import Store
from .feature_set import FeatureSet

__all__ = ["POOLED", "POOLED_CHUNK", "PooledFeatures", "all_sets", "training_sets"]

POOLED = "pooled"
POOLED_CHUNK = 64
"""Pictures in one chunk on disk."""
_MEAN_ROWS = 2


class PooledFeatures(FeatureSet):
    """Mean over all tokens of every picture, and its tokens at a few places, at some layers of one network.

    A layer is an array (image, row, channel) as the tokens of a :class:`FeatureSet` are, and grows and resumes as
    those do. Its first two rows add up to the mean: what half precision makes of it, and what that leaves. The other
    rows are tokens at the places that :func:`alignedcut_viewer.alignment.correspondence.picture_places` names.
    """

    ROOT: ClassVar[str] = POOLED

    @property
    def places(self) -> int:
        """Places of a picture whose tokens are held."""
        return int(self._attributes["places"])

    @property
    def class_share(self) -> float:
        """With which share of class tokens the places were drawn."""
        return float(self._attributes["class_share"])

    @property
    def n_held(self) -> int:
        """Rows of channels that are held of one picture at one layer."""
        return _MEAN_ROWS + self.places

    def n_held_at(self, layer: int) -> int:
        """Rows of channels that are held of one picture: the same at every layer."""
        return self.n_held

    @staticmethod
    def means(block: NDArray[Any]) -> NDArray[np.float32]:
        """Means over all tokens, float32 (n, D), of rows of some pictures (n, `n_held`, D)."""
        total: NDArray[np.float32] = block[:, :_MEAN_ROWS].sum(axis=1, dtype=np.float32)
        return total

    @staticmethod
    def row_of(place: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row in which the token at a place is held, by the number of the place."""
        return place + _MEAN_ROWS


def all_sets(store: Store) -> list[FeatureSet]:
    """Everything of a study that was computed from its pictures by networks."""
    return [*FeatureSet.all_of(store).values(), *PooledFeatures.all_of(store).values()]


def training_sets(sets: Mapping[str, FeatureSet], store: Store, n_images: int) -> dict[str, FeatureSet]:
    """Of each network what alignments are trained on: pooled features where they are held of more pictures.

    Parameters
    ----------
    sets
        Feature sets of the study by name.
    store
        The study's store.
    n_images
        Pictures of the study.
    """
    found = dict(sets)
    for name, pooled in PooledFeatures.all_of(store).items():
        tokens = found.get(name)
        if tokens is not None and (tokens.key != pooled.key or not set(tokens.layers) <= set(pooled.layers)):
            continue
        if tokens is None or _held(pooled, n_images) > _held(tokens, n_images):
            found[name] = pooled
    return found


def _held(features: FeatureSet, n_images: int) -> int:
    """How many pictures are complete at all layers."""
    if features.is_empty:
        return 0
    return int(np.logical_and.reduce([features.complete(layer, n_images) for layer in features.layers]).sum())
