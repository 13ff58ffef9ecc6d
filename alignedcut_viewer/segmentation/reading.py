"""Masks read back: what this program wrote, and what CVAT and Label Studio write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..foreign_files import checked_size, reading_foreign
from .cvat import masks_of_cvat
from .label_studio import masks_of_task
from .polygons import mask_from_polygons
from .rle import decode_mask

__all__ = ["ReadMask", "ReadMasks", "read_masks"]


@dataclass(frozen=True)
class ReadMask:
    """The mask of one picture.

    Attributes
    ----------
    picture
        File name of the picture, or of the mask where only that is known.
    labels
        int32 ``(H, W)``; 0 is no segment. Where shapes overlap the later one lies on top.
    confidence
        Of labels that carry one: the highest where several shapes have one label.
    names
        Of labels that are called otherwise here than in other pictures.
    """

    picture: str
    labels: NDArray[np.int32]
    confidence: dict[int, float] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadMasks:
    """Masks of a file or folder, read one by one.

    Attributes
    ----------
    pictures
        Names of the pictures, in their order.
    names
        Name of each label number, as far as the file names any that are the same in all pictures.
    """

    pictures: tuple[str, ...]
    names: dict[int, str]
    _load: Callable[[int], ReadMask]

    def __len__(self) -> int:
        return len(self.pictures)

    def __iter__(self) -> Iterator[ReadMask]:
        return (self._load(number) for number in range(len(self.pictures)))

    def __getitem__(self, number: int) -> ReadMask:
        return self._load(number)

    def of_picture(self, name: str, size: tuple[int, int] | None = None) -> ReadMask:
        """The mask of a picture, by its file name or that without its ending.

        Raises
        ------
        InputError
            If there is none, two, or one of another size than `size`.
        """
        stem = Path(name).stem
        fitting = [i for i, known in enumerate(self.pictures) if known == name] or [
            i for i, known in enumerate(self.pictures) if known == stem or Path(known).stem == stem
        ]
        if len(fitting) != 1:
            count = "no mask" if not fitting else f"{len(fitting)} masks"
            raise InputError(f"There is {count} for the picture {name} among the {len(self)} that were read.")
        found = self._load(fitting[0])
        if size is not None and found.labels.shape != tuple(size):
            raise InputError(
                f"The mask of {name} is {found.labels.shape[0]} × {found.labels.shape[1]} pixels, but the picture "
                f"{size[0]} × {size[1]}."
            )
        return found


def read_masks(path: str | Path) -> ReadMasks:
    """Read masks that were exported, here or by CVAT or Label Studio.

    Parameters
    ----------
    path
        A ``.npz`` archive; a ``.json`` file of COCO (run-length codes, polygons, scores) or of Label Studio (brush
        labels, polygons); a ``.xml`` file of CVAT; or one mask as ``.png`` or ``.tif``. Folders of masks beside their
        pictures are found by :func:`alignedcut_viewer.images.find_masks`.

    Returns
    -------
    ReadMasks
        Read one by one when asked for. Labels keep their numbers where the file has numbers; names of Label Studio and
        CVAT are numbered from 1 in alphabetical order, but ``segment N`` becomes N.

    Raises
    ------
    InputError
        If the file is none of these, damaged, or holds a shape that does not fit its picture.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError(f"{path} is no file of masks; give a .npz, .json, .xml, .png or .tif file.")
    readers: dict[str, Callable[[Path], ReadMasks]] = {
        ".npz": _numpy,
        ".json": _json,
        ".xml": _cvat,
        ".png": _picture,
        ".tif": _picture,
        ".tiff": _picture,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: masks are read from .npz, .json, .xml, .png and .tif files.")
    with reading_foreign(path, "a file of masks"):
        found = reader(path)

    def load(number: int) -> ReadMask:
        with reading_foreign(path, "a file of masks"):
            return found[number]

    return ReadMasks(found.pictures, found.names, load)


def _numpy(path: Path) -> ReadMasks:
    with np.load(path, allow_pickle=False) as archive:
        names = tuple(archive.files)

    def load(number: int) -> ReadMask:
        with np.load(path, allow_pickle=False) as archive:
            labels = archive[names[number]]
        if labels.ndim != 2 or labels.dtype.kind not in "iub":
            raise InputError(f"{path}: {names[number]} is no mask (height, width) of whole numbers.")
        return ReadMask(names[number], labels.astype(np.int32))

    return ReadMasks(names, {}, load)


def _picture(path: Path) -> ReadMasks:
    def load(number: int) -> ReadMask:
        if path.suffix.lower() == ".png":
            from PIL import Image

            with Image.open(path) as image:
                labels = np.asarray(image)
        else:
            import tifffile

            labels = np.asarray(tifffile.imread(path))
        if labels.ndim != 2 or labels.dtype.kind not in "iub":
            raise InputError(f"{path} holds colours, not labels; store one number per pixel.")
        return ReadMask(path.stem, labels.astype(np.int32))

    load(0)
    return ReadMasks((path.stem,), {}, load)


def _json(path: Path) -> ReadMasks:
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, dict) and "images" in content:
        return _coco(content)
    tasks = content if isinstance(content, list) else [content]
    if not tasks or not all(isinstance(task, dict) and "data" in task for task in tasks):
        raise InputError("this JSON is neither COCO's (`images`, `annotations`) nor a list of tasks of Label Studio.")
    return _tasks(tasks)


def _coco(content: Mapping[str, Any]) -> ReadMasks:
    images = list(content["images"])
    names = {int(category["id"]): str(category["name"]) for category in content.get("categories", [])}
    by_image: dict[Any, list[Mapping[str, Any]]] = {image["id"]: [] for image in images}
    for annotation in content.get("annotations", []):
        if annotation["image_id"] not in by_image:
            raise InputError(f"annotation {annotation.get('id')} belongs to image {annotation['image_id']}, unknown.")
        label = int(annotation["category_id"])
        if names and label not in names:
            raise InputError(f"annotation {annotation.get('id')} has label {label}, which `categories` does not name.")
        by_image[annotation["image_id"]].append(annotation)
    # this program's, where each picture has names of its own: the label is kept beside the category
    own = any("segment" in annotation for annotation in content.get("annotations", []))
    pictures = tuple(str(image["file_name"]).replace("\\", "/").rsplit("/", 1)[-1] for image in images)

    def load(number: int) -> ReadMask:
        image = images[number]
        size = checked_size(image["height"], image["width"])
        labels = np.zeros(size, dtype=np.int32)
        confidence: dict[int, float] = {}
        called: dict[int, str] = {}
        for annotation in by_image[image["id"]]:
            shape, label = annotation["segmentation"], int(annotation.get("segment", annotation["category_id"]))
            name = names.get(int(annotation["category_id"]), "")
            if own and name != f"segment {label}":
                called[label] = name
            try:
                mask = mask_from_polygons(shape, size) if isinstance(shape, list) else decode_mask(shape)
            except InputError as error:
                raise InputError(f"{pictures[number]}, annotation {annotation.get('id')}: {error}") from error
            if mask.shape != size:
                raise InputError(
                    f"{pictures[number]}: a mask of {mask.shape[0]} × {mask.shape[1]} pixels does not fit its picture "
                    f"of {size[0]} × {size[1]}."
                )
            labels[mask] = label
            if annotation.get("score") is not None:
                confidence[label] = max(confidence.get(label, 0.0), float(annotation["score"]))
        return ReadMask(pictures[number], labels, confidence, called)

    return ReadMasks(pictures, {} if own else names, load)


def _numbered(names: set[str]) -> dict[str, int]:
    """Numbers of names: that in ``segment N`` where it is free, the others from 1 on in alphabetical order."""
    numbers: dict[str, int] = {}
    for name in sorted(names):
        word, _, number = name.partition(" ")
        if word == "segment" and number.isdecimal() and 0 < int(number) <= 65535:
            numbers[name] = int(number)
    free = 1
    for name in sorted(names - set(numbers)):
        while free in numbers.values():
            free += 1
        numbers[name] = free
    return numbers


def _stacked(
    picture: str, size: tuple[int, int], shapes: Sequence[tuple[str, NDArray[np.bool_], float]], numbers: dict[str, int]
) -> ReadMask:
    labels = np.zeros(size, dtype=np.int32)
    confidence: dict[int, float] = {}
    for name, mask, score in shapes:
        if mask.shape != size:
            raise InputError(f"{picture}: its shapes were drawn on pictures of different sizes.")
        labels[mask] = numbers[name]
        if score == score:
            confidence[numbers[name]] = max(confidence.get(numbers[name], 0.0), score)
    return ReadMask(picture, labels, confidence)


def _all_at_once(found: Sequence[tuple[str, tuple[int, int], list[tuple[str, NDArray[np.bool_], float]]]]) -> ReadMasks:
    numbers = _numbered({name for _, _, shapes in found for name, _, _ in shapes})
    masks = [_stacked(picture, size, shapes, numbers) for picture, size, shapes in found]
    return ReadMasks(tuple(mask.picture for mask in masks), {n: name for name, n in numbers.items()}, masks.__getitem__)


def _tasks(tasks: Sequence[Mapping[str, Any]]) -> ReadMasks:
    return _all_at_once([masks_of_task(task) for task in tasks])


def _cvat(path: Path) -> ReadMasks:
    none = float("nan")
    return _all_at_once(
        [
            (picture, size, [(name, mask, none) for name, mask in shapes])
            for picture, size, shapes in masks_of_cvat(path.read_bytes())
        ]
    )
