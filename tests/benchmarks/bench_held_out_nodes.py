"""What it changes whether nodes for the start and the constraint come from held-out pictures, too.

``python -m tests.benchmarks held_out_nodes`` writes a table of docs/brain.md. Saliency network, 500 photographs with
predicted responses (docs/data.md), 400 to train on and 100 to test on.
"""

from __future__ import annotations

import numpy as np
import torch

from alignedcut_viewer.alignment import BrainAlignment, BrainSamples
from tests.benchmarks.bench_brain_alignment import agreement_of, data, scores_of, split
from tests.benchmarks.brain_features import pooled_and_nodes
from tests.benchmarks.harness import REPOSITORY, markdown_table, write_section

NETWORK = "dinov2-vit-s14-saliency"
SEEDS = (0, 1, 2)


def main() -> None:
    """Measure, print and write the table."""
    torch.set_num_threads(1)
    dataset = data()
    sampled = pooled_and_nodes("bold5000", NETWORK, [path for path in dataset.pictures.paths if path is not None])
    found: dict[str, list[list[float]]] = {"from all pictures": [], "from training pictures": []}
    for seed in SEEDS:
        train, test = split(dataset.n_pictures, seed)
        pooled = {slot: values[train] for slot, values in sampled.pooled.items()}
        for name, owners in (("from all pictures", None), ("from training pictures", sampled.pictures)):
            samples = BrainSamples(
                pooled, sampled.nodes, dataset.read(train), corresponding=True, pictures=train, node_pictures=owners
            )
            fitted = BrainAlignment(seed=seed, device="cpu").fit(samples)
            prediction = fitted.predict({slot: values[test] for slot, values in sampled.pooled.items()})
            r2 = scores_of(dataset, test, prediction)[-1]
            found[name].append([r2, agreement_of(fitted, sampled, test)])
            print(seed, name, found[name][-1], flush=True)
    rows = []
    for name, values in found.items():
        mean, spread = np.mean(values, axis=0), np.std(values, axis=0)
        rows.append([name, *(f"{m:.4f} ± {s:.4f}" for m, s in zip(mean, spread, strict=True))])
    header = ["nodes", "held-out R², all voxels", "agreement of layers in held-out pictures"]
    write_section("held-out-nodes", markdown_table(header, rows), REPOSITORY / "docs" / "brain.md")


if __name__ == "__main__":
    main()
