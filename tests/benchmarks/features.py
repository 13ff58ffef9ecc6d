"""Simulated token features for benchmarks: seeded, as anisotropic and as imbalanced as those of a vision transformer.

Fifty clusters with sizes after Zipf's law sit near eight common directions of a sphere; each is stretched along sixteen
directions of its own; a smooth function of a position in the picture and a little isotropic noise are added to all.
The same arguments always give the same features, whatever the number of nodes asked for before.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["FeatureRecipe", "simulated_features", "simulated_features_on_disk"]

_BLOCK = 50_000
"""Nodes drawn from one random stream; part of the recipe."""


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@dataclass(frozen=True)
class FeatureRecipe:
    """What the simulated features are made of.

    Parameters
    ----------
    n_channels, n_clusters, seed
        Width of the features, number of clusters, seed of everything.
    noise, stretch, position
        Root mean square length of the isotropic noise, of the spread inside a cluster, and of the positional part;
        cluster centres have length 1.
    """

    n_channels: int = 768
    n_clusters: int = 50
    seed: int = 0
    noise: float = 0.35
    stretch: float = 0.55
    position: float = 0.25

    def blocks(self, n_nodes: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int32]]]:
        """Features and cluster numbers of the first `n_nodes` nodes, at most 50,000 at a time."""
        n_common, n_directions = 8, 16
        draw = np.random.default_rng(self.seed)
        common = _unit(draw.standard_normal((n_common, self.n_channels)))
        own = 0.70 * common[draw.integers(0, n_common, self.n_clusters)]
        centres = _unit(own + 0.71 * _unit(draw.standard_normal((self.n_clusters, self.n_channels))))
        share = 1.0 / (np.arange(self.n_clusters) + 3.0) ** 0.8
        share /= share.sum()
        directions = draw.standard_normal((self.n_clusters, n_directions, self.n_channels)).astype(np.float32)
        directions = np.linalg.qr(directions.transpose(0, 2, 1))[0].transpose(0, 2, 1)
        lengths = 0.85 ** np.arange(n_directions)
        lengths = (self.stretch * lengths / np.sqrt((lengths**2).sum())).astype(np.float32)
        waves = _unit(draw.standard_normal((12, self.n_channels))).astype(np.float32)
        frequency = draw.integers(1, 3, (6, 2))

        for number, start in enumerate(range(0, n_nodes, _BLOCK)):
            block = np.random.default_rng([self.seed, 1, number])
            size = min(_BLOCK, n_nodes - start)
            cluster = block.choice(self.n_clusters, size, p=share)
            phase = 2 * np.pi * block.random((size, 2)) @ frequency.T
            spread = block.standard_normal((size, n_directions)).astype(np.float32) * lengths
            rows = np.empty((size, self.n_channels), np.float32)
            rows[:] = (self.noise / np.sqrt(self.n_channels)) * block.standard_normal(
                (size, self.n_channels), dtype=np.float32
            )
            smooth = np.concatenate([np.sin(phase), np.cos(phase)], axis=1).astype(np.float32)
            rows += (self.position / np.sqrt(6)) * smooth @ waves
            for k in range(self.n_clusters):
                members = np.flatnonzero(cluster == k)
                rows[members] += centres[k].astype(np.float32) + spread[members] @ directions[k]
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            rows *= np.exp(0.05 * block.standard_normal((size, 1))).astype(np.float32)
            yield rows, cluster.astype(np.int32)


def simulated_features(
    n_nodes: int, recipe: FeatureRecipe | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Simulated features (n_nodes, n_channels) float32 and the cluster of every node (n_nodes,) int32."""
    recipe = recipe or FeatureRecipe()
    features = np.empty((n_nodes, recipe.n_channels), np.float32)
    labels = np.empty(n_nodes, np.int32)
    start = 0
    for rows, clusters in recipe.blocks(n_nodes):
        features[start : start + len(rows)] = rows
        labels[start : start + len(rows)] = clusters
        start += len(rows)
    return features, labels


def simulated_features_on_disk(
    n_nodes: int, recipe: FeatureRecipe | None = None, *, folder: Path | None = None
) -> tuple[Path, Path]:
    """Paths of .npy files with features and labels, made where they are not there yet.

    Parameters
    ----------
    n_nodes, recipe
        What to make.
    folder
        Where to keep it; ``$ALIGNEDCUT_BENCH_CACHE``, else a folder for temporary files.
    """
    recipe = recipe or FeatureRecipe()
    default = Path(os.environ.get("ALIGNEDCUT_BENCH_CACHE", Path(tempfile.gettempdir()) / "alignedcut-bench"))
    folder = folder or default
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(repr(recipe).encode()).hexdigest()[:8]
    features_path, labels_path = folder / f"features-{n_nodes}-{key}.npy", folder / f"labels-{n_nodes}-{key}.npy"
    if not (features_path.exists() and labels_path.exists()):
        features, labels = simulated_features(n_nodes, recipe)
        for path, array in ((features_path, features), (labels_path, labels)):
            unfinished = path.with_suffix(".partial.npy")
            np.save(unfinished, array)
            unfinished.replace(path)
    return features_path, labels_path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make simulated features on disk and say where they are.")
    parser.add_argument("nodes", type=int, nargs="+")
    for n_nodes in parser.parse_args().nodes:
        began = time.perf_counter()
        print(simulated_features_on_disk(n_nodes)[0], f"{time.perf_counter() - began:.1f} s")
