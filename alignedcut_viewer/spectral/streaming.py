"""Features block by block on the device that computes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ..cluster.row_blocks import chosen_rows_in_order
from ..errors import FeatureError
from .affinity import Kernel
from .features import FeatureChunks, as_tensor, raise_not_finite

__all__ = ["blocks", "gather", "sampled_points"]

_GATHER_ROWS = 512
_GATHER_ROWS_ON_DEVICE = 4096


def blocks(
    features: FeatureChunks, size: int, device: torch.device, *, read: int
) -> Iterator[tuple[int, torch.Tensor]]:
    """Rows in order, in blocks of at most `size`, in the type they are stored in.

    Parameters
    ----------
    features
        Features (N, D).
    size
        Rows of a block.
    device
        Where the blocks are wanted. On their way to CUDA the next block is copied while the last one is worked on,
        through two pinned buffers.
    read
        Rows that are read at once, from which blocks are cut.

    Yields
    ------
    start : int
        Number of the first row.
    rows : torch.Tensor
        The rows, not to be written to.
    """
    source = _cut(features, size, read)
    if device.type == "cuda":
        yield from _to_cuda(source, device)
    else:
        for start, rows in source:
            yield start, rows.to(device)


def _cut(features: FeatureChunks, size: int, read: int) -> Iterator[tuple[int, torch.Tensor]]:
    for start, chunk in features.chunks(max(size, read)):
        tensor = as_tensor(chunk)
        for offset in range(0, len(tensor), size):
            yield start + offset, tensor[offset : offset + size]


def _to_cuda(source: Iterator[tuple[int, torch.Tensor]], device: torch.device) -> Iterator[tuple[int, torch.Tensor]]:
    copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    buffers: list[torch.Tensor | None] = [None, None]
    copied = [torch.cuda.Event(), torch.cuda.Event()]  # type: ignore[no-untyped-call]
    pending: tuple[int, torch.Tensor, torch.cuda.Event] | None = None
    for number, (start, rows) in enumerate(source):
        if rows.device.type == "cuda":
            yield start, rows.to(device)
            continue
        turn = number % 2
        copied[turn].synchronize()  # the buffer is free once its last copy has left it
        buffer = buffers[turn]
        if buffer is None or buffer.dtype != rows.dtype or buffer.shape[0] < len(rows):
            buffer = torch.empty(rows.shape, dtype=rows.dtype, pin_memory=True)
            buffers[turn] = buffer
        buffer[: len(rows)].copy_(rows)
        with torch.cuda.stream(copying):
            on_device = buffer[: len(rows)].to(device, non_blocking=True)
            copied[turn].record(copying)
        if pending is not None:
            yield _arrived(pending, device)
        pending = (start, on_device, copied[turn])
    if pending is not None:
        yield _arrived(pending, device)


def _arrived(pending: tuple[int, torch.Tensor, torch.cuda.Event], device: torch.device) -> tuple[int, torch.Tensor]:
    start, rows, copied = pending
    computing = torch.cuda.current_stream(device)
    computing.wait_event(copied)
    rows.record_stream(computing)  # the memory is not reused before the work on it is done
    return start, rows


def gather(features: FeatureChunks, index: NDArray[np.int64]) -> torch.Tensor:
    """Rows of the given numbers (ascending), in the type they are stored in.

    Raises
    ------
    FeatureError
        If the stream gives another number of rows.
    """
    rows = as_tensor(features.rows(index))
    if rows.shape != (len(index), features.shape[1]):
        raise FeatureError(
            f"The features gave an array of shape {tuple(rows.shape)} for {len(index)} rows "
            f"of {features.shape[1]} channels."
        )
    return rows


def sampled_points(
    features: FeatureChunks,
    kernel: Kernel,
    index: NDArray[np.int64],
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """What the kernel compares (n, D) of the nodes of the given numbers (ascending).

    Raises
    ------
    FeatureError
        If one of them is not finite; all that are not are named.
    """
    points = torch.empty((len(index), features.shape[1]), dtype=dtype, device=device)

    size = _GATHER_ROWS if device.type == "cpu" else _GATHER_ROWS_ON_DEVICE
    parts = [index[start : start + size] for start in range(0, len(index), size)]
    start = 0
    found = chosen_rows_in_order(_points, (kernel, dtype), features, parts, gather=gather, device=device)
    for part, finite in found:
        if not finite:
            raise_not_finite(features)
        points[start : start + len(part)] = part
        start += len(part)
    return points


def _points(shared: tuple[Kernel, torch.dtype], rows: torch.Tensor) -> tuple[torch.Tensor, bool]:
    """What the kernel compares of some rows, and whether all of it is finite."""
    kernel, dtype = shared
    part = kernel.points(rows, dtype)
    return part, bool(torch.isfinite(part).all())
