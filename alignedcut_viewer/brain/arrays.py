"""Arrays on disk: memory-mapped with their faults named, checked for unusable voxels, laid side by side."""

from __future__ import annotations

import io
import math
import mmap
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..progress import ProgressCallback, report

__all__ = [
    "ArrayLike2D",
    "Problem",
    "SideBySide",
    "VoxelFaults",
    "find_faults",
    "map_npy",
    "read_label_mapping",
    "release_pages",
]


class ArrayLike2D(Protocol):
    """What responses may be: anything with a shape, a dtype and NumPy indexing by rows."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_images, n_voxels)."""
        ...

    @property
    def dtype(self) -> Any:
        """Type of the values."""
        ...

    def __getitem__(self, key: Any) -> Any: ...


@dataclass(frozen=True)
class Problem:
    """One fault of a data set.

    Attributes
    ----------
    file
        The file (or folder) it lies in.
    message
        What is wrong with it, and what to do.
    fatal
        Whether the data cannot be used as it is; else it is worth knowing only.
    """

    file: str
    message: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.file}: {self.message}"


def raise_fatal(problems: Sequence[Problem]) -> None:
    """Raise one :class:`InputError` that names every fatal problem, if there is one."""
    fatal = [str(problem) for problem in problems if problem.fatal]
    if fatal:
        raise InputError("\n".join(fatal))


def map_npy(path: Path) -> NDArray[Any]:
    """Memory-map a ``.npy`` file of numbers, read-only.

    Raises
    ------
    InputError
        If the file is missing, is no ``.npy`` file, holds Python objects, or is shorter than its header says.
    """
    if not path.is_file():
        raise InputError(f"{path}: the file is missing.")
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read_header = np.lib.format.read_array_header_2_0
            shape, _, dtype = read_header(file)
            start = file.tell()
    except Exception as error:  # a hostile header may raise anything
        raise InputError(
            f"{path}: this is not a readable .npy file ({type(error).__name__}: {error}); copy or download it again."
        ) from None
    if any(side < 0 for side in shape) or math.prod(shape) * max(dtype.itemsize, 1) >= 2**63 or not dtype.itemsize:
        raise InputError(f"{path}: its header describes no array (shape {shape}, type {dtype}); download it again.")
    if dtype.hasobject:
        raise InputError(f"{path}: the file holds Python objects instead of numbers.")
    wanted = start + math.prod(shape) * dtype.itemsize
    found = path.stat().st_size
    if found < wanted:
        raise InputError(
            f"{path}: the file is truncated: its header promises {' × '.join(map(str, shape))} values of {dtype} "
            f"({wanted:,} bytes), but it has {found:,} bytes; copy or download it again."
        )
    if 0 in shape:
        raise InputError(f"{path}: the file holds no values (shape {shape}).")
    mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return mapped


_ADMITTED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
}


class _PlainUnpickler(pickle.Unpickler):
    """Admits a dictionary of plain numbers and texts in a NumPy array, and nothing that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        if name in ("ndarray", "dtype"):
            return getattr(np, name)
        # Files written by NumPy 1 name numpy.core, which NumPy 2 moved; the functions themselves are the same.
        from importlib import import_module

        home = "numpy._core.multiarray" if hasattr(np, "_core") else "numpy.core.multiarray"
        return getattr(import_module(home), name)


def read_label_mapping(path: Path) -> dict[int, str]:
    """Read a ``mapping_*.npy`` file of the Algonauts release: label number to ROI name.

    The file is a pickled dictionary. It is read by an unpickler that admits dictionaries, numbers and texts only, so
    that a forged file cannot run code.

    Raises
    ------
    InputError
        If the file is missing, damaged, or holds anything else.
    """
    if not path.is_file():
        raise InputError(f"{path}: the file is missing.")
    content = path.read_bytes()
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            np.lib.format.read_array_header_1_0(file)
        else:
            np.lib.format.read_array_header_2_0(file)
        mapping = _PlainUnpickler(file, encoding="latin1").load()
        if isinstance(mapping, np.ndarray):
            mapping = mapping.item()
        return {int(number): str(name) for number, name in mapping.items()}
    except Exception as error:  # a damaged pickle may raise anything
        raise InputError(f"{path}: this is not a mapping from label numbers to ROI names ({error}).") from None


@dataclass(frozen=True)
class VoxelFaults:
    """Voxels that cannot be used: ascending voxel numbers.

    Attributes
    ----------
    not_finite
        Voxels with a NaN or infinite response to any picture.
    zero
        Voxels whose response is zero to every picture.
    constant
        Voxels with one and the same response, other than zero, to every picture.
    """

    not_finite: NDArray[np.int64]
    zero: NDArray[np.int64]
    constant: NDArray[np.int64]

    @property
    def unusable(self) -> NDArray[np.int64]:
        """All of them, ascending."""
        return np.unique(np.concatenate([self.not_finite, self.zero, self.constant]))

    def problems(self, file: str) -> list[Problem]:
        """One sentence for each kind of fault."""
        advice = "; leave them out with --drop-voxels (in Python unusable='drop')"
        found = []
        for voxels, what in (
            (self.not_finite, "NaN or infinite responses"),
            (self.zero, "a response of zero to every picture"),
            (self.constant, "the same response to every picture"),
        ):
            if len(voxels):
                found.append(Problem(file, f"{_named(voxels)} {what}{advice}."))
        return found


def _named(voxels: NDArray[np.int64]) -> str:
    shown = ", ".join(map(str, voxels[:5])) + (", …" if len(voxels) > 5 else "")
    return f"voxel {shown} has" if len(voxels) == 1 else f"{len(voxels):,} voxels ({shown}) have"


def find_faults(
    responses: ArrayLike2D,
    *,
    memory: int = 64 * 2**20,
    progress: ProgressCallback | None = None,
    text: str = "checking responses",
) -> VoxelFaults:
    """Look through all responses once for voxels that cannot be used.

    Parameters
    ----------
    responses
        (n_images, n_voxels), any float dtype; read in blocks of rows.
    memory
        Bytes that a block may take.
    progress, text
        Progress callback and what to call the work.
    """
    n_images, n_voxels = responses.shape
    low = np.full(n_voxels, np.inf, dtype=np.float32)
    high = np.full(n_voxels, -np.inf, dtype=np.float32)
    step = max(1, memory // max(4 * n_voxels, 1))
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, n_images, step):
            block = np.asarray(responses[start : start + step], dtype=np.float32)
            # minimum and maximum pass NaN on, so that one pair of reductions finds all three faults
            low = np.minimum(low, block.min(axis=0))
            high = np.maximum(high, block.max(axis=0))
            report(progress, min(start + step, n_images), n_images, text)
        finite = np.isfinite(low) & np.isfinite(high)
        same = finite & (low == high)
    return VoxelFaults(np.flatnonzero(~finite), np.flatnonzero(same & (low == 0)), np.flatnonzero(same & (low != 0)))


class SideBySide:
    """Arrays of equally many rows laid side by side, with rows and columns picked lazily; reads give float32.

    Parameters
    ----------
    blocks
        Arrays of shape (n_rows, n_columns_i); they may be memory maps.
    rows, columns
        Which to keep, in this order; None keeps all.

    Raises
    ------
    InputError
        If the blocks differ in their number of rows.
    """

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(
        self, blocks: Sequence[ArrayLike2D], rows: ArrayLike | None = None, columns: ArrayLike | None = None
    ) -> None:
        self._blocks = tuple(blocks)
        heights = {block.shape[0] for block in self._blocks}
        if len(heights) != 1:
            raise InputError(f"Arrays laid side by side must have equally many rows; got {sorted(heights)}.")
        self._starts = np.concatenate([[0], np.cumsum([block.shape[1] for block in self._blocks])])
        height, width = heights.pop(), int(self._starts[-1])
        self._rows = None if rows is None else np.arange(height)[np.asarray(rows)]
        self._columns = None if columns is None else np.arange(width)[np.asarray(columns)]
        self.shape = (
            height if self._rows is None else len(self._rows),
            width if self._columns is None else len(self._columns),
        )

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        row_key, column_key = key if isinstance(key, tuple) else (key, slice(None))
        rows = np.arange(self.shape[0])[row_key]
        columns = np.arange(self.shape[1])[column_key]
        values = self._read(np.atleast_1d(rows), np.atleast_1d(columns))
        if np.ndim(columns) == 0:
            values = values[:, 0]
        return values[0] if np.ndim(rows) == 0 else values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("Responses on disk cannot be turned into an array without a copy.")
        return np.asarray(self[:], dtype=dtype)

    def select(self, rows: ArrayLike | None = None, columns: ArrayLike | None = None) -> SideBySide:
        """A view on some rows and columns of this view."""
        new_rows = self._rows if rows is None else np.arange(self.shape[0])[np.asarray(rows)]
        if rows is not None and self._rows is not None:
            new_rows = self._rows[new_rows]
        new_columns = self._columns if columns is None else np.arange(self.shape[1])[np.asarray(columns)]
        if columns is not None and self._columns is not None:
            new_columns = self._columns[new_columns]
        return SideBySide(self._blocks, new_rows, new_columns)

    def chunks(self, n_rows: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Blocks of at most `n_rows` rows with the number of their first row, in order."""
        for start in range(0, self.shape[0], n_rows):
            yield start, self[start : start + n_rows]

    def release(self) -> None:
        """Give back the pages of mapped blocks; see :func:`release_pages`."""
        for block in self._blocks:
            release_pages(block)

    def _read(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = rows if self._rows is None else self._rows[rows]
        columns = columns if self._columns is None else self._columns[columns]
        out = np.empty((len(rows), len(columns)), dtype=np.float32)
        row_key = _as_slice(rows)
        home = np.searchsorted(self._starts, columns, side="right") - 1
        for number, block in enumerate(self._blocks):
            here = np.flatnonzero(home == number)
            if len(here) == 0 or len(rows) == 0:
                continue
            column_key = _as_slice(columns[here] - self._starts[number])
            if isinstance(row_key, slice) or isinstance(column_key, slice):
                values = block[row_key, column_key]
            else:
                # Reading whole rows is quicker than fancy indexing in both directions, and rows are few.
                values = np.asarray(block[row_key])[:, column_key]
            out[:, _as_slice(here)] = values
        return out


def release_pages(array: Any) -> None:
    """Give back the pages that an array on disk is mapped to, so that they do not count as this process's memory.

    They stay in the system's cache and are found there when they are read again. Arrays that could be written to, and
    arrays in memory, are left alone; so are all of them where the system cannot do it.

    Parameters
    ----------
    array
        A read-only memory map, a view of one, or anything with a method ``release``.
    """
    if hasattr(array, "release"):
        array.release()
        return
    if not isinstance(array, np.ndarray) or array.flags.writeable:
        return
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    if base is not None and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def _as_slice(numbers: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """A slice where the numbers are consecutive, as then nothing is gathered one by one."""
    if len(numbers) and numbers[-1] - numbers[0] == len(numbers) - 1 and bool((np.diff(numbers) == 1).all()):
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers
