"""Small studies with simulated features of planted structure, cut for real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.alignment import BrainReadout, ChannelAlignment
from alignedcut_viewer.brain import RoiTable, paper_rois
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.nodes import Slot
from alignedcut_viewer.segmentation import SegmentKey
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.segment_set import SegmentSet, SegmentWriter
from tests.planted import planted_features

SIZES = [(40, 60), (60, 40), (50, 50)]
GRIDS = {"wide-simulated": (6, 8), "dinov2-vit-s14-saliency": (5, 5)}
LAYERS = {"wide-simulated": (0, 2), "dinov2-vit-s14-saliency": (1, 2, 3)}


def inside_disc(rows: int, columns: int) -> np.ndarray:
    y, x = (np.arange(rows) + 0.5) / rows - 0.5, (np.arange(columns) + 0.5) / columns - 0.5
    return np.add.outer(y**2, x**2) < 0.3**2


def made_study(folder: Path, sizes: list[tuple[int, int]], *, shared: bool = False) -> Study:
    """Pictures with a disc each; features of figure and ground lie in two directions, `shared` by all layers or not."""
    for number, (height, width) in enumerate(sizes):
        picture = np.full((height, width, 3), 60, dtype=np.uint8)
        picture[inside_disc(height, width)] = 220, 120, 30 * number
        Image.fromarray(picture).save(folder / f"disc $x_{number}$.png")
    made = Study.create(folder / "study", open_pictures(folder))
    rng = np.random.default_rng(0)
    for network, (rows, columns) in GRIDS.items():
        note = {"title": f"{network}, simulated features", "weights": "checkpoint /home/somebody/secret/weights.bin"}
        directions = np.linalg.qr(rng.normal(size=(16, 16)))[0]
        if shared:
            directions = np.eye(16)
        groups = np.concatenate([[2], inside_disc(rows, columns).ravel().astype(int)])
        noise = (len(sizes), len(groups), 16)
        tokens = {layer: directions[groups] + 0.03 * rng.normal(size=noise) for layer in LAYERS[network]}
        planted_features(made, network, tokens, (rows, columns), note=note)
    return made


@pytest.fixture
def kept_discs(tmp_path: Path) -> Callable[[bool], tuple[Study, SegmentSet]]:
    """Makes a study whose pictures show a disc, which is segment 2, and its segments, of all pictures or of each."""

    def make(joint: bool) -> tuple[Study, SegmentSet]:
        made = made_study(tmp_path, SIZES)
        writer = SegmentWriter(joint, {"layers": {"wide-simulated": [2]}, "settings": {"gamma": 0.06}})
        for image, size in enumerate(SIZES):
            writer.add(image, inside_disc(*size).astype(np.int32) + 1, {}, "")
        edits = writer.publish(made.store, "discs").segmentation()
        for key in [SegmentKey(2)] if joint else [SegmentKey(2, 0), SegmentKey(2, 2)]:
            edits.rename(key, f"disc {key.image}")
            edits.recolour(key, (250, 0, 10 * (key.image or 0)))
        return made, SegmentWriter.of_edits(made.segments("discs"), edits).publish(made.store, "discs")

    return make


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Three pictures with a disc each; features of figure and ground lie in two directions."""
    folder: Path = tmp_path_factory.mktemp("figures")
    made = made_study(folder, SIZES)
    colour = pipeline.ColourSettings(n_landmarks=60, perplexity=10)
    settings = pipeline.CutSettings(n_components=6, gamma=0.5, method="exact", device="cpu", colour=colour, map=None)
    pipeline.cut(made, settings, align=pipeline.AlignSettings(method="none"))
    made.close()
    return Study.open(folder / "study")


@pytest.fixture(scope="session")
def brain_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a study of eight pictures whose layers are aligned to simulated brain data, with nothing but a cut.

    Figure (channel 1) drives V1 up and PPA down, ground (channel 0) the other way round.
    """
    folder: Path = tmp_path_factory.mktemp("brain-figures")
    made = made_study(folder, [(40, 60)] * 8, shared=True)
    rois = list(paper_rois())
    rng = np.random.default_rng(1)
    beta = np.zeros((16, 10 * len(rois)), dtype=np.float32)
    masks = {name: np.arange(beta.shape[1]) // 10 == number for number, name in enumerate(rois)}
    beta[1, masks["V1"]], beta[0, masks["V1"]] = 1, -1
    beta[1, masks["PPA"]], beta[0, masks["PPA"]] = -1, 1
    slots = [Slot(network, layer) for network, layers in LAYERS.items() for layer in layers]
    by_roi = {name: {"r2": 0.1 + 0.01 * number, "n_voxels": 10} for number, name in enumerate([*rois, "all"])}
    scores = {
        "rois": by_roi,
        "slot_correlation": {str(slot): {name: float(rng.random()) for name in by_roi} for slot in slots},
    }
    readout = BrainReadout(
        tuple(rois),
        np.stack([beta[:, masks[name]].mean(1) for name in rois]),
        np.full(len(rois), 10, dtype=np.int64),
        beta.shape[1],
        dataset={"name": "subj01", "simulated": True},
        beta=beta,
        rois=RoiTable(masks),
        hemisphere=np.array(["lh", "rh"])[np.arange(beta.shape[1]) % 2],
        fsaverage_vertex=rng.choice(163_842, beta.shape[1], replace=False),
    )
    file = ChannelAlignment(
        {slot: np.eye(16, dtype=np.float32) for slot in slots},
        kind="brain",
        tap="attention",
        recipe={"brain_data": {"name": "subj01", "simulated": True}, "settings": {"eigen_weight": 1.0}},
        scores=scores,
        simulated=True,
        readout=readout,
    ).save(folder / "brain.safetensors")
    colour = pipeline.ColourSettings(n_landmarks=200, perplexity=20)
    settings = pipeline.CutSettings(n_components=6, gamma=0.5, method="exact", device="cpu", colour=colour, map=None)
    pipeline.cut(made, settings, align=pipeline.AlignSettings(method="file", file=str(file)))
    made.close()
    return folder / "study"
