"""Networks of transformers: the same weights give the same features as in timm, at every tap and size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from alignedcut_viewer.backbones import TAPS, get_spec, load_backbone
from alignedcut_viewer.backbones.convert import from_transformers, is_transformers
from alignedcut_viewer.backbones.vit_timm import TimmBackbone, load_state
from alignedcut_viewer.backbones.vit_transformers import transformers_spec
from alignedcut_viewer.errors import CheckpointError, UnknownNetworkError, WeightsUnavailableError

pytestmark = pytest.mark.quick

SHARED = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "image_size": 32, "patch_size": 8}
IN_TIMM: dict[str, Any] = {
    "patch_size": 8,
    "embed_dim": 48,
    "depth": 3,
    "num_heads": 4,
    "mlp_ratio": 2,
    "num_classes": 0,
}
FAMILIES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    # the class in transformers, its settings, and what the same architecture needs in timm
    "CLIP": (
        "CLIPVision",
        {"intermediate_size": 96},
        {"pre_norm": True, "act_layer": "quick_gelu", "norm_layer": nn.LayerNorm},
    ),
    "DINOv2 with registers": (
        "Dinov2WithRegisters",
        {"mlp_ratio": 2, "num_register_tokens": 4, "layerscale_value": 0.5, "use_swiglu_ffn": False},
        {"init_values": 0.5, "reg_tokens": 4, "no_embed_class": True},
    ),
    "DINOv2": ("Dinov2", {"mlp_ratio": 2, "layerscale_value": 0.5}, {"init_values": 0.5}),
    # transformers' default for the norms of ViT-MAE is 1e-12; MAE was trained with timm's 1e-6
    "MAE": ("ViTMAE", {"intermediate_size": 96, "mask_ratio": 0.75, "layer_norm_eps": 1e-6}, {}),
}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def random_model(scatter: Callable[[nn.Module], nn.Module]) -> Callable[[str], Any]:
    def build(family: str) -> Any:
        name, settings, _ = FAMILIES[family]
        config = getattr(transformers, f"{name}Config")(**SHARED, **settings)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(1)
            model = getattr(transformers, f"{name}Model")(config)
        return scatter(model)

    return build


@pytest.fixture
def folder(family: str, random_model, tmp_path: Path) -> Path:
    random_model(family).save_pretrained(tmp_path / "random-model")
    return tmp_path / "random-model"


def in_timm(family: str, state: dict[str, torch.Tensor], size: tuple[int, int], as_backbone) -> TimmBackbone:
    model = VisionTransformer(img_size=size, **IN_TIMM, **FAMILIES[family][2]).eval()
    backbone = as_backbone(model, size, n_registers=FAMILIES[family][2].get("reg_tokens", 0))
    load_state(backbone.spec, model, from_transformers(state), "the converted weights")
    return backbone


def test_several_taps_in_one_pass(folder: Path, generator, check_one_pass) -> None:
    backbone = load_backbone(f"hf:{folder}", input_size=(32, 32), device="cpu")
    check_one_pass(backbone, torch.randn(2, 3, 32, 32, generator=generator))


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (24, 56)], ids=["native", "raised", "not square"])
@pytest.mark.parametrize("tap", TAPS)
def test_timm_and_transformers_agree(family: str, folder: Path, size, tap, as_backbone, generator) -> None:
    theirs = load_backbone(f"hf:{folder}", input_size=size, device="cpu")
    ours = in_timm(family, load_file(folder / "model.safetensors"), size, as_backbone)
    assert theirs.grid == ours.grid
    assert theirs.n_tokens == ours.n_tokens
    assert theirs.widths(tap) == ours.widths(tap)
    batch = torch.randn(2, 3, *size, generator=generator)
    for found, expected in zip(
        theirs.features(batch, [0, 2, 1], tap), ours.features(batch, [0, 2, 1], tap), strict=True
    ):
        assert found.shape == (2, size[0] * size[1] // 64 + 1, 48)
        assert float(expected.std()) > 1e-2
        # single precision, whatever the order in which sums are taken
        assert float((found - expected).abs().max()) <= 2e-5 * float(expected.abs().max())


@torch.no_grad()
def test_at_the_native_size_the_librarys_own_forward_agrees(family: str, random_model, tmp_path, generator) -> None:
    model = random_model(family)
    model.save_pretrained(tmp_path)
    batch = torch.randn(2, 3, 32, 32, generator=generator)
    # a rising noise leaves the patches of ViT-MAE in their order
    extra = {"noise": torch.arange(16.0).expand(2, -1)} if family == "MAE" else {}
    if family == "MAE":
        model.config.mask_ratio = 0.0
    expected = model(batch, **extra).last_hidden_state
    backbone = load_backbone(f"hf:{tmp_path}", device="cpu")
    (block,) = backbone.features(batch, [2], "block")
    if family != "CLIP":  # CLIP's last hidden state comes before the final norm
        block = model.layernorm(block)
    if family == "DINOv2 with registers":
        expected = torch.cat([expected[:, :1], expected[:, 5:]], dim=1)
    torch.testing.assert_close(block, expected, rtol=1e-4, atol=1e-5)


def test_mae_neither_masks_nor_shuffles(random_model, tmp_path: Path, generator) -> None:
    random_model("MAE").save_pretrained(tmp_path)
    backbone = load_backbone(f"hf:{tmp_path}", device="cpu")
    batch = torch.randn(1, 3, 32, 32, generator=generator)
    (first,), (second,) = backbone.features(batch, [2]), backbone.features(batch, [2])
    assert first.shape == (1, 17, 48)
    assert torch.equal(first, second)


def test_a_checkpoint_file_replaces_the_folders_weights(family: str, folder: Path, tmp_path, generator) -> None:
    state = load_file(folder / "model.safetensors")
    changed = {name: tensor * 1.5 for name, tensor in state.items()}
    save_file(changed, tmp_path / "other.safetensors")
    torch.save(changed, tmp_path / "other.pt")
    batch = torch.randn(1, 3, 32, 32, generator=generator)
    plain = load_backbone(f"hf:{folder}", device="cpu")
    found = [
        load_backbone(f"hf:{folder}", weights=tmp_path / f"other.{kind}", device="cpu")
        for kind in ("safetensors", "pt")
    ]
    assert found[0].digest == found[1].digest != plain.digest
    assert "other.safetensors" in found[0].source_note
    assert torch.equal(found[0].features(batch, [1])[0], found[1].features(batch, [1])[0])
    assert not torch.allclose(found[0].features(batch, [1])[0], plain.features(batch, [1])[0])


def test_incomplete_weights_are_never_filled_with_random_ones(family: str, folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    lost = next(name for name in state if ".1." in name and name.endswith(("fc1.weight", "intermediate.dense.weight")))
    del state[lost]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks .*layers?\.1\..*weight"):
        load_backbone(f"hf:{folder}", device="cpu")


def test_weights_of_another_shape_are_refused(folder: Path, random_model, family: str, tmp_path: Path) -> None:
    state = {
        name: tensor[:24] if tensor.ndim == 1 else tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
    }
    save_file(state, tmp_path / "narrow.safetensors")
    with pytest.raises(CheckpointError, match="does not fit"):
        load_backbone(f"hf:{folder}", weights=tmp_path / "narrow.safetensors", device="cpu")


def test_the_folders_own_preparation_is_used(folder: Path) -> None:
    settings = {
        "image_mean": [0.1, 0.2, 0.3],
        "image_std": [0.4, 0.5, 0.6],
        "resample": 2,
        "crop_size": {"height": 64, "width": 48},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    transformers_spec.cache_clear()
    spec = get_spec(f"hf:{folder}")
    assert spec.mean == (0.1, 0.2, 0.3)
    assert spec.std == (0.4, 0.5, 0.6)
    assert spec.interpolation == "bilinear"
    assert spec.input_size == (64, 48)
    assert spec.n_layers == 3
    assert get_spec(str(folder)) == spec, "a path needs no prefix"


def test_describing_and_loading_leave_the_random_state_alone(folder: Path) -> None:
    before = torch.get_rng_state()
    load_backbone(f"hf:{folder}", device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_models_of_other_kinds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(UnknownNetworkError, match="kind 'bert'"):
        get_spec(f"hf:{tmp_path}")
    (tmp_path / "config.json").write_text("{broken")
    with pytest.raises(UnknownNetworkError, match="cannot be read"):
        get_spec(f"hf:{tmp_path}")


def test_what_is_neither_folder_nor_hub_id_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UnknownNetworkError, match="neither a folder"):
        get_spec(f"hf:{tmp_path / 'missing'}")


def test_a_hub_model_that_cannot_be_had_says_so() -> None:
    with pytest.raises(WeightsUnavailableError, match="HF_HUB_OFFLINE"):
        load_backbone("hf:openai/clip-vit-base-patch16", fallback=False)


OLD_NAMES = {
    # names of 2021 to 2025, still those of the checkpoints on the hub
    "CLIP": lambda name: "vision_model." + name.removeprefix("vision_model."),
    "DINOv2": lambda name: _old_attention(name),
    "DINOv2 with registers": lambda name: _old_attention(name),
    "MAE": lambda name: (
        "vit." + _old_attention(name).replace("mlp.fc1", "intermediate.dense").replace("mlp.fc2", "output.dense")
    ),
}


def _old_attention(name: str) -> str:
    for new, old in (
        ("q_proj", "attention.query"),
        ("k_proj", "attention.key"),
        ("v_proj", "attention.value"),
        ("o_proj", "output.dense"),
    ):
        name = name.replace(f"attention.{new}", f"attention.{old}")
    return (
        name
        if name.startswith(("embeddings", "layernorm", "encoder"))
        else f"encoder.layer.{name.removeprefix('layers.')}"
    )


def test_old_and_new_names_of_weights_are_understood(family: str, random_model) -> None:
    state = random_model(family).state_dict()
    old = {OLD_NAMES[family](name): tensor for name, tensor in state.items()}
    assert is_transformers(old)
    assert is_transformers(state)
    found, expected = from_transformers(old), from_transformers(state)
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_swiglu_weights_are_packed_gate_first(generator) -> None:
    gate, up = torch.randn(6, 4, generator=generator), torch.randn(6, 4, generator=generator)
    old = {"encoder.layer.0.mlp.weights_in.weight": torch.cat([gate, up])}
    new = {"encoder.layer.0.mlp.gate_proj.weight": gate, "encoder.layer.0.mlp.up_proj.weight": up}
    assert torch.equal(
        from_transformers(old)["blocks.0.mlp.fc1.weight"], from_transformers(new)["blocks.0.mlp.fc1.weight"]
    )
