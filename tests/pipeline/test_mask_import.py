"""Masks of others as segments of a study, and segments to begin with."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignedcut_viewer import cli
from alignedcut_viewer.errors import Cancelled, InputError, PictureError, StudyError
from alignedcut_viewer.images import open_pictures
from alignedcut_viewer.pipeline.mask_export import export_segment_set
from alignedcut_viewer.pipeline.mask_import import empty_segments, import_masks
from alignedcut_viewer.segmentation import SegmentKey, export_masks
from alignedcut_viewer.study import Study
from alignedcut_viewer.study.segment_set import SegmentWriter

pytestmark = pytest.mark.quick

SIZES = {"cat": (24, 32), "dog": (30, 20), "owl": (16, 16)}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, (height, width) in SIZES.items():
        Image.new("RGB", (width, height)).save(folder / f"{name}.png")
    study = Study.create(tmp_path / "study", open_pictures(folder))
    study.complete_records()
    return study


@pytest.fixture
def masks() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {name: rng.integers(0, 4, size).astype(np.int32) for name, size in SIZES.items()}


@pytest.mark.parametrize(
    ("kind", "file"),
    [("npz", "masks.npz"), ("coco", "annotations.json"), ("coco-polygons", "polygons.json"), ("cvat", "cvat.xml")],
)
def test_what_was_exported_is_read_back(
    study: Study, masks: dict[str, np.ndarray], tmp_path: Path, kind: str, file: str
) -> None:
    writer = SegmentWriter(False, {"layers": {}, "settings": {}})
    for image, (name, labels) in enumerate(masks.items()):
        assert study.pictures.names[image].startswith(name)
        writer.add(image, labels, {1: 0.25}, "")
    kept = writer.publish(study.store, "drawn")
    export_segment_set(study, kept, tmp_path / "out", formats=(kind,))
    found = import_masks(study, tmp_path / "out" / file, "read")
    assert found.images == (0, 1, 2)
    assert not found.joint
    for image, labels in enumerate(masks.values()):
        np.testing.assert_array_equal(found.labels(image), labels)
        if kind == "coco":
            assert found.confidence(image)[1] == pytest.approx(0.25)
    assert study.segmentations == ("drawn", "read")


def test_named_labels_mean_one_thing_in_all_pictures(
    study: Study, masks: dict[str, np.ndarray], tmp_path: Path
) -> None:
    names = [f"{name}.png" for name in masks]
    export_masks(tmp_path / "out", names, masks.values(), formats=("coco",), categories={2: "eye", 9: "wing"})
    found = import_masks(study, tmp_path / "out" / "annotations.json")
    assert found.joint
    edits = found.segmentation()
    assert [(s.key, s.name) for s in edits.segments][1] == (SegmentKey(2), "eye")
    assert "wing" not in [segment.name for segment in edits.segments]


def test_a_folder_of_masks_of_some_pictures(study: Study, masks: dict[str, np.ndarray], tmp_path: Path) -> None:
    folder = tmp_path / "truth"
    folder.mkdir()
    for name in ("cat", "owl"):
        Image.fromarray(masks[name].astype(np.uint8)).save(folder / f"{name}_mask.png")
    told: list[str] = []
    found = import_masks(study, folder, progress=lambda done, total, text: told.append(text))
    assert found.images == (0, 2)
    np.testing.assert_array_equal(found.labels(2), masks["owl"])
    assert len(told) == 2
    Image.new("L", (5, 5)).save(folder / "cat_mask.png")
    with pytest.raises(InputError, match="5 × 5 pixels, but the picture 24 × 32"):
        import_masks(study, folder)
    np.testing.assert_array_equal(study.segments("imported").labels(2), masks["owl"])


def test_what_does_not_fit_is_one_sentence(study: Study, masks: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", tree=masks["cat"])
    with pytest.raises(InputError, match=r"No mask in other\.npz belongs to a picture of the study"):
        import_masks(study, tmp_path / "other.npz")
    with pytest.raises(PictureError):
        import_masks(study, tmp_path / "pictures")
    np.savez(tmp_path / "fits.npz", **masks)

    def cancel(done: int, total: int, text: str) -> None:
        if done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        import_masks(study, tmp_path / "fits.npz", progress=cancel)
    assert study.segmentations == ()
    with pytest.raises(StudyError, match="opened for reading"):
        import_masks(Study.open(study.path), tmp_path / "fits.npz")


def test_colours_of_files_are_those_that_were_given(study: Study, tmp_path: Path) -> None:
    empty = empty_segments(study, "mine")
    assert not len(empty.colours(0))
    edits = empty.segmentation()
    edits.add({0: np.tri(*SIZES["cat"])}, "one")
    edits.add({0: 1 - np.tri(*SIZES["cat"])}, "two")
    edits.recolour(SegmentKey(2), (7, 8, 9))
    kept = SegmentWriter.of_edits(empty, edits).publish(study.store, "mine")
    export_segment_set(study, kept, tmp_path / "out", formats=("png",))
    with Image.open(tmp_path / "out" / "png" / "cat.png") as mask:
        assert mask.getpalette()[3:9] == [*edits[SegmentKey(1)].colour, 7, 8, 9]


def test_names_and_colours_of_single_pictures_reach_the_files(study: Study, tmp_path: Path) -> None:
    writer = SegmentWriter(False, {"layers": {}, "settings": {}})
    for image, size in enumerate(SIZES.values()):
        writer.add(image, np.tri(*size, dtype=np.int32) + 1, {2: 0.5}, "")
    found = writer.publish(study.store, "drawn")
    edits = found.segmentation()
    edits.rename(SegmentKey(2, 0), "cat")
    edits.recolour(SegmentKey(2, 0), (7, 8, 9))
    edits.rename(SegmentKey(2, 1), "dog")
    kept = SegmentWriter.of_edits(found, edits).publish(study.store, "drawn")
    out = tmp_path / "out"
    export_segment_set(study, kept, out, formats=("png", "coco", "csv", "label-studio", "cvat"))
    palettes = []
    for name in SIZES:
        with Image.open(out / "png" / f"{name}.png") as mask:
            palettes.append(mask.getpalette()[6:9])
    assert palettes[0] == [7, 8, 9]
    assert palettes[1] == palettes[2] == list(edits[SegmentKey(2, 1)].colour)
    coco = json.loads((out / "annotations.json").read_text(encoding="utf-8"))
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert names[1] == "segment 1"
    assert names[2] == "segment 2"  # of the third picture
    assert sorted(names.values()) == ["cat", "dog", "segment 1", "segment 2"]
    by_picture = [[names[a["category_id"]] for a in coco["annotations"] if a["image_id"] == i] for i in (1, 2, 3)]
    assert by_picture == [["segment 1", "cat"], ["segment 1", "dog"], ["segment 1", "segment 2"]]
    assert next(category for category in coco["categories"] if category["name"] == "cat")["color"] == [7, 8, 9]
    rows = list(csv.DictReader((out / "segments.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["name"] for row in rows[1::2]] == ["cat", "dog", "segment 2"]
    assert rows[1]["colour"] == "#070809"
    for file in ("label_studio.json", "cvat.xml"):
        content = (out / file).read_text(encoding="utf-8")
        assert content.count("cat") > 1
        assert "dog" in content
    again = import_masks(study, out / "annotations.json", "read")
    assert not again.joint
    for image in range(3):
        np.testing.assert_array_equal(again.labels(image), kept.labels(image))
    assert [again.names(image) for image in range(3)] == [{2: "cat"}, {2: "dog"}, {}]


def test_segments_to_draw_by_hand(study: Study) -> None:
    empty = empty_segments(study, "mine")
    edits = empty.segmentation()
    assert edits.joint
    assert edits.segments == ()
    keys = edits.add({0: np.ones(SIZES["cat"]), 2: np.ones(SIZES["owl"])}, "all of it")
    assert keys == (SegmentKey(1),)
    kept = SegmentWriter.of_edits(empty, edits).publish(study.store, "mine")
    assert kept.labels(0).min() == 1
    assert not kept.labels(1).any()
    assert kept.names(2) == {1: "all of it"}


def test_the_command_keeps_masks(
    study: Study, masks: dict[str, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study.close()
    np.savez(tmp_path / "fits.npz", **masks)
    assert cli.main(["import-masks", str(study.path), str(tmp_path / "fits.npz"), "--name", "read"]) == 0
    assert "segments 'read' of 3 pictures" in capsys.readouterr().out
    with Study.open(study.path) as opened:
        np.testing.assert_array_equal(opened.segments("read").labels(1), masks["dog"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"segmentation": [[50, 50, 90, 50, 90, 90]]}, "lies outside the picture of 32 × 24 pixels"),
        ({"category_id": 9}, "label 9, which `categories` does not name"),
        ({"segmentation": {"size": [5, 4], "counts": [20]}}, "5 × 4 pixels does not fit its picture"),
    ],
)
def test_bad_masks_are_one_sentence_of_the_command(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], sentence: str
) -> None:
    study.close()
    content = {
        "images": [{"id": 1, "file_name": "cat.png", "height": 24, "width": 32}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 2, 0, 2, 2]], **changes}],
    }
    (tmp_path / "bad.json").write_text(json.dumps(content))
    np.savez(tmp_path / "size.npz", cat=np.ones((9, 9), dtype=np.int32))
    for file, said in (("bad.json", sentence), ("size.npz", "is 9 × 9 pixels, but the picture 24 × 32")):
        assert cli.main(["import-masks", str(study.path), str(tmp_path / file)]) == 2
        told = " ".join(capsys.readouterr().err.split())
        assert told.count(said) == 1
        assert "Traceback" not in told
    with Study.open(study.path) as opened:
        assert opened.segmentations == ()
