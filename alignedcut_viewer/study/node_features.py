"""Features of the nodes of a graph, streamed from a study and aligned on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import AlignmentError, InputError, StudyError
from ..nodes import NodeIndex, Slot

__all__ = ["LinearAlignment", "NodeFeatures", "Tokens"]


class LinearAlignment(Protocol):
    """What is asked of an alignment: one map a slot into a common channel space."""

    @property
    def n_channels(self) -> int:
        """Number of channels of the common space."""

    def transform(self, slot: tuple[str, int], X: Any) -> Any:
        """Features (n, D_i) of one slot in the common space, (n, n_channels)."""


class Tokens(Protocol):
    """What is asked of the features of one slot: an array (image, token, channel) in chunks of images.

    :class:`~alignedcut_viewer.study.token_array.TokenArray` is one.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Images, tokens, channels."""

    @property
    def dtype(self) -> Any:
        """Type on disk."""

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of what is read at once."""

    def __getitem__(self, images: slice, /) -> NDArray[Any]:
        """All tokens of some neighbouring images."""

    def gather(self, images: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[Any]:
        """Single tokens, (n, D)."""

    # One that names a place on disk, rather than holding tokens, has an attribute ``on_disk``, True.


class NodeFeatures:
    """All nodes of an index as a stream of chunks; the whole matrix is never in memory.

    Fits :class:`alignedcut_viewer.spectral.FeatureChunks`.

    Parameters
    ----------
    arrays
        For each slot its features, the class token first where the network has one.
    has_class_token
        For each network whether its arrays hold a class token.
    index
        Which nodes, in which order.
    alignment
        Maps each slot into a common space; without one, narrower slots are padded with zeros.

    Attributes
    ----------
    shape : tuple of int
        Number of nodes and of channels.
    dtype : numpy.dtype
        float32 when aligned; else the type on disk.
    """

    def __init__(
        self,
        arrays: Mapping[Slot, Tokens],
        has_class_token: Mapping[str, bool],
        index: NodeIndex,
        alignment: LinearAlignment | None = None,
    ) -> None:
        self.index = index
        self._arrays = {slot: arrays[slot] for slot in index.slots}
        self._alignment = alignment
        self._skip: dict[str, int] = {}
        for network in index.networks:
            held = has_class_token[network.name]
            if network.class_token and not held:
                raise InputError(f"{network.name} has no class token; choose nodes without class tokens.")
            self._skip[network.name] = int(held and not network.class_token)
        stored = [array.dtype for array in self._arrays.values()]
        self.dtype: np.dtype[Any]
        if alignment is not None:
            n_channels, self.dtype = alignment.n_channels, np.dtype(np.float32)
        else:
            n_channels = max((array.shape[2] for array in self._arrays.values()), default=0)
            self.dtype = np.result_type(*stored) if stored else np.dtype(np.float16)
        self.shape = (len(index), int(n_channels))

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def on_disk(self) -> bool:
        """Whether this names what is read, so that another process can read it, too."""
        return all(getattr(array, "on_disk", False) for array in self._arrays.values())

    @property
    def ndim(self) -> int:
        """Number of dimensions, 2."""
        return 2

    def chunks(self, size: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """All nodes in order.

        Parameters
        ----------
        size
            Number of nodes of each chunk; the last may be smaller.

        Yields
        ------
        start : int
            Number of the chunk's first node.
        features : array
            (n, D), a new array each time.
        """
        if size < 1:
            raise InputError(f"A chunk must hold at least one node; got {size}.")
        start, filled = 0, 0
        buffer = self._empty(min(size, len(self)))
        for slot in self.index.slots:
            for block in self._blocks(slot):
                taken = 0
                while taken < len(block):
                    n = min(len(buffer) - filled, len(block) - taken)
                    self._put(buffer, slice(filled, filled + n), slot, block[taken : taken + n])
                    taken, filled = taken + n, filled + n
                    if filled == len(buffer):
                        yield start, buffer
                        start += filled
                        filled = 0
                        buffer = self._empty(min(size, len(self) - start))

    def between(self, start: int, stop: int) -> NDArray[Any]:
        """Features of the nodes from `start` to before `stop`, to the last bit as :meth:`chunks` gives them there."""
        result = self._empty(stop - start)
        for slot, nodes in self.index.iter_slots():
            if nodes.stop <= start or nodes.start >= stop:
                continue
            n_tokens = self.index.grid(*slot).n_tokens
            first = nodes.start
            for images in _runs(self.index.images, self._arrays[slot].chunks[0]):
                last = first + len(images) * n_tokens
                a, b = max(first, start), min(last, stop)
                if a < b:
                    skipped = (a - first) // n_tokens
                    tokens = self._tokens(slot, images[skipped : -(-(b - first) // n_tokens)])
                    origin = first + skipped * n_tokens
                    self._put(result, slice(a - start, b - start), slot, tokens[a - origin : b - origin])
                first = last
        return result

    def rows(self, nodes: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Features of some nodes, in the order given.

        Parameters
        ----------
        nodes
            Flat node numbers; fastest when ascending.

        Returns
        -------
        array
            (len(nodes), D).
        """
        nodes = np.asarray(nodes, dtype=np.int64).reshape(-1)
        if nodes.size and (nodes.min() < 0 or nodes.max() >= len(self)):
            raise InputError(f"Node numbers must lie between 0 and {len(self) - 1}.")
        result = self._empty(len(nodes))
        images = np.asarray(self.index.images, dtype=np.int64)
        for slot, nodes_of_slot in self.index.iter_slots():
            wanted = np.flatnonzero((nodes >= nodes_of_slot.start) & (nodes < nodes_of_slot.stop))
            if not wanted.size:
                continue
            position, token = np.divmod(nodes[wanted] - nodes_of_slot.start, self.index.grid(*slot).n_tokens)
            token += self._skip[slot.network]
            self._put(result, wanted, slot, self._arrays[slot].gather(images[position], token))
        return result

    def __getitem__(self, nodes: Any) -> NDArray[Any]:
        """Features of nodes given by a slice or an array of node numbers."""
        if isinstance(nodes, slice):
            nodes = np.arange(len(self), dtype=np.int64)[nodes]
        return self.rows(nodes)

    def _empty(self, n: int) -> NDArray[Any]:
        return np.empty((n, self.shape[1]), dtype=self.dtype)

    def _put(self, target: NDArray[Any], where: slice | NDArray[np.intp], slot: Slot, block: NDArray[Any]) -> None:
        if self._alignment is None:
            target[where, : block.shape[1]] = block
            target[where, block.shape[1] :] = 0
            return
        aligned = np.asarray(self._alignment.transform(slot, block))
        if aligned.shape != (len(block), self.shape[1]):
            raise AlignmentError(
                f"The alignment maps {slot} to {aligned.shape[-1]} channels where {self.shape[1]} are expected."
            )
        target[where] = aligned

    def _blocks(self, slot: Slot) -> Iterator[NDArray[Any]]:
        """Tokens of one slot in node order, read chunk by chunk."""
        for images in _runs(self.index.images, self._arrays[slot].chunks[0]):
            yield self._tokens(slot, images)

    def _tokens(self, slot: Slot, images: Sequence[int]) -> NDArray[Any]:
        """Tokens of some images of one chunk on disk, (images × tokens, D)."""
        first, last = min(images), max(images)
        block = np.asarray(self._arrays[slot][first : last + 1])
        if list(images) != list(range(first, last + 1)):
            block = block[np.asarray(images) - first]
        tokens: NDArray[Any] = block[:, self._skip[slot.network] :].reshape(-1, block.shape[2])
        if block.dtype.kind == "f" and np.isnan(tokens[:, 0]).any():
            raise StudyError(f"Features of {slot} are not complete; extract them again.")
        return tokens


def _runs(images: Sequence[int], n_chunk: int) -> Iterator[Sequence[int]]:
    """Split images, in order, wherever the next lies in another chunk on disk."""
    start = 0
    for i in range(1, len(images) + 1):
        if i == len(images) or images[i] // n_chunk != images[start] // n_chunk:
            yield images[start:i]
            start = i
