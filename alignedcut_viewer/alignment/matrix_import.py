"""Trained maps from elsewhere: a file with one matrix a slot, the slots named by the user."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import AlignmentError
from ..nodes import Slot
from .channel_alignment import ChannelAlignment

__all__ = ["import_matrices"]

Convention = Literal["auto", "right", "linear"]


def import_matrices(
    path: str | Path,
    slots: Sequence[tuple[str, int]],
    *,
    convention: Convention = "auto",
    tap: str | None = "attention",
    widths: Mapping[Slot, int] | None = None,
) -> ChannelAlignment:
    """An alignment from a plain state dict (``.pt``, ``.pth``, ``.ckpt``), a ``.safetensors`` or an ``.npz`` file.

    The file holds one matrix a slot, in the order of their names (numbers count as numbers: ``…2`` comes before
    ``…10``), or one array slots × channels × channels. Other entries are not understood and refused. The authors of
    AlignedCut published 36 matrices of 768 × 768 in the order CLIP, DINOv2, MAE, twelve layers each.

    Parameters
    ----------
    path
        The file.
    slots
        (network, layer) of each matrix, in order.
    convention
        ``"right"``: features are multiplied from the left, ``V W``. ``"linear"``: weights of ``torch.nn.Linear``, which
        are transposed. ``"auto"`` takes the second for entries called ``weight``, the first for all others; square
        matrices do not tell by themselves.
    tap
        What the features are.
    widths
        Width of the features of each slot, where it shall be checked.

    Raises
    ------
    AlignmentError
        If the file cannot be read, or matrices and slots do not fit.
    """
    path = Path(path)
    named = [Slot(*slot) for slot in slots]
    doubled = sorted({str(slot) for slot in named if named.count(slot) > 1})
    if doubled:
        raise AlignmentError(f"Slot {doubled[0]} was named twice; each matrix needs a slot of its own.")
    found = list(_matrices(path, _read(path)))
    if len(found) != len(named):
        given = f"{named[0]} to {named[-1]}" if named else "none"
        raise AlignmentError(f"{path} holds {len(found)} matrices, but {len(named)} slots were named ({given}).")
    matrices: dict[Slot, NDArray[np.float32]] = {}
    for slot, (name, matrix) in zip(named, found, strict=True):
        transposed = convention == "linear" or (convention == "auto" and name.rsplit(".", 1)[-1] == "weight")
        matrices[slot] = matrix.T if transposed else matrix
        if widths is not None and slot in widths and matrices[slot].shape[0] != widths[slot]:
            raise AlignmentError(
                f"{path}: the matrix {name} for slot {slot} takes {matrices[slot].shape[0]} channels, but the features "
                f"have {widths[slot]}. Are the slots in the order of the file?"
            )
    return ChannelAlignment(
        matrices,
        kind="brain",
        tap=tap,
        recipe={
            "imported": path.name,
            "convention": convention,
            "matrices": {str(slot): name for slot, (name, _) in zip(named, found, strict=True)},
        },
    )


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise AlignmentError(f"There is no file {path} to import matrices from.")
    suffix = path.suffix.lower()
    try:
        if suffix == ".safetensors":
            from safetensors.numpy import load_file

            return dict(load_file(path))
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        import torch

        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise AlignmentError(f"{path} cannot be read as tensors ({first}).") from None
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if isinstance(content, list | tuple):
        content = {str(number): entry for number, entry in enumerate(content)}
    if isinstance(content, torch.Tensor):
        content = {"matrices": content}
    if not isinstance(content, Mapping):
        raise AlignmentError(f"{path} holds a {type(content).__name__}, not a state dict of matrices.")
    return {
        str(name): entry.detach().float().numpy() if isinstance(entry, torch.Tensor) else entry
        for name, entry in content.items()
    }


def _matrices(path: Path, content: Mapping[str, Any]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for name in sorted(content, key=_natural):
        entry = content[name]
        if not isinstance(entry, np.ndarray) or entry.ndim not in (2, 3):
            shape = f"an array of shape {entry.shape}" if isinstance(entry, np.ndarray) else f"a {type(entry).__name__}"
            raise AlignmentError(
                f"{path}: entry {name!r} is {shape}, not a matrix. Only linear maps without bias can be imported."
            )
        values = np.asarray(entry, dtype=np.float32)
        if values.ndim == 2:
            yield name, values
        else:
            yield from ((f"{name}[{number}]", matrix) for number, matrix in enumerate(values))


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]
