"""Extraction from JPEG files to a study on disk against a bare loop over ``forward_features`` of the same model.

The bare loop is handed batches that lie prepared in memory, computes the whole network, and throws the result away.
Extraction reads and decodes the files, resizes, runs the network as far as the last layer that is asked for, and writes
the attention outputs of all layers in half precision.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

from alignedcut_viewer.backbones import Backbone, load_backbone
from alignedcut_viewer.images import open_pictures, sample_pictures
from alignedcut_viewer.pipeline.extraction import extract_with
from alignedcut_viewer.pipeline.settings import ExtractSettings
from alignedcut_viewer.study import Study

from .harness import in_subprocess, machine_description, markdown_table, write_section

__all__ = ["main"]

BATCH = 8
ROUNDS = 5
_MODULE = "tests.benchmarks.bench_extraction"
NETWORKS = {
    "ViT-B/16, 224 px": ("random:vit_base_patch16_224", 32),
    "DINOv2 ViT-S/14, 224 px": ("random:vit_small_patch14_dinov2", 64),
    "ViT-Ti/16, 224 px": ("random:vit_tiny_patch16_224", 256),
}
"""Name and number of pictures: enough for a few seconds."""


def make_pictures(folder: Path, n: int, size: tuple[int, int] = (375, 500)) -> None:
    """Photographs of ImageNet's usual size: seeded crops of the sample pictures, as JPEG."""
    rng = np.random.default_rng(0)
    samples = list(sample_pictures())
    for i in range(n):
        picture = samples[i % len(samples)]
        height, width = min(size[0], picture.shape[0]), min(size[1], picture.shape[1])
        y, x = rng.integers(0, picture.shape[0] - height + 1), rng.integers(0, picture.shape[1] - width + 1)
        crop = Image.fromarray(picture[y : y + height, x : x + width]).resize(size[::-1])
        data = io.BytesIO()
        crop.save(data, "JPEG", quality=90)
        (folder / f"{i:03d}.jpg").write_bytes(data.getvalue())


def bare_loop(backbone: Backbone, batches: list[torch.Tensor]) -> Callable[[], None]:
    """What a user would write at best: prepared batches through the whole model."""

    def work() -> None:
        with torch.inference_mode():
            for batch in batches:
                backbone.model.forward_features(batch.to(backbone.device, backbone.dtype))
        if backbone.device.type == "cuda":
            torch.cuda.synchronize()

    return work


def extraction(backbone: Backbone, pictures: Path, place: Path, batch: int) -> Callable[[], None]:
    """All layers of all pictures into a new study."""
    settings = ExtractSettings((backbone.name,), batch_size=batch)

    def work() -> None:
        with Study.create(place / "study", open_pictures(pictures)) as study:
            extract_with(study, backbone, settings)
        shutil.rmtree(place / "study")

    return work


def measure(
    name: str, pictures: str | Path, place: str | Path, *, batch: int = BATCH, rounds: int = ROUNDS
) -> dict[str, Any]:
    """Pictures a second of both sides, interleaved."""
    backbone = load_backbone(name, input_size=224, announce=lambda line: None)
    files = open_pictures(pictures)
    prepared = [backbone.prepare(picture) for picture in files]
    batches = [torch.stack(prepared[i : i + batch]) for i in range(0, len(prepared), batch)]
    sides = {"bare": bare_loop(backbone, batches), "ours": extraction(backbone, Path(pictures), Path(place), batch)}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    processor: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name in sides if number % 2 else reversed(sides):
            began, worked = time.perf_counter(), time.process_time()
            sides[name]()
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - began)
                processor[name].append(time.process_time() - worked)
    ratios = [b / o for b, o in zip(seconds["bare"], seconds["ours"], strict=True)]
    work = [b / o for b, o in zip(processor["bare"], processor["ours"], strict=True)]
    return {
        "bare": len(files) / median(seconds["bare"]),
        "ours": len(files) / median(seconds["ours"]),
        "ratio": median(ratios),
        "spread": f"{min(ratios):.2f} to {max(ratios):.2f}",
        "work": median(work),
        "device": str(backbone.device),
        "precision": str(backbone.dtype).removeprefix("torch."),
    }


def main() -> None:
    """Measure all networks and write the table."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for title, (name, n_pictures) in NETWORKS.items():
            pictures = Path(folder) / f"{n_pictures}-pictures"
            pictures.mkdir()
            make_pictures(pictures, n_pictures)
            result = in_subprocess(_MODULE, "measure", name=name, pictures=str(pictures), place=folder)
            rows.append(
                [
                    title,
                    n_pictures,
                    f"{result['bare']:.1f}",
                    f"{result['ours']:.1f}",
                    f"**{result['ratio']:.2f}** ({result['spread']})",
                    f"{result['work']:.2f}",
                ]
            )
            print(rows[-1], flush=True)
    table = markdown_table(
        [
            "network",
            "pictures",
            "bare `forward_features`, pictures/s",
            "extraction, pictures/s",
            "extraction ÷ bare",
            "the same by processor time",
        ],
        rows,
    )
    write_section(
        "extraction",
        f"{machine_description()}; {result['device']}, {result['precision']}. JPEG photographs of 500 × 375 "
        f"pixels, batches of {BATCH}, medians of {ROUNDS} interleaved rounds. The bare loop gets prepared "
        "batches in memory and throws its result away; extraction begins at the files and ends with the attention "
        "outputs of all 12 layers on disk. Processor time is that of all threads together, which a busy "
        f"machine changes less.\n\n{table}\n",
    )


if __name__ == "__main__":
    main()
