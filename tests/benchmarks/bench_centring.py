"""What the mean of each layer does to a joint graph: ``python -m tests.benchmarks centring``.

Writes a table of docs/method.md: the share of the variance of 20 eigenvectors that tells layers apart, of the raw
features of both networks of the shared data (24 layers, 500 photographs), with and without the mean of each layer, and
after random rotations of each layer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tests.benchmarks.bench_brain_alignment import data
from tests.benchmarks.bench_class_tokens import layer_share
from tests.benchmarks.brain_features import NETWORKS, pooled_and_nodes
from tests.benchmarks.harness import REPOSITORY, markdown_table, write_section

N_NODES = 400
"""Of each layer."""


def layers(paths: list[Path]) -> list[NDArray[np.float32]]:
    """Tokens of all layers of both networks, padded with zeros to one width."""
    found = []
    for network in NETWORKS:
        sampled = pooled_and_nodes("bold5000", network, paths)
        for slot, nodes in sampled.nodes.items():
            rows = np.random.default_rng(slot.layer).choice(len(nodes), N_NODES, replace=False)
            found.append(nodes[rows].astype(np.float32))
    width = max(values.shape[1] for values in found)
    return [np.pad(values, ((0, 0), (0, width - values.shape[1]))) for values in found]


def rotated(values: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """The same turned at random."""
    turned, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((values.shape[1],) * 2))
    return values @ turned.astype(np.float32)


def main() -> None:
    """Measure, print and write the table."""
    torch.set_num_threads(1)
    own = layers([path for path in data().pictures.paths if path is not None])
    rows = []
    for name, maps in (("as they are", None), ("each layer turned at random", rotated)):
        for what, centre in (("with their mean", False), ("about their mean", True)):
            given = [values - values.mean(axis=0) * centre for values in own]
            if maps is not None:
                given = [maps(values, number) for number, values in enumerate(given)]
            rows.append([f"{name}, {what}", f"{100 * layer_share(np.stack(given)):.0f} %"])
            print(rows[-1], flush=True)
    header = ["features of 24 layers of two networks", "eigenvector variance that tells layers apart"]
    write_section("centring", markdown_table(header, rows), REPOSITORY / "docs" / "method.md")


if __name__ == "__main__":
    main()
