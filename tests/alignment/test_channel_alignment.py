from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from alignedcut_viewer import atomic_files
from alignedcut_viewer.alignment import ChannelAlignment, channel_alignment
from alignedcut_viewer.errors import AlignmentError, StorageError
from alignedcut_viewer.nodes import Slot

pytestmark = pytest.mark.quick

SLOTS = [Slot("vit", 0), Slot("vit", 1), Slot("small", 4)]
WIDTHS = [6, 6, 4]


@pytest.fixture
def alignment(rng: np.random.Generator) -> ChannelAlignment:
    return ChannelAlignment(
        {slot: rng.normal(size=(width, 5)) for slot, width in zip(SLOTS, WIDTHS, strict=True)},
        {slot: rng.normal(size=width) for slot, width in zip(SLOTS[:2], WIDTHS[:2], strict=True)},
        kind="brain",
        tap="attention",
        recipe={"n_images": 3, "seed": 0, "title": "größer"},
        scores={"agreement": {"vit/0": 0.5}, "warning": None},
        simulated=True,
    )


def test_transform_is_the_paper_equation_with_an_offset(alignment: ChannelAlignment, rng: np.random.Generator) -> None:
    x = rng.normal(size=(7, 6)).astype(np.float32)
    expected = (x - alignment.offsets[SLOTS[0]]) @ alignment.matrices[SLOTS[0]]
    np.testing.assert_allclose(alignment.transform(SLOTS[0], x), expected, rtol=1e-5, atol=1e-5)
    assert alignment.transform(("vit", 0), x).dtype == np.float32
    # Features of pictures, half precision and tensors go the same way.
    cube = x.astype(np.float16).reshape(1, 7, 6)
    np.testing.assert_allclose(alignment.transform(SLOTS[0], cube)[0], expected, atol=2e-2)
    tensor = alignment.transform(SLOTS[0], torch.from_numpy(x))
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_allclose(tensor.numpy(), expected, rtol=1e-5, atol=1e-5)


def test_no_offset_means_a_purely_linear_map(alignment: ChannelAlignment) -> None:
    assert not alignment.bias(SLOTS[2]).any()
    np.testing.assert_array_equal(alignment.transform(SLOTS[2], np.eye(4)), alignment.matrix(SLOTS[2]))


def test_save_and_load_give_the_same_alignment(alignment: ChannelAlignment, tmp_path: Path) -> None:
    loaded = ChannelAlignment.load(alignment.save(tmp_path / "a.safetensors"))
    assert loaded.slots == alignment.slots
    assert loaded.widths == dict(zip(SLOTS, WIDTHS, strict=True))
    assert (loaded.kind, loaded.tap, loaded.simulated) == ("brain", "attention", True)
    assert loaded.recipe == alignment.recipe
    assert loaded.scores == alignment.scores
    for slot in SLOTS:
        np.testing.assert_array_equal(loaded.matrices[slot], alignment.matrices[slot])
        np.testing.assert_array_equal(loaded.offsets[slot], alignment.offsets[slot])


def test_half_precision_halves_the_file(tmp_path: Path, rng: np.random.Generator) -> None:
    big = ChannelAlignment({SLOTS[0]: rng.normal(size=(256, 256))})
    whole = big.save(tmp_path / "whole.safetensors").stat().st_size
    half = big.save(tmp_path / "half.safetensors", precision="float16").stat().st_size
    assert half < 0.52 * whole
    loaded = ChannelAlignment.load(tmp_path / "half.safetensors")
    np.testing.assert_allclose(loaded.matrix(SLOTS[0]), big.matrix(SLOTS[0]), atol=2e-3)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    alignment: ChannelAlignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = alignment.save(tmp_path / "a.safetensors")
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    with pytest.raises(StorageError, match=r"No space is left .*a\.safetensors"):
        alignment.subset(SLOTS[:1]).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_missing_folder_is_said_in_a_sentence(alignment: ChannelAlignment, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere"):
        alignment.save(tmp_path / "nowhere" / "a.safetensors")


def test_mismatches_name_the_slots(alignment: ChannelAlignment) -> None:
    alignment.require({SLOTS[0]: 6, SLOTS[2]: 4}, tap="attention")
    with pytest.raises(AlignmentError, match="vit/7"):
        alignment.require({SLOTS[0]: 6, Slot("vit", 7): 6})
    with pytest.raises(AlignmentError, match=r"small/4 \(4 channels, the features have 8\)"):
        alignment.require({SLOTS[0]: 6, SLOTS[2]: 8})
    with pytest.raises(AlignmentError, match="'block' features"):
        alignment.require({SLOTS[0]: 6}, tap="block")
    with pytest.raises(AlignmentError, match="other/0"):
        alignment.transform(("other", 0), np.zeros((2, 6)))
    with pytest.raises(AlignmentError, match="vit/0 must have 6 channels"):
        alignment.transform(SLOTS[0], np.zeros((2, 5)))
    with pytest.raises(AlignmentError, match="vit/9"):
        alignment.subset([Slot("vit", 9)])


def test_bad_maps_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(AlignmentError, match="at least one slot"):
        ChannelAlignment({})
    with pytest.raises(AlignmentError, match=r"\[3, 4\]"):
        ChannelAlignment({SLOTS[0]: np.eye(3), SLOTS[1]: np.eye(4)})
    with pytest.raises(AlignmentError, match="vit/1 holds NaN"):
        ChannelAlignment({SLOTS[1]: np.full((2, 2), np.nan)})
    with pytest.raises(AlignmentError, match="offset of slot vit/0"):
        ChannelAlignment({SLOTS[0]: np.eye(3)}, {SLOTS[0]: np.zeros(4)})
    with pytest.raises(AlignmentError, match="without a matrix: vit/1"):
        ChannelAlignment({SLOTS[0]: np.eye(3)}, {SLOTS[1]: np.zeros(3)})


def test_files_that_are_no_alignment_are_refused(alignment: ChannelAlignment, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    with pytest.raises(AlignmentError, match="no alignment file"):
        ChannelAlignment.load(tmp_path / "missing.safetensors")
    (tmp_path / "text.safetensors").write_text("not a tensor")
    with pytest.raises(AlignmentError, match=r"text\.safetensors is not a readable"):
        ChannelAlignment.load(tmp_path / "text.safetensors")
    save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(AlignmentError, match="not an alignment written by"):
        ChannelAlignment.load(tmp_path / "other.safetensors")
    whole = alignment.save(tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-10])
    with pytest.raises(AlignmentError, match=r"cut\.safetensors"):
        ChannelAlignment.load(tmp_path / "cut.safetensors")


def test_a_newer_version_is_named(alignment: ChannelAlignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(channel_alignment, "FORMAT_VERSION", 99)
        alignment.save(path)
    with pytest.raises(AlignmentError, match=r"version 99.*Update"):
        ChannelAlignment.load(path)


def test_a_recipe_may_name_a_file_that_is_not_utf_8(alignment: ChannelAlignment, tmp_path: Path) -> None:
    named = dataclasses.replace(alignment, recipe={"brain": "Bl\udce4tter.npz"})
    assert ChannelAlignment.load(named.save(tmp_path / "a.safetensors")).recipe == named.recipe
