"""10,000 pictures × 12 layers through the pipeline, command by command: time, memory and disk.

``python -m tests.benchmarks load`` writes a section of docs/reliability.md; a number after it is how many pictures.
They are crops of the shared photographs (docs/data.md), mirrored or not, 112 pixels a side, through the trained
ViT-Ti/16: 50 tokens a picture and layer. Commands are run as a user types them, each in a process of its own. POSIX
only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from tests.benchmarks.brain_features import shared_data
from tests.benchmarks.harness import REPOSITORY, machine_description, markdown_table, write_section

N_PICTURES, SIDE, NETWORK = 10_000, 112, "vit-tiny-p16"
N_TOKENS = (SIDE // 16) ** 2 + 1
COMMAND = "import sys; from alignedcut_viewer.cli import main; sys.exit(main())"
OPEN = """
import sys
from alignedcut_viewer.viewer.frames.loading import load_study
load_study(sys.argv[1], None)
"""


def make_pictures(folder: Path, n_pictures: int) -> None:
    """Square crops of the photographs, of 60 to 100 % of the shorter side."""
    folder.mkdir()
    photographs = sorted((shared_data() / "imagenet").glob("*.JPEG"))
    rng = np.random.default_rng(0)
    for number, path in enumerate(photographs):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        for copy in range(number, n_pictures, len(photographs)):
            side = int(min(picture.size) * rng.uniform(0.6, 1.0))
            left, top = (int(rng.integers(0, length - side + 1)) for length in picture.size)
            view = picture.resize((SIDE, SIDE), box=(left, top, left + side, top + side))
            if rng.random() < 0.5:
                view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            view.save(folder / f"{copy:05d}.jpg", quality=90)


def measured(*words: str | Path, code: str = COMMAND) -> tuple[float, float, float]:
    """Seconds, seconds of the processor, and the most resident memory in GB of a Python process."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen([sys.executable, "-c", code, *map(str, words)], stdout=told, stderr=told)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told.seek(0)
            raise SystemExit(told.read().decode(errors="replace")[-3000:])
    unit = 1 if sys.platform == "darwin" else 1024
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e9


def size_of(folder: Path) -> float:
    """GB of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e9


def main(n_pictures: int = N_PICTURES) -> None:
    """Measure, print and write the section."""
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory(prefix="alignedcut-load-") as temporary:
        folder = Path(temporary)
        pictures, study = folder / "pictures", folder / "study"
        make_pictures(pictures, n_pictures)
        weights = f"{NETWORK}={shared_data() / 'weights' / 'vit_tiny_p16_augreg.safetensors'}"
        extract = (
            "extract",
            pictures,
            "--study",
            study,
            "--networks",
            NETWORK,
            "--weights",
            weights,
            "--size",
            str(SIDE),
        )
        commands: dict[str, tuple[str | Path, ...]] = {
            "extract": extract,
            "extract again, all is there": extract,
            "cut, with colours": ("cut", study),
            "concepts of layer 8": ("concepts", study, "--layers", "8", "--number", "20", "--out", folder / "concepts"),
            "figures: mosaic": ("figures", study, "mosaic", "--out", folder / "mosaic.png"),
            "check, every byte": ("check", study),
        }
        for name, words in commands.items():
            rows.append(_row(name, *measured(*words), size_of(study)))
        rows.append(_row("opening it in the window, without painting", *measured(study, code=OPEN), size_of(study)))
    text = (
        f"{n_pictures:,} pictures × 12 layers × {N_TOKENS} tokens of ViT-Ti/16 at {SIDE} pixels, "
        f"{n_pictures * 12 * N_TOKENS:,} nodes. "
        f"{machine_description()}; load of the machine at the end: {os.getloadavg()[0]:.1f}.\n\n"
    )
    table = markdown_table(["", "time", "processor", "peak resident memory", "the study afterwards"], rows)
    print(text + table)
    if n_pictures == N_PICTURES:
        write_section("load", text + table, REPOSITORY / "docs" / "reliability.md")


def _row(name: str, seconds: float, processor: float, memory: float, disk: float) -> list[object]:
    row = [name, f"{seconds:.0f} s", f"{processor:.0f} s", f"{memory:.2f} GB", f"{disk:.2f} GB"]
    print(*row, sep=" | ", flush=True)
    return list(row)


if __name__ == "__main__":
    main()
