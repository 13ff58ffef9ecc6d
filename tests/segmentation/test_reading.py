"""What is written comes back, by us and by the reference; what CVAT and Label Studio write is read."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alignedcut_viewer.errors import InputError
from alignedcut_viewer.segmentation import (
    FORMATS,
    export_masks,
    mask_from_polygons,
    polygons_of_mask,
    read_masks,
)
from alignedcut_viewer.segmentation.formats import LabelledMask
from alignedcut_viewer.segmentation.label_studio import decode_brush, encode_brush

pytestmark = pytest.mark.quick

SIZES = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))
CONFIDENCE = [{1: 0.25, 2: 0.5}, {4: 1.0}, {}]


def masks(rng: np.random.Generator) -> list[np.ndarray]:
    found = [rng.integers(0, 5, size).astype(np.int32) for size in ((30, 21), (7, 20), (25, 25))]
    found[2][10:15, 3:20] = 3
    return found


@pytest.fixture
def exported(tmp_path: Path, rng: np.random.Generator) -> tuple[Path, list[np.ndarray]]:
    given_masks = masks(rng)
    export_masks(
        tmp_path,
        ["a", "b", "c"],
        [LabelledMask(mask, sure) for mask, sure in zip(given_masks, CONFIDENCE, strict=True)],
        formats=FORMATS,
        picture_files=["a.jpg", "b.png", "c.jpg"],
        categories={1: "cat", 2: "dog"},
    )
    return tmp_path, given_masks


@pytest.mark.parametrize(
    "file",
    ["masks.npz", "annotations.json", "polygons.json", "label_studio.json", "cvat.xml", "png/{}.png", "tiff/{}.tif"],
)
def test_every_format_is_read_back(exported: tuple[Path, list[np.ndarray]], file: str) -> None:
    folder, given_masks = exported
    for stem, mask in zip("abc", given_masks, strict=True):
        found = read_masks(folder / file.format(stem))
        read = found.of_picture(stem, mask.shape)
        names = {name: number for number, name in found.names.items()}
        expected = mask
        if file in ("label_studio.json", "cvat.xml"):  # they know names, not numbers
            expected = np.choose(mask, [0, names["cat"], names["dog"], names["segment 3"], names["segment 4"]])
            assert (names["segment 3"], names["segment 4"]) == (3, 4)
        np.testing.assert_array_equal(read.labels, expected)
        if file in ("annotations.json", "polygons.json", "label_studio.json"):
            known = CONFIDENCE["abc".index(stem)]
            assert read.confidence == {number: known[number] for number in known if (mask == number).any()}


@pytest.mark.parametrize("file", ["annotations.json", "polygons.json"])
def test_the_reference_implementation_reads_the_same_pixels(
    exported: tuple[Path, list[np.ndarray]], file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="needs pycocotools, which is in the extra `test`").COCO
    folder, given_masks = exported
    dataset = coco(str(folder / file))
    assert [category["name"] for category in dataset.loadCats(dataset.getCatIds())] == [
        "cat",
        "dog",
        "segment 3",
        "segment 4",
    ]
    for number, mask in enumerate(given_masks, start=1):
        drawn = np.zeros(mask.shape, dtype=int)
        for annotation in dataset.loadAnns(dataset.getAnnIds(imgIds=number)):
            pixels = dataset.annToMask(annotation).astype(bool)
            assert annotation["area"] == pixels.sum()
            drawn[pixels] = annotation["category_id"]
        np.testing.assert_array_equal(drawn, mask)


def test_the_reference_implementation_scores_our_results(
    exported: tuple[Path, list[np.ndarray]], capsys: pytest.CaptureFixture[str]
) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="needs pycocotools, which is in the extra `test`").COCO
    from pycocotools.cocoeval import COCOeval

    dataset = coco(str(exported[0] / "annotations.json"))
    results = json.loads((exported[0] / "annotations.json").read_text())["annotations"]
    for result in results:
        result.setdefault("score", 0.5)
    evaluation = COCOeval(dataset, dataset.loadRes(results), "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)


@given(SIZES)
def test_polygons_hold_exactly_the_pixels(mask: np.ndarray) -> None:
    polygons = polygons_of_mask(mask)
    np.testing.assert_array_equal(mask_from_polygons(polygons, mask.shape), mask)
    codes = pytest.importorskip("pycocotools.mask", reason="needs pycocotools, which is in the extra `test`")
    if polygons:
        height, width = mask.shape
        reference = codes.decode(codes.merge(codes.frPyObjects(polygons, height, width)))
        np.testing.assert_array_equal(reference.astype(bool), mask)


def test_a_ring_is_one_polygon_without_its_hole() -> None:
    ring = np.ones((5, 5), dtype=bool)
    ring[1:4, 1:4] = False
    ring[2, 2] = True
    outer, inner = polygons_of_mask(ring)
    assert len(inner) == 8
    assert {(x, y) for x, y in zip(inner[::2], inner[1::2], strict=True)} == {(2, 2), (3, 2), (3, 3), (2, 3)}
    np.testing.assert_array_equal(mask_from_polygons([outer], (5, 5)).sum(), 16)


@given(SIZES)
def test_brush_codes_are_read_back(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(decode_brush(encode_brush(mask), mask.shape), mask)


def test_brush_codes_of_single_values_and_long_runs() -> None:
    # By hand, as Label Studio's own encoder writes it: 8 values of 8 bits (2 pixels), sizes 3, 4, 8 and 16;
    # the first pixel value by value (a record of four single values), the second as one run.
    bits = f"{8:032b}{7:05b}" + "0010" + "0011" + "0111" + "1111"
    bits += "0" + "00" + "011" + "00000000" * 4 + "1" + "00" + "011" + "11111111"
    bits += "0" * (-len(bits) % 8)
    code = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    np.testing.assert_array_equal(decode_brush(code, (1, 2)), [[False, True]])
    large = np.zeros((400, 300), dtype=bool)
    large[100:350] = True
    np.testing.assert_array_equal(decode_brush(encode_brush(large), large.shape), large)


def test_polygons_of_label_studio_are_read(tmp_path: Path) -> None:
    result = {
        "type": "polygonlabels",
        "original_width": 10,
        "original_height": 20,
        "value": {"points": [[0, 0], [50, 0], [50, 25], [0, 25]], "polygonlabels": ["cat"]},
    }
    task = {"data": {"image": "/data/upload/1/cat.jpg"}, "annotations": [{"result": [result]}]}
    (tmp_path / "tasks.json").write_text(json.dumps([task]))
    found = read_masks(tmp_path / "tasks.json")
    assert found.pictures == ("cat.jpg",)
    assert found.names == {1: "cat"}
    expected = np.zeros((20, 10), dtype=int)
    expected[:5, :5] = 1
    np.testing.assert_array_equal(found[0].labels, expected)


def test_what_cvat_writes_is_read(tmp_path: Path) -> None:
    # Its COCO has uncompressed run lengths; its XML has masks inside their box, polygons and boxes.
    content = {
        "images": [{"id": 7, "file_name": "folder/cat.jpg", "height": 3, "width": 2}],
        "categories": [{"id": 5, "name": "cat"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 7,
                "category_id": 5,
                "segmentation": {"size": [3, 2], "counts": [1, 2, 3]},
                "bbox": [0, 1, 1, 2],
                "area": 2,
                "iscrowd": 1,
            }
        ],
    }
    (tmp_path / "instances_default.json").write_text(json.dumps(content))
    found = read_masks(tmp_path / "instances_default.json")
    assert found.names == {5: "cat"}
    np.testing.assert_array_equal(found.of_picture("cat.jpg").labels, [[0, 0], [5, 0], [5, 0]])
    (tmp_path / "annotations.xml").write_text(
        """<?xml version="1.0" encoding="utf-8"?>
        <annotations><version>1.1</version><image id="0" name="cat.jpg" width="4" height="3">
        <polygon label="dog" points="0.0,0.0;2.0,0.0;2.0,1.0;0.0,1.0" z_order="0"/>
        <mask label="cat" rle="1, 2, 1" left="1" top="1" width="2" height="2" z_order="1"/>
        <box label="box" xtl="3" ytl="0" xbr="4" ybr="3" z_order="0"/></image></annotations>"""
    )
    found = read_masks(tmp_path / "annotations.xml")
    assert found.names == {1: "box", 2: "cat", 3: "dog"}
    np.testing.assert_array_equal(found[0].labels, [[3, 3, 0, 1], [0, 0, 2, 1], [0, 2, 0, 1]])


def test_the_table_holds_areas_boxes_and_confidence(exported: tuple[Path, list[np.ndarray]]) -> None:
    folder, given_masks = exported
    rows = list(csv.DictReader(io.StringIO((folder / "segments.csv").read_text(encoding="utf-8"))))
    assert [row["picture"] for row in rows] == ["a.jpg"] * 4 + ["b.png"] * 4 + ["c.jpg"] * 4
    for row in rows:
        mask = given_masks[["a.jpg", "b.png", "c.jpg"].index(row["picture"])] == int(row["label"])
        y, x = np.nonzero(mask)
        assert int(row["area_px"]) == mask.sum()
        assert (int(row["left"]), int(row["top"])) == (x.min(), y.min())
        assert (int(row["width"]), int(row["height"])) == (np.ptp(x) + 1, np.ptp(y) + 1)
    assert [row["confidence"] for row in rows[:4]] == ["0.2500", "0.5000", "", ""]
    assert [row["colour"] for row in rows[:2]] == ["#e64b35", "#3c82dc"]


def _coco(tmp_path: Path, **changes: object) -> Path:
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 2, 0, 2, 2]], **changes}
    content = {
        "images": [{"id": 1, "file_name": "cat.jpg", "height": 4, "width": 4}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [annotation],
    }
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"segmentation": [[5, 5, 9, 5, 9, 9]]}, "lies outside the picture of 4 × 4 pixels"),
        ({"segmentation": [[0, 0, 1, 1]]}, "at least three corners"),
        ({"segmentation": {"size": [5, 4], "counts": [20]}}, "5 × 4 pixels does not fit its picture of 4 × 4"),
        ({"segmentation": {"size": [4, 4], "counts": [3]}}, "do not add up"),
        ({"category_id": 9}, "label 9, which `categories` does not name"),
        ({"image_id": 3}, "belongs to image 3, unknown"),
    ],
)
def test_bad_coco_is_one_sentence(tmp_path: Path, changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        list(read_masks(_coco(tmp_path, **changes)))


def test_bad_files_are_one_sentence(tmp_path: Path, exported: tuple[Path, list[np.ndarray]]) -> None:
    for name, content, sentence in (
        ("a.json", b"{", "damaged or not a file of masks"),
        ("b.json", b"[1]", "neither COCO's"),
        ("c.npz", b"no", "damaged or not a file of masks"),
        ("d.xml", b"<a/>", "where CVAT writes <annotations>"),
        ("e.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><annotations/>', "defines entities"),
        ("f.gif", b"GIF", "masks are read from"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=sentence):
            read_masks(tmp_path / name)
    with pytest.raises(InputError, match="no file of masks"):
        read_masks(tmp_path / "missing.json")
    found = read_masks(exported[0] / "masks.npz")
    with pytest.raises(InputError, match="no mask for the picture z"):
        found.of_picture("z.jpg")
    with pytest.raises(InputError, match="but the picture 1 × 1"):
        found.of_picture("a.jpg", (1, 1))
    with pytest.raises(InputError, match="does not fit its picture of 9 × 9"):
        decode_brush(encode_brush(np.ones((2, 2))), (9, 9))
    with pytest.raises(InputError, match="cut off"):
        decode_brush(encode_brush(np.ones((2, 2)))[:-1], (2, 2))
