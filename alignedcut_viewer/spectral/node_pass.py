"""A pass over all nodes: from features to the columns of an extension, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch

from ..cluster.row_blocks import row_blocks_in_order
from ..progress import ProgressCallback, report
from .extension import Extension
from .features import FeatureChunks, as_tensor, raise_not_finite
from .streaming import blocks

__all__ = ["columns_of"]

Shared = TypeVar("Shared")
Result = TypeVar("Result")

_BLOCK_ROWS = 1024
"""Rows of a block on the CPU: small enough for a core's own cache."""
_BLOCK_ROWS_ON_DEVICE = 32_768
_READ_ROWS = 8192


@dataclass(frozen=True)
class _Plan:
    """Rows that are worked on at once, and rows that are read at once."""

    block: int
    read: int

    @classmethod
    def within(cls, memory: int, features: FeatureChunks, extension: Extension, device: torch.device) -> _Plan:
        """The plan for a device; half of the memory is left to what outlives a block."""
        n_channels = features.shape[1]
        row_bytes = extension.row_bytes(n_channels)
        workers = torch.get_num_threads() if device.type == "cpu" else 1
        most = _BLOCK_ROWS if device.type == "cpu" else _BLOCK_ROWS_ON_DEVICE
        block = max(1, min(most, memory // (4 * workers * row_bytes)))
        # Up to four stretches that were read are alive at a time: one being read and those that blocks still look at.
        read = memory // (16 * n_channels * int(features.dtype.itemsize))
        return cls(block, max(block, min(_READ_ROWS if device.type == "cpu" else most, read)))


def columns_of(
    features: FeatureChunks,
    extension: Extension,
    finish: Callable[[Shared, torch.Tensor], Result],
    shared: Shared,
    *,
    memory: int,
    device: torch.device,
    progress: ProgressCallback | None,
) -> Iterator[tuple[int, int, Result]]:
    """Run an extension over all nodes.

    Parameters
    ----------
    features, extension
        What to run over what.
    finish, shared
        ``finish(shared, columns)`` is called, in a thread or in a worker of a cluster, with every block of columns (n,
        C) float32; a function of a module, without side effects.
    memory, device, progress
        Bytes to stay within, where to compute, and whom to report to.

    Yields
    ------
    start, stop : int
        Rows of a block, in order. The same features are cut into the same blocks every time.
    result
        What `finish` returned for it.

    Raises
    ------
    FeatureError
        If a node is not finite.
    """
    n_nodes = features.shape[0]
    plan = _Plan.within(memory, features, extension, device)

    report(progress, 0, n_nodes, "computing eigenvectors")
    fine = torch.ones((), dtype=torch.bool, device=device)
    found = row_blocks_in_order(
        _columns,
        (extension, finish, shared),
        features,
        blocks(features, plan.block, device, read=plan.read),
        block=plan.block,
        read=plan.read,
        convert=as_tensor,
        device=device,
    )
    for start, stop, finite, result in found:
        if device.type != "cpu":
            fine &= finite  # asked for once, after the pass: every question waits for the device
        elif not bool(finite):
            raise_not_finite(features)
        yield start, stop, result
        report(progress, stop, n_nodes, "computing eigenvectors")
    if not bool(fine):
        raise_not_finite(features)


def _columns(
    shared: tuple[Extension, Callable[[Shared, torch.Tensor], Result], Shared], item: tuple[int, torch.Tensor]
) -> tuple[int, int, torch.Tensor, Result]:
    """One block: its rows, whether its columns are finite, and what becomes of them."""
    extension, finish, own = shared
    start, rows = item
    columns = extension(rows)
    return start, start + len(rows), torch.isfinite(columns.sum()), finish(own, columns)
