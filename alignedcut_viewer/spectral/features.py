"""Features as a stream of chunks: whatever holds them, they are read piece by piece and never copied whole."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import FeatureError

__all__ = [
    "ArrayFeatures",
    "FeatureChunks",
    "FileFeatures",
    "TensorFeatures",
    "ZarrFeatures",
    "as_features",
    "as_tensor",
]

_REPORTED_POSITIONS = 5
_SCAN_ROWS = 8192


@runtime_checkable
class FeatureChunks(Protocol):
    """A matrix of features (N, D) that is read in chunks of rows.

    Attributes
    ----------
    shape
        Number of nodes N and of channels D.
    dtype
        Type of the elements; anything with an ``itemsize``.

    Notes
    -----
    An implementation may also have an attribute ``block_rows``: how many neighbouring rows are read at once whichever
    of them is asked for (the chunk length of a compressed store). Samples are then drawn from a part of the blocks
    only, so that sampling does not read the whole store. Where it is missing, every row can be read alone.

    One that can be pickled and reads from disk has an attribute ``on_disk``, True, and a method ``between(start,
    stop)`` for the rows between two numbers: workers of a cluster then read for themselves.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Number of nodes and of channels."""
        ...

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        ...

    def chunks(self, size: int) -> Iterator[tuple[int, Any]]:
        """Every row once and in order, as (number of the first row, rows); at most `size` rows at a time.

        The rows are a NumPy array or a torch tensor that is not written to again: several chunks are worked on at a
        time. The stream can be opened any number of times and gives the same chunks for the same `size`.
        """
        ...

    def rows(self, index: NDArray[np.int64]) -> Any:
        """The rows of the given numbers, which ascend, as a NumPy array or a torch tensor (len(index), D)."""
        ...


class ArrayFeatures:
    """Features in a NumPy array, memory-mapped or not.

    Parameters
    ----------
    array
        Array (N, D) of a real type.
    """

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array
        self.shape = cast("tuple[int, int]", array.shape)
        self.dtype = array.dtype

    def chunks(self, size: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Every row once and in order, at most `size` at a time."""
        for start in range(0, self.shape[0], size):
            yield start, self._array[start : start + size]

    def rows(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """The rows of the given, ascending numbers."""
        return self._array[index]


class FileFeatures:
    """Features in a memory-mapped file, read through the file rather than through the map.

    Pages of a map that were touched count as memory of the process until something else needs them; what is read from a
    file is let go of with its chunk.

    Parameters
    ----------
    array
        A memory map (N, D) in C order.
    path, offset
        The file under it, and where its first element lies, in bytes.
    """

    on_disk = True

    def __init__(self, array: np.memmap[Any, Any], path: Path, offset: int) -> None:
        self._path = path.absolute()
        self._offset = offset
        self.shape = cast("tuple[int, int]", array.shape)
        self.dtype = array.dtype

    def chunks(self, size: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Every row once and in order, at most `size` at a time."""
        n_nodes = self.shape[0]
        with self._path.open("rb", buffering=0) as file:
            file.seek(self._offset)
            for start in range(0, n_nodes, size):
                yield start, self._next(file, min(size, n_nodes - start))

    def between(self, start: int, stop: int) -> NDArray[Any]:
        """The rows from `start` to before `stop`."""
        with self._path.open("rb", buffering=0) as file:
            file.seek(self._offset + start * self.shape[1] * self.dtype.itemsize)
            return self._next(file, stop - start)

    def _next(self, file: Any, count: int) -> NDArray[Any]:
        rows = np.empty((count, self.shape[1]), self.dtype)
        _read_into(file, memoryview(cast(Any, rows)).cast("B"), self._path)
        return rows

    def rows(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """The rows of the given, ascending numbers."""
        out = np.empty((len(index), self.shape[1]), self.dtype)
        row_bytes = self.shape[1] * self.dtype.itemsize
        with self._path.open("rb", buffering=0) as file:
            for place, row in enumerate(index):
                file.seek(self._offset + int(row) * row_bytes)
                _read_into(file, memoryview(out[place]).cast("B"), self._path)
        return out


def _read_into(file: Any, view: memoryview, path: Path) -> None:
    done = 0
    while done < len(view):
        count = file.readinto(view[done:])
        if not count:
            raise FeatureError(f"{path} ends before all features are read; it was cut short while it was in use.")
        done += count


class TensorFeatures:
    """Features in a torch tensor on any device.

    Parameters
    ----------
    tensor
        Tensor (N, D) of a real type.
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = tensor.detach()
        self.shape = (int(tensor.shape[0]), int(tensor.shape[1]))
        self.dtype = tensor.dtype

    def chunks(self, size: int) -> Iterator[tuple[int, torch.Tensor]]:
        """Every row once and in order, at most `size` at a time."""
        for start in range(0, self.shape[0], size):
            yield start, self._tensor[start : start + size]

    def rows(self, index: NDArray[np.int64]) -> torch.Tensor:
        """The rows of the given, ascending numbers."""
        return self._tensor[torch.from_numpy(index).to(self._tensor.device)]


class ZarrFeatures:
    """Features in a zarr array; rows are read by whole chunks of the store.

    Parameters
    ----------
    array
        A zarr array (N, D).
    """

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape = (int(array.shape[0]), int(array.shape[1]))
        self.dtype = np.dtype(array.dtype)
        self.block_rows = int(array.chunks[0])

    def chunks(self, size: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Every row once and in order, at most `size` at a time."""
        # Whole blocks at a time where they fit: a block that is cut in two is decompressed twice.
        if size > self.block_rows:
            size -= size % self.block_rows
        for start in range(0, self.shape[0], size):
            yield start, np.asarray(self._array[start : start + size])

    def rows(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """The rows of the given, ascending numbers."""
        return np.asarray(self._array.get_orthogonal_selection((index, slice(None))))


def as_features(X: Any) -> FeatureChunks:
    """Wrap features of any kind into a stream of chunks.

    Parameters
    ----------
    X
        Features (N, D): a NumPy array, a memory map, a torch tensor on any device, a zarr array, anything that NumPy
        turns into a matrix, or a :class:`FeatureChunks`, which is returned as it is. Floating-point types of any
        precision, integers and booleans.

    Raises
    ------
    FeatureError
        If `X` is not a matrix of real numbers with at least one row and one column.
    """
    features: FeatureChunks
    if isinstance(X, torch.Tensor):
        _check_shape(tuple(X.shape))
        if X.is_complex():
            raise FeatureError(f"Complex data not supported: features must be real numbers; got {X.dtype}.")
        features = TensorFeatures(X)
    elif isinstance(X, FeatureChunks) and not isinstance(X, np.ndarray):
        _check_shape(tuple(X.shape))
        features = X
    elif hasattr(X, "get_orthogonal_selection"):
        _check_shape(tuple(X.shape))
        _check_type(np.dtype(X.dtype))
        features = ZarrFeatures(X)
    else:
        array = X if isinstance(X, np.ndarray) else _matrix(X)
        _check_shape(array.shape)
        _check_type(array.dtype)
        features = _file_features(array) or ArrayFeatures(array)
    return features


def _matrix(X: Any) -> NDArray[Any]:
    try:
        return np.asarray(X)
    except ValueError:
        raise FeatureError("Features must be a matrix (nodes, channels); the rows given differ in length.") from None


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise FeatureError(
            f"Features must be a matrix (nodes, channels); got shape {shape}. "
            "Reshape your data: every node is a row, for example X.reshape(-1, X.shape[-1])."
        )
    if shape[0] < 1 or shape[1] < 1:
        what = "sample(s)" if shape[0] < 1 else "feature(s)"  # the words are those of scikit-learn
        raise FeatureError(
            "Features must have at least one node and one channel: "
            f"found array with 0 {what} (shape={shape}) while a minimum of 1 is required."
        )


def _check_type(dtype: np.dtype[Any]) -> None:
    if dtype.kind == "c":
        raise FeatureError(f"Complex data not supported: features must be real numbers; got {dtype}.")
    if dtype.kind not in "fiub":
        raise FeatureError(f"Features must be real numbers; got an array of {dtype}.")


def _file_features(array: NDArray[Any]) -> FileFeatures | None:
    """A memory map as a file, where every element on disk is where the array says and as it says."""
    if not (isinstance(array, np.memmap) and array.flags.c_contiguous and array.dtype.isnative):
        return None
    mapping = getattr(array, "_mmap", None)
    # Mode "c" keeps changes in memory only; a map without a name has no file to read from.
    if mapping is None or array.filename is None or array.mode == "c":
        return None
    path = Path(array.filename)
    if not path.is_file():
        return None
    first = np.frombuffer(mapping, dtype=np.uint8).__array_interface__["data"][0]
    mapped_from = array.offset - array.offset % mmap.ALLOCATIONGRANULARITY
    offset = mapped_from + array.__array_interface__["data"][0] - first
    if array.mode != "r":
        array.flush()
    return FileFeatures(array, path, offset)


class _Writable:
    """The same memory as an array, without its read-only flag; only ever read from."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.base = array
        self.__array_interface__ = {
            **array.__array_interface__,
            "data": (array.__array_interface__["data"][0], False),
        }


def as_tensor(rows: Any) -> torch.Tensor:
    """Rows of a stream as a tensor, without a copy where the memory allows it.

    Parameters
    ----------
    rows
        A NumPy array or a torch tensor (n, D).

    Returns
    -------
    torch.Tensor
        Floating-point tensor (n, D), where the rows are; not to be written to.
    """
    if isinstance(rows, torch.Tensor):
        tensor = rows.detach()
    else:
        array = np.asarray(rows)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if array.dtype.kind in "iub" or array.dtype.itemsize > 8:
            array = array.astype(np.float64 if array.dtype.itemsize > 2 else np.float32)
        if any(stride < 0 or stride % array.itemsize for stride in array.strides):
            array = np.ascontiguousarray(array)
        if not array.flags.writeable:
            # torch warns about every read-only array it wraps; this module only reads.
            array = np.asarray(_Writable(array))
        tensor = torch.from_numpy(array)
    return tensor if tensor.is_floating_point() else tensor.to(torch.float64)


def raise_not_finite(features: FeatureChunks) -> None:
    """Count what makes `features` unfit and say where it is.

    Raises
    ------
    FeatureError
        Always: names how many values are NaN or infinite and the first positions; where none is, the values are too
        large to be squared in single precision.
    """
    n_nan = n_infinite = n_rows = 0
    first: list[str] = []
    largest = 0.0
    for start, rows in features.chunks(_SCAN_ROWS):
        tensor = as_tensor(rows)
        nan, infinite = torch.isnan(tensor), torch.isinf(tensor)
        bad = nan | infinite
        n_nan += int(nan.sum())
        n_infinite += int(infinite.sum())
        n_rows += int(bad.any(dim=1).sum())
        if len(first) < _REPORTED_POSITIONS:
            positions = bad.nonzero()[: _REPORTED_POSITIONS - len(first)].tolist()
            first += [f"(node {start + row}, channel {channel})" for row, channel in positions]
        largest = max(largest, float(tensor.abs().nan_to_num(0.0, posinf=0.0).max()))
    if n_rows == 0:
        raise FeatureError(
            f"Features reach {largest:.3g}, too large to be squared in single precision; divide them by a constant."
        )
    kinds = [f"{n} {name}" for n, name in ((n_nan, "NaN"), (n_infinite, "infinite")) if n]
    raise FeatureError(
        f"Features hold {' and '.join(kinds)} values in {n_rows} of {features.shape[0]} nodes, first at "
        f"{', '.join(first)}; repair or drop these nodes."
    )
