"""Features in pieces, whatever holds them: an array, a memory map, or a stream of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..cluster.row_blocks import row_blocks_in_order
from ..errors import FeatureError

__all__ = ["CHUNK", "chunks_in_order", "chunks_of", "rows_of", "shape_of"]

Shared = TypeVar("Shared")
Result = TypeVar("Result")

CHUNK = 16_384
"""Nodes that are read at a time; 50 MB at 768 channels in single precision."""


def shape_of(features: Any) -> tuple[int, int]:
    """Number of nodes and of channels.

    Raises
    ------
    FeatureError
        If features are not a matrix.
    """
    shape = tuple(int(n) for n in features.shape)
    if len(shape) != 2:
        raise FeatureError(f"Features must be nodes × channels; got an array of shape {shape}.")
    return shape[0], shape[1]


def chunks_of(features: Any, size: int = CHUNK) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """All rows in order as (number of the first row, float32 rows), at most `size` at a time."""
    if hasattr(features, "chunks") and callable(features.chunks):
        for start, rows in features.chunks(size):
            yield start, np.asarray(rows, dtype=np.float32)
        return
    for start in range(0, len(features), size):
        yield start, np.asarray(features[start : start + size], dtype=np.float32)


def chunks_in_order(
    task: Callable[[Shared, tuple[int, NDArray[np.float32]]], Result], shared: Shared, features: Any, size: int = CHUNK
) -> Iterator[Result]:
    """Results of ``task(shared, (start, rows))`` for all chunks in order, wherever they are computed.

    Parameters
    ----------
    task
        A function of a module, without side effects.
    shared
        What it needs beside the rows.
    features, size
        As for :func:`chunks_of`.
    """
    import torch

    return row_blocks_in_order(
        task,
        shared,
        features,
        chunks_of(features, size),
        block=size,
        read=size,
        convert=_single,
        device=torch.device("cpu"),
    )


def _single(rows: Any) -> NDArray[np.float32]:
    return np.asarray(rows, dtype=np.float32)


def rows_of(features: Any, nodes: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Rows of some nodes, float32 (n, D); `nodes` should ascend."""
    if hasattr(features, "rows") and callable(features.rows):
        return np.asarray(features.rows(np.asarray(nodes, dtype=np.int64)), dtype=np.float32)
    return np.asarray(features[nodes], dtype=np.float32)
