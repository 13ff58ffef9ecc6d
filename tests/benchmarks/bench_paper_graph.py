"""The graph of the AlignedCut paper, 7,092,000 nodes of 768 channels in half precision on disk, on the CPU.

``python -m tests.benchmarks paper_graph`` makes a simulated store of 10.9 GB, cuts it within 2 GiB, and deletes it.
``--keep`` leaves the store for another run; ``--nodes`` takes a smaller graph.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.features import FeatureRecipe
from tests.benchmarks.harness import in_subprocess, machine_description, markdown_table, peak_memory, write_section

PAPER_NODES = 1000 * 197 * 36
"""Images, tokens, and (network, layer) pairs of the paper's graph."""
N_COMPONENTS = 50
MEMORY = "2GiB"
_MODULE = "tests.benchmarks.bench_paper_graph"
_READ_ROWS = 8192


def make_store(path: Path, n_nodes: int) -> None:
    """Write simulated features in half precision, block by block."""
    unfinished = path.with_suffix(".partial")
    recipe = FeatureRecipe()
    array = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float16, shape=(n_nodes, recipe.n_channels))
    start = 0
    for rows, _ in recipe.blocks(n_nodes):
        array[start : start + len(rows)] = rows
        start += len(rows)
        if start % 1_000_000 == 0:
            array.flush()
            print(f"  {start:,} of {n_nodes:,} nodes written", flush=True)
    array.flush()
    del array
    unfinished.replace(path)


def forget_cached(path: Path) -> None:
    """Drop the file from the system's cache, where that can be asked for, so that it is read from disk."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_once(path: str, n_nodes: int, cold: bool) -> dict[str, Any]:
    """Seconds to read the store once and do nothing with it."""
    from alignedcut_viewer.spectral import as_features

    if cold:
        forget_cached(Path(path))
    features = as_features(np.load(path, mmap_mode="r")[:n_nodes])
    began = time.perf_counter()
    for _ in features.chunks(_READ_ROWS):
        pass
    return {"seconds": time.perf_counter() - began}


def cut(path: str, n_nodes: int, precision: str, cold: bool) -> dict[str, Any]:
    """Seconds and peak memory of the cut, and how far its columns are from orthonormal."""
    from alignedcut_viewer.spectral import NormalizedCut

    features = np.load(path, mmap_mode="r")[:n_nodes]
    settings: dict[str, Any] = {"method": "nystrom", "device": "cpu", "precision": precision, "memory": MEMORY}
    NormalizedCut(N_COMPONENTS, **settings).fit_transform(np.array(features[:10_000]))
    if cold:
        forget_cached(Path(path))
    result: dict[str, Any] = {}
    with peak_memory(result):
        began = time.perf_counter()
        solver = NormalizedCut(N_COMPONENTS, **settings)
        eigenvectors = solver.fit_transform(features)
        result["seconds"] = time.perf_counter() - began
    gram = np.zeros((N_COMPONENTS, N_COMPONENTS))
    for start in range(0, n_nodes, 1_000_000):
        part = eigenvectors[start : start + 1_000_000]
        gram += part.T @ part
    result["off_orthonormal"] = float(np.abs(gram - np.eye(N_COMPONENTS)).max())
    result["eigenvalues"] = [float(value) for value in solver.eigenvalues_[[1, 9, 19, 49]]]
    return result


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the section ``paper-graph`` of the page on performance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=PAPER_NODES)
    parser.add_argument("--keep", action="store_true", help="leave the store on disk")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args([] if arguments is None else arguments)
    folder = Path(os.environ.get("ALIGNEDCUT_BENCH_CACHE", Path(tempfile.gettempdir()) / "alignedcut-bench"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"paper-graph-{options.nodes}.npy"
    size = options.nodes * 768 * 2
    if not path.exists():
        if shutil.disk_usage(folder).free < 1.2 * size:
            print(f"Skipped: the store takes {size / 1e9:.1f} GB, and {folder} has not that much room.")
            return
        print(f"Making a store of {size / 1e9:.1f} GB in {folder}", flush=True)
        make_store(path, options.nodes)
    try:
        _measure(path, options.nodes, options.rounds)
    finally:
        if not options.keep:
            path.unlink(missing_ok=True)


def _measure(path: Path, n_nodes: int, rounds: int) -> None:
    rows: list[list[str]] = []
    reading: list[float] = []
    cutting: dict[str, list[dict[str, Any]]] = {"float32": [], "bfloat16": []}
    for _ in range(rounds):
        reading.append(in_subprocess(_MODULE, "read_once", path=str(path), n_nodes=n_nodes, cold=True)["seconds"])
        for precision, results in cutting.items():
            results.append(
                in_subprocess(_MODULE, "cut", path=str(path), n_nodes=n_nodes, precision=precision, cold=True)
            )
    read = float(np.median(reading))
    rows.append(["reading the store once, from disk", f"{read:.1f}", "1.0", ""])
    for precision, results in cutting.items():
        seconds = float(np.median([result["seconds"] for result in results]))
        peak = max(result["peak_mb"] for result in results)
        rows.append([f"cut, {precision}", f"{seconds:.1f}", f"{seconds / read:.1f}", f"{peak / 1024**2 * 1e6:.0f}"])
        print(rows[-1], results[0]["off_orthonormal"], results[0]["eigenvalues"], flush=True)
    growth = []
    steps = [n for n in (100_000, 300_000, 1_000_000, 3_000_000) if n < n_nodes] + [n_nodes]
    for n in steps:
        in_subprocess(_MODULE, "read_once", path=str(path), n_nodes=n, cold=False)
        result = in_subprocess(_MODULE, "cut", path=str(path), n_nodes=n, precision="float32", cold=False)
        growth.append((n, result["seconds"]))
        print(growth[-1], flush=True)
    slope, offset = np.polyfit([n for n, _ in growth], [seconds for _, seconds in growth], 1)
    steepness = np.polyfit(np.log([n for n, _ in growth]), np.log([seconds for _, seconds in growth]), 1)[0]
    channels = FeatureRecipe().n_channels
    text = "\n\n".join(
        [
            "## The paper's graph on the CPU",
            f"{n_nodes:,} nodes of {channels} channels in half precision ({n_nodes * channels * 2 / 1e9:.1f} GB, "
            f'simulated, on disk and not in the system\'s cache), {N_COMPONENTS} eigenvectors, `memory="{MEMORY}"`. '
            "Peak memory is above what the process held before and counts the "
            f"{n_nodes * N_COMPONENTS * 4 / 2**20:.0f} MiB of returned eigenvectors. Median of {rounds} runs, each in "
            f"a process of its own. {machine_description()}.",
            markdown_table(["", "seconds", "times the reading", "peak memory, MiB"], rows),
            "Growth with the number of nodes (float32, the same store, read from the system's cache where it fits):",
            markdown_table(
                ["nodes", "seconds", "microseconds a node"],
                [[f"{n:,}", f"{seconds:.2f}", f"{seconds / n * 1e6:.2f}"] for n, seconds in growth],
            ),
            f"A straight line through them: {offset:.2f} s + {slope * 1e6:.2f} s a million nodes; exponent of a power "
            f"law {steepness:.2f}.",
            "Made by `python -m tests.benchmarks paper_graph`.",
        ]
    )
    print(text)
    write_section("paper-graph", text)


if __name__ == "__main__":
    main(sys.argv[1:])
