"""One reader a layout, and finding out which layout a folder has."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, PictureError
from ...foreign_files import checked_name, reading_foreign
from ..masks import load_mask
from .stuff import COARSE_OF_FINE
from .truth import IGNORE, BenchmarkPicture, BenchmarkSet, encoded_ids, mapped, paired_files

__all__ = ["LAYOUTS", "open_benchmark"]


def open_benchmark(path: str | Path, layout: str = "auto", *, figure: int | None = None) -> BenchmarkSet:
    """Open a segmentation data set.

    Parameters
    ----------
    path
        Its folder (of ImageNet-Segmentation its ``.mat`` file), as it is published.
    layout
        One of :data:`LAYOUTS`, or ``"auto"``.
    figure
        In folders of pictures and masks: labels from 1 on and below this one are figure, all others ground.

    Raises
    ------
    InputError
        If the layout is unknown.
    PictureError
        If pictures or truths are missing or cannot be read.
    """
    path = Path(os.path.abspath(Path(path).expanduser()))  # as paths of pictures are: without '..'
    if not path.exists():
        raise PictureError(f"There is no data set {path}.")
    if layout == "auto":
        layout = next(name for name, (fits, _) in _READERS.items() if fits(path))
    if layout not in _READERS:
        raise InputError(f"Unknown layout {layout!r} of a data set; use auto, {', '.join(LAYOUTS)}.")
    if layout == "folders":
        return _folders(path, figure)
    return _READERS[layout][1](path)


def _picture(path: Path, truth: Callable[[], NDArray[np.int32]], root: Path) -> BenchmarkPicture:
    name = path.relative_to(root).with_suffix("").as_posix().replace("/", "_")
    return BenchmarkPicture(name, path, (truth,))


def _ignored(path: Path, ignore: int, n_classes: int) -> NDArray[np.int32]:
    labels = load_mask(path)
    return mapped(labels, {**{i: i for i in range(n_classes)}, ignore: IGNORE}, path)


# -- ImageNet-Segmentation (Guillaumin et al. 2014): one MATLAB 7.3 file, which is HDF5 ------------------------------


def _imagenet_segmentation(path: Path) -> BenchmarkSet:
    import h5py

    opened = partial(reading_foreign, path, "the file of ImageNet-Segmentation", PictureError)
    with opened(), h5py.File(path, "r") as file:
        count = int(file["value/img"].shape[0])

    def pixels(number: int) -> NDArray[np.uint8]:
        with opened(), h5py.File(path, "r") as file:
            picture = np.asarray(file[file["value/img"][number, 0]]).transpose(2, 1, 0)
        return np.ascontiguousarray(picture, dtype=np.uint8)

    def truth(number: int) -> NDArray[np.int32]:
        with opened(), h5py.File(path, "r") as file:
            cell = file[file["value/gt"][number, 0]]
            return np.asarray(file[cell[0, 0]]).T.astype(np.int32)

    pictures = tuple(
        BenchmarkPicture(f"{number:05d}", None, (partial(truth, number),), partial(pixels, number))
        for number in range(count)
    )
    return BenchmarkSet("imagenet-segmentation", pictures, 2, figure=1, names={0: "ground", 1: "figure"})


# -- classes in single-channel PNG ------------------------------------------------------------------------------------


def _imagenet_s(path: Path) -> BenchmarkSet:
    """ImageNet-S (Gao et al. 2022): class numbers in red + 256 green; 0 is the rest, 1000 is not known."""
    root = path / "validation"

    def truth(file: Path) -> NDArray[np.int32]:
        labels = encoded_ids(file) % 65536
        return np.where(labels == 1000, IGNORE, labels).astype(np.int32)

    pairs = paired_files(root, path / "validation-segmentation")
    pictures = tuple(_picture(p, partial(truth, t), root) for p, t in pairs)
    return BenchmarkSet("imagenet-s", pictures, 920, figure=1, names={0: "other"})


def _voc(path: Path) -> BenchmarkSet:
    """PASCAL VOC 2012: indexed PNG, 0 background, 255 not known, ``val.txt`` names the pictures."""
    split = path / "ImageSets" / "Segmentation" / "val.txt"
    names = split.read_text().split() if split.is_file() else []
    pairs = paired_files(path / "JPEGImages", path / "SegmentationClass")
    chosen = [(p, t) for p, t in pairs if not names or p.stem in names]
    pictures = tuple(_picture(p, partial(_ignored, t, 255, 21), path / "JPEGImages") for p, t in chosen)
    return BenchmarkSet("voc2012", pictures, 21, figure=1, names={0: "background"})


def _coco_panoptic(path: Path) -> BenchmarkSet:
    """COCO panoptic: segments numbered in the colours of a PNG, their categories in JSON."""
    file = next(iter(sorted((path / "annotations").glob("panoptic_*.json"))))
    with reading_foreign(file, "COCO's panoptic annotation", PictureError):
        content = json.loads(file.read_text(encoding="utf-8"))
        categories = {int(c["id"]): str(c["name"]) for c in content["categories"]}
        files = {image["id"]: checked_name(image["file_name"]) for image in content["images"]}
        entries = [
            (checked_name(a["file_name"]), files[a["image_id"]], a["segments_info"]) for a in content["annotations"]
        ]
    numbers = {category: i for i, category in enumerate(sorted(categories))}
    split = file.stem.removeprefix("panoptic_")
    truths = next((p for p in (path / file.stem, path / "annotations" / file.stem) if p.is_dir()), path / file.stem)

    def truth(name: str, segments: list[dict[str, Any]]) -> NDArray[np.int32]:
        with reading_foreign(file, "COCO's panoptic annotation", PictureError):
            table = {int(s["id"]): numbers[int(s["category_id"])] for s in segments}
        return mapped(encoded_ids(truths / name), {0: IGNORE, **table}, truths / name)

    pictures = tuple(
        _picture(path / split / picture, partial(truth, name, segments), path / split)
        for name, picture, segments in entries
    )
    named = {numbers[category]: name for category, name in categories.items()}
    return BenchmarkSet("coco-panoptic", pictures, len(numbers), names=named)


def _coco_stuff(path: Path) -> BenchmarkSet:
    """COCO-Stuff in the 27 coarse classes that unsupervised segmentation is scored on (Ji et al. 2019)."""
    truths = next(p for p in (path / "stuffthingmaps", path / "annotations") if p.is_dir())
    table = {**dict(enumerate(COARSE_OF_FINE)), 255: IGNORE}
    split = "val2017"
    pictures = path / split if (path / split).is_dir() else path / "images" / split

    def truth(file: Path) -> NDArray[np.int32]:
        return mapped(load_mask(file), table, file)

    own = truths / split if (truths / split).is_dir() else truths
    pairs = paired_files(pictures, own)
    return BenchmarkSet("coco-stuff-27", tuple(_picture(p, partial(truth, t), pictures) for p, t in pairs), 27)


def _cityscapes(path: Path) -> BenchmarkSet:
    """Cityscapes in the 27 classes of the same protocol: label ids 7 to 33."""
    root = path / "leftImg8bit" / "val"
    table = {i: i - 7 if 7 <= i <= 33 else IGNORE for i in range(-1, 256)}

    def truth(file: Path) -> NDArray[np.int32]:
        return mapped(load_mask(file), table, file)

    pairs = paired_files(root, path / "gtFine" / "val", "_leftImg8bit", "_gtFine_labelIds")
    return BenchmarkSet("cityscapes-27", tuple(_picture(p, partial(truth, t), root) for p, t in pairs), 27)


def _camvid(path: Path) -> BenchmarkSet:
    """CamVid: classes as colours, listed in ``label_colors.txt``; Void is not known."""
    lines = [line.split() for line in (path / "label_colors.txt").read_text().splitlines() if line.strip()]
    try:
        colours = [(int(r) + 256 * int(g) + 65536 * int(b), " ".join(name)) for r, g, b, *name in lines]
    except ValueError as error:
        raise PictureError(f"{path / 'label_colors.txt'} is no list of red, green, blue and name ({error}).") from error
    known = [entry for entry in colours if entry[1] != "Void"]
    table = {code: IGNORE for code, name in colours if name == "Void"} | {code: i for i, (code, _) in enumerate(known)}

    def truth(file: Path) -> NDArray[np.int32]:
        return mapped(encoded_ids(file), table, file)

    folders = [p for p in path.iterdir() if p.is_dir()]
    truths = next(p for p in folders if any(p.glob("*_L.png")))
    root = next(p for p in folders if p != truths)
    pairs = paired_files(root, truths, "", "_L")
    pictures = tuple(_picture(p, partial(truth, t), root) for p, t in pairs)
    return BenchmarkSet("camvid", pictures, len(known), names={i: name for i, (_, name) in enumerate(known)})


# -- regions of several people ----------------------------------------------------------------------------------------


def _bsds(path: Path) -> BenchmarkSet:
    """BSDS500: a MATLAB file a picture, with the regions that several people drew."""
    base = next(p for p in (path / "data", path / "BSDS500" / "data", path) if (p / "groundTruth").is_dir())

    def annotations(file: Path) -> list[NDArray[np.int32]]:
        from scipy.io import loadmat

        with reading_foreign(file, "a ground truth of BSDS500", PictureError):
            cells = loadmat(file)["groundTruth"].ravel()
            return [np.asarray(cell["Segmentation"][0, 0]).astype(np.int32) - 1 for cell in cells]

    def one(file: Path, number: int) -> NDArray[np.int32]:
        return annotations(file)[number]

    root = base / "images" / "test"
    pictures = tuple(
        BenchmarkPicture(p.stem, p, tuple(partial(one, t, n) for n in range(len(annotations(t)))))
        for p, t in paired_files(root, base / "groundTruth" / "test")
    )
    return BenchmarkSet("bsds500", pictures, None)


# -- figure and ground ------------------------------------------------------------------------------------------------

_SALIENCY = (
    ("images", "ground_truth_mask"),
    ("DUTS-TE-Image", "DUTS-TE-Mask"),
    ("DUT-OMRON-image", "pixelwiseGT-new-PNG"),
)


def _saliency(path: Path) -> BenchmarkSet:
    """ECSSD, DUTS and DUT-OMRON: white is figure."""
    root, truths = next((path / a, path / b) for a, b in _SALIENCY if (path / a).is_dir() and (path / b).is_dir())

    def truth(file: Path) -> NDArray[np.int32]:
        from PIL import Image

        try:
            with Image.open(file) as image:
                return (np.asarray(image.convert("L")) >= 128).astype(np.int32)
        except OSError as error:
            raise PictureError(f"The ground truth {file} cannot be read: {error}.") from error

    pictures = tuple(_picture(p, partial(truth, t), root) for p, t in paired_files(root, truths))
    return BenchmarkSet("saliency", pictures, 2, figure=1, names={0: "ground", 1: "figure"})


def _folders(path: Path, figure: int | None = None) -> BenchmarkSet:
    """``images/`` and ``masks/`` with label masks; 0 and 255 are not known, unless labels tell figure from ground."""
    root = path / "images"
    pairs = paired_files(root, path / "masks")

    def truth(file: Path) -> NDArray[np.int32]:
        labels = load_mask(file)
        if figure is not None:
            inside = (labels >= 1) & (labels < figure)
            return np.where((labels == 0) | (labels == 255), IGNORE, inside).astype(np.int32)
        return np.where((labels == 0) | (labels == 255), IGNORE, labels).astype(np.int32)

    def kinds(file: Path) -> NDArray[np.int32]:
        labels = load_mask(file)
        inside = (labels >= 1) & (labels < (figure or 0))
        return np.where((labels == 0) | (labels == 255), IGNORE, np.where(inside, labels, 0)).astype(np.int32)

    pictures = tuple(_picture(p, partial(truth, t), root) for p, t in pairs)
    if figure is not None:
        told = tuple(replace(one, kinds=partial(kinds, t)) for one, (_, t) in zip(pictures, pairs, strict=True))
        return BenchmarkSet("folders", told, 2, figure=1, names={0: "ground", 1: "figure"})
    return BenchmarkSet("folders", pictures, None)


_READERS: dict[str, tuple[Callable[[Path], bool], Callable[[Path], BenchmarkSet]]] = {
    "imagenet-segmentation": (lambda p: p.suffix == ".mat", _imagenet_segmentation),
    "imagenet-s": (lambda p: (p / "validation-segmentation").is_dir(), _imagenet_s),
    "voc2012": (lambda p: (p / "SegmentationClass").is_dir(), _voc),
    "coco-panoptic": (lambda p: any((p / "annotations").glob("panoptic_*.json")), _coco_panoptic),
    "cityscapes-27": (lambda p: (p / "gtFine").is_dir(), _cityscapes),
    "bsds500": (lambda p: any((p / q / "groundTruth").is_dir() for q in ("data", "BSDS500/data", ".")), _bsds),
    "saliency": (lambda p: any((p / a).is_dir() and (p / b).is_dir() for a, b in _SALIENCY), _saliency),
    "camvid": (lambda p: (p / "label_colors.txt").is_file(), _camvid),
    "coco-stuff-27": (lambda p: (p / "stuffthingmaps").is_dir(), _coco_stuff),
    "folders": (lambda p: True, _folders),
}

LAYOUTS = tuple(_READERS)
"""Layouts that are read."""
