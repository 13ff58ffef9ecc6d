"""From the name of a vision transformer of timm to the model with its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from ..errors import WeightsUnavailableError
from .checkpoint import read_checkpoint
from .hub import cached_file, download, hub_endpoint
from .offline import offline_note, read_offline_weights
from .spec import OFFLINE_NETWORK, Announce, NetworkSpec
from .vit_timm import create_model, has_weights, load_state, looks_like_timm, randomise, timm_spec

__all__ = ["find_spec", "load_with_weights", "weights_source"]

_RANDOM_SEED = 0


def find_spec(name: str) -> NetworkSpec | None:
    """The spec of a name of timm, with or without ``timm:`` or ``random:`` before it; None for any other name."""
    kind, _, rest = name.rpartition(":")
    if kind not in ("", "timm", "random") or not looks_like_timm(rest):
        return None
    if kind != "random":
        return timm_spec(rest)
    spec = timm_spec(rest, name=name, source="random")
    return replace(spec, title=f"{rest} with random weights", note="Random weights: for tests only.")


def load_with_weights(
    spec: NetworkSpec, size: tuple[int, int], file: Path | None, announce: Announce
) -> tuple[nn.Module, str]:
    """See :class:`~.families.NetworkFamily`."""
    if file is not None:
        return _from_file(spec, size, file), f"checkpoint {file}"
    if spec.source == "random":
        announce(f"{spec.name}: random weights (seed {_RANDOM_SEED}), for tests only.")
        return randomise(spec, size, _RANDOM_SEED), f"random weights, seed {_RANDOM_SEED}"
    return (_from_package if spec.name == OFFLINE_NETWORK else _from_timm)(spec, size, announce)


def _from_file(spec: NetworkSpec, size: tuple[int, int], path: Path) -> nn.Module:
    state = read_checkpoint(path)
    model = create_model(spec, size)
    load_state(spec, model, state, f"The checkpoint {path}")
    return model


def _from_package(spec: NetworkSpec, size: tuple[int, int], announce: Announce) -> tuple[nn.Module, str]:
    state = read_offline_weights()
    model = create_model(spec, size)
    load_state(spec, model, state, offline_note())
    announce(f"{spec.name}: {offline_note()}.")
    return model, offline_note()


def weights_source(spec: NetworkSpec) -> tuple[str | None, Path | None]:
    """Where the published weights of a model of timm are: their address, and their file where it is in the cache.

    Parameters
    ----------
    spec
        Of a model of timm; the address is None where no weights are published.
    """
    import timm

    if not has_weights(spec.model):
        return None, None
    configuration = timm.models.get_pretrained_cfg(spec.model)
    if configuration.hf_hub_id:
        own = configuration.hf_hub_filename
        names = [own] if own else ["model.safetensors", "pytorch_model.bin"]
        return f"{hub_endpoint()}/{configuration.hf_hub_id}", cached_file(configuration.hf_hub_id, *names)
    address = str(configuration.url)
    kept = Path(torch.hub.get_dir()) / "checkpoints" / address.rpartition("/")[2]
    return address, kept if kept.is_file() else None


def _from_timm(spec: NetworkSpec, size: tuple[int, int], announce: Announce) -> tuple[nn.Module, str]:
    address, cached = weights_source(spec)
    if address is None:
        raise WeightsUnavailableError(f"timm publishes no weights for {spec.model}")
    if cached is not None:
        announce(f"{spec.name}: weights of {spec.model} from the local cache of the hub.")
        return create_model(spec, size, file=cached), f"timm {spec.model}, from the local cache of the hub"
    model = download(spec.name, address, announce, lambda: create_model(spec, size, pretrained=True))
    return model, f"timm {spec.model}, {address}"
