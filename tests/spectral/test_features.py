"""Features of every kind give the same eigenvectors, are read in pieces, and bad ones are named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zarr
from numpy.typing import NDArray

from alignedcut_viewer.errors import FeatureError
from alignedcut_viewer.spectral import FeatureChunks, NormalizedCut, as_features
from alignedcut_viewer.spectral.features import ArrayFeatures, FileFeatures, as_tensor

pytestmark = pytest.mark.quick

SHAPE = (2500, 24)
SETTINGS: dict[str, Any] = {"gamma": 0.5, "method": "nystrom", "n_landmarks": 100, "device": "cpu"}


class Stream:
    """A stream that says which rows it was asked for and in which sizes, and never gives more than 300 at a time."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array
        self.shape = array.shape
        self.dtype = array.dtype
        self.passes = 0
        self.gathered = 0

    def chunks(self, size: int) -> Iterator[tuple[int, NDArray[Any]]]:
        self.passes += 1
        for start in range(0, len(self._array), min(size, 300)):
            yield start, self._array[start : start + min(size, 300)].copy()

    def rows(self, index: NDArray[np.int64]) -> NDArray[Any]:
        assert (np.diff(index) > 0).all()
        self.gathered += len(index)
        return self._array[index]


@pytest.fixture(scope="module")
def features(planted: Callable) -> NDArray[np.float32]:
    return planted(SHAPE[0]).features.astype(np.float16).astype(np.float32)


@pytest.fixture(scope="module")
def expected(features: NDArray[np.float32]) -> NDArray[np.float32]:
    return NormalizedCut(6, **SETTINGS).fit_transform(features)


def as_memory_map(array: NDArray[Any], folder: Path) -> np.memmap:
    """Rows in the middle of a file that begins with something else."""
    path = folder / "features.bin"
    with path.open("wb") as file:
        file.write(b"x" * 5016)
        file.write(np.zeros((40, array.shape[1]), array.dtype).tobytes())
        file.write(array.tobytes())
    whole = np.memmap(path, dtype=array.dtype, mode="r", offset=5016, shape=(len(array) + 40, array.shape[1]))
    return whole[40:]


def as_zarr(array: NDArray[Any], folder: Path) -> zarr.Array:
    stored = zarr.create_array(folder / "features.zarr", shape=array.shape, dtype=array.dtype, chunks=(170, 24))
    stored[:] = array
    return stored


KINDS: dict[str, Callable[[NDArray[np.float32], Path], Any]] = {
    "float64": lambda x, _: x.astype(np.float64),
    "float16": lambda x, _: x.astype(np.float16),
    "big-endian": lambda x, _: x.astype(">f4"),
    "Fortran order": lambda x, _: np.asfortranarray(x),
    "strided": lambda x, _: np.repeat(np.repeat(x, 2, axis=0), 2, axis=1)[::2, ::2],
    "reversed twice": lambda x, _: x[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda x, _: _read_only(x),
    "list": lambda x, _: x.tolist(),
    "tensor": lambda x, _: torch.from_numpy(x),
    "tensor of float16": lambda x, _: torch.from_numpy(x).half(),
    "tensor with gradient": lambda x, _: torch.from_numpy(x).requires_grad_(),
    "memory map": as_memory_map,
    "memory map of float16": lambda x, folder: as_memory_map(x.astype(np.float16), folder),
    "zarr": as_zarr,
    "zarr of float16": lambda x, folder: as_zarr(x.astype(np.float16), folder),
    "stream": lambda x, _: Stream(x),
    "stream of float16": lambda x, _: Stream(x.astype(np.float16)),
}


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("error:The given NumPy array is not writable")
def test_every_kind_gives_the_same(
    features: NDArray[np.float32], expected: NDArray[np.float32], tmp_path: Path, kind: str
) -> None:
    X = KINDS[kind](features, tmp_path)
    assert as_features(X).shape == SHAPE
    cut = NormalizedCut(6, **SETTINGS)
    found = cut.fit_transform(X)
    assert found.dtype == np.float32
    # A store in blocks is sampled by blocks; 170 rows a block are 15 blocks, all of which are read here.
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_array_equal(cut.transform(X), found)
    np.testing.assert_allclose(NormalizedCut(6, gamma=0.5, method="exact", device="cpu").fit(X).eigenvalues_[0], 1.0)


@pytest.mark.parametrize(
    ("convert", "dtype"), [(lambda x: x.astype(np.int8), np.int8), (lambda x: x > 5, bool), (np.uint16, np.uint16)]
)
def test_integers_and_booleans(features: NDArray[np.float32], convert: Callable, dtype: Any) -> None:
    X = convert(np.abs(features * 10))
    assert X.dtype == dtype
    found = NormalizedCut(4, **SETTINGS).fit_transform(X)
    np.testing.assert_allclose(found, NormalizedCut(4, **SETTINGS).fit_transform(X.astype(np.float32)), atol=1e-6)


def test_bfloat16_tensor(features: NDArray[np.float32]) -> None:
    X = torch.from_numpy(features).bfloat16()
    found = NormalizedCut(4, **SETTINGS).fit_transform(X)
    np.testing.assert_allclose(found, NormalizedCut(4, **SETTINGS).fit_transform(X.float()), atol=1e-6)


def test_one_pass_and_a_sample_are_all_that_is_read(planted: Callable) -> None:
    X = Stream(planted(30_000).features)
    assert isinstance(X, FeatureChunks)
    NormalizedCut(6, gamma=0.5, method="nystrom", device="cpu").fit_transform(X)
    assert X.passes == 1
    assert X.gathered < 10_000
    X = Stream(X._array)
    NormalizedCut(6, gamma=0.5, method="nystrom", orthonormal=False, device="cpu").fit(X)
    assert X.passes == 0


def test_a_compressed_store_is_sampled_by_blocks() -> None:
    from alignedcut_viewer.spectral.sampling import sample_rows

    class Blocks(Stream):
        block_rows = 100

    X = Blocks(np.zeros((500_000, 2), np.float16))
    index = sample_rows(X, 8192, np.random.default_rng(0))
    assert len(index) == 8192
    assert (np.diff(index) > 0).all()
    blocks = np.unique(index // 100)
    assert len(blocks) < 5000 / 9  # of the 5,000 blocks
    assert np.diff(blocks).max() < 30  # from everywhere


@pytest.mark.parametrize("target", ["array", "half", "memory map", "tensor", "zarr", "zarr of float16"])
def test_eigenvectors_are_written_where_they_are_wanted(
    features: NDArray[np.float32], expected: NDArray[np.float32], tmp_path: Path, target: str
) -> None:
    shape = (SHAPE[0], 6)
    out: Any
    if target == "array":
        out = np.full((SHAPE[0], 9), 7.0, np.float32)[:, 1:7]
    elif target == "half":
        out = np.empty(shape, np.float16)
    elif target == "memory map":
        out = np.memmap(tmp_path / "out.bin", dtype=np.float32, mode="w+", shape=shape)
    elif target == "tensor":
        out = torch.empty(shape, dtype=torch.float64)
    else:
        out = zarr.create_array(
            tmp_path / "out.zarr", shape=shape, dtype="float16" if "16" in target else "float32", chunks=(333, 6)
        )
    cut = NormalizedCut(6, **SETTINGS)
    assert cut.fit_transform(features, out=out) is out
    tolerance = 1e-3 * np.abs(expected).max() if "16" in target or target == "half" else 2e-7
    np.testing.assert_allclose(np.asarray(out[:]), expected, atol=tolerance)
    out[:] = 0
    assert cut.transform(features, out=out) is out
    np.testing.assert_allclose(np.asarray(out[:]), expected, atol=tolerance)


def test_columns_that_do_not_fit_into_memory_go_to_a_file(
    features: NDArray[np.float32], expected: NDArray[np.float32]
) -> None:
    out = np.empty((SHAPE[0], 6), np.float64)  # cannot hold the columns itself
    cut = NormalizedCut(6, **{**SETTINGS, "memory": "100kB"})
    cut.fit_transform(features, out=out)
    np.testing.assert_allclose(out.T @ out, np.eye(6), atol=1e-5)
    np.testing.assert_array_equal(cut.transform(features), out.astype(np.float32))


@pytest.mark.parametrize("method", ["exact", "nystrom", "knn"])
def test_bad_values_are_counted_and_located(features: NDArray[np.float32], method: str) -> None:
    X = features.copy()
    X[3, 5] = np.nan
    X[3, 6] = np.nan
    X[2400, 0] = -np.inf
    message = (
        r"hold 2 NaN and 1 infinite values in 2 of 2500 nodes, first at \(node 3, channel 5\), \(node 3, channel 6\), "
        r"\(node 2400, channel 0\)"
    )
    with pytest.raises(FeatureError, match=message):
        NormalizedCut(4, **{**SETTINGS, "method": method}).fit(X)
    cut = NormalizedCut(4, **{**SETTINGS, "method": method}).fit(features)
    with pytest.raises(FeatureError, match=message):
        cut.transform(X)


def test_a_bad_value_outside_the_sample_is_found(planted: Callable) -> None:
    X = planted(30_000).features.copy()
    X[29_990:, 1] = np.nan
    with pytest.raises(FeatureError, match="10 NaN values in 10 of 30000 nodes"):
        NormalizedCut(4, gamma=0.5, method="nystrom", device="cpu").fit(X)


def test_values_too_large_are_named(features: NDArray[np.float32]) -> None:
    with pytest.raises(FeatureError, match="too large to be squared"):
        NormalizedCut(4, **SETTINGS).fit(features.astype(np.float64) * 1e30)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (np.zeros(5), r"must be a matrix \(nodes, channels\); got shape \(5,\)"),
        (np.zeros((2, 3, 4)), r"got shape \(2, 3, 4\)"),
        (np.zeros((0, 4)), "at least one node"),
        (np.zeros((4, 0)), "at least one node and one channel"),
        (np.zeros((4, 2), complex), "must be real"),
        (np.array([["a", "b"]]), "must be real"),
        (torch.zeros(3, 2, dtype=torch.complex64), "must be real"),
        (torch.zeros(3), r"got shape \(3,\)"),
    ],
)
def test_what_is_not_a_matrix_of_numbers_is_named(wrong: Any, says: str) -> None:
    with pytest.raises(FeatureError, match=says):
        NormalizedCut(2).fit(wrong)


def test_memory_maps_are_read_through_their_file(features: NDArray[np.float32], tmp_path: Path) -> None:
    mapped = as_memory_map(features, tmp_path)
    source = as_features(mapped[100:])
    assert isinstance(source, FileFeatures)
    np.testing.assert_array_equal(source.rows(np.array([0, 7, 2399])), features[[100, 107, 2499]])
    start, rows = list(source.chunks(1000))[2]
    assert start == 2000
    np.testing.assert_array_equal(rows, features[2100:])
    assert isinstance(as_features(mapped[::2]), ArrayFeatures)  # not one stretch of the file
    private = np.memmap(tmp_path / "features.bin", dtype=np.float32, mode="c", offset=5016, shape=(2540, 24))
    private[40, 0] = 5.0  # in memory only
    assert next(as_features(private).chunks(41))[1][40, 0] == 5.0
    shared = np.memmap(tmp_path / "features.bin", dtype=np.float32, mode="r+", offset=5016, shape=(2540, 24))
    shared[40, 0] = 6.0
    assert next(as_features(shared).chunks(41))[1][40, 0] == 6.0


def test_a_file_cut_short_is_named(features: NDArray[np.float32], tmp_path: Path) -> None:
    source = as_features(as_memory_map(features, tmp_path))
    with (tmp_path / "features.bin").open("r+b") as file:
        file.truncate(50_000)
    with pytest.raises(FeatureError, match=r"features\.bin ends before all features are read"):
        list(source.chunks(1000))


def test_tensors_share_memory_with_arrays(features: NDArray[np.float32]) -> None:
    assert as_tensor(features).data_ptr() == features.__array_interface__["data"][0]
    frozen = _read_only(features)
    assert as_tensor(frozen).data_ptr() == frozen.__array_interface__["data"][0]
