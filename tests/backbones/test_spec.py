"""What the registry says must be what the networks are."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alignedcut_viewer.backbones import BUILT_IN, OFFLINE_NETWORK, TAPS, get_spec, list_networks
from alignedcut_viewer.backbones.registry import nearest_names
from alignedcut_viewer.backbones.vit_timm import timm_spec
from alignedcut_viewer.errors import UnknownNetworkError

pytestmark = pytest.mark.quick


def test_all_built_in_networks_are_listed() -> None:
    names = [spec.name for spec in list_networks()]
    assert names == [
        "clip-vit-b16",
        "dinov2-vit-b14-reg",
        "mae-vit-b16",
        "dinov2-vit-s14",
        "vit-tiny-p16",
        "dinov2-vit-s14-saliency",
    ]
    assert all(get_spec(name).name == name for name in names)


@pytest.mark.parametrize("spec", BUILT_IN, ids=lambda spec: spec.name)
def test_built_in_specs_agree_with_timm(spec) -> None:
    known = timm_spec(spec.model)
    for part in ("patch", "mean", "std", "interpolation", "n_layers", "width", "class_token", "n_registers"):
        assert getattr(spec, part) == getattr(known, part), part


def test_the_papers_networks_have_one_token_grid() -> None:
    grids = {get_spec(name).grid for name in ("clip-vit-b16", "dinov2-vit-b14-reg", "mae-vit-b16")}
    assert grids == {(14, 14)}
    assert get_spec("dinov2-vit-b14-reg").input_size == (196, 196)
    assert get_spec(OFFLINE_NETWORK).grid == (16, 16)


def test_taps_are_those_of_the_issue() -> None:
    assert TAPS == ("attention", "block", "mlp", "q", "k", "v")


def test_any_vision_transformer_of_timm_has_a_spec() -> None:
    plain = get_spec("test_vit")
    assert (plain.patch, plain.n_layers, plain.width, plain.class_token) == (16, 6, 64, True)
    assert get_spec("timm:test_vit") == plain
    assert get_spec("test_vit2").class_token is False
    rotary = get_spec("eva02_tiny_patch14_224.mim_in22k")
    assert (rotary.n_registers, rotary.patch, rotary.width, rotary.grid) == (0, 14, 192, (16, 16))


def test_random_networks_only_by_their_own_name() -> None:
    spec = get_spec("random:test_vit")
    assert spec.source == "random"
    assert "random" in spec.title
    assert not any(other.source == "random" for other in list_networks())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("clip-vit-b61", "clip-vit-b16"),
        ("DINOv2-ViT-S14", "dinov2-vit-s14"),
        ("timm:vit_tinny_patch16_224", "vit_tiny_patch16_224"),
        ("mae", "mae-vit-b16"),
        ("", ""),
        ("hf:", ""),
    ],
)
def test_an_unknown_network_names_the_nearest(name: str, expected: str) -> None:
    with pytest.raises(UnknownNetworkError, match=r"Unknown network .* nearest") as caught:
        get_spec(name)
    assert expected in str(caught.value)


def test_other_models_of_timm_are_refused_by_reason() -> None:
    with pytest.raises(UnknownNetworkError, match="not a plain vision transformer"):
        get_spec("resnet18")
    with pytest.raises(UnknownNetworkError, match="augreg_in21k_ft_in1k"):
        get_spec("vit_tiny_patch16_224.nonsense")


@given(st.sampled_from([spec.name for spec in BUILT_IN]), st.data())
@settings(max_examples=10, deadline=None)
def test_one_wrong_letter_still_finds_the_network(name: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(name) - 1))
    letter = data.draw(st.sampled_from("abcdefgh0123456789-"))
    assert name in nearest_names(name[:position] + letter + name[position + 1 :])


def test_slugs_are_safe_file_names() -> None:
    assert get_spec("clip-vit-b16").slug == "clip-vit-b16"
    slug = get_spec("random:test_vit").slug
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert slug != get_spec("test_vit").slug


def test_listing_networks_loads_nothing_heavy() -> None:
    code = (
        "import sys, alignedcut_viewer.backbones as b; b.list_networks(); b.get_spec('clip-vit-b16'); "
        "heavy = {'torch', 'timm', 'transformers', 'huggingface_hub', 'onnx', 'PIL'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr


def test_describing_a_network_leaves_the_random_state_alone() -> None:
    timm_spec.cache_clear()
    before = torch.get_rng_state()
    get_spec("test_vit3")
    assert torch.equal(torch.get_rng_state(), before)
