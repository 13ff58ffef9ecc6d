"""The direct joint cut against the paper's gradient descent, on the same graphs.

``python -m tests.benchmarks layered_cut`` takes photographs of the shared test data, both networks' attention (softmax
of queries and keys, heads apart, as the paper does for single pictures) and gives, for each photograph: the time that
the gradient solver takes for its published number of updates, the time after which the direct solver is no worse in the
objective, and both terms of the objective at every resolution. To have several resolutions where vision transformers
have one, the layers are run at several input sizes.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alignedcut_viewer.backbones import load_backbone
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.spectral import GradientSettings, GraphSettings, LayeredCut, LayerTokens, LayerWeights

from .brain_features import NETWORKS, shared_data
from .harness import machine_description, markdown_table, write_section

N_PICTURES = int(os.environ.get("ALIGNEDCUT_LAYERED_PICTURES", "5"))
N_LAYERS = 12
SIZES = (112, 224)
"""Input sizes; the coarse one has a quarter of the tokens."""
HEADS = {"vit-tiny-p16": 3, "dinov2-vit-s14-saliency": 6}
NAMES = ("gradient", "direct", "scf")
PLACES = [(layer, tap) for layer in range(N_LAYERS) for tap in "qk"]


def layers_of(network: str, sizes: tuple[int, ...]) -> list[LayerTokens]:
    """Queries and keys of some photographs, at each input size."""
    weights = shared_data() / "weights" / f"{NETWORKS[network]}.safetensors"
    paths = sorted((shared_data() / "coco" / "images").iterdir())[:: 100 // N_PICTURES][:N_PICTURES]
    pictures = open_pictures([str(path) for path in paths])
    found: list[LayerTokens] = []
    for size in sizes:
        backbone = load_backbone(network, weights=weights, input_size=size, device="cpu")
        batch = torch.stack([backbone.prepare(pictures[i]) for i in range(N_PICTURES)])
        taken = dict(zip(PLACES, (t.float().numpy() for t in backbone.features_at(batch, PLACES)), strict=True))
        for layer in range(N_LAYERS):
            sides = taken[layer, "q"], taken[layer, "k"]
            found.append(
                LayerTokens(sides[0], *backbone.grid, sides[1], HEADS[network], 1, f"layer {layer} at {size} px")
            )
    return found


def one(layers: list[LayerTokens], picture: int) -> list[LayerTokens]:
    """The layers of one photograph."""
    part = slice(picture, picture + 1)
    return [
        replace(layer, left=layer.left[part], right=layer.right[part])  # type: ignore[index]
        for layer in layers
    ]


def compare(network: str, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Times and both terms, means over the photographs."""
    graph = GraphSettings(affinity="softmax", heads="apart", normalisation="row-stochastic")
    layers = layers_of(network, sizes)
    rows: dict[str, list[NDArray[Any]]] = {}
    for picture in range(N_PICTURES):
        own = one(layers, picture)
        options: dict[str, Any] = {"graph": graph, "weights": LayerWeights("resolution"), "device": "cpu"}
        descent = LayeredCut(20, solver="gradient", gradient=GradientSettings.paper("picture"), **options).fit(own)
        started = time.perf_counter()
        direct = LayeredCut(20, **options).fit(own)
        whole = time.perf_counter() - started
        scf = LayeredCut(20, solver="scf", **options).fit(own)
        rows.setdefault("seconds", []).append(np.array([descent.history_[-1, 0], whole]))
        judged = (("gradient", descent.terms_), ("direct", direct.terms_), ("scf", scf.terms_))
        for name, both in judged:
            terms = both.by_resolution()
            rows.setdefault(name, []).append(np.array([terms[grid] for grid in terms]))
            rows.setdefault("grids", []).append(np.array([len(grid) for grid in terms]))
    return {name: np.mean(values, axis=0) for name, values in rows.items()} | {
        "spread": np.ptp(np.array(rows["seconds"]), axis=0)
    }


def main() -> None:
    """Compare and write the section."""
    lines, times = [], []
    for network in NETWORKS:
        for sizes in (SIZES[-1:], SIZES):
            found = compare(network, sizes)
            seconds, direct = found["seconds"]
            what = f"{network}, {' and '.join(map(str, sizes))} px"
            times.append([what, f"{seconds:.1f} s", f"{direct:.2f} s", f"{seconds / direct:.0f} ×"])
            for number, tokens in enumerate(found["grids"]):
                cells = [f"{value:.3f}" for name in NAMES for value in found[name][number]]
                lines.append([what, f"{int(tokens)} tokens", *cells])
    heads = ["graphs", "gradient, 100 updates", "direct, graphs included", "ratio"]
    terms = ["graphs", "at", *(f"{s}: {t}" for s in NAMES for t in ("eigen", "orthogonality"))]
    write_section(
        "layered_cut",
        "## The direct joint cut against gradient descent\n\n"
        f"Of {N_PICTURES} photographs each, 20 pseudo-eigenvectors, attention of all layers and heads; "
        f"{machine_description()}. The gradient solver makes the 100 updates of the paper; the direct solver's time "
        "includes making the graphs, the gradient's does not. Direct columns are orthonormal; the gradient's maps may "
        "overlap.\n\n"
        f"{markdown_table(heads, times)}\n\nBoth terms of the objective (lower is better) at each resolution:\n\n"
        f"{markdown_table(terms, lines)}",
    )


if __name__ == "__main__":
    main()
