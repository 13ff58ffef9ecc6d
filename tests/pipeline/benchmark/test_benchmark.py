"""A whole benchmark on planted pictures: scores, tables, resuming, peers, the command."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import cli
from alignedcut_viewer.commands.benchmark import draw_curves
from alignedcut_viewer.errors import Cancelled, InputError
from alignedcut_viewer.pipeline import ExtractSettings
from alignedcut_viewer.pipeline.benchmark import BenchmarkSettings, run_benchmark
from alignedcut_viewer.pipeline.benchmark.methods import PictureFeatures, SlotFeatures, make_methods
from alignedcut_viewer.pipeline.benchmark.tables import paired_interval
from alignedcut_viewer.segmentation import RefineSettings, SegmentChoice
from alignedcut_viewer.segmentation.benchmark_metrics import segmentation_iou

NETWORK = "random:vit_tiny_patch16_224"
EXTRACT = ExtractSettings((NETWORK,), (2, 3), input_size=64, device="cpu")
SETTINGS = BenchmarkSettings(
    EXTRACT,
    ("hungarian", "many-to-one", "saliency", "box"),
    methods=("alignedcut", "k-means", "tokencut"),
    peer_layers=(2, 3),
    choice=SegmentChoice(refine=RefineSettings(filter="none")),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for number in range(5):
        y, x = np.mgrid[:64, :80]
        labels = np.where((y - 30) ** 2 + (x - 38 - number) ** 2 < 18**2, 1, 2)
        labels[:3] = 0
        pixels = np.array([[0, 0, 0], [220, 60, 40], [40, 90, 160]])[labels] + rng.normal(0, 9, (64, 80, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(tmp_path / "data" / "images" / f"{number}.png")
        Image.fromarray(labels.astype(np.uint8)).save(tmp_path / "data" / "masks" / f"{number}.png")
    return tmp_path / "data"


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_every_method_on_every_picture_and_on_after_a_stop(data: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if text == "Scoring 1":
            raise Cancelled

    out = tmp_path / "out"
    with pytest.raises(Cancelled):
        run_benchmark(data, out, SETTINGS, figure=2, progress=stop)
    before = rows(out)
    assert {row["picture"] for row in before} == {"0", "1"}
    with (out / "results.jsonl").open("a") as file:
        file.write('{"method": "cut o')  # as a killed run leaves it
    table = run_benchmark(data, out, SETTINGS, figure=2).read_text()
    after = rows(out)
    assert after[: len(before)] == before
    methods = {row["method"] for row in after}
    assert len(methods) == 2 + 2 + 4  # ours told the number and not, k-means and TokenCut by layer and tap
    assert len(after) == 5 * len(methods)
    for row in after:
        for key in ("miou", "many_to_one", "boundary_f"):
            assert 0 <= row[key] <= 1
        assert ("max_f" in row) == (row["family"] != "k-means")
        assert 0 <= row.get("figure_boundary_f", 0) <= 1
    assert "| alignedcut |" in table
    assert "paired bootstrap" in table
    assert "CorLoc" in table
    assert "boundary F of the figure" in table
    shown = list(csv.DictReader((out / "summary.csv").read_text(encoding="utf-8").splitlines()))
    own = [row["miou"] for row in after if row["method"] == "alignedcut" and row["half"] == "shown"]
    found = next(row for row in shown if row["method"] == "alignedcut" and row["score"] == "miou")
    assert float(found["mean"]) == pytest.approx(np.mean(own))
    with pytest.raises(InputError, match=r"other settings \(gamma\)"):
        run_benchmark(data, out, replace(SETTINGS, gamma=0.2), figure=2)


def test_the_whole_data_set_and_the_oracle(data: Path, tmp_path: Path) -> None:
    for number, file in enumerate(sorted((data / "masks").iterdir())):  # discs of two kinds
        labels = np.asarray(Image.open(file))
        Image.fromarray(np.choose(labels, [0, 1 + number % 2, 3]).astype(np.uint8)).save(file)
    settings = replace(SETTINGS, protocols=("hungarian", "oracle"), scope="data set")
    table = run_benchmark(data, tmp_path / "out", settings, figure=3).read_text()
    found = {row["method"]: row for row in rows(tmp_path / "out")}
    assert {"alignedcut", f"k-means {NETWORK}.attention/3"} <= set(found)
    oracle = [row for row in found.values() if row["family"] == "oracle"]
    assert len(oracle) == 2 * 2 * 2
    # The colours differ, so that even random weights tell the disc from the ground.
    assert all(row["miou"] > row["chance"] for row in oracle)
    assert {row["settings"]["features"] for row in oracle} == {"raw", "aligned"}
    assert {row["settings"]["task"] for row in oracle} == {"figure and ground", "categories"}
    assert "figure and ground, all background" in table
    assert "one matching for the whole data set" in table
    assert len(list(csv.DictReader((tmp_path / "out" / "curves.csv").read_text(encoding="utf-8").splitlines()))) == 8
    assert draw_curves(tmp_path / "out")
    with Image.open(tmp_path / "out" / "curves.png") as drawn:
        assert min(drawn.size) > 200
    assert not draw_curves(tmp_path)
    again = (tmp_path / "out" / "results.jsonl").read_text()
    run_benchmark(data, tmp_path / "out", settings, figure=3)
    assert (tmp_path / "out" / "results.jsonl").read_text() == again  # nothing is computed twice


def test_peers_find_what_is_planted(rng: np.random.Generator) -> None:
    truth = np.zeros((12, 12), dtype=int)
    truth[3:9, 4:9] = 1
    centres = np.array([[3.0, 0.1, 0.0, 0.2], [-1.0, 2.0, 0.5, 0.0]])
    tokens = (centres[truth.ravel()] + 0.05 * rng.normal(size=(144, 4))).astype(np.float32)
    slots = tuple(SlotFeatures("n", tap, layer, 12, 12, tokens) for tap in ("attention", "k") for layer in range(4))
    pixels = np.array([[30, 60, 200], [220, 60, 40]], dtype=np.uint8)[np.kron(truth, np.ones((8, 8), dtype=int))]
    picture = PictureFeatures(pixels, slots)
    wanted = np.kron(truth, np.ones((8, 8), dtype=int))
    choice = SegmentChoice()
    for method in make_methods(("alignedcut", "k-means", "tokencut", "diffcut"), {"n": 4}, None, 0.06, choice):
        labels = method.labels(picture, 2)
        assert labels.shape == (96, 96)
        own = method.family == "alignedcut, own number"  # from four segments on
        assert segmentation_iou(wanted, labels) > (0.6 if own else 0.9), method.name
        saliency = method.saliency(picture)
        if method.family in ("tokencut", "alignedcut"):
            assert saliency is not None
            assert ((saliency > 0.5) == (wanted == 1)).mean() > 0.95
    with pytest.raises(InputError, match="Unknown method 'sam'"):
        make_methods(("sam",), {"n": 4}, None, 0.06, choice)
    with pytest.raises(InputError, match="was not extracted"):
        picture.at("n", "v", 0)


def test_the_eigenvectors_of_ncut_pytorch(rng: np.random.Generator) -> None:
    pytest.importorskip("ncut_pytorch", reason="needs ncut-pytorch, which is in the extra `bench`")
    truth = np.repeat([0, 1], 72)
    tokens = (np.array([[3.0, 0.1], [-1.0, 2.0]])[truth] + 0.05 * rng.normal(size=(144, 2))).astype(np.float32)
    slots = (SlotFeatures("n", "attention", 2, 12, 12, tokens),)
    (method,) = make_methods(("ncut-pytorch",), {"n": 4}, (2,), 0.06, SegmentChoice())
    labels = method.labels(PictureFeatures(np.zeros((12, 12, 3), dtype=np.uint8), slots), 2)
    assert segmentation_iou(truth.reshape(12, 12), labels) == 1


def test_the_paired_interval_covers_the_truth() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(100):
        base = rng.normal(size=60)
        low, high = paired_interval(base + rng.normal(0.3, 0.2, 60), base, seed)
        hits += low <= 0.3 <= high
    assert 88 <= hits <= 100


def test_truth_of_another_size_and_settings_that_make_no_sense(data: Path, tmp_path: Path) -> None:
    Image.fromarray(np.ones((9, 9), dtype=np.uint8)).save(data / "masks" / "2.png")
    Image.fromarray(np.zeros((64, 80), dtype=np.uint8)).save(data / "masks" / "3.png")
    said: list[str] = []
    settings = replace(SETTINGS, methods=("k-means",))
    run_benchmark(data, tmp_path / "out", settings, announce=said.append)
    assert {row["picture"] for row in rows(tmp_path / "out")} == {"0", "1", "4"}
    assert any("9 × 9 pixels, its picture 64 × 80" in line for line in said)
    assert any("labels no pixel" in line for line in said)
    with pytest.raises(InputError, match="Unknown protocol"):
        replace(SETTINGS, protocols=("greedy",))
    with pytest.raises(InputError, match="Unknown scope"):
        replace(SETTINGS, scope="folder")


def test_the_command(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["benchmark", str(data), "--networks", NETWORK, "--layers", "2", "3", "--size", "64"]
    command += ["--out", str(tmp_path / "out"), "--methods", "alignedcut", "k-means", "--limit", "2", "--device", "cpu"]
    assert cli.main(command) == 0
    assert "| alignedcut |" in capsys.readouterr().out
    assert cli.main([*command[:1], str(tmp_path / "nothing"), *command[2:]]) == 2
    assert "There is no data set" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.zeros((64, 80)), "labels no pixel"),
        (np.ones((80, 64)), "is 80 × 64 pixels, its picture 64 × 80"),
        (None, "holds the unknown label 30"),
    ],
)
def test_bad_truth_is_one_sentence_of_the_command(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: np.ndarray | None, sentence: str
) -> None:
    if labels is None:  # VOC knows 20 classes
        voc = tmp_path / "voc"
        voc.mkdir()
        (data / "images").rename(voc / "JPEGImages")
        (data / "masks").rename(voc / "SegmentationClass")
        folder, labels, source = voc / "SegmentationClass", np.full((64, 80), 30), voc
    else:
        folder, source = data / "masks", data
    for file in folder.iterdir():
        Image.fromarray(labels.astype(np.uint8)).save(file)
    command = ["benchmark", str(source), "--networks", NETWORK, "--layers", "3", "--size", "64", "--device", "cpu"]
    assert cli.main([*command, "--out", str(tmp_path / "out"), "--methods", "k-means", "--limit", "2"]) == 2
    told = [line for line in capsys.readouterr().err.replace("\r", "\n").splitlines() if "None of the" in line]
    assert len(told) == 1
    assert sentence in told[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", -1), ("limit", 0), ("limit", 2.5), ("gamma", float("nan")), ("gamma", 0), ("gamma", -1), ("seed", -1)],
)
def test_settings_that_cannot_be_meant(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name):
        replace(SETTINGS, **{name: value})  # type: ignore[arg-type]
