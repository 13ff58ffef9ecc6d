"""Diffusion models by name, and where their weights come from. Imports diffusers only when one is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CheckpointError
from .diffusion_choice import DIFFUSION_MODELS, DiffusionChoice
from .hub import cached_file, download, hub_endpoint
from .spec import Announce, NetworkSpec

if TYPE_CHECKING:
    from torch import nn

__all__ = ["find_spec", "load_with_weights"]


def find_spec(name: str) -> NetworkSpec | None:
    """The spec of a diffusion model's short name, or of ``diffusers:`` and a hub id or folder, options behind it."""
    from .unet_diffusers import diffusers_spec

    known, question, options = name.partition("?")
    if known in DIFFUSION_MODELS:
        return diffusers_spec(DIFFUSION_MODELS[known] + question + options, name)
    kind, _, rest = name.partition(":")
    return diffusers_spec(rest) if kind == "diffusers" and rest else None


def load_with_weights(
    spec: NetworkSpec, size: tuple[int, int], file: Path | None, announce: Announce
) -> tuple[nn.Module, str]:
    """See :class:`~.families.NetworkFamily`."""
    from .unet_diffusers import load_diffusers

    if file is not None:
        raise CheckpointError(
            f"{spec.name} is made of several networks, which no single file holds; name its folder, as "
            "diffusers:FOLDER."
        )
    model = DiffusionChoice.parse(spec.model).model
    if Path(model).is_dir():
        announce(f"{spec.name}: weights from the folder {model}.")
        try:
            return load_diffusers(spec, size), f"diffusers folder {model}"
        except OSError as error:
            raise CheckpointError(f"The folder {model} lacks weights of {spec.name}: {error}") from error
    weights = [f"unet/diffusion_pytorch_model.{ending}" for ending in ("safetensors", "bin")]
    if cached_file(model, *weights) is not None:
        announce(f"{spec.name}: weights from the local cache of the hub.")
        return load_diffusers(spec, size), f"diffusers {model}, from the local cache of the hub"
    address = f"{hub_endpoint()}/{model}"
    loaded = download(spec.name, address, announce, lambda: load_diffusers(spec, size, download=True))
    return loaded, f"diffusers {model}, {address}"
