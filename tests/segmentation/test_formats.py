"""What each format writes is read back by other libraries as it was."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from alignedcut_viewer.errors import InputError, StorageError
from alignedcut_viewer.segmentation import (
    decode_mask,
    segment_colours,
    write_coco_rle,
    write_indexed_png,
    write_npz,
    write_tiff,
)
from alignedcut_viewer.segmentation.formats import encode_indexed_png, encode_tiff

pytestmark = pytest.mark.quick

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))
small_masks = hnp.arrays(st.sampled_from([np.uint8, np.int32, np.int64]), shapes, elements=st.integers(0, 127))
deep_masks = hnp.arrays(np.int32, shapes, elements=st.integers(0, 65535))


@given(small_masks)
def test_indexed_png_holds_labels_and_their_colours(mask: np.ndarray) -> None:
    with Image.open(io.BytesIO(encode_indexed_png(mask))) as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), mask)
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), segment_colours(255)[mask])


@given(deep_masks)
def test_tiff_holds_labels_in_as_many_bits_as_they_need(mask: np.ndarray) -> None:
    with tifffile.TiffFile(io.BytesIO(encode_tiff(mask))) as tiff:
        assert tiff.is_imagej
        labels = tiff.asarray()
        np.testing.assert_array_equal(labels, mask)
        assert labels.dtype == (np.uint8 if mask.max() < 256 else np.uint16)


def test_tiff_brings_a_colour_table_for_imagej() -> None:
    colours = np.array([[10, 20, 30], [40, 50, 60]], dtype=np.uint8)
    with tifffile.TiffFile(io.BytesIO(encode_tiff([[0, 1, 2]], colours))) as tiff:
        assert tiff.imagej_metadata is not None
        table = np.asarray(tiff.imagej_metadata["LUTs"]).reshape(3, 256)
    np.testing.assert_array_equal(table[:, :3].T, [[0, 0, 0], [10, 20, 30], [40, 50, 60]])


@given(st.lists(deep_masks, max_size=4))
def test_npz_holds_masks_of_different_sizes(masks: list[np.ndarray]) -> None:
    import tempfile

    names = [f"picture {i}" for i in range(len(masks))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "masks.npz")
        write_npz(path, names, iter(masks))
        with np.load(path) as archive:
            assert archive.files == names
            for name, mask in zip(names, masks, strict=True):
                np.testing.assert_array_equal(archive[name], mask)


def test_equal_masks_make_equal_archives(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, ["x"], [np.eye(3, dtype=int)])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_coco_json_has_all_that_coco_asks_for(tmp_path: Path, rng: np.random.Generator) -> None:
    masks = [rng.integers(0, 4, (9, 14)), np.zeros((3, 5), dtype=int), np.full((4, 4), 3)]
    path = tmp_path / "annotations.json"
    write_coco_rle(
        path, ["a.jpg", "b.jpg", "c.jpg"], masks, categories={1: "sky", 5: "unused"}, info={"network": "simulated"}
    )
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["info"]["network"] == "simulated"
    assert {c["id"]: c["name"] for c in content["categories"]} == {
        1: "sky",
        2: "segment 2",
        3: "segment 3",
        5: "unused",
    }
    images = {image["id"]: image for image in content["images"]}
    assert [image["file_name"] for image in images.values()] == ["a.jpg", "b.jpg", "c.jpg"]
    assert len({annotation["id"] for annotation in content["annotations"]}) == len(content["annotations"]) == 4
    rebuilt = [np.zeros((image["height"], image["width"]), dtype=int) for image in images.values()]
    for annotation in content["annotations"]:
        segment = decode_mask(annotation["segmentation"])
        assert annotation["area"] == segment.sum() > 0
        assert annotation["iscrowd"] == 0
        x, y, width, height = map(int, annotation["bbox"])
        rows, columns = np.nonzero(segment)
        assert (y, y + height - 1, x, x + width - 1) == (rows.min(), rows.max(), columns.min(), columns.max())
        rebuilt[annotation["image_id"] - 1][segment] = annotation["category_id"]
    for mask, again in zip(masks, rebuilt, strict=True):
        np.testing.assert_array_equal(mask, again)


def test_files_are_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    for write, name in ((write_indexed_png, "m.png"), (write_tiff, "m.tif")):
        write(tmp_path / name, [[1, 2]])
        before = (tmp_path / name).read_bytes()
        write(tmp_path / name, [[2, 1]])
        assert (tmp_path / name).read_bytes() != before
        with pytest.raises(InputError):
            write(tmp_path / name, [[0.5]])
        with pytest.raises(StorageError):
            write(tmp_path / "missing" / name, [[1]])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.png", "m.tif"]


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ([[256]], "up to 255"),
        ([[-1]], "between 0 and 65,535"),
        ([[70000]], "between 0 and 65,535"),
        ([1, 2], "height, width"),
        (np.zeros((0, 3), int), "height, width"),
        ([[1.0]], "whole numbers"),
    ],
)
def test_what_is_no_mask_is_refused(mask: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        encode_indexed_png(mask)  # type: ignore[arg-type]


def test_colours_must_suffice() -> None:
    with pytest.raises(InputError, match="Labels up to 3 need"):
        encode_indexed_png([[3]], np.zeros((2, 3), dtype=np.uint8))


def test_names_must_fit(tmp_path: Path) -> None:
    mask = [[1]]
    with pytest.raises(InputError, match="got 1"):
        write_npz(tmp_path / "m.npz", ["a", "b"], [mask])
    with pytest.raises(InputError, match="there are more"):
        write_npz(tmp_path / "m.npz", ["a"], [mask, mask])
    with pytest.raises(InputError, match="Two masks are called"):
        write_npz(tmp_path / "m.npz", ["a", "a"], [mask, mask])
    assert not list(tmp_path.iterdir())
