"""Features of real pictures by the networks of the shared test data, computed once and kept."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from alignedcut_viewer.alignment.correspondence import class_share, sample_positions
from alignedcut_viewer.backbones import load_backbone
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.nodes import NetworkNodes, Slot
from alignedcut_viewer.pipeline.settings import BrainSettings

__all__ = ["NETWORKS", "Sampled", "cache_folder", "pooled_and_nodes", "shared_data", "tokens", "view"]

NETWORKS = {"vit-tiny-p16": "vit_tiny_p16_augreg", "dinov2-vit-s14-saliency": "dinov2_vits14"}
"""Networks and their weight files."""
N_LAYERS = 12


class Sampled(NamedTuple):
    """What alignments are trained on.

    Attributes
    ----------
    pooled
        Mean over tokens (n_pictures, D) of each slot.
    nodes
        Tokens (n_nodes, D) of each slot at the places that the pipeline would draw.
    pictures
        Which picture each node is of.
    class_tokens
        The class token of each picture (n_pictures, D) of each slot.
    """

    pooled: dict[Slot, NDArray[np.float32]]
    nodes: dict[Slot, NDArray[np.float16]]
    pictures: NDArray[np.int64]
    class_tokens: dict[Slot, NDArray[np.float16]]


def shared_data() -> Path:
    """Folder of the shared test data; see docs/data.md."""
    return Path(os.environ.get("ALIGNEDCUT_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def cache_folder() -> Path:
    """Where features are kept."""
    default = Path(tempfile.gettempdir()) / "alignedcut-bench"
    folder = Path(os.environ.get("ALIGNEDCUT_BENCH_CACHE", default))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def view(picture: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    """One of eight views of a picture: all of it or four fifths of each side, as it is or mirrored."""
    crop, mirrored = divmod(number, 2)
    if crop:
        height, width = (round(0.8 * side) for side in picture.shape[:2])
        y, x = np.random.default_rng(crop).random(2) * (picture.shape[0] - height, picture.shape[1] - width)
        picture = picture[int(y) : int(y) + height, int(x) : int(x) + width]
    return np.ascontiguousarray(picture[:, ::-1] if mirrored else picture)


def _batches(
    network: str, paths: Sequence[Path], n_views: int = 1
) -> Iterator[tuple[list[NDArray[np.float32]], tuple[int, int]]]:
    """Attention outputs of all layers of ten views after the other, and the token grid."""
    weights = shared_data() / "weights" / f"{NETWORKS[network]}.safetensors"
    backbone = load_backbone(network, weights=weights, input_size=224, device="cpu")
    pictures = open_pictures([str(path) for path in paths])
    prepared = (backbone.prepare(view(pictures[i], n)) for i in range(len(pictures)) for n in range(n_views))
    while batch := list(itertools.islice(prepared, 10)):
        with torch.inference_mode():
            features = backbone.features(torch.stack(batch), list(range(N_LAYERS)))
        yield [values.float().numpy() for values in features], backbone.grid


def tokens(network: str, paths: Sequence[Path]) -> tuple[list[NDArray[np.float32]], tuple[int, int]]:
    """Attention outputs of all layers, each (n_pictures, tokens, D), and the token grid."""
    found = list(_batches(network, paths))
    return [np.concatenate([layers[i] for layers, _ in found]) for i in range(N_LAYERS)], found[0][1]


def pooled_and_nodes(name: str, network: str, paths: Sequence[Path], *, n_views: int = 1) -> Sampled:
    """What alignments to pictures (or to views of them, picture by picture) are trained on, for all layers.

    Nodes are drawn by what the pipeline draws them by, and as many.
    """
    file = cache_folder() / f"{name}-{network}-{n_views}-sampled.npz"
    slots = [Slot(network, layer) for layer in range(N_LAYERS)]
    if not file.exists():
        n_pictures, first, places = len(paths) * n_views, 0, None
        parts: dict[str, list[NDArray[np.floating]]] = {}
        for layers, (rows, columns) in _batches(network, paths, n_views):
            if places is None:
                share = class_share([NetworkNodes(network, (0,), rows, columns)])
                places = sample_positions(n_pictures, BrainSettings("").n_samples, class_share=share)
                chosen = places.tokens(rows, columns)
            last = first + len(layers[0])
            low, high = np.searchsorted(places.image, [first, last])
            for layer, values in enumerate(layers):
                parts.setdefault(f"pooled{layer}", []).append(values.mean(axis=1))
                picked = values[places.image[low:high] - first, chosen[low:high]]
                parts.setdefault(f"nodes{layer}", []).append(picked.astype(np.float16))
                parts.setdefault(f"class{layer}", []).append(values[:, 0].astype(np.float16))
            first = last
        assert places is not None
        arrays: dict[str, NDArray[Any]] = {key: np.concatenate(blocks) for key, blocks in parts.items()}
        unfinished = file.with_suffix(".partial.npz")
        np.savez(unfinished, **arrays, pictures=places.image)
        unfinished.replace(file)
    with np.load(file) as content:
        pooled, nodes, classes = ({s: content[f"{w}{s.layer}"] for s in slots} for w in ("pooled", "nodes", "class"))
        return Sampled(pooled, nodes, content["pictures"], classes)
