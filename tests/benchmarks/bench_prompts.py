"""Prompted objects: IoU after 1, 3 and 5 clicks in their own picture.

``python -m tests.benchmarks.bench_prompts STUDY MASKS`` for a study whose features are those of ``alignedcut
benchmark`` (its folder ``study``) and the masks of its pictures. A click falls on the middle of the largest region that
is still wrong, as a person's would: inside the thing if it was missed, outside if it was taken in.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alignedcut_viewer.images import find_masks, load_mask, open_pictures
from alignedcut_viewer.segmentation import upsample_scores
from alignedcut_viewer.segmentation.bilateral import bilateral_solve
from alignedcut_viewer.segmentation.prompts import PicturePrompt, prompted_tokens
from alignedcut_viewer.spectral import LayeredCut
from alignedcut_viewer.spectral.layered.graph_settings import GraphSettings
from alignedcut_viewer.spectral.layered.layer_tokens import LayerTokens
from alignedcut_viewer.spectral.live_prompt import LivePrompt
from alignedcut_viewer.study import Study

CLICKS = (1, 3, 5)
OBJECTS = 100
THINGS = range(1, 92)


def layers_of(study: Study, images: list[int]) -> list[LayerTokens]:
    """Layers but for the first quarter, of some pictures."""
    return [
        LayerTokens(
            np.stack([np.asarray(features.tokens(layer)[image], dtype=np.float32) for image in images]),
            features.rows,
            features.columns,
            leading=int(features.class_token),
        )
        for features in study.networks.values()
        for layer in features.layers
        if layer >= (max(features.layers) + 1) // 4
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
    results: dict[int, list[float]] = {n: [] for n in CLICKS}
    seconds = []
    graph = GraphSettings(affinity="kernel", centred=True, gamma=0.06, n_inside=None)
    cached: tuple[int, LivePrompt, tuple[int, int]] | None = None
    for image, label in objects:
        if cached is None or cached[0] != image:
            cut = LayeredCut(16, graph=graph, weights="uniform", device="cpu").fit(layers_of(study, [image]))
            live = LivePrompt(cut.eigenvectors_[0], eigenvalues=cut.eigenvalues_[0])
            cached = (image, live, (cut.grid_.rows, cut.grid_.columns))
        _, live, grid = cached
        picture, truth = study.picture(image), load_mask(files[image]) == label  # type: ignore[arg-type]
        inside, outside, found = [next_click(truth)], [], np.zeros(truth.shape, dtype=bool)
        for click in range(1, max(CLICKS) + 1):
            start = time.perf_counter()
            prompt = PicturePrompt(image, inside, outside)
            positive, negative = prompted_tokens(prompt, truth.shape, grid)
            score = live.score(positive, negative).reshape(grid)
            seconds.append(time.perf_counter() - start)
            soft = 1 / (1 + np.exp(-8 * np.clip(upsample_scores(score, truth.shape), -5, 5)))
            found = bilateral_solve(soft, picture) > 0.5
            if click in results:
                results[click].append(iou(found, truth))
            missed, taken = truth & ~found, found & ~truth
            (inside if missed.sum() > taken.sum() else outside).append(
                next_click(missed if missed.sum() > taken.sum() else taken)
            )
    print(f"| clicks | mean IoU of {len(objects)} objects in their own picture |\n|---|---|")
    for n in CLICKS:
        print(f"| {n} | {np.mean(results[n]):.3f} |")
    print(f"\nMedian time of an answer without pixels: {1000 * np.median(seconds):.1f} ms")


if __name__ == "__main__":
    main(*(str(Path(argument)) for argument in sys.argv[1:3]))
