"""Pictures to masks on disk: processor time a picture by stage.

``python -m tests.benchmarks segment_speed [PICTURES]`` cuts windows out of the photographs of ``../shared/data/coco``,
extracts features with both networks, segments and writes masks, all in one process and a folder that is removed at the
end. Every stage is timed by the processor time of the thread that does it, without what other stages do inside of it:
so other work on the machine does not count. The table of a hundred pictures or more goes into docs/segmentation.md.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl
import torch
from PIL import Image, ImageOps

from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.pipeline import extraction, feature_writer, mask_export, segment_stage
from alignedcut_viewer.pipeline.settings import ExtractSettings
from alignedcut_viewer.segmentation import picture_segments, writers
from alignedcut_viewer.spectral.layered import uniform_cut
from alignedcut_viewer.study import Study, segment_set
from tests.benchmarks.harness import REPOSITORY, machine_description, markdown_table, write_section

SHARED = REPOSITORY.parent / "shared" / "data"
NETWORKS = {
    "dinov2-vit-s14-saliency": "dinov2_vits14.safetensors",
    "vit_tiny_patch16_224.augreg_in21k_ft_in1k": "vit_tiny_p16_augreg.safetensors",
}
FORWARD = "the networks' forward pass"
PICTURES = 100
SIZE = 336


class Stages:
    """Processor seconds by stage, exclusive of stages inside."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._local = threading.local()
        self._lock = threading.Lock()
        self._replaced: list[tuple[Any, str, Any]] = []

    def wrap(self, stage: str, owner: Any, name: str) -> None:
        """Time a function or method of a module or class from now on."""
        original = getattr(owner, name)
        self._replaced.append((owner, name, original))
        setattr(owner, name, self._timed(stage, original))

    def restore(self) -> None:
        for owner, name, original in reversed(self._replaced):
            setattr(owner, name, original)

    def _timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            inside = getattr(self._local, "inside", None)
            self._local.inside = [0.0]
            began = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                used = time.thread_time() - began
                own = used - self._local.inside[0]
                self._local.inside = inside
                if inside is not None:
                    inside[0] += used
                with self._lock:
                    self.seconds[stage] = self.seconds.get(stage, 0.0) + own

        return timed


def make_pictures(folder: Path, count: int) -> list[str]:
    """Windows of the photographs, some mirrored, none twice."""
    rng = np.random.default_rng(0)
    files = sorted((SHARED / "coco" / "images").iterdir())
    made = []
    for number in range(count):
        with Image.open(files[number % len(files)]) as opened:
            picture = opened.convert("RGB")
        width, height = picture.size
        if number >= len(files):
            share = rng.uniform(0.8, 1.0)
            wide, high = round(share * width), round(share * height)
            left, top = rng.integers(0, width - wide + 1), rng.integers(0, height - high + 1)
            picture = picture.crop((int(left), int(top), int(left) + wide, int(top) + high))
            picture = ImageOps.mirror(picture) if number % 2 else picture
        made.append(str(folder / f"{number:04d}.jpg"))
        picture.save(made[-1], quality=92)
    return made


def main(count: int = PICTURES) -> None:
    """Print the table, and write it into docs/segmentation.md where enough pictures were taken."""
    if not (SHARED / "coco" / "images").is_dir():
        print("Needs the photographs and weights of ../shared/data.")
        return
    torch.set_num_threads(1)
    threadpoolctl.threadpool_limits(1)  # threads that wait for one another on a busy machine use processor time, too
    stages = Stages()
    from alignedcut_viewer.backbones.backbone import Backbone

    for stage, owner, name in (
        (FORWARD, Backbone, "features_at"),
        ("reading pictures", extraction._Extraction, "_decode"),
        ("writing features", feature_writer.FeatureWriter, "_write"),
        ("reading features", segment_stage._Chosen, "__getitem__"),
        ("graphs", uniform_cut, "_joint_operator"),
        ("eigenvectors", uniform_cut, "_leading"),
        ("reading pictures", Study, "picture"),
        ("number and segments", segment_stage, "segment_eigenvectors"),
        ("edges at pixels", picture_segments, "class_probabilities"),
        ("edges at pixels", picture_segments, "refine"),
        ("keeping segments", segment_set.SegmentWriter, "add"),
        ("keeping segments", segment_set.SegmentWriter, "publish"),
        ("keeping segments", segment_set.SegmentSet, "labels"),
        ("writing masks", writers._OneFileEach, "add"),
    ):
        stages.wrap(stage, owner, name)
    try:
        with tempfile.TemporaryDirectory() as folder:
            files = make_pictures(Path(folder), count)
            began, used = time.perf_counter(), time.process_time()
            weights = {network: str(SHARED / "weights" / file) for network, file in NETWORKS.items()}
            with Study.create(Path(folder) / "study", open_pictures(files)) as study:
                settings = ExtractSettings(
                    networks=tuple(NETWORKS),
                    layers=tuple(range(3, 12)),
                    weights=weights,
                    input_size=SIZE,
                    device="cpu",
                )
                extraction.extract(study, settings)
                found = segment_stage.segment(study, segment_stage.SegmentSettings(device="cpu"))
                mask_export.export_segment_set(study, found, Path(folder) / "masks", formats=("png",))
            wall, used = time.perf_counter() - began, time.process_time() - used
            masks = len(list((Path(folder) / "masks").rglob("*.png")))
            assert masks == count, f"{masks} masks of {count} pictures"
    finally:
        stages.restore()
    known = sum(stages.seconds.values())
    rows = [(name, seconds) for name, seconds in sorted(stages.seconds.items(), key=lambda item: -item[1])]
    rows.append(("all else (starting up, records, progress)", max(used - known, 0.0)))
    beside = used - stages.seconds[FORWARD]
    table = markdown_table(
        ("stage", "processor seconds a picture", "share"),
        [(name, f"{seconds / count:.3f}", f"{100 * seconds / used:.0f} %") for name, seconds in rows],
    )
    names = ", ".join(NETWORKS)
    text = (
        f"{count} photographs ({names}; {SIZE} px; attention outputs of layers 3 to 11) to masks "
        f"on disk, one process, one thread to a stage: {used / count:.2f} s of processor time a picture, "
        f"{beside / count:.2f} s of it beside the forward pass; {wall / count:.2f} s of the clock a picture with "
        f"{os.getloadavg()[0]:.1f} processes at work on the machine. {machine_description()}.\n\n{table}"
    )
    print(text)
    if count >= PICTURES:
        write_section("segment-speed", text, REPOSITORY / "docs" / "segmentation.md")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
