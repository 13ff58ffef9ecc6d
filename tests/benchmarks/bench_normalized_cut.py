"""The normalised cut against ncut-pytorch: time, memory, fidelity, and clustering of imbalanced data.

``python -m tests.benchmarks normalized_cut`` runs all of it and writes its sections of docs/performance.md;
``python -m tests.benchmarks.bench_normalized_cut --only 100k real`` runs some parts. Needs the extra ``bench``. Real
features need photographs and trained weights (see docs/data.md); without them those rows are left out.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tests.benchmarks.features import FeatureRecipe, simulated_features, simulated_features_on_disk
from tests.benchmarks.harness import (
    REPOSITORY,
    in_subprocess,
    interleaved,
    machine_description,
    markdown_table,
    peak_memory,
    write_section,
)

N_COMPONENTS = 50
SEEDS = range(5)
NETWORK = "dinov2-vit-s14-saliency"
_MODULE = "tests.benchmarks.bench_normalized_cut"
_WARM_UP = 10_000
EXACT_MEMORY = "9GiB"

Solver = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def ours(precision: str, **settings: Any) -> Solver:
    """The cut of this package, in the one configuration that is timed and judged everywhere on the page."""
    from alignedcut_viewer.spectral import NormalizedCut

    def solve(features: NDArray[np.float32]) -> NDArray[np.float32]:
        chosen: dict[str, Any] = {"device": "cpu", "method": "nystrom", "precision": precision, **settings}
        result: NDArray[np.float32] = NormalizedCut(N_COMPONENTS, **chosen).fit_transform(features)
        return result

    return solve


def theirs(features: NDArray[np.float32], n_components: int = N_COMPONENTS) -> NDArray[np.float32]:
    """ncut-pytorch as it comes."""
    from ncut_pytorch import Ncut

    eigenvectors: NDArray[np.float32] = (
        Ncut(n_eig=n_components, device="cpu").fit_transform(torch.from_numpy(features)).numpy()
    )
    return eigenvectors


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 matrices itself."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and "bf16" in _processor_flags()


def _processor_flags() -> str:
    information = Path("/proc/cpuinfo")
    return information.read_text() if information.exists() else ""


def contenders() -> dict[str, Solver]:
    """Who is timed, by name."""
    solvers: dict[str, Solver] = {
        f"ncut-pytorch {version('ncut-pytorch')}": theirs,
        "alignedcut-viewer, float32": ours("float32"),
    }
    if has_bfloat16():
        solvers["alignedcut-viewer, bfloat16"] = ours("bfloat16")
    return solvers


# -- time and memory ----------------------------------------------------------------------------------------------


def peak_of(name: str, path: str) -> dict[str, float]:
    """Peak memory of one contender above its input, in MB; called in a process of its own."""
    features = np.load(path)
    solver = contenders()[name]
    solver(features[:_WARM_UP].copy())
    result: dict[str, float] = {}
    with peak_memory(result):
        solver(features)
    return result


def speed_table(features: NDArray[np.float32], path: Path, rounds: int) -> str:
    """Seconds and memory of all contenders on the same features."""
    solvers = contenders()
    timings = interleaved({name: lambda s=solver: s(features) for name, solver in solvers.items()}, rounds=rounds)
    reference = next(iter(timings.values())).median
    peaks = {name: in_subprocess(_MODULE, "peak_of", name=name, path=str(path))["peak_mb"] for name in solvers}
    least = next(iter(peaks.values()))
    rows = [
        [
            name,
            f"{timing.median:.2f} s",
            timing.spread,
            f"{reference / timing.median:.1f}",
            f"{peaks[name]:.0f} MB",
            f"1/{least / peaks[name]:.1f}",
        ]
        for name, timing in timings.items()
    ]
    header = [f"{len(features):,} nodes", "median", "fastest to slowest", "times faster", "peak memory", "of theirs"]
    return markdown_table(header, rows)


def floor_note() -> str:
    """How fast this machine multiplies matrices, and what that alone would take."""
    rows, n_channels, span, landmarks, columns = 8192, 768, 128, 512, 64
    shapes = [(n_channels, span), (span, landmarks), (landmarks, columns)]
    texts = []
    for dtype in [torch.float32, torch.bfloat16][: 1 + has_bfloat16()]:
        seconds = 0.0
        for inner, outer in shapes:
            a, b = torch.rand(rows, inner).to(dtype), torch.rand(inner, outer).to(dtype)
            timing = interleaved({"product": lambda a=a, b=b: [a @ b for _ in range(20)]}, rounds=9)["product"]
            seconds += min(timing.seconds) / 20
        operations = 2 * rows * sum(inner * outer for inner, outer in shapes)
        name = str(dtype).removeprefix("torch.")
        texts.append(
            f"{operations / seconds / 1e9:.0f} GFLOP/s in {name}, or {seconds / rows * 1e6:.2f} µs a node: "
            f"{seconds / rows * 1e6:.2f} s for a million nodes"
        )
    return (
        "The floor is the rate at which the machine multiplies matrices. The three products that a node takes part in "
        f"({n_channels} × {span}, {span} × {landmarks}, {landmarks} × {columns}) alone run at " + "; ".join(texts) + "."
    )


# -- fidelity ------------------------------------------------------------------------------------------------------


def fidelity(found: NDArray[Any], exact: NDArray[np.float64], count: int) -> tuple[float, float]:
    """Mean squared cosine of the principal angles, and mean ``|cos|`` of i-th with i-th, of the first columns."""
    a, b = found[:, :count].astype(np.float64), exact[:, :count]
    basis = np.linalg.qr(a)[0]
    unit = a / np.linalg.norm(a, axis=0)
    return float(((basis.T @ b) ** 2).sum() / count), float(np.abs((unit * b).sum(axis=0)).mean())


def fidelity_rows(features: NDArray[np.float32], peer: bool) -> tuple[list[list[str]], float]:
    """Rows of sub20 to diag50 of every configuration that is timed, and how far the 51st eigenvalue falls off."""
    from alignedcut_viewer.spectral import NormalizedCut

    reference = NormalizedCut(N_COMPONENTS + 1, method="exact", device="cpu", memory=EXACT_MEMORY)
    exact = reference.fit_transform(features)[:, :N_COMPONENTS]
    gap = 1.0 - float(reference.eigenvalues_[-1] / reference.eigenvalues_[-2])
    rows = []
    solvers = {name: solver for name, solver in contenders().items() if not name.startswith("ncut")}
    solvers["the paper's approximation (`knn`, a quarter of the nodes, 100 neighbours)"] = ours(
        "float32", method="knn", n_landmarks=len(features) // 4
    )
    for name, solver in solvers.items():
        rows.append([name, *_scores(solver(features), exact)])
    if peer:
        rows.append(_peer_fidelity(features))
    return rows, gap


def _scores(found: NDArray[Any], exact: NDArray[Any]) -> list[str]:
    scores = [score for count in (20, 50) for score in fidelity(found, exact.astype(np.float64), count)]
    return [f"{score:.4f}" for score in scores]


def _peer_fidelity(features: NDArray[np.float32]) -> list[str]:
    """ncut-pytorch against the exact eigenvectors of *its* kernel with the width that it chose."""
    from ncut_pytorch import Ncut

    from alignedcut_viewer.spectral import NormalizedCut

    solver = Ncut(n_eig=N_COMPONENTS, device="cpu")
    found = solver.fit_transform(torch.from_numpy(features)).numpy()
    exact = NormalizedCut(
        N_COMPONENTS, kernel="rbf", gamma=float(solver.sigma) ** 2, method="exact", device="cpu", memory=EXACT_MEMORY
    ).fit_transform(features)
    return [f"ncut-pytorch {version('ncut-pytorch')}, to its own kernel", *_scores(found, exact)]


# -- clustering ----------------------------------------------------------------------------------------------------


def balance_table(n_nodes: int = 10_000, balance: float = 0.75) -> str:
    """Adjusted Rand index of k-means on the eigenvectors of imbalanced clusters, seed by seed."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    rows: dict[str, list[float]] = {}
    for seed in SEEDS:
        recipe = FeatureRecipe(seed=seed)
        features, labels = simulated_features(n_nodes, recipe)
        torch.manual_seed(seed)
        found = {
            f"ncut-pytorch {version('ncut-pytorch')}": theirs(features),
            "alignedcut-viewer, `balance=0`": ours("float32")(features),
            f"alignedcut-viewer, `balance={balance}`": ours("float32", balance=balance)(features),
        }
        for name, eigenvectors in found.items():
            clusters = KMeans(recipe.n_clusters, n_init=5, random_state=0).fit_predict(eigenvectors.astype(np.float64))
            rows.setdefault(name, []).append(float(adjusted_rand_score(labels, clusters)))
    header = ["adjusted Rand index", *[f"seed {seed}" for seed in SEEDS], "mean"]
    return markdown_table(
        header, [[name, *[f"{s:.3f}" for s in scores], f"{np.mean(scores):.3f}"] for name, scores in rows.items()]
    )


# -- real features -------------------------------------------------------------------------------------------------


def real_features(n_pictures: int = 34) -> NDArray[np.float32] | None:
    """Attention outputs of all layers of a trained DINOv2 on photographs, one joint graph; None without them."""
    from alignedcut_viewer.backbones import load_backbone
    from alignedcut_viewer.images import open_pictures

    data = Path(os.environ.get("ALIGNEDCUT_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    weights, photographs = data / "weights" / "dinov2_vits14.safetensors", data / "imagenet"
    if not (weights.is_file() and photographs.is_dir()):
        return None
    network = load_backbone(NETWORK, weights=weights, input_size=224, device="cpu", precision="float32")
    pictures = open_pictures(photographs)
    step = len(pictures) // n_pictures
    layers = range(network.n_layers)
    found = []
    for i in range(n_pictures):
        tokens = network.features(network.prepare(pictures[i * step])[None], layers, "attention")
        found.append(torch.stack([layer[0] for layer in tokens]).numpy())
    joint = np.stack(found, axis=1)
    return np.ascontiguousarray(joint.reshape(-1, joint.shape[-1]), dtype=np.float32)


# -- parts of the page ---------------------------------------------------------------------------------------------


def speed_part(n_nodes: int, rounds: int) -> str:
    """Time and memory on simulated features."""
    path, _ = simulated_features_on_disk(n_nodes)
    intro = (
        f"{machine_description()}; {torch.get_num_threads()} threads. {N_COMPONENTS} eigenvectors of simulated "
        "features, 768 channels, float32, in memory (`tests/benchmarks/features.py`). Medians of "
        f"{rounds} interleaved rounds in one process. Peak memory is above the input, in a process of its own, and "
        f"counts the {n_nodes * N_COMPONENTS * 4 / 1e6:.0f} MB of returned eigenvectors."
    )
    return f"{intro}\n\n{speed_table(np.load(path), path, rounds)}"


def real_part(rounds: int) -> str | None:
    """Time and memory on features of photographs; None where there are no photographs or weights."""
    real = real_features()
    if real is None:
        return None
    path = simulated_features_on_disk(1)[0].with_name("real-features.npy")
    np.save(path, real)
    try:
        table = speed_table(real, path, rounds)
    finally:
        path.unlink()
    return (
        f"Real features: attention outputs of all layers of `{NETWORK}` on photographs, {real.shape[1]} channels, "
        f"one joint graph; medians of {rounds} interleaved rounds.\n\n{table}"
    )


def fidelity_part(rounds: int) -> str:
    """Tables of fidelity on simulated and real features."""
    parts = [
        "Fidelity to the exact eigenvectors, in the configurations that are timed above. sub-k: mean squared cosine of "
        "the principal angles between the spans of the first k; diag-k: mean |cos| of i-th with i-th. Gap: how much "
        "smaller the 51st exact eigenvalue is than the 50th; where it is small, these two vectors are hardly "
        "determined, and each of them is worth .02 of sub50."
    ]
    graphs: list[tuple[str, NDArray[np.float32], bool]] = [
        ("10,000 simulated nodes", simulated_features(10_000)[0], True),
        ("30,000 simulated nodes", simulated_features(30_000)[0], False),
    ]
    real = real_features()
    if real is not None:
        for count in (10_000, 30_000):
            chosen = np.random.default_rng(0).choice(len(real), count, replace=False)
            graphs.append((f"{count:,} real nodes", real[np.sort(chosen)], count == 10_000))
    for title, features, peer in graphs:
        rows, gap = fidelity_rows(features, peer)
        header = [f"{title} (gap {gap:.1%})", "sub20", "diag20", "sub50", "diag50"]
        parts.append(markdown_table(header, rows))
        print(parts[-1], flush=True)
    return "\n\n".join(parts)


def balance_part(rounds: int) -> str:
    """Table of the clustering of imbalanced data."""
    title = "Clustering of 50 clusters of very different sizes (10,000 simulated nodes, k-means on 50 eigenvectors):"
    return f"{title}\n\n{balance_table()}"


PARTS: dict[str, Callable[[int], str | None]] = {
    "100k": lambda rounds: speed_part(100_000, rounds),
    "1m": lambda rounds: speed_part(1_000_000, rounds),
    "floor": lambda rounds: floor_note(),
    "real": real_part,
    "fidelity": fidelity_part,
    "balance": balance_part,
}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the sections ``normalized-cut-…`` of the page on performance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=list(PARTS), nargs="+", default=list(PARTS))
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args([] if arguments is None else arguments)
    for name in options.only:
        began = time.perf_counter()
        text = PARTS[name](options.rounds)
        if text is None:
            print(f"{name}: left out, as there are no photographs or no weights")
            continue
        print(text, flush=True)
        if not options.no_write:
            write_section(f"normalized-cut-{name}", text)
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
