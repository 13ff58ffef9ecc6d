"""Segments of a study: planted parts are found, kept, changed by a person, and written as masks."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import adjusted_rand_score

from alignedcut_viewer import cli, pipeline
from alignedcut_viewer.errors import Cancelled, CheckpointError, InputError, StudyError
from alignedcut_viewer.images import load_mask, open_pictures
from alignedcut_viewer.pipeline import SegmentSettings
from alignedcut_viewer.pipeline.mask_export import export_segment_set
from alignedcut_viewer.pipeline.segment_stage import segment_layers
from alignedcut_viewer.segmentation import (
    RefineSettings,
    SegmentChoice,
    SegmentKey,
    confusion_matrix,
    match_labels,
    mean_iou,
    read_masks,
)
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.feature_set import FeatureSet
from alignedcut_viewer.study.segment_set import SegmentWriter

COLOURS = np.array([[200, 60, 50], [60, 160, 70], [50, 80, 190], [220, 200, 80]], dtype=np.uint8)
CHOICE = SegmentChoice(smallest=2, refine=RefineSettings(smallest=0.002))


def planted(image: int) -> np.ndarray:
    """Parts of a picture on a fine grid of 96 x 72 pixels: discs of three kinds on a ground."""
    y, x = np.mgrid[:96, :72]
    parts = np.zeros((96, 72), dtype=int)
    for part, (row, column) in enumerate([(26, 20), (30, 54), (72, 38)][: 2 + image % 2], start=1):
        parts[(y - row - image) ** 2 + (x - column) ** 2 < 15**2] = part
    return parts


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Four pictures, two networks at two taps, features that know the parts roughly and disagree about nothing."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for image in range(4):
        pixels = COLOURS[planted(image)] + rng.normal(0, 5, (96, 72, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"p{image}.png")
    study = Study.create(tmp_path / "study", open_pictures(folder))
    study.complete_records()
    for network, (rows, columns), tap in (("one", (12, 9), "attention"), ("one", (12, 9), "k"), ("two", (8, 6), "k")):
        key = {"network": network, "tap": tap, "input_size": [rows * 8, columns * 8], "weights": network,
               "precision": "float32", "storage": "float32", "default_size": True}  # fmt: skip
        geometry = {"rows": rows, "columns": columns, "class_token": True, "batch": 1}
        features = make(study, key, geometry)
        features.prepare(dict.fromkeys(range(4), 12), 4)
        centres = rng.normal(size=(4, 12))
        for image in range(4):
            parts = planted(image)
            share = np.stack([(parts == part) for part in range(4)], axis=-1).astype(float)
            share = share.reshape(rows, 96 // rows, columns, 72 // columns, 4).mean((1, 3)).reshape(-1, 4)
            for layer in range(4):
                noise = 3.0 if layer == 0 else 0.15  # the first layer knows nothing
                tokens = share @ centres + noise * rng.normal(size=(rows * columns, 12))
                features.write({layer: np.concatenate([np.zeros((1, 12)), tokens])[None].astype(np.float32)}, [image])
    return study


def make(study: Study, key: dict, geometry: dict) -> FeatureSet:
    return FeatureSet.create(study.store, key, **geometry, note={"weights": "planted"})


def test_the_usual_layers(study: Study) -> None:
    found = segment_layers(study, SegmentSettings())
    assert set(found.values()) == {(1, 2, 3)}
    assert [study.network(name).tap for name in found] == ["attention", "k"]  # keys only where there is nothing else
    assert len(segment_layers(study, SegmentSettings(networks=("one",)))) == 1
    assert set(segment_layers(study, SegmentSettings(layers=(0, 3, 9))).values()) == {(0, 3)}
    with pytest.raises(InputError, match="None of the layers"):
        segment_layers(study, SegmentSettings(layers=(9,)))
    with pytest.raises(StudyError, match="no features of 'three'"):
        segment_layers(study, SegmentSettings(networks=("three",)))


@pytest.mark.parametrize("method", ["k-way", "hierarchical", "recursive"])
def test_planted_parts_are_found_with_their_number_and_edges(study: Study, method: str) -> None:
    settings = SegmentSettings(networks=tuple(study.networks), choice=replace(CHOICE, method=method))
    found = pipeline.segment(study, settings)
    for image in range(4):
        truth, labels = planted(image), found.labels(image)
        assert labels.shape == truth.shape
        assert len(np.unique(labels)) == len(np.unique(truth)), found.reason(image)
        assert adjusted_rand_score(truth.ravel(), labels.ravel()) > 0.96
        assert labels.min() == 1
        assert (np.diff(np.bincount(labels.ravel())[1:]) <= 0).all()  # numbered by size
        assert set(found.confidence(image)) == set(np.unique(labels))
        assert all(0 < value <= 1 for value in found.confidence(image).values())
    assert study.segmentations == ("default",)
    assert found.recipe["settings"]["gamma"] == 0.06


def test_eigengap_and_silhouette_find_the_planted_number_too(study: Study) -> None:
    choice = replace(CHOICE, count_by="eigengap", largest=10)
    found = pipeline.segment(study, SegmentSettings(choice=choice), images=[0, 1])
    for image in (0, 1):
        assert len(np.unique(found.labels(image))) == len(np.unique(planted(image))), found.reason(image)
        assert "eigengap" in found.reason(image)
    with pytest.raises(InputError, match="Unknown way of counting"):
        replace(CHOICE, count_by="hand")


def test_one_label_means_one_thing_everywhere(study: Study) -> None:
    settings = SegmentSettings(scope="joint", choice=replace(CHOICE, segments=4))
    found = pipeline.segment(study, settings)
    assert found.joint
    truth = np.concatenate([planted(image).ravel() for image in range(4)])
    labels = np.concatenate([found.labels(image).ravel() for image in range(4)])
    assert adjusted_rand_score(truth, labels) > 0.95
    listed = found.segmentation()
    assert [segment.key.image for segment in listed.segments] == [None] * 4


def test_what_a_person_changes_is_kept(study: Study) -> None:
    found = pipeline.segment(study, SegmentSettings(choice=CHOICE))
    listed = found.segmentation([1])
    listed.rename(SegmentKey(1, 1), "ground")
    listed.recolour(SegmentKey(2, 1), (9, 8, 7))
    listed.lock(SegmentKey(1, 1))
    listed.merge([SegmentKey(2, 1), SegmentKey(3, 1)])
    kept = SegmentWriter.of_edits(found, listed).publish(study.store, "default")
    np.testing.assert_array_equal(kept.labels(1), listed.map_of(1))
    np.testing.assert_array_equal(kept.labels(0), planted_numbers(kept, 0))
    again = Study.open(study.path).segments().segmentation()
    assert again[SegmentKey(1, 1)].name == "ground"
    assert again[SegmentKey(1, 1)].locked
    assert again[SegmentKey(2, 1)].colour == (9, 8, 7)
    assert not again.undo_text
    assert len([p for p in (study.path / "segmentations").iterdir() if p.is_dir()]) == 1  # the old ones are gone


def planted_numbers(found: object, image: int) -> np.ndarray:
    return found.labels(image)  # type: ignore[attr-defined, no-any-return]


def test_masks_carry_names_numbers_and_confidence(study: Study, tmp_path: Path) -> None:
    found = pipeline.segment(study, SegmentSettings(choice=CHOICE))
    export_segment_set(study, found, tmp_path / "masks", formats=["png", "coco", "csv"])
    for image in range(4):
        read = read_masks(tmp_path / "masks" / "annotations.json").of_picture(f"p{image}.png")
        np.testing.assert_array_equal(read.labels, found.labels(image))
        assert read.confidence == pytest.approx(found.confidence(image), abs=1e-5)
        np.testing.assert_array_equal(load_mask(tmp_path / "masks" / "png" / f"p{image}.png"), found.labels(image))
    rows = list(csv.DictReader((tmp_path / "masks" / "segments.csv").read_text(encoding="utf-8").splitlines()))
    assert sum(int(row["area_px"]) for row in rows) == 4 * 96 * 72


def test_cancelling_leaves_the_study_as_it_was(study: Study) -> None:
    before = pipeline.segment(study, SegmentSettings(choice=CHOICE)).identity

    def cancel(done: int, total: int, text: str) -> None:
        if done > total / 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        pipeline.segment(study, SegmentSettings(choice=replace(CHOICE, segments=2)), progress=cancel)
    assert study.segments().identity == before


def test_weak_segments_become_nothing(study: Study) -> None:
    many = replace(CHOICE, segments=9)
    plain = pipeline.segment(study, SegmentSettings(choice=many))
    bound = float(np.median([value for image in range(4) for value in plain.confidence(image).values()]))
    found = pipeline.segment(study, SegmentSettings(choice=replace(many, min_confidence=bound)))
    for image in range(4):
        assert all(value >= bound for value in found.confidence(image).values())
        assert len(found.confidence(image)) == sum(v >= bound for v in plain.confidence(image).values())
    assert any((found.labels(image) == 0).any() for image in range(4))
    assert any("left out" in found.reason(image) for image in range(4))


def test_things_of_one_kind_are_told_apart(tmp_path: Path) -> None:
    y, x = np.mgrid[:96, :72]
    things = np.zeros((96, 72), dtype=int)
    for number, (row, column) in enumerate([(24, 20), (24, 54), (72, 38)], start=1):
        things[(y - row) ** 2 + (x - column) ** 2 < 13**2] = number
    (tmp_path / "pictures").mkdir()
    Image.fromarray(COLOURS[np.minimum(things, 1)]).save(tmp_path / "pictures" / "a.png")
    study = Study.create(tmp_path / "study", open_pictures(tmp_path / "pictures"))
    key = {"network": "n", "tap": "k", "input_size": [96, 72], "weights": "n", "precision": "float32",
           "storage": "float32", "default_size": True}  # fmt: skip
    features = make(study, key, {"rows": 24, "columns": 18, "class_token": False, "batch": 1})
    rng = np.random.default_rng(0)
    share = (things > 0).reshape(24, 4, 18, 4).mean((1, 3)).reshape(-1, 1)
    tokens = share * rng.normal(size=8) + 0.05 * rng.normal(size=(432, 8))
    features.prepare({0: 8}, 1)
    features.write({0: tokens[None].astype(np.float32)}, [0])
    choice = replace(CHOICE, segments=2, instances=True)
    found = pipeline.segment(study, SegmentSettings(choice=choice))
    assert adjusted_rand_score(things.ravel(), found.labels(0).ravel()) > 0.95, found.reason(0)
    assert "4 instances of 2 segments" in found.reason(0)


class _Bilinear(torch.nn.Module):
    def forward(self, maps: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(
            maps, [picture.shape[2], picture.shape[3]], mode="bilinear", align_corners=False
        )


def test_a_learned_upsampler_comes_from_a_file(study: Study, tmp_path: Path) -> None:
    torch.jit.script(_Bilinear()).save(str(tmp_path / "up.pt"))
    plain = replace(CHOICE, refine=RefineSettings(filter="none", smallest=0))
    by_file = pipeline.segment(study, SegmentSettings(choice=plain, upsampler=str(tmp_path / "up.pt")), "file")
    own = pipeline.segment(study, SegmentSettings(choice=plain), "own")
    for image in range(4):
        assert (by_file.labels(image) == own.labels(image)).mean() > 0.97
    (tmp_path / "bad.pt").write_bytes(b"no")
    with pytest.raises(CheckpointError, match="no TorchScript module"):
        pipeline.segment(study, SegmentSettings(upsampler=str(tmp_path / "bad.pt")))
    with pytest.raises(CheckpointError, match="There is no upsampler"):
        pipeline.segment(study, SegmentSettings(upsampler=str(tmp_path / "none.pt")))


def test_the_command(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study.close()
    out = tmp_path / "masks"
    command = ["segment", str(study.path), "--out", str(out), "--segments", "3", "--formats", "npz", "coco"]
    assert cli.main(command) == 0
    assert "first picture: 3 segments as asked for" in capsys.readouterr().out
    assert json.loads((out / "annotations.json").read_text())["info"]["settings"]["gamma"] == 0.06
    archive = np.load(out / "masks.npz")
    np.testing.assert_array_equal(archive["p2"], Study.open(study.path).segments().labels(2))
    assert cli.main(command) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert cli.main([*command, "--replace"]) == 0
    assert cli.main(["segment", str(study.path), "--segments", "many", "--out", str(tmp_path / "m")]) == 2
    assert "whole number or auto" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"method": "magic"}, "Unknown method"),
        ({"segments": 1}, "at least 2 segments"),
        ({"smallest": 5, "largest": 4}, "got 5 to 4"),
        ({"threshold": 3.0}, "between 0 and 2"),
        ({"min_confidence": 2.0}, "between 0 and 1"),
    ],
)
def test_bad_choices_are_sentences(change: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        SegmentChoice(**change)


def test_bad_settings_are_sentences(study: Study) -> None:
    with pytest.raises(InputError, match="Unknown scope"):
        SegmentSettings(scope="folder")
    with pytest.raises(InputError, match="gamma must be positive"):
        SegmentSettings(gamma=0)
    with pytest.raises(InputError, match="are k-way"):
        SegmentSettings(scope="joint", choice=SegmentChoice(instances=True))
    with pytest.raises(StudyError, match="no segments 'x'"):
        study.segments("x")


@pytest.mark.slow
def test_photographs_with_masks(shared_data: Path, tmp_path: Path) -> None:
    """Eight photographs of COCO: many layers of both networks together segment better than k-means of the best one."""
    from alignedcut_viewer.backbones import load_backbone
    from alignedcut_viewer.pipeline import ExtractSettings
    from alignedcut_viewer.pipeline.extraction import extract_with
    from alignedcut_viewer.segmentation import segment_tokens, upsample_labels

    masks = sorted((shared_data / "coco" / "masks").glob("*.png"))[2:74:9]
    files = [next((shared_data / "coco" / "images").glob(f"{mask.stem}.*")) for mask in masks]
    study = Study.create(tmp_path / "study", open_pictures([str(file) for file in files]))
    settings = ExtractSettings(device="cpu")
    for name, weights in (
        ("dinov2-vit-s14-saliency", "dinov2_vits14"),
        ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", "vit_tiny_p16_augreg"),
    ):
        backbone = load_backbone(
            name, weights=shared_data / "weights" / f"{weights}.safetensors", input_size=224, device="cpu"
        )
        extract_with(study, backbone, settings)
    ours, theirs = [], []
    for image, file in enumerate(masks):
        truth = np.unique(load_mask(file), return_inverse=True)
        n_classes = len(truth[0])
        found = pipeline.segment(study, SegmentSettings(choice=SegmentChoice(segments=n_classes)), images=[image])
        tokens = np.asarray(study.features("dinov2-vit-s14-saliency", 10)[image][1:], dtype=np.float32)
        clusters = segment_tokens(tokens, n_classes)
        grid = (study.network("dinov2-vit-s14-saliency").rows, -1)
        plain = upsample_labels(clusters.labels.reshape(grid), truth[1].reshape(load_mask(file).shape).shape)
        for labels, scores in ((found.labels(image), ours), (plain + 1, theirs)):
            values = truth[1].reshape(labels.shape)
            counts = confusion_matrix(values, labels, n_classes=n_classes, n_labels=n_classes + 1)
            matched = match_labels(counts)
            moved = np.where(matched[labels] < 0, n_classes, matched[labels])
            square = confusion_matrix(values, moved, n_classes=n_classes + 1, n_labels=n_classes + 1)
            scores.append(mean_iou(square))
    assert np.mean(ours) > np.mean(theirs) + 0.03
