"""Bytes of a picture file to 8-bit RGB.

JPEG, PNG, WebP and BMP are decoded by Pillow; 16-bit PNG (of which Pillow keeps the upper half only) by imagecodecs;
TIFF by tifffile, and by Pillow where its colours are YCbCr or CIELAB. Of several pages or frames the first is read.

* EXIF orientation is applied. Embedded colour profiles are not, as in the pipelines that networks are trained with.
* Transparent pictures are laid on white.
* Deep pixels are scaled as :func:`~alignedcut_viewer.images.pixels.scale_to_8_bit` says.
"""

from __future__ import annotations

import errno
import io
import re
import struct
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from ..errors import PictureError, UnreachablePictureError
from ..regular_files import open_regular
from .pixels import on_white, rgb_from_channels

__all__ = [
    "SUFFIXES",
    "check_strips",
    "decode",
    "exif_orientation",
    "is_png",
    "is_tiff",
    "oriented",
    "picture_formats",
    "read_size",
    "reason_of",
    "tiff_orientation",
]

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".bmp"})
"""Endings of file names that are taken for pictures, in lower case."""

_FORMATS = ("JPEG", "MPO", "PNG", "TIFF", "WEBP", "BMP", "DIB", "GIF")
_ORIENTATION_TAG = 0x0112
_TRANSPARENT_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_Result = TypeVar("_Result")


def decode(data: bytes, name: str | Path, *, at_least: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Decode one picture.

    Parameters
    ----------
    data
        All bytes of the file.
    name
        What to call the file in error messages.
    at_least
        Height and width that suffice. A JPEG that is at least twice as large in both is then decoded at 1/2, 1/4 or 1/8
        of its size, which is several times faster; the result is never smaller than asked for. Other formats come at
        full size. The same file and size always give the same pixels, but a reduced picture that is resized further
        differs slightly from the full one resized.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        RGB.

    Raises
    ------
    PictureError
        If the file is empty, damaged, too large, or no picture; the message names it and says which.
    UnreachablePictureError
        If memory or file handles ran out, which says nothing about the picture.
    """

    def work() -> NDArray[np.uint8]:
        if is_tiff(data):
            return _decode_tiff(data)
        if is_png(data) and data[24] == 16:
            return _decode_deep_png(data)
        return _decode_with_pillow(data, at_least)

    return _guarded(work, name, data[:256])


def read_size(path: Path) -> tuple[int, int]:
    """Height and width of the picture that :func:`decode` gives for a file; only the header is read.

    Raises
    ------
    PictureError
        If the header cannot be read.
    """
    try:
        with open_regular(path) as file:
            start = file.read(256)
            file.seek(0)
            return _guarded(lambda: _size_of(file, start), path, start)
    except OSError as error:
        raise UnreachablePictureError(f"{path} cannot be opened: {error.strerror or error}.") from error


def _size_of(file: IO[bytes], start: bytes) -> tuple[int, int]:
    if is_tiff(start):
        import tifffile

        with tifffile.TiffFile(file) as tiff:
            page = tiff.pages.first
            width, height = page.imagewidth, page.imagelength
            orientation = tiff_orientation(page)
    else:
        with Image.open(file, formats=picture_formats()) as image:
            width, height = image.size
            orientation = exif_orientation(image, file)
    return (width, height) if orientation >= 5 else (height, width)


def _guarded(work: Callable[[], _Result], name: str | Path, start: bytes) -> _Result:
    """Run a decoder; whatever it raises becomes a sentence."""
    if not start:
        raise PictureError(f"{name} is empty (0 bytes); copy or download it again.")
    try:
        return work()
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, _TooLargeError) as error:
        raise PictureError(f"{name} is too large to decode safely ({error}); scale it down first.") from error
    except MemoryError as error:
        raise UnreachablePictureError(f"{name} does not fit into the memory that is free now; free some.") from error
    # Decoders answer broken bytes with nearly every type of exception there is.
    except Exception as error:
        if _is_shortage(error):
            raise UnreachablePictureError(f"{name} cannot be decoded at present ({reason_of(error)}).") from error
        kind = _kind_of(start)
        if kind is not None:
            raise PictureError(f"{name} is not a picture that can be read: it holds {kind}.") from error
        raise PictureError(f"{name} is damaged and cannot be decoded ({reason_of(error)}).") from error


def _is_shortage(error: BaseException | None) -> bool:
    """Whether the machine failed rather than the picture: no file handle, no memory, a library that did not load."""
    while error is not None:
        if isinstance(error, MemoryError | ImportError):
            return True
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO):
            return True
        error = error.__cause__ or error.__context__
    return False


def reason_of(error: Exception) -> str:
    """What a decoder said, without the objects that it names by their address."""
    said = re.sub(r"\s*<[^<>]*(?: object at 0x[0-9a-fA-F]+|name=)[^<>]*>", "", str(error))
    return said.strip().rstrip(".") or type(error).__name__


class _TooLargeError(Exception):
    pass


def _check_area(height: int, width: int) -> None:
    """Apply Pillow's bound to pictures that Pillow does not open."""
    limit = 2 * Image.MAX_IMAGE_PIXELS if Image.MAX_IMAGE_PIXELS else None
    if limit is not None and height * width > limit:
        raise _TooLargeError(f"{height:,} × {width:,} pixels, where {limit:,} in all are the limit")


@lru_cache(maxsize=1)
def picture_formats() -> tuple[str, ...]:
    """Formats that Pillow may recognise here; leaves out those that run other programs, such as EPS."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def is_tiff(start: bytes) -> bool:
    """Whether a file that starts so is a TIFF or BigTIFF."""
    return start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_png(start: bytes) -> bool:
    """Whether a file that starts so is a PNG with a complete header."""
    return start[:8] == b"\x89PNG\r\n\x1a\n" and len(start) >= 33 and start[12:16] == b"IHDR"


def _kind_of(start: bytes) -> str | None:
    """What a file that is no picture probably is."""
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page, as a failed download leaves it"
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer; run `git lfs pull` where it came from"
    if text.startswith((b"<?xml", b"<svg")):
        return "XML or SVG; export it as PNG first"
    if start[4:8] == b"ftyp":
        return "HEIC, AVIF or video; convert it to JPEG or PNG first"
    if start.startswith(b"%PDF"):
        return "a PDF document; export its pages as PNG first"
    if start.startswith(b"PK\x03\x04"):
        return "a zip archive; unpack it first"
    if not any(start):
        return "only zero bytes; copy or download it again"
    return None


def oriented(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn pixels ``(H, W, ...)`` upright, given their EXIF orientation (1 to 8)."""
    if orientation >= 5:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def exif_orientation(image: Image.Image, file: IO[bytes]) -> int:
    """EXIF orientation, 1 to 8; damaged metadata count as upright."""
    try:
        # Pillow's own getexif decodes a whole PNG in search of metadata behind the pixels.
        value = Image.Image.getexif(image).get(_ORIENTATION_TAG)
        if value is None and image.format == "PNG":
            value = _late_png_orientation(file)
        return int(value) if value in range(1, 9) else 1  # type: ignore[arg-type]
    except Exception:
        return 1


def _late_png_orientation(file: IO[bytes]) -> int | None:
    """Orientation in an eXIf chunk anywhere in a PNG; walks from chunk to chunk without reading pixels."""
    position = file.tell()
    try:
        file.seek(8)
        while len(header := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", header)
            if kind == b"eXIf":
                exif = Image.Exif()
                exif.load(b"Exif\0\0" + file.read(length))
                return exif.get(_ORIENTATION_TAG)
            if kind == b"IEND":
                break
            file.seek(length + 4, io.SEEK_CUR)
        return None
    finally:
        file.seek(position)


def _decode_with_pillow(data: bytes, at_least: tuple[int, int] | None) -> NDArray[np.uint8]:
    file = io.BytesIO(data)
    with Image.open(file, formats=picture_formats()) as image:
        orientation = exif_orientation(image, file)
        if at_least is not None and image.format in ("JPEG", "MPO"):
            height, width = at_least if orientation < 5 else at_least[::-1]
            image.draft(None, (max(width, 1), max(height, 1)))
        return oriented(_rgb_of(image), orientation)


def _rgb_of(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in _TRANSPARENT_MODES or "transparency" in image.info:
        return rgb_from_channels(np.asarray(image.convert("RGBA")), alpha=True)
    if image.mode.startswith(("I", "F")):
        return rgb_from_channels(np.asarray(image))
    if image.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, *profiles, outputMode="RGB") or image
    return np.ascontiguousarray(np.asarray(image.convert("RGB"), dtype=np.uint8))


def _decode_deep_png(data: bytes) -> NDArray[np.uint8]:
    import imagecodecs

    file = io.BytesIO(data)
    with Image.open(file, formats=picture_formats()) as image:  # also checks the size
        orientation = exif_orientation(image, file)
    return oriented(rgb_from_channels(imagecodecs.png_decode(data)), orientation)


def tiff_orientation(page: Any) -> int:
    """Orientation of a tifffile page, 1 to 8."""
    tag = page.tags.get(_ORIENTATION_TAG)
    return int(tag.value) if tag is not None and tag.value in range(1, 9) else 1


def _decode_tiff(data: bytes) -> NDArray[np.uint8]:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        page = tiff.pages.first
        _check_area(page.imagelength, page.imagewidth)
        orientation = tiff_orientation(page)
        photometric = tifffile.PHOTOMETRIC
        jpeg = page.compression in (tifffile.COMPRESSION.JPEG, tifffile.COMPRESSION.OJPEG)
        known = {photometric.MINISWHITE, photometric.MINISBLACK, photometric.RGB, photometric.PALETTE}
        if page.photometric in known or page.photometric == photometric.SEPARATED or jpeg:
            return oriented(_rgb_of_tiff(page), orientation)
    with Image.open(
        io.BytesIO(data), formats=picture_formats()
    ) as image:  # YCbCr, CIELAB; Pillow turns it upright itself
        return _rgb_of(image)


def _rgb_of_tiff(page: Any) -> NDArray[np.uint8]:
    import tifffile

    check_strips(page)
    pixels = page.asarray()
    if page.axes.startswith("S"):  # planes one after the other
        pixels = np.moveaxis(pixels, 0, -1)
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        table = _palette_to_8_bit(page.colormap)
        indices, *alpha_channel = [pixels] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
        colour = np.ascontiguousarray(table[indices])
        return on_white(colour, alpha_channel[0]) if alpha_channel else colour
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        pixels = ~pixels if pixels.dtype == np.bool_ else (2**page.bitspersample - 1) - pixels
    if page.photometric == tifffile.PHOTOMETRIC.SEPARATED and pixels.ndim == 3 and pixels.shape[-1] >= 4:
        ink = rgb_from_channels(pixels[..., :3]), rgb_from_channels(pixels[..., 3])[..., :1]
        cyan_magenta_yellow_black = np.concatenate(ink, axis=-1)
        return np.asarray(Image.fromarray(cyan_magenta_yellow_black, mode="CMYK").convert("RGB"), dtype=np.uint8)
    extra = tuple(int(sample) for sample in page.extrasamples or ())
    bits = page.bitspersample if isinstance(page.bitspersample, int) else None
    alpha = extra[0] in (1, 2) if extra else None
    return rgb_from_channels(pixels, bits=bits, alpha=alpha, premultiplied=bool(extra) and extra[0] == 1)


def check_strips(page: Any) -> None:
    """Refuse a TIFF whose pixels end before they should; tifffile would fill the rest with zeros."""
    end = max((o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=True)), default=0)
    if end > page.parent.filehandle.size:
        raise ValueError("the file ends before its pixels do")


def _palette_to_8_bit(colormap: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Turn the 16-bit colour table ``(3, n)`` of a TIFF into 8-bit RGB ``(n, 3)``."""
    # Some writers store 8-bit values; a table without any larger one is taken at its word.
    divisor = 257 if colormap.max() > 255 else 1
    return np.ascontiguousarray(np.rint(colormap.T / divisor).astype(np.uint8))
