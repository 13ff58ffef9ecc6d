"""Brain space and cortex: what happens while somebody selects nodes in the window."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from alignedcut_viewer.brain import BrainSpace, ColourScale, RoiTable, cortex_raster, paper_rois
from alignedcut_viewer.nodes import NetworkNodes, NodeIndex
from alignedcut_viewer.study.brain_activation import BrainActivation
from tests.benchmarks.harness import machine_description, write_section

ROUNDS = 15
N_VOXELS = 39_548
N_CHANNELS = 768


def milliseconds(step: Callable[[], object]) -> tuple[float, float]:
    """Median and 95th percentile of some runs, after one that does not count."""
    step()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times), float(np.percentile(times, 95))


def main() -> None:
    """Measure, print and write the table."""
    rng = np.random.default_rng(0)
    names = np.array(list(paper_rois()))
    beta = rng.standard_normal((N_CHANNELS, N_VOXELS), dtype=np.float32)
    space = BrainSpace(
        beta, RoiTable.from_labels([str(name) for name in names[rng.integers(len(names), size=N_VOXELS)]])
    )
    features = rng.standard_normal((300_000, N_CHANNELS), dtype=np.float32)
    table = space.roi_activations(features)
    nodes_of_a_cut = NodeIndex([NetworkNodes("simulated", (0,), 10, 10, False)], range(3000))
    kept = BrainActivation(
        {"rois": space.rois.names, "source": "random", "simulated": True},
        {
            "table": table.astype(np.float16),
            "roi_voxels": np.array(list(space.rois.counts().values())),
            "slot_offsets": np.zeros((1, table.shape[1]), dtype=np.float32),
        },
        nodes_of_a_cut,
        {},
    )
    nodes = np.sort(rng.choice(len(features), 100_000, replace=False))
    mean = features[nodes].mean(axis=0)
    raster = cortex_raster(height=600, width=800)
    n_vertices = 163_842
    values = {side: rng.standard_normal(n_vertices).astype(np.float32) for side in ("lh", "rh")}
    scale = ColourScale(-2, 2)
    steps: dict[str, Callable[[], object]] = {
        "ROI mean and spread of 100,000 nodes, from the study's node × ROI table": lambda: space.summarise_activations(
            np.take(table, nodes, axis=0), mean
        ),
        "the same from the half-precision table that is kept with a cut, mean and spread over nodes": lambda: (
            kept.summarise(nodes)
        ),
        "all 39,548 voxels of a mean": lambda: space.voxel_means(mean[None]),
        "recolour the cortex, 800 × 600": lambda: raster.render(values, scale),
    }
    lines = [
        f"{machine_description()}; random values. Medians of {ROUNDS} runs.",
        "",
        "| step | median (ms) | 95th percentile (ms) |",
        "|---|---:|---:|",
    ]
    for name, step in steps.items():
        median, slow = milliseconds(step)
        lines.append(f"| {name} | {median:.1f} | {slow:.1f} |")
        print(lines[-1], flush=True)
    write_section("brain", "\n".join(lines))


if __name__ == "__main__":
    main()
