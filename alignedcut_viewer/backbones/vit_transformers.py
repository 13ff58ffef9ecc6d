"""Vision transformers of the library transformers: CLIP, DINOv2 (with and without registers) and ViT-MAE.

The library's own layers compute the features. The tokens before the first layer are put together here, from the
model's own weights: ViT-MAE would mask and shuffle them, and every family resamples its position embeddings in a way of
its own. Here all networks resample them as timm does (bicubic, antialiased), so that the same weights give the same
features whoever runs them.
"""

from __future__ import annotations

import inspect
import json
import math
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ..errors import CheckpointError, UnknownNetworkError, WeightsUnavailableError
from .backbone import Backbone
from .checkpoint import describe_difference, read_raw_checkpoint
from .hub import cached_file, download, download_errors, hub_endpoint, why_unreachable
from .spec import CLIP_MEAN, CLIP_STD, IMAGENET_MEAN, IMAGENET_STD, Announce, Interpolation, NetworkSpec, Tap
from .taps import TapPoint, first_output

__all__ = [
    "TransformersBackbone",
    "VisionTransformer",
    "find_spec",
    "load_transformers",
    "load_with_weights",
    "transformers_spec",
]


@dataclass(frozen=True)
class _Family:
    model_class: str
    config_class: str
    title: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


_CLIP = _Family("CLIPVisionModel", "CLIPVisionConfig", "CLIP", CLIP_MEAN, CLIP_STD)
_FAMILIES = {
    "clip": _CLIP,
    "clip_vision_model": _CLIP,
    "dinov2": _Family("Dinov2Model", "Dinov2Config", "DINOv2", IMAGENET_MEAN, IMAGENET_STD),
    "dinov2_with_registers": _Family(
        "Dinov2WithRegistersModel", "Dinov2WithRegistersConfig", "DINOv2 with registers", IMAGENET_MEAN, IMAGENET_STD
    ),
    "vit_mae": _Family("ViTMAEModel", "ViTMAEConfig", "MAE", IMAGENET_MEAN, IMAGENET_STD),
}
# Pillow's numbers for resampling, as preprocessor files give them
_INTERPOLATIONS: dict[int, Interpolation] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


def description_file(model: str, name: str, *, optional: bool = False) -> Path | None:
    """A small file of a local folder or of a hub repository, fetched if need be; None if there is none.

    An optional file also counts as missing where the hub cannot be asked for it.
    """
    folder = Path(model)
    if folder.is_dir():
        return folder / name if (folder / name).is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError, RepositoryNotFoundError

    identifier, _, revision = model.partition("@")
    try:
        cached = cached_file(model, name)
        if cached is not None:
            return cached
        unreachable = why_unreachable()
        if unreachable is not None and optional:
            return None
        if unreachable is not None:
            raise WeightsUnavailableError(f"{model} is not in the local cache of the hub, and {unreachable}")
        return Path(hf_hub_download(identifier, name, revision=revision or None))
    except HFValidationError:
        raise UnknownNetworkError(f"{model!r} is neither a folder here nor the id of a model on a hub.") from None
    except RepositoryNotFoundError:
        raise UnknownNetworkError(f"{hub_endpoint()} has no open model {model!r}.") from None
    except EntryNotFoundError:
        return None
    except download_errors() as error:
        raise WeightsUnavailableError(f"{name} of {hub_endpoint()}/{model} cannot be obtained: {error}") from error


def _family(model: str) -> tuple[_Family, Path]:
    path = description_file(model, "config.json")
    if path is None:
        raise UnknownNetworkError(f"{model} has no config.json, so it is not a model of transformers.")
    try:
        kind = json.loads(path.read_text(encoding="utf-8")).get("model_type")
    except (json.JSONDecodeError, AttributeError, UnicodeDecodeError) as error:
        raise UnknownNetworkError(f"{path} cannot be read as the description of a model: {error}") from error
    if kind not in _FAMILIES:
        raise UnknownNetworkError(
            f"{model} is a model of the kind {kind!r}; of transformers these are supported: "
            f"{', '.join(sorted(_FAMILIES))}."
        )
    return _FAMILIES[kind], path


@lru_cache(maxsize=32)
def transformers_spec(model: str) -> NetworkSpec:
    """Describe a network of transformers from its configuration alone.

    Parameters
    ----------
    model
        Hub id (with ``@revision`` if need be), or a local folder.

    Raises
    ------
    UnknownNetworkError
        If it is of a kind that is not supported, or no model at all.
    WeightsUnavailableError
        If its configuration is neither in the local cache nor available.
    """
    import transformers

    if Path(model).is_dir():
        model = str(Path(model).resolve())
    family, path = _family(model)
    config = getattr(transformers, family.config_class).from_pretrained(path.parent)
    patch, size = _sides(config.patch_size), _sides(config.image_size)
    if patch[0] != patch[1]:
        raise UnknownNetworkError(f"{model} has patches that are not square, which is not supported.")
    preprocessor = _preprocessor(model)
    crop = preprocessor.get("crop_size") or preprocessor.get("size")
    if isinstance(crop, dict) and {"height", "width"} <= set(crop):
        crop = (int(crop["height"]), int(crop["width"]))
        size = crop if crop[0] % patch[0] == 0 and crop[1] % patch[0] == 0 else size
    return NetworkSpec(
        name=f"hf:{model}",
        source="transformers",
        model=model,
        title=f"{family.title} ({Path(model).name})",
        patch=patch[0],
        input_size=size,
        mean=_three(preprocessor.get("image_mean"), family.mean),
        std=_three(preprocessor.get("image_std"), family.std),
        interpolation=_INTERPOLATIONS.get(preprocessor.get("resample", 3), "bicubic"),
        n_layers=int(config.num_hidden_layers),
        width=int(config.hidden_size),
        n_registers=int(getattr(config, "num_register_tokens", 0)),
    )


def _sides(value: Any) -> tuple[int, int]:
    return (int(value), int(value)) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _three(values: Any, default: tuple[float, float, float]) -> tuple[float, float, float]:
    if not isinstance(values, list | tuple) or len(values) != 3:
        return default
    return float(values[0]), float(values[1]), float(values[2])


def _preprocessor(model: str) -> dict[str, Any]:
    path = description_file(model, "preprocessor_config.json", optional=True)
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UnknownNetworkError(f"{path} cannot be read: {error}") from error
    return content if isinstance(content, dict) else {}


def load_transformers(
    spec: NetworkSpec, input_size: tuple[int, int], *, file: Path | None = None, download: bool = False
) -> VisionTransformer:
    """Load a model of transformers with its weights.

    Parameters
    ----------
    spec
        The network.
    input_size
        Height and width in pixels.
    file
        A checkpoint file to take the weights from, by transformers' names; the model's own if None.
    download
        Whether the hub may be asked; otherwise only the local folder or cache is.

    Raises
    ------
    CheckpointError
        If the weights are not all there, or have other shapes.
    """
    import transformers

    family, description = _family(spec.model)
    model_class = getattr(transformers, family.model_class)
    config = getattr(transformers, family.config_class).from_pretrained(description.parent)
    identifier: str | None = spec.model
    revision = ""
    if not Path(spec.model).is_dir():
        identifier, _, revision = spec.model.partition("@")
    options: dict[str, Any] = {"config": config, "output_loading_info": True, "attn_implementation": "sdpa"}
    if file is not None:
        identifier, options["state_dict"] = None, read_raw_checkpoint(file)
    else:
        options.update(local_files_only=not download, revision=revision or "main")
    what = f"The checkpoint {file}" if file is not None else f"The checkpoint of {spec.model}"
    quiet = transformers.utils.logging
    verbosity, bars = quiet.get_verbosity(), quiet.is_progress_bar_enabled()
    # Building a model draws its initial weights from torch's global generator: give it back as it was.
    with torch.random.fork_rng(devices=[]):
        quiet.set_verbosity_error()
        quiet.disable_progress_bar()
        try:
            model, report = model_class.from_pretrained(identifier, **options)
        except RuntimeError as error:
            raise CheckpointError(f"{what} does not fit the network {spec.name}: {error}") from error
        finally:
            quiet.set_verbosity(verbosity)
            if bars:
                quiet.enable_progress_bar()
    missing = [name for name in model.state_dict() if name in set(report["missing_keys"])]
    unexpected = sorted(report["unexpected_keys"])
    shapes = [str(mismatch[0]) for mismatch in report["mismatched_keys"]]
    if missing or shapes:
        raise CheckpointError(describe_difference(what, spec.name, missing, unexpected, shapes))
    return VisionTransformer(model.float(), spec.patch, input_size)


class VisionTransformer(nn.Module):
    """A model of transformers with its tokens put together here; see the head of this file.

    Parameters
    ----------
    model
        ``CLIPVisionModel``, ``Dinov2Model``, ``Dinov2WithRegistersModel`` or ``ViTMAEModel``, weights loaded.
    patch
        Side of a patch in pixels.
    input_size
        Height and width in pixels that the position embeddings are resampled to.
    """

    def __init__(self, model: nn.Module, patch: int, input_size: tuple[int, int]) -> None:
        super().__init__()
        inner: Any = getattr(model, "vision_model", model)
        self.pre_norm = getattr(inner, "pre_layrnorm", None) or nn.Identity()
        self.layers = _find_layers(inner)
        embeddings = inner.embeddings
        clip = hasattr(embeddings, "patch_embedding")
        self.patch_embedding = embeddings.patch_embedding if clip else embeddings.patch_embeddings.projection
        class_token = embeddings.class_embedding if clip else embeddings.cls_token
        positions = embeddings.position_embedding.weight if clip else embeddings.position_embeddings
        width = positions.shape[-1]
        rows, columns = input_size[0] // patch, input_size[1] // patch
        resampled = _resample(positions.detach().reshape(1, -1, width), rows, columns)
        registers = getattr(embeddings, "register_tokens", None)
        first = class_token.detach().reshape(1, 1, width) + resampled[:, :1]
        self.prefix = nn.Parameter(first if registers is None else torch.cat((first, registers.detach()), dim=1))
        self.positions = nn.Parameter(resampled[:, 1:].contiguous())
        self._extra_arguments = _required_arguments(self.layers[0]) - 1

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """The residual stream (B, tokens, channels) after the last layer of a (B, 3, height, width) batch."""
        patches = self.patch_embedding(batch).flatten(2).transpose(1, 2) + self.positions
        tokens: torch.Tensor = self.pre_norm(torch.cat((self.prefix.expand(len(batch), -1, -1), patches), dim=1))
        for layer in self.layers:
            tokens = first_output(layer(tokens, *[None] * self._extra_arguments))
        return tokens


def _find_layers(inner: Any) -> nn.ModuleList:
    for holder in (getattr(inner, "encoder", None), inner):
        for name in ("layers", "layer"):
            layers = getattr(holder, name, None)
            if isinstance(layers, nn.ModuleList):
                return layers
    raise UnknownNetworkError(f"The layers of {type(inner).__name__} cannot be found in this version of transformers.")


def _required_arguments(layer: nn.Module) -> int:
    """How many arguments a layer must be given; the masks among them may be None."""
    return sum(
        argument.default is inspect.Parameter.empty
        and argument.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        for argument in inspect.signature(layer.forward).parameters.values()
    )


def _resample(positions: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Position embeddings (1, 1 + n², channels) on another grid, the class token's as it is."""
    side = math.isqrt(positions.shape[1] - 1)
    if (rows, columns) == (side, side):
        return positions
    grid = positions[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2).float()
    grid = functional.interpolate(grid, size=(rows, columns), mode="bicubic", antialias=True)
    patches = grid.permute(0, 2, 3, 1).reshape(1, rows * columns, -1).to(positions.dtype)
    return torch.cat((positions[:, :1], patches), dim=1)


_PROJECTIONS = {"q": ("q_proj", "query"), "k": ("k_proj", "key"), "v": ("v_proj", "value")}


class TransformersBackbone(Backbone):
    """A vision transformer of the library transformers."""

    def _run(self, batch: torch.Tensor) -> None:
        self.model(batch)

    def _tap_point(self, layer: int, tap: Tap) -> TapPoint:
        block = self.model.layers[layer]
        if tap == "block":
            return TapPoint(block, first_output)
        if tap == "attention":
            return TapPoint(_part(block, "layer_scale1") or _attention(block), first_output)
        if tap == "mlp":
            # older versions of ViT-MAE add the residual inside of `output`; its projection comes before that
            branch = _part(block, "layer_scale2") or _part(block, "mlp") or block.output.dense
            return TapPoint(branch, first_output)
        return TapPoint(self._projection(layer, tap), first_output)

    def _projection(self, layer: int, tap: Tap) -> Any:
        attention = _attention(self.model.layers[layer])
        attention = _part(attention, "attention") or attention
        return next(part for name in _PROJECTIONS[tap] if (part := _part(attention, name)) is not None)

    def heads_of(self, layer: int) -> int | None:
        """Number of attention heads of a layer, where the model says it."""
        attention = _attention(self.model.layers[layer])
        attention = _part(attention, "attention") or attention
        heads = getattr(attention, "num_heads", None) or getattr(attention, "num_attention_heads", None)
        return None if heads is None else int(heads)

    def _width(self, layer: int, tap: Tap) -> int:
        if tap in ("attention", "block", "mlp"):
            return self.spec.width
        return int(self._projection(layer, tap).out_features)


def _part(module: nn.Module, name: str) -> nn.Module | None:
    part = getattr(module, name, None)
    return part if isinstance(part, nn.Module) else None


def _attention(block: nn.Module) -> nn.Module:
    found = _part(block, "self_attn") or _part(block, "attention")
    if found is None:
        raise UnknownNetworkError(f"{type(block).__name__} has no attention in this version of transformers.")
    return found


def find_spec(name: str) -> NetworkSpec | None:
    """The spec of ``hf:`` and a hub id or folder, or of a path to a folder; None for any other name."""
    kind, _, rest = name.partition(":")
    if kind == "hf" and rest:
        return transformers_spec(rest)
    return transformers_spec(name) if os.path.basename(name) != name and Path(name).is_dir() else None


def load_with_weights(
    spec: NetworkSpec, size: tuple[int, int], file: Path | None, announce: Announce
) -> tuple[nn.Module, str]:
    """See :class:`~.families.NetworkFamily`."""
    if file is not None:
        return load_transformers(spec, size, file=file), f"checkpoint {file}"
    if Path(spec.model).is_dir():
        announce(f"{spec.name}: weights from the folder {spec.model}.")
        return load_transformers(spec, size), f"transformers folder {spec.model}"
    if cached_file(spec.model, "model.safetensors", "pytorch_model.bin") is not None:
        announce(f"{spec.name}: weights from the local cache of the hub.")
        return load_transformers(spec, size), f"transformers {spec.model}, from the local cache of the hub"
    address = f"{hub_endpoint()}/{spec.model}"
    model = download(spec.name, address, announce, lambda: load_transformers(spec, size, download=True))
    return model, f"transformers {spec.model}, {address}"
