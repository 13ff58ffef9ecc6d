"""Masks: found by name, read as numbers."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from alignedcut_viewer.errors import PictureError
from alignedcut_viewer.images import PictureSet, find_masks, load_mask, open_pictures

pytestmark = pytest.mark.quick

LABELS = np.array([[0, 1, 2], [3, 200, 255]], dtype=np.uint8)


def touch(folder: Path, *names: str) -> PictureSet:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return PictureSet([folder / name for name in names])


def test_grey_palette_tiff_and_bmp(tmp_path: Path) -> None:
    palette = Image.fromarray(LABELS, "P")
    palette.putpalette(list(range(256)) * 3)
    palette.save(tmp_path / "palette.png")
    Image.fromarray(LABELS).save(tmp_path / "grey.png")
    Image.fromarray(LABELS).save(tmp_path / "grey.bmp")
    Image.fromarray(np.repeat(LABELS[..., None], 3, -1)).save(tmp_path / "grey_as_rgb.png")
    for dtype in (np.uint8, np.uint16, np.int32, np.uint32, np.float32):
        tifffile.imwrite(tmp_path / f"{np.dtype(dtype)}.tif", LABELS.astype(dtype), compression="zlib")
    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(LABELS.astype(np.uint16)))
    for path in tmp_path.iterdir():
        labels = load_mask(path, size=(2, 3))
        assert labels.dtype == np.int32
        np.testing.assert_array_equal(labels, LABELS, err_msg=path.name)


def test_deep_labels_and_two_levels(tmp_path: Path) -> None:
    deep = np.array([[0, 70000]], dtype=np.int32)
    tifffile.imwrite(tmp_path / "deep.tif", deep)
    np.testing.assert_array_equal(load_mask(tmp_path / "deep.tif"), deep)
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "levels.png")
    np.testing.assert_array_equal(load_mask(tmp_path / "levels.png"), [[0, 1]])


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("colour", [0, 3])
def test_shallow_png_labels_are_not_spread(bits: int, colour: int, tmp_path: Path) -> None:
    values = [0, 1] if bits == 1 else [1, 2, 3, 0]
    packed = int("".join(f"{value:0{bits}b}" for value in values).ljust(-(-len(values) * bits // 8) * 8, "0"), 2)
    row = b"\0" + packed.to_bytes(-(-len(values) * bits // 8), "big")

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", len(values), 1, bits, colour, 0, 0, 0))
    data += chunk(b"PLTE", bytes(range(6)) * 2) if colour == 3 else b""
    path = tmp_path / "mask.png"
    path.write_bytes(data + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b""))
    np.testing.assert_array_equal(load_mask(path), [values])


@given(labels=hnp.arrays(np.uint16, st.tuples(st.integers(1, 5), st.integers(1, 5))))
def test_round_trip_of_any_16_bit_labels(labels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.png"
    path.write_bytes(imagecodecs.png_encode(labels))
    np.testing.assert_array_equal(load_mask(path), labels)


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "colours.png")
    Image.fromarray(colours[..., 0]).save(tmp_path / "lossy.jpg")
    tifffile.imwrite(tmp_path / "fractions.tif", np.array([[0.5]]))
    tifffile.imwrite(tmp_path / "pages.tif", np.zeros((2, 8, 8), np.uint8), photometric="minisblack")
    tifffile.imwrite(tmp_path / "large.tif", np.array([[2**31]], dtype=np.uint32))
    (tmp_path / "empty.png").touch()
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    for name, words in {
        "colours.png": "holds colours",
        "lossy.jpg": "is a JPEG",
        "fractions.tif": "fractions",
        "pages.tif": "2 pages",
        "large.tif": "beyond",
        "empty.png": "is empty",
        "broken.png": "is damaged",
        "missing.png": "cannot be read",
    }.items():
        with pytest.raises(PictureError, match=f"{name}.*{words}") as caught:
            load_mask(tmp_path / name)
        assert " object at 0x" not in str(caught.value)


def test_size_is_compared_with_the_picture(tmp_path: Path) -> None:
    Image.fromarray(LABELS).save(tmp_path / "mask.png")
    with pytest.raises(PictureError, match=r"2 × 3 pixels, but its picture 3 × 2"):
        load_mask(tmp_path / "mask.png", size=(3, 2))


def test_masks_are_found_by_stem(tmp_path: Path) -> None:
    pictures = touch(tmp_path / "images", "cat.jpg", "dog.jpg", "cow.jpg", "bird.jpg")
    touch(tmp_path / "masks", "dog.png", "cat_mask.png", "cow_labels.tif", "other.png")
    masks = find_masks(tmp_path / "masks", pictures)
    assert [mask and mask.name for mask in masks] == ["cat_mask.png", "dog.png", "cow_labels.tif", None]


def test_the_folder_of_masks_may_be_named_by_way_of_the_one_above(tmp_path: Path) -> None:
    pictures = touch(tmp_path / "images", "cat.jpg")
    touch(tmp_path / "masks", "cat.png")
    assert find_masks(tmp_path / "images" / ".." / "masks", pictures) == (tmp_path / "masks" / "cat.png",)


def test_an_exact_name_is_preferred(tmp_path: Path) -> None:
    pictures = touch(tmp_path / "images", "a.jpg", "a_mask.jpg")
    touch(tmp_path / "masks", "a.png", "a_mask.png")
    assert [mask and mask.name for mask in find_masks(tmp_path / "masks", pictures)] == ["a.png", "a_mask.png"]


def test_folders_tell_equal_names_apart(tmp_path: Path) -> None:
    pictures = touch(tmp_path / "images", "x/1.jpg", "y/1.jpg")
    touch(tmp_path / "masks", "x/1.png", "y/1.png")
    masks = find_masks(tmp_path / "masks", pictures)
    assert [mask and mask.parent.name for mask in masks] == ["x", "y"]


def test_masks_beside_the_pictures(tmp_path: Path) -> None:
    touch(tmp_path, "cat.jpg", "cat_mask.png")
    pictures = open_pictures(str(tmp_path / "*.jpg"))
    assert find_masks(tmp_path, pictures) == (tmp_path / "cat_mask.png",)


def test_ambiguous_and_foreign_masks_are_refused(tmp_path: Path) -> None:
    pictures = touch(tmp_path / "images", "cat.jpg")
    touch(tmp_path / "two", "cat.png", "cat.tif")
    with pytest.raises(PictureError, match=r"Two masks belong to cat\.jpg"):
        find_masks(tmp_path / "two", pictures)
    touch(tmp_path / "foreign", "horse.png")
    with pytest.raises(PictureError, match=r"cat\.jpg.*horse\.png"):
        find_masks(tmp_path / "foreign", pictures)
    with pytest.raises(PictureError, match="does not exist"):
        find_masks(tmp_path / "nowhere", pictures)


def test_coco_masks_fit_their_photographs(shared_data: Path) -> None:
    pictures = open_pictures(shared_data / "coco" / "images")
    masks = find_masks(shared_data / "coco" / "masks", pictures)
    assert all(masks)
    for number in range(0, len(pictures), 10):
        mask = masks[number]
        assert mask is not None
        labels = load_mask(mask, size=pictures.size(number))
        assert pictures[number].shape[:2] == labels.shape
        assert labels.min() >= 0
        assert labels.max() < 256
