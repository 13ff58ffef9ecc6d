"""Masks as Label Studio takes and writes them: tasks in JSON with brush labels.

A brush label is a run-length code of the picture's four channels, row by row, as bits: 32 for the number of values, 5
for the bits of a value less one, four times 4 for the bits of a length less one; then one record a run: 1 bit (one
value repeated, or single values), 2 bits (which of the four sizes), the length less one, and the value or values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..atomic_files import json_bytes
from ..choices import DISTRIBUTION
from ..errors import InputError
from ..foreign_files import checked_size
from .formats import LabelledMask, checked_mask
from .polygons import mask_from_polygons

__all__ = ["LabelStudioTasks", "decode_brush", "encode_brush", "masks_of_task"]

_SIZES = (3, 4, 8, 16)
_CHANNELS = 4


def encode_brush(mask: ArrayLike) -> list[int]:
    """Run-length code of a binary mask, the bytes as numbers from 0 to 255."""
    flat = np.asarray(mask, dtype=bool).ravel()
    if not flat.size:
        raise InputError("An empty mask has no run-length code.")
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    lengths = np.diff(np.append(starts, flat.size)) * _CHANNELS
    parts = [f"{flat.size * _CHANNELS:032b}{7:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    longest = 1 << _SIZES[-1]
    for value, length in zip(flat[starts].tolist(), lengths.tolist(), strict=True):
        while length:
            run = min(length, longest)
            number = next(i for i, size in enumerate(_SIZES) if run <= 1 << size)
            parts.append(f"1{number:02b}{run - 1:0{_SIZES[number]}b}{255 * value:08b}")
            length -= run
    bits = "".join(parts)
    bits += "0" * (-len(bits) % 8)
    return list(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def decode_brush(code: Sequence[int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a run-length code of Label Studio; a pixel belongs to the mask where its last channel is not 0.

    Raises
    ------
    InputError
        If the code is cut off or of a picture of another size.
    """
    height, width = size
    damaged = "This is no run-length code of Label Studio, or it is cut off."
    try:
        data = bytes(code)
    except (TypeError, ValueError):
        raise InputError(damaged) from None
    bits = "".join(f"{byte:08b}" for byte in data)
    if len(bits) < 53:
        raise InputError(damaged)
    total, word = int(bits[:32], 2), int(bits[32:37], 2) + 1
    sizes = [int(bits[37 + 4 * i : 41 + 4 * i], 2) + 1 for i in range(4)]
    if total != height * width * _CHANNELS:
        raise InputError(
            f"A mask of {total // _CHANNELS} pixels does not fit its picture of {width} × {height} pixels."
        )
    values = np.zeros(total, dtype=bool)
    at, done = 53, 0
    try:
        while done < total:
            repeated, which = bits[at] == "1", int(bits[at + 1 : at + 3], 2)
            at += 3
            length = int(bits[at : at + sizes[which]], 2) + 1
            at += sizes[which]
            n_values = 1 if repeated else length
            if at + n_values * word > len(bits) or done + length > total:
                raise InputError(damaged)
            if repeated:
                values[done : done + length] = "1" in bits[at : at + word]
            else:
                for i in range(length):
                    values[done + i] = "1" in bits[at + i * word : at + (i + 1) * word]
            at += n_values * word
            done += length
    except (IndexError, ValueError):
        raise InputError(damaged) from None
    return values.reshape(height, width, _CHANNELS)[..., -1]


class LabelStudioTasks:
    """Tasks with predictions, gathered picture by picture.

    The labelling configuration that they fit has ``<Image name="image" value="$image"/>`` and ``<BrushLabels
    name="segments" toName="image">`` with one ``<Label>`` a name.

    Parameters
    ----------
    names
        Name of each label; labels without one are called ``segment 1``, ….
    """

    def __init__(self, names: Mapping[int, str] | None = None) -> None:
        self._names = dict(names or {})
        self._tasks: list[dict[str, Any]] = []

    def add(self, file_name: str, mask: LabelledMask) -> None:
        """Append a picture with one brush label for each label from 1 on that its mask holds."""
        labels = checked_mask(mask.labels)
        height, width = labels.shape
        results = []
        for label in np.unique(labels[labels > 0]).tolist():
            result: dict[str, Any] = {
                "id": f"segment-{label}",
                "type": "brushlabels",
                "from_name": "segments",
                "to_name": "image",
                "original_width": width,
                "original_height": height,
                "image_rotation": 0,
                "value": {
                    "format": "rle",
                    "rle": encode_brush(labels == label),
                    "brushlabels": [mask.names.get(label, self._names.get(label, f"segment {label}"))],
                },
            }
            if label in mask.confidence:
                result["score"] = round(float(mask.confidence[label]), 6)
            results.append(result)
        scores = [result["score"] for result in results if "score" in result]
        prediction: dict[str, Any] = {"model_version": DISTRIBUTION, "result": results}
        if scores:
            prediction["score"] = round(sum(scores) / len(scores), 6)
        self._tasks.append({"data": {"image": file_name}, "predictions": [prediction]})

    def as_json(self) -> bytes:
        """All tasks as Label Studio imports them."""
        return json_bytes(self._tasks, allow_nan=False, separators=(", ", ": "))


def masks_of_task(task: Mapping[str, Any]) -> tuple[str, tuple[int, int], list[tuple[str, NDArray[np.bool_], float]]]:
    """File name, size, and named masks with their scores (NaN where there is none) of one task.

    What a person drew (``annotations``) goes before what a program proposed (``predictions``); brush labels and
    polygons are read, other kinds are left out.

    Raises
    ------
    InputError
        If the task holds no picture, or a shape that does not fit it, or a score that is no number.
    """
    data = task.get("data") or {}
    name = next((value for value in data.values() if isinstance(value, str)), "") if isinstance(data, Mapping) else ""
    if not name:
        raise InputError("A task of Label Studio names no picture under `data`.")
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    found: list[tuple[str, NDArray[np.bool_], float]] = []
    size = (0, 0)
    for group in [*(task.get("annotations") or []), *(task.get("predictions") or [])]:
        for result in group.get("result") or []:
            kind, value = result.get("type"), result.get("value") or {}
            if kind not in ("brushlabels", "polygonlabels"):
                continue
            try:
                size = checked_size(result["original_height"], result["original_width"])
                called = str(value[kind][0])
                if kind == "brushlabels":
                    mask = decode_brush(value["rle"], size)
                else:
                    scale = np.array([size[1], size[0]]) / 100
                    mask = mask_from_polygons([(np.array(value["points"], dtype=float) * scale).ravel().tolist()], size)
            except (KeyError, IndexError, TypeError, ValueError) as error:
                if isinstance(error, InputError):
                    raise InputError(f"{name}: {error}") from error
                raise InputError(f"{name}: a {kind} of Label Studio lacks {error}.") from error
            score = result.get("score")
            try:
                certainty = float("nan") if score is None else float(score)
            except (TypeError, ValueError):
                raise InputError(
                    f"{name}: a {kind} of Label Studio has the score {score!r}, which is no number."
                ) from None
            found.append((called, mask, certainty))
        if found:
            break
    return name, size, found
