"""Second moments between all slots: all that hyperalignment needs to know of the samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FeatureError
from ..nodes import Slot

if TYPE_CHECKING:
    import torch

__all__ = ["Moments", "check_samples", "cross_moments", "slot_means"]

_CHUNK = 2048


@dataclass(frozen=True)
class Moments:
    """Moments ``C = Z^T Z / n`` of the channels of all slots side by side.

    Attributes
    ----------
    matrix
        float32 (sum D_i, sum D_i).
    widths
        ``D_i`` of each slot.
    """

    matrix: torch.Tensor
    widths: tuple[int, ...]

    @property
    def slices(self) -> list[slice]:
        """Where each slot's channels lie."""
        stops = np.cumsum(self.widths)
        return [slice(int(stop) - width, int(stop)) for stop, width in zip(stops, self.widths, strict=True)]


def check_samples(slots: Mapping[Slot, Any]) -> dict[Slot, Any]:
    """Samples as arrays (n, D_i) with the same n.

    Raises
    ------
    FeatureError
        If one is not two-dimensional, empty, or has another number of rows; the slot is named.
    """
    samples: dict[Slot, Any] = {}
    n_rows: int | None = None
    for key, value in slots.items():
        slot = Slot(*key)
        array = value.detach().cpu().numpy() if hasattr(value, "detach") else value
        array = array if hasattr(array, "shape") else np.asarray(array)
        if len(array.shape) != 2 or 0 in array.shape:
            raise FeatureError(f"Features of slot {slot} must be samples × channels; their shape is {array.shape}.")
        if n_rows is not None and array.shape[0] != n_rows:
            raise FeatureError(
                f"Features of slot {slot} have {array.shape[0]} rows, others {n_rows}; all slots need the same samples."
            )
        n_rows = int(array.shape[0])
        samples[slot] = array
    return samples


def slot_means(samples: Mapping[Slot, Any], rows: NDArray[np.bool_]) -> list[NDArray[np.float32]]:
    """Mean of each slot's features over some rows, float32 (D_i,).

    Raises
    ------
    FeatureError
        If a value is NaN or infinite; the slot is named.
    """
    means = []
    for slot, array in samples.items():
        total = np.zeros(array.shape[1], dtype=np.float64)
        for start in range(0, len(rows), _CHUNK):
            chunk = np.asarray(array[start : start + _CHUNK], dtype=np.float32)
            if not np.isfinite(chunk).all():
                bad = start + int(np.flatnonzero(~np.isfinite(chunk).all(axis=1))[0])
                raise FeatureError(f"Features of slot {slot} hold NaN or infinite values, first in row {bad}.")
            total += chunk[rows[start : start + _CHUNK]].sum(axis=0, dtype=np.float64)
        means.append((total / max(int(rows.sum()), 1)).astype(np.float32))
    return means


def unit_rows(
    samples: Mapping[Slot, Any], means: list[NDArray[np.float32]], rows: NDArray[np.bool_]
) -> Iterator[NDArray[np.float32]]:
    """Chunks of the chosen rows of all slots side by side, centred, each slot's rows at unit length."""
    for start in range(0, len(rows), _CHUNK):
        chosen = rows[start : start + _CHUNK]
        if not chosen.any():
            continue
        parts = []
        for array, mean in zip(samples.values(), means, strict=True):
            chunk = np.asarray(array[start : start + _CHUNK], dtype=np.float32)[chosen] - mean
            length = np.linalg.norm(chunk, axis=1, keepdims=True)
            parts.append(chunk / np.where(length > 0, length, 1))
        yield np.concatenate(parts, axis=1)


def cross_moments(
    samples: Mapping[Slot, Any], means: list[NDArray[np.float32]], rows: NDArray[np.bool_], device: torch.device
) -> Moments:
    """Moments between all channels of all slots over some rows, see :class:`Moments`."""
    import torch

    widths = tuple(int(array.shape[1]) for array in samples.values())
    total = torch.zeros(sum(widths), sum(widths), device=device)
    for chunk in unit_rows(samples, means, rows):
        z = torch.from_numpy(chunk).to(device)
        total.addmm_(z.T, z)
    return Moments(total / max(int(rows.sum()), 1), widths)
