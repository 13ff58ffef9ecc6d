"""Spectral t-SNE against scikit-learn's, and the colour of a million nodes against ncut-pytorch's ``tsne_color``.

``python -m tests.benchmarks tsne``; ``python -m tests.benchmarks.bench_tsne --only 1000 colour`` runs some parts.
Rounds of 10,000 landmarks take minutes, because of scikit-learn.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import torch
from numpy.typing import NDArray

from alignedcut_viewer.spectral import NormalizedCut, SpectralTSNE, prompted_cut, rgb
from alignedcut_viewer.spectral.tsne_probabilities import dense_probabilities
from tests.benchmarks.features import simulated_features_on_disk
from tests.benchmarks.harness import Timing, interleaved, machine_description, markdown_table, write_section

FloatArray = NDArray[np.float32]

N_EIGENVECTORS = 20


def simulated_eigenvectors(n_nodes: int, count: int) -> FloatArray:
    """Leading eigenvectors of the joint graph over simulated features."""
    features, _ = simulated_features_on_disk(n_nodes)
    return NormalizedCut(count, seed=0).fit_transform(np.load(features, mmap_mode="r"))


def real_eigenvectors(count: int) -> tuple[FloatArray, str]:
    """Leading eigenvectors of all layers of the offline network on the sample pictures, and what they are of."""
    from alignedcut_viewer.backbones import load_backbone
    from alignedcut_viewer.images import sample_pictures

    network = load_backbone("dinov2-vit-s14-saliency", device="cpu")
    pictures = sample_pictures()
    layers = range(network.n_layers)
    slots: list[list[torch.Tensor]] = [[] for _ in layers]
    for picture in pictures:
        for slot, tokens in zip(slots, network.features(network.prepare(picture)[None], layers), strict=True):
            slot.append(tokens.flatten(0, 1))
    features = torch.cat([torch.cat(slot) for slot in slots])
    what = f"{network.name}, {len(layers)} layers, {len(pictures)} sample pictures, {len(features):,} nodes"
    return NormalizedCut(count, seed=0).fit_transform(features), what


def divergence(points: FloatArray, places: FloatArray, perplexity: float) -> float:
    """Kullback-Leibler divergence over all pairs, one formula for every contender: P is dense, nothing is cut off."""
    x = torch.from_numpy(points / points.std())
    p = dense_probabilities(torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").square_(), perplexity)
    y = torch.from_numpy(np.asarray(places, dtype=np.float64))
    cost, mass = 0.0, -float(len(y))
    for start in range(0, len(y), 500):
        w = 1 / (1 + torch.cdist(y[start : start + 500], y, compute_mode="donot_use_mm_for_euclid_dist").square())
        part = p[start : start + 500].double()
        mass += float(w.sum())
        cost += float((torch.xlogy(part, part) - torch.xlogy(part, w)).sum())
    return cost + float(np.log(mass))


def compare_with_scikit_learn(
    points: FloatArray, perplexity: float, rounds: int
) -> tuple[dict[str, Timing], dict[str, float]]:
    """Times and divergences of both on the same points."""
    from sklearn.manifold import TSNE

    found: dict[str, FloatArray] = {}
    n = len(points)

    def ours() -> None:
        model = SpectralTSNE(3, n_landmarks=n, perplexity=perplexity, device="cpu").fit(points)
        places = np.empty((n, 3), dtype=np.float32)
        places[model.landmarks_] = model.embedding_landmarks_
        found["alignedcut-viewer"] = places

    def theirs() -> None:
        model = TSNE(3, perplexity=perplexity, init="pca", random_state=0, n_jobs=torch.get_num_threads())
        found["scikit-learn"] = model.fit_transform(points)

    ours()  # compiles, or loads what was compiled
    contenders: dict[str, Callable[[], None]] = {"alignedcut-viewer": ours, "scikit-learn": theirs}
    timing = interleaved(contenders, rounds=rounds, warm_up=False)
    return timing, {name: divergence(points, places, perplexity) for name, places in found.items()}


def landmark_part(n: int, perplexities: list[float], rounds: int) -> str:
    """Three-dimensional maps of landmarks of simulated and real eigenvectors."""
    sources = [("simulated", simulated_eigenvectors(100_000, N_EIGENVECTORS))]
    try:
        sources.append(("real", real_eigenvectors(N_EIGENVECTORS)[0]))
    except Exception as error:
        print(f"without real features: {error}", flush=True)
    rows = []
    for perplexity in perplexities:
        # scikit-learn takes minutes for 10,000: one source is enough there.
        for source, eigenvectors in sources[: 1 if n >= 10_000 else None]:
            chosen = np.sort(np.random.default_rng(0).choice(len(eigenvectors), n, replace=False))
            # Landmarks that coincide share a place in one and not in the other: compare without them.
            points = np.unique(eigenvectors[chosen], axis=0)
            timing, cost = compare_with_scikit_learn(points, perplexity, rounds)
            a, b = timing["alignedcut-viewer"], timing["scikit-learn"]
            rows.append(
                [
                    f"{len(points):,}, {source}",
                    f"{perplexity:g}",
                    f"{a.median:.2f} s ({a.spread})",
                    f"{b.median:.2f} s ({b.spread})",
                    f"{b.median / a.median:.1f}",
                    f"{cost['alignedcut-viewer']:.4f}",
                    f"{cost['scikit-learn']:.4f}",
                ]
            )
            print(rows[-1], flush=True)
    header = ["landmarks", "perplexity", "alignedcut-viewer", "scikit-learn", "times faster", "KL", "KL scikit-learn"]
    intro = (
        f"{machine_description()}; scikit-learn {version('scikit-learn')}; {torch.get_num_threads()} threads. "
        f"Three-dimensional t-SNE of {n:,} landmarks, both on the same points with the same perplexity and started "
        f"along principal axes. Eigenvectors: {N_EIGENVECTORS} of simulated features (100,000 nodes)"
        + (" and of real ones (all layers of `dinov2-vit-s14-saliency` on the sample pictures)" if n < 10_000 else "")
        + ". KL: Kullback-Leibler divergence over all pairs, one formula for both, lower is better. Medians of "
        f"{rounds} interleaved rounds (fastest to slowest)."
    )
    return f"{intro}\n\n{markdown_table(header, rows)}"


def colour_part(rounds: int) -> str:
    """Colours of a million nodes from 50 eigenvectors, t-SNE on 1,000 of them, perplexity 150."""
    from ncut_pytorch.color import tsne_color

    eigenvectors = simulated_eigenvectors(1_000_000, 50)
    tensor = torch.from_numpy(eigenvectors)
    shares: list[tuple[float, float, float]] = []

    def ours() -> None:
        began = time.perf_counter()
        model = SpectralTSNE(3, n_landmarks=1000, perplexity=150, device="cpu").fit(eigenvectors)
        fitted = time.perf_counter()
        places = model.transform(eigenvectors)
        spread = time.perf_counter()
        rgb(places)
        shares.append((fitted - began, spread - fitted, time.perf_counter() - spread))

    def theirs() -> None:
        tsne_color(tensor, num_sample=1000, perplexity=150)

    ours()
    shares.clear()
    timing = interleaved({"alignedcut-viewer": ours, "ncut-pytorch": theirs}, rounds=rounds, warm_up=False)
    a, b = timing["alignedcut-viewer"], timing["ncut-pytorch"]
    parts = np.median(np.array(shares), axis=0)
    rows = [
        ["alignedcut-viewer", f"{a.median:.2f} s", a.spread, f"{b.median / a.median:.1f}"],
        ["- landmarks and t-SNE", f"{parts[0]:.2f} s", "", ""],
        ["- nearest landmark of all nodes", f"{parts[1]:.2f} s", "", ""],
        ["- quantiles and colours", f"{parts[2]:.2f} s", "", ""],
        [f"ncut-pytorch {version('ncut-pytorch')} `tsne_color`", f"{b.median:.2f} s", b.spread, "1"],
    ]
    intro = (
        "The whole colour step: t-SNE on 1,000 nodes with perplexity 150, spread to all, clipped quantiles; medians of "
        f"{rounds} interleaved rounds."
    )
    table = markdown_table(["1,000,000 nodes, 50 eigenvectors", "median", "fastest to slowest", "times faster"], rows)
    return f"{intro}\n\n{table}"


def prompt_part(rounds: int) -> str:
    """How long a click waits."""
    eigenvectors = simulated_eigenvectors(1_000_000, 50)[:, :N_EIGENVECTORS].copy()
    timing = interleaved(
        {"click": lambda: prompted_cut(eigenvectors, [10, 500_000], [42, 900_000, 7])}, rounds=max(9, rounds)
    )
    seconds = timing["click"]
    return (
        f"A cut by five prompts over 1,000,000 nodes × {N_EIGENVECTORS} eigenvectors: {seconds.median * 1e3:.0f} ms "
        f"(median of 9, {seconds.spread} s)."
    )


PARTS: dict[str, Callable[[int], str]] = {
    "1000": lambda rounds: landmark_part(1000, [30.0, 150.0], rounds),
    "10000": lambda rounds: landmark_part(10_000, [30.0], rounds),
    "colour": colour_part,
    "prompt": prompt_part,
}


def main(arguments: list[str] | None = None) -> None:
    """Run all parts, or some, and write the sections ``tsne-…`` of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=list(PARTS), nargs="+", default=list(PARTS))
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args([] if arguments is None else arguments)
    warnings.filterwarnings("ignore", category=FutureWarning)
    for name in options.only:
        text = PARTS[name](options.rounds)
        print(text, flush=True)
        if not options.no_write:
            write_section(f"tsne-{name}", text)


if __name__ == "__main__":
    main(sys.argv[1:])
