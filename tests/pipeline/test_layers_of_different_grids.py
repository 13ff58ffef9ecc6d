"""A network whose layers have different token grids, as a U-Net's, through every stage; the planted disc is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import cli, pipeline
from alignedcut_viewer.concepts import path_nodes
from alignedcut_viewer.figures import all_figures
from alignedcut_viewer.figures.lacking import Lacking
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.network_nodes import TokenGrid
from alignedcut_viewer.nodes import NetworkNodes
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.feature_set import FeatureSet

SIDES = {0: 4, 1: 8, 3: 16, 4: 8}
N_PICTURES = 5
CUT = pipeline.CutSettings(
    n_components=6,
    gamma=0.5,
    device="cpu",
    colour=pipeline.ColourSettings(n_landmarks=200, perplexity=15, device="cpu"),
    map=pipeline.MapSettings(n_landmarks=200, perplexity=15, device="cpu"),
)


def inside_disc(rows: int, columns: int) -> np.ndarray:
    y, x = (np.arange(rows) + 0.5) / rows - 0.5, (np.arange(columns) + 0.5) / columns - 0.5
    return np.add.outer(y**2, x**2) < 0.3**2


def make(folder: Path) -> Study:
    for number in range(N_PICTURES):
        picture = np.full((64, 64, 3), 60, dtype=np.uint8)
        picture[inside_disc(64, 64)] = 220, 120, 30 * number
        Image.fromarray(picture).save(folder / f"disc{number}.png")
    study = Study.create(folder / "study", open_pictures(folder))
    rng = np.random.default_rng(0)
    for network, sides, class_token in (("unet", SIDES, False), ("vit", {0: 7, 1: 7}, True)):
        key = {
            "network": network,
            "tap": "attention",
            "input_size": [64, 64],
            "default_size": True,
            "precision": "float32",
            "storage": "float32",
            "weights": network * 16,
        }
        side = max(sides.values())
        features = FeatureSet.create(
            study.store,
            key,
            rows=side,
            columns=side,
            class_token=class_token,
            batch=2,
            note={"title": f"{network}, simulated features", "weights": "simulated"},
            grids={layer: (side, side) for layer, side in sides.items()} if network == "unet" else None,
        )
        # a width of its own for each layer, as in a U-Net
        widths = {layer: 16 + 4 * layer for layer in sides}
        features.prepare(widths, N_PICTURES)
        for layer, side in sides.items():
            tokens = np.concatenate([[2] * class_token, inside_disc(side, side).ravel().astype(int)]).astype(int)
            values = np.eye(16, widths[layer])[tokens] + 0.02 * rng.normal(
                size=(N_PICTURES, len(tokens), widths[layer])
            )
            for start in range(0, N_PICTURES, 2):
                images = list(range(start, min(start + 2, N_PICTURES)))
                features.write({layer: values[images].astype(np.float32)}, images)
    return study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("grids")
    with make(folder) as made:
        pipeline.cut(made, CUT, align=pipeline.AlignSettings("none"))
        pipeline.cut(made, CUT, "aligned", align=pipeline.AlignSettings("hyperalignment", n_samples=400, device="cpu"))
    return Study.open(folder / "study")


def test_the_store_knows_a_grid_a_layer(study: Study) -> None:
    features = study.network("unet")
    assert [features.grid(layer).n_tokens for layer in features.layers] == [16, 64, 256, 64]
    assert [features.array(layer).shape[1] for layer in features.layers] == [16, 64, 256, 64]
    index = study.node_index()
    assert index.network("unet") == NetworkNodes(
        "unet", (0, 1, 3, 4), 16, 16, False, ((4, 4), (8, 8), (16, 16), (8, 8))
    )
    assert index.grid("vit", 1) == TokenGrid(7, 7, True)
    assert study.node_index(["unet"], layers=[1, 4]).network("unet").grids == ()
    assert Study.open(study.path).cut().index == index


def test_features_of_nodes_are_those_of_their_places(study: Study) -> None:
    index = study.node_index()
    stream = study.node_features(index)
    nodes = np.array([index.node("unet", 3, 2, row=9, column=5), index.node("unet", 0, 4, row=3, column=1)])
    rows = stream.rows(nodes)
    np.testing.assert_array_equal(rows[0, :28], study.features("unet", 3)[2, 9 * 16 + 5])
    np.testing.assert_array_equal(rows[1, :16], study.features("unet", 0)[4, 3 * 4 + 1])
    everything = np.concatenate([block for _, block in stream.chunks(100)])
    np.testing.assert_array_equal(everything[nodes], rows)


@pytest.mark.parametrize("name", ["default", "aligned"])
def test_the_disc_is_found_at_every_layer(study: Study, name: str) -> None:
    cut = study.cut(name)
    for layer, side in SIDES.items():
        assert cut.colour_map("unet", layer, 1).shape == (side, side, 3)
        disc = inside_disc(side, side)
        segments = cut.label_map("unet", layer, 1, 2, one_layer=True)
        assert (segments == segments[side // 2, side // 2]).tolist() == disc.tolist()
        # what figure and ground are at the finest layer of one picture tells them apart at this layer of another
        model, own = (cut.eigenvectors[cut.index.patch_slice("unet", at, image)] for at, image in ((3, 0), (layer, 1)))
        means = [model[inside_disc(16, 16).ravel() == kind].mean(axis=0) for kind in (False, True)]
        nearer = np.linalg.norm(own - means[1], axis=1) < np.linalg.norm(own - means[0], axis=1)
        assert (nearer == disc.ravel()).mean() > 0.9


def test_picking_and_paths_cross_the_grids(study: Study) -> None:
    index = study.cut().index
    node = index.node_at("unet", 0, 3, y=0.6, x=0.4)
    assert index.locate(node).row == 2
    (fine,) = index.same_places([node], "unet", 3)
    assert index.locate(fine)[3:] == (10, 6)
    paths = path_nodes(index, "unet")
    assert paths.shape == (N_PICTURES * 256, 4)
    for column, layer in enumerate(SIDES):
        assert index.locate(paths[:, column]).layer.tolist() == [layer] * len(paths)
    middle = path_nodes(index, "unet", np.array([fine]))
    assert index.locate(middle[0, 0]).row == 2
    coarse = path_nodes(index, "unet", layers=(0,))
    assert coarse.shape == (N_PICTURES * 16, 1)


def test_figures_concepts_and_masks(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(study.path)
    assert cli.main(["concepts", path, "--number", "3", "--recurrence", "--layers", "3", "--networks", "unet"]) == 0, (
        capsys.readouterr().err
    )
    for extra in (["--scope", "joint"], ["--networks", "unet", "--layers", "0", "1", "3"]):
        words = ["segment", path, "--networks", "unet", "--formats", "png", "--out", str(tmp_path / extra[0]), *extra]
        assert cli.main(words) == 0, capsys.readouterr().err
    with Image.open(next((tmp_path / "--networks").rglob("*.png"))) as mask:
        assert mask.size == (64, 64)
    opened = Study.open(study.path)
    made = all_figures(opened, opened.cut())
    needless = ("brain", "cortex", "roi", "activation", "layer-scores", "voxels")
    lacking = {n: str(f) for n, f in made.items() if isinstance(f, Lacking) and not any(w in n for w in needless)}
    assert not lacking
    report = tmp_path / "report.html"
    assert cli.main(["report", path, str(report)]) == 0, capsys.readouterr().err
    assert "4 layers, 4 × 4 to 16 × 16 tokens" in report.read_text(encoding="utf-8")
