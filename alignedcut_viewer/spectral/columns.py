"""Where the columns of all nodes are kept until their rotation is known, and how eigenvectors are written out."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["Scratch", "Spare", "Writer"]

_SLAB_ROWS = 16_384


@dataclass(frozen=True)
class Spare:
    """How the columns beyond those asked for are held: in half precision, as only a small part of them is needed.

    Attributes
    ----------
    n_main
        Columns that stay in single precision.
    scale
        Brings entries to the size of one, far from where half precision ends.
    """

    n_main: int
    scale: float

    def split(self, columns: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Columns asked for (n, C) float32, and spare ones (n, S) float16, scaled."""
        return columns[:, : self.n_main], (columns[:, self.n_main :] * self.scale).half()

    def join(self, main: torch.Tensor, spare: torch.Tensor) -> torch.Tensor:
        """The columns (n, C + S) that :meth:`split` gave, as they are now."""
        return torch.cat([main, spare.float() / self.scale], dim=1)

    def rotate(self, main: torch.Tensor, spare: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
        """Eigenvectors (n, C) from columns that :meth:`split` gave by a rotation (C + S, C)."""
        result = main @ rotation[: self.n_main]
        if spare.shape[1]:
            result.addmm_(spare.float(), rotation[self.n_main :] / self.scale)
        return result


class Scratch:
    """Columns of all nodes, kept until they can be rotated.

    The columns asked for lie in the array that is returned in the end, where that can be; else in memory on the device,
    or, where they do not fit, in a temporary file.

    Parameters
    ----------
    n_nodes, n_columns
        Size.
    spare
        How the last of the columns are held.
    target
        The array (n_nodes, at least C) that the eigenvectors are wanted in, of any kind.
    memory
        Bytes that the columns may take beside the target.
    device
        Where they are computed.
    """

    def __init__(
        self, n_nodes: int, n_columns: int, spare: Spare, target: Any, *, memory: int, device: torch.device
    ) -> None:
        self._held = spare
        self._file: Any = None
        self._row_bytes = 4 * spare.n_main
        usable = isinstance(target, np.ndarray) and target.dtype == np.float32 and target.dtype.isnative
        if usable and device.type == "cpu":
            self._main = torch.from_numpy(target[:, : spare.n_main])
        elif n_nodes * self._row_bytes <= memory:
            self._main = torch.empty((n_nodes, spare.n_main), dtype=torch.float32, device=device)
        else:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
            self._main = torch.empty((0, spare.n_main), dtype=torch.float32)
        shape = (n_nodes, n_columns - spare.n_main)
        self._spare = torch.empty(shape, dtype=torch.float16, device=self._main.device)

    @property
    def in_file(self) -> bool:
        """Whether :meth:`put` and :meth:`rotated` go to a file, and are for one thread."""
        return self._file is not None

    def put(self, start: int, main: torch.Tensor, spare: torch.Tensor) -> None:
        """Keep a block of columns."""
        stop = start + len(main)
        self._spare[start:stop] = spare
        if self._file is None:
            self._main[start:stop] = main
        else:
            self._file.seek(start * self._row_bytes)
            self._file.write(main.contiguous().cpu().numpy().tobytes())

    def rotated(self, start: int, stop: int, rotation: torch.Tensor) -> torch.Tensor:
        """Eigenvectors (stop - start, C) of a block."""
        main = self._main[start:stop]
        if self._file is not None:
            self._file.seek(start * self._row_bytes)
            rows = np.frombuffer(self._file.read((stop - start) * self._row_bytes), dtype=np.float32)
            main = torch.from_numpy(rows.reshape(stop - start, -1).copy())
        return self._held.rotate(main, self._spare[start:stop], rotation.to(main.device))

    def close(self) -> None:
        """Give the memory or the file back."""
        if self._file is not None:
            self._file.close()
        self._main = self._spare = torch.empty((0, 0))


class Writer:
    """Writes blocks of rows, in order, into an array of any kind.

    Blocks are collected into slabs that begin and end with the chunks of the target, where it is stored in chunks.

    Parameters
    ----------
    target
        Anything (N, C) with slice assignment: NumPy array, memory map, torch tensor, zarr array.
    """

    def __init__(self, target: Any) -> None:
        self._target = target
        self._at_once = isinstance(target, np.ndarray | torch.Tensor)
        chunks = getattr(target, "chunks", None)
        chunk = int(chunks[0]) if isinstance(chunks, tuple) else _SLAB_ROWS
        self._slab_rows = chunk * max(1, _SLAB_ROWS // chunk)
        self._begin = self._end = 0
        self._parts: list[NDArray[np.float32]] = []

    def put(self, start: int, rows: torch.Tensor) -> None:
        """Write a block, or keep it until its slab is full."""
        if isinstance(self._target, torch.Tensor):
            self._target[start : start + len(rows)] = rows.to(self._target.device, self._target.dtype)
            return
        array = rows.cpu().numpy()
        if self._at_once:
            self._target[start : start + len(rows)] = array
            return
        while len(array):
            taken = array[: self._slab_rows - (self._end - self._begin)]
            self._parts.append(taken)
            self._end += len(taken)
            array = array[len(taken) :]
            if self._end - self._begin == self._slab_rows:
                self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        if self._parts:
            self._target[self._begin : self._end] = np.concatenate(self._parts).astype(self._target.dtype)
        self._begin, self._parts = self._end, []
