"""Features of real pictures by the networks of the shared test data, computed once and kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from alignedcut_viewer.backbones import load_backbone
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.nodes import Slot

__all__ = ["NETWORKS", "cache_folder", "pooled_and_nodes", "shared_data", "tokens"]

NETWORKS = {"vit-tiny-p16": "vit_tiny_p16_augreg", "dinov2-vit-s14-saliency": "dinov2_vits14"}
"""Networks and their weight files."""
N_LAYERS = 12
NODES_A_PICTURE = 20


def shared_data() -> Path:
    """Folder of the shared test data; see docs/data.md."""
    return Path(os.environ.get("ALIGNEDCUT_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def cache_folder() -> Path:
    """Where features are kept."""
    default = Path(tempfile.gettempdir()) / "alignedcut-bench"
    folder = Path(os.environ.get("ALIGNEDCUT_BENCH_CACHE", default))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def tokens(network: str, paths: Sequence[Path]) -> tuple[list[NDArray[np.float32]], tuple[int, int]]:
    """Attention outputs of all layers, each (n_pictures, tokens, D), and the token grid."""
    weights = shared_data() / "weights" / f"{NETWORKS[network]}.safetensors"
    backbone = load_backbone(network, weights=weights, input_size=224, device="cpu")
    pictures = open_pictures([str(path) for path in paths])
    layers: list[list[NDArray[np.float32]]] = [[] for _ in range(N_LAYERS)]
    for start in range(0, len(pictures), 10):
        batch = torch.stack([backbone.prepare(pictures[i]) for i in range(start, min(start + 10, len(pictures)))])
        with torch.inference_mode():
            for layer, values in enumerate(backbone.features(batch, list(range(N_LAYERS)))):
                layers[layer].append(values.float().numpy())
    return [np.concatenate(parts) for parts in layers], backbone.grid


def pooled_and_nodes(
    name: str, network: str, paths: Sequence[Path]
) -> tuple[dict[Slot, NDArray[np.float32]], dict[Slot, NDArray[np.float16]]]:
    """Mean over tokens (n_pictures, D), and some tokens of each picture (n_nodes, D), for all layers."""
    file = cache_folder() / f"{name}-{network}-pooled.npz"
    if not file.exists():
        arrays: dict[str, NDArray[np.floating]] = {}
        chosen = [np.random.default_rng([0, i]).choice(197, NODES_A_PICTURE, replace=False) for i in range(len(paths))]
        blocks: dict[str, list[NDArray[np.floating]]] = {}
        for start in range(0, len(paths), 100):
            layers, _ = tokens(network, paths[start : start + 100])
            for layer, values in enumerate(layers):
                blocks.setdefault(f"pooled{layer}", []).append(values.mean(axis=1))
                picked = [values[i, chosen[start + i] % values.shape[1]] for i in range(len(values))]
                blocks.setdefault(f"nodes{layer}", []).append(np.concatenate(picked).astype(np.float16))
        arrays = {key: np.concatenate(parts) for key, parts in blocks.items()}
        unfinished = file.with_suffix(".partial.npz")
        np.savez(unfinished, **arrays)
        unfinished.replace(file)
    with np.load(file) as content:
        slots = [Slot(network, layer) for layer in range(N_LAYERS)]
        return {s: content[f"pooled{s.layer}"] for s in slots}, {s: content[f"nodes{s.layer}"] for s in slots}
