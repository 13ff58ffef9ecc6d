from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignedcut_viewer.brain.arrays import SideBySide, find_faults, map_npy, read_label_mapping, release_pages
from alignedcut_viewer.errors import InputError

pytestmark = pytest.mark.quick


def test_map_npy_reads_what_was_written(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.save(tmp_path / "a.npy", values)
    mapped = map_npy(tmp_path / "a.npy")
    assert isinstance(mapped, np.memmap)
    assert np.array_equal(mapped, values)


def test_truncated_file_is_named_with_its_sizes(tmp_path: Path) -> None:
    path = tmp_path / "responses.npy"
    np.save(path, np.zeros((100, 50), dtype=np.float32))
    content = path.read_bytes()
    path.write_bytes(content[:-1000])
    with pytest.raises(InputError, match=r"responses.npy: the file is truncated: .*100 × 50") as caught:
        map_npy(path)
    assert f"{len(content) - 1000:,} bytes" in str(caught.value)


@pytest.mark.parametrize("n_bytes", [0, 4, 20])
def test_file_cut_inside_its_header(tmp_path: Path, n_bytes: int) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros(5))
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(InputError, match=r"a\.npy: this is not a readable \.npy file"):
        map_npy(path)


def test_missing_foreign_object_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file is missing"):
        map_npy(tmp_path / "nothing.npy")
    (tmp_path / "text.npy").write_text("hello, this is no array")
    with pytest.raises(InputError, match="not a readable"):
        map_npy(tmp_path / "text.npy")
    np.save(tmp_path / "object.npy", np.array({"a": 1}, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="Python objects"):
        map_npy(tmp_path / "object.npy")
    np.save(tmp_path / "empty.npy", np.zeros((0, 3)))
    with pytest.raises(InputError, match="holds no values"):
        map_npy(tmp_path / "empty.npy")


@pytest.mark.parametrize("mapping", [{0: "Unknown", 1: "V1v"}, {np.int64(0): "Unknown", np.int32(1): "V1v"}])
def test_label_mapping_reads_plain_and_numpy_numbers(tmp_path: Path, mapping: dict) -> None:
    np.save(tmp_path / "mapping.npy", mapping, allow_pickle=True)
    assert read_label_mapping(tmp_path / "mapping.npy") == {0: "Unknown", 1: "V1v"}


def test_label_mapping_of_an_older_numpy(tmp_path: Path) -> None:
    """NumPy 1, which wrote the release, names its functions by another module."""
    content = pickle.dumps(np.array({0: "Unknown", 1: "EBA"}, dtype=object), protocol=3)
    with (tmp_path / "mapping.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        file.write(content.replace(b"cnumpy._core.", b"cnumpy.core."))
    assert b"numpy.core.multiarray" in (tmp_path / "mapping.npy").read_bytes()
    assert read_label_mapping(tmp_path / "mapping.npy") == {0: "Unknown", 1: "EBA"}


class _Forged:
    """What runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_forged_mapping_runs_no_code(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    with (tmp_path / "mapping.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        pickle.dump(_Forged(trap), file)
    with pytest.raises(InputError, match=r"mapping\.npy: this is not a mapping .*mkdir"):
        read_label_mapping(tmp_path / "mapping.npy")
    assert not trap.exists()


def test_damaged_mapping_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "mapping.npy", {0: "Unknown"}, allow_pickle=True)
    content = (tmp_path / "mapping.npy").read_bytes()
    (tmp_path / "mapping.npy").write_bytes(content[:-20])
    with pytest.raises(InputError, match=r"mapping\.npy"):
        read_label_mapping(tmp_path / "mapping.npy")


@pytest.mark.parametrize("memory", [1, 10**9])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_faults_of_voxels(rng: np.random.Generator, memory: int, dtype: type) -> None:
    values = rng.standard_normal((20, 9)).astype(dtype)
    values[7, 2] = np.nan
    values[19, 3] = -np.inf
    values[:, 5] = 0
    values[:, 8] = 1.5
    faults = find_faults(values, memory=memory)
    assert faults.not_finite.tolist() == [2, 3]
    assert faults.zero.tolist() == [5]
    assert faults.constant.tolist() == [8]
    assert faults.unusable.tolist() == [2, 3, 5, 8]
    texts = [str(problem) for problem in faults.problems("lh.npy")]
    assert texts[0].startswith("lh.npy: 2 voxels (2, 3) have NaN or infinite responses")
    assert texts[1].startswith("lh.npy: voxel 5 has a response of zero to every picture")


@given(st.data())
def test_side_by_side_is_the_joined_array(data: st.DataObject) -> None:
    n_rows = data.draw(st.integers(1, 6))
    widths = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    joined = np.arange(n_rows * sum(widths), dtype=np.float32).reshape(n_rows, -1)
    blocks = np.split(joined, np.cumsum(widths)[:-1], axis=1)
    rows = data.draw(st.none() | st.lists(st.integers(0, n_rows - 1), min_size=1, max_size=8))
    columns = data.draw(st.none() | st.lists(st.integers(0, sum(widths) - 1), min_size=1, max_size=8))
    lazy = SideBySide(blocks).select(rows, columns)
    expected = joined if rows is None else joined[rows]
    expected = expected if columns is None else expected[:, columns]
    assert lazy.shape == expected.shape
    assert np.array_equal(np.asarray(lazy), expected)
    row = data.draw(st.integers(-len(expected), len(expected) - 1))
    column = data.draw(st.integers(0, expected.shape[1] - 1))
    assert np.array_equal(lazy[row], expected[row])
    assert np.array_equal(lazy[:, column], expected[:, column])
    assert lazy[row, column] == expected[row, column]
    assert np.array_equal(lazy[:, expected.sum(axis=0) > 5], expected[:, expected.sum(axis=0) > 5])
    again = data.draw(st.lists(st.integers(0, expected.shape[1] - 1), min_size=1, max_size=4))
    assert np.array_equal(lazy.select(columns=again)[:], expected[:, again])
    assert np.array_equal(np.concatenate([chunk for _, chunk in lazy.chunks(2)]), expected)


def test_side_by_side_needs_equal_heights() -> None:
    with pytest.raises(InputError, match="equally many rows"):
        SideBySide([np.zeros((2, 1)), np.zeros((3, 1))])


def test_pages_of_mapped_files_are_given_back(tmp_path: Path) -> None:
    values = np.arange(20_000.0).reshape(200, 100)
    np.save(tmp_path / "values.npy", values)
    mapped = map_npy(tmp_path / "values.npy")
    both = SideBySide([mapped, mapped[:, 10:]]).select(rows=[3, 1])
    own = np.load(tmp_path / "values.npy", mmap_mode="c")
    own[0] = -1  # a private copy of the page, which must not be lost
    for array in (mapped, mapped[5:], both, own, values):
        release_pages(array)
    np.testing.assert_array_equal(mapped, values)
    np.testing.assert_array_equal(both[:], np.concatenate([values, values[:, 10:]], axis=1)[[3, 1]])
    assert own[0, 0] == -1
