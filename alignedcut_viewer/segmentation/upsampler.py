"""A learned upsampler from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError, InputError

__all__ = ["LearnedUpsampler"]


class LearnedUpsampler:
    """A TorchScript module that brings maps of a token grid to the size of a picture.

    It is called as ``module(maps, picture)`` with float32 tensors ``(1, C, rows, columns)`` and ``(1, 3, H, W)``, the
    picture between 0 and 1, and returns ``(1, C, H, W)``. AnyUp, JAFAR and the like come in this form after
    ``torch.jit.trace``.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    CheckpointError
        If there is no such file, or it is not a TorchScript module.
    """

    def __init__(self, path: str | Path) -> None:
        import torch

        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise CheckpointError(f"There is no upsampler {self.path}.")
        try:
            load: Any = torch.jit.load
            self._module = load(str(self.path), map_location="cpu").eval()
        except Exception as error:  # whatever the reader stumbles over
            raise CheckpointError(f"{self.path} is no TorchScript module of an upsampler ({error}).") from error

    def __reduce__(self) -> tuple[Any, ...]:
        return LearnedUpsampler, (self.path.absolute(),)  # read again where it arrives

    def __call__(self, maps: NDArray[np.float32], picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Maps ``(rows, columns, C)`` at the size of a picture uint8 ``(H, W, 3)``: float32 ``(H, W, C)``.

        Raises
        ------
        InputError
            If the module fails or gives another shape.
        """
        import torch

        with torch.inference_mode():
            coarse = torch.from_numpy(np.ascontiguousarray(maps)).permute(2, 0, 1)[None]
            guide = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
            try:
                fine = self._module(coarse, guide)
            except RuntimeError as error:
                raise InputError(f"The upsampler {self.path} fails on this picture: {error}") from error
        expected = (1, coarse.shape[1], *picture.shape[:2])
        if tuple(fine.shape) != expected:
            raise InputError(f"The upsampler {self.path} gave {tuple(fine.shape)}, where {expected} is expected.")
        result: NDArray[np.float32] = fine[0].permute(1, 2, 0).float().numpy()
        return result
