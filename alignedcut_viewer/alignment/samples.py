"""Samples of all slots at the same places, made ready for Procrustes: centred, and each row at unit length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FeatureError
from ..nodes import Slot

if TYPE_CHECKING:
    import torch

__all__ = ["UnitSamples", "check_samples"]

_CHUNK = 4096


def check_samples(slots: Mapping[Slot, Any]) -> dict[Slot, Any]:
    """Samples as arrays (n, D_i) with the same n, all finite.

    Raises
    ------
    FeatureError
        If one is not two-dimensional, empty, of another number of rows, or holds NaN or infinite values; the slot is
        named.
    """
    samples: dict[Slot, Any] = {}
    n_rows: int | None = None
    for key, value in slots.items():
        if not isinstance(key, tuple) or len(key) != 2:
            raise FeatureError(f"Features belong to slots (network, layer), such as ('vit', 3); got {key!r}.")
        slot = Slot(*key)
        array = value.detach().cpu().numpy() if hasattr(value, "detach") else value
        array = array if hasattr(array, "shape") else _matrix(slot, array)
        if len(array.shape) != 2 or 0 in array.shape:
            raise FeatureError(f"Features of slot {slot} must be samples × channels; their shape is {array.shape}.")
        if np.dtype(array.dtype).kind not in "fiub":
            raise FeatureError(f"Features of slot {slot} must be real numbers; got {array.dtype}.")
        if n_rows is not None and array.shape[0] != n_rows:
            raise FeatureError(
                f"Features of slot {slot} have {array.shape[0]} rows, others {n_rows}; all slots need the same samples."
            )
        n_rows = int(array.shape[0])
        for start in range(0, n_rows, _CHUNK):
            finite = np.isfinite(np.asarray(array[start : start + _CHUNK], dtype=np.float32)).all(axis=1)
            if not finite.all():
                bad = start + int(np.flatnonzero(~finite)[0])
                raise FeatureError(f"Features of slot {slot} hold NaN or infinite values, first in row {bad}.")
        samples[slot] = array
    return samples


def _matrix(slot: Slot, value: Any) -> Any:
    try:
        return np.asarray(value)
    except ValueError:
        raise FeatureError(f"Features of slot {slot} must be samples × channels; its rows differ in length.") from None


class UnitSamples:
    """Rows ``(v - m_i) / |v - m_i|`` of every slot; the cut knows only cosines, so lengths must not weigh.

    Parameters
    ----------
    samples
        Arrays (n, D_i), checked.
    rows
        The rows to take, int (k,).
    pictures
        Picture number of every row of `samples`, int (n,).
    means
        ``m_i`` of each slot; None takes the means over `rows`.
    device
        Where to keep them.
    memory
        Bytes; where single precision would take more than half of it, they are kept in half precision.
    """

    def __init__(
        self,
        samples: Mapping[Slot, Any],
        rows: NDArray[np.int64],
        pictures: NDArray[np.int64],
        means: list[NDArray[np.float32]] | None,
        *,
        device: torch.device,
        memory: int,
    ) -> None:
        import torch

        self.device = device
        self.widths = tuple(int(array.shape[1]) for array in samples.values())
        distinct, picture = np.unique(pictures[rows], return_inverse=True)
        self.n_pictures = len(distinct)
        self.picture = torch.from_numpy(picture.reshape(-1).astype(np.int64)).to(device)
        self._counts = torch.bincount(self.picture, minlength=self.n_pictures).clamp_min(1).float()
        dtype = torch.float32 if 4 * len(rows) * sum(self.widths) <= memory / 2 else torch.float16
        self.means: list[NDArray[np.float32]] = []
        self._units: list[torch.Tensor] = []
        for i, array in enumerate(samples.values()):
            chosen = np.asarray(array[rows], dtype=np.float32)
            mean = chosen.mean(axis=0, dtype=np.float64).astype(np.float32) if means is None else means[i]
            unit = torch.from_numpy(chosen).to(device) - torch.from_numpy(mean).to(device)
            unit /= torch.linalg.vector_norm(unit, dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
            self.means.append(mean)
            self._units.append(unit.to(dtype))

    def __len__(self) -> int:
        return len(self.picture)

    @property
    def n_slots(self) -> int:
        """Number of slots."""
        return len(self._units)

    def unit(self, i: int, *, without_picture_mean: float = 0.0) -> torch.Tensor:
        """Rows of slot `i`, float32 (n, D_i), less a share (0 to 1) of the mean row of their picture."""
        unit = self._units[i].float()
        if without_picture_mean == 0:
            return unit
        return unit - without_picture_mean * self.picture_means(unit)[self.picture]

    def picture_means(self, rows: torch.Tensor) -> torch.Tensor:
        """Means over each picture's rows, (pictures, channels), of any (n, channels)."""
        sums = rows.new_zeros(self.n_pictures, rows.shape[1]).index_add_(0, self.picture, rows)
        return sums / self._counts[:, None]
