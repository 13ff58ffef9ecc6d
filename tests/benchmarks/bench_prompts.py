"""Prompted objects: IoU after 1, 3 and 5 clicks, in their own picture and in another picture of the class.

``python -m tests.benchmarks.bench_prompts STUDY MASKS`` for a study whose features are those of ``alignedcut
benchmark`` (its folder ``study``) and the masks of its pictures. A click falls on the middle of the largest region that
is still wrong, as a person's would: inside the thing if it was missed, outside if it was taken in. Settings were chosen
on every other object, so that both halves are shown. For other pictures the two are cut together, and the clicks stay
in the first.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alignedcut_viewer.images import find_masks, load_mask, open_pictures
from alignedcut_viewer.pipeline.segment_stage import GAMMA, SegmentSettings, segment_layers
from alignedcut_viewer.segmentation import upsample_scores
from alignedcut_viewer.segmentation.bilateral import bilateral_solve
from alignedcut_viewer.segmentation.prompts import PicturePrompt, prompted_tokens
from alignedcut_viewer.spectral import LayeredCut
from alignedcut_viewer.spectral.layered.graph_settings import GraphSettings
from alignedcut_viewer.spectral.layered.layer_tokens import LayerTokens
from alignedcut_viewer.spectral.layered.uniform_cut import uniform_cut
from alignedcut_viewer.spectral.live_prompt import LivePrompt
from alignedcut_viewer.study import Study

CLICKS = (1, 3, 5)
OBJECTS = 100
PAIRS = 40
EIGENVECTORS = 16
NEIGHBOURS = 50
THINGS = range(1, 92)


def layers_of(study: Study, images: list[int]) -> list[LayerTokens]:
    """What `alignedcut segment` takes of some pictures."""
    chosen = segment_layers(study, SegmentSettings())
    return [
        LayerTokens(
            np.stack([np.asarray(study.network(name).tokens(layer)[image], dtype=np.float32) for image in images]),
            study.network(name).rows,
            study.network(name).columns,
            leading=int(study.network(name).class_token),
        )
        for name, layers in chosen.items()
        for layer in layers
    ]


def next_click(wrong: NDArray[np.bool_]) -> tuple[int, int]:
    """The pixel of a region's interior that is farthest from its edge."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(wrong, 1))[1:-1, 1:-1]
    return tuple(int(i) for i in np.unravel_index(depth.argmax(), depth.shape))  # type: ignore[return-value]


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def main(study_path: str = "", masks_path: str = "") -> None:
    """Print the table."""
    if not study_path:
        print("Needs a study and masks: python -m tests.benchmarks.bench_prompts STUDY MASKS")
        return
    study = Study.open(study_path)
    files = find_masks(masks_path, open_pictures([str(study.picture_path(i)) for i in range(len(study.pictures))]))
    objects = []
    for image, file in enumerate(files):
        if file is None:
            continue
        mask = load_mask(file)
        labels, counts = np.unique(mask, return_counts=True)
        kept = [(int(c), int(n)) for c, n in zip(counts, labels, strict=True) if n in THINGS and c > 0.01 * mask.size]
        objects += [(image, label) for _, label in sorted(kept, reverse=True)[:2]]
    objects = objects[:OBJECTS]
    if not objects:
        print("No mask holds a thing that is large enough.")
        return
    results, seconds, clicks = in_own_picture(study, objects, files)
    print("| clicks | first, third, … object | second, fourth, … | all |\n|---|---|---|---|")
    for n, scores in results.items():
        cells = " | ".join(f"{np.mean(part):.3f}" for part in (scores[::2], scores[1::2], scores))
        print(f"| {n} | {cells} |")
    print(f"\n{len(objects)} objects. Processor time of an answer, median: {1000 * np.median(seconds):.1f} ms")
    found, whole = in_other_pictures(study, objects, files, clicks)
    print(
        f"\nIn another picture of the class, after {max(CLICKS)} clicks in the first ({len(found)} pairs): mean IoU "
        f"{np.mean(found):.3f}; taking all of the other picture {np.mean(whole):.3f}."
    )


def in_own_picture(
    study: Study, objects: list[tuple[int, int]], files: Sequence[Path | None]
) -> tuple[dict[int, list[float]], list[float], dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64]]]]:
    """IoU by number of clicks, processor seconds of answers, and the tokens that were prompted last."""
    results: dict[int, list[float]] = {n: [] for n in CLICKS}
    seconds, clicked = [], {}
    graph = GraphSettings(affinity="kernel", centred=True, gamma=GAMMA, n_inside=None)
    cached: tuple[int, LivePrompt, tuple[int, int]] | None = None
    for image, label in objects:
        if cached is None or cached[0] != image:
            cut = uniform_cut(layers_of(study, [image]), EIGENVECTORS, graph)
            cached = (
                image,
                LivePrompt(cut.eigenvectors, eigenvalues=cut.eigenvalues),
                (cut.grid.rows, cut.grid.columns),
            )
        _, live, grid = cached
        picture, truth = study.picture(image), load_mask(files[image]) == label  # type: ignore[arg-type]
        inside: list[tuple[int, int]] = [next_click(truth)]
        outside: list[tuple[int, int]] = []
        for click in range(1, max(CLICKS) + 1):
            positive, negative = prompted_tokens(PicturePrompt(image, inside, outside), truth.shape, grid)
            start = time.process_time()
            score = live.score(positive, negative).reshape(grid)
            seconds.append(time.process_time() - start)
            clicked[image, label] = (positive, negative)
            soft = 1 / (1 + np.exp(-8 * np.clip(upsample_scores(score, truth.shape), -5, 5)))
            found = bilateral_solve(soft, picture) > 0.5
            if click in results:
                results[click].append(iou(found, truth))
            missed, taken = truth & ~found, found & ~truth
            (inside if missed.sum() > taken.sum() else outside).append(
                next_click(missed if missed.sum() > taken.sum() else taken)
            )
    return results, seconds, clicked


def in_other_pictures(
    study: Study,
    objects: list[tuple[int, int]],
    files: Sequence[Path | None],
    clicked: dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> tuple[list[float], list[float]]:
    """IoU in the next picture that holds the class, cut together with the one that was prompted."""
    found, whole = [], []
    for at, (image, label) in enumerate(objects):
        other = next((i for i, same in objects[at + 1 :] if same == label and i != image), None)
        if other is None or len(found) == PAIRS:
            continue
        graph = GraphSettings(n_inside=NEIGHBOURS, n_across=NEIGHBOURS)
        cut = LayeredCut(EIGENVECTORS, scope="data set", graph=graph, weights="uniform", device="cpu")
        cut.fit(layers_of(study, [image, other]))
        live = LivePrompt(cut.eigenvectors_.reshape(-1, EIGENVECTORS), eigenvalues=cut.eigenvalues_)
        places = len(cut.grid_)
        score = live.score(*clicked[image, label], slice(places, 2 * places)).reshape(cut.grid_.rows, -1)
        truth = load_mask(files[other]) == label  # type: ignore[arg-type]
        soft = 1 / (1 + np.exp(-8 * np.clip(upsample_scores(score, truth.shape), -5, 5)))
        found.append(iou(bilateral_solve(soft, study.picture(other)) > 0.5, truth))
        whole.append(float(truth.mean()))
    return found, whole


if __name__ == "__main__":
    main(*(str(Path(argument)) for argument in sys.argv[1:3]))
