"""Whether layers share colours as well in a study of 4,000 pictures as in one of 440, from picture files on.

``python -m tests.benchmarks shared_colours`` writes a table of docs/benchmarks.md. It is all the pipeline's own work:
``extract --for-alignment``, ``align --brain``, and ``cut`` of other photographs. 440 of the 500 photographs with
predicted responses (docs/data.md) are trained on, or nine views of each (crops, mirrored or not), 3,960 pictures, with
the responses to the photograph; the other 60 are cut. Pictures are looked at with 112 pixels a side.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.nodes import NodeIndex
from alignedcut_viewer.pipeline.settings import AlignSettings, BrainSettings, CutSettings, ExtractSettings
from tests.benchmarks.bench_brain_alignment import data
from tests.benchmarks.brain_features import NETWORKS, shared_data, view
from tests.benchmarks.harness import REPOSITORY, markdown_table, write_section

NETWORK = "vit-tiny-p16"
N_TEST, N_VIEWS, SIZE = 60, 9, 112


def share_apart(values: NDArray[np.floating], index: NodeIndex) -> float:
    """Share of the variance of columns over the patches of a cut that tells layers apart."""
    layers = [values[index.select(networks=[s.network], layers=[s.layer], patches_only=True)] for s in index.slots]
    stacked = np.stack(layers).astype(np.float64)
    stacked -= stacked.mean(axis=(0, 1))
    return float((np.square(stacked.mean(axis=1)).mean(axis=0) / np.square(stacked).mean(axis=(0, 1))).mean())


def settings(**changes: Any) -> ExtractSettings:
    """How features are extracted."""
    weights = {NETWORK: str(shared_data() / "weights" / f"{NETWORKS[NETWORK]}.safetensors")}
    return ExtractSettings((NETWORK,), weights=weights, input_size=SIZE, device="cpu", **changes)


def trained(folder: Path, photographs: list[Path], responses: NDArray[np.float32], n_views: int) -> tuple[Path, Any]:
    """Views on disk, and the alignment that the pipeline makes of them; its file, and its scores."""
    views = folder / f"views-{n_views}"
    views.mkdir()
    files = []
    pictures = open_pictures([str(path) for path in photographs])
    for number, path in enumerate(photographs):
        picture = pictures[number]
        for which in range(n_views):
            files.append(views / f"{path.stem}-{which}.jpg")
            Image.fromarray(view(picture, which)).resize((SIZE, SIZE)).save(files[-1], quality=95)
    source = folder / f"brain-{n_views}.npz"
    np.savez(source, responses=np.repeat(responses, n_views, axis=0), files=[str(file) for file in files])
    study, _ = pipeline.open_study(folder / f"training-{n_views}", [str(file) for file in files])
    with study:
        pipeline.extract(study, settings(for_alignment=True))
        index = study.for_training().node_index()
        name = pipeline.align(study, index, AlignSettings(brain=BrainSettings(str(source)), device="cpu"))
        assert name is not None
        alignment = pipeline.portable_alignment(study, name)
    return alignment.save(folder / f"maps-{n_views}.safetensors"), alignment


def main() -> None:
    """Measure, print and write the table."""
    torch.set_num_threads(1)
    dataset = data()
    paths = [path for path in dataset.pictures.paths if path is not None]
    order = np.random.default_rng(0).permutation(len(paths))
    train, test = np.sort(order[N_TEST:]), np.sort(order[:N_TEST])
    rows = []
    with tempfile.TemporaryDirectory(prefix="alignedcut-shared-colours-") as temporary:
        folder = Path(temporary)
        study, _ = pipeline.open_study(folder / "study", [str(paths[i]) for i in test])
        with study:
            pipeline.extract(study, settings())
            kinds: list[tuple[str, AlignSettings]] = [("none: raw features", AlignSettings(method="none"))]
            for n_views in (1, N_VIEWS):
                file, alignment = trained(folder, [paths[i] for i in train], dataset.read(train), n_views)
                nodes = alignment.recipe["nodes"]
                name = f"{len(train) * n_views:,} {'photographs' if n_views == 1 else 'views'}, {nodes:,} nodes"
                kinds.append((name, AlignSettings(method="file", file=str(file))))
            for name, align in kinds:
                cut = pipeline.cut(study, CutSettings(map=None, device="cpu"), name.split(",")[0], align=align)
                found = [share_apart(np.asarray(part), cut.index) for part in (cut.eigenvectors[:], cut.rgb[:])]
                rows.append([name, *(f"{100 * share:.0f} %" for share in found)])
                print(rows[-1], flush=True)
    header = ["alignment trained on", "eigenvector variance that tells layers apart", "of the colours' variance"]
    write_section("shared-colours", markdown_table(header, rows), REPOSITORY / "docs" / "benchmarks.md")


if __name__ == "__main__":
    main()
