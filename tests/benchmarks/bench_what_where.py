"""Does the split into "what" and "where" hold here: clusters of every layer against class masks and against places.

``python -m tests.benchmarks what_where`` computes all of it on the 100 COCO photographs and both networks of the shared
test data, keeps each row in the cache folder (so that it goes on where it stopped), and writes the tables of
``docs/what_and_where.md``. ``ALIGNEDCUT_WHAT_WHERE_PICTURES=30`` takes fewer, evenly spread.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.metrics.cluster import expected_mutual_information

from alignedcut_viewer.backbones import load_backbone
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.pipeline.layered_rows import rows_of
from alignedcut_viewer.spectral import GraphSettings, LayeredCut, LayerTokens, LayerWeights, pathway_layers
from alignedcut_viewer.spectral.layered.direct import set_graphs
from alignedcut_viewer.spectral.layered.positional import positional_basis, without_position
from alignedcut_viewer.spectral.layered.set_graphs import SetGraph
from alignedcut_viewer.spectral.layered.set_solver import SetSolution, solve_set

from .brain_features import NETWORKS, cache_folder, shared_data
from .harness import REPOSITORY, markdown_table, write_section

N_LAYERS = 12
N_CLUSTERS = 40
N_VECTORS = 20
PLACES = 7
"""Places are cells of a 7 × 7 grid over the picture."""
RESAMPLES = 200
TAPS = "qkv"
HEADS = {"vit-tiny-p16": 3, "dinov2-vit-s14-saliency": 6}
GREYS = (0, 64, 128, 192, 255)
TITLES = {
    "joint": "**joint, by agreement**",
    "uniform": "joint, equal weights",
    "turned": "each picture by itself, turned",
    "unturned": "each picture by itself, not turned",
}
PAGE = REPOSITORY / "docs" / "what_and_where.md"


def photographs() -> list[Path]:
    """The COCO photographs with masks."""
    return sorted((shared_data() / "coco" / "images").iterdir())


def chosen() -> NDArray[np.int64]:
    """Numbers of the photographs that take part."""
    count = int(os.environ.get("ALIGNEDCUT_WHAT_WHERE_PICTURES", "100"))
    every: NDArray[np.int64] = np.linspace(0, len(photographs()) - 1, count).round().astype(np.int64)
    return every


def taps(network: str) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]], int]:
    """Queries, keys and values of the photographs and of blank pictures, each (layer, picture, token, channel)."""
    folder = cache_folder()
    files = {tap: folder / f"what-where-{network}-{tap}.npy" for tap in (*TAPS, *(f"{tap}-blank" for tap in TAPS))}
    backbone = None
    if not all(file.exists() for file in files.values()):
        weights = shared_data() / "weights" / f"{NETWORKS[network]}.safetensors"
        backbone = load_backbone(network, weights=weights, input_size=224, device="cpu")
        pictures = open_pictures([str(path) for path in photographs()])
        places = [(layer, tap) for layer in range(N_LAYERS) for tap in TAPS]
        photos = [backbone.prepare(pictures[i]) for i in range(len(pictures))]
        blank = [backbone.prepare(np.full((224, 224, 3), grey, np.uint8)) for grey in GREYS]
        for prepared, suffix in ((photos, ""), (blank, "-blank")):
            parts: dict[str, list[NDArray[Any]]] = {tap: [] for tap in TAPS}
            for start in range(0, len(prepared), 10):
                found = backbone.features_at(torch.stack(prepared[start : start + 10]), places)
                for tap in TAPS:
                    own = [t for t, (_, of) in zip(found, places, strict=True) if of == tap]
                    parts[tap].append(torch.stack(own).half().numpy())
            for tap in TAPS:
                np.save(files[f"{tap}{suffix}"], np.concatenate(parts[tap], axis=1))
    loaded = {name: np.load(file, mmap_mode="r") for name, file in files.items()}
    side = round((loaded["v"].shape[2] - 1) ** 0.5)
    blank_taps = {tap: loaded[f"{tap}-blank"] for tap in TAPS}
    which = chosen()
    return {tap: loaded[tap][:, which] for tap in TAPS}, blank_taps, side


def class_labels(side: int) -> NDArray[np.int64]:
    """The class that covers most of each token, 0 where that is unlabelled, (picture, side × side)."""
    labels = []
    for path in [photographs()[number] for number in chosen()]:
        mask = np.asarray(Image.open(path.parents[1] / "masks" / f"{path.stem}.png"))
        rows = np.linspace(0, mask.shape[0], side + 1).round().astype(int)
        columns = np.linspace(0, mask.shape[1], side + 1).round().astype(int)
        labels.append(
            [
                np.bincount(mask[rows[r] : rows[r + 1], columns[c] : columns[c + 1]].ravel()).argmax()
                for r in range(side)
                for c in range(side)
            ]
        )
    return np.array(labels, dtype=np.int64)


def place_labels(side: int) -> NDArray[np.int64]:
    """The cell of the picture that each token lies in, (side × side)."""
    cell = np.arange(side) * PLACES // side
    return (cell[:, None] * PLACES + cell).ravel()


def clusters(rows: NDArray[Any], seed: int = 0) -> NDArray[np.int32]:
    """k-means on rows scaled to length one, (picture, token)."""
    flat = rows.reshape(-1, rows.shape[-1]).astype(np.float32)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    found: NDArray[np.int32] = KMeans(N_CLUSTERS, n_init=2, random_state=seed).fit_predict(flat)
    return found.reshape(rows.shape[:2])


def contingency(labels: NDArray[Any], found: NDArray[Any]) -> NDArray[np.float64]:
    """How many tokens of each label are in each cluster."""
    _, numbers = np.unique(labels, return_inverse=True)
    return (
        np.bincount(numbers * N_CLUSTERS + found, minlength=(numbers.max() + 1) * N_CLUSTERS)
        .reshape(-1, N_CLUSTERS)
        .astype(float)
    )


def adjusted(table: NDArray[np.float64], expected: float) -> float:
    """Adjusted mutual information of a contingency table, given the information expected by chance."""
    share = table / table.sum()
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    seen = share > 0
    information = (share[seen] * np.log(share[seen] / (rows[:, None] * columns)[seen])).sum()
    entropies = [-(part[part > 0] * np.log(part[part > 0])).sum() for part in (rows, columns)]
    return float((information - expected) / (np.mean(entropies) - expected))


def scores(found: NDArray[np.int32], side: int) -> dict[str, Any]:
    """Adjusted mutual information with class and with place, with 95 % intervals over photographs, and the null.

    Photographs are resampled; what chance gives is taken from all of them. The null gives every photograph the class
    mask of another one: it keeps which classes and clusters come together in a photograph, and where they lie.
    """
    classes, place = class_labels(side), np.tile(place_labels(side), (len(found), 1))
    every = np.arange(len(found))
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, len(found), len(found)) for _ in range(RESAMPLES)]
    told: dict[str, Any] = {}
    for name, labels in (("class", classes), ("place", place)):

        def table(which: NDArray[np.int64], masks: NDArray[np.int64], labels: NDArray[np.int64] = labels) -> Any:
            of = labels[masks].ravel()
            return contingency(
                of[of > 0] if labels is classes else of, found[which].ravel()[(of > 0) | (labels is place)]
            )

        whole = table(every, every)
        expected = expected_mutual_information(whole.astype(np.int64), int(whole.sum()))
        told[name] = adjusted(whole, expected)
        told[f"{name}_half"] = 1.96 * float(np.std([adjusted(table(which, which), expected) for which in drawn]))
        if name == "class":
            shifts = range(1, len(found), max(len(found) // 6, 1))
            told["null"] = float(np.mean([adjusted(table(every, np.roll(every, s)), expected) for s in shifts]))
    return told


class Rows:
    """Rows of the table that are computed already."""

    def __init__(self, network: str) -> None:
        self._file = cache_folder() / f"what-where-rows-{network}-{len(chosen())}.json"
        self.known: dict[str, Any] = json.loads(self._file.read_text()) if self._file.exists() else {}

    def get(self, key: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A row, computed where it is not there."""
        if key not in self.known:
            self.known[key] = compute()
            unfinished = self._file.with_suffix(".partial")
            unfinished.write_text(json.dumps(self.known, indent=1))
            unfinished.replace(self._file)
            print(key, {name: value for name, value in self.known[key].items() if isinstance(value, float)}, flush=True)
        return self.known[key]


def layers_of(network: str, pathway: str, *, control: bool) -> tuple[list[LayerTokens], int]:
    """The layers of a network as a pathway sees them, without the positional subspace where asked."""
    photos, blank, side = taps(network)
    layers = pathway_layers(
        pathway,
        [{tap: photos[tap][layer] for tap in TAPS} for layer in range(N_LAYERS)],
        [(side, side)] * N_LAYERS,
        heads=HEADS[network],
        leading=1,
    )
    if control:
        first, second = {"what": "vv", "where": "qk"}[pathway]
        layers = [
            without_position(
                layer,
                positional_basis(np.asarray(blank[first][number]), leading=1),
                positional_basis(np.asarray(blank[second][number]), leading=1),
            )
            for number, layer in enumerate(layers)
        ]
    return layers, side


def measure(network: str, pathway: str, *, control: bool, rows: Rows) -> None:
    """All rows of one network and pathway, of graphs that are made once."""
    name = f"{network}/{pathway}{'/control' if control else ''}"
    layers, side = layers_of(network, pathway, control=control)
    engine = LayeredCut(N_VECTORS, scope="data set", graph=GraphSettings(), device="cpu")
    problem = engine.problem(layers)
    made: list[SetGraph] = []

    def solve(chosen: Sequence[int], weights: str) -> SetSolution:
        if not made:
            made.extend(set_graphs(problem, None))
        return solve_set(
            [made[i] for i in chosen],
            [problem.poolings()[i] for i in chosen],
            torch.full((len(chosen),), 1 / len(chosen), dtype=torch.float64),
            LayerWeights(weights),
            N_VECTORS,
            metric="pooled",
            power=1.0,
            seed=0,
            device=problem.device,
        )

    def joint(weights: str) -> dict[str, Any]:
        found = solve(range(N_LAYERS), weights)
        told = {"agreement": found.agreement.tolist(), "weights": found.weights.tolist()}
        return scores(clusters(found.vectors.numpy()), side) | told

    def single(number: int) -> dict[str, Any]:
        return scores(clusters(solve([number], "uniform").vectors.numpy()), side)

    def plain(number: int) -> dict[str, Any]:
        tokens = layers[number].sides(slice(None), torch.device("cpu"))
        return scores(clusters(np.concatenate([t.numpy() for t in tokens], axis=2)), side)

    def alone(turned: bool) -> dict[str, Any]:
        fitted = LayeredCut(N_VECTORS, scope="picture", projections=True, device="cpu").fit(layers)
        found = rows_of(fitted, layers)[0] if turned else fitted.eigenvectors_
        return scores(clusters(found), side)

    rows.get(f"{name}/joint", lambda: joint("agreement"))
    rows.get(f"{name}/uniform", lambda: joint("uniform"))
    if not control:
        rows.get(f"{name}/turned", lambda: alone(True))
        rows.get(f"{name}/unturned", lambda: alone(False))
    for number in range(N_LAYERS):
        rows.get(f"{name}/{number}", lambda number=number: single(number))
        if not control:
            rows.get(f"{name}/{number}/kmeans", lambda number=number: plain(number))


def _cell(row: dict[str, Any], which: str) -> str:
    return f"{row[which]:.2f} ± {row[which + '_half']:.2f}"


def tables(known_rows: dict[str, Any]) -> dict[str, str]:
    """The tables of the page, by the name of their place in it."""
    found: dict[str, str] = {}
    for network in NETWORKS:
        lines = []
        for number in [*map(str, range(N_LAYERS)), *TITLES]:
            row = [TITLES.get(number, number)]
            for pathway in ("what", "where"):
                known = known_rows.get(f"{network}/{pathway}/{number}")
                row += ["", ""] if known is None else [_cell(known, "class"), _cell(known, "place")]
                row += [f"{known['null']:.2f}" if known else ""]
                own = known_rows.get(f"{network}/{pathway}/joint")
                at = number.isdigit() and own
                row += [f"{own['weights'][int(number)]:.2f}" if at else ""]
            lines.append(row)
        heads = ["layer", *(f"{p}: {w}" for p in ("what", "where") for w in ("class", "place", "null", "weight"))]
        found[network] = markdown_table(heads, lines)
    lines = []
    for network in NETWORKS:
        for pathway in ("what", "where"):
            for key, title in (("joint", "joint"), ("uniform", "equal weights")):
                plain, control = (known_rows.get(f"{network}/{pathway}{c}/{key}") for c in ("", "/control"))
                if plain and control:
                    cells = [_cell(row, which) for row in (plain, control) for which in ("class", "place")]
                    lines.append([network, f"{pathway}, {title}", *cells])
    heads = ["network", "graphs", "class", "place", "class, without blank", "place, without blank"]
    found["control"] = markdown_table(heads, lines)
    lines = []
    for network in NETWORKS:
        for pathway, which in (("what", "class"), ("where", "place")):
            kept = {k: v for k, v in known_rows.items() if k.startswith(f"{network}/{pathway}/") and "control" not in k}
            single = {k: v for k, v in kept.items() if k.rsplit("/", 1)[1].isdigit()}
            means = {k: v for k, v in kept.items() if k.endswith("kmeans")}
            if len(single) == len(means) == N_LAYERS:
                best, mean = (max(some.items(), key=lambda pair: pair[1][which]) for some in (single, means))
                number = best[0].rsplit("/", 1)[1]
                row = [network, f"{pathway} with {which}", _cell(kept[f"{network}/{pathway}/joint"], which)]
                row += [f"{_cell(best[1], which)} (layer {number})"]
                lines.append([*row, f"{_cell(mean[1], which)} (layer {mean[0].split('/')[2]})"])
    heads = ["network", "", "joint cut", "best single layer's cut", "best single layer's k-means"]
    found["best"] = markdown_table(heads, lines)
    return found


def main() -> None:
    """Compute what is missing and write the page."""
    known: dict[str, Any] = {}
    for network in NETWORKS:
        rows = Rows(network)
        for control in (False, True):
            for pathway in ("what", "where"):
                measure(network, pathway, control=control, rows=rows)
        known |= rows.known
    for name, table in tables(known).items():
        write_section(f"what-where-{name}", table, PAGE)


if __name__ == "__main__":
    main()
