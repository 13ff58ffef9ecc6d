"""Joint cuts of many layers against the best single layer and k-means: segments of the 100 COCO photographs with masks.

``python -m tests.benchmarks joint_segments`` divides every photograph by each contender into as many segments as the
mask has classes, matches them (Hungarian, one matching a picture) and writes the table of ``docs/what_and_where.md``.
Rows are kept in the cache folder picture by picture, so that it goes on where it stopped.
``ALIGNEDCUT_JOINT_PICTURES=30`` takes fewer, evenly spread.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alignedcut_viewer.backbones import Backbone, load_backbone
from alignedcut_viewer.images import load_mask, open_pictures
from alignedcut_viewer.segmentation import cluster_eigenvectors, segment_tokens, upsample_labels
from alignedcut_viewer.segmentation.benchmark_metrics import segmentation_iou
from alignedcut_viewer.spectral import GraphSettings, LayeredCut, LayerTokens

from .bench_what_where import PAGE
from .brain_features import NETWORKS, cache_folder, shared_data
from .harness import markdown_table, write_section

SIZE = 336
N_LAYERS = 12
FIRST = 3
"""Joint cuts leave out the first quarter of each network, as segmentation does."""
TAPS = ("attention", "k", "v")
GRAPH = GraphSettings(affinity="kernel", centred=True, gamma=0.1, n_inside=None)
RESAMPLES = 2000
LARGEST = 30
JOINT = {
    "both networks, attention and keys": (tuple(NETWORKS), ("attention", "k")),
    "both networks, attention": (tuple(NETWORKS), ("attention",)),
    "both networks, values (what)": (tuple(NETWORKS), ("v",)),
    **{f"{network}, attention and keys": ((network,), ("attention", "k")) for network in NETWORKS},
}


def features(backbones: dict[str, Backbone], pixels: NDArray[np.uint8]) -> dict[tuple[str, str, int], LayerTokens]:
    """Tokens of one photograph by network, tap and layer."""
    places = [(layer, tap) for tap in TAPS for layer in range(N_LAYERS)]
    found = {}
    for network, backbone in backbones.items():
        batch = backbone.prepare(pixels)[None]
        for (layer, tap), tokens in zip(places, backbone.features_at(batch, places), strict=True):  # type: ignore[arg-type]
            kept = tokens.float().numpy()
            rows, columns = backbone.grid
            leading = kept.shape[1] - rows * columns
            found[network, tap, layer] = LayerTokens(kept, rows, columns, leading=leading)
    return found


def cut(layers: Sequence[LayerTokens], k: int) -> NDArray[np.int32]:
    """Labels of places, by k-means on the eigenvectors of a cut."""
    found = LayeredCut(max(k, 2), graph=GRAPH, weights="uniform", device="cpu").fit(layers)
    labels = cluster_eigenvectors(found.eigenvectors_[0], k).labels
    return labels.reshape(found.grid_.rows, found.grid_.columns)


def score(grid: NDArray[np.int32], truth: NDArray[np.int32]) -> float:
    """Mean IoU of one photograph after Hungarian matching; unlabelled pixels are left out."""
    labels = upsample_labels(grid, truth.shape)
    return float(segmentation_iou(truth, labels, "hungarian"))


def one(backbones: dict[str, Backbone], pixels: NDArray[np.uint8], mask: NDArray[np.int32]) -> dict[str, Any]:
    """Scores of every contender on one photograph."""
    classes = np.unique(mask[mask > 0])
    truth = np.where(mask > 0, np.searchsorted(classes, mask).clip(max=len(classes) - 1), -1).astype(np.int32)
    k = min(max(len(classes), 2), LARGEST)
    started = time.process_time()
    tokens = features(backbones, pixels)
    row: dict[str, Any] = {"seconds, features": time.process_time() - started}
    for name, (networks, taps) in JOINT.items():
        started = time.process_time()
        layers = [tokens[n, tap, layer] for n in networks for tap in taps for layer in range(FIRST, N_LAYERS)]
        row[f"joint: {name}"] = score(cut(layers, k), truth)
        row[f"seconds: {name}"] = time.process_time() - started
    for network in NETWORKS:
        for layer in range(N_LAYERS):
            own = tokens[network, "attention", layer]
            row[f"cut: {network} {layer}"] = score(cut([own], k), truth)
            points = own.sides(slice(None), torch.device("cpu"))[0][0].numpy()
            means = segment_tokens(points, k, n_starts=5).labels.reshape(own.rows, own.columns)
            row[f"k-means: {network} {layer}"] = score(means, truth)
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """Means, and what the best joint cut is ahead by, with intervals."""
    values = {name: np.array([row[name] for row in rows]) for name in rows[0] if ": " in name and "seconds" not in name}
    joint = {name: each for name, each in values.items() if name.startswith("joint")}
    shown = dict(joint)
    for kind in ("cut", "k-means"):
        for network in NETWORKS:
            own = {name: each for name, each in values.items() if name.startswith(f"{kind}: {network} ")}
            best = max(own, key=lambda name: own[name].mean())
            shown[f"{kind} of {network}, best layer ({best.rsplit(' ', 1)[1]})"] = own[best]
    first = joint[f"joint: {next(iter(JOINT))}"]
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(rows), (RESAMPLES, len(rows)))
    lines = []
    for name, each in shown.items():
        low, high = np.quantile(each[drawn].mean(axis=1), [0.025, 0.975])
        line = [name, f"{each.mean():.3f} ({low:.3f} to {high:.3f})"]
        ahead = first - each
        low, high = np.quantile(ahead[drawn].mean(axis=1), [0.025, 0.975])
        lines.append([*line, "" if each is first else f"{ahead.mean():+.3f} ({low:+.3f} to {high:+.3f})"])
    return markdown_table(["", "mIoU", "the first line less this"], lines)


def keep(rows: list[dict[str, Any]]) -> None:
    """Write the table of the photographs that are done."""
    text = (
        f"Of {len(rows)} photographs of COCO with masks, each by itself: attention outputs, keys and values of both "
        f"networks at {SIZE} px, the kernel of gamma .1 between centred features, layers {FIRST} to {N_LAYERS - 1} in "
        "joint cuts, as many segments as classes, k-means on eigenvectors (below: on a layer's features), tokens "
        "as they are, one Hungarian matching a picture; in brackets 95 % intervals over resampled photographs, "
        "differences paired. Single layers are of attention outputs, each network's best chosen with the masks in hand "
        "(`python -m tests.benchmarks joint_segments`, which goes on where it was stopped)."
    )
    write_section("joint-segments", f"{text}\n\n{table(rows)}", PAGE)


def main() -> None:
    """Compute what is missing and write the table."""
    paths = sorted((shared_data() / "coco" / "images").iterdir())
    count = int(os.environ.get("ALIGNEDCUT_JOINT_PICTURES", len(paths)))
    chosen = [paths[i] for i in np.linspace(0, len(paths) - 1, count).round().astype(int)]
    kept = cache_folder() / "joint-segments.jsonl"
    known = {}
    if kept.exists():
        known = {row["picture"]: row for row in map(json.loads, kept.read_text().splitlines())}
    missing = [path for path in chosen if path.stem not in known]
    torch.set_num_threads(1)
    backbones = {}
    if missing:
        for network, file in NETWORKS.items():
            weights = shared_data() / "weights" / f"{file}.safetensors"
            backbones[network] = load_backbone(network, weights=weights, input_size=SIZE, device="cpu")
    pictures = open_pictures([str(path) for path in missing]) if missing else []
    for path, pixels in zip(missing, pictures, strict=True):
        mask = load_mask(_mask_of(path), size=pixels.shape[:2])
        row = {"picture": path.stem, **one(backbones, pixels, mask)}
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        known[path.stem] = row
        print(len(known), path.stem, f"{row[f'joint: {next(iter(JOINT))}']:.3f}", flush=True)
        if len(known) % 10 == 0:
            keep([known[path.stem] for path in chosen if path.stem in known])
    keep([known[path.stem] for path in chosen])


def _mask_of(path: Path) -> Path:
    return path.parents[1] / "masks" / f"{path.stem}.png"


if __name__ == "__main__":
    main()
