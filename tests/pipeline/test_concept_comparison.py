"""Paths, transitions, comparisons and figure and ground of a study whose structure was planted, cut for real.

Every place of a picture has six random codes in a row; layer l of network "a" holds codes l and l + 1, and from layer 2
on also whether the place is figure or ground. Network "b", on a grid half as fine, holds layers 0, 2 and 4 of "a".
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from alignedcut_viewer import cli, pipeline
from alignedcut_viewer.alignment import BrainReadout, ChannelAlignment
from alignedcut_viewer.brain import BrainDataset, PictureTable, RoiTable
from alignedcut_viewer.concepts import FIGURE, GROUND, nodes_of
from alignedcut_viewer.errors import AlignmentError, InputError
from alignedcut_viewer.figures.figure_ground import figure_ground_from_masks
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.nodes import Slot
from alignedcut_viewer.study import Study
from tests.planted import planted_features

N_PICTURES, SIDE, N_LAYERS, WIDTH = 8, 6, 5, 26
SAME = {0: 0, 1: 2, 2: 4}  # layers of "b" by those of "a"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparison")
    (folder / "masks").mkdir()
    rng = np.random.default_rng(0)
    masks = np.zeros((N_PICTURES, SIDE, SIDE), dtype=np.uint8)
    for number, mask in enumerate(masks):
        row, column = 2 * rng.integers(0, 2, 2)
        mask[row : row + 4, column : column + 4] = 3
        pixels = np.kron(mask, np.ones((8, 8), np.uint8))
        Image.fromarray(pixels).save(folder / "masks" / f"p{number}.png")
        Image.fromarray(np.stack([40 * pixels, 90 + 0 * pixels, 0 * pixels], axis=2)).save(folder / f"p{number}.png")
    codes = rng.standard_normal((N_PICTURES, SIDE, SIDE, 6, 4))
    layers = []
    for layer in range(N_LAYERS):
        held = np.zeros((N_PICTURES, SIDE, SIDE, WIDTH))
        held[..., 4 * layer : 4 * layer + 8] = codes[..., layer : layer + 2, :].reshape(*masks.shape, 8)
        if layer >= 2:
            held[..., 24] = 4.0 * (masks > 0)
            held[..., 25] = 4.0 * (masks == 0)
        layers.append(held)
    made = Study.create(folder / "study", open_pictures([folder / f"p{i}.png" for i in range(N_PICTURES)]))
    halved = [layer.reshape(N_PICTURES, 3, 2, 3, 2, WIDTH).mean(axis=(2, 4)) for layer in layers]
    fill(made, "a", dict(enumerate(layers)), SIDE, True)
    fill(made, "b", {layer: halved[same] for layer, same in SAME.items()}, 3, False)
    colour = pipeline.ColourSettings(n_landmarks=150, perplexity=20)
    pipeline.cut(
        made,
        pipeline.CutSettings(n_components=12, gamma=0.3, method="exact", device="cpu", colour=colour),
        align=pipeline.AlignSettings(method="file", file=str(maps().save(folder / "maps.safetensors"))),
    )
    made.close()
    return folder


def fill(study: Study, name: str, layers: dict[int, NDArray[np.float64]], side: int, class_token: bool) -> None:
    tokens = {layer: values.reshape(N_PICTURES, side * side, WIDTH) for layer, values in layers.items()}
    if class_token:
        ones = np.ones((N_PICTURES, 1, WIDTH))
        tokens = {layer: np.concatenate([ones, values], axis=1) for layer, values in tokens.items()}
    planted_features(study, name, tokens, (side, side), class_token=class_token)


def maps() -> ChannelAlignment:
    """Features as they are; V1 answers to figure, PPA to ground, V4 to neither."""
    masks = {name: np.arange(6) // 2 == i for i, name in enumerate(("V1", "V4", "PPA"))}
    dataset = BrainDataset.build(
        "planted", PictureTable((), ()), np.zeros((0, 6), dtype=np.float32), rois=RoiTable(masks), simulated=True
    )
    beta = np.zeros((WIDTH, 6), dtype=np.float32)
    beta[24, :2] = beta[25, 4:] = 1
    slots = [Slot("a", layer) for layer in range(N_LAYERS)] + [Slot("b", layer) for layer in SAME]
    return ChannelAlignment(
        {slot: np.eye(WIDTH) for slot in slots},
        kind="brain",
        simulated=True,
        readout=BrainReadout.of(beta, dataset, voxels=True),
    )


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Study:
    shutil.copytree(finished, tmp_path / "s")
    return Study.open(tmp_path / "s" / "study")


@pytest.fixture
def groups(study: Study) -> NDArray[np.int8]:
    return figure_ground_from_masks(study, study.cut(), study.path.parent / "masks").labels


def test_the_same_network_compares_at_one(study: Study) -> None:
    found = pipeline.compare_networks(study, "a", "a", n_places=200, paces=False)
    assert found.n_places == 200
    for measure in ("cka", "mutual_knn", "subspace"):
        np.testing.assert_allclose(np.diag(found.matrices[measure]), 1, atol=1e-5)
        np.testing.assert_allclose(found.matrices[measure], found.matrices[measure].T, atol=1e-6)
        # Layers three apart share no code; until layer 2 they also know nothing of figure and ground.
        assert abs(found.matrices[measure][0, 3]) < 0.2
    np.testing.assert_array_equal(found.matrices["nearest"], np.eye(N_LAYERS))
    assert found.counterparts("cka").layers.tolist() == list(range(N_LAYERS))
    assert found.counterparts("cka").monotone == pytest.approx(1)


def test_layers_live_where_they_were_planted(study: Study) -> None:
    found = pipeline.compare_networks(study, "b", "a")
    assert found.grid == (3, 3)
    assert found.n_places == 9 * N_PICTURES
    for measure in ("cka", "nearest"):
        assert [found.where_lives(layer, measure) for layer in SAME] == list(SAME.values()), measure
    other = pipeline.compare_networks(study, "a", "b", measures=("cka",), paces=False)
    np.testing.assert_allclose(other.matrices["cka"], found.matrices["cka"].T, atol=1e-6)
    assert other.counterparts("cka", of=1).layers.tolist() == list(SAME.values())
    np.testing.assert_allclose(found.matrices["nearest"].sum(axis=1), 1)
    assert [len(found.paces[name].mean) for name in ("b", "a")] == [2, 4]
    assert json.loads(json.dumps(found.as_dict()))["grid"] == [3, 3]
    assert study.cut().map2d is not None  # computed for the paces, and kept
    with pytest.raises(InputError, match="no layer 9"):
        found.where_lives(9)
    with pytest.raises(InputError, match="not compared by"):
        other.counterparts("subspace")
    with pytest.raises(InputError, match="Unknown measure 'rsa'"):
        pipeline.compare_networks(study, "a", "b", measures=("rsa",))
    with pytest.raises(InputError, match="not part of this graph"):
        pipeline.compare_networks(study, "a", "c")


def test_figure_and_ground_part_where_it_was_planted(study: Study, groups: NDArray[np.int8]) -> None:
    layers, found = pipeline.group_bifurcation(study, groups)
    assert layers == (0, 1, 2, 3, 4)
    assert found.position == 2
    assert found.accuracy[2] > 0.9
    assert found.accuracy[:2].max() < 0.75
    few = pipeline.group_bifurcation(study, groups, most_paths=N_PICTURES * 12, n_permutations=50)[1]
    assert few.position == 2
    with pytest.raises(InputError, match="Unknown space"):
        pipeline.group_bifurcation(study, groups, space="features")
    with pytest.raises(InputError, match="groups have shape"):
        pipeline.group_bifurcation(study, groups[1:])


def test_transitions_of_figure_and_ground(study: Study, groups: NDArray[np.int8]) -> None:
    index = study.cut().index
    chosen = index.node("a", 2, 3, row=1, column=1)
    found = pipeline.layer_transitions(study, network="a", layers=(2, 3, 4), groups=groups, selection=[chosen])
    assert found.layers == (2, 3, 4)
    assert found.labels.shape == found.nodes.shape == (N_PICTURES * SIDE * SIDE, 3)
    assert set(found.matrices) == {"all", "selection", "figure", "ground"}
    for position, layer in enumerate(found.layers):
        assert (index.locate(found.centres[position]).layer == layer).all()
        assert found.counts(position).sum() == (found.labels[:, position] >= 0).sum()
    for step in range(2):
        counts = {name: np.zeros(len(found.centres[step])) for name in ("all", "figure", "ground")}
        for name, value in (("figure", 1), ("ground", 0)):
            labels = found.labels[groups[found.nodes[:, 0]] == value, step]
            counts[name] = np.bincount(labels[labels >= 0], minlength=len(counts[name]))
        # All pixels are figure or ground here, so that theirs make up the whole.
        both = sum(np.nan_to_num(found.matrices[name][step]) * counts[name][:, None] for name in ("figure", "ground"))
        whole = np.nan_to_num(found.matrices["all"][step]) * found.counts(step)[:, None]
        np.testing.assert_allclose(both, whole, atol=1e-9)
        row = found.labels[found.nodes[:, 0] == chosen, step]
        assert (np.nansum(found.matrices["selection"][step]) <= 1) or row.size == 0
    assert len(found.comparisons) == 2
    assert json.loads(json.dumps(found.as_dict()))["network"] == "a"
    with pytest.raises(InputError, match="at least two layers"):
        pipeline.layer_transitions(study, layers=(2,))
    with pytest.raises(InputError, match="Layer 7"):
        pipeline.layer_transitions(study, layers=(2, 7))


def test_concepts_recur_in_the_network_that_holds_them(study: Study, groups: NDArray[np.int8]) -> None:
    """Figure and ground as concepts: they recur at every layer, as the masks are the same at each."""
    found = pipeline.concept_recurrence(study.cut(), groups, ("a", 3))
    assert set(found) == set(study.cut().index.slots)
    assert found[Slot("a", 0)].overlap[1, 1] == 1
    assert found[Slot("b", 1)].recurs().all()
    shuffled = np.random.default_rng(0).permutation(groups)
    mixed = np.where(np.arange(len(groups)) < study.cut().index.slot_slice("a", 4).stop, groups, shuffled)
    other = pipeline.concept_recurrence(study.cut(), mixed, ("a", 3))
    assert not other[Slot("b", 1)].recurs(0.01).any()


def test_figure_and_ground_in_the_brain(study: Study, groups: NDArray[np.int8]) -> None:
    found = pipeline.figure_ground_activation(study, groups, about="zero")
    assert found.names == ("V1", "V4", "PPA")
    assert "simulated" in found.title
    for layer in range(N_LAYERS):
        one = found.slots[Slot("a", layer)]
        height = 4.0 * (layer >= 2)
        np.testing.assert_allclose(one.figure, [height, 0, 0], atol=2e-3)
        np.testing.assert_allclose(one.ground, [0, 0, height], atol=2e-3)
        assert one.differs.tolist() == ([True, False, True] if layer >= 2 else [False] * 3)
    assert found.agreement("a", "b") > 0.99
    figure = nodes_of(groups, study.cut().index, FIGURE, network="a", layer=4)
    ground = nodes_of(groups, study.cut().index, GROUND, network="a", layer=4)
    activation = pipeline.brain_activation(study)
    np.testing.assert_allclose(activation.voxels(figure), [4, 4, 0, 0, 0, 0], atol=2e-3)
    np.testing.assert_allclose(activation.voxels(ground), [0, 0, 0, 0, 4, 4], atol=2e-3)
    with Study.open(study.path, writable=True) as opened:
        plain = pipeline.CutSettings(n_components=4, layers=(2,), colour=pipeline.ColourSettings(n_landmarks=50))
        cut = pipeline.cut(opened, plain, "plain", align=pipeline.AlignSettings(method="none"))
    with pytest.raises(AlignmentError):
        pipeline.figure_ground_activation(study, np.zeros(len(cut.index)), "plain")


# -- the command line --------------------------------------------------------------------------------------------


def alignedcut(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    assert cli.main([str(argument) for argument in arguments]) == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.err


def test_concepts_on_the_command_line(study: Study, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = ("--layers", "3", "--networks", "a", "--number", "2", "--crops", "3")
    text = alignedcut(capsys, "concepts", study.path, *options)
    folder = study.path.with_name("study-concepts")
    described = json.loads((folder / "concepts.json").read_text())
    assert [row["id"] for row in described["concepts"]] == [1, 2]
    assert described["recipe"]["settings"]["layers"] == [3]
    with (folder / "concepts.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["layers"] for row in rows] == ["a:3", "a:3"]
    assert all(f"{row['nodes']}  " in text for row in rows)
    crops = sorted(folder.glob("*.png"))
    assert [crop.name[:13] for crop in crops] == ["001-Concept-1", "002-Concept-2"]
    with Image.open(crops[0]) as crop:
        assert crop.size == (3 * 128, 128)
    assert "Note:" not in text
    with pytest.raises(SystemExit):
        alignedcut(capsys, "concepts", study.path, "--number", "few")
    assert "--radius" in alignedcut(capsys, "concepts", study.path, "--radius", "wide", code=2)
    assert "not part of this graph" in alignedcut(capsys, "concepts", study.path, "--networks", "c", code=2)
    assert "of one layer" in alignedcut(capsys, "concepts", study.path, "--recurrence", code=2)
    text = alignedcut(capsys, "concepts", study.path, *options, "--recurrence")
    recurring = json.loads((folder / "concepts.json").read_text())["concepts"]
    assert text.count("recurs at") == len(recurring)
    # Figure and ground, which part the embedding from layer 2 on.
    assert all(("a", 4) in {(at["network"], at["layer"]) for at in row["recurs"]} for row in recurring)


def test_transitions_on_the_command_line(study: Study, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "t.json"
    masks = study.path.with_name("masks")
    text = alignedcut(capsys, "transitions", study.path, "--network", "a", "--masks", masks, "--out", out)
    assert "layer 3 (down) to layer 4 (across)" in text
    assert "Figure and ground part at layer 2 " in text
    described = json.loads(out.read_text())
    assert described["bifurcation"]["layer"] == 2
    assert len(described["transitions"]["figure"]) == 4
    assert "all" in alignedcut(capsys, "transitions", study.path, "--network", "b", "--layers", "0-1")
    assert "not from both" in alignedcut(capsys, "transitions", study.path, "--masks", masks, "--segments", code=2)
    assert "must end in .json" in alignedcut(capsys, "transitions", study.path, "--out", "t.txt", code=2)


def test_comparison_on_the_command_line(study: Study, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "c.csv"
    text = alignedcut(capsys, "compare", study.path, "--networks", "b", "a", "--measures", "cka", "--out", out)
    assert "layers of b live in a: 0 at 0, 1 at 2, 2 at 4 (rank correlation 1.00)" in text
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15
    best = max((row for row in rows if row["layer_a"] == "1"), key=lambda row: float(row["value"]))
    assert best["layer_b"] == "2"
    alignedcut(capsys, "compare", study.path, "--networks", "a", "--out", tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text())["networks"] == ["a", "a"]
    assert "name one or two" in alignedcut(capsys, "compare", study.path, "--networks", "a", "b", "a", code=2)


def test_figure_and_ground_on_the_command_line(
    study: Study, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out, masks = tmp_path / "f.csv", study.path.with_name("masks")
    text = alignedcut(capsys, "figure-ground", study.path, "--masks", masks, "--out", out)
    assert "planted (simulated)" in text
    assert "a and b: correlation over regions 1.00" in text
    assert "about the mean of each layer" in text
    assert "read their difference, not their signs" in text
    text = alignedcut(capsys, "figure-ground", study.path, "--masks", masks, "--about", "zero")
    assert "about zero" in text
    assert "their signs" not in text
    with out.open() as file:
        rows = {(row["network"], row["layer"], row["region"]): row for row in csv.DictReader(file)}
    assert rows["a", "4", "V1"]["about"] == "layer"
    assert float(rows["a", "4", "V1"]["difference"]) == pytest.approx(4, abs=1e-2)
    assert len(rows) == 8 * 3
    assert "--masks DIR" in alignedcut(capsys, "figure-ground", study.path, code=2)
    assert "name the masks" in alignedcut(capsys, "figure-ground", study.path, "--figure-labels", "3", code=2)
    assert "name the masks" in alignedcut(capsys, "figure-ground", study.path, "--unlabelled", code=2)


def test_what_the_masks_leave_out_is_told_on_the_command_line(
    study: Study, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "void"
    folder.mkdir()
    for file in study.path.with_name("masks").glob("*.png"):
        mask = np.asarray(Image.open(file)).astype(np.uint8) * 8
        mask[: mask.shape[0] // 4] = 255
        Image.fromarray(mask).save(folder / file.name)
    said = alignedcut(capsys, "figure-ground", study.path, "--masks", folder)
    assert "label 255 is left out as unlabelled" in said
    said = alignedcut(capsys, "figure-ground", study.path, "--masks", folder, "--figure-labels", "1-91", "255")
    assert "left out" not in said
    said = alignedcut(capsys, "transitions", study.path, "--masks", folder, "--unlabelled")
    assert "left out" not in said
    said = alignedcut(capsys, "figure-ground", study.path, "--masks", folder, "--unlabelled", "x", code=2)
    assert "--unlabelled takes labels" in said
