"""Pictures of noise, and studies whose features are planted instead of computed by a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alignedcut_viewer.study import Study
from alignedcut_viewer.study.feature_set import FeatureSet

__all__ = ["noise_pictures", "planted_features"]


def noise_pictures(folder: Path, count: int, size: tuple[int, int] = (40, 30), ending: str = "png") -> Path:
    """Write pictures of (height, width) noise, `p0` and on, into a new folder, and return it."""
    folder.mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"p{number}.{ending}")
    return folder


def planted_features(
    study: Study,
    network: str,
    tokens: Mapping[int, NDArray[Any]],
    grid: tuple[int, int],
    *,
    class_token: bool = True,
    storage: str = "float16",
    note: Mapping[str, Any] | None = None,
    grids: Mapping[int, tuple[int, int]] | None = None,
    tap: str = "attention",
    batch: int | None = None,
) -> FeatureSet:
    """Keep the tokens of each layer, (pictures, tokens, channels), as if a network had computed them.

    A chunk on disk holds `batch` pictures; None is all.
    """
    key = {
        "network": network,
        "tap": tap,
        "input_size": [grid[0] * 14, grid[1] * 14],
        "default_size": True,
        "precision": "float32",
        "storage": storage,
        "weights": "0" * 64,
    }
    n_pictures = len(study.pictures)
    features = FeatureSet.create(
        study.store,
        key,
        rows=grid[0],
        columns=grid[1],
        class_token=class_token,
        batch=batch or n_pictures,
        note=dict(note or {}),
        grids=None if grids is None else dict(grids),
    )
    features.prepare({layer: values.shape[2] for layer, values in tokens.items()}, n_pictures)
    for layer, values in tokens.items():
        for start in range(0, n_pictures, features.batch):
            images = range(start, min(start + features.batch, n_pictures))
            features.write({layer: values[start : images.stop].astype(storage)}, images)
    return features
