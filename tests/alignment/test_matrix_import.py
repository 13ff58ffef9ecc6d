"""Maps from elsewhere: state dicts, safetensors, npz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from alignedcut_viewer.alignment import import_matrices
from alignedcut_viewer.errors import AlignmentError
from alignedcut_viewer.nodes import Slot

pytestmark = pytest.mark.quick

SLOTS = [Slot(network, layer) for network in ("clip", "dino", "mae") for layer in range(12)]


def matrices(width: int = 6) -> list[np.ndarray]:
    return [np.random.default_rng(i).standard_normal((width, 6)).astype(np.float32) for i in range(36)]


def test_a_state_dict_of_linear_layers_is_transposed(tmp_path: Path) -> None:
    layers = torch.nn.ModuleList(torch.nn.Linear(6, 6, bias=False) for _ in SLOTS)
    torch.save(layers.state_dict(), tmp_path / "maps.pth")
    found = import_matrices(tmp_path / "maps.pth", SLOTS)
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    for slot, layer in zip(SLOTS, layers, strict=True):  # "10.weight" comes after "9.weight"
        torch.testing.assert_close(found.transform(slot, x), layer(x))
    assert (found.kind, found.tap) == ("brain", "attention")
    assert found.recipe["imported"] == "maps.pth"


def test_files_of_plain_matrices(tmp_path: Path) -> None:
    given = matrices()
    named = {f"W_{i}": matrix for i, matrix in enumerate(given)}
    np.savez(tmp_path / "maps.npz", **named)
    save_file(named, tmp_path / "maps.safetensors")
    torch.save({"state_dict": {name: torch.from_numpy(m) for name, m in named.items()}}, tmp_path / "maps.pt")
    torch.save(torch.from_numpy(np.stack(given)), tmp_path / "stack.pt")
    torch.save([torch.from_numpy(m) for m in given], tmp_path / "list.pt")
    for name in ("maps.npz", "maps.safetensors", "maps.pt", "stack.pt", "list.pt"):
        found = import_matrices(tmp_path / name, SLOTS)
        for slot, matrix in zip(SLOTS, given, strict=True):
            np.testing.assert_array_equal(found.matrix(slot), matrix)
    flipped = import_matrices(tmp_path / "maps.npz", SLOTS, convention="linear")
    np.testing.assert_array_equal(flipped.matrix(SLOTS[3]), given[3].T)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "maps.npz", **{f"W_{i}": matrix for i, matrix in enumerate(matrices(4))})
    with pytest.raises(AlignmentError, match=r"holds 36 matrices, but 12 slots were named \(clip/0 to clip/11\)"):
        import_matrices(tmp_path / "maps.npz", SLOTS[:12])
    with pytest.raises(AlignmentError, match="clip/3 was named twice"):
        import_matrices(tmp_path / "maps.npz", [*SLOTS[:-1], SLOTS[3]])
    with pytest.raises(AlignmentError, match=r"W_1 for slot clip/1 takes 4 channels, but the features have 768"):
        import_matrices(tmp_path / "maps.npz", SLOTS, widths={SLOTS[1]: 768})
    with pytest.raises(AlignmentError, match="no file"):
        import_matrices(tmp_path / "absent.pt", SLOTS)
    (tmp_path / "text.pt").write_text("no tensors")
    with pytest.raises(AlignmentError, match="cannot be read"):
        import_matrices(tmp_path / "text.pt", SLOTS)
    torch.save(torch.nn.Linear(6, 6).state_dict(), tmp_path / "bias.pt")
    with pytest.raises(AlignmentError, match="'bias' is an array of shape"):
        import_matrices(tmp_path / "bias.pt", SLOTS[:1])
    torch.save({"epoch": 3}, tmp_path / "other.pt")
    with pytest.raises(AlignmentError, match="'epoch' is a int"):
        import_matrices(tmp_path / "other.pt", SLOTS[:1])
