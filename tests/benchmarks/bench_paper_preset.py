"""The paper's settings beside ours, and what each changes: ``python -m tests.benchmarks paper_preset``.

Writes the table of docs/method.md; ``python -m tests.benchmarks.bench_paper_preset --part training`` (``brain``,
``cut``) measures some rows anew and keeps the others. 200 ImageNet photographs with predicted responses (docs/data.md),
all layers of the saliency network; 160 pictures to train on, 40 to measure on. The graph has 24 tokens of every picture
and layer. It is smaller than the sample of 50,000 nodes in the paper, so that its approximation is given a tenth of the
nodes.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alignedcut_viewer.alignment import BrainAlignment, BrainSamples
from alignedcut_viewer.nodes import Slot
from alignedcut_viewer.pipeline.presets import PAPER, paper_brain, paper_cut
from alignedcut_viewer.pipeline.settings import BrainSettings, ColourSettings, CutSettings, MapSettings
from alignedcut_viewer.spectral import NormalizedCut, SpectralTSNE
from alignedcut_viewer.spectral.normalized_cut import PAPER_NEIGHBOURS
from tests.benchmarks.bench_brain_alignment import agreement_of, data, scores_of
from tests.benchmarks.bench_class_tokens import layer_share
from tests.benchmarks.brain_features import Sampled, pooled_and_nodes
from tests.benchmarks.harness import REPOSITORY, markdown_table, write_section

NETWORK = "dinov2-vit-s14-saliency"
N_PICTURES, N_TEST = 200, 40
N_NEIGHBOURS, N_ASKED = 50, 500
PARTS = ("brain", "training", "cut")
NOT_MEASURED = "not measured alone"
SAMPLE = 10
"""The paper's approximation is given one node in so many."""

WHY = {
    ("brain", "center"): "what all tokens of a layer share keeps layers apart",
    ("brain", "init"): "the closed form predicts better, in seconds, and keeps the clusters",
    ("brain", "map_learning_rate"): "one rate for all entries; from our start maps need smaller steps",
    ("brain", "batch_size"): "fewer steps",
    ("brain", "schedule"): "the constraint is a norm: its gradient does not fade",
    ("brain", "patience"): "stop when held-out pictures gain no more",
    ("brain", "keep"): "the epoch that predicts held-out pictures best",
    ("brain", "readout"): "refitted in closed form where that predicts better",
    ("cut", "method"): "one pass, orthonormal, within .999 of the exact vectors",
    ("cut", "n_landmarks"): "as many as reproduce 99 % of the affinities",
    ("cut", "n_neighbors"): "as the paper",
    ("cut", "sampling"): "k-means for Nyström, farthest points for `knn`",
    ("cut", "orthonormal"): "as exact eigenvectors are; `knn` keeps the paper's",
    ("colour", "n_landmarks"): "fewer take a fraction of the time",
    ("colour", "perplexity"): "near nodes get nearer colours",
    ("colour", "spread"): "near nodes get nearer colours (performance.md), though fewer of the nearest stay nearest",
    ("map", "n_landmarks"): "more neighbours stay together",
    ("map", "perplexity"): "nearest neighbours count",
    ("map", "sampling"): "dense regions get the room they need",
    ("map", "spread"): "a place for every node",
}


class Study:
    """Features and responses of the 200 photographs, and what a training makes of them."""

    def __init__(self) -> None:
        self.dataset = data()
        paths = [path for path in self.dataset.pictures.paths if path is not None]
        self.sampled: Sampled = pooled_and_nodes("bold5000", NETWORK, paths)
        self.rows = np.array([i for i, path in enumerate(paths) if path.parent.name == "imagenet"][:N_PICTURES])
        order = np.random.default_rng(0).permutation(self.rows)
        self.train, self.test = np.sort(order[N_TEST:]), np.sort(order[:N_TEST])
        self.slots = list(self.sampled.pooled)

    def fit(self, settings: BrainSettings) -> BrainAlignment:
        """Trained on the training pictures."""
        samples = BrainSamples(
            {slot: values[self.train] for slot, values in self.sampled.pooled.items()},
            self.sampled.nodes,
            self.dataset.read(self.train),
            corresponding=True,
            pictures=self.train,
            node_pictures=self.sampled.pictures,
        )
        return BrainAlignment(**settings.arguments(BrainAlignment), device="cpu").fit(samples)

    def aligned(self, fitted: BrainAlignment, pictures: NDArray[np.int64]) -> NDArray[np.float32]:
        """Tokens of some pictures, (layers, nodes, channels)."""
        chosen = np.isin(self.sampled.pictures, pictures)

        def of(slot: Slot) -> NDArray[np.float32]:
            values = self.sampled.nodes[slot][chosen].astype(np.float32) - fitted.offsets_.get(slot, np.float32(0))
            return values @ fitted.matrices_[slot]

        return np.stack([of(slot) for slot in self.slots])

    def describe(self, settings: BrainSettings) -> str:
        """Held-out score, agreement of the layers, and the share of eigenvector variance that tells them apart."""
        fitted = self.fit(settings)
        prediction = fitted.predict({slot: values[self.test] for slot, values in self.sampled.pooled.items()})
        r2 = scores_of(self.dataset, self.test, prediction)[-1]
        agreement = agreement_of(fitted, self.sampled, self.test)
        share = layer_share(self.aligned(fitted, self.test))
        return f"R² {r2:.3f}, agreement {agreement:.2f}, layers apart {100 * share:.0f} %"


def overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean squared cosine of the angles between the spans of the columns."""
    bases = [np.linalg.qr(values.astype(np.float64))[0] for values in (one, other)]
    return float(np.square(bases[0].T @ bases[1]).sum() / one.shape[1])


def neighbours_kept(vectors: NDArray[np.float32], places: NDArray[np.float32]) -> float:
    """Share of the nearest nodes by eigenvectors that are among the nearest by places, of some nodes."""
    asked = np.random.default_rng(0).choice(len(vectors), N_ASKED, replace=False)
    rng = np.random.default_rng(1)
    kept = 0
    for node in asked:
        near = [
            # Nodes that share a place are in no order; chance gives them one.
            set(np.lexsort((rng.random(len(v)), np.square(v - v[node]).sum(axis=1)))[: N_NEIGHBOURS + 1]) - {node}
            for v in (vectors, places)
        ]
        kept += len(near[0] & near[1])
    return kept / (N_ASKED * N_NEIGHBOURS)


def measure(put: Callable[[str, str, str], None], parts: Sequence[str] = PARTS) -> None:
    """Tell for each setting, or for all of them together, what it changes."""
    study = Study()
    paper = paper_brain("")
    if "brain" in parts:
        put("brain", "default", study.describe(BrainSettings("")))
        put("brain", "center", study.describe(BrainSettings("", center=paper.center)))
        put("brain", "init", study.describe(BrainSettings("", init=paper.init)))
        put("brain", "all", study.describe(paper))
    if "training" in parts:
        for name in ("keep", "patience", "schedule", "batch_size", "map_learning_rate", "readout"):
            put("brain", name, study.describe(dataclasses.replace(BrainSettings(""), **{name: getattr(paper, name)})))
    if "cut" in parts:
        _measure_cut(study, put)


def _measure_cut(study: Study, put: Callable[[str, str, str], None]) -> None:
    aligned = study.aligned(study.fit(BrainSettings("")), study.rows)
    nodes = aligned.reshape(-1, aligned.shape[2])
    ours = np.asarray(NormalizedCut(20, seed=0, device="cpu").fit_transform(nodes))
    cut = paper_cut()
    sample = len(nodes) // SAMPLE
    theirs = NormalizedCut(20, method="knn", n_landmarks=sample, n_neighbors=cut.n_neighbors or 100, device="cpu")
    vectors = np.asarray(theirs.fit_transform(nodes))
    put("cut", "method", f"span of 20 vectors {overlap(ours, vectors):.3f} that of ours ({sample:,} of {len(nodes):,})")
    norms = np.linalg.norm(vectors, axis=0)
    put("cut", "orthonormal", f"columns of norm {norms.max():.2f} to {norms.min():.2f}")
    if cut.n_neighbors == PAPER_NEIGHBOURS:
        put("cut", "n_neighbors", f"nothing: `knn` takes {PAPER_NEIGHBOURS} by itself, and Nyström needs none")
    for name, changed, words in (
        ("n_landmarks", {"n_landmarks": sample}, f" ({sample:,} of {len(nodes):,})"),
        ("sampling", {"sampling": cut.sampling}, ""),
    ):
        other = NormalizedCut(20, method="nystrom", seed=0, device="cpu", **changed).fit_transform(nodes)
        put("cut", name, f"Nyström: span of 20 vectors {overlap(ours, np.asarray(other)):.3f} that of ours{words}")
    for kind, n_components, paper, default in (
        ("colour", 3, cut.colour, ColourSettings(device="cpu")),
        ("map", 2, cut.map, MapSettings(device="cpu")),
    ):
        ours_kept = _kept(n_components, ours, default)
        put(kind, "default", f"{100 * ours_kept:.0f} % of {N_NEIGHBOURS} neighbours kept")
        for name in ("n_landmarks", "perplexity", "sampling", "spread"):
            value = getattr(paper, name)
            if value != getattr(default, name):
                kept = _kept(n_components, ours, dataclasses.replace(default, **{name: value}))
                text = f"{100 * kept:.0f} % of {N_NEIGHBOURS} neighbours kept; ours {100 * ours_kept:.0f} %"
                put(kind, name, text)


def _kept(n_components: int, vectors: NDArray[np.float32], settings: ColourSettings | MapSettings) -> float:
    tsne = SpectralTSNE(n_components, **settings.arguments(SpectralTSNE))
    return neighbours_kept(vectors, np.asarray(tsne.fit_transform(vectors)))


def _text(value: Any) -> str:
    if value is None:
        return "automatic"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def table(found: dict[tuple[str, str], str]) -> str:
    """All settings, and what was found of them."""
    defaults: dict[str, Any] = {
        "brain": BrainSettings(""),
        "cut": CutSettings(),
        "colour": ColourSettings(),
        "map": MapSettings(),
    }
    rows = []
    for entry in PAPER:
        if entry.settings not in defaults:
            continue
        default = getattr(defaults[entry.settings], entry.name)
        same = default == entry.value
        known = "" if entry.published else " (assumed)"
        changes = "" if same else found.get((entry.settings, entry.name), NOT_MEASURED)
        why = "as the paper" if same else WHY.get((entry.settings, entry.name), "")
        name, paper = f"`{entry.settings}.{entry.name}`", f"{_text(entry.value)}{known}: {entry.source}"
        rows.append([name, paper, _text(default), why, changes])
    together = f"{found.get(('brain', 'all'), '')}; ours: {found.get(('brain', 'default'), '')}"
    rows.append(["all of `brain`", "", "", "", together])
    header = ["setting", "paper", "default", "why", "what the paper's value changes on the 200 photographs"]
    return markdown_table(header, rows).replace("---:", "---")


def known(page: str) -> dict[tuple[str, str], str]:
    """What the table on a page says of settings that were measured before."""
    found = {}
    for kind, name, cells in re.findall(r"^\| `(\w+)\.(\w+)` \|(.*)\|$", page, re.MULTILINE):
        text = cells.split("|")[-1].strip()
        if text and text != NOT_MEASURED:
            found[kind, name] = text
    if together := re.search(r"^\| all of `brain` \|.*\| (.*); ours: (.*) \|$", page, re.MULTILINE):
        found["brain", "all"], found["brain", "default"] = together.groups()
    return found


def main() -> None:
    """Measure, print and write the table, again after each measurement."""
    torch.set_num_threads(1)
    parts = (sys.argv[sys.argv.index("--part") + 1],) if "--part" in sys.argv else PARTS
    page = REPOSITORY / "docs" / "method.md"
    found = known(page.read_text(encoding="utf-8"))

    def put(kind: str, name: str, text: str) -> None:
        found[kind, name] = text
        print(kind, name, text, flush=True)
        write_section("paper-preset", table(found), page)

    measure(put, parts)


if __name__ == "__main__":
    main()
