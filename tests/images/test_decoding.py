"""Every kind of file that pictures come in, and the ways they break."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import PIL
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from alignedcut_viewer.errors import PictureError
from alignedcut_viewer.images.decoding import decode, oriented, read_size

pytestmark = pytest.mark.quick

HEIGHT, WIDTH = 24, 36


def smooth_rgb(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * y / (height - 1), 255 * x / (width - 1), 128 + 0 * x], axis=-1).astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def check_size(data: bytes, expected: tuple[int, ...], folder: Path) -> None:
    path = folder / "picture.bin"
    path.write_bytes(data)
    assert read_size(path) == expected[:2]


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})],
)
def test_lossless_formats_come_back_exactly(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    pixels = smooth_rgb()
    data = encoded(Image.fromarray(pixels), kind, **options)
    np.testing.assert_array_equal(decode(data, "x"), pixels)
    check_size(data, (HEIGHT, WIDTH), tmp_path)


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 95}), ("WEBP", {"quality": 95})])
def test_lossy_formats_come_back_nearly(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    pixels = smooth_rgb()
    data = encoded(Image.fromarray(pixels), kind, **options)
    assert np.abs(decode(data, "x").astype(int) - pixels).mean() < 4
    check_size(data, (HEIGHT, WIDTH), tmp_path)


STORED = {
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "TIFF": ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F", "LAB"],
    "JPEG": ["1", "L", "RGB", "CMYK", "YCbCr"],
    "WEBP": ["RGB", "RGBA"],
    "BMP": ["1", "L", "P", "RGB", "RGBA"],
}


def in_mode(mode: str) -> Image.Image:
    source = Image.fromarray(smooth_rgb())
    if mode == "LAB":
        return Image.frombytes("LAB", (WIDTH, HEIGHT), bytes([255, 0, 0]) * (WIDTH * HEIGHT))
    if mode == "I;16":
        return source.convert("L").convert("I").convert(mode)
    return source.convert("L").convert(mode) if mode in ("I", "F") else source.convert(mode)


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in STORED.items() for mode in modes])
def test_every_mode_that_a_format_stores_is_read(kind: str, mode: str) -> None:
    if (kind, mode) == ("TIFF", "YCbCr") and int(PIL.__version__.split(".")[0]) < 13:
        pytest.skip("this Pillow cannot read the uncompressed YCbCr TIFF that it writes; 13 can")
    data = encoded(in_mode(mode), kind)
    rgb = decode(data, "x")
    assert rgb.shape == (HEIGHT, WIDTH, 3)
    assert rgb.dtype == np.uint8
    if mode == "LAB":
        assert rgb.min() >= 253  # L = 100 is white
    elif mode == "CMYK":
        assert np.abs(rgb.astype(int) - smooth_rgb()).mean() < 6
    elif mode in ("RGB", "RGBA", "YCbCr"):
        assert np.abs(rgb.astype(int) - smooth_rgb()).mean() < 12
    else:
        luma = np.asarray(Image.fromarray(smooth_rgb()).convert("L")).astype(int)
        assert np.corrcoef(rgb.mean(-1).ravel(), luma.ravel())[0, 1] > 0.4


def test_transparency_is_laid_on_white() -> None:
    pixels = np.zeros((4, 4, 4), dtype=np.uint8)
    pixels[:2, :, 3] = 255
    for kind in ("PNG", "TIFF", "WEBP"):
        options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
        rgb = decode(encoded(Image.fromarray(pixels, "RGBA"), kind, **options), "x")
        assert (rgb[:2] == 0).all()
        assert (rgb[2:] == 255).all()
    palette = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), "P")
    palette.putpalette([0, 0, 0, 200, 10, 10])
    np.testing.assert_array_equal(decode(encoded(palette, "PNG", transparency=0), "x"), [[[255] * 3, [200, 10, 10]]])


@pytest.mark.parametrize("shape", [(), (2,), (3,), (4,)])
def test_16_bit_png_uses_all_its_bits(shape: tuple[int, ...], tmp_path: Path) -> None:
    pixels = np.full((5, 7, *shape), 2048, dtype=np.uint16)
    pixels[0, 0] = 4095
    if shape in ((2,), (4,)):
        pixels[..., -1] = 65535
    data = imagecodecs.png_encode(pixels)
    rgb = decode(data, "x")
    assert rgb[0, 0].tolist() == [255] * 3  # 12-bit data: 4095 is white
    assert rgb[1, 1].tolist() == [round(2048 / 4095 * 255)] * 3
    check_size(data, (5, 7), tmp_path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("options", [{}, {"compression": "lzw"}, {"bigtiff": True}, {"byteorder": ">"}])
def test_tiff_of_every_depth(dtype: Any, options: dict[str, Any], tmp_path: Path) -> None:
    pixels = smooth_rgb()
    stored = {np.uint8: pixels, np.uint16: pixels.astype(np.uint16) * 257, np.float32: pixels / np.float32(255)}[dtype]
    data = tiff(stored, photometric="rgb", **options)
    np.testing.assert_array_equal(decode(data, "x"), pixels)
    check_size(data, (HEIGHT, WIDTH), tmp_path)


def test_unusual_tiffs() -> None:
    pixels = smooth_rgb()
    planes = tiff(np.moveaxis(pixels, -1, 0), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(decode(planes, "x"), pixels)
    white_is_zero = tiff(pixels[..., 0], photometric="miniswhite")
    np.testing.assert_array_equal(decode(white_is_zero, "x")[..., 0], 255 - pixels[..., 0])
    stack = tiff(np.stack([pixels, 255 - pixels]), photometric="rgb")
    np.testing.assert_array_equal(decode(stack, "x"), pixels)
    jpeg = tiff(smooth_rgb(64, 64), photometric="rgb", compression="jpeg", compressionargs={"level": 95})
    assert np.abs(decode(jpeg, "x").astype(int) - smooth_rgb(64, 64)).mean() < 4
    near_infrared = tiff(np.concatenate([pixels, pixels[..., :1]], -1), photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(decode(near_infrared, "x"), pixels)
    premultiplied = np.zeros((2, 2, 4), dtype=np.uint8)
    assert (decode(tiff(premultiplied, photometric="rgb", extrasamples=["assocalpha"]), "x") == 255).all()
    table = np.zeros((3, 256), dtype=np.uint16)
    table[:, 1] = 65535, 257 * 7, 0
    palette = tiff(np.array([[0, 1]], dtype=np.uint8), photometric="palette", colormap=table)
    np.testing.assert_array_equal(decode(palette, "x"), [[[0, 0, 0], [255, 7, 0]]])
    ink = tiff(np.zeros((3, 3, 4), dtype=np.uint8), photometric="separated")
    assert (decode(ink, "x") == 255).all()


def test_tiff_with_too_many_channels_says_so() -> None:
    data = tiff(np.zeros((4, 4, 7), dtype=np.uint8), photometric="minisblack", planarconfig="contig")
    with pytest.raises(PictureError, match="7 channels"):
        decode(data, "scan.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(orientation: int, kind: str, tmp_path: Path) -> None:
    pixels = smooth_rgb()
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"quality": 95} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    data = (
        tiff(pixels, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
        if kind == "TIFF"
        else encoded(Image.fromarray(pixels), kind, exif=exif, **options)
    )
    tagged = Image.fromarray(pixels)
    tagged.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(tagged))
    np.testing.assert_array_equal(oriented(pixels, orientation), expected)
    rgb = decode(data, "x")
    assert rgb.shape == expected.shape
    assert np.abs(rgb.astype(int) - expected).mean() < 4
    check_size(data, expected.shape, tmp_path)


def test_orientation_behind_the_pixels_of_a_png(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    block = exif.tobytes()[6:]
    chunk = struct.pack(">I", len(block)) + b"eXIf" + block + struct.pack(">I", zlib.crc32(b"eXIf" + block))
    plain = encoded(Image.fromarray(smooth_rgb()), "PNG")
    data = plain[:-12] + chunk + plain[-12:]
    assert decode(data, "x").shape == (WIDTH, HEIGHT, 3)
    check_size(data, (WIDTH, HEIGHT), tmp_path)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_counts_as_upright() -> None:
    data = encoded(Image.fromarray(smooth_rgb()), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decode(data, "x").shape == (HEIGHT, WIDTH, 3)


def test_reduced_jpeg_is_large_enough_and_repeatable() -> None:
    data = encoded(Image.fromarray(smooth_rgb(400, 600)), "JPEG", quality=95)
    full = decode(data, "x")
    assert full.shape == (400, 600, 3)
    reduced = decode(data, "x", at_least=(90, 100))
    assert reduced.shape == (100, 150, 3)
    np.testing.assert_array_equal(reduced, decode(data, "x", at_least=(90, 100)))
    blocks = full.reshape(100, 4, 150, 4, 3).mean((1, 3))
    assert np.abs(reduced - blocks).mean() < 2
    assert decode(data, "x", at_least=(390, 100)).shape == full.shape
    png = encoded(Image.fromarray(smooth_rgb(400, 600)), "PNG")
    assert decode(png, "x", at_least=(10, 10)).shape == full.shape


def test_reduction_looks_at_the_upright_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(smooth_rgb(100, 800)), "JPEG", exif=exif)
    assert decode(data, "x", at_least=(400, 50)).shape == (400, 50, 3)
    assert decode(data, "x", at_least=(50, 400)).shape == (800, 100, 3)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\0" * 64, "zero bytes"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 30, "HEIC"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04rest", "zip"),
        (b"plain words", "damaged"),
        (b"\xff\xd8\xff\xe0 but no more", "damaged"),
        (b"II*\0\xff\xff\xff\xff", "damaged"),
    ],
)
def test_no_picture_is_named_with_the_reason(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=words) as caught:
        decode(data, "folder/holiday.jpg")
    assert str(caught.value).startswith("folder/holiday.jpg ")
    path = tmp_path / "holiday.jpg"
    path.write_bytes(data)
    with pytest.raises(PictureError, match=words) as also:
        read_size(path)
    for said in (str(caught.value), str(also.value)):
        assert " object at 0x" not in said
        assert "<" not in said


def test_eps_in_disguise_is_not_run() -> None:
    with pytest.raises(PictureError):
        decode(encoded(Image.fromarray(smooth_rgb()), "EPS"), "drawing.png")


def test_too_large_pictures_are_refused_before_they_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    pixels = smooth_rgb()
    for data in (
        encoded(Image.fromarray(pixels), "JPEG"),
        encoded(Image.fromarray(pixels), "PNG"),
        tiff(pixels, photometric="rgb"),
        imagecodecs.png_encode(pixels.astype(np.uint16)),
    ):
        with pytest.raises(PictureError, match="too large"):
            decode(data, "bomb.png")


def sample_files() -> list[bytes]:
    image = Image.fromarray(smooth_rgb())
    return [
        encoded(image, "JPEG"),
        encoded(image, "PNG"),
        encoded(image, "WEBP"),
        encoded(image, "BMP"),
        tiff(smooth_rgb(), photometric="rgb"),
        tiff(smooth_rgb(), photometric="rgb", compression="lzw"),
        imagecodecs.png_encode(smooth_rgb().astype(np.uint16) * 257),
    ]


FILES = sample_files()


@pytest.mark.parametrize("data", FILES, ids=["jpeg", "png", "webp", "bmp", "tiff", "tiff-lzw", "png-16"])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_truncated_files_are_refused(data: bytes, share: float) -> None:
    with pytest.raises(PictureError, match=r"holiday.* damaged"):
        decode(data[: int(len(data) * share)], "holiday")


@settings(deadline=None, max_examples=150)
@given(which=st.integers(0, len(FILES) - 1), position=st.floats(0, 1), value=st.binary(min_size=1, max_size=4))
@pytest.mark.filterwarnings("ignore")
def test_overwritten_bytes_give_a_picture_or_a_sentence(which: int, position: float, value: bytes) -> None:
    data = bytearray(FILES[which])
    start = int(position * (len(data) - len(value)))
    data[start : start + len(value)] = value
    try:
        rgb = decode(bytes(data), "x")
    except PictureError:
        pass
    else:
        assert rgb.ndim == 3
        assert rgb.shape[-1] == 3
        assert rgb.dtype == np.uint8
