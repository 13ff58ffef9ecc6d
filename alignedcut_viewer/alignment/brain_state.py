"""State of a training, and its checkpoint file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import AlignmentError, StorageError
from .brain_samples import BrainSamples

__all__ = ["TrainingState", "read_checkpoint", "settings_digest", "write_checkpoint"]

_FORMAT = 1


@dataclass
class TrainingState:
    """All that a training needs to go on.

    Attributes
    ----------
    maps
        All ``W_i`` on top of one another (sum D_i, D'), for features that were multiplied by `scales`.
    beta, intercept
        The readout in standardised units, (D', n_voxels) and (n_voxels,).
    scales
        (sum D_i,).
    response_mean, response_scale
        (n_voxels,) of the training pictures.
    best_maps, best_beta, best_intercept
        Those of the epoch with the best held-out score.
    epoch, best_epoch, best_score, history
        How far the training is.
    optimiser
        State of the optimiser; None at the start.
    """

    maps: torch.Tensor
    beta: torch.Tensor
    intercept: torch.Tensor
    scales: torch.Tensor
    response_mean: torch.Tensor
    response_scale: torch.Tensor
    best_maps: torch.Tensor
    best_beta: torch.Tensor
    best_intercept: torch.Tensor
    epoch: int = 0
    best_epoch: int = 0
    best_score: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    optimiser: dict[str, Any] | None = None


def settings_digest(settings: Mapping[str, Any], samples: BrainSamples) -> str:
    """Name of a training: its settings, its slots, and a sample of its data."""
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True, default=str).encode())
    n_pictures = samples.n_pictures
    rows = np.unique(np.linspace(0, n_pictures - 1, min(n_pictures, 16)).astype(np.int64))
    digest.update(repr((samples.slots, samples.widths, n_pictures, samples.n_voxels)).encode())
    digest.update(samples.stacked(rows).tobytes())
    digest.update(samples.measured(rows).tobytes())
    for nodes in samples.nodes.values():
        digest.update(repr(tuple(nodes.shape)).encode() + np.ascontiguousarray(nodes[:8]).tobytes())
    return digest.hexdigest()


def write_checkpoint(path: str | Path, digest: str, state: TrainingState) -> None:
    """Write the state beside the file and put it in its place in one step.

    Raises
    ------
    StorageError
        If it cannot be written; an older checkpoint stays.
    """
    path = Path(path)
    content = {
        f.name: value.detach() if isinstance(value := getattr(state, f.name), torch.Tensor) else value
        for f in fields(state)
    }
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            torch.save({"format": _FORMAT, "digest": digest, "state": content}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise StorageError(f"Cannot write the training's checkpoint {path}: {error}.") from None


def read_checkpoint(path: str | Path, digest: str, device: torch.device) -> TrainingState | None:
    """The state in a checkpoint, or None where there is no file.

    Raises
    ------
    AlignmentError
        If the file is damaged, or belongs to other settings or data.
    """
    path = Path(path)
    if not path.is_file():
        return None
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise AlignmentError(f"{path} is not a readable checkpoint ({error}); delete it to start afresh.") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise AlignmentError(f"{path} is not a checkpoint of brain-guided alignment.")
    if content["digest"] != digest:
        raise AlignmentError(
            f"{path} belongs to a training with other settings or data; delete it, or name another file."
        )
    return TrainingState(**content["state"])
