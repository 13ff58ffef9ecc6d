"""From picture files to an alignment at the size of the Algonauts data: memory and disk.

``python -m tests.benchmarks full_size`` writes a section of docs/benchmarks.md: 9,841 pictures, 36 layers of 768
channels. Pictures and responses are simulated, and the network (ViT-B/32, not trained) looks at 32 × 32 pixels, two
tokens instead of 197: what is kept and what training sees of the features has the size of the real thing, and the time
of the network is a hundredth. Its three taps stand for three networks. Voxels are a tenth of the real number
(``brain_training`` measures all). ``--pictures N`` and ``--epochs N`` make it smaller.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.brain import open_brain_data, write_simulated_subject
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.pipeline.settings import AlignSettings, BrainSettings, ExtractSettings
from alignedcut_viewer.study import Study
from tests.benchmarks.harness import (
    REPOSITORY,
    in_subprocess,
    machine_description,
    markdown_table,
    resident,
    write_section,
)

_MODULE = "tests.benchmarks.bench_full_size"
N_PICTURES, N_TOKENS, N_SLOTS, N_CHANNELS = 9_841, 197, 36, 768
VERTICES = (1_900, 2_054)
NETWORK, TAPS, SIZE = "random:vit_base_patch32_224", ("attention", "mlp", "block"), 32
MEMORY = "2GiB"


def prepare(folder: str, n_pictures: int) -> dict[str, Any]:
    """Pictures of coloured patches, and a simulated subject who responds to the colours."""
    rng = np.random.default_rng(0)
    root = Path(folder)
    (root / "made").mkdir()
    files, colours = [], rng.integers(0, 256, (n_pictures, 4, 4, 3), dtype=np.uint8)
    for number, grid in enumerate(colours):
        files.append(root / "made" / f"{number:05d}.png")
        Image.fromarray(grid).resize((SIZE, SIZE), Image.Resampling.BILINEAR).save(files[-1])
    features = colours.reshape(n_pictures, -1).astype(np.float32)
    write_simulated_subject(root / "subj01", files, features, n_vertices=VERTICES, picture_size=SIZE)
    shutil.rmtree(root / "made")
    return {}


def extract(folder: str) -> dict[str, Any]:
    """What training needs of all pictures, into a study."""
    root = Path(folder)
    began = time.perf_counter()
    paths = open_brain_data(root / "subj01").pictures.paths
    opened, _ = pipeline.open_study(root / "study", open_pictures([str(path) for path in paths if path is not None]))
    with opened:
        settings = ExtractSettings(
            (NETWORK,), tap=TAPS, input_size=SIZE, batch_size=64, device="cpu", precision="float32", for_alignment=True
        )
        pipeline.extract(opened, settings)
    return {"seconds": time.perf_counter() - began, "peak": resident("VmHWM"), "disk": _size(root / "study" / "pooled")}


def align(folder: str, epochs: int) -> dict[str, Any]:
    """Maps and readout trained on them."""
    root = Path(folder)
    began = time.perf_counter()
    most = [0]
    records: list[Any] = []

    def look(record: Any) -> None:
        records.append(dict(record))
        most[0] = max(most[0], _size(root / "study" / "training"))

    brain = BrainSettings(str(root / "subj01"), n_epochs=epochs, memory=MEMORY)
    with Study.open(root / "study", writable=True) as study:
        index = study.for_training().node_index()
        name = pipeline.align(study, index, AlignSettings(brain=brain, device="cpu"), on_epoch=look)
        assert name is not None
        scores = pipeline.load_alignment(study, name).scores
    return {
        "seconds": time.perf_counter() - began,
        "peak": resident("VmHWM"),
        "disk": most[0],
        "slots": len(index.slots),
        "r2": scores["rois"]["all"]["r2"],
        "load": os.getloadavg()[0],
    }


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _argument(name: str, otherwise: int) -> int:
    return int(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else otherwise


def main() -> None:
    """Measure, print and write the section."""
    n_pictures, epochs = _argument("--pictures", N_PICTURES), _argument("--epochs", 1)
    with tempfile.TemporaryDirectory(prefix="alignedcut-full-size-") as folder:
        in_subprocess(_MODULE, "prepare", folder=folder, n_pictures=n_pictures)
        taken = in_subprocess(_MODULE, "extract", folder=folder)
        print(taken, flush=True)
        trained = in_subprocess(_MODULE, "align", folder=folder, epochs=epochs)
        print(trained, flush=True)
    whole = n_pictures * N_TOKENS * N_SLOTS * N_CHANNELS * 2
    gigabyte = 1e9
    rows = [
        ["all tokens, half precision (computed)", "", f"{whole / gigabyte:.1f} GB", ""],
        [
            "extraction for alignment",
            f"{taken['peak'] / gigabyte:.1f} GB",
            f"{taken['disk'] / gigabyte:.2f} GB",
            f"{taken['seconds'] / 60:.1f} min",
        ],
        [
            f"training: start and {epochs} epoch{'s' * (epochs != 1)} (`memory={MEMORY}`), beside that",
            f"{trained['peak'] / gigabyte:.1f} GB",
            f"{trained['disk'] / gigabyte:.2f} GB until it ends",
            f"{trained['seconds'] / 60:.1f} min",
        ],
    ]
    text = (
        f"Simulated: {n_pictures:,} pictures × {trained['slots']} slots × {N_CHANNELS} channels → {sum(VERTICES):,} "
        f"voxels. {machine_description()} Load of the machine at the end: {trained['load']:.1f}. "
        f"Held-out R² of the maps: {trained['r2']:.3f}.\n\n"
    )
    table = markdown_table(["", "peak resident memory", "disk", "time"], rows)
    if n_pictures == N_PICTURES:
        write_section("full-size", text + table, REPOSITORY / "docs" / "benchmarks.md")
    else:
        print(text + table)


if __name__ == "__main__":
    main()
