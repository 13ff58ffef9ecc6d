"""Time and memory of brain-guided training at the size of the Algonauts data, simulated.

``python -m tests.benchmarks brain_training``: one whole training with the defaults; one step of ours against one that
follows the paper literally (all tokens of a batch through all maps); and the held-out scores of both at a smaller size.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from alignedcut_viewer.alignment import BrainAlignment, BrainSamples
from alignedcut_viewer.alignment.eigen_constraint import eigen_constraint
from alignedcut_viewer.alignment.losses import brain_loss, covariance_loss, zero_centre_loss
from alignedcut_viewer.alignment.readout import Standardisation
from alignedcut_viewer.alignment.starting_maps import node_scales
from alignedcut_viewer.brain import brain_score, open_algonauts, read_true_map, write_simulated_subject
from alignedcut_viewer.errors import Cancelled
from alignedcut_viewer.nodes import Slot
from tests.benchmarks.harness import (
    REPOSITORY,
    in_subprocess,
    machine_description,
    markdown_table,
    peak_memory,
    resident,
    write_section,
)

PAGE = REPOSITORY / "docs" / "benchmarks.md"
N_PICTURES, N_SLOTS, N_CHANNELS, N_TOKENS, N_NODES = 9_841, 36, 768, 197, 12_000
VERTICES = (19_004, 20_544)
N_VOXELS = sum(VERTICES)
N_CAUSES, N_SEEN = 256, 64
BATCH, STEPS = 64, 12


def prepare(folder: str | Path, n_pictures: int, vertices: tuple[int, int]) -> None:
    """A simulated subject in the Algonauts layout, and pooled features and nodes of simulated networks, on disk.

    Pictures have hidden causes, fewer in number than channels and of falling strength; features of each slot mix them,
    deeper slots other ones than early slots, and responses are a map of them and noise.
    """
    folder = Path(folder)
    rng = np.random.default_rng(0)
    strength = (1 / np.sqrt(np.arange(1, N_CAUSES + 1))).astype(np.float32)
    causes = rng.standard_normal((n_pictures, N_CAUSES), dtype=np.float32) * strength
    places = rng.standard_normal((N_NODES, N_CAUSES), dtype=np.float32) * strength
    places += causes[rng.integers(n_pictures, size=N_NODES)]
    first = rng.standard_normal((N_CAUSES, N_CHANNELS), dtype=np.float32)
    last = rng.standard_normal((N_CAUSES, N_CHANNELS), dtype=np.float32)
    for number in range(N_SLOTS):
        depth = number / (N_SLOTS - 1)
        mixing = np.sqrt(1 - depth) * first + np.sqrt(depth) * last
        turn = np.linalg.qr(rng.standard_normal((N_CHANNELS, N_CHANNELS), dtype=np.float32))[0]
        for name, values, noise in (("pooled", causes, 0.3), ("nodes", places, 1.0)):
            features = (values @ mixing + 3.0) @ turn
            features += noise * rng.standard_normal(features.shape, dtype=np.float32)
            np.save(folder / f"{name}{number}.npy", features.astype(np.float32 if name == "pooled" else np.float16))
    Image.new("RGB", (1, 1)).save(folder / "picture.png")
    write_simulated_subject(
        folder / "subj01",
        [folder / "picture.png"] * n_pictures,
        causes[:, :N_SEEN],
        n_vertices=(vertices[0], vertices[1]),
        explained=(0.2, 0.6),
        picture_size=1,
    )


def samples_in(folder: Path) -> BrainSamples:
    """What :func:`prepare` wrote, mapped."""
    slots = [Slot("simulated", number) for number in range(N_SLOTS)]
    pooled, nodes = (
        {slot: np.load(folder / f"{name}{slot.layer}.npy", mmap_mode="r") for slot in slots}
        for name in ("pooled", "nodes")
    )
    responses = open_algonauts(folder / "subj01", unusable="keep").responses
    return BrainSamples(pooled, nodes, responses, corresponding=True)


def whole(folder: str) -> dict[str, Any]:
    """One whole training with the defaults: time by stage, peak memory, and held-out score beside the true map's."""
    samples = samples_in(Path(folder))
    began = time.perf_counter()
    stages: dict[str, float] = {}
    epochs: list[float] = []

    def follow(done: int, total: int, text: str) -> None:
        stages.setdefault(text, time.perf_counter() - began)

    def epoch(record: Any) -> None:
        epochs.append(time.perf_counter() - began)
        print(f"{epochs[-1]:.0f} s", record, flush=True)

    fitted = BrainAlignment(device="cpu").fit(samples, progress=follow, on_epoch=epoch)
    seconds = time.perf_counter() - began
    truth = read_true_map(Path(folder) / "subj01")
    return {
        "seconds": seconds,
        "start": epochs[0],
        "epochs": len(epochs) - 1,
        "epoch": float(np.median(np.diff(epochs))) if len(epochs) > 1 else 0.0,
        "best_epoch": fitted.best_epoch_,
        "readout": fitted.readout_,
        "score": fitted.score_,
        "start_score": fitted.history_[0]["r2"],
        "true": float(truth.r2.mean()),
        "resident_mb": resident("VmHWM") / 1e6,
        "note": f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}",
        "stages": {text: seconds for text, seconds in stages.items() if not text.startswith("training")},
    }


def ours(folder: str, steps: int) -> dict[str, float]:
    """Median seconds of a step."""
    samples = samples_in(Path(folder))
    times: list[float] = []

    def stop(done: int, total: int, text: str) -> None:
        if text.startswith("training"):
            times.append(time.perf_counter())
            if len(times) == steps:
                raise Cancelled

    with contextlib.suppress(Cancelled):
        BrainAlignment(init="identity", device="cpu").fit(samples, progress=stop)
    return {"step": float(np.median(np.diff(times)))}


class Literal:
    """The method as the paper writes it: every token of every picture goes through every map, then the mean.

    Parameters
    ----------
    maps
        (slots, D, D').
    beta, intercept
        (D', voxels) and (voxels,).
    """

    def __init__(self, maps: torch.Tensor, beta: torch.Tensor, intercept: torch.Tensor) -> None:
        self.maps, self.beta, self.intercept = (t.clone().requires_grad_() for t in (maps, beta, intercept))
        rate = {"params": [self.maps], "lr": 1e-3 * 16 / maps.shape[2], "weight_decay": 0.0}
        readout = {"params": [self.beta, self.intercept], "lr": 1e-3, "weight_decay": 0.01}
        self.optimiser = torch.optim.AdamW([rate, readout], fused=True)
        self.rates = [group["lr"] for group in self.optimiser.param_groups]
        self.generator = torch.Generator().manual_seed(0)

    def step(self, tokens: torch.Tensor, responses: torch.Tensor, factor: float = 1.0) -> None:
        """One step.

        Parameters
        ----------
        tokens
            (slots, pictures, tokens, channels).
        responses
            (pictures, voxels).
        factor
            Of the learning rates.
        """
        aligned = torch.einsum("sptc,scd->sptd", tokens, self.maps)
        prediction = aligned.sum(dim=0).mean(dim=1) @ self.beta + self.intercept
        chosen = torch.randperm(tokens.shape[1] * tokens.shape[2], generator=self.generator)[:100]
        before, after = tokens.flatten(1, 2)[:, chosen], aligned.flatten(1, 2)[:, chosen]
        loss = brain_loss(prediction, responses) + eigen_constraint(before, after, broadening=0.03).float()
        loss = loss + 0.01 * zero_centre_loss(after) + 0.01 * covariance_loss(after)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()


def literal(steps: int = 2) -> dict[str, float]:
    """Seconds of a step at the same batch, tokens in memory already, and peak memory."""
    rng = np.random.default_rng(0)
    tokens = torch.from_numpy(rng.standard_normal((N_SLOTS, BATCH, N_TOKENS, N_CHANNELS), dtype=np.float32))
    responses = torch.from_numpy(rng.standard_normal((BATCH, N_VOXELS), dtype=np.float32))
    memory: dict[str, float] = {}
    times = []
    with peak_memory(memory):
        maps = torch.randn(N_SLOTS, N_CHANNELS, N_CHANNELS).div_(28)
        network = Literal(maps, torch.zeros(N_CHANNELS, N_VOXELS), torch.zeros(N_VOXELS))
        for _ in range(steps):
            began = time.perf_counter()
            network.step(tokens, responses)
            times.append(time.perf_counter() - began)
    held: NDArray[np.float32] = tokens.numpy()
    return {"step": min(times), "peak_mb": memory["peak_mb"] + held.nbytes / 1e6}


def equal(seed: int, n_epochs: int = 15) -> dict[str, float]:
    """Score of both on pictures that took no part, from the same random start, at a size that both can be run at."""
    n_train, n_test, n_slots, width, n_tokens, n_voxels = 400, 200, 6, 96, 49, 800
    rng = np.random.default_rng(seed)
    strength = (1 / np.sqrt(np.arange(1, 49))).astype(np.float32)
    causes = rng.standard_normal((n_train + n_test, 48), dtype=np.float32) * strength
    places = causes[:, None] + rng.standard_normal((n_train + n_test, n_tokens, 48), dtype=np.float32) * strength
    tokens = np.stack(
        [places @ rng.standard_normal((48, width), dtype=np.float32) + 2.0 for _ in range(n_slots)]
    ) + 0.5 * rng.standard_normal((n_slots, n_train + n_test, n_tokens, width), dtype=np.float32)
    seen = places.mean(axis=1) @ rng.standard_normal((48, n_voxels), dtype=np.float32)
    responses = (seen / seen.std(axis=0) + rng.standard_normal(seen.shape)).astype(np.float32)
    slots = [Slot("simulated", number) for number in range(n_slots)]
    chosen = np.sort(rng.choice(n_train * n_tokens, 4000, replace=False))
    samples = BrainSamples(
        {slot: values[:n_train].mean(axis=1) for slot, values in zip(slots, tokens, strict=True)},
        {slot: values[:n_train].reshape(-1, width)[chosen] for slot, values in zip(slots, tokens, strict=True)},
        responses[:n_train],
    )
    settings: dict[str, Any] = {"init": "random", "keep": "last", "readout": "trained", "seed": seed, "device": "cpu"}
    start = BrainAlignment(n_epochs=0, **settings).fit(samples)
    mine = BrainAlignment(n_epochs=n_epochs, patience=n_epochs, slots_per_step=n_slots, **settings).fit(samples)

    # The literal network starts in the same place, in the same units.
    train = np.setdiff1d(np.arange(n_train), start.validation_rows_)
    centred = samples.centred()
    scales = node_scales(centred)
    units = Standardisation.of(samples, train, torch.device("cpu"))
    own = torch.from_numpy(tokens - np.stack([centred.offsets[slot] for slot in slots])[:, None, None])
    for number, part in enumerate(samples.slices.values()):
        own[number] *= scales[part]
    maps = torch.stack(
        [torch.from_numpy(start.matrices_[slot]) / scales[part, None] for slot, part in samples.slices.items()]
    )
    beta = torch.from_numpy(start.beta_) / units.scale
    network = Literal(maps, beta, (torch.from_numpy(start.intercept_) - units.mean) / units.scale)
    measured = (torch.from_numpy(responses) - units.mean) / units.scale
    steps = -(-len(train) // BATCH)
    for epoch in range(n_epochs):
        order = rng.permutation(train)
        for step in range(steps):
            rows = order[step * BATCH : (step + 1) * BATCH]
            factor = 0.5 + 0.5 * np.cos(np.pi * (epoch + step / steps) / n_epochs)
            network.step(own[:, rows], measured[rows], float(factor))
    with torch.no_grad():
        inside = torch.einsum("spc,scd->pd", own[:, n_train:].mean(dim=2), network.maps)
        theirs = (inside @ network.beta + network.intercept) * units.scale + units.mean
    test = {slot: values[n_train:].mean(axis=1) for slot, values in zip(slots, tokens, strict=True)}
    return {
        "start": brain_score(responses[n_train:], start.predict(test)).rois["all"].r2,
        "ours": brain_score(responses[n_train:], mine.predict(test)).rois["all"].r2,
        "literal": brain_score(responses[n_train:], theirs.numpy()).rois["all"].r2,
    }


def table(run: dict[str, Any], mine: dict[str, float], theirs: dict[str, float], scores: list[dict[str, float]]) -> str:
    """The section of the page from what was measured."""

    def score(name: str) -> str:
        values = [found[name] for found in scores]
        return f"{np.mean(values):.3f} ± {np.std(values):.3f}"

    epochs = f"{run['epochs']} epochs, {run['epoch'] / 60:.1f} min each"
    rows = [
        ["one step, batch of 64", f"{mine['step']:.2f} s", f"{theirs['step']:.1f} s"],
        ["time of a step, ratio", "1", f"{theirs['step'] / mine['step']:.0f}"],
        [f"held-out R² at a size that both were run at (from {score('start')})", score("ours"), score("literal")],
        ["**one whole training with the defaults**", f"**{run['seconds'] / 60:.1f} min**", "not run"],
        ["of these the closed-form start", f"{run['start'] / 60:.1f} min", ""],
        ["training, until the held-out score rose no more", epochs, ""],
        ["held-out R² of what was kept; of the true map", f"{run['score']:.3f}; {run['true']:.3f}", ""],
        [
            "peak resident memory of the process, mapped files included; literal: with tokens of one batch only",
            f"{run['resident_mb'] / 1e3:.1f} GB",
            f"{theirs['peak_mb'] / 1e3:.1f} GB",
        ],
    ]
    return (
        f"Simulated (Algonauts layout): {N_PICTURES:,} pictures × {N_SLOTS} slots × {N_CHANNELS} channels → "
        f"{N_VOXELS:,} voxels. {machine_description()}; {run['note']}.\n\n"
        f"{markdown_table(['', 'ours', 'all tokens through all maps'], rows)}"
    )


def main() -> None:
    """Measure, print and write the table."""
    folder = Path(tempfile.mkdtemp())
    try:
        in_subprocess(__name__, "prepare", folder=str(folder), n_pictures=N_PICTURES, vertices=VERTICES)
        run = in_subprocess(__name__, "whole", folder=str(folder))
        print(run, flush=True)
        mine = in_subprocess(__name__, "ours", folder=str(folder), steps=STEPS)
    finally:
        shutil.rmtree(folder)
    theirs = in_subprocess(__name__, "literal")
    print(mine, theirs, flush=True)
    scores = [in_subprocess(__name__, "equal", seed=seed) for seed in range(3)]
    write_section("brain-training", table(run, mine, theirs, scores), PAGE)


if __name__ == "__main__":
    main()
