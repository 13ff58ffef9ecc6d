"""What a batch of pictures becomes: decoded, run through a network, ready to be written. The same in every process."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FeatureError, PictureError, UnreachablePictureError
from .feature_writer import Features
from .pooling import HeldPlaces, pooled_rows

if TYPE_CHECKING:
    import torch

    from ..backbones import Backbone, Tap
    from ..backbones.elsewhere import NetworkRequest

__all__ = ["Batch", "BatchFeatures", "BatchTask", "Decoded", "batch_features", "decode", "features_of", "n_cpus"]


@dataclass(frozen=True)
class Batch:
    """Pictures that go through the network together.

    Attributes
    ----------
    images
        Image numbers, ascending.
    places
        Layers and taps that all of them lack.
    files, names
        Of the pictures.
    """

    images: tuple[int, ...]
    places: tuple[tuple[int, Tap], ...]
    files: tuple[Path, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class BatchTask:
    """What is the same for all batches of a run. Sent to another process, it loads the same network there.

    Attributes
    ----------
    backbone
        The network.
    storage
        Type on disk.
    held
        Of each tap the places of a picture that are kept; of a tap that is missing all tokens are.
    """

    backbone: Backbone
    storage: str
    held: Mapping[str, HeldPlaces]

    def __reduce__(self) -> tuple[Any, ...]:
        from ..backbones.elsewhere import request_for

        return _elsewhere, (request_for(self.backbone), self.storage, dict(self.held))


def _elsewhere(request: NetworkRequest, storage: str, held: Mapping[str, HeldPlaces]) -> BatchTask:
    from ..backbones.elsewhere import load_requested

    return BatchTask(load_requested(request), storage, held)


@dataclass(frozen=True)
class Decoded:
    """One picture, ready for the network; or the reason why there is none."""

    prepared: torch.Tensor | None
    record: dict[str, Any]
    unreachable: str | None = None


@dataclass(frozen=True)
class BatchFeatures:
    """What became of a batch.

    Attributes
    ----------
    images
        Image numbers of those that have features, ascending.
    values
        Their features.
    records
        What was learnt of every picture.
    unreachable
        Pictures that were out of reach, which says nothing about them, and why.
    """

    images: tuple[int, ...]
    values: Features
    records: dict[int, dict[str, Any]]
    unreachable: dict[int, str]


def batch_features(task: BatchTask, batch: Batch) -> BatchFeatures:
    """Decode a batch and run it through the network: the whole of it, as another process does it."""
    with ThreadPoolExecutor(min(n_cpus(), len(batch.images)), thread_name_prefix="decode") as decoders:
        return features_of(task, batch, list(decoders.map(partial(decode, task.backbone), batch.files)))


def decode(backbone: Backbone, file: Path) -> Decoded:
    """Read one picture for a network."""
    from ..images import PictureSet

    height, width = backbone.input_size
    picture = PictureSet([file])
    try:
        # A JPEG of many times the network's input is decoded at reduced scale: still twice as fine as needed.
        pixels, digest = picture.load_with_digest(0, at_least=(2 * height, 2 * width))
        size = picture.size(0)
        prepared = backbone.prepare(pixels)
    except UnreachablePictureError as error:
        return Decoded(None, {"reason": None}, unreachable=str(error))
    except MemoryError:
        text = f"{file} does not fit into the memory that is free now; free some."
        return Decoded(None, {"reason": None}, unreachable=text)
    except PictureError as error:
        return Decoded(None, {"reason": str(error)})
    return Decoded(prepared, {"digest": digest, "height": size[0], "width": size[1], "reason": None})


def features_of(task: BatchTask, batch: Batch, decoded: Sequence[Decoded]) -> BatchFeatures:
    """Run the pictures of a batch that could be read through the network.

    Raises
    ------
    FeatureError
        If features are NaN or infinite.
    """
    import torch

    values: Features = {}
    good = [at for at, picture in enumerate(decoded) if picture.prepared is not None]
    images = tuple(batch.images[at] for at in good)
    if good:
        stacked = torch.stack([picture.prepared for picture in decoded if picture.prepared is not None])
        tensors = task.backbone.features_at(stacked, batch.places)
        storage = getattr(torch, task.storage)
        for (layer, tap), tensor in zip(batch.places, tensors, strict=True):
            held = task.held.get(tap)
            kept = tensor.to(storage) if held is None else pooled_rows(tensor, held, layer, images, storage)
            values.setdefault(tap, {})[layer] = kept.cpu().numpy()
        for (layer, _), tensor in zip(batch.places, tensors, strict=True):
            if not bool(torch.isfinite(tensor.sum(dtype=torch.float32))):
                raise FeatureError(
                    f"{task.backbone.name} gives NaN or infinite values at layer {layer} for one of the pictures "
                    f"{', '.join(batch.names[at] for at in good)}; run it in single precision "
                    "(precision='float32')."
                )
    records = {image: picture.record for image, picture in zip(batch.images, decoded, strict=True)}
    unreachable = {
        image: picture.unreachable
        for image, picture in zip(batch.images, decoded, strict=True)
        if picture.unreachable is not None
    }
    return BatchFeatures(images, values, records, unreachable)


def n_cpus() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)), 1)
    return os.cpu_count() or 1
