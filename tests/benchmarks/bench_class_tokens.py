"""Whether brain-aligned layers share one space however many pictures there are, and what class tokens do to it.

``python -m tests.benchmarks class_tokens`` writes a table of docs/benchmarks.md. Alignments are trained on 440 of the
500 photographs with predicted responses (docs/data.md), or on eight views of each; the other 60 are measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alignedcut_viewer.alignment import BrainAlignment, BrainSamples
from alignedcut_viewer.nodes import Slot
from alignedcut_viewer.spectral import NormalizedCut
from tests.benchmarks.bench_brain_alignment import data
from tests.benchmarks.brain_features import Sampled, pooled_and_nodes, tokens
from tests.benchmarks.harness import REPOSITORY, markdown_table, write_section

PAGE = REPOSITORY / "docs" / "benchmarks.md"
NETWORK = "dinov2-vit-s14-saliency"
N_LAYERS = 12
N_TEST = 60
N_VIEWS = 8
PATCHES_A_PICTURE = 40
FORMER_SHARES = (0.04, 1 / 3, 0.5)
"""Shares of class tokens that one class token a picture made of 12,000 nodes: of 500, 4,000 and 9,841 pictures."""


def layer_share(aligned: NDArray[np.float32]) -> float:
    """Share of the variance of the leading eigenvectors of the joint graph of all layers that tells layers apart.

    Parameters
    ----------
    aligned
        (layers, nodes, channels).
    """
    cut = NormalizedCut(20, gamma=1.0, seed=0, device="cpu")
    vectors = np.asarray(cut.fit_transform(aligned.reshape(-1, aligned.shape[2])), np.float64)[:, 1:]
    vectors -= vectors.mean(axis=0)
    means = vectors.reshape(len(aligned), -1, vectors.shape[1]).mean(axis=1)
    within_all = np.square(vectors).mean(axis=0)
    return float((np.square(means).mean(axis=0) / within_all).mean())


def mean_cosine(features: NDArray[np.float32]) -> float:
    """Mean cosine of all pairs of different rows."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    n = len(unit)
    return float((np.square(unit.sum(axis=0, dtype=np.float64)).sum() - n) / (n * (n - 1)))


def crowded(samples: BrainSamples, sampled: Sampled, share: float, rows: NDArray[np.int64]) -> BrainSamples:
    """Nodes of which that share are class tokens, and features centred on their mean, as once was."""
    rng = np.random.default_rng(0)
    kept = np.flatnonzero(np.isin(sampled.pictures, rows))
    n_class = min(len(rows), round(share * len(kept)))
    of_class = np.sort(rng.choice(rows, n_class, replace=False))
    patches = np.sort(rng.choice(kept, min(len(kept), round(n_class * (1 - share) / share)), replace=False))
    pooled, nodes = {}, {}
    for slot in samples.slots:
        parts = [sampled.class_tokens[slot][of_class], sampled.nodes[slot][patches]]
        values = np.concatenate(parts).astype(np.float32)
        mean = values.mean(axis=0)
        pooled[slot], nodes[slot] = sampled.pooled[slot][rows] - mean, values - mean
    return BrainSamples(pooled, nodes, samples.responses, corresponding=True, pictures=samples.pictures)


def main() -> None:
    """Measure, print and write the table."""
    torch.set_num_threads(1)
    dataset = data()
    paths = [path for path in dataset.pictures.paths if path is not None]
    order = np.random.default_rng(0).permutation(len(paths))
    train, test = np.sort(order[N_TEST:]), np.sort(order[:N_TEST])
    layers, _ = tokens(NETWORK, [paths[i] for i in test])
    rng = np.random.default_rng(1)
    places = 1 + rng.choice(layers[0].shape[1] - 1, PATCHES_A_PICTURE, replace=False)
    slots = [Slot(NETWORK, layer) for layer in range(N_LAYERS)]
    patches = [values[:, places].reshape(-1, values.shape[2]) for values in layers]
    table: list[list[Any]] = []

    def add(name: str, fitted: BrainAlignment | None, nodes: int, extra: dict[Slot, NDArray[np.float32]]) -> None:
        aligned = []
        for slot, values in zip(slots, patches, strict=True):
            if fitted is not None:
                offset = extra.get(slot, fitted.offsets_.get(slot, np.float32(0)))
                values = (values - offset) @ fitted.matrices_[slot]
            aligned.append(values)
        cosines = [mean_cosine(values) for values in aligned]
        score = "" if fitted is None else f"{fitted.score_:.3f}"
        row = [name, nodes or "", f"{100 * layer_share(np.stack(aligned)):.0f} %", f"{cosines[2]:.2f}"]
        table.append([*row, f"{np.mean(cosines):.2f}", score])
        print(table[-1], flush=True)

    add("raw features", None, 0, {})
    for n_views in (1, N_VIEWS):
        sampled = pooled_and_nodes("bold5000", NETWORK, paths, n_views=n_views)
        rows = (train[:, None] * n_views + np.arange(n_views)).ravel()
        samples = BrainSamples(
            {slot: values[rows] for slot, values in sampled.pooled.items()},
            sampled.nodes,
            dataset.read(np.repeat(train, n_views)),
            corresponding=True,
            pictures=np.repeat(train, n_views),
            node_pictures=sampled.pictures // n_views,
        )
        fitted = BrainAlignment(device="cpu").fit(samples)
        of = f"{len(rows):,} {'pictures' if n_views == 1 else 'views'}"
        add(f"{of}: every token alike", fitted, int(np.isin(sampled.pictures, rows).sum()), {})
        for share in FORMER_SHARES:
            if share * 12_000 > 1.5 * len(rows) and share != 0.5:
                continue
            crowd = crowded(samples, sampled, share, rows)
            fitted = BrainAlignment(device="cpu", center=False).fit(crowd)
            means = {slot: sampled.pooled[slot][rows[0]] - crowd.pooled[slot][0] for slot in slots}
            add(f"{of}: {100 * share:.0f} % class tokens", fitted, crowd.nodes[slots[0]].shape[0], means)
    header = [
        "trained on",
        "nodes",
        "eigenvector variance that tells layers apart",
        "mean cosine of patches, layer 2",
        "mean over layers",
        "held-out R²",
    ]
    write_section("class-tokens", markdown_table(header, table), PAGE)


if __name__ == "__main__":
    main()
