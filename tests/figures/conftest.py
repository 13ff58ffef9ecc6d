"""A small study with simulated features of planted structure, cut for real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import pipeline
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.feature_set import FeatureSet

SIZES = [(40, 60), (60, 40), (50, 50)]
GRIDS = {"wide-simulated": (6, 8), "dinov2-vit-s14-saliency": (5, 5)}
LAYERS = {"wide-simulated": (0, 2), "dinov2-vit-s14-saliency": (1, 2, 3)}


def inside_disc(rows: int, columns: int) -> np.ndarray:
    y, x = (np.arange(rows) + 0.5) / rows - 0.5, (np.arange(columns) + 0.5) / columns - 0.5
    return np.add.outer(y**2, x**2) < 0.3**2


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Three pictures with a disc each; features of figure and ground lie in two directions."""
    folder: Path = tmp_path_factory.mktemp("figures")
    for number, (height, width) in enumerate(SIZES):
        picture = np.full((height, width, 3), 60, dtype=np.uint8)
        picture[inside_disc(height, width)] = 220, 120, 40 * number
        Image.fromarray(picture).save(folder / f"disc $x_{number}$.png")
    made = Study.create(folder / "study", open_pictures(folder))
    rng = np.random.default_rng(0)
    for network, (rows, columns) in GRIDS.items():
        key = {
            "network": network,
            "tap": "attention",
            "input_size": [rows * 14, columns * 14],
            "default_size": True,
            "precision": "float32",
            "storage": "float16",
            "weights": "0" * 64,
        }
        note = {"title": f"{network}, simulated features", "weights": "checkpoint /home/somebody/secret/weights.bin"}
        features = FeatureSet.create(made.store, key, rows=rows, columns=columns, class_token=True, batch=3, note=note)
        features.prepare(dict.fromkeys(LAYERS[network], 16), len(SIZES))
        directions = np.linalg.qr(rng.normal(size=(16, 16)))[0]
        tokens = np.concatenate([[2], inside_disc(rows, columns).ravel().astype(int)])
        for layer in LAYERS[network]:
            values = directions[tokens] + 0.03 * rng.normal(size=(len(SIZES), len(tokens), 16))
            features.write({layer: values.astype(np.float16)}, range(len(SIZES)))
    colour = pipeline.ColourSettings(n_landmarks=60, perplexity=10)
    settings = pipeline.CutSettings(n_components=6, gamma=0.5, method="exact", device="cpu", colour=colour)
    pipeline.cut(made, settings, align=pipeline.AlignSettings(method="none"))
    made.close()
    return Study.open(folder / "study")
