"""Reading weights from a file, and refusing those of another architecture."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import CheckpointError
from .convert import from_transformers, is_transformers

__all__ = [
    "CHECKPOINT_SUFFIXES",
    "check_keys",
    "describe_difference",
    "load_strictly",
    "read_checkpoint",
    "read_raw_checkpoint",
]

State = dict[str, torch.Tensor]

CHECKPOINT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
_NESTED = ("state_dict", "model", "model_state_dict", "state_dict_ema", "teacher", "encoder")
_WRAPPERS = ("module.", "_orig_mod.", "model.", "backbone.", "encoder.")
_HEADS = ("head.", "head_dist.", "decoder_", "decoder.")
_SHOWN = 3


def read_checkpoint(path: str | Path) -> State:
    """Read the tensors of a checkpoint file; no code in the file is run.

    Parameters
    ----------
    path
        A safetensors file, or a state dict saved by torch (also one level down, as training scripts save it).

    Returns
    -------
    dict of str to torch.Tensor
        Weights by timm's names on the CPU, in the types of the file; transformers' names are translated.

    Raises
    ------
    CheckpointError
        If the file is missing, broken, or holds anything but weights.
    """
    state = read_raw_checkpoint(path)
    return from_transformers(state) if is_transformers(state) else state


def read_raw_checkpoint(path: str | Path) -> State:
    """Read the tensors of a checkpoint file by the names of the file; see :func:`read_checkpoint`."""
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"The checkpoint {path} does not exist; give a .safetensors file or a torch state dict.")
    return _unwrap(_read(path), path)


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path, device="cpu")
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"The checkpoint {path} cannot be read as safetensors: {error}") from error
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"The checkpoint {path} holds more than weights and was not opened, since it could run code; save its "
            "state dict alone, best as safetensors."
        ) from error
    except Exception as error:  # on a broken file the reader fails in whatever way it stumbles
        raise CheckpointError(f"The checkpoint {path} cannot be read as a torch state dict: {error}") from error


def _unwrap(content: Any, path: Path) -> State:
    for _ in range(3):
        nested = next((content[key] for key in _NESTED if isinstance(content, Mapping) and key in content), None)
        if not isinstance(nested, Mapping):
            break
        content = nested
    if not isinstance(content, Mapping) or not content or not all(torch.is_tensor(v) for v in content.values()):
        raise CheckpointError(f"The checkpoint {path} is no state dict: it must map names to tensors.")
    state: State = {str(key): tensor for key, tensor in content.items()}
    for prefix in _WRAPPERS:
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    return state


def check_keys(
    network: str, expected: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], what: str
) -> None:
    """Compare names and shapes of weights.

    Parameters
    ----------
    network
        Name of the network, for the message.
    expected
        The network's own state dict.
    given
        What is to be loaded.
    what
        Where that came from, for the message.

    Raises
    ------
    CheckpointError
        If they differ; names the first keys that do.
    """
    missing = [key for key in expected if key not in given]
    unexpected = [key for key in given if key not in expected]
    reshaped = [
        f"{key} {tuple(given[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in expected
        if key in given and given[key].shape != expected[key].shape
    ]
    if missing or unexpected or reshaped:
        raise CheckpointError(describe_difference(what, network, missing, unexpected, reshaped))


def describe_difference(
    what: str, network: str, missing: Sequence[str], unexpected: Sequence[str], reshaped: Sequence[str]
) -> str:
    """One sentence that names the first weights in which a checkpoint and a network differ."""
    parts = []
    if missing:
        parts.append(f"it lacks {_first(missing)}")
    if unexpected:
        parts.append(f"it has the unknown {_first(unexpected)}")
    if reshaped:
        parts.append(f"it has other shapes: {_first(reshaped)}")
    return f"{what} does not fit the network {network}: {'; '.join(parts)}. Choose the network they belong to."


def _first(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more


def load_strictly(network: str, model: nn.Module, state: State, what: str) -> None:
    """Load weights into a model if, and only if, every name and shape fits.

    Classification heads and decoders that the model does not have are left out.

    Parameters
    ----------
    network
        Name of the network, for the message.
    model
        The model, in single precision.
    state
        Weights by the model's names.
    what
        Where they came from, for the message.

    Raises
    ------
    CheckpointError
        If they do not fit; the model is then unchanged.
    """
    expected = model.state_dict()
    kept = {key: tensor for key, tensor in state.items() if key in expected or not key.startswith(_HEADS)}
    check_keys(network, expected, kept, what)
    model.load_state_dict(kept, strict=True)
