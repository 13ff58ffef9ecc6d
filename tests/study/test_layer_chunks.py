"""Chunks of a layer: sound before, between and after the two steps that write one anew."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alignedcut_viewer import atomic_files
from alignedcut_viewer.study.chunk_checksums import ChunkChecksums
from alignedcut_viewer.study.layer_chunks import LayerChunks
from alignedcut_viewer.study_files import LocalFiles

pytestmark = pytest.mark.quick

SHAPE = (2, 3, 4)
DTYPE = np.dtype("<f2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "c" / "1" / "0").mkdir(parents=True)
    return tmp_path


def block(seed: int) -> NDArray[np.float16]:
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(DTYPE)


def test_a_chunk_comes_back_and_damage_is_noticed(folder: Path) -> None:
    chunks = LayerChunks(folder, LocalFiles(folder))
    assert chunks.size(1) is None
    assert chunks.kept(1, SHAPE, DTYPE) is None
    chunks.announce(1, block(0))  # nothing to be said of a chunk that is new
    assert not (folder / "checksums").exists()
    chunks.write(1, block(0))
    assert chunks.size(1) == 2 * 3 * 4 * 2
    found = chunks.kept(1, SHAPE, DTYPE)
    assert found is not None
    assert np.array_equal(found, block(0))
    assert (folder / "checksums").read_bytes()[8:] == (1 << 32 | zlib.crc32(block(0).tobytes())).to_bytes(8, "little")
    file = folder / "c" / "1" / "0" / "0"
    data = bytearray(file.read_bytes())
    data[7] ^= 1
    file.write_bytes(data)
    assert not chunks.fits(1)
    assert chunks.kept(1, SHAPE, DTYPE) is None


@pytest.mark.parametrize("stopped", ["before the chunk", "before its checksum"])
def test_either_contents_are_sound_while_a_chunk_is_written_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stopped: str
) -> None:
    chunks = LayerChunks(folder, LocalFiles(folder))
    chunks.write(1, block(0))

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    chunks.announce(1, block(1))
    with monkeypatch.context() as patch:
        if stopped == "before the chunk":
            patch.setattr(atomic_files.os, "replace", stop)
        else:
            patch.setattr(ChunkChecksums, "put", stop)
        with pytest.raises(KeyboardInterrupt):
            chunks.write(1, block(1))
    again = LayerChunks(folder, LocalFiles(folder))
    found = again.kept(1, SHAPE, DTYPE)
    assert found is not None
    assert np.array_equal(found, block(0 if stopped == "before the chunk" else 1))
    (folder / "c" / "1" / "0" / "0").write_bytes(block(2).tobytes())
    assert not again.fits(1), "and nothing else is"
    # Gone through with, nothing tells that it was stopped.
    again.announce(1, block(1))
    again.write(1, block(1))
    (folder / "c" / "1" / "0" / "0").write_bytes(block(0).tobytes())
    assert not again.fits(1), "the old contents are no longer what was written"
