"""Nearest neighbours among moderately many points of few dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..device import multiplies_bfloat16
from ..errors import InputError
from ..progress import ProgressCallback, report

if TYPE_CHECKING:
    import torch

__all__ = ["nearest", "nearest_on_device", "neighbour_graph"]

FloatArray = NDArray[np.float32]
_BLOCK = 8192
"""Queries that a thread takes at once…"""
_SCORES = 1 << 20
"""…and scores that it holds at once: what its cache has room for."""
_TILE = 1 << 24
"""Distances held at once on a device."""


def nearest(
    queries: NDArray[Any],
    references: FloatArray,
    k: int = 1,
    prepare: Callable[[NDArray[Any]], FloatArray] | None = None,
    progress: ProgressCallback | None = None,
    text: str = "Nearest landmarks",
) -> tuple[NDArray[np.int32], FloatArray]:
    """The k nearest references of every query, on the CPU.

    Exact Euclidean distances in single precision; of references at the same distance the one with the smaller number
    wins. Matrix products single out the few references that are then measured. Needs memory for the result and a few
    megabytes a thread.

    Parameters
    ----------
    queries
        (n, d) finite.
    references
        (m, d) finite.
    k
        How many, between 1 and m.
    prepare
        Applied to every block of queries, in the threads; None takes them as they are.
    progress, text
        Called after every block of queries.

    Returns
    -------
    indices
        int32 (n, k), nearest first.
    squared_distances
        float32 (n, k).

    Raises
    ------
    InputError
        If there are fewer than `k` references.
    """
    import torch

    from ..cluster.threads import in_order
    from .neighbour_kernels import nearest_rows

    if not 1 <= k <= len(references):
        raise InputError(f"Cannot find {k} neighbours among {len(references)} points.")
    references = np.ascontiguousarray(references, dtype=np.float32)
    scores = _Scores(references, multiplies_bfloat16())
    indices = np.empty((len(queries), k), dtype=np.int32)
    squared = np.empty((len(queries), k), dtype=np.float32)

    def work(bounds: tuple[int, int]) -> int:
        start, stop = bounds
        rows = queries[start:stop] if prepare is None else prepare(queries[start:stop])
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        for first, bits, slack in scores.blocks(rows):
            part = slice(first, first + len(bits))
            out = slice(start + first, start + first + len(bits))
            nearest_rows(rows[part], references, bits, scores.shift, scores.relative, slack, indices[out], squared[out])
        return stop

    pieces = [(start, min(start + _BLOCK, len(queries))) for start in range(0, len(queries), _BLOCK)]
    for stop in in_order(work, pieces, torch.device("cpu")):
        report(progress, stop, len(queries), text)
    return indices, squared


class _Scores:
    """Squared distances to some references by one matrix product, and a bound of their error.

    With coordinates around the middle of the references, where products are smallest, that is ``|x - z|^2`` by the
    product of ``[-2 x, 1, |x|^2 + slack]`` with ``[z, |z|^2, 1]``. In bfloat16 the squares are sums of three numbers.

    Parameters
    ----------
    references
        (m, d) float32.
    half
        Whether to multiply in bfloat16.
    """

    def __init__(self, references: FloatArray, half: bool) -> None:
        import torch

        from .neighbour_kernels import LANES

        m, d = references.shape
        self._middle = references.mean(axis=0)
        moved = references - self._middle
        with np.errstate(over="ignore"):
            squares = np.square(moved).sum(axis=1)
        self._largest = squares.max()
        self._dtype, self._parts = (torch.bfloat16, 3) if half else (torch.float32, 1)
        self.shift = 16 if half else 0
        self.relative = np.float32(2.0**-7 if half else 0.0)
        rounding = (d + 8) * 2.0**-20
        # Cauchy's inequality for what rounding the factors does to a product.
        self._error_of_squares, self._error_of_products = rounding, 1.05 * 2.0**-6 if half else 0.0
        width = -(-m // LANES) * LANES
        self._factors = torch.zeros((d + 2 * self._parts, width), dtype=self._dtype)
        self._factors[:d, :m] = torch.from_numpy(moved.T)
        self._factors[d : d + self._parts, :m] = _split(torch.from_numpy(squares), self._dtype, self._parts).T
        self._factors[d : d + self._parts, m:] = float("inf")
        self._factors[d + self._parts :] = 1.0

    def blocks(self, rows: FloatArray) -> Iterator[tuple[int, NDArray[Any], FloatArray]]:
        """Scores of queries (n, d), a few of them at a time.

        Yields
        ------
        start : int
            Number of the first query.
        bits
            Bits of the scores (b, M); overwritten by the next.
        slack
            Twice their absolute error (b,) float32.
        """
        import torch

        from .neighbour_kernels import centred_factors

        d = rows.shape[1]
        left = torch.empty((len(rows), len(self._factors)), dtype=self._dtype)
        integer = torch.int16 if self.shift else torch.int32
        lengths = np.empty(len(rows), dtype=np.float32)
        centred_factors(rows, self._middle, self.shift > 0, left.view(integer).numpy(), lengths)
        with np.errstate(over="ignore", invalid="ignore"):
            slack = self._error_of_squares * (lengths + self._largest)
            slack += self._error_of_products * np.sqrt(lengths * self._largest)
        left[:, d : d + self._parts] = 1.0
        left[:, d + self._parts :] = _split(torch.from_numpy(lengths + slack), self._dtype, self._parts)
        slack = slack.astype(np.float32, copy=False)
        size = max(16, min(len(rows), _SCORES // self._factors.shape[1]))
        scores = torch.empty((size, self._factors.shape[1]), dtype=self._dtype)
        bits: NDArray[Any] = scores.view(integer).numpy()
        for start in range(0, len(rows), size):
            count = min(size, len(rows) - start)
            torch.mm(left[start : start + count], self._factors, out=scores[:count])
            yield start, bits[:count], slack[start : start + count]


def _split(values: torch.Tensor, dtype: torch.dtype, parts: int) -> torch.Tensor:
    """Numbers (n, parts) of a narrow type that add up to the values (n,)."""
    import torch

    found = []
    for _ in range(parts):
        found.append(values.to(dtype))
        values = values - found[-1].to(values.dtype)
    return torch.stack(found, dim=1)


def nearest_on_device(queries: torch.Tensor, references: torch.Tensor, k: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """What :func:`nearest` gives, on any torch device; float32 tensors in, int64 and float32 tensors out."""
    import torch

    half_norms = references.square().sum(dim=1) / 2
    rows = max(1, _TILE // len(references))
    indices, squared = [], []
    for start in range(0, len(queries), rows):
        part = queries[start : start + rows]
        scores = torch.addmm(half_norms, part, references.T, alpha=-1)
        found = scores.argmin(dim=1, keepdim=True) if k == 1 else scores.topk(k, dim=1, largest=False).indices
        offsets = (part[:, None, :] - references[found]).square_().sum(dim=2)
        offsets, order = offsets.sort(dim=1)
        indices.append(found.gather(1, order))
        squared.append(offsets)
    return torch.cat(indices), torch.cat(squared)


def neighbour_graph(
    points: torch.Tensor, k: int, progress: ProgressCallback | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The k nearest other points of every point.

    Parameters
    ----------
    points
        float32 (n, d), on any device.
    k
        How many, less than n.
    progress
        Called after every block.

    Returns
    -------
    indices
        int64 (n, k), in no particular order.
    squared_distances
        float32 (n, k), from differences, so that near points keep their digits.
    """
    import torch

    n, d = points.shape
    half_norms = points.square().sum(dim=1) / 2
    rows = max(1, _TILE // max(n, k * d))
    indices = torch.empty((n, k), dtype=torch.int64, device=points.device)
    squared = torch.empty((n, k), dtype=torch.float32, device=points.device)
    for start in range(0, n, rows):
        part = points[start : start + rows]
        scores = torch.addmm(half_norms, part, points.T, alpha=-1)
        own = torch.arange(len(part), device=points.device)
        scores[own, own + start] = float("inf")
        found = scores.topk(k, dim=1, largest=False, sorted=False).indices
        indices[start : start + len(part)] = found
        squared[start : start + len(part)] = (part[:, None, :] - points[found]).square_().sum(dim=2)
        report(progress, start + len(part), n, "Neighbours of landmarks")
    return indices, squared
