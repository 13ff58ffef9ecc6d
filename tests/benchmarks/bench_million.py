"""What a million pictures cost: figures that were measured, multiplied. Writes a section of docs/scale.md.

Seconds are read from the tables of docs/performance.md and docs/segmentation.md, which their own benchmarks make. Bytes
on disk and the pace of the one writer are measured here, on a study of 64 pictures.
"""

from __future__ import annotations

import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alignedcut_viewer.alignment.correspondence import class_share, places_a_picture
from alignedcut_viewer.backbones import load_backbone
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.network_nodes import TokenGrid
from alignedcut_viewer.pipeline.brain_settings import DEFAULT_SAMPLES
from alignedcut_viewer.pipeline.extraction import extract_with
from alignedcut_viewer.pipeline.settings import ExtractSettings
from alignedcut_viewer.study import Study
from tests.planted import noise_pictures

from .harness import REPOSITORY, machine_description, markdown_table, write_section

__all__ = ["main"]

MILLION = 1_000_000
DOCS = REPOSITORY / "docs"
NETWORK = "random:vit_base_patch16_224"
TITLE = "ViT-B/16, 224 px"
LAYERS, TOKENS, WIDTH, EIGENVECTORS = 12, 197, 768, 20
SAMPLE = 64
WORKERS = (1, 16, 64, 256)


@dataclass(frozen=True)
class Measured:
    """A figure, and where it was measured."""

    value: float
    source: str


def section(page: str, name: str) -> str:
    """What stands between the markers of a section."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.search(rf"<!-- begin:{name} -->(.*?)<!-- end:{name} -->", text, re.DOTALL)
    if found is None:
        raise LookupError(f"docs/{page} has no section {name}; run its benchmark first.")
    return found.group(1)


def number(page: str, name: str, pattern: str) -> Measured:
    """A figure of a section."""
    found = re.search(pattern, section(page, name))
    if found is None:
        raise LookupError(f"The section {name} of docs/{page} has no figure like {pattern}.")
    return Measured(float(found.group(1).replace(",", "")), f"`python -m tests.benchmarks {name.replace('-', '_')}`")


def seconds_a_picture() -> Measured:
    """Of extraction with all tokens and layers on two cores, as fast as docs/performance.md has it."""
    pace = number("performance.md", "extraction", rf"\| {re.escape(TITLE)} \| [\d,]+ \| [\d.]+ \| ([\d.]+) \|")
    return Measured(1 / pace.value, pace.source)


def bytes_of(study: Path, room: str) -> int:
    """Bytes of all chunks of features."""
    return sum(file.stat().st_size for file in (study / room).rglob("c/*/0/0"))


def written(folder: Path) -> dict[str, float]:
    """Bytes a picture on disk both ways, and what writing alone costs."""
    pictures = open_pictures(noise_pictures(folder / "pictures", SAMPLE, (224, 224), "bmp"))
    result: dict[str, float] = {}
    # What is kept for an alignment does not depend on the size of the input, which may be small.
    backbone = load_backbone(NETWORK, input_size=32, device="cpu", announce=lambda _line: None)
    with Study.create(folder / "pooled", pictures) as study:
        extract_with(study, backbone, ExtractSettings((backbone.name,), for_alignment=True, device="cpu"))
    result["pooled"] = bytes_of(folder / "pooled", "pooled") / SAMPLE
    backbone = load_backbone(NETWORK, device="cpu", announce=lambda _line: None)
    with Study.create(folder / "tokens", pictures[:8]) as study:
        extract_with(study, backbone, ExtractSettings((backbone.name,), device="cpu"))
        # How long writing takes does not depend on what is written: the features of one batch, again and again.
        study.add_pictures(pictures)
        features = study.network(backbone.name)
        batch = {layer: np.asarray(features.array(layer)[:8]) for layer in features.layers}
        features.prepare(dict.fromkeys(features.layers, WIDTH), SAMPLE)
        began, worked = time.perf_counter(), time.process_time()
        for first in range(0, SAMPLE, 8):
            features.put(batch, range(first, first + 8))
        result["seconds"] = (time.perf_counter() - began) / SAMPLE
        result["work"] = (time.process_time() - worked) / SAMPLE
    result["tokens"] = bytes_of(folder / "tokens", "features") / SAMPLE
    return result


def pooled_bytes(n_pictures: int, grid: TokenGrid) -> float:
    """Bytes a picture of what alignments are trained on: a mean as two rows, and tokens at some places."""
    places = places_a_picture(DEFAULT_SAMPLES, n_pictures, class_share([grid]))
    return LAYERS * (2 + places) * WIDTH * 2


def amount(n_bytes: float) -> str:
    """Bytes for people."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            return f"{n_bytes / size:.3g} {unit}"
    return f"{n_bytes / 1e3:.3g} kB"


def duration(seconds: float) -> str:
    """Seconds for people."""
    return f"{seconds / 86400:.1f} days" if seconds >= 2 * 86400 else f"{seconds / 3600:.1f} hours"


def main() -> None:
    """Measure what is measured here, look the rest up, and write the section."""
    here = "this command"
    with tempfile.TemporaryDirectory() as folder:
        found = written(Path(folder))
    small, usual = TokenGrid(2, 2, True), TokenGrid(14, 14, True)
    if found["pooled"] != pooled_bytes(SAMPLE, small):
        raise RuntimeError(
            f"{found['pooled']} bytes a picture were written, {pooled_bytes(SAMPLE, small)} were expected."
        )
    picture = seconds_a_picture()
    node = number("performance.md", "paper-graph", r"([\d.]+) s a million nodes")
    reading = number("performance.md", "paper-graph", r"reading the store once, from disk \| ([\d.]+)")
    stored = number("performance.md", "paper-graph", r"\(([\d.]+) GB")
    segment = number("segmentation.md", "segment-speed", r"([\d.]+) s of it beside the forward pass")
    nodes = MILLION * LAYERS * TOKENS
    all_tokens = found["tokens"] * MILLION
    pass_seconds = all_tokens / 1e9 / stored.value * reading.value
    rows = [
        ["extraction", f"{picture.value:.2f} s", duration(picture.value * MILLION), picture.source],
        ["features of all tokens on disk", amount(found["tokens"]), amount(all_tokens), here],
        [
            "with `--for-alignment` instead",
            amount(pooled_bytes(MILLION, usual)),
            amount(pooled_bytes(MILLION, usual) * MILLION),
            f"{here} ({SAMPLE} pictures; fewer places of each at a million)",
        ],
        [
            "writing all tokens, by the one process that writes: processor time",
            f"{1e3 * found['work']:.0f} ms",
            duration(found["work"] * MILLION),
            here,
        ],
        [
            "reading all tokens once, from one disk",
            f"{1e3 * pass_seconds / MILLION:.1f} ms",
            duration(pass_seconds),
            reading.source,
        ],
        [
            f"a cut of all {nodes / 1e9:.2f} billion tokens, where the disk keeps pace",
            f"{1e3 * node.value / 1e6 * LAYERS * TOKENS:.1f} ms",
            duration(node.value * nodes / 1e6),
            node.source,
        ],
        [
            f"its {EIGENVECTORS} eigenvectors on disk",
            amount(4 * EIGENVECTORS * LAYERS * TOKENS),
            amount(4 * EIGENVECTORS * nodes),
            "computed: 4 bytes each",
        ],
        [
            "segments and masks of features that are there: processor time",
            f"{segment.value:.2f} s",
            duration(segment.value * MILLION),
            segment.source,
        ],
    ]
    table = markdown_table(["", "a picture", "a million", "measured by"], rows)
    alone = picture.value * MILLION
    faster = [
        [
            workers,
            duration(alone / workers),
            duration(max(alone / workers, found["work"] * MILLION)),
            f"{amount(min(workers / picture.value, 1 / found['work']) * found['tokens'])}/s",
            duration(segment.value * MILLION / workers),
        ]
        for workers in WORKERS
    ]
    more = markdown_table(
        ["machines", "extraction `--for-alignment`", "with all tokens", "of which are written", "segments"], faster
    )
    text = f"""
{TITLE}, attention outputs of all {LAYERS} layers, half precision on disk; segments as in
[segmentation](segmentation.md#time), of two networks at 336 px, one thread. Measured on {machine_description()}.
Each figure of one picture was measured by the command beside it, or computed from one that was; those of a million are
products.

{table}

On several machines such as this one, if they were that many times as fast (computed; what is measured of that stands
[above](#when-it-helps-and-when-it-does-not)). With all tokens the one process that writes is the limit sooner or later,
or before it disk and network, which must take so many bytes a second (receiving them is not counted): extract
`--for-alignment`, or into several studies.

{more}

Made by `python -m tests.benchmarks million`.
"""
    write_section("million", text, DOCS / "scale.md")


if __name__ == "__main__":
    main()
