"""Taps against the same quantities worked out by hand from the model's modules."""

from __future__ import annotations

import pytest
import torch
from timm.layers import resample_abs_pos_embed
from timm.models.eva import Eva
from timm.models.vision_transformer import ResPostBlock, VisionTransformer
from torch.nn import functional

from alignedcut_viewer.backbones import TAPS, load_backbone
from alignedcut_viewer.backbones.registry import get_spec
from alignedcut_viewer.backbones.vit_timm import create_model, load_state

pytestmark = pytest.mark.quick

SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 3, "num_heads": 4, "num_classes": 0}


def residual_streams(model: VisionTransformer, batch: torch.Tensor) -> list[torch.Tensor]:
    """The residual stream before the first block and after each."""
    x = model.norm_pre(model.patch_drop(model._pos_embed(model.patch_embed(batch))))
    streams = [x]
    for block in model.blocks:
        streams.append(block(streams[-1]))
    return streams


def by_hand(model: VisionTransformer, batch: torch.Tensor, layer: int) -> dict[str, torch.Tensor]:
    """All taps of one pre-norm layer, with the attention written out in matrices."""
    streams = residual_streams(model, batch)
    block, x = model.blocks[layer], streams[layer]
    attention = block.attn
    heads, width = attention.num_heads, x.shape[-1] // attention.num_heads
    qkv = functional.linear(block.norm1(x), attention.qkv.weight, attention.qkv.bias)
    q, k, v = (part.unflatten(-1, (heads, width)).transpose(1, 2) for part in qkv.split(x.shape[-1], dim=-1))
    q, k = attention.q_norm(q), attention.k_norm(k)
    mixed = (q @ k.transpose(-1, -2) / width**0.5).softmax(-1) @ v
    branch = block.ls1(attention.proj(mixed.transpose(1, 2).flatten(2)))
    mlp = block.ls2(block.mlp(block.norm2(x + branch)))
    flat = {name: part.transpose(1, 2).flatten(2) for name, part in (("q", q), ("k", k), ("v", v))}
    return {"attention": branch, "mlp": mlp, "block": x + branch + mlp, **flat}


VARIANTS = {
    "plain": {},
    "layer scale and registers": {"init_values": 0.3, "reg_tokens": 4, "no_embed_class": True},
    "query and key norm": {"qk_norm": True},
    "no class token": {"class_token": False, "global_pool": "avg"},
    "CLIP": {"pre_norm": True, "act_layer": "quick_gelu", "norm_layer": "layernorm"},
}


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_taps_are_what_they_are_called(variant: str, scatter, as_backbone, generator: torch.Generator) -> None:
    options = VARIANTS[variant]
    model = scatter(VisionTransformer(**SMALL, **options))
    registers, class_token = options.get("reg_tokens", 0), options.get("class_token", True)
    backbone = as_backbone(model, n_registers=registers, class_token=class_token)
    batch = torch.randn(2, 3, 32, 32, generator=generator)
    for tap in TAPS:
        found = backbone.features(batch, [0, 1, 2], tap)
        assert backbone.widths(tap) == (48, 48, 48)
        for layer, features in enumerate(found):
            expected = by_hand(model, batch, layer)[tap]
            if registers:
                expected = torch.cat([expected[:, :1], expected[:, 1 + registers :]], dim=1)
            assert features.shape == (2, 16 + int(class_token), 48)
            torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_several_taps_in_one_pass_are_those_of_single_passes(
    variant, scatter, as_backbone, generator, check_one_pass
) -> None:
    options = VARIANTS[variant]
    model = scatter(VisionTransformer(**SMALL, **options))
    class_token = options.get("class_token", True)
    backbone = as_backbone(model, n_registers=options.get("reg_tokens", 0), class_token=class_token)
    check_one_pass(backbone, torch.randn(2, 3, 32, 32, generator=generator))


@torch.no_grad()
def test_a_block_adds_its_two_branches(scatter, as_backbone, generator: torch.Generator) -> None:
    backbone = as_backbone(scatter(VisionTransformer(**SMALL, init_values=0.3)))
    batch = torch.randn(2, 3, 32, 32, generator=generator)
    block, attention, mlp = (backbone.features(batch, [0, 1, 2], tap) for tap in ("block", "attention", "mlp"))
    for layer in (1, 2):
        torch.testing.assert_close(block[layer], block[layer - 1] + attention[layer] + mlp[layer])


@torch.no_grad()
def test_the_last_block_is_what_the_whole_model_makes_before_its_norm(scatter, as_backbone, generator) -> None:
    model = scatter(VisionTransformer(**SMALL))
    batch = torch.randn(2, 3, 32, 32, generator=generator)
    (last,) = as_backbone(model).features(batch, [2], "block")
    torch.testing.assert_close(model.norm(last), model.forward_features(batch))


@torch.no_grad()
def test_post_norm_blocks_give_the_branch_as_it_is_added(scatter, as_backbone, generator) -> None:
    model = scatter(VisionTransformer(**SMALL, block_fn=ResPostBlock, init_values=0.5))
    backbone = as_backbone(model)
    batch = torch.randn(2, 3, 32, 32, generator=generator)
    streams = residual_streams(model, batch)
    (found,) = backbone.features(batch, [1])
    torch.testing.assert_close(found, model.blocks[1].norm1(model.blocks[1].attn(streams[1])))


@pytest.mark.parametrize("fused", [True, False])
@torch.no_grad()
def test_rotary_networks_give_queries_keys_and_values_before_rotation(fused: bool, scatter, as_backbone, generator):
    model = scatter(
        Eva(**SMALL, use_rot_pos_emb=True, qkv_bias=True, qkv_fused=fused, init_values=0.4, num_reg_tokens=2)
    )
    backbone = as_backbone(model, n_registers=2)
    batch = torch.randn(2, 3, 32, 32, generator=generator)
    block, attention, mlp = (backbone.features(batch, [0, 1, 2], tap) for tap in ("block", "attention", "mlp"))
    torch.testing.assert_close(block[2], block[1] + attention[2] + mlp[2])
    x, rope = model._pos_embed(model.patch_embed(batch))
    x = model.blocks[0](x, rope=rope)
    module = model.blocks[1].attn
    normed = model.blocks[1].norm1(x)
    if fused:
        bias = torch.cat([module.q_bias, module.k_bias, module.v_bias])
        qkv = functional.linear(normed, module.qkv.weight, bias).split(48, dim=-1)
    else:
        qkv = module.q_proj(normed), module.k_proj(normed), module.v_proj(normed)
    for tap, expected in zip("qkv", qkv, strict=True):
        (found,) = backbone.features(batch, [1], tap)
        torch.testing.assert_close(found, torch.cat([expected[:, :1], expected[:, 3:]], dim=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "grid"), [((160, 160), (10, 10)), ((96, 224), (6, 14)), ((320, 320), (20, 20))])
def test_the_input_may_be_of_any_shape(size: tuple[int, int], grid: tuple[int, int], generator) -> None:
    backbone = load_backbone("random:test_vit", input_size=size, device="cpu")
    assert backbone.grid == grid
    assert backbone.n_tokens == grid[0] * grid[1] + 1
    batch = torch.randn(1, 3, *size, generator=generator)
    (features,) = backbone.features(batch, [2])
    assert features.shape == (1, backbone.n_tokens, 64)


@torch.no_grad()
def test_patches_keep_their_place_on_a_grid_that_is_not_square(scatter, as_backbone) -> None:
    model = scatter(VisionTransformer(**{**SMALL, "img_size": (16, 40)}))
    model.pos_embed.zero_()
    backbone = as_backbone(model, input_size=(16, 40))
    picture = torch.zeros(1, 3, 16, 40)
    picture[:, :, 8:16, 24:32] = 1.0  # row 1, column 3 of 2 × 5
    (features,) = backbone.features(picture, [0], "v")
    patches = features[0, 1:]
    odd = (patches - patches.median(0).values).abs().sum(-1).argmax()
    assert int(odd) == 1 * 5 + 3


@torch.no_grad()
def test_position_embeddings_of_loaded_weights_are_resampled(generator) -> None:
    spec = get_spec("test_vit")
    square = create_model(spec, (160, 160))
    wide = create_model(spec, (96, 224))
    load_state(spec, wide, square.state_dict(), "the weights")
    expected = resample_abs_pos_embed(square.pos_embed, [6, 14], [10, 10], num_prefix_tokens=1)
    torch.testing.assert_close(wide.pos_embed, expected)


def test_weights_that_were_trained_with_quick_gelu_run_with_it() -> None:
    with torch.device("meta"):
        clip = create_model(get_spec("clip-vit-b16"), (224, 224))
    assert type(clip.blocks[0].mlp.act).__name__ == "QuickGELU"
    assert clip.patch_embed.proj.bias is None


def test_building_a_network_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    load_backbone("random:test_vit", device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
