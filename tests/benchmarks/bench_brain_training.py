"""Time and memory of brain-guided training at the size of the Algonauts data, simulated.

``python -m tests.benchmarks brain_training``: one step of ours against one step that follows the paper literally (all
tokens of a batch through all maps), the start, and a whole training extrapolated from these.
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
from alignedcut_viewer.brain import open_algonauts, read_true_map, write_simulated_subject
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


def prepare(folder: Path, n_pictures: int, vertices: tuple[int, int]) -> None:
    """A simulated subject in the Algonauts layout, and pooled features and nodes of simulated networks, on disk.

    Pictures have hidden causes, fewer in number than channels and of falling strength; features of each slot mix them,
    deeper slots other ones than early slots, and responses are a map of them and noise.
    """
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
        n_vertices=vertices,
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
    anonymous = [0]

    def follow(done: int, total: int, text: str) -> None:
        stages.setdefault(text, time.perf_counter() - began)
        anonymous[0] = max(anonymous[0], resident("RssAnon"))

    def epoch(record: Any) -> None:
        epochs.append(time.perf_counter() - began)
        print(f"{epochs[-1]:.0f} s", record, flush=True)

    memory: dict[str, float] = {}
    with peak_memory(memory):
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
        "anonymous_mb": anonymous[0] / 1e6,
        "stages": {text: seconds for text, seconds in stages.items() if not text.startswith("training")},
        **memory,
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
    """The method as the paper writes it: every token of every picture goes through every map, then the mean."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.maps = torch.randn(N_SLOTS, N_CHANNELS, N_CHANNELS, generator=generator).div_(28).requires_grad_()
        self.beta = torch.zeros(N_CHANNELS, N_VOXELS, requires_grad=True)
        self.intercept = torch.zeros(N_VOXELS, requires_grad=True)
        self.optimiser = torch.optim.AdamW([self.maps, self.beta, self.intercept], lr=1e-3, fused=True)
        self.generator = generator

    def step(self, tokens: torch.Tensor, responses: torch.Tensor) -> None:
        """One step.

        Parameters
        ----------
        tokens
            (slots, pictures, tokens, channels).
        responses
            (pictures, voxels).
        """
        aligned = torch.einsum("sptc,scd->sptd", tokens, self.maps)
        prediction = aligned.sum(dim=0).mean(dim=1) @ self.beta + self.intercept
        chosen = torch.randperm(tokens.shape[1] * tokens.shape[2], generator=self.generator)[:100]
        before, after = tokens.flatten(1, 2)[:, chosen], aligned.flatten(1, 2)[:, chosen]
        loss = brain_loss(prediction, responses) + eigen_constraint(before, after).float()
        loss = loss + 0.01 * zero_centre_loss(after) + 0.01 * covariance_loss(after)
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
        network = Literal()
        for _ in range(steps):
            began = time.perf_counter()
            network.step(tokens, responses)
            times.append(time.perf_counter() - began)
    held: NDArray[np.float32] = tokens.numpy()
    return {"step": min(times), "peak_mb": memory["peak_mb"] + held.nbytes / 1e6}


def table(mine: dict[str, float], theirs: dict[str, float], note: str) -> str:
    """The section of the page from what was measured."""
    steps = -(-round(0.9 * N_PICTURES) // BATCH)
    epoch = steps * mine["step"]
    began = f"{mine['start']:.0f} s" if "start" in mine else "not measured"
    rows = [
        ["start `identity` (readout only)", f"{mine['start_identity']:.0f} s", ""],
        ["start `isometry` (closed form, isometries, readout)", began, ""],
        ["one step, batch of 64", f"{mine['step']:.2f} s", f"{theirs['step']:.1f} s"],
        ["time of a step, ratio", "1", f"{theirs['step'] / mine['step']:.0f}"],
        [
            f"an epoch of {steps} steps (extrapolated)",
            f"{epoch / 60:.1f} min",
            f"{steps * theirs['step'] / 60:.0f} min",
        ],
    ]
    if "start" in mine:
        for count, name in ((6, "training that stops after 6 epochs"), (N_EPOCHS, f"all {N_EPOCHS} epochs")):
            rows.append(
                [f"{name}, with the start (extrapolated)", f"{(mine['start'] + count * epoch) / 60:.0f} min", ""]
            )
    rows.append(
        [
            "peak memory, mapped files included; literal: tokens of one batch only",
            f"{mine['peak_mb'] / 1e3:.1f} GB",
            f"{theirs['peak_mb'] / 1e3:.1f} GB",
        ]
    )
    return (
        f"Simulated: {N_PICTURES:,} pictures × {N_SLOTS} slots × {N_CHANNELS} channels → {N_VOXELS:,} voxels. "
        f"{machine_description()}; {note}.\n\n{markdown_table(['', 'ours', 'all tokens through all maps'], rows)}"
    )


def main() -> None:
    """Measure, print and write the table."""
    # Processes of their own: the steps first, as the closed-form start takes minutes.
    mine = in_subprocess(__name__, "ours", init="identity", steps=STEPS)
    print(mine, flush=True)
    theirs = in_subprocess(__name__, "literal")
    print(theirs, flush=True)
    start = in_subprocess(__name__, "ours", init="isometry", steps=1)
    print(start, flush=True)
    peak = max(mine["peak_mb"], start["peak_mb"])
    mine = {**mine, "start_identity": mine["start"], "start": start["start"], "peak_mb": peak}
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    write_section("brain-training", table(mine, theirs, f"{torch.get_num_threads()} threads{load}"), PAGE)


if __name__ == "__main__":
    main()
