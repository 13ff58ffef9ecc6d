"""The very same network in another process: what it takes to load it there, and a check that it is the same."""

from __future__ import annotations

import platform
import threading
from dataclasses import dataclass

from ..errors import CheckpointError, InputError
from .backbone import Backbone, LoadedWith
from .loading import load_backbone
from .spec import NetworkSpec

__all__ = ["NetworkRequest", "load_requested", "request_for"]


@dataclass(frozen=True)
class NetworkRequest:
    """A network as another process is to load it.

    Attributes
    ----------
    spec, input_size, window, precision
        As of the network that it must be the same as.
    loaded_with
        Device and checkpoint.
    digest, source_note
        Of the weights, which must be the very same.
    """

    spec: NetworkSpec
    loaded_with: LoadedWith
    input_size: tuple[int, int]
    window: tuple[int, int] | None
    precision: str
    digest: str
    source_note: str


def request_for(backbone: Backbone) -> NetworkRequest:
    """What another process needs to load the very same network.

    Raises
    ------
    InputError
        If it was not loaded by :func:`~alignedcut_viewer.backbones.load_backbone`.
    """
    if backbone.loaded_with is None:
        raise InputError(
            f"Only a network that load_backbone loaded can go to other processes; {backbone.name} was not."
        )
    return NetworkRequest(
        backbone.spec,
        backbone.loaded_with,
        backbone.input_size,
        backbone.window,
        str(backbone.dtype).removeprefix("torch."),
        backbone.digest,
        backbone.source_note,
    )


_mutex = threading.Lock()
_kept: dict[NetworkRequest, Backbone] = {}


def load_requested(request: NetworkRequest) -> Backbone:
    """The network that is asked for; the last one is kept by the process, so that it is loaded once.

    Raises
    ------
    CheckpointError
        If the weights that are found here are others.
    WeightsUnavailableError
        If there are none.
    """
    with _mutex:
        if request not in _kept:
            _kept.clear()  # before the next takes its memory
            _kept[request] = _load(request)
        return _kept[request]


def _load(request: NetworkRequest) -> Backbone:
    loaded = load_backbone(
        request.spec,
        weights=request.loaded_with.weights,
        input_size=request.input_size,
        window=request.window,
        device=request.loaded_with.device,
        precision=request.precision,
        announce=lambda _line: None,  # whoever asks has said it already
        fallback=False,
    )
    if loaded.digest != request.digest:
        raise CheckpointError(
            f"The worker on {platform.node() or 'another machine'} has other weights of {request.spec.name} "
            f"({loaded.source_note}) than this process ({request.source_note}); name a checkpoint that every worker "
            f"can read: --weights {request.spec.name}=FILE."
        )
    return loaded
