"""Brain-guided alignment on real pictures: scores, the paper's Table 1, segmentation, and dissimilarities.

``python -m tests.benchmarks brain_alignment`` writes the tables of docs/benchmarks.md. The pictures, networks and
responses are those of the shared test data (docs/data.md).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alignedcut_viewer.alignment import BrainAlignment, BrainSamples
from alignedcut_viewer.alignment.eigen_constraint import eigen_constraint
from alignedcut_viewer.alignment.ridge import Moments, RidgeSolver
from alignedcut_viewer.brain import (
    BrainDataset,
    brain_score,
    compare_dissimilarities,
    dissimilarity,
    leave_one_out_agreement,
    open_dissimilarities,
)
from alignedcut_viewer.images import find_masks, load_mask, open_pictures
from alignedcut_viewer.nodes import Slot
from alignedcut_viewer.segmentation import oracle_score
from alignedcut_viewer.spectral import NormalizedCut
from tests.benchmarks.brain_features import NETWORKS, Sampled, pooled_and_nodes, shared_data, tokens
from tests.benchmarks.harness import REPOSITORY, markdown_table, write_section

PAGE = REPOSITORY / "docs" / "benchmarks.md"
ROIS = ("EarlyVis", "LOC", "OPA", "PPA", "RSC")
SEEDS = (0, 1, 2, 3, 4)
WEIGHTS = (1.0, 0.1, 0.0)
LONG = {"n_epochs": 30, "patience": 30, "map_learning_rate": 1e-3, "keep": "last"}
"""Trained to the end from maps that know nothing of the brain: what the constraint is for shows there."""

Maps = Mapping[Slot, NDArray[np.float32]]


def data() -> BrainDataset:
    """The 500 pictures and their predicted responses."""
    folder = shared_data()
    file = folder / "bold5000_predicted" / "responses.npz"
    with np.load(file, allow_pickle=False) as content:
        names = [str(name) for name in content["files"]]
        responses = np.asarray(content["responses"], np.float32)
        roi = content["roi"]
    from alignedcut_viewer.brain import RoiTable

    paths = []
    for name in names:
        places = [
            folder / name,
            folder / "imagenet" / name.split("/")[-1],
            folder / "coco/images" / name.split("/")[-1],
        ]
        paths.append(next(place for place in places if place.is_file()))
    return BrainDataset.build("bold5000_predicted", paths, responses, rois=RoiTable.from_labels(roi))


def split(n_pictures: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """400 pictures to train on, 100 to test on."""
    order = np.random.default_rng(seed).permutation(n_pictures)
    return np.sort(order[:400]), np.sort(order[400:])


def scores_of(dataset: BrainDataset, rows: NDArray[np.int64], prediction: NDArray[np.float32]) -> list[float]:
    """R² by region and of all voxels."""
    score = brain_score(dataset.read(rows), prediction, rois=dataset.rois)
    return [score.rois[name].r2 for name in (*ROIS, "all")]


def ridge_on_summed(
    pooled: Maps, dataset: BrainDataset, train: NDArray[np.int64], test: NDArray[np.int64]
) -> list[float]:
    """Ridge regression on the sum over layers; the strength that is best *on the test pictures*, to its favour."""
    summed = torch.from_numpy(np.sum(list(pooled.values()), axis=0))
    solver = RidgeSolver(Moments.of(summed[train], torch.from_numpy(dataset.read(train))))
    centred = summed[test] - solver.moments.feature_mean
    best: list[float] = [-np.inf]
    for strength in solver.strengths():
        prediction = centred @ solver.coefficients(strength) + solver.moments.response_mean
        best = max(best, scores_of(dataset, test, prediction.numpy()), key=lambda scores: scores[-1])
    return best


def constraint_of(fitted: BrainAlignment, nodes: Mapping[Slot, NDArray[np.float16]]) -> float:
    """Mean over layers of the eigen-constraint between centred features and aligned features of 500 nodes."""
    values = []
    for slot, matrix in fitted.matrices_.items():
        before = torch.from_numpy(nodes[slot][::20][:500].astype(np.float32) - fitted.offsets_[slot])
        values.append(float(eigen_constraint(before, before @ torch.from_numpy(matrix))))
    return float(np.mean(values))


def agreement_of(fitted: BrainAlignment, sampled: Sampled, test: NDArray[np.int64]) -> float:
    """How well a layer's aligned nodes agree with the sum of the others', at the same places, in the test pictures.

    Their correlation over all rows and channels, mean over layers: 1 is perfect, 0 chance.
    """
    rows = np.isin(sampled.pictures, test)
    aligned = []
    for slot, matrix in fitted.matrices_.items():
        values = (sampled.nodes[slot][rows].astype(np.float32) - fitted.offsets_.get(slot, np.float32(0))) @ matrix
        aligned.append(values / np.linalg.norm(values, axis=1, keepdims=True))
    total = np.sum(aligned, axis=0)
    rest = [total - values for values in aligned]
    pairs = zip(aligned, rest, strict=True)
    return float(np.mean([(a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()) for a, b in pairs]))


class Segmentation:
    """Oracle protocol of the paper's appendix C.4 on the 100 COCO pictures, at the resolution of tokens.

    Ten eigenvectors of one graph over all pictures of a layer; the mean of a class's eigenvectors is its centre; each
    token goes to the class of the largest cosine, or to the background below a threshold, the best of ten.
    """

    def __init__(self, network: str) -> None:
        folder = shared_data() / "coco"
        pictures = open_pictures(str(folder / "images"))
        self.layers, (rows, columns) = tokens(network, pictures.paths)
        truth = []
        for i, file in enumerate(find_masks(folder / "masks", pictures)):
            assert file is not None
            mask = load_mask(file, size=pictures.size(i))
            y = ((np.arange(rows) + 0.5) * mask.shape[0] / rows).astype(int)
            x = ((np.arange(columns) + 0.5) * mask.shape[1] / columns).astype(int)
            truth.append(mask[np.ix_(y, x)].ravel())
        labels = np.stack(truth)
        self.known = labels.ravel() > 0
        # Things are classes of their own; stuff is the background.
        things = np.where(labels < 92, labels, 0).ravel()
        self.classes, self.truth = np.unique(things, return_inverse=True)
        self.network = network

    def miou(self, fitted: BrainAlignment | None, layers: tuple[int, ...] = (5, 8)) -> list[float]:
        """mIoU of some layers, of raw features where there are no maps."""
        return [self._layer(layer, fitted) for layer in layers]

    def _layer(self, layer: int, fitted: BrainAlignment | None) -> float:
        features = self.layers[layer][:, 1:].reshape(-1, self.layers[layer].shape[2])
        if fitted is not None:
            slot = Slot(self.network, layer)
            features = (features - fitted.offsets_[slot]) @ fitted.matrices_[slot]
        cut = NormalizedCut(10, gamma=1.0, n_landmarks=1024, seed=0, device="cpu")
        vectors = np.asarray(cut.fit_transform(features), np.float64)
        return oracle_score(vectors[self.known], self.truth[self.known]).mean_iou


def contenders(network: str) -> dict[str, Callable[[int], BrainAlignment]]:
    """Name and estimator, by seed."""
    named: dict[str, Callable[[int], BrainAlignment]] = {}
    for guidance in (0.0, 0.3, 0.95, 1.0):
        named[f"start isometry, guidance {guidance:g}"] = lambda seed, guidance=guidance: BrainAlignment(  # type: ignore[misc]
            guidance=guidance, seed=seed, device="cpu"
        )
    starts: dict[str, dict[str, Any]] = {"isometry": {}, "identity": LONG}
    if network == "vit-tiny-p16":
        starts["random"] = LONG
    for start, extra in starts.items():
        settings = {"init": start, **extra}
        for weight in WEIGHTS:
            name = f"start {start}, eigen-constraint {weight:g}"
            named[name] = lambda seed, weight=weight, settings=settings: BrainAlignment(  # type: ignore[misc]
                eigen_weight=weight, seed=seed, device="cpu", **settings
            )
    return named


def table_1(dataset: BrainDataset, network: str, seeds: tuple[int, ...]) -> str:
    """Held-out R² by region, the constraint of the maps, and the segmentation of aligned features."""
    paths = [path for path in dataset.pictures.paths if path is not None]
    sampled = pooled_and_nodes("bold5000", network, paths)
    pooled, nodes = sampled.pooled, sampled.nodes
    segmentation = Segmentation(network)
    splits = {seed: split(dataset.n_pictures, seed) for seed in seeds}
    rows = []

    def add(
        name: str, scores: list[list[float]], constraint: str, agreement: str = "", miou: list[float] | None = None
    ) -> None:
        mean, spread = np.mean(scores, axis=0), np.std(scores, axis=0)
        cells = [f"{value:.3f}" for value in mean[:-1]] + [
            f"{mean[-1]:.3f}" + (f" ± {spread[-1]:.3f}" if len(scores) > 1 else "")
        ]
        rows.append([name, *cells, constraint, agreement, "" if miou is None else " ".join(f"{v:.3f}" for v in miou)])
        print(network, rows[-1], flush=True)

    ridge = [ridge_on_summed(pooled, dataset, *splits[seed]) for seed in seeds]
    add("ridge on summed features", ridge, "", miou=segmentation.miou(None))
    for name, make in contenders(network).items():
        scores, constraints, agreements, miou = [], [], [], []
        few = network != "vit-tiny-p16" and "identity" in name
        for seed in seeds[:1] if few else seeds:
            train, test = splits[seed]
            samples = BrainSamples(
                {slot: values[train] for slot, values in pooled.items()},
                nodes,
                dataset.read(train),
                corresponding=True,
                pictures=train,
                node_pictures=sampled.pictures,
            )
            fitted = make(seed).fit(samples)
            scores.append(scores_of(dataset, test, fitted.predict({s: values[test] for s, values in pooled.items()})))
            constraints.append(constraint_of(fitted, nodes))
            agreements.append(agreement_of(fitted, sampled, test))
            if not miou or "isometry" not in name:  # isometries change no affinity but by the offset, the same in all
                miou.append(segmentation.miou(fitted))
        means = f"{np.mean(constraints):.3f}", f"{np.mean(agreements):.3f}", np.mean(miou, axis=0).tolist()
        add(name, scores, *means)
    header = [network, *ROIS, "all voxels", "constraint of the maps", "agreement of layers", "mIoU at layers 5, 8"]
    return markdown_table(header, rows)


def dissimilarities(dataset: BrainDataset) -> str:
    """Correlation of each layer's dissimilarities with those of EVC and IT, raw and aligned."""
    measured = open_dissimilarities(shared_data() / "brain92")
    paths = [path for path in measured.pictures.paths if path is not None]
    rows: list[list[Any]] = []
    for network in NETWORKS:
        sampled = pooled_and_nodes("bold5000", network, [p for p in dataset.pictures.paths if p is not None])
        train = np.arange(dataset.n_pictures)
        maps: dict[str, BrainAlignment] = {}
        for name, settings in (("isometric", {}), ("trained", {"init": "identity", **LONG})):
            samples = BrainSamples(
                sampled.pooled, sampled.nodes, dataset.read(train), corresponding=True, node_pictures=sampled.pictures
            )
            maps[name] = BrainAlignment(device="cpu", **settings).fit(samples)  # type: ignore[arg-type]
        own = pooled_and_nodes("brain92", network, paths).pooled
        for layer in range(12):
            slot = Slot(network, layer)
            cells = []
            for region in ("EVC", "IT"):
                target = measured.mean(region)
                for fitted in (None, maps["isometric"], maps["trained"]):
                    values = own[slot]
                    if fitted is not None:
                        values = (values - fitted.offsets_[slot]) @ fitted.matrices_[slot]
                    cells.append(f"{compare_dissimilarities(dissimilarity(values), target):.3f}")
            rows.append([f"{network} {layer}", *cells])
            print(rows[-1], flush=True)
    for region, place in (("EVC", 1), ("IT", 4)):
        agreement = float(np.mean(leave_one_out_agreement(measured.matrices[region])))
        cells = [""] * 6
        cells[place - 1] = f"{agreement:.3f}"
        rows.append([f"people among themselves, {region}", *cells])
    header = ["network, layer", "EVC raw", "EVC isometric", "EVC trained", "IT raw", "IT isometric", "IT trained"]
    return markdown_table(header, rows)


def main() -> None:
    """Measure, print and write the tables."""
    torch.set_num_threads(1)
    dataset = data()
    seeds = SEEDS
    if "--quick" in sys.argv:
        seeds = SEEDS[:1]
    for network in NETWORKS:
        write_section(f"brain-table-1-{network}", table_1(dataset, network, seeds), PAGE)
    write_section("brain-dissimilarities", dissimilarities(dataset), PAGE)


if __name__ == "__main__":
    main()
