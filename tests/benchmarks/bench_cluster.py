"""A cut by worker processes beside one process: the same bits, how much sooner, and what a killed worker costs.

``python -m tests.benchmarks cluster`` cuts 3,000,000 simulated nodes of 384 channels, which lie on disk. Every row of
the table is a process of its own; the digest of its eigenvectors must be that of its neighbour without a cluster.
"""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import time
from typing import Any, NamedTuple

import numpy as np

from .features import FeatureRecipe, simulated_features_on_disk
from .harness import REPOSITORY, in_subprocess, machine_description, markdown_table, write_section

N_NODES = int(os.environ.get("ALIGNEDCUT_CLUSTER_NODES", "3000000"))
RECIPE = FeatureRecipe(n_channels=384)
_PASS = "computing eigenvectors"


class Case(NamedTuple):
    """One row of the table."""

    title: str
    threads: int
    workers: int
    kill: bool = False


CASES = (
    Case("one process, 1 thread", 1, 0),
    Case("1 worker", 1, 1),
    Case("one process, 2 threads", 2, 0),
    Case("2 workers", 2, 2),
    Case("2 workers, one killed half-way", 2, 2, kill=True),
)


def cut(path: str, threads: int, workers: int, kill: bool) -> dict[str, Any]:
    """Cut the features, and tell what it took; the start of the workers is told apart."""
    import torch

    from alignedcut_viewer.cluster import computing_on
    from alignedcut_viewer.spectral import NormalizedCut

    torch.set_num_threads(threads)
    features = np.load(path, mmap_mode="r")
    began = time.perf_counter()
    found: dict[str, Any] = {"recovery": None}
    seen: dict[str, float] = {}
    with computing_on(workers or None) as cluster:
        if cluster is not None:  # every worker has loaded torch
            list(cluster.in_order(_warm, None, range(4 * workers)))
        found["start"] = time.perf_counter() - began
        began = time.perf_counter()

        def progress(done: int, total: int, text: str) -> None:
            now = time.perf_counter()
            if text != _PASS:
                return
            seen.setdefault("begun", now)
            seen["ended"] = now
            if kill and done >= total / 2 and "killed" not in seen:
                assert cluster is not None
                nannies = list(cluster._client.cluster.workers.values())
                os.kill(nannies[0].pid, signal.SIGKILL)
                seen["killed"] = now
            if "killed" in seen and "back" not in seen and done > total / 2:
                assert cluster is not None
                if len(cluster._client.nthreads()) == workers and now - seen["killed"] > 0.5:
                    seen["back"] = now

        vectors = NormalizedCut(20, method="nystrom", device="cpu").fit_transform(features, progress=progress)
        found["wall"] = time.perf_counter() - began
    found["pass"] = seen["ended"] - seen["begun"]
    if "back" in seen:
        found["recovery"] = seen["back"] - seen["killed"]
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    found["processor"] = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    found["digest"] = hashlib.sha256(np.ascontiguousarray(vectors).tobytes()).hexdigest()
    return found


def _warm(shared: None, item: int) -> int:
    import torch

    time.sleep(0.05)
    return int(torch.ones(item + 1).sum())


def main(n_nodes: int = N_NODES) -> None:
    """Measure and write the section of docs/scale.md."""
    path, _ = simulated_features_on_disk(n_nodes, RECIPE)
    found = []
    for case in CASES:
        found.append(
            in_subprocess(
                "tests.benchmarks.bench_cluster",
                "cut",
                path=str(path),
                threads=case.threads,
                workers=case.workers,
                kill=case.kill,
            )
        )
        print(case.title, found[-1], flush=True)
    digests = [one["digest"] for one in found]
    if digests[0] != digests[1] or len(set(digests[2:])) != 1:
        raise RuntimeError("The cluster gave other eigenvectors than one process.")
    rows = [
        [
            case.title,
            f"{one['wall']:.1f}",
            f"{one['pass']:.1f}",
            f"{found[0]['pass'] / one['pass']:.2f}",
            f"{found[1]['pass'] / one['pass']:.2f}" if case.workers else "–",
            f"{one['start']:.1f}" if case.workers else "–",
            f"{one['processor']:.0f}",
        ]
        for case, one in zip(CASES, found, strict=True)
    ]
    header = [
        "",
        "the cut, s",
        "of it the pass over nodes, s",
        "pass, times as fast as 1 thread",
        "as 1 worker",
        "start, s",
        "processor time, s",
    ]
    killed = found[-1]
    back = f"It was replaced after {killed['recovery']:.1f} s. " if killed["recovery"] else ""
    load, n_processors = os.getloadavg()[0], os.cpu_count() or 1
    busy = f"; the machine was busy (load {load:.0f}): processor time says more" if load > n_processors + 1 else ""
    text = (
        f"A cut of {n_nodes:,} simulated nodes × {RECIPE.n_channels} channels on disk (Nyström, 20 eigenvectors), on "
        f"{machine_description()}{busy}.\n\n"
        f"{markdown_table(header, rows)}\n\n"
        "Eigenvectors are the same to the last bit: those of 1 worker and of one process with 1 thread; those of 2 "
        f"workers, with and without a killed one, and of one process with 2 threads. {back}The killed worker cost "
        f"{killed['wall'] - found[3]['wall']:.1f} s. Starting the workers includes loading torch in each."
    )
    write_section("cluster", text, REPOSITORY / "docs" / "scale.md")


if __name__ == "__main__":
    main()
