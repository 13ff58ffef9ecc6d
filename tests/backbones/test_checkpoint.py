"""Checkpoint files: what is read, what is refused, and what the refusal says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from alignedcut_viewer.backbones import get_spec, load_backbone
from alignedcut_viewer.backbones.checkpoint import load_strictly, read_checkpoint
from alignedcut_viewer.backbones.vit_timm import create_model
from alignedcut_viewer.errors import CheckpointError

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return load_backbone("random:test_vit2", device="cpu").model.state_dict()


@pytest.mark.parametrize("kind", ["safetensors", "pt", "pth", "bin"])
def test_files_of_every_kind_give_the_same_network(kind: str, state, tmp_path: Path) -> None:
    path = tmp_path / f"weights.{kind}"
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    backbone = load_backbone("test_vit2", weights=path, device="cpu")
    assert backbone.digest == load_backbone("random:test_vit2", device="cpu").digest
    assert backbone.name == "test_vit2"
    assert str(path) in backbone.source_note


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"model": state, "epoch": 3},
        lambda state: {"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}},
        lambda state: {"teacher": {f"backbone.{name}": tensor for name, tensor in state.items()}},
        lambda state: {**state, "head.weight": torch.zeros(5, 64), "head.bias": torch.zeros(5)},
    ],
    ids=["nested", "distributed", "teacher", "with a head"],
)
def test_what_training_scripts_save_is_understood(wrap, state, tmp_path: Path) -> None:
    torch.save(wrap(state), tmp_path / "weights.pth")
    backbone = load_backbone("test_vit2", weights=tmp_path / "weights.pth", device="cpu")
    assert torch.equal(backbone.model.blocks[1].attn.qkv.weight, state["blocks.1.attn.qkv.weight"])


def test_half_precision_weights_load_into_single_precision(state, tmp_path: Path) -> None:
    save_file({name: tensor.half() for name, tensor in state.items()}, tmp_path / "half.safetensors")
    backbone = load_backbone("test_vit2", weights=tmp_path / "half.safetensors", device="cpu")
    assert backbone.model.blocks[0].norm1.weight.dtype == torch.float32


def test_another_architecture_is_refused_by_its_first_differing_keys(state, tmp_path: Path) -> None:
    save_file(state, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError) as caught:
        load_backbone("random:test_vit", weights=tmp_path / "other.safetensors", device="cpu")
    message = str(caught.value)
    assert "other.safetensors does not fit the network random:test_vit" in message
    assert "it lacks cls_token" in message
    assert "it has the unknown blocks.0.ls1.gamma, blocks.0.ls2.gamma, blocks.1.ls1.gamma and" in message
    assert "pos_embed (1, 101, 64)" not in message, "position embeddings are resampled, not refused"
    assert "\n" not in message


def test_patches_of_another_size_are_no_reason_to_resample_weights(state, tmp_path: Path, generator) -> None:
    foreign = {**state, "patch_embed.proj.weight": torch.randn(64, 3, 8, 8, generator=generator)}
    save_file(foreign, tmp_path / "small_patches.safetensors")
    with pytest.raises(CheckpointError, match=r"patch_embed.proj.weight \(64, 3, 8, 8\) instead of \(64, 3, 16, 16\)"):
        load_backbone("test_vit2", weights=tmp_path / "small_patches.safetensors", device="cpu")


def test_a_missing_weight_is_named(state, tmp_path: Path) -> None:
    short = {name: tensor for name, tensor in state.items() if name != "blocks.4.mlp.fc2.bias"}
    save_file(short, tmp_path / "short.safetensors")
    with pytest.raises(CheckpointError, match=r"it lacks blocks\.4\.mlp\.fc2\.bias\. "):
        load_backbone("test_vit2", weights=tmp_path / "short.safetensors", device="cpu")


def test_a_refused_checkpoint_leaves_the_model_as_it_was(state) -> None:
    model = create_model(get_spec("test_vit2"), (160, 160))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    changed = {name: tensor + 1 for name, tensor in state.items() if name != "fc_norm.bias"}
    with pytest.raises(CheckpointError):
        load_strictly("test_vit2", model, changed, "it")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


class _RunsCode:
    def __reduce__(self):
        return os.mkdir, ("this-folder-must-not-appear",)


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model": _RunsCode()}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match="holds more than weights"):
        read_checkpoint(tmp_path / "evil.pt")
    assert not (tmp_path / "this-folder-must-not-appear").exists()


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pt", "empty.pth", "empty.safetensors"])
def test_broken_files_are_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"" if name.startswith("empty") else b"this is no checkpoint at all")
    with pytest.raises(CheckpointError, match=name):
        read_checkpoint(tmp_path / name)


def test_missing_files_and_other_contents_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        read_checkpoint(tmp_path / "missing.pt")
    torch.save([torch.zeros(3)], tmp_path / "list.pt")
    with pytest.raises(CheckpointError, match="no state dict"):
        read_checkpoint(tmp_path / "list.pt")
    torch.save({"weights": 3}, tmp_path / "numbers.pt")
    with pytest.raises(CheckpointError, match="no state dict"):
        read_checkpoint(tmp_path / "numbers.pt")


def test_transformers_names_are_translated(tmp_path: Path) -> None:
    import transformers

    settings = {"hidden_size": 64, "num_hidden_layers": 6, "num_attention_heads": 2, "image_size": 160}
    config = transformers.ViTMAEConfig(**settings, patch_size=16, intermediate_size=192)
    with torch.random.fork_rng(devices=[]):
        model = transformers.ViTMAEModel(config)
    state = model.state_dict()
    save_file(state, tmp_path / "renamed.safetensors")
    backbone = load_backbone("test_vit", weights=tmp_path / "renamed.safetensors", device="cpu")
    names = (".5.attention.o_proj.weight", ".5.attention.output.dense.weight")
    expected = next(tensor for name, tensor in state.items() if name.endswith(names))
    assert torch.equal(backbone.model.blocks[5].attn.proj.weight, expected)


def test_the_shared_trained_weights_load_strictly(shared_data: Path) -> None:
    path = shared_data / "weights" / "vit_tiny_p16_augreg.safetensors"
    backbone = load_backbone("vit-tiny-p16", weights=path, device="cpu")
    expected = load_file(path)
    loaded = backbone.model.state_dict()
    assert all(torch.equal(tensor, expected[name].float()) for name, tensor in loaded.items())
    assert set(expected) - set(loaded) == {"head.weight", "head.bias"}
