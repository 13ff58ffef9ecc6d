"""Every layout in its published format, written small and read back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from alignedcut_viewer.errors import InputError, PictureError
from alignedcut_viewer.images.benchmark_sets import IGNORE, LAYOUTS, open_benchmark
from alignedcut_viewer.images.benchmark_sets.stuff import COARSE_OF_FINE

pytestmark = pytest.mark.quick

PICTURE = np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)
LABELS = np.array([[0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2], [0, 255, 255, 1, 5, 5], [0, 0, 1, 1, 5, 5]])


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)


def as_colours(ids: np.ndarray) -> np.ndarray:
    return np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1)


def test_imagenet_segmentation(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "gtsegs_ijcv.mat"
    with h5py.File(path, "w") as file:
        references = h5py.ref_dtype
        file.create_dataset("value/img", (2, 1), references)
        file.create_dataset("value/gt", (2, 1), references)
        for number in range(2):  # MATLAB stores columns first: a picture lies there as (3, W, H)
            file[f"#refs#/img{number}"] = (PICTURE + number).transpose(2, 1, 0)
            file[f"#refs#/map{number}"] = (number == LABELS).astype(np.uint8).T
            file.create_dataset(f"#refs#/cell{number}", (1, 1), references)[0, 0] = file[f"#refs#/map{number}"].ref
            file["value/img"][number, 0] = file[f"#refs#/img{number}"].ref
            file["value/gt"][number, 0] = file[f"#refs#/cell{number}"].ref
    found = open_benchmark(path)
    assert (found.layout, len(found), found.n_classes, found.figure) == ("imagenet-segmentation", 2, 2, 1)
    assert found.pictures[1].path is None
    assert found.pictures[1].pixels is not None
    assert_array_equal(found.pictures[1].pixels(), PICTURE + 1)
    assert_array_equal(found.pictures[1].truth(), LABELS == 1)


def test_imagenet_s(tmp_path: Path) -> None:
    ids = np.where(LABELS == 255, 1000, np.where(LABELS == 2, 300, 0))
    save(tmp_path / "validation" / "n01" / "a.JPEG", PICTURE)
    save(tmp_path / "validation-segmentation" / "n01" / "a.png", as_colours(ids))
    found = open_benchmark(tmp_path / "validation" / "..")
    assert found.layout == "imagenet-s"
    assert_array_equal(found.pictures[0].truth(), np.where(ids == 1000, IGNORE, ids))


def test_voc(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / "JPEGImages" / f"{name}.jpg", PICTURE)
        indexed = Image.fromarray(LABELS.astype(np.uint8))
        indexed.putpalette(bytes(range(256)) * 3)
        (tmp_path / "SegmentationClass").mkdir(exist_ok=True)
        indexed.save(tmp_path / "SegmentationClass" / f"{name}.png")
    (tmp_path / "ImageSets" / "Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Segmentation" / "val.txt").write_text("b\n")
    found = open_benchmark(tmp_path)
    assert (found.layout, found.n_classes) == ("voc2012", 21)
    assert [picture.name for picture in found.pictures] == ["b"]
    assert_array_equal(found.pictures[0].truth(), np.where(LABELS == 255, IGNORE, LABELS))
    save(tmp_path / "SegmentationClass" / "b.png", np.full((4, 6), 40))
    with pytest.raises(PictureError, match="unknown label 40"):
        found.pictures[0].truth()
    save(tmp_path / "SegmentationClass" / "b.png", np.full((4, 6), 255))
    with pytest.raises(PictureError, match="labels no pixel"):
        found.pictures[0].truth()


def test_coco_panoptic(tmp_path: Path) -> None:
    ids = np.where(LABELS == 255, 0, LABELS * 70_000 + 300)
    save(tmp_path / "val2017" / "a.jpg", PICTURE)
    save(tmp_path / "annotations" / "panoptic_val2017" / "a.png", as_colours(ids))
    categories = {0: 1, 1: 200, 2: 7, 5: 1}
    content = {
        "images": [{"id": 9, "file_name": "a.jpg"}],
        "annotations": [
            {
                "image_id": 9,
                "file_name": "a.png",
                "segments_info": [{"id": 70_000 * k + 300, "category_id": v} for k, v in categories.items()],
            }
        ],
        "categories": [{"id": i, "name": str(i)} for i in (1, 7, 200)],
    }
    (tmp_path / "annotations" / "panoptic_val2017.json").write_text(json.dumps(content))
    found = open_benchmark(tmp_path)
    assert (found.layout, found.n_classes) == ("coco-panoptic", 3)
    expected = np.vectorize({0: 0, 1: 2, 2: 1, 5: 0, 255: IGNORE}.get)(LABELS)
    assert_array_equal(found.pictures[0].truth(), expected)
    (tmp_path / "annotations" / "panoptic_val2017.json").write_text("{}")
    with pytest.raises(PictureError, match="not COCO's panoptic annotation"):
        open_benchmark(tmp_path)


def test_coco_stuff(tmp_path: Path) -> None:
    labels = np.where(LABELS == 5, 156, LABELS)  # 156 is sky
    save(tmp_path / "val2017" / "a.jpg", PICTURE)
    save(tmp_path / "stuffthingmaps" / "val2017" / "a.png", labels)
    found = open_benchmark(tmp_path)
    assert found.layout == "coco-stuff-27"
    expected = np.vectorize({0: 9, 1: 11, 2: 11, 156: 23, 255: IGNORE}.get)(labels)
    assert_array_equal(found.pictures[0].truth(), expected)
    assert len(COARSE_OF_FINE) == 182
    assert set(COARSE_OF_FINE) == set(range(27))


def test_cityscapes(tmp_path: Path) -> None:
    save(tmp_path / "leftImg8bit" / "val" / "ulm" / "ulm_1_leftImg8bit.png", PICTURE)
    save(tmp_path / "gtFine" / "val" / "ulm" / "ulm_1_gtFine_labelIds.png", np.where(LABELS == 5, 33, LABELS + 6))
    save(tmp_path / "gtFine" / "val" / "ulm" / "ulm_1_gtFine_color.png", PICTURE)
    found = open_benchmark(tmp_path)
    assert found.layout == "cityscapes-27"
    raw = np.where(LABELS == 5, 33, LABELS + 6).astype(np.uint8).astype(int)
    assert_array_equal(found.pictures[0].truth(), np.where((raw >= 7) & (raw <= 33), raw - 7, IGNORE))


def test_bsds(tmp_path: Path) -> None:
    from scipy.io import savemat

    save(tmp_path / "data" / "images" / "test" / "7.jpg", PICTURE)
    people = np.empty((1, 2), dtype=object)
    for person in range(2):
        drawn = np.roll(LABELS % 7, person, axis=1).astype(np.uint16) + 1
        people[0, person] = {"Segmentation": drawn, "Boundaries": drawn > 1}
    (tmp_path / "data" / "groundTruth" / "test").mkdir(parents=True)
    savemat(tmp_path / "data" / "groundTruth" / "test" / "7.mat", {"groundTruth": people})
    found = open_benchmark(tmp_path)
    assert (found.layout, found.n_classes, len(found.pictures[0].truths)) == ("bsds500", None, 2)
    assert_array_equal(found.pictures[0].truth(1), np.roll(LABELS % 7, 1, axis=1))


@pytest.mark.parametrize(
    ("pictures", "truths"),
    [
        ("images", "ground_truth_mask"),
        ("DUTS-TE-Image", "DUTS-TE-Mask"),
        ("DUT-OMRON-image", "pixelwiseGT-new-PNG"),
    ],
)
def test_saliency(tmp_path: Path, pictures: str, truths: str) -> None:
    save(tmp_path / pictures / "a.jpg", PICTURE)
    save(tmp_path / truths / "a.png", np.where(LABELS == 1, 250, 3))
    found = open_benchmark(tmp_path)
    assert (found.layout, found.figure) == ("saliency", 1)
    assert_array_equal(found.pictures[0].truth(), LABELS == 1)


def test_camvid(tmp_path: Path) -> None:
    colours = {"Sky": (128, 128, 128), "Road Shoulder": (1, 2, 3), "Void": (0, 0, 0)}
    (tmp_path / "label_colors.txt").write_text("".join(f"{r} {g} {b}\t\t{n}\n" for n, (r, g, b) in colours.items()))
    kinds = np.where(LABELS == 255, 2, np.minimum(LABELS, 1))
    save(tmp_path / "701_StillsRaw_full" / "1.png", PICTURE)
    save(tmp_path / "LabeledApproved_full" / "1_L.png", np.array(list(colours.values()))[kinds])
    found = open_benchmark(tmp_path)
    assert (found.layout, found.n_classes, dict(found.names)) == ("camvid", 2, {0: "Sky", 1: "Road Shoulder"})
    assert_array_equal(found.pictures[0].truth(), np.where(kinds == 2, IGNORE, kinds))


def test_folders(tmp_path: Path) -> None:
    save(tmp_path / "images" / "a.jpg", PICTURE)
    save(tmp_path / "masks" / "a.png", LABELS)
    found = open_benchmark(tmp_path)
    assert (found.layout, found.figure) == ("folders", None)
    unknown = (LABELS == 0) | (LABELS == 255)
    assert_array_equal(found.pictures[0].truth(), np.where(unknown, IGNORE, LABELS))
    figures = open_benchmark(tmp_path, figure=3)
    assert figures.figure == 1
    assert_array_equal(figures.pictures[0].truth(), np.where(unknown, IGNORE, LABELS < 3))
    assert figures.pictures[0].kinds is not None
    assert_array_equal(figures.pictures[0].kinds(), np.where(unknown, IGNORE, np.where(LABELS < 3, LABELS, 0)))


def test_mistakes_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no data set"):
        open_benchmark(tmp_path / "none")
    with pytest.raises(InputError, match="Unknown layout 'ade'"):
        open_benchmark(tmp_path, "ade")
    save(tmp_path / "images" / "a.jpg", PICTURE)
    save(tmp_path / "masks" / "b.png", LABELS)
    with pytest.raises(PictureError, match="is named like one of the 1 pictures"):
        open_benchmark(tmp_path)
    assert len(LAYOUTS) == 10
