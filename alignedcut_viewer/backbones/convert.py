"""Names of weights: from transformers' to timm's.

transformers has named the same tensors differently over the years; all of its names for CLIP's vision tower, DINOv2
(with and without registers) and ViT-MAE are understood.
"""

from __future__ import annotations

import re

import torch

__all__ = ["from_transformers", "is_transformers"]

State = dict[str, torch.Tensor]

_MODEL_PREFIX = re.compile(r"^(?:dinov2_with_registers|dinov2|vision_model|vit)\.")
_LAYER = re.compile(r"^(?:encoder\.)?layers?\.(\d+)\.(.+)$")
# Parts of whole models that are no part of the vision transformer, and tensors that are only used in training.
_LEFT_OUT = re.compile(
    r"^(?:text_model|text_projection|visual_projection|logit_scale|decoder|classifier|pooler|lm_head)\b"
    r"|position_ids$|mask_token$"
)
_STEM = {
    "embeddings.cls_token": "cls_token",
    "embeddings.class_embedding": "cls_token",
    "embeddings.register_tokens": "reg_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.position_embedding.weight": "pos_embed",
    "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
    "embeddings.patch_embedding.weight": "patch_embed.proj.weight",
    "pre_layrnorm.weight": "norm_pre.weight",
    "pre_layrnorm.bias": "norm_pre.bias",
    "post_layernorm.weight": "norm.weight",
    "post_layernorm.bias": "norm.bias",
    "layernorm.weight": "norm.weight",
    "layernorm.bias": "norm.bias",
}
_IN_LAYER = [
    (re.compile(rf"^{pattern}\."), f"{name}.")
    for pattern, name in (
        (r"(?:norm1|layer_norm1|layernorm_before)", "norm1"),
        (r"(?:norm2|layer_norm2|layernorm_after)", "norm2"),
        (r"(?:attention\.attention\.query|attention\.q_proj|self_attn\.q_proj)", "attn.q"),
        (r"(?:attention\.attention\.key|attention\.k_proj|self_attn\.k_proj)", "attn.k"),
        (r"(?:attention\.attention\.value|attention\.v_proj|self_attn\.v_proj)", "attn.v"),
        (r"(?:attention\.output\.dense|attention\.o_proj|self_attn\.out_proj)", "attn.proj"),
        (r"(?:mlp\.fc1|intermediate\.dense|mlp\.weights_in)", "mlp.fc1"),
        (r"(?:mlp\.fc2|output\.dense|mlp\.weights_out|mlp\.down_proj)", "mlp.fc2"),
        (r"mlp\.gate_proj", "mlp.gate"),
        (r"mlp\.up_proj", "mlp.up"),
    )
]
_LAYER_SCALE = {"layer_scale1.lambda1": "ls1.gamma", "layer_scale2.lambda1": "ls2.gamma"}


def is_transformers(state: State) -> bool:
    """Whether a state dict uses transformers' names for a vision transformer."""
    return any(
        re.search(r"embeddings\.(?:patch_embeddings\.projection|patch_embedding)\.weight$", key) for key in state
    )


def from_transformers(state: State) -> State:
    """Rename and join the weights of a transformers model as timm's model of the same architecture has them.

    Queries, keys and values are joined into one projection; with registers, the class token takes up its position
    embedding, as timm keeps none for it.

    Parameters
    ----------
    state
        Weights by transformers' names; heads, decoders and text towers are left out. Names that are not known stay.

    Returns
    -------
    dict of str to torch.Tensor
        Weights by timm's names.
    """
    renamed: State = {}
    for key, tensor in state.items():
        name = _MODEL_PREFIX.sub("", key)
        if not _LEFT_OUT.search(name):
            renamed[_timm_name(name)] = tensor
    for layer in sorted({match.group(1) for key in renamed if (match := re.match(r"blocks\.(\d+)\.", key))}, key=int):
        for kind in ("weight", "bias"):
            _join(renamed, [f"blocks.{layer}.attn.{part}.{kind}" for part in "qkv"], f"blocks.{layer}.attn.qkv.{kind}")
            gates = [f"blocks.{layer}.mlp.{part}.{kind}" for part in ("gate", "up")]
            _join(renamed, gates, f"blocks.{layer}.mlp.fc1.{kind}")
    if "cls_token" in renamed:
        renamed["cls_token"] = renamed["cls_token"].reshape(1, 1, -1)
    if "pos_embed" in renamed:
        positions = renamed["pos_embed"]
        renamed["pos_embed"] = positions = positions.reshape(1, *positions.shape[-2:])
        if "reg_token" in renamed and "cls_token" in renamed:
            renamed["cls_token"] = renamed["cls_token"] + positions[:, :1]
            renamed["pos_embed"] = positions[:, 1:]
    return renamed


def _timm_name(name: str) -> str:
    if name in _STEM:
        return _STEM[name]
    match = _LAYER.match(name)
    if match is None:
        return name
    layer, rest = match.groups()
    if rest in _LAYER_SCALE:
        return f"blocks.{layer}.{_LAYER_SCALE[rest]}"
    for pattern, replacement in _IN_LAYER:
        if pattern.match(rest):
            return f"blocks.{layer}.{pattern.sub(replacement, rest)}"
    return name


def _join(state: State, parts: list[str], whole: str) -> None:
    if all(part in state for part in parts):
        state[whole] = torch.cat([state.pop(part) for part in parts])
