"""What drawing edges at pixels is worth: mIoU, boundary F and processor time a picture of each refinement.

``python -m tests.benchmarks.bench_segment_refinement STUDY DATA [PICTURES]`` for the study of ``alignedcut benchmark``
(its folder ``study``) and its data set. Every picture is cut once and divided into as many segments as its truth has
regions; then edges are drawn in each way. Settings were chosen on every other picture; scores are of the others. The
table goes into docs/segmentation.md.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np
import torch

from alignedcut_viewer.images.benchmark_sets import open_benchmark
from alignedcut_viewer.pipeline.benchmark.methods import Ours
from alignedcut_viewer.pipeline.benchmark.runner import features_of
from alignedcut_viewer.pipeline.benchmark.tables import paired_interval
from alignedcut_viewer.pipeline.segment_stage import GAMMA
from alignedcut_viewer.segmentation import RefineSettings, SegmentChoice
from alignedcut_viewer.segmentation.benchmark_metrics import boundary_f, segmentation_iou
from alignedcut_viewer.study import Study
from tests.benchmarks.harness import REPOSITORY, machine_description, markdown_table, write_section

WAYS = {"interpolated": "none", "guided filter": "guided", "bilateral solver": "bilateral"}


def main(study_path: str = "", data: str = "", count: str = "50") -> None:
    """Print the table, and write it into docs/segmentation.md."""
    if not study_path:
        print("Needs a study and its data set: python -m tests.benchmarks.bench_segment_refinement STUDY DATA")
        return
    torch.set_num_threads(1)
    study, found = Study.open(study_path), open_benchmark(data)
    first = {features.network: (max(features.layers) + 1) // 4 for features in study.networks.values()}
    shown = [image for image in range(1, len(found), 2) if image not in study.skipped]
    chosen = [shown[i] for i in np.unique(np.linspace(0, len(shown) - 1, min(int(count), len(shown))).astype(int))]
    scores = {way: np.zeros((len(chosen), 3)) for way in WAYS}
    method = Ours(GAMMA, SegmentChoice(), first)
    for place, image in enumerate(chosen):
        truth, features = found.pictures[image].truth(), features_of(study, image)
        regions = max(len(np.unique(truth)), 2)
        method.labels(features, regions)  # the cut, which all ways share
        for way, name in WAYS.items():
            method.choice = replace(SegmentChoice(), refine=RefineSettings(filter=name))
            began = time.process_time()
            labels = method.labels(features, regions)
            seconds = time.process_time() - began
            scores[way][place] = segmentation_iou(truth, labels), boundary_f(truth, labels), seconds
    plain = scores["interpolated"]
    rows = []
    for way, own in scores.items():
        cells = [f"{own[:, i].mean():.3f}" for i in range(2)]
        if way != "interpolated":
            for i in range(2):
                low, high = paired_interval(own[:, i], plain[:, i])
                cells[i] += f" ({(own - plain)[:, i].mean():+.3f}, {low:+.3f} to {high:+.3f})"
        rows.append((way, *cells, f"{(own - plain)[:, 2].mean():.2f}"))
    text = (
        f"{len(chosen)} photographs that no setting was chosen on, {', '.join(first)}, as many segments as regions in "
        "the truth; in brackets the gain over interpolated eigenvectors with a 95 % interval (paired bootstrap); "
        f"seconds of processor time of the step alone, on one thread. {machine_description()}.\n\n"
    ) + markdown_table(("edges", "mIoU", "boundary F", "s a picture"), rows)
    print(text)
    write_section("refinement", text, REPOSITORY / "docs" / "segmentation.md")


if __name__ == "__main__":
    main(*sys.argv[1:4])
