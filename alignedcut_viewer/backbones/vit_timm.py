"""Vision transformers of timm: what they are, how they are built, and where their taps lie."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ..errors import CheckpointError, UnknownNetworkError
from .backbone import Backbone
from .checkpoint import State, load_strictly
from .spec import Interpolation, NetworkSpec, Tap
from .taps import TapPoint, first_output, merge_heads

__all__ = ["TimmBackbone", "create_model", "has_weights", "load_state", "randomise", "timm_names", "timm_spec"]

_MODULES = ("vision_transformer", "deit", "eva", "beit", "vision_transformer_hybrid", "vision_transformer_relpos")
_PATCHES = "patch_embed.proj.weight"
_INTERPOLATIONS: dict[str, Interpolation] = {
    "nearest": "nearest",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "lanczos": "lanczos",
}


@lru_cache(maxsize=1)
def timm_names() -> tuple[str, ...]:
    """Names of timm's vision transformers, with and without the tags of their weights."""
    import timm

    plain = [name for module in _MODULES for name in timm.list_models(module=module)]
    tagged = [name for module in _MODULES for name in timm.list_models(module=module, pretrained=True)]
    return tuple(dict.fromkeys([*plain, *tagged]))


def _configuration(model: str) -> Any:
    """The notes of timm on the weights of a model, or None where it publishes none."""
    import timm

    return timm.models.get_pretrained_cfg(model)


def has_weights(model: str) -> bool:
    """Whether timm knows where trained weights of a model are available."""
    configuration = _configuration(model)
    return configuration is not None and bool(configuration.has_weights)


@lru_cache(maxsize=64)
def timm_spec(model: str, *, name: str | None = None, source: str = "timm") -> NetworkSpec:
    """Describe a vision transformer that timm knows, without its weights.

    Parameters
    ----------
    model
        Its name in timm, with or without the tag of its weights.
    name
        What to call it; timm's name if None.
    source
        Where its weights are to come from.

    Raises
    ------
    UnknownNetworkError
        If timm does not know it, or if it is not a plain vision transformer.
    """
    import timm

    architecture, _, tag = model.partition(".")
    if not timm.is_model(architecture):
        raise UnknownNetworkError(f"timm knows no model {model!r}.")
    try:
        configuration = _configuration(model)
    except RuntimeError:
        tags = timm.list_pretrained(f"{architecture}.*")
        raise UnknownNetworkError(
            f"timm has no weights {tag!r} for {architecture}; it has: {', '.join(tags) or 'none'}."
        ) from None
    try:
        with torch.device("meta"):
            network = timm.create_model(model, pretrained=False, num_classes=0)
    except (RuntimeError, NotImplementedError, TypeError) as error:
        raise UnknownNetworkError(f"{model} of timm cannot be described without its weights: {error}") from error
    if not _is_vision_transformer(network):
        raise UnknownNetworkError(
            f"{model} of timm is not a plain vision transformer (one residual stream of tokens, with an attention and "
            "an MLP branch in every block), which this program needs."
        )
    size = tuple(network.patch_embed.img_size or ())
    rows, columns = network.patch_embed.grid_size
    if size[0] // rows != size[1] // columns:
        raise UnknownNetworkError(f"{model} of timm has patches that are not square, which is not supported.")
    class_token = getattr(network, "cls_token", None) is not None
    return NetworkSpec(
        name=name or model,
        source=source,
        model=model,
        title=name or model,
        patch=size[0] // rows,
        input_size=(int(size[0]), int(size[1])),
        mean=_three(configuration.mean if configuration else (0.5, 0.5, 0.5)),
        std=_three(configuration.std if configuration else (0.5, 0.5, 0.5)),
        interpolation=_INTERPOLATIONS.get(configuration.interpolation if configuration else "bicubic", "bicubic"),
        n_layers=len(network.blocks),
        width=int(network.embed_dim),
        class_token=class_token,
        n_registers=int(network.num_prefix_tokens) - int(class_token),
        licence=(configuration.license if configuration else None) or "",
    )


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _is_vision_transformer(network: Any) -> bool:
    blocks = getattr(network, "blocks", None)
    return (
        isinstance(blocks, nn.Sequential | nn.ModuleList)
        and all(all(hasattr(block, part) for part in ("attn", "drop_path1", "drop_path2")) for block in blocks)
        and hasattr(getattr(network, "patch_embed", None), "grid_size")
        and hasattr(network, "num_prefix_tokens")
    )


def _private_randomness() -> AbstractContextManager[None]:
    # Building a model draws its initial weights from torch's global generator: give it back as it was.
    return torch.random.fork_rng(devices=[])


def create_model(
    spec: NetworkSpec, input_size: tuple[int, int], *, pretrained: bool = False, file: Path | None = None
) -> nn.Module:
    """Build a network with timm.

    Parameters
    ----------
    spec
        The network.
    input_size
        Height and width in pixels; position embeddings of loaded weights are resampled to it.
    pretrained
        Load the weights with timm's own loader, from the hub or its cache.
    file
        Where timm's loader finds the weights instead.

    Returns
    -------
    torch.nn.Module
        The model without a classification head, in single precision on the CPU.
    """
    import timm

    options: dict[str, Any] = {}
    configuration = _configuration(spec.model)
    notes = " ".join(getattr(configuration, "notes", None) or ())
    if "QuickGELU" in notes and "quickgelu" not in spec.model:
        # Weights that were trained with this activation give other features with timm's default one.
        options["act_layer"] = "quick_gelu"
    if file is not None:
        options["pretrained_cfg_overlay"] = {"file": str(file), "custom_load": file.suffix == ".npz"}
    with _private_randomness():
        model: nn.Module = timm.create_model(
            spec.model, pretrained=pretrained or file is not None, num_classes=0, img_size=input_size, **options
        )
    return model


def randomise(spec: NetworkSpec, input_size: tuple[int, int], seed: int) -> nn.Module:
    """Build a network with random weights, the same for the same seed. For tests only."""
    with _private_randomness():
        torch.default_generator.manual_seed(seed)
        return create_model(spec, input_size)


def load_state(spec: NetworkSpec, model: nn.Module, state: State, what: str) -> None:
    """Load weights by timm's names, position embeddings resampled to the model's grid.

    Parameters
    ----------
    spec
        The network.
    model
        As :func:`create_model` built it.
    state
        Weights by timm's names, or in one of the published layouts that timm translates itself.
    what
        Where they came from, for the message.

    Raises
    ------
    CheckpointError
        If they are those of another architecture.
    """
    translate: Callable[[State, nn.Module], State] | None = getattr(
        sys.modules[type(model).__module__], "checkpoint_filter_fn", None
    )
    translated, failure = dict(state), None
    patches = state.get(_PATCHES)
    # timm would resample patches of another size, and so accept the weights of another architecture
    same_patches = (
        patches is None or patches.ndim != 4 or patches.shape == model.state_dict().get(_PATCHES, patches).shape
    )
    if translate is not None and same_patches:
        try:
            translated = translate(translated, model)
        except (KeyError, IndexError, ValueError, TypeError, RuntimeError, AttributeError, AssertionError) as error:
            failure = error  # foreign weights: the comparison of names says better what is wrong
    load_strictly(spec.name, model, translated, what)
    if failure is not None:
        raise CheckpointError(f"{what} does not fit the network {spec.name}: {failure}") from failure


class TimmBackbone(Backbone):
    """A vision transformer built by timm."""

    def _run(self, batch: torch.Tensor) -> None:
        self.model.forward_features(batch)

    def _tap_point(self, layer: int, tap: Tap) -> TapPoint:
        block = self.model.blocks[layer]
        if tap == "block":
            return TapPoint(block, first_output)
        # drop_path passes through what each branch adds to the residual stream, whatever scales or norms it first
        if tap == "attention":
            return TapPoint(block.drop_path1, first_output)
        if tap == "mlp":
            return TapPoint(block.drop_path2, first_output)
        return _projection(block.attn, tap)

    def heads_of(self, layer: int) -> int | None:
        """Number of attention heads of a layer, where the model says it."""
        heads = getattr(self.model.blocks[layer].attn, "num_heads", None)
        return None if heads is None else int(heads)

    def _width(self, layer: int, tap: Tap) -> int:
        if tap in ("attention", "block", "mlp"):
            return self.spec.width
        attention = self.model.blocks[layer].attn
        separate = getattr(attention, f"{tap}_proj", None)
        return int(separate.out_features if separate is not None else attention.qkv.out_features // 3)


def _projection(attention: Any, tap: str) -> TapPoint:
    """Where queries, keys or values of an attention module can be taken without computing anything twice."""
    norm = getattr(attention, f"{tap}_norm", None)
    if norm is not None and not isinstance(norm, nn.Identity):
        return TapPoint(norm, merge_heads)
    separate = getattr(attention, f"{tap}_proj", None)
    if separate is not None:
        return TapPoint(separate, first_output)
    position = "qkv".index(tap)
    if getattr(attention, "q_bias", None) is None:
        return TapPoint(attention.qkv, partial(_third, position=position))
    # These attentions add a joint bias outside of any module; one third of the projection is repeated.
    return TapPoint(attention, partial(_biased, attention=attention, tap=tap), before=True)


def _third(output: torch.Tensor, position: int) -> torch.Tensor:
    return output.chunk(3, dim=-1)[position]


def _biased(tokens: torch.Tensor, attention: Any, tap: str) -> torch.Tensor:
    weight = attention.qkv.weight.chunk(3)["qkv".index(tap)]
    return functional.linear(tokens, weight, getattr(attention, f"{tap}_bias", None))


def looks_like_timm(name: str) -> bool:
    """Whether a name could be one of timm's models."""
    import timm

    return bool(re.fullmatch(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?", name)) and bool(timm.is_model(name.partition(".")[0]))
