"""A network that slides over a large picture: what overlapping windows say of a place is averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from ..errors import InputError
from .backbone import Backbone
from .spec import Tap
from .taps import TapPoint

__all__ = ["WindowedBackbone"]

_AT_ONCE = 8


class WindowedBackbone(Backbone):
    """A network that sees a picture through windows of the size that it was loaded at.

    Neighbouring windows overlap by half. Tokens of a place are averaged over the windows that hold it, those near a
    window's edge counting less, so that no seam shows; class tokens are averaged over all windows.

    Parameters
    ----------
    inner
        The network at the size of a window.
    input_size
        Height and width of the whole, multiples of the patch, at least the window.

    Raises
    ------
    InputError
        If the whole is smaller than the window, or the network's layers differ in resolution.
    """

    def __init__(self, inner: Backbone, input_size: tuple[int, int]) -> None:
        if any(whole < part for whole, part in zip(input_size, inner.input_size, strict=True)):
            raise InputError(
                f"Windows of {inner.input_size[0]} × {inner.input_size[1]} px do not fit into pictures that are taken "
                f"at {input_size[0]} × {input_size[1]} px; choose a larger --size or a smaller --window."
            )
        if any(inner.grid_of(layer) != inner.grid for layer in range(inner.n_layers)):
            raise InputError(f"{inner.name} has layers of different resolution and cannot slide over a picture.")
        # The model and its lock are the inner network's; nothing is loaded twice.
        self.inner = inner
        self.spec, self.model, self.device, self.dtype = inner.spec, inner.model, inner.device, inner.dtype
        self.input_size = input_size
        self.source_note = inner.source_note
        self._digest = inner.digest
        patch = inner.spec.patch
        (rows, columns), (high, wide) = self.grid, inner.grid
        self._at = [(row, column) for row in _starts(rows, high) for column in _starts(columns, wide)]
        self._pixels = [
            (slice(r * patch, (r + high) * patch), slice(c * patch, (c + wide) * patch)) for r, c in self._at
        ]
        self._weight = _tent(high)[:, None] * _tent(wide)

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of a window in pixels."""
        return self.inner.input_size

    def heads_of(self, layer: int) -> int | None:
        """See :meth:`Backbone.heads_of`."""
        return self.inner.heads_of(layer)

    def _tap_point(self, layer: int, tap: Tap) -> TapPoint:
        return self.inner._tap_point(layer, tap)

    def _run(self, batch: torch.Tensor) -> None:
        self.inner._run(batch)

    def _width(self, layer: int, tap: Tap) -> int:
        return self.inner._width(layer, tap)

    def features_at(self, batch: torch.Tensor, places: Sequence[tuple[int, Tap]]) -> list[torch.Tensor]:
        """See :meth:`Backbone.features_at`."""
        if batch.ndim != 4 or tuple(batch.shape[1:]) != (3, *self.input_size):
            raise InputError(
                f"{self.name} slides over {self.input_size[0]} × {self.input_size[1]} px and needs a batch of "
                f"(B, 3, {self.input_size[0]}, {self.input_size[1]}); got {tuple(batch.shape)}."
            )
        pictures = [self._one(picture, places) for picture in batch]
        return [torch.stack(parts) for parts in zip(*pictures, strict=True)]

    def _one(self, picture: torch.Tensor, places: Sequence[tuple[int, Tap]]) -> list[torch.Tensor]:
        (rows, columns), (high, wide) = self.grid, self.inner.grid
        first = int(self.spec.class_token)
        weight = self._weight.to(self.device)
        total = torch.zeros((rows, columns, 1), device=self.device)
        sums: list[Any] = [None] * len(places)
        leading: list[Any] = [0.0] * len(places)
        for start in range(0, len(self._at), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            found = self.inner.features_at(torch.stack([picture[:, y, x] for y, x in self._pixels[part]]), places)
            for number, tokens in enumerate(found):
                values = tokens.float()
                if sums[number] is None:
                    sums[number] = torch.zeros((rows, columns, values.shape[-1]), device=self.device)
                leading[number] = leading[number] + values[:, :first].sum(0)
                grids = values[:, first:].reshape(len(values), high, wide, -1) * weight[..., None]
                for (row, column), grid in zip(self._at[part], grids, strict=True):
                    sums[number][row : row + high, column : column + wide] += grid
            for row, column in self._at[part]:
                total[row : row + high, column : column + wide, 0] += weight
        merged = [(values / total).reshape(rows * columns, -1) for values in sums]
        return [
            torch.cat([lead / len(self._at), values]).to(self.dtype)
            for lead, values in zip(leading, merged, strict=True)
        ]


def _starts(whole: int, part: int) -> list[int]:
    """Where windows begin that overlap by half at least and cover all."""
    count = 1 + math.ceil((whole - part) / max(part // 2, 1))
    return sorted({round(i * (whole - part) / max(count - 1, 1)) for i in range(count)})


def _tent(count: int) -> torch.Tensor:
    """Weights that fall towards both ends, above 0."""
    at = torch.arange(count, dtype=torch.float32)
    return torch.minimum(at + 1, count - at)
